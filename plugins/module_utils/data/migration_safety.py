# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells whether the release that is live keeps working once a migration is applied, with PostgreSQL's own parser.

What is judged is the schema and the data that the migration leaves, not the data that only the new release will write. Whatever is not known to
be harmless counts as not backward compatible. Tables and columns that the pending migrations add themselves are unknown to old code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

try:
    import pglast.ast
    from pglast import parse_sql
    from pglast.enums import ConstrType, ObjectType, OnConflictAction
    from pglast.parser import ParseError
    from pglast.visitors import Visitor

    PGLAST_ERROR: str | None = None
    ast: Any = pglast.ast  # its attributes are all optional, which what the parser returns is not
except ImportError as error:  # judged without it: every migration counts as not backward compatible
    PGLAST_ERROR = str(error)


@dataclass(frozen=True)
class Reason:
    """Why old code may break; ``line`` counts from 1 in migration.sql, None for the file as a whole."""

    line: int | None
    reason: str


@dataclass(frozen=True)
class Verdict:
    """``atomic``: PostgreSQL runs the whole file or nothing of it; None where that is not known."""

    reasons: tuple[Reason, ...]
    atomic: bool | None

    @property
    def backward_compatible(self) -> bool:
        return not self.reasons


def classify(scripts: Iterable[str]) -> list[Verdict]:
    """Judge migration files in the order in which they are applied."""
    if PGLAST_ERROR:
        return [Verdict((Reason(None, "pglast is not installed, so the file was not read"),), None) for _unused in scripts]
    judge = _Judge()
    return [_classify(judge, script) for script in scripts]


def _classify(judge: _Judge, script: str) -> Verdict:
    try:
        statements = parse_sql(script)
    except ParseError as error:
        place = error.args[1] if len(error.args) > 1 else None
        return Verdict((Reason(_line(script, place), f"PostgreSQL's parser cannot read it: {error.args[0]}"),), None)
    reasons = [
        Reason(_line(script, statement.stmt_location), reason)
        for statement in statements
        for reason in (() if judge.only_new(statement.stmt) else judge.dangers(statement.stmt))
    ]
    return Verdict(tuple(reasons), not any(_leaves_transaction(statement.stmt) for statement in statements))


def _line(script: str, place: int | None) -> int | None:
    return None if place is None else script.count("\n", 0, place) + 1


def _leaves_transaction(statement: Any) -> bool:
    """True for a statement that ends a transaction or cannot run inside of one."""
    match statement:
        case ast.TransactionStmt() | ast.VacuumStmt(is_vacuumcmd=True) | ast.IndexStmt(concurrent=True) | ast.DropStmt(concurrent=True):
            return True
        case ast.CreatedbStmt() | ast.DropdbStmt() | ast.AlterSystemStmt() | ast.CallStmt() | ast.DoStmt():  # the last two may commit
            return True
        case ast.ReindexStmt():
            return any(option.defname == "concurrently" for option in statement.params or ())
        case ast.AlterTableStmt():
            return any(getattr(command.def_, "concurrent", False) for command in statement.cmds)
    return False


def _name(relation: Any) -> str:
    return f"{relation.schemaname}.{relation.relname}" if relation.schemaname else relation.relname


def _object(node: Any) -> str:
    """The name of what DROP names: a table, a type, a function, a schema."""
    parts = getattr(node, "names", None) or getattr(node, "objname", None) or node
    return ".".join(part.sval for part in parts) if isinstance(parts, tuple) else parts.sval


def _contains(statement: Any, *kinds: type) -> bool:
    """Whether a node of ``kinds`` is anywhere inside of ``statement``."""
    found = []

    class Finder(Visitor):
        def visit(self, ancestors: Any, node: Any) -> None:
            if isinstance(node, kinds) and node is not statement:
                found.append(node)

    Finder()(statement)
    return bool(found)


def _writes_inside(statement: Any) -> bool:
    return _contains(statement, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)


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
REFUSED = {
    "AT_DropColumn": "drops the column {}",
    "AT_AlterColumnType": "changes the type of {}",
    "AT_SetNotNull": "makes {} NOT NULL, which refuses what old code writes",
    "AT_DropConstraint": "drops the constraint {}",
}


