# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists which locks a statement takes on old tables and keeps until the transaction ends, after
PostgreSQL's chapter on explicit locking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .follow import reads
from .schema import Schema, Table, plain
from .sql import ConstrType, ObjectType, ast, is_on, name_of, object_of, walk

# What others cannot do meanwhile, from least to most: delete rows that are pointed at, change rows that are changed,
# write, read and write.
DELETE, ROWS, WRITE, READ = "delete", "rows", "write", "read"
ORDER = (DELETE, ROWS, WRITE, READ)
WAITS = {
    READ: "nobody can read or write {}",
    WRITE: "nobody can write to {}",
    ROWS: "nobody can change the rows of {} that it changed",
    DELETE: "nobody can delete the rows of {} that it points to",
}
# Subcommands of ALTER TABLE by what they let others do; every other one lets nobody read.
LETS_WRITE = frozenset(
    {
        "AT_ValidateConstraint",
        "AT_SetStatistics",
        "AT_SetOptions",
        "AT_ResetOptions",
        "AT_SetRelOptions",
        "AT_ResetRelOptions",
        "AT_ClusterOn",
    }
)
LETS_READ = frozenset(
    {
        "AT_EnableTrig",
        "AT_DisableTrig",
        "AT_EnableTrigAll",
        "AT_DisableTrigAll",
        "AT_EnableTrigUser",
        "AT_DisableTrigUser",
    }
)
MODES = {5: WRITE, 6: WRITE, 7: WRITE, 8: READ}  # of LOCK TABLE, from SHARE to ACCESS EXCLUSIVE
Lock = tuple[str, str]


def locks(schema: Schema, statement: Any) -> dict[str, str]:
    """The old tables that a statement locks, as they are called, with what others cannot do meanwhile;
    ``schema`` is as it is before the statement.
    """
    found: dict[str, str] = {}
    for name, kind in _locks(schema, statement):
        if plain(name) not in schema.made and not schema.named(name).new:
            found[name] = stronger(kind, found.get(name))
    return found


def stronger(one: str, other: str | None) -> str:
    return one if other is None or ORDER.index(one) > ORDER.index(other) else other


def _locks(schema: Schema, statement: Any) -> Iterator[Lock]:
    match statement:
        case ast.CreateStmt():
            yield from _created(statement)
        case ast.AlterTableStmt(objtype=ObjectType.OBJECT_TABLE):
            table = schema.table(statement.relation)
            for command in statement.cmds:
                yield from altered(schema, table, command)
        case ast.RenameStmt(relation=ast.RangeVar()) if statement.renameType is not ObjectType.OBJECT_INDEX:
            yield name_of(statement.relation), READ
        case ast.AlterObjectSchemaStmt(relation=ast.RangeVar()):
            yield name_of(statement.relation), READ
        case ast.AlterTableStmt() if statement.objtype is not ObjectType.OBJECT_INDEX:
            yield name_of(statement.relation), READ
        case ast.ViewStmt(replace=True) if plain(name_of(statement.view)) in schema.views:
            yield name_of(statement.view), READ
        case ast.AlterSeqStmt():
            yield from _counted_by(schema, name_of(statement.sequence))
        case ast.SelectStmt() if statement.lockingClause:
            yield from _for_update(statement)
        case ast.IndexStmt(concurrent=False):
            yield name_of(statement.relation), WRITE
        case ast.CreateTrigStmt():
            yield name_of(statement.relation), WRITE
        case ast.CreatePolicyStmt() | ast.AlterPolicyStmt():
            yield name_of(statement.table), READ
        case ast.RuleStmt():
            yield name_of(statement.relation), READ
        case ast.TruncateStmt():
            yield from ((name_of(relation), READ) for relation in statement.relations)
            if statement.behavior.name == "DROP_CASCADE":
                yield from (
                    lock for relation in statement.relations for lock in _pointing(schema, schema.table(relation))
                )
        case ast.LockStmt():
            yield from (
                (name_of(relation), MODES[statement.mode])
                for relation in statement.relations
                if statement.mode in MODES
            )
        case ast.DropStmt(concurrent=False):
            yield from _dropped(schema, statement)
        case ast.ReindexStmt() if not is_on(statement.params, "concurrently"):
            yield from _reindexed(schema, statement)
        case ast.ClusterStmt(relation=ast.RangeVar()):
            yield name_of(statement.relation), READ
        case ast.VacuumStmt() if is_on(statement.options, "full"):
            yield from ((name_of(each.relation), READ) for each in statement.rels or ())
        case ast.RefreshMatViewStmt():
            yield name_of(statement.relation), WRITE if statement.concurrent else READ
        case ast.UpdateStmt() | ast.DeleteStmt() | ast.MergeStmt():
            yield name_of(statement.relation), ROWS
            yield from _pointed_at(schema, statement)
        case ast.InsertStmt() if reads(schema, statement):
            yield from _pointed_at(schema, statement)


