# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several statements at a time in one database, over connections of their own."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from typing import Any

from .connection import BEAT_INTERVAL, Database, connect, query

Answer = list[tuple[Any, ...]]


def ask_side_by_side(
    database: Database, statements: Sequence[str], *, at_a_time: int, heartbeat: Callable[[], None]
) -> list[Answer]:
    """Return the answer to each statement; they are begun in their order. This thread alone beats.

    Policies hide no row: where they would, it fails. Raises RunbookError, and whatever ``heartbeat`` raises, once all
    that is under way was cancelled.
    """
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(connect(database))) for _unused in statements[:at_a_time]]
        free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for connection in connections:
            query(connection, "SET row_security = off")
            query(connection, "SET statement_timeout = 0")
            free.put(connection)

        def ask(statement: str) -> Answer:
            connection = free.get()
            try:
                return query(connection, statement)
            finally:
                free.put(connection)

        with ThreadPoolExecutor(max(len(connections), 1)) as pool:
            asked = [pool.submit(ask, statement) for statement in statements]
            try:
                _await(asked, heartbeat)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                while wait([future for future in asked if not future.cancelled()], 0.1).not_done:
                    for connection in connections:
                        connection.cancel()  # again, since one may have begun only now
                raise
        return [future.result() for future in asked]


def _await(asked: Sequence[Future[Answer]], heartbeat: Callable[[], None]) -> None:
    left = set(asked)
    while left:
        heartbeat()
        done, left = wait(left, BEAT_INTERVAL, FIRST_EXCEPTION)
        for future in done:
            future.result()