class _Judge:
    """Remembers what the pending migrations added: old code knows nothing of it."""

    def __init__(self) -> None:
        self.tables: set[str] = set()
        self.columns: set[tuple[str, str]] = set()
        self.null: set[tuple[str, str]] = set()  # those of the columns that are NULL in every row old code writes

    def only_new(self, statement: Any) -> bool:
        """True for a statement that makes a table or view, or touches only such that the pending migrations made."""
        match statement:
            case ast.CreateStmt(if_not_exists=False):
                self.tables.add(_name(statement.relation))
            case ast.CreateTableAsStmt(if_not_exists=False):
                self.tables.add(_name(statement.into.rel))
                return not _contains(statement, ast.FuncCall) and not _writes_inside(statement)
            case ast.ViewStmt(replace=False):
                self.tables.add(_name(statement.view))
            case ast.RenameStmt(renameType=ObjectType.OBJECT_TABLE) if _name(statement.relation) in self.tables:
                self.tables.add(statement.newname)
            case ast.DropStmt(removeType=ObjectType.OBJECT_TABLE | ObjectType.OBJECT_VIEW | ObjectType.OBJECT_MATVIEW):
                return {_object(parts) for parts in statement.objects} <= self.tables and statement.behavior.name != "DROP_CASCADE"
            case ast.TruncateStmt():
                return {_name(relation) for relation in statement.relations} <= self.tables and statement.behavior.name != "DROP_CASCADE"
            case ast.AlterTableStmt() | ast.RenameStmt() | ast.IndexStmt() | ast.CreateTrigStmt():
                return statement.relation is not None and _name(statement.relation) in self.tables
            case ast.InsertStmt() | ast.UpdateStmt() | ast.DeleteStmt():
                return _name(statement.relation) in self.tables and not _writes_inside(statement)
            case _:
                return False
        return True

    def dangers(self, statement: Any) -> Iterable[str]:
        """Return why a statement may break old code."""
        match statement:
            case ast.AlterTableStmt(objtype=ObjectType.OBJECT_TABLE):
                return [danger for command in statement.cmds for danger in self._altered(_name(statement.relation), command)]
            case ast.IndexStmt(unique=True):
                columns = () if statement.nulls_not_distinct else [element.name for element in statement.indexParams]
                return () if self._any_null(_name(statement.relation), columns) else (f"adds a unique index to {_name(statement.relation)}",)
            case ast.AlterEnumStmt(oldVal=str()):
                return (f"renames the value {statement.oldVal} of the type {_object(statement.typeName)}",)
            case ast.RenameStmt(renameType=ObjectType.OBJECT_INDEX):
                return ()
            case ast.RenameStmt():
                table = _name(statement.relation) if statement.relation else "an object"
                return (f"renames {f'{table}.{statement.subname}' if statement.subname else table} to {statement.newname}",)
            case ast.DropStmt():
                what = statement.removeType.name.removeprefix("OBJECT_").lower()
                return (f"drops the {what} {', '.join(map(_object, statement.objects))}",)
            case ast.TruncateStmt():
                return (f"empties {', '.join(map(_name, statement.relations))}",)
            case ast.DeleteStmt():
                return (f"deletes rows of {_name(statement.relation)}",)
            case ast.UpdateStmt():
                table = _name(statement.relation)
                added = {(table, target.name) for target in statement.targetList} <= self.columns
                return () if added and not _writes_inside(statement) else (f"changes rows of {table}",)
            case ast.InsertStmt(onConflictClause=None | ast.OnConflictClause(action=OnConflictAction.ONCONFLICT_NOTHING)) if not _writes_inside(statement):
                return ()
            case ast.SelectStmt() if not _writes_inside(statement) and not _contains(statement, ast.FuncCall):
                return ()
            case ast.IndexStmt() | ast.CreateStmt() | ast.CreateSchemaStmt() | ast.CreateEnumStmt() | ast.CompositeTypeStmt() | ast.CreateDomainStmt():
                return ()
            case ast.CreateSeqStmt() | ast.CreateExtensionStmt() | ast.CreateFunctionStmt(replace=False) | ast.CreateStatsStmt() | ast.AlterEnumStmt():
                return ()
            case ast.CommentStmt() | ast.GrantStmt(is_grant=True) | ast.VariableSetStmt() | ast.TransactionStmt() | ast.VacuumStmt() | ast.ReindexStmt():
                return ()
        return (f"holds a statement ({type(statement).__name__.removesuffix('Stmt')}) whose effect on old code is not known",)

    def _altered(self, table: str, command: Any) -> Iterator[str]:
        kind = command.subtype.name
        target = f"{table}.{command.name}" if command.name else table
        if kind == "AT_AddColumn":
            yield from self._column_added(table, command.def_)
        elif kind == "AT_AddConstraint":
            yield from self._constraint_added(table, command.def_)
        elif kind == "AT_ColumnDefault":
            if command.def_ is None:
                yield f"drops the default of {target}, which old code may leave out"
        elif kind in REFUSED:
            yield REFUSED[kind].format(target)
        elif kind not in HARMLESS:
            yield f"alters {target} ({kind.removeprefix('AT_')}), whose effect on old code is not known"

    def _column_added(self, table: str, column: Any) -> Iterator[str]:
        kinds = {constraint.contype for constraint in column.constraints or ()}
        name = f"{table}.{column.colname}"
        counted = bool(kinds & {ConstrType.CONSTR_IDENTITY, ConstrType.CONSTR_GENERATED}) or column.typeName.names[-1].sval.endswith("serial")
        self.columns.add((table, column.colname))
        if not counted and ConstrType.CONSTR_DEFAULT not in kinds:
            self.null.add((table, column.colname))
            if kinds & {ConstrType.CONSTR_NOTNULL, ConstrType.CONSTR_PRIMARY}:
                yield f"adds the column {name}, NOT NULL without a default, which old code does not write"
        elif not counted and kinds & {ConstrType.CONSTR_UNIQUE, ConstrType.CONSTR_PRIMARY}:
            yield f"adds the column {name}, unique with a default that every row of old code gets"

    def _constraint_added(self, table: str, constraint: Any) -> Iterator[str]:
        columns: Iterable[str] = ()  # one of which being NULL satisfies the constraint
        if constraint.contype == ConstrType.CONSTR_FOREIGN:
            columns = [part.sval for part in constraint.fk_attrs]
        elif constraint.contype == ConstrType.CONSTR_UNIQUE and not constraint.nulls_not_distinct:
            columns = [part.sval for part in constraint.keys or ()]
        if not self._any_null(table, columns):
            kind = constraint.contype.name.removeprefix("CONSTR_").lower()
            yield f"adds a constraint ({kind}) to {table}, which may refuse what old code writes"

    def _any_null(self, table: str, columns: Iterable[str]) -> bool:
        return any((table, column) in self.null for column in columns)
