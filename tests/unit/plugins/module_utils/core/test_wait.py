# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one wait loop: what ends it, what it says, and that it beats on every turn."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import progress
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import (
    DeploymentFailed,
    LeaseLost,
    RunbookError,
    WaitTimeout,
)
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Outcome, Waiter

from tests.unit.support import Clock

WORDS = {"BUILDING": Outcome.PENDING, "READY": Outcome.READY, "ERROR": Outcome.FAILED}


def classify(word: str) -> tuple[Outcome | None, str]:
    return WORDS.get(word), word


def waiter(clock: Clock, **options) -> Waiter:
    return Waiter(sleep=clock.sleep, clock=clock, _controller=None, **options)


def test_it_returns_the_first_ready_answer(clock: Clock) -> None:
    words = iter(["BUILDING", "BUILDING", "READY", "ERROR"])
    assert waiter(clock, interval=3).wait_for(lambda: next(words), classify, what="dpl_1") == "READY"
    assert clock.sleeps == [3, 3]


def test_a_failed_word_ends_it_with_the_tail_of_the_log(clock: Clock) -> None:
    with pytest.raises(DeploymentFailed, match=r"dpl_1 failed\. The end of its log: no space left") as caught:
        waiter(clock).wait_for(lambda: "ERROR", classify, what="dpl_1", explain=lambda answer: "no space left")
    assert caught.value.details["state"] == "ERROR"


def test_an_unknown_word_is_warned_of_once_and_never_taken_for_success(clock: Clock) -> None:
    warnings: list[str] = []
    words = iter(["PONDERING", "PONDERING", "READY"])
    assert waiter(clock, warn=warnings.append).wait_for(lambda: next(words), classify, what="dpl_1") == "READY"
    assert len(warnings) == 1
    assert "'PONDERING'" in warnings[0]


def test_a_timeout_names_the_last_word_and_where_to_look(clock: Clock) -> None:
    with pytest.raises(
        WaitTimeout, match=r"dpl_1 was still BUILDING after 10 s \(wait_timeout\)\. Check the build log\."
    ):
        waiter(clock, timeout=10, interval=4).wait_for(
            lambda: "BUILDING", classify, what="dpl_1", check_next="the build log"
        )
    assert clock.sleeps == [4, 4, 2]


def test_a_new_word_is_reported_at_once_and_the_same_one_every_ten_seconds(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(progress, "sink", lines.append)
    words = iter(["QUEUED", "QUEUED", "BUILDING", "BUILDING", "BUILDING", "BUILDING", "READY"])
    waiter(clock, timeout=600, interval=4).wait_for(lambda: next(words), classify, what="dpl_1")
    reported = [("QUEUED", 0), ("BUILDING", 8), ("BUILDING", 20)]
    assert lines == [f"dpl_1 is {word} ({seconds} s of at most 600 s)" for word, seconds in reported]


def test_a_timeout_of_zero_looks_once(clock: Clock) -> None:
    assert waiter(clock, timeout=0).wait_for(lambda: "READY", classify, what="dpl_1") == "READY"
    with pytest.raises(WaitTimeout):
        waiter(clock, timeout=0).wait_for(lambda: "BUILDING", classify, what="dpl_1")
    assert clock.sleeps == []


def test_an_interval_may_depend_on_the_seconds_waited(clock: Clock) -> None:
    words = iter(["BUILDING"] * 3 + ["READY"])
    waiter(clock, interval=lambda waited: 1 if waited < 2 else 5).wait_for(lambda: next(words), classify, what="dpl_1")
    assert clock.sleeps == [1, 1, 5]


def test_it_beats_before_every_look_and_a_lost_lease_ends_it(clock: Clock) -> None:
    seen: list[str] = []

    def heartbeat() -> None:
        seen.append("heartbeat")
        if seen.count("heartbeat") == 3:
            raise LeaseLost("taken over")

    def fetch() -> str:
        seen.append("look")
        return "BUILDING"

    with pytest.raises(LeaseLost):
        waiter(clock, heartbeat=heartbeat).wait_for(fetch, classify, what="dpl_1")
    assert seen == ["heartbeat", "look", "heartbeat", "look", "heartbeat"]


def test_it_stops_when_the_play_is_gone(clock: Clock) -> None:
    orphan = dataclasses.replace(waiter(clock), _controller=(1, -1))  # process 1 lives, but did not start then
    with pytest.raises(RunbookError, match="is gone, so this worker stops too"):
        orphan.wait_for(lambda: "READY", classify, what="dpl_1")


@pytest.mark.parametrize(
    ("timeout", "limit", "line"),
    [
        (600, None, "dpl_1 is BUILDING (0 s of at most 600 s)"),
        (float("inf"), None, "dpl_1 is BUILDING (0 s)"),
        (float("inf"), 60, "dpl_1 is BUILDING (0 s of at most 60 s)"),
        (float("inf"), 0, "dpl_1 is BUILDING (0 s)"),
    ],
)
def test_progress_names_a_limit_only_where_there_is_one(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, timeout: float, limit: float | None, line: str
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(progress, "sink", lines.append)
    words = iter(["BUILDING", "READY"])
    waiter(clock, timeout=timeout).wait_for(lambda: next(words), classify, what="dpl_1", limit=limit)
    assert lines == [line]


def test_progress_never_exceeds_its_limit_and_may_be_described_by_the_answer(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(progress, "sink", lines.append)
    words = iter(["BUILDING", "BUILDING", "READY"])
    waiter(clock, timeout=600, interval=40).wait_for(
        lambda: next(words), classify, what="dpl_1", limit=30, describe=lambda word: f"half of {word}"
    )
    assert lines == ["half of BUILDING (0 s of at most 30 s)", "half of BUILDING (30 s of at most 30 s)"]
