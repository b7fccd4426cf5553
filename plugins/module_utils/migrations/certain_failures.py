# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuses before anything runs what PostgreSQL is certain to refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.amounts import number
from ..core.errors import ConfigError
from ..postgres.connection import query
from .sql import PGLAST_ERROR, ParseError, ast, parse_sql, quoted
from .traces import Trace, Traces, found, look_for
from .transactions import shape

if TYPE_CHECKING:
    from .classify import Classification
    from .history import State
    from .migration import Migration


VALUE = "SELECT 1 FROM pg_enum JOIN pg_type t ON t.oid = enumtypid WHERE typname = %s AND enumlabel = %s"


def refuse_certain_failures(
    connection: Any, pending: Sequence[Migration], verdicts: Sequence[Classification], folder: str
) -> None:
    """Raise ConfigError for the first file that PostgreSQL is certain to refuse. ``folder`` is what the
    operator calls the folder of the migrations.
    """
    for migration, verdict in zip(pending, verdicts, strict=True):
        why = _beside_others(migration.sql) or _early_value(connection, verdict)
        if why:
            line, statement, reason = why
            raise ConfigError(
                f"The migration {migration.name} is certain to fail, so nothing was started: {statement} (line {line}"
                f" of {folder}/{migration.name}/migration.sql) {reason}",
                code="certain_failure",
                migration=migration.name,
            )


def _beside_others(script: str) -> tuple[int, str, str] | None:
    found = impossible_in(script)
    return found and (
        *found,
        (
            "cannot run inside of a transaction block, and PostgreSQL runs a file of several statements as one. Move"
            " that statement to a migration of its own that holds nothing else."
        ),
    )


def _early_value(connection: Any, verdict: Classification) -> tuple[int | None, str | None, str] | None:
    """Find a value of an enum that is used in the transaction that adds it.

    It is not certain where the database has a value of this name already, which no migration has to have added.
    """
    for finding in verdict.reasons:
        early = finding.early
        if (
            early
            and early.fails_on(connection.server_version)
            and not query(connection, VALUE, [early.type.rpartition(".")[2], early.label])
        ):
            reason = (
                f"uses the value {early.label} of the type {early.type}, and PostgreSQL refuses that before the"
                " transaction that adds the value is committed. Move the statement that adds it to a migration of its"
                " own before this one."
            )
            return finding.line, finding.statement, reason
    return None


def refuse_squashed(connection: Any, state: State) -> None:
    """Raise ConfigError where the first pending file creates tables that are there, and the database has a history that
    the release does not know: it was squashed into that file, which must not run here.
    """
    if not state.missing or not state.pending or PGLAST_ERROR:
        return
    first = state.pending[0]
    created = _tables_created(first.sql)
    there = [str(trace) for trace, is_there in zip(created, found(connection, created), strict=True) if is_there]
    if not there:
        return
    resolve = (
        f"state: resolved_applied with migration: {first.name} (prisma migrate resolve --applied {first.name}), which"
        " runs nothing"
    )
    unlike = look_for(connection, Traces([first.sql]))[1]
    lacking = (
        f" Not everything that it creates exists yet ({', '.join(map(str, unlike[:3]))}): deploy the release before it"
        " was squashed first."
        if unlike
        else ""
    )
    unknown = (
        f"{number(len(state.missing), 'migration')} that the release does not know ({', '.join(state.missing[:3])})"
    )
    raise ConfigError(
        f"The migration {first.name} creates what already exists ({', '.join(there[:3])}), and the database has"
        f" {unknown}: their history was squashed into it. It would fail here, so nothing was started.{lacking} Mark it"
        f" as applied: {resolve}.",
        code="squashed",
        migration=first.name,
    )


def _tables_created(script: str) -> list[Trace]:
    try:
        statements = [statement.stmt for statement in parse_sql(script)]
    except ParseError:
        return []
    made = [
        each
        for each in statements
        if isinstance(each, ast.CreateStmt) and not each.if_not_exists and each.relation.relpersistence != "t"
    ]
    return [Trace("table", quoted(statement.relation)) for statement in made]


def impossible_in(script: str) -> tuple[int, str] | None:
    """Return (the line, what SQL calls it) of the first statement that cannot run in this file; None where
    there is none, or the file cannot be read.
    """
    if PGLAST_ERROR:
        return None
    try:
        raw = parse_sql(script)
    except ParseError:
        return None
    refused = shape([statement.stmt for statement in raw]).impossible
    places = {
        id(statement.stmt): script.count("\n", 0, _begin(script, statement.stmt_location or 0)) + 1 for statement in raw
    }
    return (places[id(refused[0][0])], refused[0][1]) if refused else None


def _begin(script: str, place: int) -> int:
    """Where the statement itself begins, past the line end of the one before it."""
    return place + len(script[place:]) - len(script[place:].lstrip())
