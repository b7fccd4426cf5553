# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A watch from its start to its verdict, with sites that are a function, a clock that nobody waits for and a store in
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import (
    ConfigError,
    LeaseLost,
    Unhealthy,
    Unreachable,
)
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.release.watch_settings import settings_of
from ansible_collections.storefront.runbook.plugins.module_utils.site import probe
from ansible_collections.storefront.runbook.plugins.module_utils.site.checks import Check
from ansible_collections.storefront.runbook.plugins.module_utils.watch import state as states
from ansible_collections.storefront.runbook.plugins.module_utils.watch.judge import Group
from ansible_collections.storefront.runbook.plugins.module_utils.watch.rounds import Subjects
from ansible_collections.storefront.runbook.plugins.module_utils.watch.work import Watch, refuse_too_little, thinned

from tests.unit.memory_store import MemoryStore
from tests.unit.support import Clock, FakeVendor, Request, reply

NEW, OLD, API = "http://new.test", "http://old.test", "http://api.test"
Answers = Callable[[Request, int], tuple[int, float]]  # status and seconds of the nth request to a host


@dataclass
class World:
    """A shop on two hosts and an API. ``answers`` says what the nth request to a host gets."""

    clock: Clock = field(default_factory=Clock)
    store: Any = field(default_factory=MemoryStore)
    asked: dict[str, int] = field(default_factory=dict)
    answers: Answers = lambda request, number: (200, 0.05)

    def answer(self, request: Request) -> Any:
        number = self.asked.get(request.host, 0)
        self.asked[request.host] = number + 1
        status, seconds = self.answers(request, number)
        self.clock.now += seconds
        return reply(status, text="a page")

    def watch(self, *, beside: bool = True, heartbeat: Callable[[], None] = lambda: None, **more: Any) -> Watch:
        given = {"bake": "10 min", "interval": "10 s", **more.pop("settings", {})}
        new = {"frontend": [Check("home", f"{NEW}/")], "backend": [Check("health", f"{API}/")]}
        old = {"frontend": [Check("home", f"{OLD}/")]} if beside else {}
        waiter = Waiter(clock=self.clock, sleep=self.clock.sleep, heartbeat=heartbeat)
        return Watch(self.store, settings_of(given), Subjects(new, old), waiter, "v2", "v1", **more)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(probe, "MAX_PARALLEL", 1)  # one clock for all requests
    world = World()
    with FakeVendor(world.answer).installed():
        yield world


def failing(host: str, every: int) -> Answers:
    return lambda request, number: (500 if host in request.url and number % every == 0 else 200, 0.05)


def measured(world: World, **more: Any) -> World:
    world.watch(settings={"before": "10 min"}, **more).measure()
    return world


def test_a_release_like_the_old_one_is_good(world: World) -> None:
    found = measured(world).watch().watch()
    assert found["verdict"] == "good"
    against = {row["what"]: row["against"] for row in found["comparisons"]}
    assert against["frontend"] == "at the same time"
    assert against["backend"] == "with the time before"
    assert (found["rounds"], found["seconds"]) == (60, 600)
    assert world.clock.now - 1000 >= 2 * 590


def counts(new_failed: int) -> Callable[[float], dict[str, Group]]:
    """What a platform counted: 3 of 300 answers failed before the deploy, and ``new_failed`` after it."""
    failed = iter([3, new_failed])
    return lambda seconds: {"Railway api": Group(asked=300, failed=next(failed), why="503")}


@pytest.mark.parametrize(("failed", "verdict"), [(4, "good"), (60, "bad")])
def test_the_answers_that_the_platform_counted_are_compared_with_the_time_before(
    world: World, failed: int, verdict: str
) -> None:
    platform = counts(failed)
    measured(world, platform=platform)
    try:
        rows = world.watch(platform=platform).watch()["comparisons"]
    except Unhealthy as bad:
        rows = bad.result["comparisons"]
    (row,) = [row for row in rows if row["what"] == "Railway api"]
    assert (row["against"], row["old"], row["new"]) == ("with the time before", "3 of 300", f"{failed} of 300")
    assert row["verdict"] == verdict


def test_a_platform_that_does_not_answer_is_named_and_inconclusive(world: World) -> None:
    def down(seconds: float) -> dict[str, Group]:
        raise Unreachable("Railway did not answer")

    found = measured(world, platform=down).watch(platform=down, settings={"inconclusive": "continue"}).watch()
    assert found["verdict"] == "continued"
    assert [row["what"] for row in found["comparisons"] if row["verdict"] == "inconclusive"] == [
        "counts of the platform"
    ]
    assert "The backend's platform did not give its counts: Railway did not answer" in found["summary"]


STAGES = [{"number": number, "share": share, "lasts": 0, "shares": [10, 50]} for number, share in ((1, 10), (2, 50))]


