# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds what in a migration breaks the old release, and what deletes data.

What is judged is the schema and the data that the migration leaves, not the data that only the new release will write.
Whatever is not known to be harmless counts as not backward compatible. Tables and columns that the pending migrations
add themselves are unknown to old code. Here is what a statement does at once; what depends on the statements after it
is in migration_standing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .enums import new_default, nulls, unreadable
from .nulls import known_not_null
from .schema import Schema, Table, plain
from .sql import ObjectType, OnConflictAction, ast, functions_in, name_of, object_of, writes_inside
from .types import change_of


@dataclass(frozen=True)
class Danger:
    """Why old code may break. ``kind``: ``destructive`` when data is gone afterwards, ``unknown`` if that is unknown,
    else ``contract``.
    """

    text: str
    kind: str = "contract"


def destructive(text: str) -> Danger:
    return Danger(text, "destructive")


def unknown(text: str) -> Danger:
    return Danger(text, "unknown")


# Subcommands of ALTER TABLE that neither refuse nor change what old code reads or writes, or that migration_standing
# judges.
NOTHING_AT_ONCE = frozenset(
    {
        "AT_AddColumn",
        "AT_AddConstraint",
        "AT_AddIndex",
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
        "AT_SetLogged",
        "AT_SetTableSpace",
    }
)
# PostgreSQL's own functions that change nothing, of those that migrations call.
CHANGES_NOTHING = frozenset(
    """
    abs array_agg array_length avg btrim cardinality ceil char_length concat concat_ws count current_setting
    date_part date_trunc dense_rank extract first_value floor format gen_random_uuid generate_series initcap
    json_agg json_build_object jsonb_agg jsonb_array_elements jsonb_build_object jsonb_each lag last_value lead
    left length lower lpad ltrim max md5 min now nullif pg_sleep position rank regexp_replace replace right
    round row_number rpad rtrim set_config split_part string_agg substr substring sum timezone to_char to_date
    to_json to_jsonb to_timestamp to_tsvector trim trunc unnest upper version
    """.split()  # noqa: SIM905 a list of words is easier to read
)
HOLDS_DATA = ("table", "schema", "sequence", "foreign_table")
ON_TABLE = ("trigger", "policy", "rule")  # DROP names these after their table


def only_new(schema: Schema, statement: Any) -> bool:
    """True for a statement that makes a table or view, or touches only such that the pending migrations made."""
    match statement:
        case ast.CreateStmt(if_not_exists=False):
            return not _joins_old(schema, statement)
        case ast.CreateTableAsStmt(if_not_exists=False):
            return functions_in(statement) <= CHANGES_NOTHING and not writes_inside(statement)
        case ast.ViewStmt():
            return not statement.replace or schema.is_new(statement.view)
        case ast.DropStmt() if statement.behavior.name != "DROP_CASCADE":
            return _drops_only_new(schema, statement)
        case ast.TruncateStmt():
            return (
                all(schema.is_new(relation) for relation in statement.relations)
                and statement.behavior.name != "DROP_CASCADE"
            )
        case ast.AlterTableStmt():
            return schema.is_new(statement.relation)
        case ast.RenameStmt() | ast.IndexStmt() | ast.CreateTrigStmt():
            return statement.relation is not None and schema.is_new(statement.relation)
        case ast.CreatePolicyStmt() | ast.AlterPolicyStmt():
            return schema.is_new(statement.table)
        case ast.InsertStmt() | ast.UpdateStmt() | ast.DeleteStmt() | ast.MergeStmt():
            return schema.is_new(statement.relation) and not writes_inside(statement)
        case ast.CreateFunctionStmt():
            return plain(object_of(statement.funcname)) in schema.made
        case ast.AlterSeqStmt():
            return schema.is_new(statement.sequence)
    return False


def _joins_old(schema: Schema, statement: Any) -> bool:
    """A partition or child of an old table: what is in it is in that table too."""
    return any(not schema.is_new(parent) for parent in statement.inhRelations or ())


def _drops_only_new(schema: Schema, statement: Any) -> bool:
    kind = statement.removeType.name.removeprefix("OBJECT_").lower()
    names = [
        object_of(dropped).rpartition(".")[0] if kind in ON_TABLE else object_of(dropped)
        for dropped in statement.objects
    ]
    if kind == "index":
        tables = [schema.indexes.get(plain(name)) for name in names]
        return all(table is not None and table.new for table in tables)
    return all(_is_new(schema, plain(name)) for name in names)


def _is_new(schema: Schema, name: str) -> bool:
    if name in schema.enums:
        return not schema.enums[name].known_as
    return name in schema.made or (name in schema.tables and schema.tables[name].new)


