# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what in a migration old code may not survive, and what of it takes data away.

What is judged is the schema and the data that the migration leaves, not the data that only the new release will write. Whatever is not known to
be harmless counts as not backward compatible. Tables and columns that the pending migrations add themselves are unknown to old code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .sql_tree import ConstrType, ObjectType, OnConflictAction, ast, contains, name_of, object_of, writes_inside


@dataclass(frozen=True)
class Danger:
    """Why old code may break. ``kind``: ``destructive`` when data is gone afterwards, ``unknown`` when nobody can tell, else ``contract``."""

    text: str
    kind: str = "contract"


def destructive(text: str) -> Danger:
    return Danger(text, "destructive")


def unknown(text: str) -> Danger:
    return Danger(text, "unknown")


# Subcommands of ALTER TABLE that neither refuse nor change what old code reads or writes.
HARMLESS = frozenset(
    {
        "AT_DropNotNull",
        "AT_SetStatistics",
        "AT_SetOptions",
        "AT_ResetOptions",
        "AT_SetStorage",
        "AT_SetCompression",
        "AT_ValidateConstraint",
        "AT_ClusterOn",
        "AT_DropCluster",
        "AT_SetRelOptions",
        "AT_ResetRelOptions",
        "AT_ReplicaIdentity",
    }
)
HOLDS_DATA = ("table", "schema", "sequence", "foreign_table")
REFUSED = {
    "AT_SetNotNull": "makes {} NOT NULL, which refuses what old code writes",
    "AT_DropConstraint": "drops the constraint {}",
}


