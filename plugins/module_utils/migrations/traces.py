# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What migrations leave in the catalogue, by which one can see whether they were applied: tables, columns,
indexes, constraints and types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ..postgres.connection import query
from .sql import PGLAST_ERROR, ObjectType, ParseError, ast, functions_in, parse_sql, quoted

FOUND = """
SELECT CASE kind
    WHEN 'type' THEN to_regtype(object) IS NOT NULL
    WHEN 'column' THEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(object) AND attname = part AND NOT attisdropped)
    WHEN 'constraint' THEN EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass(object) AND conname = part)
    WHEN 'index' THEN (SELECT CASE WHEN indisvalid THEN true END FROM pg_index WHERE indexrelid = to_regclass(object)
                       UNION ALL SELECT false WHERE to_regclass(object) IS NULL)
    ELSE to_regclass(object) IS NOT NULL END
FROM unnest(%s::text[], %s::text[], %s::text[]) WITH ORDINALITY AS trace (kind, object, part, place) ORDER BY place
"""  # noqa: E501
DROPPED = {
    "OBJECT_TABLE": "table",
    "OBJECT_VIEW": "view",
    "OBJECT_MATVIEW": "view",
    "OBJECT_INDEX": "index",
    "OBJECT_TYPE": "type",
}

# Functions of PostgreSQL that files call and that make and drop nothing.
LEAVE_SCHEMA = frozenset(
    {
        "count",
        "max",
        "min",
        "now",
        "pg_sleep",
        "setval",
        "nextval",
        "currval",
        "lastval",
        "pg_get_serial_sequence",
        "pg_notify",
        "version",
    }
)


class Trace(NamedTuple):
    """``object`` is quoted as SQL; ``part`` is the name of a column or constraint of that table."""

    kind: str
    object: str
    part: str = ""

    def __str__(self) -> str:
        name = f"{self.object}.{self.part}" if self.part else self.object
        return f"the {self.kind} " + name.replace('"', "")


