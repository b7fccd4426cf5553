# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows what makes and alters tables: columns, constraints and indexes."""

from __future__ import annotations

from typing import Any

from .schema import Check, Column, ForeignKey, Key, Schema, Table, plain, type_of
from .sql import ConstrType, ast, functions_in, name_of, object_of, walk

OWN_FOR_EACH_ROW = frozenset(
    {"gen_random_uuid", "uuid_generate_v4", "uuid_generate_v1", "uuidv4", "uuidv7", "gen_random_ulid", "nextval"}
)


def create_table(schema: Schema, statement: Any) -> None:
    name = name_of(statement.relation)
    if statement.if_not_exists and (schema.pending or plain(name) in schema.tables):
        return  # it may be there, as somebody made it
    known = schema.tables.get(plain(name))
    if (schema.elsewhere and not statement.relation.schemaname) or (
        schema.pending and known is not None and known.described
    ):
        return  # another table of that name, elsewhere
    table = Table(plain(name), name, new=schema.pending, described=True, known_as=plain(name))
    schema.tables[table.name] = table
    if schema.pending:
        schema.touched[table.name] = table
    for element in statement.tableElts or ():
        match element:
            case ast.ColumnDef():
                add_column(schema, table, element)
            case ast.Constraint():
                add_constraint(schema, table, element)
            case ast.TableLikeClause():
                table.described = False
    if statement.inhRelations:
        table.described = False


def add_column(schema: Schema, table: Table, definition: Any) -> Column:
    """Note a new column and the constraints that are written with it."""
    name, kinds = definition.colname, {constraint.contype: constraint for constraint in definition.constraints or ()}
    column = Column(name, type_of(definition.typeName), new=schema.pending, known_as=name)
    counted = object_of(definition.typeName).endswith("serial") or ConstrType.CONSTR_IDENTITY in kinds
    column.not_null = counted or bool(kinds.keys() & {ConstrType.CONSTR_NOTNULL, ConstrType.CONSTR_PRIMARY})
    default = kinds.get(ConstrType.CONSTR_DEFAULT)
    set_default(column, default.raw_expr if default else None)
    column.distinct = column.distinct or counted
    column.sequence = beside(table, f"{table.bare}_{name}_seq") if counted else column.sequence
    column.default = column.default or counted or ConstrType.CONSTR_GENERATED in kinds
    column.filled = column.default
    column.why = f"adds the column {table.shown}.{name}, NOT NULL without a default, which old code does not write"
    if not column.new:
        column.was, column.had_default, column.required = column.type, column.default, bool(column.not_null)
    if name in table.gone_columns:
        column.new, column.had_default = False, False  # old code knows the name, and writes it
    table.columns[name] = column
    for constraint in kinds.values():
        add_constraint(schema, table, constraint, name)
    return column


def set_default(column: Column, expression: Any) -> None:
    """Note the default of a column; None is none."""
    is_null = expression is None or (isinstance(expression, ast.A_Const) and expression.isnull)
    column.default = not is_null
    column.constant = None if is_null else expression
    called = functions_in(expression) if expression is not None else set()
    column.distinct = bool(called & OWN_FOR_EACH_ROW)
    names = (
        node.val.sval for node in walk(expression) if isinstance(node, ast.A_Const) and isinstance(node.val, ast.String)
    )
    column.sequence = plain(next(names, "").replace('"', "")) if "nextval" in called else ""


def add_constraint(schema: Schema, table: Table, constraint: Any, column: str | None = None) -> None:
    """Note a constraint; ``column`` is the one that it is written with."""
    kind = constraint.contype
    if kind in (ConstrType.CONSTR_UNIQUE, ConstrType.CONSTR_PRIMARY):
        columns = tuple(part.sval for part in constraint.keys or ()) or ((column,) if column else ())
        primary = kind is ConstrType.CONSTR_PRIMARY
        name = constraint.conname or (f"{table.bare}_pkey" if primary else f"{'_'.join([table.bare, *columns])}_key")
        if constraint.indexname:
            columns = table.keys[constraint.indexname].columns if constraint.indexname in table.keys else (None,)
        word = kind.name.removeprefix("CONSTR_").lower()
        why = f"adds a constraint ({word}) to {table.shown}, which may refuse what old code writes"
        if column:
            why = f"adds the column {table.shown}.{column}, unique with a default that every row of old code gets"
        table.keys[name] = Key(columns, primary, not constraint.nulls_not_distinct, new=schema.pending, why=why)
        schema.indexes[beside(table, name)] = table
        for part in columns if primary else ():
            if part:
                table.column(part).not_null = True
                table.column(part).required = table.column(part).required or not schema.pending
    elif kind is ConstrType.CONSTR_FOREIGN:
        columns = tuple(part.sval for part in constraint.fk_attrs or ()) or ((column,) if column else ())
        name = constraint.conname or f"{'_'.join([table.bare, *columns])}_fkey"
        to_columns = tuple(part.sval for part in constraint.pk_attrs or ())
        why = f"adds a constraint (foreign) to {table.shown}, which may refuse what old code writes"
        table.foreign[name] = ForeignKey(
            columns,
            name_of(constraint.pktable),
            to_columns,
            constraint.fk_del_action,
            constraint.fk_upd_action,
            not constraint.skip_validation,
            schema.pending,
            why,
        )
    elif kind is ConstrType.CONSTR_CHECK:
        name = constraint.conname or _name_of_check(table, constraint, column)
        table.checks[name] = Check(constraint.raw_expr, not constraint.skip_validation, schema.pending)


