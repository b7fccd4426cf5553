# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the project's own Prisma or a platform apply the migrations, and reads the result from the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..core.errors import CommandFailed, MigrationFailed, RunbookError
from ..core.wait import Outcome, Waiter
from ..postgres.connection import query
from . import notes as prisma_notes
from . import runner_cli
from .failure import explain, waited_in_vain
from .history import State
from .migration import Migration
from .runner_builtin import create_table

WRITE_NOTE = (
    "UPDATE _prisma_migrations SET logs = %s WHERE migration_name = %s AND finished_at IS NULL AND rolled_back_at IS"
    " NULL"
)


def apply_by_cli(
    cli: runner_cli.Prisma,
    files: Path,
    url: str,
    waiter: Waiter,
    *,
    inspect: Callable[[], State],
    pending: Sequence[Migration],
    holders: Callable[[str], str] = lambda script: "",
) -> list[str]:
    """Run ``prisma migrate deploy`` and return the names of what it applied. Raises MigrationFailed or CommandFailed,
    with ``result["applied"]``.

    ``holders`` says who holds a lock that a script waited for.
    """
    code, printed = runner_cli.deploy(cli, files, url, waiter)
    state = inspect()
    applied = [migration.name for migration in pending if migration.name in state.applied]
    if code == 0 and len(applied) == len(pending):
        return applied
    if state.failed:
        error: RunbookError = failure(state, pending, "Prisma", holders)
    else:
        engine = (
            ""
            if cli.engine
            else (
                f" Its schema engine is not in {cli.modules}: run npm ci where downloads are allowed, or use runner:"
                " builtin."
            )
        )
        error = CommandFailed(
            f"Prisma {cli.version} ended with exit code {code} and left migrations pending.{engine} Its output:"
            f" {printed}",
            code=str(code),
        )
    error.result["applied"] = applied
    raise error


@contextmanager
def noted(connection: Any, schema: str, state: State) -> Iterator[None]:
    """Note the state before the pending migrations while another program applies them, and record what was
    noted of one that failed with its logs.
    """
    if not state.known:
        create_table(connection, schema)  # as Prisma would; where it then writes nothing, the table goes again
    notes = prisma_notes.note_pending(connection, state.pending)
    try:
        yield
    finally:
        with suppress(RunbookError):
            _settle(connection, notes)
            if query(connection, "SELECT count(*) FROM _prisma_migrations") == [(0,)] and not state.known:
                query(connection, "DROP TABLE _prisma_migrations")


def _settle(connection: Any, notes: prisma_notes.Notes) -> None:
    begun = dict(
        query(
            connection,
            "SELECT migration_name, logs FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL",
        )
    )
    for name, logs in begun.items():
        if logs and name in notes:
            query(connection, WRITE_NOTE, [prisma_notes.with_note(logs, notes[name]), name])
    prisma_notes.forget(connection, [name for name in notes if begun.get(name, "never begun")])


def failure(
    state: State, migrations: Sequence[Migration], whose: str, holders: Callable[[str], str] = lambda script: ""
) -> MigrationFailed:
    """What to raise for the migration that ``whose`` run left failed."""
    row = state.failed[0]
    file = next((migration for migration in migrations if migration.name == row.name), None)
    failed, waited = explain(row, file, state.fates.get(row.name)), waited_in_vain(row.logs)
    held = holders(file.sql) if waited and file else ""
    error = MigrationFailed(
        f"The migration {row.name} failed. {failed['explanation']}{held} {whose} wrote:"
        f" {(row.logs or 'nothing')[:1000]}",
        code="lock_timeout" if waited else "P3018",
        migration=row.name,
    )
    error.result["unresolved"] = [failed]
    return error


def await_applied(inspect: Callable[[], State], migrations: Sequence[Migration], waiter: Waiter) -> State:
    """Wait until each of ``migrations`` is applied, by whomever, and return the state. Raises
    MigrationFailed or WaitTimeout.
    """

    def read_state() -> State:
        state = inspect()
        if state.failed:
            raise failure(state, migrations, "The other migrator")
        return state

    def judge(state: State) -> tuple[Outcome, str]:
        return (
            (Outcome.PENDING, f"pending from {state.pending[0].name} on")
            if state.pending
            else (Outcome.READY, "applied")
        )

    return waiter.wait_for(
        read_state, judge, what="The release's migrations", check_next="the log of the platform's pre-deploy command"
    )
