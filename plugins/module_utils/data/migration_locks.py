# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells which statements hold a lock that others wait behind for as long as a table is big, after PostgreSQL's chapter on explicit locking.

A lock is held until the file ends. What only takes a moment once the lock is there is not told: for that lock_timeout is enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .sql_tree import ConstrType, ObjectType, ast, functions_in, is_on, name_of

READ = "nobody can read or write it"
# Functions that give every row the same value: a column with such a default is added without a rewrite.
SAME_FOR_EVERY_ROW = frozenset(
    {"now", "timezone", "transaction_timestamp", "statement_timestamp", "current_setting", "to_timestamp", "to_jsonb", "jsonb_build_object"}
)
REWRITES = {
    "AT_SetLogged": "makes {} logged",
    "AT_SetUnLogged": "makes {} unlogged",
    "AT_SetTableSpace": "moves {} to another tablespace",
    "AT_SetAccessMethod": "changes the access method of {}",
    "AT_AttachPartition": "attaches a partition to {}, each row of which is checked",
}
LETS_READ = frozenset({"AT_ValidateConstraint", "AT_SetStatistics", "AT_SetOptions", "AT_ResetOptions", "AT_AttachPartition"})
BUILDS = ("UNIQUE", "PRIMARY", "EXCLUSION")


def long_locks(statement: Any) -> Iterator[str]:
    """Say why a statement on a table that others use may keep them waiting."""
    match statement:
        case ast.AlterTableStmt(objtype=ObjectType.OBJECT_TABLE):
            for command in statement.cmds:
                yield from _altered(name_of(statement.relation), command)
        case ast.IndexStmt(concurrent=False):
            table = name_of(statement.relation)
            yield f"builds an index on {table}, and nobody can write to it until it is done; CREATE INDEX CONCURRENTLY as a file's only statement lets them"
        case ast.UpdateStmt() | ast.DeleteStmt() | ast.MergeStmt():
            yield f"locks every row of {name_of(statement.relation)} that it changes until the file ends"
        case ast.LockStmt():
            yield f"locks {', '.join(map(name_of, statement.relations))} until the file ends"
        case ast.ReindexStmt() if not is_on(statement.params, "concurrently"):
            yield "rebuilds indexes, and nobody can write to their tables until it is done; REINDEX CONCURRENTLY lets them"
        case ast.ClusterStmt():
            yield "rewrites tables, and nobody can read or write them until it is done"
        case ast.VacuumStmt() if is_on(statement.options, "full"):
            yield "rewrites tables, and nobody can read or write them until it is done"
        case ast.RefreshMatViewStmt(concurrent=False):
            yield f"fills {name_of(statement.relation)} anew, and {READ} until it is done"


def locked_out(statement: Any) -> list[str]:
    """The tables that nobody can read from this statement on until the file ends (ACCESS EXCLUSIVE), however quick it is itself."""
    match statement:
        case ast.AlterTableStmt(objtype=ObjectType.OBJECT_TABLE) if any(not _lets_read(command) for command in statement.cmds):
            return [name_of(statement.relation)]
        case ast.RenameStmt(relation=ast.RangeVar()):
            return [name_of(statement.relation)]
        case ast.TruncateStmt():
            return [name_of(relation) for relation in statement.relations]
    return []


def _lets_read(command: Any) -> bool:
    kind = command.subtype.name
    return kind in LETS_READ or (kind == "AT_AddConstraint" and command.def_.contype is ConstrType.CONSTR_FOREIGN)


def _altered(table: str, command: Any) -> Iterator[str]:
    kind = command.subtype.name
    if kind == "AT_AlterColumnType":
        yield f"changes the type of {table}.{command.name}, which as a rule rewrites the table, and {READ} until it is done"
    elif kind == "AT_SetNotNull":
        yield f"reads all of {table} to see that {command.name} is nowhere NULL, and {READ} until it is done"
    elif kind in REWRITES:
        yield f"{REWRITES[kind].format(table)}, and {READ} until it is done"
    elif kind == "AT_AddColumn":
        yield from _column_added(table, command.def_)
    elif kind == "AT_AddConstraint":
        yield from _constraint_added(table, command.def_, every_row=True)


def _column_added(table: str, column: Any) -> Iterator[str]:
    constraints = {constraint.contype.name.removeprefix("CONSTR_"): constraint for constraint in column.constraints or ()}
    counted = column.typeName.names[-1].sval.endswith("serial") or {"IDENTITY", "GENERATED"} & set(constraints)
    default = constraints.get("DEFAULT")
    if counted or (default is not None and not functions_in(default.raw_expr) <= SAME_FOR_EVERY_ROW):
        yield f"adds the column {table}.{column.colname} with a value of its own for each row, which rewrites the table, and {READ} until it is done"
    for constraint in constraints.values():
        yield from _constraint_added(table, constraint, every_row=default is not None)


def _constraint_added(table: str, constraint: Any, *, every_row: bool) -> Iterator[str]:
    """``every_row`` is False for a new column without a default: its foreign key holds for every row, and PostgreSQL knows."""
    kind = constraint.contype.name.removeprefix("CONSTR_")
    if kind in BUILDS and not constraint.indexname:
        yield f"builds an index on {table} for a constraint, and {READ} until it is done; build it CONCURRENTLY and add the constraint USING INDEX"
    elif kind == "CHECK" and not constraint.skip_validation:
        yield f"checks all of {table} for a constraint, and {READ} until it is done; add it NOT VALID and validate it in a later migration"
    elif kind == "FOREIGN" and every_row and not constraint.skip_validation:
        other = name_of(constraint.pktable)
        yield f"checks all of {table} for a foreign key, and nobody can write to it or to {other} meanwhile; add it NOT VALID and validate it later"
