# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements that mask a table, in one pass on the server.

The key is in no statement, so it is in no log and no list of sessions: it comes with the connection, as a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

with suppress(ImportError):  # postgres.py reports it
    from psycopg2 import sql

from .catalogue import Column, Table
from .fakes import SIZE, UNIQUE
from .judge import HASH_LENGTH, TablePlan
from .rules import Rule

INNER, OUTER = "storefront.mask_inner", "storefront.mask_outer"
PREPARE = f"""
CREATE TEMPORARY TABLE storefront_mask_key AS
  SELECT decode(current_setting('{INNER}'), 'hex') AS inner_pad, decode(current_setting('{OUTER}'), 'hex') AS outer_pad;
CREATE TEMPORARY TABLE storefront_mask_fake (pool text, n int, value text, PRIMARY KEY (pool, n));
CREATE TEMPORARY TABLE storefront_mask_sample (place text, value text)
"""
FILL = """
INSERT INTO pg_temp.storefront_mask_fake
SELECT %s, n - 1, value FROM unnest(%s::text[]) WITH ORDINALITY AS v (value, n)
"""
# A value that is invented and real at the same time gets a suffix, so that no real one is left.
DISTINGUISH = """
UPDATE pg_temp.storefront_mask_fake f SET value = value || ' ' || left(md5(n::text), 5)
WHERE pool = {pool} AND EXISTS (SELECT FROM {table} t WHERE t.{column}::text = f.value)
"""
MAC = """encode(sha256(k.outer_pad || sha256(k.inner_pad || convert_to({salt} || {value}, 'UTF8'))), 'hex')"""


def table_name(table: Table) -> Any:
    return sql.Identifier(table.schema, table.name)


def only(table: Table) -> Any:
    """Return the table without what inherits from it; of a partitioned one, all parts."""
    return sql.SQL("{}" if table.partitioned else "ONLY {}").format(table_name(table))


def pool_name(rule: Rule, column: Column) -> str:
    return rule.of if rule.of in UNIQUE else f"{rule.of} {column.limit or ''}".strip()


def update(plan: TablePlan) -> Any | None:
    """Return the statement that masks a table, None where nothing of it is masked."""
    columns = plan.table.columns
    changes = [
        sql.SQL("{} = {}").format(sql.Identifier(name), masked(columns[name], rule))
        for name, rule in plan.masked().items()
    ]
    if not changes:
        return None
    return sql.SQL("UPDATE {} AS t SET {} FROM pg_temp.storefront_mask_key AS k").format(
        only(plan.table), sql.SQL(", ").join(changes)
    )


def masked(column: Column, rule: Rule) -> Any:
    """Return the expression that replaces a column's value; NULL stays NULL, except by set."""
    if rule.kind == "null":
        return sql.SQL("NULL")
    if rule.kind == "set":
        return sql.SQL("{}::{}").format(sql.Literal(rule.of), sql.SQL(column.shown))
    if rule.kind == "hash":
        return _hash(column)
    return sql.SQL("CASE WHEN t.{} IS NOT NULL THEN {} END").format(sql.Identifier(column.name), _fake(column, rule))


def _hash(column: Column) -> Any:
    mac = _mac(column, "hash")
    form = {
        "uuid": "left({mac}, 32)::uuid",
        "int8": "('x' || left({mac}, 16))::bit(64)::bigint & 9223372036854775807",
        "bytea": "decode({mac}, 'hex')",
    }.get(column.base, "left({mac}, {length})")
    length = min(HASH_LENGTH, column.limit or HASH_LENGTH)
    return sql.SQL(form).format(mac=mac, length=sql.Literal(length))


def _fake(column: Column, rule: Rule) -> Any:
    mac = _mac(column, rule.of)
    if rule.of == "phone":  # +999 is the code of no country
        return sql.SQL("'+999' || lpad((('x' || left({}, 14))::bit(56)::bigint % 10000000000)::text, 10, '0')").format(
            mac
        )
    form = {
        "email": "{picked} || '.' || substr({mac}, 9, 16) || '@example.com'",
        "username": "{picked} || substr({mac}, 9, 16)",
    }.get(rule.of, "{picked}")
    picked = sql.SQL(
        "(SELECT f.value FROM pg_temp.storefront_mask_fake f WHERE f.pool = {pool}"
        " AND f.n = ('x' || left({mac}, 8))::bit(32)::bigint % {size})"
    ).format(pool=sql.Literal(pool_name(rule, column)), mac=mac, size=sql.Literal(SIZE))
    return sql.SQL(form).format(picked=picked, mac=mac)


def _mac(column: Column, salt: str) -> Any:
    value = {"citext": "lower(t.{}::text)", "bytea": "encode(t.{}, 'hex')"}.get(column.base, "t.{}::text")
    return sql.SQL(MAC).format(salt=sql.Literal(f"{salt}:"), value=sql.SQL(value).format(sql.Identifier(column.name)))


def delete(plan: TablePlan, condition: str) -> Any:
    where = (
        sql.SQL(" WHERE (" + condition.replace("{", "{{").replace("}", "}}") + "\n)").format()
        if condition
        else sql.SQL("")
    )
    return sql.SQL("DELETE FROM {}{}").format(only(plan.table), where)


def distinguish(table: Table, column: str, pool: str) -> Any:
    return sql.SQL(DISTINGUISH).format(pool=sql.Literal(pool), table=table_name(table), column=sql.Identifier(column))


def counted(statement: Any) -> Any:
    """Return a statement that does the same and returns how many rows it changed."""
    return sql.SQL("WITH changed AS ({} RETURNING 1) SELECT count(*) FROM changed").format(statement)


def settings(inner: bytes, outer: bytes) -> Mapping[str, str]:
    return {INNER: inner.hex(), OUTER: outer.hex()}
