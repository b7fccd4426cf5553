# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that old code cannot read: those that are added to enums, and NULL where there was none. And those
that cannot be used yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .schema import Column, Enum, Schema, Table, plain, type_of
from .sql import ast, object_of, walk

USABLE_AT_ONCE = 17  # the first major version where a transaction may use each value of an enum that it makes


def unreadable(schema: Schema, statement: Any) -> Iterator[tuple[str, str]]:
    """The values, each with its column, that a statement writes to rows of old tables and that the live
    release cannot read.
    """
    table = schema.table(statement.relation)
    for column, value in _written(table, statement):
        enum = schema.enum_of(column)
        if column.new or (enum is None and column.type is not None):
            continue
        added = _unknown_to_old_code(column, enum) if enum is not None else _added_anywhere(schema)
        for label in sorted(added & _values(value, None if enum is None else added)):
            yield label, f"{table.shown}.{column.name}"


def new_default(schema: Schema, column: Column, expression: Any) -> str | None:
    """The value that a default gives to rows of old code's although old code cannot read it."""
    enum = schema.enum_of(column)
    if column.new or (enum is None and column.type is not None):
        return None
    unknown = _unknown_to_old_code(column, enum) if enum is not None else _added_anywhere(schema)
    return next((text for text in _plain_text(expression) if text in unknown), None)


def _unknown_to_old_code(column: Column, enum: Enum) -> set[str]:
    if column.labels is not None and enum.labels is not None:  # the enum took the place of another one
        return set(enum.labels) - set(column.labels)
    return enum.added


def nulls(schema: Schema, statement: Any) -> Iterator[str]:
    """The columns that old code takes to be NOT NULL and that an INSERT into an old table may leave NULL."""
    table = schema.table(statement.relation)
    written = dict(_written(table, statement))
    for column in table.columns.values():
        loosened = column.required and not column.not_null
        value = written.get(column)
        left_out = value is None and not column.default
        if loosened and (left_out or (value is not None and not list(_plain_text(value)) and not _is_number(value))):
            yield f"{table.shown}.{column.name}"


def _is_number(node: Any) -> bool:
    return isinstance(node, ast.A_Const) and isinstance(node.val, ast.Integer | ast.Float | ast.Boolean)


def _added_anywhere(schema: Schema) -> set[str]:
    return {label for enum in schema.enums.values() for label in enum.added}


def _values(value: Any, otherwise: set[str] | None) -> set[str]:
    """The texts in an expression; ``otherwise`` for one whose result is unknown, such as a function."""
    texts = set(_texts(value))
    if isinstance(value, ast.TypeCast) and not texts and otherwise:
        return otherwise
    return texts


def _texts(node: Any) -> Iterator[str]:
    for each in walk(node):
        if isinstance(each, ast.A_Const) and isinstance(each.val, ast.String):
            yield each.val.sval


def _written(table: Table, statement: Any) -> Iterator[tuple[Column, Any]]:
    """Each column that a statement writes, with the expression."""
    if isinstance(statement, ast.UpdateStmt):
        yield from ((table.column(target.name), target.val) for target in statement.targetList)
        return
    columns = [table.column(target.name) for target in statement.cols or ()] or (
        list(table.columns.values()) if table.described else []
    )
    select = statement.selectStmt
    rows = (select.valuesLists or ()) if isinstance(select, ast.SelectStmt) else ()
    for row in [
        *rows,
        [target.val for target in select.targetList or ()] if isinstance(select, ast.SelectStmt) else [],
    ]:
        yield from zip(columns or [Column("?") for _value in row], row, strict=False)


class Early(NamedTuple):
    """A value that is used before it may be. ``made_now`` is whether the type is made in the same transaction."""

    label: str
    type: str
    made_now: bool

    def fails_on(self, server_version: int) -> bool:
        return not self.made_now or server_version < USABLE_AT_ONCE * 10000


def used_too_early(schema: Schema, statement: Any) -> Iterator[Early]:
    """Each value that this transaction added to an enum and that the statement uses: PostgreSQL refuses it
    until it is committed.
    """
    fresh = {name: enum for name, enum in schema.enums.items() if enum.fresh}
    if not fresh:
        return
    found = [*_cast(fresh, statement), *_in_columns(schema, fresh, statement), *_as_defaults(schema, fresh, statement)]
    yield from dict.fromkeys(
        Early(label, name, fresh[name].made_now) for name, label in found if label in fresh[name].fresh
    )


def _cast(fresh: dict[str, Enum], statement: Any) -> Iterator[tuple[str, str]]:
    for node in walk(statement):
        if isinstance(node, ast.TypeCast) and plain(object_of(node.typeName)) in fresh:
            parts = node.arg.elements or () if isinstance(node.arg, ast.A_ArrayExpr) else (node.arg,)
            yield from ((plain(object_of(node.typeName)), text) for part in parts for text in _plain_text(part))


def _plain_text(node: Any) -> Iterator[str]:
    if isinstance(node, ast.TypeCast):
        node = node.arg
    if isinstance(node, ast.A_Const) and isinstance(node.val, ast.String):
        yield node.val.sval


def _in_columns(schema: Schema, fresh: dict[str, Enum], statement: Any) -> Iterator[tuple[str, str]]:
    """Values that are written to a column of the type, or compared with one."""
    if isinstance(statement, ast.InsertStmt | ast.UpdateStmt):
        for column, value in _written(schema.table(statement.relation), statement):
            if column.type and column.type.name in fresh:
                yield from ((column.type.name, text) for text in _plain_text(value))
    for sides in _compared(statement):
        names = [
            side.fields[-1].sval
            for side in sides
            if isinstance(side, ast.ColumnRef) and hasattr(side.fields[-1], "sval")
        ]
        tables = [schema.table(node) for node in walk(statement) if isinstance(node, ast.RangeVar)]
        types = {table.columns[name].type for name in names for table in tables if name in table.columns}
        for type_ in (each for each in types if each is not None and each.name in fresh):
            yield from ((type_.name, text) for side in sides for text in _plain_text(side))


def _compared(statement: Any) -> Iterator[list[Any]]:
    """What stands on the sides of each comparison."""
    for node in walk(statement):
        if isinstance(node, ast.A_Expr):
            yield [node.lexpr, *(node.rexpr if isinstance(node.rexpr, tuple) else [node.rexpr])]
        elif isinstance(node, ast.CaseExpr) and node.arg is not None:
            yield [node.arg, *(when.expr for when in node.args)]


def _as_defaults(schema: Schema, fresh: dict[str, Enum], statement: Any) -> Iterator[tuple[str, str]]:
    if isinstance(statement, ast.CreateStmt):
        definitions = [element for element in statement.tableElts or () if isinstance(element, ast.ColumnDef)]
    elif isinstance(statement, ast.AlterTableStmt):
        definitions = [command.def_ for command in statement.cmds if command.subtype.name == "AT_AddColumn"]
        for command in statement.cmds:
            if command.subtype.name == "AT_ColumnDefault" and command.def_ is not None:
                column = schema.table(statement.relation).column(command.name)
                if column.type and column.type.name in fresh:
                    yield from ((column.type.name, text) for text in _plain_text(command.def_))
    else:
        return
    for definition in definitions:
        name = type_of(definition.typeName).name
        for constraint in definition.constraints or () if name in fresh else ():
            if constraint.contype.name == "CONSTR_DEFAULT":
                yield from ((name, text) for text in _plain_text(constraint.raw_expr))
