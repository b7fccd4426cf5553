# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the statements that take as long as a table is big. A session that needs a lock that is held meanwhile waits
for as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .follow import reads
from .follow_table import beside
from .nulls import known_not_null
from .schema import Schema, Table, plain, type_of
from .sql import ConstrType, ObjectType, ast, functions_in, is_on, name_of
from .types import change_of

READ = "nobody can read or write it"
# Functions that give every row the same value: a column with such a default is added without a rewrite.
SAME_FOR_EVERY_ROW = frozenset(
    {
        "now",
        "timezone",
        "transaction_timestamp",
        "statement_timestamp",
        "current_setting",
        "to_timestamp",
        "to_jsonb",
        "jsonb_build_object",
    }
)
REWRITES = {
    "AT_SetLogged": "makes {} logged",
    "AT_SetUnLogged": "makes {} unlogged",
    "AT_SetTableSpace": "moves {} to another tablespace",
    "AT_SetAccessMethod": "changes the access method of {}",
}
BUILDS = ("UNIQUE", "PRIMARY", "EXCLUSION")


def long_work(schema: Schema, statement: Any) -> Iterator[tuple[str, bool]]:
    """Say what takes long in a statement, and whether that alone keeps others waiting; ``schema`` is as it
    is before the statement.
    """
    if _on_empty(schema, statement):
        return
    own = not _on_new(schema, statement)
    match statement:
        case ast.AlterTableStmt(objtype=ObjectType.OBJECT_TABLE):
            table = schema.table(statement.relation)
            for command in statement.cmds:
                yield from _altered(schema, table, command, own=own)
        case ast.IndexStmt(concurrent=False) if not _is_there(schema, statement):
            table_name = name_of(statement.relation)
            yield f"builds an index on {table_name}" + INDEX if own else f"builds an index on {table_name}", own
        case ast.UpdateStmt() | ast.DeleteStmt() | ast.MergeStmt() if not _one_row(schema, statement):
            name = name_of(statement.relation)
            yield (
                (
                    f"locks every row of {name} that it changes until the file ends"
                    if own
                    else f"changes rows of {name}"
                ),
                own,
            )
        case ast.InsertStmt() if reads(schema, statement):
            yield from _filled(schema, statement)
        case ast.CreateTableAsStmt() if reads(schema, statement):
            yield f"fills {name_of(statement.into.rel)} from other tables", False
        case ast.SelectStmt() if reads(schema, statement):
            if statement.lockingClause:
                yield "locks rows that it reads until the file ends", True
            else:
                yield "reads tables", False
        case ast.LockStmt():
            yield (
                f"locks {', '.join(map(name_of, statement.relations))} until the file ends",
                own and statement.mode >= 5,
            )
        case ast.ReindexStmt() if not is_on(statement.params, "concurrently"):
            yield (
                (
                    "rebuilds indexes, and nobody can read or write their tables until it is done; REINDEX CONCURRENTLY"
                    " lets them"
                ),
                own,
            )
        case ast.ClusterStmt():
            yield "rewrites tables, and nobody can read or write them until it is done", own
        case ast.VacuumStmt() if is_on(statement.options, "full"):
            yield "rewrites tables, and nobody can read or write them until it is done", own
        case ast.RefreshMatViewStmt(concurrent=False):
            yield f"fills {name_of(statement.relation)} again, and {READ} until it is done", own
        case ast.RefreshMatViewStmt():
            yield f"fills {name_of(statement.relation)} again", False


INDEX = ", and nobody can write to it until it is done; CREATE INDEX CONCURRENTLY as a file's only statement lets them"


def _is_there(schema: Schema, statement: Any) -> bool:
    """True for a CREATE INDEX IF NOT EXISTS of one that is there."""
    return bool(
        statement.if_not_exists and beside(schema.table(statement.relation), statement.idxname) in schema.indexes
    )


def _on_new(schema: Schema, statement: Any) -> bool:
    relation = getattr(statement, "relation", None)
    return isinstance(relation, ast.RangeVar) and schema.is_new(relation)


def _on_empty(schema: Schema, statement: Any) -> bool:
    """True for a statement on a new table without many rows, except for one that fills it."""
    if isinstance(statement, ast.InsertStmt | ast.CreateTableAsStmt) or not _on_new(schema, statement):
        return False
    table = schema.tables.get(plain(name_of(statement.relation)))
    if isinstance(statement, ast.RefreshMatViewStmt):
        return False
    return table is None or not table.filled


def _filled(schema: Schema, statement: Any) -> Iterator[tuple[str, bool]]:
    table = schema.table(statement.relation)
    targets = [key.table for key in table.foreign.values() if not schema.named(key.table).new]
    text = f"fills {table.shown} from other tables"
    if targets:
        yield (
            (
                f"{text}, and nobody can delete the rows of {', '.join(dict.fromkeys(targets))} that it points to until"
                " the file ends"
            ),
            True,
        )
    else:
        yield text, False


