# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks migrations in ``_prisma_migrations`` as ``prisma migrate resolve`` does, unless what the database
holds contradicts it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import ConfigError, RunbookError
from ..postgres.connection import query
from . import notes
from .failure import explain
from .history import State, inspect, list_tables
from .migration import Migration, Row
from .runner_builtin import TABLE, locked
from .traces import Traces, look_for
from .unrun import Proof, proof_of

FORCED = "storefront.runbook: marked by force. Reason: "
ROLL_BACK = (
    "UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = %s AND finished_at IS NULL AND"
    " rolled_back_at IS NULL"
)
ROLL_BACK_FORCED = ROLL_BACK.replace(" WHERE", ", logs = concat_ws(E'\\n\\n', logs, %s) WHERE", 1)
MARK = (
    "INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, logs) VALUES (%s, %s, %s,"
    " now(), now(), '')"
)
MARK_FORCED = MARK.replace("'')", "%s)")


@dataclass
class Marks:
    """What is to be written: ``applied`` gets a row each, ``rolled_back`` names whose failed rows end. ``new`` creates
    Prisma's table first; ``reason`` is why it is written although it is unknown whether it is so.
    """

    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    applied: list[Migration] = field(default_factory=list)
    rolled_back: list[str] = field(default_factory=list)
    new: bool = False
    reason: str = ""


def marks_for(
    connection: Any,
    migrations: Sequence[Migration],
    schema: str,
    *,
    state: str,
    name: str | None,
    reason: str | None = None,
) -> Marks:
    """What it takes to reach ``state``: resolved_applied, resolved_rolled_back or baselined. Raises ConfigError where
    that contradicts what is known.

    A ``reason`` forces it if the state of a migration is unknown, or if a part of it is applied.
    """
    now = inspect(connection, migrations)
    if state == "baselined":
        return as_baselined(connection, now, migrations, name, list_tables(connection, schema))
    if state == "resolved_applied":
        return as_applied(connection, now, migrations, name or "", reason)  # this state and the next one require a name
    return as_rolled_back(now, migrations, name or "", reason)


def as_applied(
    connection: Any, state: State, migrations: Sequence[Migration], name: str, reason: str | None = None
) -> Marks:
    """Mark a migration as applied. Raises ConfigError if it was undone, if what it creates does not exist,
    or if that is unknown.
    """
    migration = _file(migrations, name)
    rows, failed = _rows(state, name), [row for row in state.failed if row.name == name]
    if name in state.applied:
        return Marks()
    if failed:
        forced = _judged(state, failed, migration, "applied", reason)
    else:
        proof = proof_of(connection, migration, rows[-1:], migrations[: migrations.index(migration)])
        forced = _proven(migration, proof, reason)
    before = "failed" if failed else "rolled_back" if rows else "pending"
    return Marks(
        {name: before}, {name: "applied"}, [migration], [row.name for row in failed], new=not state.known, reason=forced
    )


def _proven(migration: Migration, proof: Proof, reason: str | None) -> str:
    """Do as ``_judged`` for a migration that did not fail: it was never begun, or it was rolled back."""
    if proof.against:
        raise ConfigError(
            f"The migration {migration.name} cannot be marked as applied: {_listed(proof.against)} is not as it leaves"
            " it. Complete it by hand, or undo what is there of it and use state: applied.",
            code="contradicted",
        )
    if proof.undone:
        raise ConfigError(
            f"The migration {migration.name} cannot be marked as applied: none of it is applied. What it names is as"
            " it was before it was tried. Use state: applied, which runs it.",
            code="contradicted",
        )
    if proof.shows or reason:
        return "" if proof.shows else FORCED + str(reason)
    raise ConfigError(
        f"The migration {migration.name} cannot be marked as applied: it is unknown whether it is. What it makes"
        " was there before it, or the catalogue does not show it. Check the database. Where all of it is there, mark"
        " it with force: true and a reason; else use state: applied, which runs it.",
        code="cannot_be_told",
    )


def as_rolled_back(state: State, migrations: Sequence[Migration], name: str, reason: str | None = None) -> Marks:
    """Mark a failed migration as undone, so that it is applied again.

    Raises ConfigError if it is applied, was never started, left something behind, or if that is unknown.
    """
    rows = _rows(state, name)
    if not rows:
        raise ConfigError(
            f"The migration {name} was never started, so there is nothing to mark as rolled back. Correct migration.",
            code="P3011",
        )
    if name in state.applied:
        raise ConfigError(
            f"The migration {name} is applied, so it cannot be marked as rolled back. Undo it by a new migration.",
            code="P3012",
        )
    failed = [row for row in state.failed if row.name == name]
    if not failed:
        return Marks()
    migration = next((migration for migration in migrations if migration.name == name), None)
    forced = _judged(state, failed, migration, "rolled back", reason)
    return Marks({name: "failed"}, {name: "rolled_back"}, rolled_back=[name], reason=forced)


