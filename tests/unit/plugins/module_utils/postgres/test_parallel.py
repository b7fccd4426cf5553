# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements over several connections: at the same time, and all of them stopped when there is a reason to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost, RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import parallel
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.parallel import ask_side_by_side


class Connection:
    def __init__(self) -> None:
        self.cancelled, self.closed = threading.Event(), False

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.closed = True


class Server:
    """``answers`` are by the statement what its connection makes of it; SET needs none."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.answers: dict[str, Callable[[Connection], Any]] = {}

    def connect(self, _database: Any) -> Connection:
        self.connections.append(Connection())
        return self.connections[-1]

    def query(self, connection: Connection, statement: str) -> Any:
        return [] if statement.startswith("SET ") else self.answers[statement](connection)

    def ask(self, *, at_a_time: int = 2, heartbeat: Callable[[], None] = nothing) -> Any:
        return ask_side_by_side(None, list(self.answers), at_a_time=at_a_time, heartbeat=heartbeat)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(parallel, "connect", server.connect)
    monkeypatch.setattr(parallel, "query", server.query)
    monkeypatch.setattr(parallel, "BEAT_INTERVAL", 0.01)
    return server


def test_answers_come_in_the_order_of_the_statements_over_as_many_connections_as_were_allowed(server: Server) -> None:
    met = threading.Barrier(2, timeout=10)
    server.answers = {
        "a": lambda _: (met.wait(), [("a",)])[1],
        "b": lambda _: (met.wait(), [("b",)])[1],
        "c": lambda _: [("c",)],
    }
    assert server.ask() == [[("a",)], [("b",)], [("c",)]]
    assert [connection.closed for connection in server.connections] == [True, True]
    server.answers = {}
    assert server.ask() == []
    server.answers = {"a": lambda _: [(1,)]}
    assert server.ask(at_a_time=4) == [[(1,)]]
    assert len(server.connections) == 3


def test_the_lease_is_renewed_by_this_thread_while_the_server_works(server: Server) -> None:
    beaten, threads = threading.Event(), set()

    def heartbeat() -> None:
        threads.add(threading.current_thread())
        if len(server.connections) == 2:
            beaten.set()

    server.answers = {"a": lambda _: beaten.wait(10), "b": lambda _: beaten.wait(10)}
    assert server.ask(heartbeat=heartbeat) == [True, True]
    assert threads == {threading.current_thread()}


def test_what_is_under_way_is_cancelled_and_awaited_and_nothing_more_begun_when_one_fails_or_the_lease_is_lost(
    server: Server,
) -> None:
    def fail(_connection: Connection) -> None:
        raise RunbookError("no such table")

    def lose() -> None:
        raise LeaseLost("it is gone")

    begun: list[str] = []
    for kind, answers, heartbeat in (
        (RunbookError, {"a": lambda c: c.cancelled.wait(10), "b": fail}, nothing),
        (
            LeaseLost,
            {"a": lambda c: c.cancelled.wait(10), "b": lambda c: c.cancelled.wait(10), "c": begun.append},
            lose,
        ),
    ):
        server.answers = answers
        threads = threading.active_count()
        with pytest.raises(kind):
            server.ask(heartbeat=heartbeat)
        assert threading.active_count() == threads
        assert all(connection.closed for connection in server.connections)
    assert begun == []
