# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a database is counted beside its dump, and what is only estimated."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup import row_counts
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing

from tests.unit.plugins.fake_postgres import FakePostgres


class Server(FakePostgres):
    """A database with tables of these names, of which each has (bytes, rows, what the planner thinks)."""

    def __init__(self, tables: dict[str, tuple[int, int, int | None]]) -> None:
        super().__init__()
        self.contents = tables
        self.ended = False
        self.answers = {
            "pg_export_snapshot": lambda: [("00000003-1", "UTF8")],
            "SELECT EXISTS": lambda: [(False,)],
            "FROM pg_index": lambda: [("public.part_index",)],
            "SELECT format('%I.%I'": lambda: [(name, estimate) for name, (_size, _rows, estimate) in tables.items()],
        }

    def answer(self, statement: Any, values: Any) -> list[tuple[Any, ...]] | None:
        counted_rows = super().answer(statement, values)
        if "pg_table_size" in statement:
            return [(self.contents[values[0]][0],)]
        if "count(*) FROM ONLY " in statement:
            return [(self.contents[statement.rpartition(" ")[2]][1],)]
        return counted_rows

    cancel: Callable[[], None] = staticmethod(nothing)

    def close(self) -> None:
        self.ended = True


@pytest.fixture
def serve() -> Callable[..., Server]:
    def begin(**tables: tuple[int, int, int | None]) -> Server:
        return Server({f"public.{name}": counted_rows for name, counted_rows in tables.items()})

    return begin


def counted_rows(server: Server, limit: int) -> dict[str, Any]:
    with row_counts.snapshot(server, limit, nothing) as seen:
        assert seen.scope() == ["--snapshot=00000003-1", "--encoding=UTF8", "--no-subscriptions"]
        counted = seen.count()
        assert counted.pop("invalid_indexes") == ["public.part_index"]
        return counted


def test_the_smallest_tables_are_counted_as_long_as_they_are_small_together(serve: Any) -> None:
    server = serve(large=(900, 70, 71), small=(10, 1, 5), middle=(80, 20, None))
    assert counted_rows(server, 100) == {
        "tables": {"public.small": 1, "public.middle": 20},
        "estimates": {"public.large": 71},
    }
    assert counted_rows(server, 89) == {
        "tables": {"public.small": 1},
        "estimates": {"public.large": 71, "public.middle": None},
    }
    assert counted_rows(server, 990)["estimates"] == {}


def test_nothing_is_counted_where_nothing_may_be(serve: Any) -> None:
    server = serve(small=(10, 1, 5))
    assert counted_rows(server, 0) == {"tables": {}, "estimates": {"public.small": 5}}
    server = serve()
    assert counted_rows(server, 100) == {"tables": {}, "estimates": {}}


def test_a_table_that_somebody_locks_is_neither_waited_for_nor_measured_and_the_others_are_counted(serve: Any) -> None:
    server = serve(busy=(10, 1, 5), quiet=(20, 2, 5))
    server.refuses(
        "LOCK TABLE ONLY public.busy IN ACCESS SHARE MODE NOWAIT",
        psycopg2.errors.LockNotAvailable("could not obtain lock"),
    )
    assert counted_rows(server, 100) == {"tables": {"public.quiet": 2}, "estimates": {"public.busy": 5}}
    assert server.sent.count("SELECT pg_table_size(%s::regclass)") == 1
    assert server.sent[server.sent.index("ROLLBACK TO held") - 1].startswith("LOCK TABLE ONLY public.busy"), (
        "the snapshot survives it"
    )


def test_every_row_is_seen_in_one_snapshot(serve: Any) -> None:
    server = serve(small=(10, 1, 5))
    counted_rows(server, 100)
    snapshot = next(at for at, statement in enumerate(server.sent) if "pg_export_snapshot()" in statement)
    assert server.sent[snapshot - 1] == "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    # session.py keeps the others away
    assert server.sent[: snapshot - 1] == ["SET row_security = off", "SET max_parallel_workers_per_gather = 0"]
    counted = server.sent.index("SELECT count(*) FROM ONLY public.small")
    assert server.sent.index("LOCK TABLE ONLY public.small IN ACCESS SHARE MODE NOWAIT") < counted
    assert (server.sent[counted - 1], server.sent[counted + 1]) == (
        "SAVEPOINT counted",
        "ROLLBACK TO counted",
    ), "locks on its indexes are let go of"


def test_the_snapshot_ends_with_the_dump_whatever_becomes_of_that(serve: Any) -> None:
    server = serve(small=(10, 1, 5))
    with pytest.raises(OSError, match="no room"), row_counts.snapshot(server, 100, nothing) as seen:
        assert not server.ended
        seen.stay()
        assert server.sent[-1] == "SELECT 1"
        raise OSError("no room")
    assert server.ended


def test_the_count_begins_with_the_first_beat_of_the_dump_and_the_session_is_kept_in_use_after_it(serve: Any) -> None:
    server = serve(small=(10, 1, 5))
    server.answers["jsonb_build_object"] = lambda: [({"roles": []},)]
    beats: list[str] = []
    with (
        row_counts.snapshot(server, 100, nothing) as seen,
        row_counts.counting(seen, lambda: beats.append("heartbeat")) as counter,
    ):
        assert not any("count(*)" in statement for statement in server.sent)
        counted, found = counter.result()
        assert (counted["tables"], found) == ({"public.small": 1}, {"roles": []})
        counter.heartbeat()
        assert server.sent[-1] == "SELECT 1"
    assert beats, "the lease is renewed meanwhile"


def test_a_count_that_fails_ends_the_dump_at_its_next_beat(serve: Any) -> None:
    server = serve(small=(10, 1, 5))
    server.refuses("SELECT count(*) FROM ONLY public.small", psycopg2.errors.InternalError("invalid page"))
    with (
        pytest.raises(RunbookError, match="invalid page"),
        row_counts.snapshot(server, 100, nothing) as seen,
        row_counts.counting(seen, nothing) as counter,
    ):
        while True:
            counter.heartbeat()


def test_a_count_is_cancelled_when_the_dump_breaks_off(serve: Any) -> None:
    server, cancelled = serve(small=(10, 1, 5)), threading.Event()
    server.cancel = cancelled.set
    server.scripts["SELECT count(*) FROM ONLY public.small"] = lambda: cancelled.wait(60)
    with (
        pytest.raises(OSError, match="no room"),
        row_counts.snapshot(server, 100, nothing) as seen,
        row_counts.counting(seen, nothing) as counter,
    ):
        counter.heartbeat()
        raise OSError("no room")
    assert cancelled.is_set()
    assert server.ended
