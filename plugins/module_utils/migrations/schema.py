# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema as the migrations describe it: tables, columns, keys, enums, and which of them the live release knows
("old") or not ("new").

An old object that no file describes is known by its name alone. Each fact about it is then None or missing, which means
"not known".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .sql import name_of, object_of

SERIAL = {
    "smallserial": "int2",
    "serial2": "int2",
    "serial": "int4",
    "serial4": "int4",
    "bigserial": "int8",
    "serial8": "int8",
}


class Type(NamedTuple):
    """``sizes`` is what is in parentheses, such as the 20 of varchar(20)."""

    name: str
    sizes: tuple[int, ...] = ()
    array: bool = False


def type_of(node: Any) -> Type:
    name = plain(object_of(node)).removeprefix("pg_catalog.")
    sizes = tuple(size.val.ival for size in node.typmods or () if hasattr(getattr(size, "val", None), "ival"))
    return Type(SERIAL.get(name, name), sizes, bool(node.arrayBounds))


@dataclass(eq=False)
class Column:
    """``default``: a row that leaves the column out gets a value. ``distinct``: a different one for each row.
    ``filled``: rows that were there have one.

    ``was`` is the type that the live release knows, and ``labels`` are the values of the enum that this type was.
    """

    name: str
    type: Type | None = None
    not_null: bool | None = None
    default: bool | None = None
    constant: Any = None  # the default, where it is a plain value
    distinct: bool = False
    sequence: str = ""  # that its default counts by
    new: bool = False
    filled: bool = False
    written: bool = False  # by an UPDATE: rows that were there have other values than the default
    was: Type | None = None
    labels: tuple[str, ...] | None = None
    known_as: str = ""  # its name in the live release
    required: bool = False  # old code reads no NULL from it
    had_default: bool | None = None
    why: str = ""  # what was done last to whether old code can leave the column out
    renamed: str = ""

    @property
    def loses_default(self) -> bool:
        """True for an old column whose default is dropped; where it is unknown whether it had one, it counts."""
        return not self.new and self.default is False and self.had_default is not False

    @property
    def left_null(self) -> bool:
        """True when each row that old code writes has NULL in it."""
        return self.new and not self.default and not self.distinct


@dataclass(eq=False)
class Key:
    """A unique index, a unique constraint or a primary key. A column that is an expression has no name."""

    columns: tuple[str | None, ...]
    primary: bool = False
    nulls_distinct: bool = True
    where: Any = None  # of a partial index
    new: bool = False
    why: str = ""


@dataclass(eq=False)
class ForeignKey:
    """``on_delete`` and ``on_update`` are PostgreSQL's letters: a no action, r restrict, c cascade, n set
    null, d set default.
    """

    columns: tuple[str, ...]
    table: str
    to_columns: tuple[str, ...]
    on_delete: str
    on_update: str
    valid: bool = True
    new: bool = False
    why: str = ""

    def stands_in_for(self, other: ForeignKey) -> bool:
        """True when it asks of rows what the other one asked, and does the same once the row that it points to goes."""
        as_strict = {"a": "ar", "r": "ar"}
        same = (self.columns, self.table) == (other.columns, other.table)
        return same and all(mine in as_strict.get(theirs, theirs) for mine, theirs in self.actions(other))

    def actions(self, other: ForeignKey) -> tuple[tuple[str, str], ...]:
        return (self.on_delete, other.on_delete), (self.on_update, other.on_update)


@dataclass(eq=False)
class Check:
    expression: Any
    valid: bool = True
    new: bool = False


@dataclass(eq=False)
class Enum:
    """``fresh`` are the values that this transaction added, and ``added`` those that the live release does not know."""

    labels: list[str] | None
    known_as: str = ""  # its name in the live release; empty for a new one
    made_now: bool = False  # by this transaction, which may then use all of its values since PostgreSQL 17
    fresh: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)


