# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How PostgreSQL runs a file that is sent as one simple query: which statements stand or fall together, and which
cannot run at all.

The rules are those of the chapter "Multiple Statements in a Simple Query" of the frontend/backend protocol. A query of
several statements is one implicit transaction. COMMIT and ROLLBACK end it, also without a BEGIN, and the next statement
begins another one; BEGIN only makes the running one explicit, with what came before it. What refuses to run inside of a
transaction block refuses an implicit one too, so it runs only as the only statement of a file. DO and CALL may commit
inside only there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .sql import PGLAST_ERROR, ParseError, ast, is_on, parse_sql

# in the body of a DO block; EXECUTE may run a CALL
COMMITS = re.compile(r"\b(commit|rollback|call|execute)\b", re.IGNORECASE)
ALWAYS_ALONE = {
    "CreatedbStmt": "CREATE DATABASE",
    "DropdbStmt": "DROP DATABASE",
    "AlterSystemStmt": "ALTER SYSTEM",
    "CreateTableSpaceStmt": "CREATE TABLESPACE",
    "DropTableSpaceStmt": "DROP TABLESPACE",
}
PREPARED = {"TRANS_STMT_COMMIT_PREPARED": "COMMIT PREPARED", "TRANS_STMT_ROLLBACK_PREPARED": "ROLLBACK PREPARED"}
ENDS = ("TRANS_STMT_COMMIT", "TRANS_STMT_PREPARE")
OFF = ("false", "off", "0", "no")


@dataclass(frozen=True)
class Shape:
    """``parts`` are the statements of each transaction, in order, without those that the file itself rolls back.

    ``solo``: its only statement runs outside of a transaction block, or may commit inside. ``explicit``: it begins or
    ends transactions itself. ``impossible`` are (the statement, what SQL calls it), for statements that PostgreSQL
    refuses beside others.
    """

    parts: tuple[tuple[Any, ...], ...]
    solo: bool
    explicit: bool
    impossible: tuple[tuple[Any, str], ...]

    @property
    def atomic(self) -> bool:
        """Whether PostgreSQL runs the whole file or nothing of it."""
        return len(self.parts) <= 1 and not self.solo


def shape_of(script: str) -> Shape | None:
    """Return how a file runs; None where PostgreSQL's parser cannot read it, or is not installed."""
    if PGLAST_ERROR:
        return None
    try:
        return shape([statement.stmt for statement in parse_sql(script)])
    except ParseError:
        return None


def shape(statements: Sequence[Any]) -> Shape:
    alone = [(statement, what) for statement in statements if (what := needs_to_be_alone(statement))]
    solo = len(statements) == 1 and (bool(alone) or may_commit(statements[0]))
    explicit = any(isinstance(statement, ast.TransactionStmt) for statement in statements)
    return Shape(tuple(map(tuple, _parts(statements))), solo, explicit, tuple(alone) if len(statements) > 1 else ())


def _parts(statements: Sequence[Any]) -> Iterator[list[Any]]:
    part: list[Any] = []
    savepoints: dict[str, int] = {}
    for statement in statements:
        kind = statement.kind.name if isinstance(statement, ast.TransactionStmt) else ""
        if not kind:
            part.append(statement)
        elif kind == "TRANS_STMT_SAVEPOINT":
            savepoints[statement.savepoint_name] = len(part)
        elif kind == "TRANS_STMT_ROLLBACK_TO":
            del part[savepoints.get(statement.savepoint_name, 0) :]
        elif kind == "TRANS_STMT_ROLLBACK":
            part, savepoints = [], {}
        elif kind in ENDS:
            yield part
            part, savepoints = [], {}
    if part:
        yield part


def may_commit(statement: Any) -> bool:
    """Whether DO or CALL may end transactions inside, where it is the only statement."""
    match statement:
        case ast.CallStmt():
            return True
        case ast.DoStmt():
            body = next((option.arg.sval for option in statement.args if option.defname == "as"), "")
            return bool(COMMITS.search(body))
    return False


def needs_to_be_alone(statement: Any) -> str | None:
    """What SQL calls a statement that refuses to run inside of a transaction block; None for any other."""
    name = type(statement).__name__
    if name in ALWAYS_ALONE:
        return ALWAYS_ALONE[name]
    match statement:
        case ast.IndexStmt(concurrent=True):
            return "CREATE INDEX CONCURRENTLY"
        case ast.DropStmt(concurrent=True):
            return "DROP INDEX CONCURRENTLY"
        case ast.ReindexStmt() if is_on(statement.params, "concurrently"):
            return "REINDEX CONCURRENTLY"
        case ast.ReindexStmt() if statement.kind.name not in ("REINDEX_OBJECT_INDEX", "REINDEX_OBJECT_TABLE"):
            return f"REINDEX {statement.kind.name.rpartition('_')[2]}"
        case ast.VacuumStmt(is_vacuumcmd=True):
            return "VACUUM"
        case ast.ClusterStmt(relation=None):
            return "CLUSTER"
        case ast.DiscardStmt() if statement.target.name == "DISCARD_ALL":
            return "DISCARD ALL"
        case ast.AlterDatabaseStmt() if is_on(statement.options, "tablespace"):
            return "ALTER DATABASE SET TABLESPACE"
        case ast.TransactionStmt():
            return PREPARED.get(statement.kind.name)
        case ast.AlterTableStmt() if any(getattr(command.def_, "concurrent", False) for command in statement.cmds):
            return "DETACH PARTITION CONCURRENTLY"
        case ast.CreateSubscriptionStmt() if not _off(statement.options, "connect", "create_slot"):
            return "CREATE SUBSCRIPTION"
    return None


def _off(options: Any, *names: str) -> bool:
    return any(option.defname in names and getattr(option.arg, "sval", "") in OFF for option in options or ())
