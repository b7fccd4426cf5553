# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies migrations as ``prisma migrate deploy`` does, without Node: same lock, same table, same rows, one implicit transaction for each file."""

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

from ..core.errors import MigrationFailed, RunbookError, WaitTimeout
from ..core.wait import Outcome, Waiter
from .migration_safety import classify
from .postgres import execute, query
from .prisma import Migration, State

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
"""


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
            f"Another migration runs: {who} has held Prisma's lock for more than {LOCK_WAIT} s. Wait for it and run this again. If nobody migrates, it was "
            f"orphaned behind a pooler: end it with SELECT pg_terminate_backend({holder[0][0] if holder else 'pid'}).",
            code="P1002",
            retryable=True,
        ) from None
    try:
        query(connection, "RESET ALL")
        yield
    finally:
        with suppress(RunbookError):  # a connection that is gone took its lock along
            query(connection, "SELECT pg_advisory_unlock(%s)", [LOCK])


class Builtin:
    """``settings`` are seconds: ``lock_timeout`` and ``statement_timeout``, where 0 is no limit. ``lock_retries`` counts the tries after the first."""

    def __init__(self, connection: Any, waiter: Waiter, *, schema: str, settings: Mapping[str, float], lock_retries: int) -> None:
        self.connection, self.waiter, self.schema, self.settings, self.lock_retries = connection, waiter, schema, settings, lock_retries
        self._deadline = waiter.clock() + waiter.timeout
        connection.beat = self._beat

    def apply(self, look: Callable[[], State]) -> list[str]:
        """Apply what is pending and return the names. ``look`` tells the state anew once nobody else can change it, and refuses what must not go on.

        Raises MigrationFailed, WaitTimeout, LeaseLost or ConfigError, each with ``result["applied"]``.
        """
        applied: list[str] = []
        try:
            with locked(self.connection):
                state = look()
                if not state.known:
                    query(self.connection, sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self.schema)))
                    query(self.connection, TABLE)
                for migration in state.pending:
                    self._apply(migration)
                    applied.append(migration.name)
        except RunbookError as error:
            error.result["applied"] = applied
            raise
        return applied

    def _beat(self) -> None:
        self.waiter.check("the migrations")
        if self.waiter.clock() > self._deadline:
            raise WaitTimeout(f"The migrations were not done after {self.waiter.timeout:g} s (wait_timeout), so the running one was cancelled.")

    def _apply(self, migration: Migration) -> None:
        (verdict,) = classify([migration.sql])
        tries = iter(range(self.lock_retries, -1, -1))
        self.waiter.wait_for(
            lambda: self._try(migration, bool(verdict.atomic), next(tries)),
            lambda done: (Outcome.READY, "applied") if done else (Outcome.PENDING, "waiting for a lock"),
            what=f"The migration {migration.name}",
            look_at="pg_stat_activity for who holds the lock",
        )

    def _try(self, migration: Migration, atomic: bool, tries_left: int) -> bool:
        """Apply a file and return True; False when it waited in vain for a lock and can be tried again."""
        row = str(uuid.uuid4())
        start = "INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES (%s, %s, %s)"
        query(self.connection, start, [row, migration.checksum, migration.name])
        try:
            self._run(migration.sql)
        except errors.LockNotAvailable as error:
            if not atomic:
                raise self._failed(row, migration, error) from None
            self._undone(row, str(error))
            if tries_left:
                return False
            raise MigrationFailed(
                f"The migration {migration.name} waited {self.lock_retries + 1} times for a lock, each time for {self.settings['lock_timeout']:g} s "
                "(lock_timeout). Nothing of it was applied: run it again when the database is less busy, or end what holds the lock.",
                code="lock_timeout",
                retryable=True,
                migration=migration.name,
            ) from None
        except psycopg2.Error as error:
            raise self._failed(row, migration, error) from None
        except RunbookError as stopped:
            if atomic:
                self._undone(row, str(stopped))
            raise
        query(self.connection, "UPDATE _prisma_migrations SET applied_steps_count = applied_steps_count + 1, finished_at = now() WHERE id = %s", [row])
        return True

    def _run(self, script: str) -> None:
        """Send the whole file at once: to the server one implicit transaction. Settings go before it, as a preamble would break CONCURRENTLY."""
        for name, seconds in self.settings.items():
            query(self.connection, "SELECT set_config(%s, %s, false)", [name, f"{round(seconds * 1000)}ms"])
        with suppress(RunbookError):  # PostgreSQL 14 and later, on Linux: a killed run does not go on
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

    def _undone(self, row: str, why: str) -> None:
        """Note that nothing of a file was applied and that it may be tried again, as ``prisma migrate resolve --rolled-back`` does."""
        query(self.connection, "UPDATE _prisma_migrations SET rolled_back_at = now(), logs = %s WHERE id = %s", [why, row])

    def _failed(self, row: str, migration: Migration, error: Any) -> MigrationFailed:
        """Write the logs as Prisma does and return what to raise; the row stays failed until somebody resolves it."""
        diag = error.diag
        line = migration.sql.count("\n", 0, int(diag.statement_position) - 1) + 1 if diag.statement_position else None
        place = f"migration.sql line {line}" if line else "migration.sql"
        said = diag.message_primary or str(error).strip()
        if self.connection.closed:
            return MigrationFailed(
                f"The connection was lost while {migration.name} ran: {said}. It is not known whether it was applied: run this again, and it will be told.",
                code="connection_lost",
                migration=migration.name,
            )
        detail = [f"{word}: {text}" for word, text in (("DETAIL", diag.message_detail), ("HINT", diag.message_hint)) if text]
        logs = [f"Migration name: {migration.name}", f"Database error code: {error.pgcode}", f"Database error in {place}: {said}", *detail]
        query(self.connection, "UPDATE _prisma_migrations SET logs = %s WHERE id = %s", ["\n\n".join(logs), row])
        return MigrationFailed(
            f"The migration {migration.name} failed ({place}): {' '.join([said, *detail])}. The release that is live keeps serving, on the schema as it is. "
            "Mend the migration; what to do with the failed one is told by the next run.",
            code="P3018",
            sqlstate=error.pgcode,
            migration=migration.name,
        )
