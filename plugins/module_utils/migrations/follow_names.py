# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows what renames and drops objects."""

from __future__ import annotations

from typing import Any

from .follow_table import beside
from .schema import Enum, Schema, Table, plain
from .sql import ObjectType, name_of, object_of


def rename(schema: Schema, statement: Any) -> None:
    """Note a RENAME of a table, a column, a constraint, an index or a type."""
    kind = statement.renameType
    if kind is ObjectType.OBJECT_TABLE:
        _rename_table(schema, schema.table(statement.relation), statement.newname)
    elif kind is ObjectType.OBJECT_COLUMN and statement.relationType is ObjectType.OBJECT_TABLE:
        _rename_column(schema, schema.table(statement.relation), statement.subname, statement.newname)
    elif kind is ObjectType.OBJECT_TABCONSTRAINT:
        _rename_part(schema, schema.table(statement.relation), statement.subname, statement.newname)
    elif kind is ObjectType.OBJECT_INDEX:
        name = plain(name_of(statement.relation))
        if name in schema.indexes:
            _rename_part(schema, schema.indexes[name], name.rpartition(".")[2], statement.newname)
    elif kind is ObjectType.OBJECT_TYPE:
        _rename_type(schema, plain(object_of(statement.object)), statement.newname)


def _rename_table(schema: Schema, table: Table, new: str) -> None:
    old = table.name
    table.why = f"renames {table.shown} to {new}"
    del schema.tables[old]
    schema.touched.pop(old, None)
    table.name = table.shown = beside(table, new)
    schema.tables[table.name] = table
    if schema.pending:
        schema.touched[table.name] = table
    else:
        table.known_as = table.name
    for other in schema.tables.values():
        for key in other.foreign.values():
            if plain(key.table) == old:
                key.table = table.name


def _rename_column(schema: Schema, table: Table, old: str, new: str) -> None:
    column = table.column(old)
    column.name, column.renamed = new, f"renames {table.shown}.{old} to {new}"
    if not schema.pending:
        column.known_as = new
    table.columns = {each.name: each for each in table.columns.values()}
    for key in table.keys.values():
        key.columns = tuple(new if name == old else name for name in key.columns)
    for foreign in table.foreign.values():
        foreign.columns = tuple(new if name == old else name for name in foreign.columns)
    for _other, foreign in schema.pointing_at(table):
        foreign.to_columns = tuple(new if name == old else name for name in foreign.to_columns)


def _rename_part(schema: Schema, table: Table, old: str, new: str) -> None:
    """Rename a constraint or an index. A constraint's index has its name."""
    parts: tuple[dict[str, Any], ...] = (table.keys, table.foreign, table.checks, table.indexes)
    for names in parts:
        if old in names:
            names[new] = names.pop(old)
    if schema.indexes.pop(beside(table, old), None):
        schema.indexes[beside(table, new)] = table


def _rename_type(schema: Schema, old: str, new: str) -> None:
    before, _dot, _name = old.rpartition(".")
    enum = schema.enums.pop(old, None) or Enum(None, old)
    target = f"{before}.{new}" if before else new
    schema.enums[target] = enum
    for table in schema.tables.values():
        for column in table.columns.values():
            if column.type and column.type.name == old:
                column.type = column.type._replace(name=target)
                if not schema.pending:
                    column.was = column.type
    if not schema.pending:
        enum.known_as = target
    elif enum.known_as == old:
        schema.gone_types[old] = f"renames the type {old} to {target}"


def drop(schema: Schema, statement: Any) -> None:
    kind = statement.removeType
    for dropped in statement.objects:
        name = plain(object_of(dropped))
        if kind is ObjectType.OBJECT_TABLE:
            schema.drop(name)
        elif kind is ObjectType.OBJECT_SCHEMA:
            for table in [table for table in schema.tables if table.startswith(f"{name}.")]:
                schema.drop(table)
        elif kind is ObjectType.OBJECT_INDEX:
            _drop_index(schema, name, object_of(dropped))
        elif kind is ObjectType.OBJECT_TYPE:
            enum = schema.enums.pop(name, None)
            known = name not in schema.made if enum is None else enum.known_as == name
            if (
                schema.pending and known and statement.behavior.name != "DROP_CASCADE"
            ):  # which is reported as what it is
                schema.gone_types.setdefault(name, f"drops the type {object_of(dropped)}")
        elif kind is ObjectType.OBJECT_VIEW:
            schema.views.pop(name, None)


def _drop_index(schema: Schema, name: str, shown: str) -> None:
    table = schema.indexes.pop(name, None)
    if table is None:
        return
    bare = name.rpartition(".")[2]
    table.indexes.pop(bare, None)
    key = table.keys.pop(bare, None)
    if key is not None and schema.pending and not key.new:
        key.why = f"drops the index {shown}"
        table.gone_keys.append(key)
