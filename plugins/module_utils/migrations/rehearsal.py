# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies migrations to a scratch copy and watches them: how long each takes, what it locks meanwhile, and
how many rows it touches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ..core.errors import ConfigError, RunbookError
from ..core.wait import Waiter
from ..postgres.connection import execute, query
from .history import State
from .migration import Migration
from .runner_builtin import Builtin
from .sql import relations_in
from .transactions import Shape

COUNT_TIMEOUT = 60  # seconds for counting one table
SAMPLES = 0.02  # seconds between two samples of the locks of a file that is not one transaction
RELATIONS = """
SELECT pg_class.oid, format('%I.%I', nspname, relname),
       CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'S' THEN 'sequence' ELSE 'view' END
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relname !~ '^_prisma_migrations'
"""  # noqa: E501
# Sent with the file, as the last statement of its transaction: PostgreSQL keeps the locks until that ends, and counts
# the rows that it wrote.
WATCH = """
;SELECT relation::bigint, mode, NULL::bigint, NULL::bigint, NULL::bigint FROM pg_catalog.pg_locks
WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND granted
UNION ALL SELECT relid::bigint, NULL, n_tup_ins, n_tup_upd, n_tup_del FROM pg_catalog.pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0
"""  # noqa: E501
WRITTEN = "SELECT count(*) FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0"
HELD = "SELECT relation::bigint, mode FROM pg_locks WHERE pid = %s AND locktype = 'relation' AND granted"
TABLE = """
SELECT pg_class.oid::bigint, format('%%I.%%I', nspname, relname) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE pg_class.oid = to_regclass(%s) AND relkind IN ('r', 'p', 'm')
"""  # noqa: E501
BLOCKS = {
    "ShareLock": ["writes"],
    "ShareRowExclusiveLock": ["writes"],
    "ExclusiveLock": ["writes"],
    "AccessExclusiveLock": ["reads", "writes"],
}


class Rehearsal(Builtin):
    """``watcher`` is a second connection to the same database. ``rehearsed`` has what was seen of each
    migration so far.
    """

    def __init__(
        self, connection: Any, watcher: Any, waiter: Waiter, *, schema: str, settings: Mapping[str, float]
    ) -> None:
        super().__init__(connection, waiter, schema=schema, settings=settings, lock_retries=0)
        self.watcher = watcher
        self.rehearsed: list[dict[str, Any]] = []
        self._atomic = self._counts = False
        self._held: set[tuple[int, str]] = set()
        self._written: dict[int, tuple[int, int, int]] = {}
        self._seconds = 0.0

    def apply(self, read_state: Callable[[], State]) -> list[str]:
        """Apply what is pending to the scratch copy. Raises as Builtin does, with ``result["rehearsed"]``."""
        try:
            return super().apply(read_state)
        except RunbookError as error:
            error.args = (f"In the rehearsal, which does not change production: {error}",)
            error.details["message"] = str(error)
            error.result["rehearsed"] = self.rehearsed
            raise

    def _try(self, migration: Migration, shape: Shape | None, tries_left: int) -> bool:
        # what is sent after the file's own COMMIT is not in its transaction
        atomic = bool(shape and shape.atomic and not shape.explicit)
        self._atomic, self._held, self._written, self._seconds = atomic, set(), {}, 0.0
        known = {oid: (name, kind) for oid, name, kind in query(self.connection, RELATIONS)}
        before = self._counted(relations_in(migration.sql))
        self._counts = atomic and self._settle()
        done = super()._try(migration, shape, tries_left)
        after = self._counted([*relations_in(migration.sql), *(known[oid][0] for oid in self._written if oid in known)])
        self.rehearsed.append(
            {
                "name": migration.name,
                "seconds": round(self._seconds, 3),
                "transaction": atomic,
                "locks": [
                    {"relation": known[oid][0], "kind": known[oid][1], "mode": mode, "blocks": BLOCKS.get(mode, [])}
                    for oid, mode in sorted(self._held, key=lambda lock: (known.get(lock[0], ("",)), lock[1]))
                    if oid in known  # nobody else can wait for what the migration itself made
                ],
                "tables": list(self._tables(before, after)),
            }
        )
        return done

    def _note(self, migration: Migration) -> None:
        """The copy is thrown away, whatever becomes of it."""

    def _tables(
        self, before: Mapping[int, tuple[str, int | None]], after: Mapping[int, tuple[str, int | None]]
    ) -> Iterator[dict[str, Any]]:
        for oid in [*before, *(oid for oid in after if oid not in before)]:
            counted = {
                "name": (after.get(oid) or before[oid])[0],
                "rows_before": before.get(oid, ("", None))[1],
                "rows_after": after.get(oid, ("", None))[1],
            }
            written = self._written.get(oid, (0, 0, 0)) if self._counts else (None, None, None)
            yield {**counted, **dict(zip(("inserted", "updated", "deleted"), written, strict=True))}

    def _send(self, script: str) -> None:
        began = self.waiter.clock()
        if self._atomic:
            for oid, mode, *rows in execute(self.connection, script + WATCH):
                if mode:
                    self._held.add((oid, mode))
                else:
                    self._written[oid] = (rows[0], rows[1], rows[2])
        else:
            with self._sampled():
                execute(self.connection, script)
        self._seconds = self.waiter.clock() - began

    @contextmanager
    def _sampled(self) -> Iterator[None]:
        """Read the locks repeatedly while a file runs that may take and release them several times."""
        pid, ended = self.connection.info.backend_pid, threading.Event()

        def sample() -> None:
            with suppress(RunbookError):
                while not ended.wait(SAMPLES):
                    self._held.update((oid, mode) for oid, mode in query(self.watcher, HELD, [pid]))

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _settle(self) -> bool:
        """Wait until the session has handed on what it counted before, or that would be taken for the next
        file's; it does so at most once a second.
        """
        with suppress(RunbookError):  # PostgreSQL 15 and later: at once
            query(self.connection, "SELECT pg_stat_force_next_flush()")
        for _turn in range(20):
            if query(self.connection, WRITTEN) == [(0,)]:
                return True
            self.waiter.sleep(0.1)
        return False

    def _counted(self, names: Sequence[str]) -> dict[int, tuple[str, int | None]]:
        """Each table's name and rows by its oid; None where counting took too long."""
        counted: dict[int, tuple[str, int | None]] = {}
        query(self.connection, "SELECT set_config('statement_timeout', %s, false)", [f"{COUNT_TIMEOUT}s"])
        for name in names:
            for oid, shown in query(self.connection, TABLE, [name]):
                counted[oid] = (shown, None)
                with suppress(RunbookError):
                    ((rows,),) = query(self.connection, f"SELECT count(*) FROM {shown}")  # noqa: S608 PostgreSQL quoted it
                    counted[oid] = (shown, rows)
        query(self.connection, "RESET ALL")
        return counted


def refuse_another_state(production: State, scratch: State) -> None:
    """Raise ConfigError unless the scratch copy has the migrations that production has, so that what is
    rehearsed is what will run.
    """
    lacks, more = (
        [name for name in one.applied if name not in other.applied]
        for one, other in ((production, scratch), (scratch, production))
    )
    if lacks or more:
        difference = [f"lacks {', '.join(lacks)}"] if lacks else []
        difference += [f"has {', '.join(more)}, as after a rehearsal"] if more else []
        raise ConfigError(
            f"The scratch database differs from production: it {' and '.join(difference)}. Restore it again.",
            code="scratch_differs",
        )
