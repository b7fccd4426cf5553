# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the statements of migrations, and notes in a Schema what each of them makes, changes and takes away."""

from __future__ import annotations

from typing import Any

from .follow_names import drop, rename
from .follow_table import add_index, alter, create_table
from .schema import Enum, Schema, Table, plain
from .sql import ObjectType, ast, functions_in, name_of, object_of, texts_in, walk

ENDS = ("TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK", "TRANS_STMT_PREPARE")
MAKE_ROWS = frozenset(
    {"generate_series", "unnest", "regexp_split_to_table", "json_array_elements", "jsonb_array_elements", "jsonb_each"}
)
HARMLESS_FUNCTIONS = frozenset(
    {"set_config", "setval", "nextval", "now", "pg_sleep", "count", "current_setting", "version"}
)


def follow(schema: Schema, statement: Any) -> None:
    """Note what a statement does. What cannot be read makes what it may have changed unknown."""
    match statement:
        case ast.CreateStmt():
            create_table(schema, statement)
        case ast.CreateTableAsStmt() if not (schema.pending and statement.if_not_exists):
            name = name_of(statement.into.rel)
            table = Table(
                plain(name), name, new=schema.pending, filled=reads(schema, statement), rows=True, known_as=plain(name)
            )
            schema.tables[table.name] = table
        case ast.SelectStmt(intoClause=ast.IntoClause()):
            name = name_of(statement.intoClause.rel)
            schema.tables[plain(name)] = Table(
                plain(name), name, new=schema.pending, filled=True, rows=True, known_as=plain(name)
            )
        case ast.AlterTableStmt(objtype=ObjectType.OBJECT_TABLE):
            table = schema.table(statement.relation)
            for command in statement.cmds:
                alter(schema, table, command)
        case ast.IndexStmt():
            add_index(schema, schema.table(statement.relation), statement)
        case ast.RenameStmt():
            rename(schema, statement)
        case ast.DropStmt():
            drop(schema, statement)
        case ast.CreateEnumStmt():
            labels = [label.sval for label in statement.vals or ()]
            name = plain(object_of(statement.typeName))
            schema.enums[name] = Enum(labels, "" if schema.pending else name, made_now=True)
        case ast.AlterEnumStmt():
            _alter_enum(schema, statement)
        case ast.CreateDomainStmt() if statement.constraints:
            schema.domains.add(plain(object_of(statement.domainname)))
        case ast.ViewStmt() if statement.view.relpersistence != "t":
            name = plain(name_of(statement.view))
            if schema.pending and name not in schema.views:
                schema.made.add(name)
            schema.views[name] = statement
        case ast.CreateFunctionStmt(replace=False) if schema.pending:
            schema.made.add(plain(object_of(statement.funcname)))
        case ast.CreateSeqStmt() if schema.pending and not statement.if_not_exists:
            schema.made.add(plain(name_of(statement.sequence)))
        case ast.CompositeTypeStmt() if schema.pending:
            schema.made.add(plain(name_of(statement.typevar)))
        case ast.InsertStmt() | ast.UpdateStmt() | ast.MergeStmt() if schema.pending:
            _write(schema, statement)
        case ast.DeleteStmt(whereClause=None) if schema.pending:
            _empty(schema.table(statement.relation))
        case ast.TruncateStmt() if schema.pending:
            for relation in statement.relations:
                _empty(schema.table(relation))
        case ast.VariableSetStmt(name="search_path"):
            schema.elsewhere = not {
                getattr(getattr(each, "val", None), "sval", None) for each in statement.args or ()
            } <= {"", "public"}
        case ast.TransactionStmt() if statement.kind.name in ENDS:
            end_transaction(schema)
        case ast.DoStmt() | ast.CallStmt() if not schema.pending:
            schema.forget(" ".join(texts_in(statement)))
        case ast.SelectStmt() if not schema.pending and functions_in(statement) - HARMLESS_FUNCTIONS:
            schema.forget(" ".join(texts_in(statement)))
        case ast.AlterObjectSchemaStmt(relation=ast.RangeVar()) if not schema.pending:
            schema.drop(plain(name_of(statement.relation)))


def end_transaction(schema: Schema) -> None:
    """A transaction ended: the values that it added to enums can be used."""
    for enum in schema.enums.values():
        enum.fresh.clear()
        enum.made_now = False


def reads(schema: Schema, statement: Any) -> bool:
    """True for a statement that takes rows from a table that is big, as any old one may be, or that makes them up."""
    match statement:
        case ast.CreateTableAsStmt():
            return reads(schema, statement.query)
        case ast.InsertStmt():
            return statement.selectStmt is not None and reads(schema, statement.selectStmt)
        case ast.SelectStmt(larg=ast.SelectStmt()):
            return reads(schema, statement.larg) or reads(schema, statement.rarg)
        case ast.SelectStmt():
            made_up = bool(functions_in((*(statement.targetList or ()), *(statement.fromClause or ()))) & MAKE_ROWS)
            return made_up or any(
                _is_big(schema, node) for node in walk(statement.fromClause) if isinstance(node, ast.RangeVar)
            )
    return True


def _is_big(schema: Schema, relation: Any) -> bool:
    return not schema.is_new(relation) or (plain(name_of(relation)) in schema.tables and schema.table(relation).filled)


def _alter_enum(schema: Schema, statement: Any) -> None:
    name = plain(object_of(statement.typeName))
    enum = schema.enums.setdefault(name, Enum(None, name))
    if statement.oldVal:
        enum.labels = (
            [statement.newVal if label == statement.oldVal else label for label in enum.labels]
            if enum.labels is not None
            else None
        )
    elif statement.newVal not in (enum.labels or ()):
        if enum.labels is not None:
            enum.labels.append(statement.newVal)
        if schema.pending:
            enum.added.add(statement.newVal)
            enum.fresh.add(statement.newVal)


def _empty(table: Table) -> None:
    table.rows = table.filled = False


def _write(schema: Schema, statement: Any) -> None:
    table = schema.table(statement.relation)
    if isinstance(statement, ast.InsertStmt):
        table.rows = True
        table.filled = table.filled or reads(schema, statement)
        for name in [target.name for target in statement.cols or ()] or list(table.columns):
            table.column(name).filled = True
        return
    for target in statement.targetList if isinstance(statement, ast.UpdateStmt) else ():
        column = table.column(target.name)
        column.filled = column.written = True
