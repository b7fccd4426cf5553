# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a watch judges: each verdict, and what it is made of."""

from __future__ import annotations

from ansible_collections.storefront.runbook.plugins.module_utils.release.watch_settings import settings_of
from ansible_collections.storefront.runbook.plugins.module_utils.watch.judge import BEFORE, SAME_TIME, Group, judge
from ansible_collections.storefront.runbook.plugins.module_utils.watch.judge import verdict as verdict_of

USUAL = {"bake": "10 min", "errors": "1 %", "latency": "25 %", "traffic": 20}


def group(asked: int, failed: int = 0, ms: list[int] | None = None) -> Group:
    return Group(asked, failed, times={"home": ms} if ms else {}, why="home: status 500" if failed else "")


def judged(new: Group, old: Group, *, final: bool = True, **settings) -> tuple[str, str]:
    found = judge({"site": old}, {"site": new}, {"site": SAME_TIME}, settings_of({**USUAL, **settings}), final=final)
    return verdict_of(found), " ".join(one.text for one in found)


def test_more_errors_are_bad_and_the_numbers_are_named():
    verdict, text = judged(group(100, 20), group(100, 1))
    assert verdict == "bad"
    assert "20 of 100 of the new release failed, 1 of 100 of the old one at the same time" in text
    assert "status 500" in text


def test_an_error_spike_that_the_old_release_has_too_is_no_difference():
    assert judged(group(100, 40), group(100, 40))[0] == "good"
    assert judged(group(100, 40), group(100, 42))[0] == "good"


def test_a_few_more_errors_that_chance_hardly_explains_are_inconclusive():
    assert judged(group(40, 4), group(40))[0] == "inconclusive"


def test_one_answer_that_failed_does_not_hold_a_release():
    assert judged(group(40, 1), group(40))[0] == "good"
    assert judged(group(100, 43), group(100, 40))[0] == "good"


def test_errors_within_the_tolerance_are_good_however_certain():
    assert judged(group(100_000, 900), group(100_000), errors="1 %")[0] == "good"
    assert judged(group(100_000, 900), group(100_000), errors="0.5 %")[0] == "bad"


def test_slower_answers_are_bad():
    slow, quick = [200 + n % 7 for n in range(60)], [100 + n % 5 for n in range(60)]
    verdict, text = judged(group(60, ms=slow), group(60, ms=quick))
    assert verdict == "bad"
    assert "the median is 203 ms with the new release, and 102 ms with the old one" in text
    assert judged(group(60, ms=quick), group(60, ms=slow))[0] == "good"


def test_a_percentage_of_a_few_milliseconds_is_noise_and_milliseconds_are_taken_at_their_word():
    new, old = group(60, ms=[8] * 60), group(60, ms=[3] * 60)
    assert judged(new, old)[0] == "good"
    assert judged(new, old, latency="4 ms")[0] == "bad"


def test_a_median_that_chance_explains_is_inconclusive():
    new, old = group(20, ms=[250, 300, 52, 290, 301] * 4), group(20, ms=[51, 53, 249, 150, 310] * 4)
    assert judged(new, old)[0] == "inconclusive"


def test_without_answers_nothing_is_judged():
    verdict, text = judged(group(3), group(100))
    assert verdict == "inconclusive"
    assert "3 of the new release, and 20 are needed on each side" in text
    assert judged(Group(), Group())[0] == "inconclusive"
    assert verdict_of([]) == "inconclusive"


def test_blocked_answers_say_nothing_of_the_release():
    new = group(2)
    for _unused in range(50):
        new.add("home", "probe_blocked", None, "home: a challenge")
    verdict, text = judged(new, group(100))
    assert verdict == "inconclusive"
    assert "50 were blocked: home: a challenge" in text


def test_before_the_end_only_what_is_beyond_doubt_is_bad():
    new, old = group(60, 9), group(60)
    assert judged(new, old)[0] == "bad"
    assert judged(new, old, final=False)[0] != "bad"
    assert judged(group(60, 30), old, final=False)[0] == "bad"


def test_a_journey_needs_fewer_runs_than_a_site_needs_answers():
    name = "journey buy"
    found = judge({name: group(6)}, {name: group(6, 6)}, {name: BEFORE}, settings_of(USUAL), final=True)
    assert verdict_of(found) == "bad"
    assert "with the time before" in found[0].text