def dangers(schema: Schema, statement: Any) -> Iterable[Danger]:
    """Return what a statement does to old code at once, in a schema as it is before the statement."""
    match statement:
        case ast.AlterTableStmt(objtype=ObjectType.OBJECT_TABLE):
            table = schema.table(statement.relation)
            return [danger for command in statement.cmds for danger in _altered(schema, table, command)]
        case ast.AlterEnumStmt(oldVal=str()):
            return (Danger(f"renames the value {statement.oldVal} of the type {object_of(statement.typeName)}"),)
        case ast.RenameStmt():
            return _renamed(statement)
        case ast.DropStmt():
            return _dropped(schema, statement)
        case ast.TruncateStmt():
            return (destructive(f"empties {', '.join(map(name_of, statement.relations))}"),)
        case ast.DeleteStmt():
            return (destructive(f"deletes rows of {name_of(statement.relation)}"),)
        case ast.UpdateStmt():
            table = schema.table(statement.relation)
            added = all(table.column(target.name).new for target in statement.targetList)
            return (
                ()
                if added and not writes_inside(statement)
                else (destructive(f"changes rows of {table.shown}"), *_unreadable(schema, statement))
            )
        case ast.InsertStmt(
            onConflictClause=None | ast.OnConflictClause(action=OnConflictAction.ONCONFLICT_NOTHING)
        ) if not writes_inside(statement):
            return _unreadable(schema, statement)
        case ast.SelectStmt() if not writes_inside(statement) and functions_in(statement) <= CHANGES_NOTHING:
            return ()
        case ast.AlterSeqStmt() if all(
            option.defname in ("owned_by", "cache", "as") for option in statement.options or ()
        ):
            return ()
        case ast.CreateStmt() if statement.partbound is not None or not statement.inhRelations:
            return ()
        case (
            ast.IndexStmt()
            | ast.CreateSchemaStmt()
            | ast.CreateEnumStmt()
            | ast.CompositeTypeStmt()
            | ast.CreateDomainStmt()
            | ast.LockStmt()
        ):
            return ()
        case (
            ast.CreateSeqStmt()
            | ast.CreateExtensionStmt()
            | ast.CreateFunctionStmt(replace=False)
            | ast.CreateStatsStmt()
            | ast.AlterEnumStmt()
        ):
            return ()
        case (
            ast.CommentStmt()
            | ast.GrantStmt(is_grant=True)
            | ast.VariableSetStmt()
            | ast.TransactionStmt()
            | ast.VacuumStmt()
            | ast.ReindexStmt()
        ):
            return ()
        case ast.ClusterStmt() | ast.RefreshMatViewStmt():
            return ()
    return (
        unknown(
            f"holds a statement ({type(statement).__name__.removesuffix('Stmt')}) whose effect on old code is not known"
        ),
    )


def _unreadable(schema: Schema, statement: Any) -> Iterator[Danger]:
    for label, column in unreadable(schema, statement):
        yield Danger(f"writes the value {label} to {column}, and old code cannot read a value that it does not know")
    for column in nulls(schema, statement) if isinstance(statement, ast.InsertStmt) else ():
        yield Danger(f"may write NULL to {column}, and old code cannot read NULL there")


def _renamed(statement: Any) -> Iterator[Danger]:
    """What is renamed and is no table, column or type, which migration_standing judges."""
    kind = statement.renameType
    judged_by_state = (
        ObjectType.OBJECT_INDEX,
        ObjectType.OBJECT_TABLE,
        ObjectType.OBJECT_TYPE,
        ObjectType.OBJECT_TABCONSTRAINT,
    )
    if kind in judged_by_state or (
        kind is ObjectType.OBJECT_COLUMN and statement.relationType is ObjectType.OBJECT_TABLE
    ):
        return
    table = name_of(statement.relation) if statement.relation else "an object"
    yield Danger(f"renames {f'{table}.{statement.subname}' if statement.subname else table} to {statement.newname}")


def _dropped(schema: Schema, statement: Any) -> Iterator[Danger]:
    what = statement.removeType.name.removeprefix("OBJECT_").lower()
    cascades = statement.behavior.name == "DROP_CASCADE"
    text = f"drops the {what} {', '.join(map(object_of, statement.objects))}"
    if what in HOLDS_DATA or cascades:
        yield destructive(text)
    elif what == "index":
        yield from (
            Danger(f"drops the index {object_of(each)}")
            for each in statement.objects
            if plain(object_of(each)) not in schema.indexes
        )
    elif what != "type":
        yield Danger(text)


def _altered(schema: Schema, table: Table, command: Any) -> Iterator[Danger]:
    kind = command.subtype.name
    target = f"{table.shown}.{command.name}" if command.name else table.shown
    column = table.columns.get(command.name) if command.name else None
    new = column is not None and column.new
    if kind == "AT_DropColumn":
        if not new:
            yield destructive(f"drops the column {target}")
    elif kind == "AT_AlterColumnType":
        change = change_of(schema, table.column(command.name), command)
        if change.kind and not new:
            yield Danger(f"changes the type of {target}", change.kind)
    elif kind == "AT_SetNotNull":
        if not new and not known_not_null(table, command.name, valid=False):
            yield Danger(f"makes {target} NOT NULL, which refuses what old code writes")
    elif kind == "AT_ColumnDefault":
        label = new_default(schema, table.column(command.name), command.def_)
        if label is not None:
            yield Danger(
                f"makes {label} the default of {target}, and old code cannot read a value that it does not know"
            )
    elif kind == "AT_DropConstraint":
        if command.name not in {**table.keys, **table.foreign, **table.checks}:
            yield Danger(f"drops the constraint {target}")
    elif kind == "AT_AddConstraint" and command.def_.contype.name == "CONSTR_EXCLUSION":
        yield Danger(f"adds a constraint (exclusion) to {table.shown}, which may refuse what old code writes")
    elif kind in ("AT_AddIdentity", "AT_SetIdentity"):
        if _refuses_values(command) and not new:
            yield Danger(f"makes {target} GENERATED ALWAYS, which refuses what old code writes")
    elif kind == "AT_AttachPartition":
        if not schema.is_new(command.def_.name):
            yield Danger(f"makes {name_of(command.def_.name)} a partition, which may refuse what old code writes to it")
    elif kind == "AT_DetachPartition":
        yield Danger(f"takes the rows of {name_of(command.def_.name)} out of {table.shown}")
    elif kind not in NOTHING_AT_ONCE and not new:
        yield unknown(f"alters {target} ({kind.removeprefix('AT_')}), whose effect on old code is not known")


def _refuses_values(command: Any) -> bool:
    if command.subtype.name == "AT_AddIdentity":
        return bool(command.def_.generated_when == "a")
    return any(option.defname == "generated" and option.arg.ival == ord("a") for option in command.def_)