def _name_of_check(table: Table, constraint: Any, column: str | None) -> str:
    """The name that PostgreSQL gives: after the column, where it is about one."""
    about = {
        node.fields[-1].sval
        for node in walk(constraint.raw_expr)
        if isinstance(node, ast.ColumnRef) and hasattr(node.fields[-1], "sval")
    }
    column = about.pop() if len(about) == 1 else column
    name = "_".join(part for part in (table.bare, column, "check") if part)
    return next(each for each in (name, *(f"{name}{number}" for number in range(1, 1000))) if each not in table.checks)


def beside(table: Table, name: str) -> str:
    """An index is in the schema of its table."""
    schema, dot, _name = table.name.rpartition(".")
    return schema + dot + name


def alter(schema: Schema, table: Table, command: Any) -> None:
    """Note one subcommand of ALTER TABLE."""
    match command.subtype.name:
        case "AT_AddColumn":
            if not (command.missing_ok and command.def_.colname in table.columns):
                add_column(schema, table, command.def_)
        case "AT_AddConstraint":
            add_constraint(schema, table, command.def_)
        case "AT_ColumnDefault":
            column = table.column(command.name)
            set_default(column, command.def_)
            if not schema.pending:
                column.had_default = column.default
            if not column.default:
                column.why = f"drops the default of {table.shown}.{column.name}, which old code may leave out"
        case "AT_SetNotNull":
            column = table.column(command.name)
            column.required = column.required or not schema.pending
            column.not_null, column.why = (
                True,
                f"makes {table.shown}.{column.name} NOT NULL, which refuses what old code writes",
            )
        case "AT_DropNotNull":
            column = table.column(command.name)
            column.required = schema.pending and not column.new and column.not_null is not False
            column.not_null = False
        case "AT_AddIdentity":
            column = table.column(command.name)
            column.default = column.distinct = True
        case "AT_DropIdentity" | "AT_DropExpression":
            column = table.column(command.name)
            column.default = column.distinct = False
        case "AT_AlterColumnType":
            column = table.column(command.name)
            enum = schema.enum_of(column)
            if enum is not None and column.labels is None and not column.new:
                column.labels = (
                    tuple(label for label in enum.labels or () if label not in enum.added)
                    if enum.labels is not None
                    else None
                )
            column.type = type_of(command.def_.typeName)
            if not schema.pending:
                column.was, column.labels = column.type, None
        case "AT_DropColumn":
            column = table.column(command.name)
            parts: tuple[dict[str, Any], ...] = (table.keys, table.foreign)
            for kind in parts:
                for name in [name for name, key in kind.items() if command.name in key.columns]:
                    del kind[name]
            del table.columns[command.name]
            if schema.pending and not column.new:
                table.gone_columns.add(column.known_as)
        case "AT_DropConstraint":
            drop_constraint(schema, table, command.name)
        case "AT_ValidateConstraint":
            if command.name in table.foreign:
                table.foreign[command.name].valid = True
            if command.name in table.checks:
                table.checks[command.name].valid = True


def drop_constraint(schema: Schema, table: Table, name: str) -> None:
    key, foreign = table.keys.pop(name, None), table.foreign.pop(name, None)
    table.checks.pop(name, None)
    if key is not None and schema.pending and not key.new:
        key.why = f"drops the constraint {table.shown}.{name}"
        table.gone_keys.append(key)
    if foreign is not None and schema.pending and not foreign.new:
        foreign.why = f"drops the constraint {table.shown}.{name}"
        table.gone_foreign.append(foreign)
    schema.indexes.pop(beside(table, name), None)


def add_index(schema: Schema, table: Table, statement: Any) -> None:
    if statement.if_not_exists and beside(table, statement.idxname) in schema.indexes:
        return
    columns = tuple(element.name for element in statement.indexParams)
    name = statement.idxname or "_".join([table.bare, *(column or "expr" for column in columns), "idx"])
    if statement.unique:
        why = f"adds a unique index to {table.shown}"
        table.keys[name] = Key(
            columns, False, not statement.nulls_not_distinct, statement.whereClause, schema.pending, why
        )
    else:
        table.indexes[name] = columns
    schema.indexes[beside(table, name)] = table
