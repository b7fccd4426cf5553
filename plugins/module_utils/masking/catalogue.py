# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database holds that a masked copy needs a rule for: tables, columns, keys between them, large objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..postgres.connection import query

# Tables of an extension count where a dump carries their rows. Partitions belong to their parent.
TABLES = """
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind = 'p'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%' AND NOT EXISTS (
  SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass
  AND d.deptype = 'e' AND c.oid <> ALL (coalesce(e.extconfig, '{}'))
)
ORDER BY 2, 3
"""
COLUMNS = """
SELECT a.attrelid::bigint, a.attname::text, format_type(a.atttypid, a.atttypmod),
  coalesce(b.typname, t.typname)::text, CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE t.typtypmod END,
  a.attnotnull OR t.typnotnull, a.attgenerated <> '', a.attidentity = 'a',
  EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND (i.indisunique OR i.indisexclusion) AND (
      a.attnum = ANY (i.indkey) OR EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
      )
    )
  )
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
WHERE a.attrelid::bigint = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum
"""
FOREIGN_KEYS = """
SELECT conname::text, conrelid::regclass::text, pg_get_constraintdef(oid),
  coalesce(pg_partition_root(conrelid), conrelid)::bigint, coalesce(pg_partition_root(confrelid), confrelid)::bigint,
  ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY u(n, o) JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY o),
  ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY u(n, o) JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY o)
FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 ORDER BY oid
"""  # noqa: E501
LARGE_OBJECTS = "SELECT count(*) FROM pg_largeobject_metadata"
TEXTS = ("text", "varchar", "bpchar", "citext")
HASHED = (*TEXTS, "uuid", "int8", "bytea")
LIMITED = ("varchar", "bpchar")


@dataclass(frozen=True)
class Column:
    """``shown`` is its type as SQL writes it, ``base`` that type's name in the catalogue (of a domain, what it is based
    on), ``limit`` the most characters that it takes.
    """

    name: str
    shown: str
    base: str
    limit: int | None
    required: bool = False
    generated: bool = False
    identity_always: bool = False
    unique: bool = False

    @property
    def is_text(self) -> bool:
        return self.base in TEXTS


@dataclass(frozen=True)
class Table:
    oid: int
    schema: str
    name: str
    partitioned: bool
    columns: Mapping[str, Column]

    def describe(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class ForeignKey:
    """``on`` is the table as SQL writes it; ``table`` and ``referred`` are oids."""

    name: str
    on: str
    definition: str
    table: int
    referred: int
    columns: tuple[str, ...]
    referred_columns: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    tables: list[Table]
    foreign_keys: list[ForeignKey]
    large_objects: int


def read(connection: Any) -> Catalogue:
    """Ask a database. Raises RunbookError."""
    tables = query(connection, TABLES)
    columns: dict[int, dict[str, Column]] = {oid: {} for oid, *_rest in tables}
    for oid, name, shown, base, modifier, *flags in query(connection, COLUMNS, [list(columns)]):
        limit = modifier - 4 if base in LIMITED and modifier > 4 else None
        columns[oid][name] = Column(name, shown, base, limit, *flags)
    keys = [
        ForeignKey(name, on, definition, table, referred, tuple(mine), tuple(others))
        for name, on, definition, table, referred, mine, others in query(connection, FOREIGN_KEYS)
    ]
    ((large_objects,),) = query(connection, LARGE_OBJECTS)
    return Catalogue(
        [Table(oid, schema, name, split, columns[oid]) for oid, schema, name, split in tables], keys, large_objects
    )