class Traces(dict[Trace, bool]):
    """Maps each trace to whether it is there once the migrations are applied, in the order of their statements."""

    def __init__(self, scripts: Iterable[str] = (), statements: Iterable[Iterable[Any]] = ()) -> None:
        """``statements`` are those of each script, where they were read already."""
        super().__init__()
        self._columns: dict[Trace, set[Trace]] = {}  # what goes when one of its columns goes
        self._elsewhere = False  # once a file changes search_path, a name without its schema may be in any
        for script in scripts if not PGLAST_ERROR else ():
            try:
                self._follow_all(statement.stmt for statement in parse_sql(script))
            except ParseError:
                self.clear()
        for each in statements:
            self._follow_all(each)

    def _follow_all(self, statements: Iterable[Any]) -> None:
        for statement in statements:
            self._follow(statement)
            if self._elsewhere:
                self._forget(lambda trace: '"."' not in trace.object)

    def _follow(self, statement: Any) -> None:
        match statement:
            case ast.CreateStmt(relation=ast.RangeVar(relpersistence="t")):
                pass
            case ast.VariableSetStmt(name="search_path"):
                self._elsewhere = True
            case ast.CreateStmt():
                self[Trace("table", quoted(statement.relation))] = True
            case ast.CreateTableAsStmt():
                self[Trace("table", quoted(statement.into.rel))] = True
            case ast.ViewStmt():
                self[Trace("view", quoted(statement.view))] = True
            case ast.CreateEnumStmt() | ast.CompositeTypeStmt():
                named = statement.typevar if isinstance(statement, ast.CompositeTypeStmt) else statement.typeName
                self[Trace("type", quoted(named))] = True
            case ast.IndexStmt() if statement.idxname:
                trace = Trace("index", quoted(statement.relation, statement.idxname))
                self[trace] = True
                self._columns[trace] = {
                    Trace("column", quoted(statement.relation), element.name or "") for element in statement.indexParams
                }
            case ast.DropStmt() if statement.removeType.name in DROPPED and statement.behavior.name != "DROP_CASCADE":
                for dropped in statement.objects:
                    self._drop(Trace(DROPPED[statement.removeType.name], quoted(dropped)))
            case ast.RenameStmt():
                self._rename(statement)
            case ast.AlterTableStmt(objtype=ObjectType.OBJECT_TABLE):
                for command in statement.cmds:
                    self._alter(quoted(statement.relation), command)
            case ast.DropStmt() | ast.DoStmt() | ast.CallStmt() | ast.AlterObjectSchemaStmt():
                self.clear()  # it is unknown what it left of the earlier ones
            case ast.SelectStmt() if functions := functions_in(statement) - LEAVE_SCHEMA:
                self.clear()
                self._elsewhere = self._elsewhere or "set_config" in functions

    def _alter(self, table: str, command: Any) -> None:
        match command.subtype.name:
            case "AT_AddColumn":
                self[Trace("column", table, command.def_.colname)] = True
            case "AT_DropColumn":
                self._drop(Trace("column", table, command.name))
            case "AT_DropConstraint":
                self._drop(Trace("constraint", table, command.name))
            case "AT_AddConstraint" if command.def_.conname:
                trace = Trace("constraint", table, command.def_.conname)
                self[trace] = True
                keys = [*(command.def_.keys or ()), *(command.def_.fk_attrs or ())]
                self._columns[trace] = {Trace("column", table, key.sval) for key in keys}

    def _drop(self, gone: Trace) -> None:
        def goes_along(trace: Trace) -> bool:
            if gone.kind == "column":
                return gone in self._columns.get(trace, ())
            of_table = trace.object == gone.object or any(
                column.object == gone.object for column in self._columns.get(trace, ())
            )
            return gone.kind == "table" and trace != gone and of_table

        self._forget(goes_along)
        self[gone] = False

    def _rename(self, statement: Any) -> None:
        kind = statement.renameType.name
        if kind in DROPPED or kind == "OBJECT_TYPE":
            old = quoted(statement.relation if statement.relation is not None else statement.object)
            new = old[: -len(quoted(old_name(statement)))] + quoted(statement.newname)
            self._forget(
                lambda trace: (
                    trace.object == old or any(column.object == old for column in self._columns.get(trace, ()))
                )
            )
            self[Trace(DROPPED[kind], old)] = False
            self[Trace(DROPPED[kind], new)] = True
        elif kind in ("OBJECT_COLUMN", "OBJECT_TABCONSTRAINT"):
            part = "column" if kind == "OBJECT_COLUMN" else "constraint"
            old_part = Trace(part, quoted(statement.relation), statement.subname)
            self._forget(lambda trace: old_part in self._columns.get(trace, ()))
            self[old_part] = False
            self[Trace(part, quoted(statement.relation), statement.newname)] = True

    def _forget(self, which: Callable[[Trace], bool]) -> None:
        for trace in [trace for trace in self if which(trace)]:
            del self[trace]


def old_name(statement: Any) -> str:
    return statement.relation.relname if statement.relation is not None else statement.object[-1].sval


def look_for(connection: Any, traces: Traces) -> tuple[list[Trace], list[Trace]]:
    """Return the traces that show that the migrations were applied, and those that show that they were not. An invalid
    index is both.
    """
    if not traces:
        return [], []
    now = found(connection, list(traces))
    for_it = [
        trace for (trace, wanted), there in zip(traces.items(), now, strict=True) if there is None or there == wanted
    ]
    against = [
        trace for (trace, wanted), there in zip(traces.items(), now, strict=True) if there is None or there != wanted
    ]
    return for_it, against


def found(connection: Any, traces: Sequence[Trace]) -> list[bool | None]:
    """Return whether each is there; None for an invalid index."""
    if not traces:
        return []
    return [there for (there,) in query(connection, FOUND, [list(values) for values in zip(*traces, strict=True)])]