@dataclass(eq=False)
class Table:
    """``described`` is False for a table that no file creates. ``indexes`` are those that are not unique."""

    name: str
    shown: str = ""
    new: bool = False
    described: bool = False
    filled: bool = False  # a new one: with as many rows as old tables have
    rows: bool = False  # a new one: with rows
    columns: dict[str, Column] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    foreign: dict[str, ForeignKey] = field(default_factory=dict)
    checks: dict[str, Check] = field(default_factory=dict)
    indexes: dict[str, Any] = field(default_factory=dict)
    gone_keys: list[Key] = field(default_factory=list)  # that the live release may need
    gone_foreign: list[ForeignKey] = field(default_factory=list)
    gone_columns: set[str] = field(default_factory=set)  # a new column of such a name is not new to the live release
    known_as: str = ""
    why: str = ""

    @property
    def bare(self) -> str:
        """The name without a schema."""
        return self.name.rpartition(".")[2]

    def column(self, name: str) -> Column:
        """Return a column; one that no file describes is taken to be old."""
        if name not in self.columns:
            self.columns[name] = Column(name, new=self.new, known_as=name)
        return self.columns[name]

    def left_null(self, columns: tuple[str | None, ...]) -> bool:
        return any(name is not None and self.column(name).left_null for name in columns)

    @property
    def primary(self) -> tuple[str | None, ...]:
        return next((key.columns for key in self.keys.values() if key.primary), ())


def plain(name: str) -> str:
    """A name as it is looked up: the schema public is where names without a schema are."""
    return name.removeprefix("public.")


class Schema:
    """``pending`` is False while the files are followed that the database has already: what they make is old."""

    def __init__(self) -> None:
        self.pending = False
        self.tables: dict[str, Table] = {}
        self.enums: dict[str, Enum] = {}
        self.indexes: dict[str, Table] = {}
        self.made: set[str] = set()  # views, functions, sequences and types that pending files make
        self.views: dict[str, Any] = {}
        self.domains: set[str] = set()  # those that have to be checked
        self.touched: dict[str, Table] = {}  # by pending files
        self.elsewhere = False  # a name without a schema is in another one than the shop's
        self.gone_types: dict[str, str] = {}  # names that the live release may use, and what was done to each

    def table(self, relation: Any) -> Table:
        """Return a table by its RangeVar; one that no file creates is taken to be old."""
        return self.named(name_of(relation))

    def named(self, shown: str) -> Table:
        name = plain(shown)
        if name not in self.tables:
            self.tables[name] = Table(name, shown, known_as=name)
        table = self.tables[name]
        table.shown = shown
        if self.pending:
            self.touched[name] = table
        return table

    def is_new(self, relation: Any) -> bool:
        name = plain(name_of(relation))
        return name in self.made or (name in self.tables and self.tables[name].new)

    def enum_of(self, column: Column) -> Enum | None:
        return self.enums.get(column.type.name) if column.type else None

    def pointing_at(self, table: Table) -> list[tuple[Table, ForeignKey]]:
        """The foreign keys of all tables that point at this one."""
        return [
            (other, key)
            for other in self.tables.values()
            for key in other.foreign.values()
            if plain(key.table) == table.name
        ]

    def drop(self, name: str) -> None:
        """Take a table away, and what belongs to it."""
        table = self.tables.pop(name, None)
        self.touched.pop(name, None)
        self.indexes = {index: other for index, other in self.indexes.items() if other is not table}
        for other in self.tables.values():
            other.foreign = {part: key for part, key in other.foreign.items() if plain(key.table) != name}

    def forget(self, text: str) -> None:
        """Forget what is known of the old objects that a text names, which did something that cannot be
        read; of all where it may name any.
        """
        everything = "execute" in text.lower()

        def named(name: str) -> bool:
            return everything or name.rpartition(".")[2] in text

        for name in [name for name, table in self.tables.items() if named(name) and not table.new]:
            self.drop(name)
        self.enums = {name: enum for name, enum in self.enums.items() if not named(name) or not enum.known_as}