def test_each_stage_of_a_rolling_release_is_watched_beside_the_old_one_and_says_so(world: World) -> None:
    first = measured(world).watch(stage=STAGES[0]).watch()
    assert "The watch of v2 at 10 % of the visitors (stage 1 of 2) is good" in first["summary"]
    assert {row["what"]: row["against"] for row in first["comparisons"]}["frontend"] == "at the same time"
    second = world.watch(stage=STAGES[1]).watch()
    assert "at 50 % of the visitors (stage 2 of 2) is good" in second["summary"]
    assert {row["against"] for row in second["comparisons"]} == {"at the same time", "with the time before"}
    state = states.load(world.store)
    assert (state.stage, state.phase, state.done) == (2, "ended", 60)


def test_a_rerun_continues_in_the_stage_of_the_run_that_was_killed(world: World) -> None:
    measured(world).watch(stage=STAGES[0]).watch()

    def killed_after_ten() -> None:
        known = states.load(world.store)
        if known.stage == 2 and known.done >= 10:
            raise LeaseLost("gone")

    with pytest.raises(LeaseLost):
        world.watch(stage=STAGES[1], heartbeat=killed_after_ten).watch()
    done = states.load(world.store).done
    assert "watched already" in world.watch(stage=STAGES[0], resumed=True).watch()["summary"]
    assert states.load(world.store).done == done
    asked = world.asked["new.test"]
    assert world.watch(stage=STAGES[1], resumed=True).watch()["rounds"] == 60
    assert world.asked["new.test"] - asked == 60 - done


def test_a_stage_that_lasts_longer_than_the_bake_time_is_stayed_in(world: World) -> None:
    measured(world)
    began = world.clock.now
    world.watch(stage={**STAGES[0], "lasts": 1800}).watch()
    assert 1790 <= world.clock.now - began <= 1850


def test_a_release_with_more_errors_is_bad_long_before_the_end(world: World) -> None:
    measured(world).answers = failing("new.test", 2)
    with pytest.raises(
        Unhealthy, match=r"The watch of v2 is bad.\n- frontend: \d+ of \d+ of the new release failed"
    ) as bad:
        world.watch().watch()
    assert bad.value.result["verdict"] == "bad"
    assert bad.value.result["rounds"] < 60


def test_a_slower_release_is_bad(world: World) -> None:
    measured(world).answers = lambda request, number: (200, 0.4 if "new.test" in request.url else 0.05)
    with pytest.raises(Unhealthy, match=r"frontend home: the median is 400 ms with the new release, and 50 ms"):
        world.watch().watch()


def test_a_spike_that_the_old_release_has_too_is_no_reason_to_put_anything_back(world: World) -> None:
    measured(world).answers = lambda request, number: (503 if "api" not in request.url and number % 3 else 200, 0.05)
    assert world.watch().watch()["verdict"] == "good"


def test_what_is_not_served_beside_the_new_one_is_compared_with_the_time_before(world: World) -> None:
    measured(world).answers = failing("api.test", 2)
    with pytest.raises(Unhealthy, match=r"backend: .* with the time before"):
        world.watch().watch()
    ill = World(store=MemoryStore(), answers=failing("api.test", 2))
    with FakeVendor(ill.answer).installed():
        assert measured(ill).watch().watch()["verdict"] == "good"


def test_an_old_deployment_that_is_gone_is_named_and_the_time_before_is_taken(world: World) -> None:
    measured(world).answers = lambda request, number: (404 if "old.test" in request.url else 200, 0.05)
    found = world.watch().watch()
    assert {row["against"] for row in found["comparisons"]} == {"with the time before"}
    assert "frontend: the old deployment is not served at its own URL" in found["summary"]


def test_without_measurements_of_the_old_release_the_watch_is_inconclusive_and_waits_for_a_decision(
    world: World,
) -> None:
    with pytest.raises(Unhealthy, match=r"(?s)inconclusive.*No decision was made within 30 min"):
        world.watch(beside=False).watch()
    assert states.load(world.store).verdict == "inconclusive"


@pytest.mark.parametrize(("decided", "stays"), [("continue", True), ("put_back", False)])
def test_a_decision_ends_the_waiting(world: World, decided: str, stays: bool) -> None:
    def decide_once_it_waits() -> None:
        known = states.load(world.store)
        if known and known.phase == "holding":
            given = {"release": "v2", "decide": decided, "by": "ada", "reason": "seen by hand"}
            states.decide(world.store, {**given, "at": "2026-01-01T00:00:00Z"})

    watch = world.watch(beside=False, heartbeat=decide_once_it_waits)
    if stays:
        found = watch.watch()
        assert found["verdict"] == "continued"
        assert "The release stays, as ada decided: seen by hand" in found["summary"]
    else:
        with pytest.raises(Unhealthy, match="The release is put back, as ada decided: seen by hand"):
            watch.watch()


def test_a_decision_about_an_earlier_watch_does_not_count(world: World) -> None:
    old = {"release": "v2", "decide": "continue", "by": "", "reason": "then", "at": "2026-01-01T00:00:00Z"}
    states.decide(world.store, old)
    with pytest.raises(Unhealthy, match="No decision was made"):
        world.watch(beside=False).watch()


