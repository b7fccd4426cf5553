# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies migrations as ``prisma migrate deploy`` does, without Node: same lock, same table, same rows, one
implicit transaction for each file.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

try:
    import psycopg2
    from psycopg2 import errors, extensions, sql
except ImportError:  # reported by data.postgres
    pass

from ..core.amounts import number
from ..core.errors import MigrationFailed, RunbookError, WaitTimeout
from ..core.progress import report
from ..core.wait import Outcome, Waiter
from ..postgres.connection import execute, query, quote_name
from . import notes
from .history import State
from .lock_holders import lock_holders
from .migration import Migration
from .schema_evidence import UNDONE, Fate, fate_of
from .transactions import Shape, shape_of

LOCK = 72707369  # Prisma's own advisory lock
LOCK_WAIT = 10  # seconds that Prisma waits for it
TABLE = """
CREATE TABLE _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
)
"""
HOLDER = """
SELECT pid, application_name, backend_start::text FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = %s AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: E501

# Errors that say nothing against the file.
TRANSIENT = {
    "57014": (
        "The statement took longer than statement_timeout, or somebody cancelled it: raise statement_timeout or make it"
        " faster"
    ),
    "40P01": (
        "It and another session waited for each other, and PostgreSQL ended this one: run it again when the database is"
        " less busy"
    ),
    "40001": "Another transaction changed the same rows: run it again when the database is less busy",
    "53100": "The server's disk is full: free space first",
}


@contextmanager
def locked(connection: Any) -> Iterator[None]:
    """Hold Prisma's own lock, so that nobody else migrates. Raises MigrationFailed where somebody does."""
    query(connection, "SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_WAIT}s"])
    try:
        execute(connection, "SELECT pg_advisory_lock(%s)", [LOCK])
    except errors.LockNotAvailable:
        holder = query(connection, HOLDER, [LOCK])
        who = "pid {} ({}, connected since {})".format(*holder[0]) if holder else "somebody"
        raise MigrationFailed(
            f"Another migration is running: {who} has held Prisma's lock for more than {LOCK_WAIT} s. Wait for it and"
            " run this again. If no migration is running, the lock was orphaned behind a pooler: end it with SELECT"
            f" pg_terminate_backend({holder[0][0] if holder else 'pid'}).",
            code="P1002",
            retryable=True,
        ) from None
    try:
        query(connection, "RESET ALL")
        yield
    finally:
        with suppress(RunbookError):  # a connection that is gone took its lock along
            query(connection, "SELECT pg_advisory_unlock(%s)", [LOCK])