def _created(statement: Any) -> Iterator[Lock]:
    for element in statement.tableElts or ():
        if isinstance(element, ast.Constraint):
            yield from _references(element)
        elif isinstance(element, ast.ColumnDef):
            for constraint in element.constraints or ():
                yield from _references(constraint)
    if statement.partbound is not None:
        yield from ((name_of(parent), READ) for parent in statement.inhRelations)


def _references(constraint: Any) -> Iterator[Lock]:
    if constraint.contype is ConstrType.CONSTR_FOREIGN:
        yield name_of(constraint.pktable), WRITE


def altered(schema: Schema, table: Table, command: Any) -> Iterator[Lock]:
    kind, definition = command.subtype.name, command.def_
    if kind == "AT_AddConstraint" and definition.contype is ConstrType.CONSTR_FOREIGN:
        yield table.shown, WRITE
        yield name_of(definition.pktable), WRITE
    elif kind == "AT_AttachPartition":
        yield name_of(definition.name), READ
    elif kind == "AT_DetachPartition" and not definition.concurrent:
        yield table.shown, READ
        yield name_of(definition.name), READ
    elif kind in LETS_READ:
        yield table.shown, WRITE
    elif kind not in LETS_WRITE and kind != "AT_DetachPartition":
        yield table.shown, READ
        yield from _locked_along(schema, table, command)


def _locked_along(schema: Schema, table: Table, command: Any) -> Iterator[Lock]:
    """Tables at the other end of a foreign key that is made, dropped or created again with the column."""
    kind = command.subtype.name
    if kind == "AT_AddColumn":
        for constraint in command.def_.constraints or ():
            yield from _references(constraint)
    elif kind in ("AT_DropConstraint", "AT_DropColumn", "AT_AlterColumnType"):
        mine = [key for name, key in table.foreign.items() if command.name in (name, *key.columns)]
        yield from ((key.table, READ) for key in mine)
        if kind == "AT_AlterColumnType":
            theirs = [
                other for other, key in schema.pointing_at(table) if command.name in (key.to_columns or table.primary)
            ]
            yield from ((other.shown, READ) for other in theirs)


def _dropped(schema: Schema, statement: Any) -> Iterator[Lock]:
    kind = statement.removeType
    for dropped in statement.objects:
        name = object_of(dropped)
        if kind is ObjectType.OBJECT_TABLE:
            table = schema.named(name)
            yield name, READ
            yield from ((key.table, READ) for key in table.foreign.values())
            if statement.behavior.name == "DROP_CASCADE":
                yield from _pointing(schema, table)
        elif kind in (ObjectType.OBJECT_TRIGGER, ObjectType.OBJECT_POLICY, ObjectType.OBJECT_RULE):
            yield name.rpartition(".")[0], READ
        elif kind is ObjectType.OBJECT_INDEX and plain(name) in schema.indexes:
            yield schema.indexes[plain(name)].shown, READ
        elif kind in (ObjectType.OBJECT_VIEW, ObjectType.OBJECT_MATVIEW):
            yield name, READ


def _pointing(schema: Schema, table: Table) -> Iterator[Lock]:
    yield from ((other.shown, READ) for other, _key in schema.pointing_at(table))


def _counted_by(schema: Schema, sequence: str) -> Iterator[Lock]:
    """A sequence that is altered gives nobody a number: rows that need one wait."""
    for table in schema.tables.values():
        if any(column.sequence == plain(sequence) for column in table.columns.values()):
            yield table.shown, WRITE


def _for_update(statement: Any) -> Iterator[Lock]:
    for clause in statement.lockingClause:
        kind = DELETE if clause.strength.name == "LCS_FORKEYSHARE" else ROWS
        yield from (
            (name_of(node), kind)
            for node in clause.lockedRels or walk(statement.fromClause)
            if isinstance(node, ast.RangeVar)
        )


def _reindexed(schema: Schema, statement: Any) -> Iterable[Lock]:
    if statement.relation is None:
        return ()
    name = name_of(statement.relation)
    if statement.kind.name == "REINDEX_OBJECT_TABLE":
        return ((name, READ),)
    table = schema.indexes.get(plain(name))
    return ((table.shown, READ),) if table else ()


def _pointed_at(schema: Schema, statement: Any) -> Iterator[Lock]:
    """The rows that a new row points to stay where they are until it is committed."""
    table = schema.table(statement.relation)
    written = {target.name for target in statement.targetList or ()} if isinstance(statement, ast.UpdateStmt) else None
    if isinstance(statement, ast.DeleteStmt):
        yield from ((other.shown, ROWS) for other, key in schema.pointing_at(table) if key.on_delete in "cnd")
        return
    for key in table.foreign.values():
        if written is None or written & set(key.columns):
            yield key.table, DELETE