def test_the_policy_may_let_an_inconclusive_release_stay(world: World) -> None:
    found = world.watch(beside=False, settings={"inconclusive": "continue"}).watch()
    assert found["verdict"] == "continued"


def test_an_inconclusive_watch_is_extended_once(world: World) -> None:
    # three failures of 60 are more than is tolerated, and three of 120 are not
    measured(world).answers = lambda request, number: (
        500 if "new.test" in request.url and 70 < number < 74 else 200,
        0.05,
    )
    found = world.watch(settings={"inconclusive": "extend", "errors": "3 %"}).watch()
    assert (found["verdict"], found["extended"], found["rounds"]) == ("good", True, 120)
    world.asked.clear()
    with pytest.raises(Unhealthy, match="No decision was made"):
        world.watch(beside=False, settings={"inconclusive": "extend", "traffic": 500}).watch()


def test_a_killed_watch_continues_for_the_rest_of_the_time(world: World) -> None:
    measured(world)
    turns = iter(range(66))  # each round asks twice for the lease

    def killed() -> None:
        if next(turns, None) is None:
            raise LeaseLost("the controller is gone")

    with pytest.raises(LeaseLost):
        world.watch(heartbeat=killed).watch()
    done = states.load(world.store).done
    assert 20 <= done < 60
    world.clock.now += 3600  # the time between two runs does not count
    world.asked.clear()
    kept = world.watch(resumed=True)
    assert kept.measure()["summary"] == "The measurements of the run that did not end are kept."
    assert kept.watch()["verdict"] == "good"
    assert 60 - done <= world.asked["new.test"] <= 60 - done + 1
    again = world.watch(resumed=True).watch()
    assert "was watched already" in again["summary"]


def test_another_deploy_of_the_same_release_watches_from_the_beginning(world: World) -> None:
    measured(world).watch().watch()
    world.asked.clear()
    measured(world).watch().watch()
    assert world.asked["new.test"] == 120


def test_each_round_waits_for_its_time_and_a_late_one_does_not_shift_the_others(world: World) -> None:
    world.answers = lambda request, number: (200, 30.0 if "new.test" in request.url and number == 3 else 0.01)
    measured(world)
    began = world.clock.now
    world.watch(settings={"inconclusive": "continue"}).watch()
    assert 590 <= world.clock.now - began <= 650


def test_sessions_of_sentry_are_compared_by_release(world: World) -> None:
    counted = Group(400, 60, why="60 crashed"), Group(4000, 8)
    watch = measured(world).watch(sessions=lambda: counted)
    with pytest.raises(
        Unhealthy, match=r"sentry sessions: 60 of 400 of the new release failed, 8 of 4000 .*60 crashed"
    ):
        watch.watch()


def test_sentry_out_of_reach_is_inconclusive_and_named(world: World) -> None:
    def unreachable() -> tuple[Group, Group]:
        raise Unreachable("Sentry did not answer")

    found = measured(world).watch(sessions=unreachable, settings={"inconclusive": "continue"}).watch()
    assert found["verdict"] == "continued"
    assert "Sentry could not be asked: Sentry did not answer" in found["summary"]


def test_a_journey_is_compared_on_both_sides(world: World) -> None:
    reports = {
        "old": {"outcome": "passed", "elapsed_ms": 300},
        "new": {"outcome": "failed", "failure": {"step": "pay", "expected": "status 201"}},
    }
    watch = measured(world).watch()
    watch.subjects.journey, watch.subjects.walk, watch.subjects.walks_old = "buy", reports.__getitem__, True
    with pytest.raises(Unhealthy, match=r"journey buy: .* step 'pay' expected status 201"):
        watch.watch()


def test_a_watch_alone_records_nothing_and_waits_for_nobody(world: World) -> None:
    began = world.clock.now
    with pytest.raises(Unhealthy, match="Nothing was put back"):
        world.watch(beside=False, alone=True).watch()
    assert world.store.objects == {}
    assert world.clock.now - began < 601
    measured(world)
    assert world.watch(alone=True).watch()["verdict"] == "good"


def test_a_damaged_state_is_refused_with_what_to_do(world: World) -> None:
    world.store.objects[states.STATE] = b'{"schema": 1}'
    with pytest.raises(ConfigError, match=r"watch/state.json in s3://bucket/shop cannot be read: release is missing"):
        world.watch().watch()


def test_a_watch_that_could_never_be_conclusive_is_refused(world: World) -> None:
    watch = world.watch(settings={"bake": "1 min", "interval": "10 s"})
    with pytest.raises(ConfigError, match=r"frontend gives only 6 answers, and verify_watch.traffic needs 20"):
        refuse_too_little(watch.settings, watch.subjects)


def test_a_plot_has_at_most_60_points_and_loses_no_failure() -> None:
    found = thinned([[10, 1, None, 0]] * 500)
    assert len(found) <= 60
    assert sum(point[1] for point in found) == 500
    assert found[0][2] is None
