# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL's own parser makes of a file, and the names of what is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

try:
    import pglast.ast
    from pglast import parse_sql
    from pglast.enums import ConstrType, ObjectType, OnConflictAction
    from pglast.parser import ParseError
    from pglast.visitors import Visitor

    PGLAST_ERROR: str | None = None
    ast: Any = pglast.ast  # its attributes are all optional, which what the parser returns is not
except ImportError as error:  # judged without it: nothing is known of any migration, and none of these names is used
    PGLAST_ERROR = str(error)
    ast = ConstrType = ObjectType = OnConflictAction = ParseError = Visitor = parse_sql = None  # type: ignore[misc,assignment]

__all__ = [
    "PGLAST_ERROR",
    "ConstrType",
    "ObjectType",
    "OnConflictAction",
    "ParseError",
    "Visitor",
    "ast",
    "command_of",
    "contains",
    "functions_in",
    "is_on",
    "leaves_transaction",
    "name_of",
    "object_of",
    "parse_sql",
    "quoted",
    "relations_in",
    "steps_of",
    "texts_in",
    "walk",
    "writes_inside",
]


def name_of(relation: Any) -> str:
    return f"{relation.schemaname}.{relation.relname}" if relation.schemaname else relation.relname


def object_of(node: Any) -> str:
    """The name of what DROP names: a table, a type, a function, a schema."""
    parts = getattr(node, "names", None) or getattr(node, "objname", None) or node
    return ".".join(part.sval for part in parts) if isinstance(parts, tuple) else parts.sval


def walk(node: Any) -> Iterator[Any]:
    """Every node of a tree, from above; a tuple is as good as a node."""
    if isinstance(node, tuple):
        for part in node:
            yield from walk(part)
    elif isinstance(node, ast.Node):
        yield node
        for name in node:
            yield from walk(getattr(node, name))


def texts_in(node: Any) -> Iterator[str]:
    """The texts that a tree holds, the body of a DO block among them."""
    for each in walk(node):
        if isinstance(each, ast.String):
            yield each.sval


def steps_of(statement: Any) -> list[Any]:
    """The statements that PostgreSQL makes of one: an ALTER TABLE of several parts drops first, then
    changes types, then adds columns.
    """
    if not isinstance(statement, ast.AlterTableStmt) or len(statement.cmds) < 2:
        return [statement]
    first = ("AT_Drop", "AT_AlterColumnType", "AT_AddColumn", "AT_")
    parts = sorted(
        statement.cmds,
        key=lambda command: next(place for place, name in enumerate(first) if command.subtype.name.startswith(name)),
    )
    return [
        ast.AlterTableStmt(
            relation=statement.relation, cmds=(part,), objtype=statement.objtype, missing_ok=statement.missing_ok
        )
        for part in parts
    ]


def contains(statement: Any, *kinds: type) -> bool:
    """Whether a node of ``kinds`` is anywhere inside of ``statement``."""
    found = []

    class Finder(Visitor):
        def visit(self, ancestors: Any, node: Any) -> None:
            if isinstance(node, kinds) and node is not statement:
                found.append(node)

    Finder()(statement)
    return bool(found)


def functions_in(expression: Any) -> set[str]:
    """The names of the functions that an expression calls."""
    return {node.funcname[-1].sval for node in walk(expression) if isinstance(node, ast.FuncCall)}


def relations_in(script: str) -> list[str]:
    """The relations that a file names, quoted as SQL and sorted; none where the file cannot be read."""
    found: set[str] = set()
    if PGLAST_ERROR:
        return []

    class Finder(Visitor):
        def visit_RangeVar(self, ancestors: Any, node: Any) -> None:
            found.add(quoted(node))

        def visit_DropStmt(self, ancestors: Any, node: Any) -> None:
            if node.removeType is ObjectType.OBJECT_TABLE:
                found.update(map(quoted, node.objects))

    try:
        Finder()(parse_sql(script))
    except ParseError:
        return []
    return sorted(found)


def quoted(named: Any, instead: str = "") -> str:
    """The name of a relation, a list of names or a text, as SQL; ``instead`` is another name in the same schema."""
    if isinstance(named, str):
        parts = [named]
    elif isinstance(named, ast.RangeVar):
        parts = [*([named.schemaname] if named.schemaname else []), instead or named.relname]
    else:
        parts = [part.sval for part in getattr(named, "names", None) or named]
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def writes_inside(statement: Any) -> bool:
    return contains(statement, ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)


def leaves_transaction(statement: Any) -> bool:
    """True for a statement that ends a transaction or cannot run inside of one."""
    match statement:
        case (
            ast.TransactionStmt()
            | ast.VacuumStmt(is_vacuumcmd=True)
            | ast.IndexStmt(concurrent=True)
            | ast.DropStmt(concurrent=True)
        ):
            return True
        # the last two may commit
        case ast.CreatedbStmt() | ast.DropdbStmt() | ast.AlterSystemStmt() | ast.CallStmt() | ast.DoStmt():
            return True
        case ast.ReindexStmt():
            return is_on(statement.params, "concurrently")
        case ast.AlterTableStmt():
            return any(getattr(command.def_, "concurrent", False) for command in statement.cmds)
    return False


def is_on(options: Any, name: str) -> bool:
    return any(option.defname == name for option in options or ())


def command_of(statement: Any) -> str:
    """The statement's kind as SQL writes it: DROP TABLE, CREATE INDEX, UPDATE."""
    match statement:
        case ast.DropStmt():
            return f"DROP {_words(statement.removeType.name.removeprefix('OBJECT_'))}"
        case ast.RenameStmt():
            return "ALTER RENAME" if statement.relation is None else "ALTER TABLE RENAME"
        case ast.TransactionStmt():
            return _words(statement.kind.name.removeprefix("TRANS_STMT_"))
    kind = type(statement).__name__.removesuffix("Stmt")
    return SPELT.get(kind) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).upper()


def _words(name: str) -> str:
    return {"MATVIEW": "MATERIALIZED VIEW"}.get(name, name.replace("_", " "))


# The parser's names for statements whose words are others than those of its name.
SPELT = {
    "Create": "CREATE TABLE",
    "CreateTableAs": "CREATE TABLE AS",
    "Index": "CREATE INDEX",
    "View": "CREATE VIEW",
    "CreateTrig": "CREATE TRIGGER",
    "CreateSeq": "CREATE SEQUENCE",
    "CreateEnum": "CREATE TYPE",
    "AlterEnum": "ALTER TYPE",
    "VariableSet": "SET",
    "RefreshMatView": "REFRESH MATERIALIZED VIEW",
}
