# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the release that is live: it reads, inserts, updates and deletes as it did before the migration, when it
learned the columns and enums.

It names each column, casts the values of enums to the type's name, and refuses to read a value of an enum that it does
not know, as Prisma's client does. What it does is made from the catalogue: values as long and as large as a column
takes, NULL where it may be, each value of each enum, rows that are alike. What the schema refuses before the migration
is not among it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg2

TABLES = (
    "SELECT oid::int, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v',"
    " 'm') ORDER BY oid"
)
COLUMNS = """
SELECT attname, typname, atttypmod, attnotnull, atthasdef OR attidentity <> '', attgenerated <> '',
       coalesce(pg_get_expr(adbin, adrelid) LIKE 'nextval%%', false) OR attidentity <> '',
       (SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = atttypid)
FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
KEYS = """
SELECT indisprimary, (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY (indkey))
FROM pg_index WHERE indrelid = %s AND indisunique AND indpred IS NULL AND NOT 0 = ANY (indkey)
"""  # noqa: E501
FOREIGN = """
SELECT conrelid::regclass::text, a.attname, confrelid::regclass::text, b.attname FROM pg_constraint
JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1] JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = confkey[1]
WHERE contype = 'f' AND conparentid = 0
"""  # noqa: E501
EVERY_COLUMN = """
SELECT format('%s.%s', pg_class.oid::regclass, attname), pg_class.oid::regclass::text,
       CASE atttypid WHEN 'numeric'::regtype THEN format('trim_scale(%I)::text', attname)
                     WHEN 'timestamptz'::regtype THEN format('(%I AT TIME ZONE current_setting(''TimeZone''))::text', attname)
                     ELSE format('%I::text', attname) END
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace::regnamespace::text !~ '^pg_|^information' AND relkind IN ('r', 'p', 'v') AND attnum > 0 AND NOT attisdropped
"""  # noqa: E501
LONGEST = 60  # letters of a text without a limit


class Column(NamedTuple):
    name: str
    type: str
    modifier: int
    not_null: bool
    default: bool
    generated: bool
    counted: bool
    labels: list[str] | None

    @property
    def parameter(self) -> str:
        return f'%s::"{self.type}"' if self.labels else "%s"

    def value(self, number: int, *, small: bool = False) -> Any:
        """A value of which ``number`` makes another one: as long or as large as the column takes, or small."""
        if self.labels:
            return self.labels[0]
        if self.type in ("varchar", "bpchar", "text"):
            room = self.modifier - 4 if self.modifier > 0 else LONGEST
            return f"{number:03}" if small else f"{number:04}".rjust(min(room, LONGEST), "x")[-room:]
        if self.type in INTEGERS:
            return -number if small else INTEGERS[self.type] - number
        if self.type == "numeric":
            digits, scale = divmod(self.modifier - 4, 65536) if self.modifier > 0 else (12, 2)
            return Decimal(-number) if small else Decimal(10) ** (digits - scale) - (number + 1) * Decimal(10) ** -scale
        return {**OTHERS, "uuid": f"00000000-0000-0000-0000-{number:012}"}.get(self.type)


INTEGERS = {"int2": 32000, "int4": 2147480000, "int8": 9223372036854770000}
OTHERS = {
    "bool": True,
    "float8": 0.1,
    "float4": 0.5,
    "timestamp": "2026-01-01 10:00:00.123456",
    "timestamptz": "2026-01-01 10:00:00.123456+00",
    "date": "2026-01-01",
    "jsonb": '{"a": 1}',
    "json": '{"a": 1}',
    "_int4": [1],
    "_text": ["a"],
}


def kind_of(value: Any) -> str:
    """What a client takes a value for: a time with a time zone is not one without."""
    return type(value).__name__ + (" with a time zone" if getattr(value, "tzinfo", None) else "")


@contextmanager
def undone(connection: Any) -> Iterator[Any]:
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            yield cursor
        finally:
            cursor.execute("ROLLBACK")


@dataclass
class Act:
    """One thing that the client does: statements in one transaction, which is undone. ``kind``: read,
    insert, update or delete.
    """

    table: str
    kind: str
    name: str
    statements: list[tuple[str, list[Any]]]
    checks: list[tuple[str, list[Any]]]  # queries whose only number stays what it was
    reads_back: bool = False  # the last statement reads what is there then


class OldClient:
    """Learns the schema that ``connection`` leads to, which it keeps."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.tables = {name: [Column(*row) for row in self.query(COLUMNS, [oid])] for oid, name in self.query(TABLES)}
        self.keys = {name: self.query(KEYS, [oid]) for oid, name in self.query(TABLES)}
        self.foreign = self.query(FOREIGN)
        self.classes = {table: self._classes(table) for table in self.tables}
        acts = [act for table in self.tables for act in self._acts(table)]
        outcomes = [(act, self.outcome(act)) for act in acts]
        self.acts = [(act, numbers) for act, (error, numbers) in outcomes if error is None]

    def query(self, statement: str, values: list[Any] | None = None) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def outcome(self, act: Act) -> tuple[str | None, list[Any]]:
        """Do it, undo it, and return why it failed, or None, and the numbers of its checks."""
        numbers = []
        try:
            with undone(self.connection) as cursor:
                for statement, values in act.statements:
                    cursor.execute(statement, values)
                if act.kind == "read" or act.reads_back:
                    rows = cursor.fetchall()
                    self._decode(act.table, rows)
                if act.kind == "read":
                    numbers.append((len(rows),))
                for statement, values in act.checks:
                    cursor.execute(statement, values)
                    numbers.append(cursor.fetchone())
        except (psycopg2.Error, TypeError) as error:
            return f"{act.name}: {str(error).splitlines()[0]}", []
        return None, numbers

    def broken(self) -> list[str]:
        """What worked before the migration and does not now."""
        found = []
        for act, before in self.acts:
            error, numbers = self.outcome(act)
            if error is None and act.kind == "read":
                error = f"{act.name}: there are fewer rows" if numbers < before else None
            elif error is None and numbers != before:
                error = f"{act.name}: it leaves other rows than it did"
            if error is not None:
                found.append(error)
        return found

    def values(self) -> dict[str, Counter[str | None]]:
        """All values that are in the database, as texts, by column."""
        return {
            name: Counter(value for (value,) in self.query(f"SELECT {shown} FROM {table}"))
            for name, table, shown in self.query(EVERY_COLUMN)
        }

    def _classes(self, table: str) -> list[str | None]:
        rows = self.query(self._select(table))
        return [
            next((kind_of(value) for value in column if value is not None), None) for column in zip(*rows, strict=True)
        ]

    def _decode(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        for row in rows:
            for column, value, class_ in zip(
                self.tables[table], row, self.classes[table] or [None] * len(row), strict=True
            ):
                if column.labels and value is not None and value not in column.labels:
                    raise TypeError(f"value {value!r} not found in the enum {column.type}")
                if value is None and column.not_null:
                    raise TypeError(f"{table}.{column.name} is NULL")
                if value is not None and class_ is not None and kind_of(value) != class_:
                    raise TypeError(f"{table}.{column.name} is no {class_} any more")

    def _select(self, table: str) -> str:
        return (
            f'SELECT {", ".join(self._quoted(column.name) for column in self.tables[table])} FROM "{table}" ORDER BY 1'
        )

    @staticmethod
    def _quoted(name: str) -> str:
        return f'"{name}"'

    def _acts(self, table: str) -> Iterator[Act]:
        yield Act(table, "read", f"read {table}", [(self._select(table), [])], [])
        for column in self.tables[table]:
            if column.type == "jsonb":
                where = self._select(table).replace(" ORDER BY 1", f" WHERE \"{column.name}\" = '{{}}'::jsonb")
                yield Act(table, "read", f"read {table} where {column.name} is empty", [(where, [])], [])
            for label in column.labels or ():
                where = self._select(table).replace(" ORDER BY 1", f' WHERE "{column.name}" = {column.parameter}')
                yield Act(table, "read", f"read {table} where {column.name} is {label}", [(where, [label])], [])
        yield from self._inserts(table)
        yield from self._updates(table)
        ((first, last),) = self.query(f'SELECT min({self.first(table)}), max({self.first(table)}) FROM "{table}"')
        for key in (first, first + 1, last) if isinstance(first, int) else ():
            yield Act(
                table,
                "delete",
                f"delete {table} {key}",
                [(f'DELETE FROM "{table}" WHERE {self.first(table)} = %s', [key])],
                self._orphans(table),
            )

    def first(self, table: str) -> str:
        return self._quoted(self.tables[table][0].name)

    def _orphans(self, table: str) -> list[tuple[str, list[Any]]]:
        query = (
            'SELECT count(*) FROM {0} a WHERE a."{1}" IS NOT NULL AND NOT EXISTS (SELECT FROM {2} b WHERE b."{3}" ='
            ' a."{1}")'
        )
        return [(query.format(*foreign), []) for foreign in self.foreign if foreign[2] == table]

    def _inserts(self, table: str) -> Iterator[Act]:
        columns = [column for column in self.tables[table] if not column.generated]
        unique = {name for _primary, names in self.keys[table] for name in names}

        def act(name: str, used: list[Column], *rows: dict[str, Any], tail: str = "") -> Act:
            named = ", ".join(self._quoted(column.name) for column in used)
            text = f'INSERT INTO "{table}" ({named}) VALUES ({", ".join(column.parameter for column in used)}) {tail}'
            return Act(
                table,
                "insert",
                f"insert {name} into {table}",
                [(text, [row[column.name] for column in used]) for row in rows],
                [],
            )

        written = [column for column in columns if not column.counted]
        required = [column for column in written if column.not_null and not column.default] or written[:1]
        large, other, small, same = (self._row(table, *how) for how in ((1, False), (2, False), (3, True), (4, False)))
        alike = {name: other[name] if name in unique else large[name] for name in large}
        nulls = {column.name: large[column.name] if column.not_null else None for column in columns}
        yield act("rows", written, large, other)
        yield act("a row of small values", written, small)
        yield act("rows that are alike", written, large, alike)
        least = act("rows without what may be left out", required, large, other)
        least.statements.append((self._select(table), []))
        least.checks += [
            (f'SELECT count(*) FROM "{table}" WHERE "{column.name}" IS NULL', [])
            for column in written
            if column.default
        ]
        least.reads_back = True
        yield least
        more = {name: None if nulls[name] is None else alike[name] for name in nulls}
        yield act("rows of NULL", written, nulls, more)
        yield act("rows with ids of their own", columns, large, other)
        for column in written:
            for label in column.labels or ():
                yield act(f"a row with {column.name} {label}", written, {**same, column.name: label})
        for _primary, names in self.keys[table]:
            yield act(
                f"or do nothing by {', '.join(names)}",
                columns,
                large,
                tail=f"ON CONFLICT ({', '.join(map(self._quoted, names))}) DO NOTHING",
            )

    def _row(self, table: str, number: int, small: bool) -> dict[str, Any]:
        row = {column.name: column.value(number, small=small) for column in self.tables[table]}
        for child, name, parent, key in self.foreign:
            if child == table:
                ((row[name],),) = self.query(f'SELECT min("{key}") FROM {parent}')
        return row

    def _updates(self, table: str) -> Iterator[Act]:
        primary = {name for is_primary, names in self.keys[table] for name in names if is_primary}
        pointing = {name for child, name, _parent, _key in self.foreign if child == table}
        for column in self.tables[table]:
            if column.generated or column.name in primary:
                continue
            values = [column.value(5), column.value(6, small=True), None, *(column.labels or ())]
            for value in values if column.name not in pointing else [None]:
                where = f'WHERE {self.first(table)} = (SELECT min({self.first(table)}) FROM "{table}")'
                text = f'UPDATE "{table}" SET "{column.name}" = {column.parameter} {where}'
                yield Act(table, "update", f"update {table}.{column.name} to {value}", [(text, [value])], [])

    def waits(self, connection: Any) -> dict[str, frozenset[str]]:
        """What it cannot do now because of a lock, by table. ``connection`` is a superuser's, who does
        without foreign keys: a table's waits are its own.
        """
        found = {}
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '25ms'; SET session_replication_role = replica")
        for table in self.tables:
            changes = [column.name for column in self.tables[table] if not column.generated][-1]
            acts = [act for act, _numbers in self.acts if act.table == table]
            tries = {
                "read": [act.statements[0] for act in acts if act.kind == "read"][:1],
                "insert": [act.statements[0] for act in acts if act.kind == "insert"][:1],
                "update": (
                    [(f'UPDATE "{table}" SET "{changes}" = "{changes}"', [])]
                    if any(act.kind == "update" for act in acts)
                    else []
                ),
                "delete": [(f'DELETE FROM "{table}"', [])] if any(act.kind == "delete" for act in acts) else [],
            }
            blocked = {
                kind
                for kind, statements in tries.items()
                for statement in statements
                if self._waits(connection, *statement)
            }
            if blocked:
                found[table] = frozenset(blocked)
        return found

    @staticmethod
    def _waits(connection: Any, statement: str, values: list[Any]) -> bool:
        try:
            with undone(connection) as cursor:
                cursor.execute(statement, values)
        except psycopg2.errors.LockNotAvailable:
            return True
        return False