def _one_row(schema: Schema, statement: Any) -> bool:
    """True where WHERE gives the value of the primary key or of another unique column."""
    where = getattr(statement, "whereClause", None)
    if (
        not isinstance(where, ast.A_Expr)
        or where.kind.name != "AEXPR_OP"
        or where.name[-1].sval != "="
        or not isinstance(where.lexpr, ast.ColumnRef)
    ):
        return False
    column = getattr(where.lexpr.fields[-1], "sval", None)
    constant = where.rexpr.arg if isinstance(where.rexpr, ast.TypeCast) else where.rexpr
    keys = [key.columns for key in schema.table(statement.relation).keys.values() if key.where is None]
    return isinstance(constant, ast.A_Const) and (column,) in keys


def _altered(schema: Schema, table: Table, command: Any, *, own: bool) -> Iterator[tuple[str, bool]]:
    kind, name = command.subtype.name, table.shown
    if kind == "AT_AlterColumnType":
        change = change_of(schema, table.column(command.name), command)
        if change.rewrites is not False:
            as_a_rule = "" if change.rewrites else " as a rule"
            yield (
                (
                    f"changes the type of {name}.{command.name}, which{as_a_rule} rewrites the table, and {READ} until"
                    " it is done"
                ),
                own,
            )
    elif kind == "AT_SetNotNull":
        if not known_not_null(table, command.name, valid=True):
            yield f"reads all of {name} to see that {command.name} is nowhere NULL, and {READ} until it is done", own
    elif kind in REWRITES:
        yield f"{REWRITES[kind].format(name)}, and {READ} until it is done", own
    elif kind == "AT_AttachPartition" and (
        not schema.is_new(command.def_.name) or schema.table(command.def_.name).filled
    ):
        yield (
            f"attaches a partition to {name}, each row of which is checked, and {READ} until it is done",
            not schema.is_new(command.def_.name),
        )
    elif kind == "AT_ValidateConstraint":
        yield f"checks all of {name} for the constraint {command.name}", False
    elif kind == "AT_AddColumn":
        yield from ((text, own) for text in _column_added(schema, table, command.def_))
    elif kind == "AT_AddConstraint":
        yield from (
            (text, own or kind_is_foreign(command.def_)) for text in _constraint_added(schema, table, command.def_)
        )


def kind_is_foreign(constraint: Any) -> bool:
    return constraint.contype is ConstrType.CONSTR_FOREIGN


def _column_added(schema: Schema, table: Table, column: Any) -> Iterator[str]:
    name = table.shown
    constraints = {
        constraint.contype.name.removeprefix("CONSTR_"): constraint for constraint in column.constraints or ()
    }
    generated = constraints.get("GENERATED")
    stored = generated is not None and generated.generated_kind != "v"
    counted = column.typeName.names[-1].sval.endswith("serial") or "IDENTITY" in constraints or stored
    default = constraints.get("DEFAULT")
    each_its_own = default is not None and not functions_in(default.raw_expr) <= SAME_FOR_EVERY_ROW
    if counted or each_its_own or type_of(column.typeName).name in schema.domains:
        yield (
            f"adds the column {name}.{column.colname} with a value of its own for each row, which rewrites the table,"
            f" and {READ} until it is done"
        )
    for constraint in constraints.values():
        if constraint.contype is not ConstrType.CONSTR_FOREIGN or default is not None:
            yield from _constraint_added(schema, table, constraint)


def _constraint_added(schema: Schema, table: Table, constraint: Any) -> Iterator[str]:
    kind, name = constraint.contype.name.removeprefix("CONSTR_"), table.shown
    if kind == "PRIMARY" and constraint.indexname:
        key = table.keys.get(constraint.indexname)
        if key is None or not all(part and known_not_null(table, part, valid=True) for part in key.columns):
            yield f"reads all of {name} to see that its key is nowhere NULL, and {READ} until it is done"
    elif kind in BUILDS and not constraint.indexname:
        yield (
            f"builds an index on {name} for a constraint, and {READ} until it is done; build it CONCURRENTLY and add"
            " the constraint USING INDEX"
        )
    elif kind == "CHECK" and not constraint.skip_validation:
        yield (
            f"checks all of {name} for a constraint, and {READ} until it is done; add it NOT VALID and validate it in a"
            " later migration"
        )
    elif kind == "FOREIGN" and not constraint.skip_validation:
        other = name_of(constraint.pktable)
        yield (
            f"checks all of {name} for a foreign key, and nobody can write to it or to {other} meanwhile; add it NOT"
            " VALID and validate it later"
        )
