# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What two streams of rows in the same order differ by."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import row_diff
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.row_diff import ahead, total
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.row_streams import count

Rows = list[tuple[str, str]]


@pytest.mark.parametrize(
    ("live", "other", "counted"),
    [
        ([], [], (0, 0, 0)),
        ([("a", "1")], [], (1, 0, 0)),
        ([], [("a", "1"), ("b", "1")], (0, 0, 2)),
        ([("a", "1"), ("b", "2"), ("d", "4")], [("a", "1"), ("b", "3"), ("c", "4")], (1, 1, 1)),
        ([("a", "a"), ("a", "a"), ("b", "b")], [("a", "a"), ("b", "b")], (1, 0, 0)),  # a row that is there twice
        ([("b", "1")], [("a", "1"), ("b", "1"), ("c", "1")], (0, 0, 2)),
    ],
)
def test_rows_are_distinguished_by_their_key_and_their_content(
    live: Rows, other: Rows, counted: tuple[int, int, int]
) -> None:
    found = count(iter(live), iter(other))
    assert (found["inserted"], found["updated"], found["deleted"]) == counted


def test_the_total_is_that_of_all_tables() -> None:
    assert (
        total({"a": {"inserted": 1, "updated": 2, "deleted": 0}, "b": {"inserted": 0, "updated": 0, "deleted": 4}}) == 7
    )


def test_a_sequence_is_ahead_in_its_own_direction() -> None:
    live = {
        ("s", "up"): ("s.up", True, 5),
        ("s", "down"): ("s.down", False, -5),
        ("s", "same"): ("s.same", True, 1),
        ("s", "new"): ("s.new", True, 1),
    }
    other = {("s", "up"): ("s.up", True, 4), ("s", "down"): ("s.down", False, -6), ("s", "same"): ("s.same", True, 1)}
    assert ahead(live, other) == {"s.up": {"live": 5, "other": 4}, "s.new": {"live": 1, "other": None}}
    assert ahead(live=other, other=live) == {"s.down": {"live": -6, "other": -5}}
    assert ahead({("s", "up"): ("s.up", True, None)}, other) == {}


class Side:
    """A connection whose answer is what ``work`` returns."""

    closed = False

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work, self.heartbeat, self.cancelled = work, nothing, threading.Event()

    def cancel(self) -> None:
        self.cancelled.set()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_diff, "query", lambda side, _statement: side.work())
    monkeypatch.setattr(row_diff, "BEAT_INTERVAL", 0.01)


@pytest.mark.usefixtures("asked")
def test_both_sides_are_asked_at_the_same_time_and_one_thread_beats() -> None:
    met = threading.Barrier(2, timeout=10)
    left, right = Side(lambda: met.wait() >= 0), Side(lambda: met.wait() >= 0)
    assert row_diff._agree((left, right), ("SELECT 1", "SELECT 1"))
    beaten = threading.Event()
    left, right = Side(lambda: 1), Side(lambda: beaten.wait(10) and 2)
    left.heartbeat = right.heartbeat = beaten.set
    assert not row_diff._agree((left, right), ("SELECT 1", "SELECT 1"))
    assert right.heartbeat == beaten.set


@pytest.mark.usefixtures("asked")
def test_the_other_side_is_cancelled_and_awaited_when_the_lease_is_lost() -> None:
    def lost() -> None:
        raise LeaseLost("it is gone")

    right = Side(lambda: right.cancelled.wait(10))
    threads = threading.active_count()
    with pytest.raises(LeaseLost):
        row_diff._agree((Side(lost), right), ("SELECT 1", "SELECT 1"))
    assert right.cancelled.is_set()
    assert threading.active_count() == threads
