# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many rows pg_restore has loaded so far, asked of the server that it loads them into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

from ..core import progress
from ..core.amounts import number
from ..core.errors import RunbookError
from ..postgres.connection import Database, connect, query

LOADING = (
    "SELECT pid::text || relid, tuples_processed FROM pg_stat_progress_copy WHERE datname = current_database() AND"
    " command = 'COPY FROM'"
)


@contextmanager
def rows_loaded(database: Database, heartbeat: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Give a function to call again and again while a database is loaded: it calls ``heartbeat``, and
    reports the rows. Without a screen it only calls ``heartbeat``.
    """
    with ExitStack() as stack:
        connection = None
        if progress.sink:
            with suppress(RunbookError):  # the load itself says what is wrong
                connection = stack.enter_context(closing(connect(database, heartbeat=heartbeat)))
        tables: dict[str, int] = {}

        def tick() -> None:
            heartbeat()
            with suppress(RunbookError):
                tables.update((table, max(rows, tables.get(table, 0))) for table, rows in query(connection, LOADING))
                progress.report(
                    f"Restoring into {database.name}: {number(sum(tables.values()), 'row')} in"
                    f" {number(len(tables), 'table')}"
                )

        yield tick if connection else heartbeat