def create_table(connection: Any, schema: str) -> None:
    """Create Prisma's table, and its schema where there is none: CREATE SCHEMA IF NOT EXISTS asks for a
    right on the database even where there is one.
    """
    if query(connection, "SELECT to_regnamespace(%s)", [quote_name(schema)]) == [(None,)]:
        query(connection, sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    query(connection, TABLE)


class Builtin:
    """``settings`` are seconds: ``lock_timeout`` and ``statement_timeout``, where 0 is no limit.
    ``lock_retries`` counts the tries after the first.
    """

    def __init__(
        self, connection: Any, waiter: Waiter, *, schema: str, settings: Mapping[str, float], lock_retries: int
    ) -> None:
        self.connection, self.waiter, self.schema, self.settings, self.lock_retries = (
            connection,
            waiter,
            schema,
            settings,
            lock_retries,
        )
        self._deadline = waiter.clock() + waiter.timeout
        connection.heartbeat = self._heartbeat

    def apply(self, read_state: Callable[[], State]) -> list[str]:
        """Apply what is pending and return the names. ``read_state`` reads the state once nobody else can change
        it, and refuses what must not continue.

        Raises MigrationFailed, WaitTimeout, LeaseLost or ConfigError, each with ``result["applied"]``.
        """
        applied: list[str] = []
        try:
            with locked(self.connection):
                state = read_state()
                if not state.known:
                    create_table(self.connection, self.schema)
                for place, migration in enumerate(state.pending, 1):
                    report(f"Migration {place} of {len(state.pending)}: {migration.name}")
                    self._apply(migration)
                    applied.append(migration.name)
        except RunbookError as error:
            error.result["applied"] = applied
            raise
        return applied

    def _heartbeat(self) -> None:
        self.waiter.check("the migrations")
        if self.waiter.clock() > self._deadline:
            raise WaitTimeout(
                f"The migrations were not done after {self.waiter.timeout:g} s (wait_timeout), so the running one was"
                " cancelled."
            )

    def _apply(self, migration: Migration) -> None:
        shape = shape_of(migration.sql)
        tries = iter(range(self.lock_retries, -1, -1))
        self.waiter.wait_for(
            lambda: self._try(migration, shape, next(tries)),
            lambda done: (Outcome.READY, "applied") if done else (Outcome.PENDING, "waiting for a lock"),
            what=f"The migration {migration.name}",
            check_next="pg_stat_activity for who holds the lock",
        )

    def _try(self, migration: Migration, shape: Shape | None, tries_left: int) -> bool:
        """Apply a file and return True; False when it did not get a lock and can be tried again."""
        row, atomic = str(uuid.uuid4()), bool(shape and shape.atomic)
        note = self._note(migration)
        start = "INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES (%s, %s, %s)"
        query(self.connection, start, [row, migration.checksum, migration.name])
        try:
            self._run(migration.sql)
        except errors.LockNotAvailable as error:
            holders = lock_holders(self.connection, migration.sql)
            fate = Fate(UNDONE) if atomic else fate_of(self.connection, note, migration.sql, logged=True)
            # one statement that is no transaction may have left what only looks like nothing
            if fate.verdict != UNDONE or (shape and shape.solo):
                raise self._waited(migration, self._write_failure(row, migration, error, note), fate, holders) from None
            self._undone(row, migration, str(error), note)
            if tries_left:
                return False
            raise MigrationFailed(
                f"The migration {migration.name} waited {number(self.lock_retries + 1, 'time')} for a lock, each time"
                f" for {self.settings['lock_timeout']:g} s (lock_timeout). Nothing of it was applied: run it again when"
                f" the database is less busy, or end what holds the lock.{holders}",
                code="lock_timeout",
                retryable=True,
                migration=migration.name,
            ) from None
        except psycopg2.Error as error:
            raise self._failed(row, migration, error, note) from None
        except RunbookError as stopped:
            if atomic:
                self._undone(row, migration, str(stopped), note)
            raise
        query(
            self.connection,
            "UPDATE _prisma_migrations SET applied_steps_count = applied_steps_count + 1, finished_at = now() WHERE id"
            " = %s",
            [row],
        )
        notes.forget(self.connection, [migration.name])
        return True

    def _note(self, migration: Migration) -> Any:
        """Note the state before a file runs, so that its outcome can be found out; None where that cannot
        be noted.
        """
        return notes.note_pending(self.connection, [migration]).get(migration.name)

    def _run(self, script: str) -> None:
        """Send the whole file at once: to the server one implicit transaction. Settings go before it, as a
        preamble would break CONCURRENTLY.
        """
        for name, seconds in self.settings.items():
            query(self.connection, "SELECT set_config(%s, %s, false)", [name, f"{round(seconds * 1000)}ms"])
        with suppress(RunbookError):  # PostgreSQL 14 and later, on Linux: a killed run does not continue
            query(self.connection, "SET client_connection_check_interval = '5s'")
        try:
            self._send(script)
        except psycopg2.ProgrammingError as error:
            if error.pgcode or "empty query" not in str(error):  # psycopg2's own words for a file of comments
                raise
        finally:
            if not self.connection.closed:
                left_open = self.connection.info.transaction_status != extensions.TRANSACTION_STATUS_IDLE
                if left_open:
                    query(self.connection, "ROLLBACK")
                query(self.connection, "RESET ALL")
        if left_open:
            raise psycopg2.ProgrammingError("the file leaves its transaction open; end it with COMMIT")

    def _send(self, script: str) -> None:
        execute(self.connection, script)

    def _undone(self, row: str, migration: Migration, why: str, note: Any) -> None:
        """Note that nothing of a file was applied and that it may be tried again, as ``prisma migrate
        resolve --rolled-back`` does.
        """
        query(
            self.connection,
            "UPDATE _prisma_migrations SET rolled_back_at = now(), logs = %s WHERE id = %s",
            [notes.with_note(why, note), row],
        )
        notes.forget(self.connection, [migration.name])

    def _write_failure(self, row: str, migration: Migration, error: Any, note: Any) -> str:
        """Write the logs as Prisma does and return (the place, the server's words); the row stays failed
        until somebody resolves it.
        """
        place, message, detail = _words_of(error, migration.sql)
        logs = [
            f"Migration name: {migration.name}",
            f"Database error code: {error.pgcode}",
            f"Database error in {place}: {message}",
            *detail,
        ]
        query(
            self.connection,
            "UPDATE _prisma_migrations SET logs = %s WHERE id = %s",
            [notes.with_note("\n\n".join(logs), note), row],
        )
        notes.forget(self.connection, [migration.name])
        return f"({place}): {' '.join([message, *detail])}"

    def _waited(self, migration: Migration, message: str, fate: Fate, holders: str) -> MigrationFailed:
        left = "Nothing that it names has changed" if fate.verdict == UNDONE else "A part of it may be applied"
        return MigrationFailed(
            f"The migration {migration.name} did not get a lock within {self.settings['lock_timeout']:g} s"
            f" (lock_timeout) {message}. {left}, so it is not tried again automatically: the next run reports its state"
            f" and which state resolves it.{holders}",
            code="lock_timeout",
            sqlstate="55P03",
            migration=migration.name,
        )

    def _failed(self, row: str, migration: Migration, error: Any, note: Any) -> MigrationFailed:
        if self.connection.closed:
            message = _words_of(error, migration.sql)[1]
            return MigrationFailed(
                f"The connection was lost while {migration.name} ran: {message}. It is not known whether it was"
                " applied. Rerun the task to find out.",
                code="connection_lost",
                migration=migration.name,
            )
        message = self._write_failure(row, migration, error, note)
        advice = TRANSIENT.get(error.pgcode or "", "Correct the migration")
        return MigrationFailed(
            f"The migration {migration.name} failed {message}. The live release keeps serving, on the schema as it is."
            f" {advice}; the next run says what to do with the failed one.",
            code="P3018",
            sqlstate=error.pgcode,
            migration=migration.name,
        )


def _words_of(error: Any, script: str) -> tuple[str, str, list[str]]:
    """Return (where in the file the error is, what the server said, its detail and hint)."""
    diag = error.diag
    line = script.count("\n", 0, int(diag.statement_position) - 1) + 1 if diag.statement_position else None
    detail = [
        f"{word}: {text}" for word, text in (("DETAIL", diag.message_detail), ("HINT", diag.message_hint)) if text
    ]
    return f"migration.sql line {line}" if line else "migration.sql", diag.message_primary or str(error).strip(), detail