def _judged(state: State, failed: Sequence[Row], migration: Migration | None, mark: str, reason: str | None) -> str:
    """Return what to record of a mark that is forced, nothing for one that is right. Raises ConfigError for
    one that is wrong, or not known to be right.
    """
    name = failed[0].name
    fate, explained = state.fates[name], explain(failed[0], migration, state.fates[name])
    if fate.verdict == ("applied" if mark == "applied" else "undone"):
        return ""
    if fate.verdict in ("partly", "unknown") and reason:
        return FORCED + reason
    differ = fate.lacking if mark == "applied" else fate.left
    verb = "is" if len(differ) == 1 else "are"
    known = {"undone": "none of it is applied", "applied": "all of it is applied"}.get(
        fate.verdict, "only a part of it is applied"
    )
    what = f"{_listed(differ)} {verb} {'not ' if mark == 'applied' else ''}as it leaves it" if differ else known
    if fate.verdict == "unknown" and not differ:
        what = f"it is unknown whether it is ({fate.why})"
    code = "cannot_be_told" if fate.verdict == "unknown" and not differ else "contradicted"
    forced = " Or mark it with force: true and a reason." if fate.verdict == "partly" else ""
    raise ConfigError(
        f"The migration {name} cannot be marked as {mark}: {what}. {explained['explanation']}{forced}", code=code
    )


def as_baselined(
    connection: Any, state: State, migrations: Sequence[Migration], name: str | None, tables: Sequence[str]
) -> Marks:
    """Mark all migrations as applied, or those up to ``name``, for a schema that was made without them.
    Raises ConfigError.
    """
    upto = migrations.index(_file(migrations, name)) + 1 if name else len(migrations)
    wanted = list(migrations[:upto])
    if state.known:
        if {migration.name for migration in wanted} <= set(state.applied):
            return Marks()
        raise ConfigError(
            "The schema has a _prisma_migrations already, so it needs no baseline. Mark what else it has with state:"
            " resolved_applied.",
            code="contradicted",
        )
    if not tables:
        raise ConfigError(
            "The schema has no tables, so there is nothing to baseline. Use state: applied, which makes them.",
            code="contradicted",
        )
    _unused, against = look_for(connection, Traces(migration.sql for migration in wanted))
    if against:
        raise ConfigError(
            f"The schema is not what {wanted[-1].name} leaves: {_listed(against)} is not so. Name the last migration"
            " that it has as migration.",
            code="contradicted",
        )
    names = [migration.name for migration in wanted]
    return Marks(dict.fromkeys(names, "pending"), dict.fromkeys(names, "applied"), wanted, new=True)


def write(connection: Any, marks: Callable[[], Marks]) -> list[str]:
    """Write what ``marks`` says once nobody else can migrate, all of it or nothing, and return the names."""
    with locked(connection):
        what = marks()
        query(connection, "BEGIN")
        try:
            if what.new:
                query(connection, TABLE)
            for name in what.rolled_back:
                forced = what.reason and not what.applied  # else the reason is with the row that says applied
                query(connection, *((ROLL_BACK_FORCED, [what.reason, name]) if forced else (ROLL_BACK, [name])))
            for migration in what.applied:
                row = [str(uuid.uuid4()), migration.checksum, migration.name]
                query(connection, *((MARK_FORCED, [*row, what.reason]) if what.reason else (MARK, row)))
            query(connection, "COMMIT")
            notes.forget(connection, what.after)
        except BaseException:
            with suppress(RunbookError):  # a connection that is gone took its transaction along
                query(connection, "ROLLBACK")
            raise
    return list(what.after)


def _file(migrations: Sequence[Migration], name: str) -> Migration:
    for migration in migrations:
        if migration.name == name:
            return migration
    raise ConfigError(
        f"The release has no migration {name!r}. Its last ones are {', '.join(each.name for each in migrations[-3:])}.",
        code="P3017",
    )


def _rows(state: State, name: str) -> list[Row]:
    return [row for row in state.rows if row.name == name]


def _listed(traces: Sequence[Any]) -> str:
    return ", ".join(map(str, traces[:3])) + (", …" if len(traces) > 3 else "")
