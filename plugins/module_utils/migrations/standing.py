# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the new schema on which old code fails, judged by the state that the statements leave and not by the
statements.

A default that is dropped and set again, a foreign key that is created again, or an enum that another one replaces,
breaks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from .nulls import never_true, passes_without
from .schema import Column, ForeignKey, Key, Schema, Table, plain
from .views import stands_in

Standing = Iterator[tuple[tuple[str, ...], str]]


def standing(schema: Schema) -> dict[tuple[str, ...], str]:
    """Return why old code may break, by what it is about: where that is gone again after a later statement,
    it was never seen.
    """
    found: dict[tuple[str, ...], str] = {}
    for table in list(schema.touched.values()):
        if not table.new:
            found.update(_of_old(schema, table))
        if table.rows or not table.new:
            found.update(_refused_deletes(schema, table))
    for name, why in schema.gone_types.items():
        if name not in schema.enums:
            found["type", name] = why
    return found


def _of_old(schema: Schema, table: Table) -> Standing:
    if table.name != table.known_as and not stands_in(schema, table):
        yield ("table", table.known_as), table.why
    for column in table.columns.values():
        yield from _of_column(schema, table, column)
    for name, key in table.keys.items():
        if key.new and not _never_collides(table, key) and not _was_there(table, key):
            yield ("unique", table.known_as, name), key.why
    for key in table.gone_keys:
        if None in key.columns or not any(
            set(other.columns) == set(key.columns) and other.where is None for other in table.keys.values()
        ):
            yield ("unique", table.known_as, *map(str, key.columns)), key.why
    for name, foreign in table.foreign.items():
        if (
            foreign.new
            and not table.left_null(foreign.columns)
            and not any(foreign.stands_in_for(gone) for gone in table.gone_foreign)
        ):
            yield ("foreign", table.known_as, name), foreign.why
    for foreign in table.gone_foreign:
        if not any(other.stands_in_for(foreign) for other in table.foreign.values()):
            yield ("foreign", table.known_as, *foreign.columns, foreign.table), foreign.why
    for name, check in table.checks.items():
        if check.new and not passes_without(table, check):
            yield (
                ("check", table.known_as, name),
                f"adds a constraint (check) to {table.shown}, which may refuse what old code writes",
            )


def _of_column(schema: Schema, table: Table, column: Column) -> Standing:
    about = (table.known_as, column.known_as)
    if column.new:
        if column.not_null and not column.default:
            yield ("required", *about), column.why
        return
    if column.name != column.known_as and not (table.name != table.known_as and stands_in(schema, table)):
        yield ("column", *about), column.renamed
    if column.loses_default:
        yield ("default", *about), column.why
    if column.labels is None or column.was is None or column.type is None:
        return
    if column.type.name != column.was.name and column.type.name in schema.enums:
        yield (
            ("type of", *about),
            f"changes the type of {table.shown}.{column.name} from {column.was.name} to {column.type.name}",
        )
    enum = schema.enum_of(column)
    for label in column.labels if enum is not None and enum.labels is not None else ():
        if label not in enum.labels:  # type: ignore[union-attr,operator]
            yield (
                ("value", *about, label),
                (
                    f"removes the value {label} of the type {column.was.name}, which old code may write to"
                    f" {table.shown}.{column.name}"
                ),
            )


def _never_collides(table: Table, key: Key) -> bool:
    """True where a column of the key is NULL or different in each row that old code writes."""
    if key.where is not None and never_true(table, key.where):
        return True
    columns = [table.column(name) for name in key.columns if name is not None]
    return any(
        column.new and (column.distinct or (column.left_null and key.nulls_distinct and not key.primary))
        for column in columns
    )


def _was_there(table: Table, key: Key) -> bool:
    """True where an old key refuses the same rows: one on the same columns or on some of them."""
    before = [*table.gone_keys, *(other for other in table.keys.values() if not other.new)]
    alike = [
        other
        for other in before
        if other.where is None and None not in other.columns and set(other.columns) <= set(key.columns)
    ]
    never_null = not key.primary or all(name and table.column(name).required for name in key.columns)
    return any((other.primary or never_null) and (key.nulls_distinct or not other.nulls_distinct) for other in alike)


def _refused_deletes(schema: Schema, table: Table) -> Standing:
    """A table or column that pending files made and filled may point at rows that old code deletes, or
    whose keys it changes.
    """
    for name, key in table.foreign.items():
        if not key.new or not _points(table, key):
            continue
        target = schema.named(key.table)
        if not _deleted_by_old_code(schema, target, set()):
            continue
        if key.on_delete in "ar" or (key.on_delete in "nd" and _must_be_there(table, key)):
            yield (
                ("delete", table.name, name),
                f"points rows of {table.shown} to {key.table}, and the foreign key keeps old code from deleting those",
            )
        elif not target.new and key.on_update in "ar" and key.to_columns and target.primary != key.to_columns:
            yield (
                ("update", table.name, name),
                (
                    f"points rows of {table.shown} to {key.table}, and the foreign key keeps old code from changing"
                    f" {', '.join(key.to_columns)} there"
                ),
            )


def _points(table: Table, key: ForeignKey) -> bool:
    """Whether rows may point at something already: MATCH SIMPLE asks nothing of a row with a NULL."""
    if table.new:
        return table.rows and all(table.column(name).filled or table.column(name).type is None for name in key.columns)
    return all(table.column(name).filled for name in key.columns) and any(
        table.column(name).new for name in key.columns
    )


def _must_be_there(table: Table, key: ForeignKey) -> bool:
    return any(table.column(name).not_null for name in key.columns)


def _deleted_by_old_code(schema: Schema, table: Table, seen: set[str]) -> bool:
    """True for an old table, and for a new one whose rows go with those of an old one."""
    if not table.new:
        return True
    seen.add(table.name)
    ways = [key for key in table.foreign.values() if key.on_delete == "c" and plain(key.table) not in seen]
    return any(_deleted_by_old_code(schema, schema.named(key.table), seen) for key in ways)
