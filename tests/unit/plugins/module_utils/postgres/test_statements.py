# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgres/statements.py: what was counted within an interval."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.statements import slow_queries
from psycopg2 import errors

from tests.unit.plugins.fake_postgres import FakePostgres
from tests.unit.support import Clock

Row = tuple[str, int, float, int, str]


class NotLoaded(errors.ObjectNotInPrerequisiteState):
    pgcode = "55000"  # which the server sets


def refuse(error: Exception) -> Any:
    raise error


def ask(clock: Clock, *readings: list[Row], interval: float = 10, limit: int = 10) -> list[dict[str, Any]]:
    database, tables = FakePostgres(), iter(readings)
    database.answers = {
        "FROM pg_extension": lambda: [("public",)],
        "server_version_num": lambda: [(True,)],
        "GROUP BY 1": lambda: list(next(tables)),
    }
    return slow_queries(database, interval=interval, limit=limit, sleep=clock.sleep)


def test_what_was_counted_before_the_interval_is_taken_off(clock: Clock) -> None:
    before = [("1", 100, 5000.0, 100, "SELECT one"), ("2", 7, 70.0, 7, "SELECT two")]
    after = [("1", 102, 5040.0, 104, "SELECT one"), ("2", 7, 70.0, 7, "SELECT two"), ("3", 1, 900.0, 0, "SELECT three")]
    assert ask(clock, before, after) == [
        {"calls": 1, "total_ms": 900.0, "mean_ms": 900.0, "rows": 0, "query": "SELECT three"},
        {"calls": 2, "total_ms": 40.0, "mean_ms": 20.0, "rows": 4, "query": "SELECT one"},
    ]
    assert clock.sleeps == [10]


def test_counters_that_were_reset_meanwhile_count_from_0(clock: Clock) -> None:
    (found,) = ask(clock, [("1", 100, 5000.0, 100, "SELECT one")], [("1", 2, 30.0, 2, "SELECT one")])
    assert (found["calls"], found["total_ms"], found["rows"]) == (2, 30.0, 2)


def test_without_an_interval_nobody_waits_and_only_the_slowest_are_reported(clock: Clock) -> None:
    found = ask(clock, [("1", 1, 1.0, 1, "SELECT one"), ("2", 1, 2.0, 1, "SELECT two")], interval=0, limit=1)
    assert [each["query"] for each in found] == ["SELECT two"]
    assert clock.sleeps == []


def test_an_extension_that_is_absent_or_not_loaded_is_reported_with_the_remedy(clock: Clock) -> None:
    database = FakePostgres()
    database.answers = {"FROM pg_extension": list, "current_database()": lambda: [("shop",)]}
    with pytest.raises(
        ConfigError,
        match=r"not in the database shop\. Run CREATE EXTENSION pg_stat_statements there.*shared_preload_libraries",
    ):
        slow_queries(database, interval=0, limit=1, sleep=clock.sleep)
    database.answers = {
        "FROM pg_extension": lambda: [("public",)],
        "server_version_num": lambda: [(True,)],
        "GROUP BY 1": lambda: refuse(NotLoaded()),
    }
    with pytest.raises(ConfigError, match="does not load pg_stat_statements, so add"):
        slow_queries(database, interval=0, limit=1, sleep=clock.sleep)
