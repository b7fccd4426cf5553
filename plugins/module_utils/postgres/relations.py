# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The relations of a database that a swap replaces: all but those which every database has. Their names are
those of the catalogue, without quotes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

with suppress(ImportError):  # postgres.py reports it
    from psycopg2 import extensions, sql

from .connection import query

Name = tuple[str, str]  # schema and relation

# What initdb makes has a number below 16384. An extension may have tables in pg_catalog too, and another user's may be
# closed to this one.
TABLES = """
SELECT nspname::text, relname::text, format('%I.%I', nspname, relname),
  array(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY 1),
  array(SELECT attname::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
        WHERE indrelid = c.oid AND indisprimary ORDER BY 1),
  EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'e'),
  has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
  has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND c.oid >= 16384
"""

# Each column's value as bytes: as they are sent, which takes half the time of a text; those of its text, where they
# could hold the number of an object, which is another one in another database, and where its type is sent by the
# function of another type, which does not take it. Equal bytes are equal text.
SENT = r"""
SELECT n.nspname::text, relname::text, attname::text,
  CASE WHEN t.typtype = 'e' OR (t.typnamespace = 'pg_catalog'::regnamespace AND t.typname !~ '^_?reg' AND (proargtypes[0] = t.oid OR a.typtype = 'p'))
  THEN format('pg_catalog.%I(%I)', proname, attname) ELSE format('pg_catalog.textsend(ROW(%I)::text)', attname) END
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
JOIN pg_type t ON t.oid = atttypid LEFT JOIN pg_proc p ON p.oid = t.typsend LEFT JOIN pg_type a ON a.oid = proargtypes[0]
WHERE relkind = 'r' AND relpersistence <> 't' AND c.oid >= 16384
"""  # noqa: E501
SEQUENCES = """
SELECT nspname::text, relname::text, format('%I.%I', nspname, relname), seqincrement > 0,
  has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT')
FROM pg_sequence JOIN pg_class c ON c.oid = seqrelid JOIN pg_namespace n ON n.oid = relnamespace WHERE relpersistence <> 't'
"""  # noqa: E501
NOT_TABLES = """
SELECT CASE relkind WHEN 'm' THEN 'materialized_views' ELSE 'foreign_tables' END, format('%I.%I', nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('m', 'f') AND c.oid >= 16384 ORDER BY 1, 2
"""
AT_ONCE = 200  # sequences that one statement reads


@dataclass(frozen=True)
class Table:
    """``shown`` is its name as SQL has it. ``holdable`` is whether this user may keep others from writing to it."""

    shown: str
    columns: list[str]
    key: list[str]
    of_extension: bool
    readable: bool
    holdable: bool


def tables(connection: Any) -> dict[Name, Table]:
    return {(schema, name): Table(*rest) for schema, name, *rest in query(connection, TABLES)}


def sent(connection: Any) -> dict[tuple[str, str, str], str]:
    """Return by (schema, table, column) what gives its bytes."""
    return {(schema, table, column): expression for schema, table, column, expression in query(connection, SENT)}


def positions(connection: Any) -> dict[Name, tuple[str, bool, int | None]]:
    """Return for each sequence that this user may read (its name as SQL has it, whether it counts upwards,
    the last number given out, None for none).
    """
    known = [row for row in query(connection, SEQUENCES) if row[4]]
    found: dict[Name, tuple[str, bool, int | None]] = {}
    for start in range(0, len(known), AT_ONCE):
        end = start + AT_ONCE
        batch = known[start:end]
        each = [
            sql.SQL("SELECT {}, last_value, is_called FROM {}").format(sql.Literal(at), quoted(row[:2]))
            for at, row in enumerate(batch)
        ]
        with released(connection):
            answers = query(connection, sql.SQL(" UNION ALL ").join(each))
        for at, last, called in answers:
            schema, name, shown, upwards, _readable = batch[at]
            found[schema, name] = (shown, upwards, last if called else None)
    return found


def not_tables(connection: Any) -> dict[str, list[str]]:
    """Return the relations of other kinds, by kind: those that are filled from tables, and those whose rows
    are elsewhere.
    """
    found: dict[str, list[str]] = {}
    for kind, name in query(connection, NOT_TABLES):
        found.setdefault(kind, []).append(name)
    return found


def quoted(name: Name) -> Any:
    """Return a name with quotes whatever it is: which words need them depends on the version of the server."""
    return sql.Identifier(*name)


@contextmanager
def released(connection: Any) -> Iterator[None]:
    """Let go of the locks that the block takes within a transaction: a server's table of locks holds some
    thousands, and each index is one.
    """
    within = connection.info.transaction_status == extensions.TRANSACTION_STATUS_INTRANS
    if within:
        query(connection, "SAVEPOINT reading")
    yield
    if within:
        query(connection, "ROLLBACK TO reading")
