# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of a log that is followed: each is shown once, as soon as it is there, and they are bounded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.desk import logs_follow
from ansible_collections.storefront.runbook.plugins.module_utils.desk.gather import Fact
from ansible_collections.storefront.runbook.plugins.module_utils.desk.logs import Line, Wanted, merged

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Vendor:
    """A log that grows by ``new(turn)`` lines before each reading, and a clock that only sleeping moves."""

    def __init__(self, new: Callable[[int], list[Line]]) -> None:
        self.new, self.lines, self.turns, self.now = new, list[Line](), 0, 0.0
        self.asked = list[datetime]()

    def read(self, want: Wanted) -> tuple[list[Line], int, dict[str, Fact]]:
        self.lines += self.new(self.turns)
        self.turns += 1
        self.asked.append(want.since)
        return *merged(self.lines, want), {"api": Fact(self.lines)}

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def waiter(self) -> Waiter:
        return Waiter(sleep=self.sleep, clock=lambda: self.now)


def line(second: float, message: str = "") -> Line:
    return Line(NOW + timedelta(seconds=second), "api", "info", message or f"line {second:g}")


def follow(vendor: Vendor, seconds: float, limit: int = 200) -> tuple[list[str], list[str], int]:
    shown = list[str]()
    want = Wanted(NOW - timedelta(hours=1), limit=limit)
    lines, left_out, _facts = logs_follow.follow(
        vendor.read, want, seconds, lambda found: shown.append(found.message), vendor.waiter()
    )
    return shown, [found.message for found in lines], left_out


def test_each_line_is_shown_once_in_the_turn_in_which_it_comes() -> None:
    vendor = Vendor(lambda turn: [line(turn)])
    shown, lines, left_out = follow(vendor, 3)
    assert shown == lines == ["line 0", "line 1", "line 2", "line 3"]
    assert left_out == 0


def test_a_line_that_a_vendor_delivers_late_is_shown() -> None:
    vendor = Vendor(lambda turn: {0: [line(40)], 1: [line(10, "late")], 2: [line(41)]}.get(turn, []))
    shown, lines, _left_out = follow(vendor, 3)
    assert shown == ["line 40", "late", "line 41"]
    assert lines == ["late", "line 40", "line 41"]


def test_it_returns_no_more_than_the_limit_and_counts_the_others() -> None:
    vendor = Vendor(lambda turn: [line(turn * 10 + number) for number in range(10)])
    shown, lines, left_out = follow(vendor, 4, limit=5)
    assert len(shown) == 5 + 4 * 10, "all that came while it was followed"
    assert (len(lines), left_out) == (5, 45)


def test_it_ends_early_where_too_many_lines_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs_follow, "MOST", 25)
    vendor = Vendor(lambda turn: [line(turn * 10 + number) for number in range(10)])
    shown, _lines, _left_out = follow(vendor, 600)
    assert len(shown) == 25
    assert vendor.now < 5


def test_it_asks_only_for_what_is_new() -> None:
    vendor = Vendor(lambda turn: [line(turn * 300)])
    follow(vendor, 2)
    assert vendor.asked[1:] == [NOW - logs_follow.LATE, NOW + timedelta(seconds=300) - logs_follow.LATE]