class Judge:
    """Remembers what the pending migrations added: old code knows nothing of it."""

    def __init__(self) -> None:
        self.tables: set[str] = set()
        self.columns: set[tuple[str, str]] = set()
        self.null: set[tuple[str, str]] = set()  # those of the columns that are NULL in every row old code writes

    def only_new(self, statement: Any) -> bool:
        """True for a statement that makes a table or view, or touches only such that the pending migrations made."""
        match statement:
            case ast.CreateStmt(if_not_exists=False):
                self.tables.add(name_of(statement.relation))
            case ast.CreateTableAsStmt(if_not_exists=False):
                self.tables.add(name_of(statement.into.rel))
                return not contains(statement, ast.FuncCall) and not writes_inside(statement)
            case ast.ViewStmt(replace=False):
                self.tables.add(name_of(statement.view))
            case ast.RenameStmt(renameType=ObjectType.OBJECT_TABLE) if name_of(statement.relation) in self.tables:
                self.tables.add(statement.newname)
            case ast.DropStmt(removeType=ObjectType.OBJECT_TABLE | ObjectType.OBJECT_VIEW | ObjectType.OBJECT_MATVIEW):
                return {object_of(parts) for parts in statement.objects} <= self.tables and statement.behavior.name != "DROP_CASCADE"
            case ast.TruncateStmt():
                return {name_of(relation) for relation in statement.relations} <= self.tables and statement.behavior.name != "DROP_CASCADE"
            case ast.AlterTableStmt() | ast.RenameStmt() | ast.IndexStmt() | ast.CreateTrigStmt():
                return statement.relation is not None and name_of(statement.relation) in self.tables
            case ast.InsertStmt() | ast.UpdateStmt() | ast.DeleteStmt():
                return name_of(statement.relation) in self.tables and not writes_inside(statement)
            case _:
                return False
        return True

    def dangers(self, statement: Any) -> Iterable[Danger]:
        """Return why a statement may break old code."""
        match statement:
            case ast.AlterTableStmt(objtype=ObjectType.OBJECT_TABLE):
                return [danger for command in statement.cmds for danger in self._altered(name_of(statement.relation), command)]
            case ast.IndexStmt(unique=True):
                columns = () if statement.nulls_not_distinct else [element.name for element in statement.indexParams]
                return () if self._any_null(name_of(statement.relation), columns) else (Danger(f"adds a unique index to {name_of(statement.relation)}"),)
            case ast.AlterEnumStmt(oldVal=str()):
                return (Danger(f"renames the value {statement.oldVal} of the type {object_of(statement.typeName)}"),)
            case ast.RenameStmt(renameType=ObjectType.OBJECT_INDEX):
                return ()
            case ast.RenameStmt():
                table = name_of(statement.relation) if statement.relation else "an object"
                return (Danger(f"renames {f'{table}.{statement.subname}' if statement.subname else table} to {statement.newname}"),)
            case ast.DropStmt():
                what = statement.removeType.name.removeprefix("OBJECT_").lower()
                text = f"drops the {what} {', '.join(map(object_of, statement.objects))}"
                takes_data = what in HOLDS_DATA or statement.behavior.name == "DROP_CASCADE"
                return (destructive(text) if takes_data else Danger(text),)
            case ast.TruncateStmt():
                return (destructive(f"empties {', '.join(map(name_of, statement.relations))}"),)
            case ast.DeleteStmt():
                return (destructive(f"deletes rows of {name_of(statement.relation)}"),)
            case ast.UpdateStmt():
                table = name_of(statement.relation)
                added = {(table, target.name) for target in statement.targetList} <= self.columns
                return () if added and not writes_inside(statement) else (destructive(f"changes rows of {table}"),)
            case ast.InsertStmt(onConflictClause=None | ast.OnConflictClause(action=OnConflictAction.ONCONFLICT_NOTHING)) if not writes_inside(statement):
                return ()
            case ast.SelectStmt() if not writes_inside(statement) and not contains(statement, ast.FuncCall):
                return ()
            case ast.IndexStmt() | ast.CreateStmt() | ast.CreateSchemaStmt() | ast.CreateEnumStmt() | ast.CompositeTypeStmt() | ast.CreateDomainStmt():
                return ()
            case ast.CreateSeqStmt() | ast.CreateExtensionStmt() | ast.CreateFunctionStmt(replace=False) | ast.CreateStatsStmt() | ast.AlterEnumStmt():
                return ()
            case ast.CommentStmt() | ast.GrantStmt(is_grant=True) | ast.VariableSetStmt() | ast.TransactionStmt() | ast.VacuumStmt() | ast.ReindexStmt():
                return ()
        return (unknown(f"holds a statement ({type(statement).__name__.removesuffix('Stmt')}) whose effect on old code is not known"),)

    def _altered(self, table: str, command: Any) -> Iterator[Danger]:
        kind = command.subtype.name
        target = f"{table}.{command.name}" if command.name else table
        if kind == "AT_AddColumn":
            yield from self._column_added(table, command.def_)
        elif kind == "AT_AddConstraint":
            yield from self._constraint_added(table, command.def_)
        elif kind == "AT_ColumnDefault":
            if command.def_ is None:
                yield Danger(f"drops the default of {target}, which old code may leave out")
        elif kind == "AT_DropColumn":
            yield destructive(f"drops the column {target}")
        elif kind == "AT_AlterColumnType":
            widens = command.def_.typeName.names[-1].sval == "text" and command.def_.raw_default is None
            yield Danger(f"changes the type of {target}") if widens else destructive(f"changes the type of {target}")  # to what may cut or round values
        elif kind in REFUSED:
            yield Danger(REFUSED[kind].format(target))
        elif kind not in HARMLESS:
            yield unknown(f"alters {target} ({kind.removeprefix('AT_')}), whose effect on old code is not known")

    def _column_added(self, table: str, column: Any) -> Iterator[Danger]:
        kinds = {constraint.contype for constraint in column.constraints or ()}
        name = f"{table}.{column.colname}"
        counted = bool(kinds & {ConstrType.CONSTR_IDENTITY, ConstrType.CONSTR_GENERATED}) or column.typeName.names[-1].sval.endswith("serial")
        self.columns.add((table, column.colname))
        if not counted and ConstrType.CONSTR_DEFAULT not in kinds:
            self.null.add((table, column.colname))
            if kinds & {ConstrType.CONSTR_NOTNULL, ConstrType.CONSTR_PRIMARY}:
                yield Danger(f"adds the column {name}, NOT NULL without a default, which old code does not write")
        elif not counted and kinds & {ConstrType.CONSTR_UNIQUE, ConstrType.CONSTR_PRIMARY}:
            yield Danger(f"adds the column {name}, unique with a default that every row of old code gets")

    def _constraint_added(self, table: str, constraint: Any) -> Iterator[Danger]:
        columns: Iterable[str] = ()  # one of which being NULL satisfies the constraint
        if constraint.contype == ConstrType.CONSTR_FOREIGN:
            columns = [part.sval for part in constraint.fk_attrs]
        elif constraint.contype == ConstrType.CONSTR_UNIQUE and not constraint.nulls_not_distinct:
            columns = [part.sval for part in constraint.keys or ()]
        if not self._any_null(table, columns):
            kind = constraint.contype.name.removeprefix("CONSTR_").lower()
            yield Danger(f"adds a constraint ({kind}) to {table}, which may refuse what old code writes")

    def _any_null(self, table: str, columns: Iterable[str]) -> bool:
        return any((table, column) in self.null for column in columns)
