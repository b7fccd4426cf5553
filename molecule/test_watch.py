# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that is watched after its deploy: a bad one is put back, and a killed watch continues."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import requests

from molecule.conftest import _release_of_page
from molecule.test_broken_phases import fault
from molecule.test_killed import until
from sandbox.beside import beside
from sandbox.customer import Customer

OLD, NEW = "v1.0.0", "v1.1.0"
STATE = "watch/state.json"


def state(shop) -> dict:
    found = shop.objects(STATE)
    return json.loads(found[STATE]) if found else {}


@contextmanager
def reviewing(shop) -> Iterator[None]:
    """A customer who reviews a product again and again, which the old release does not know."""
    customer = Customer(shop.at)
    customer.register()

    def review(stop: threading.Event) -> None:
        while not stop.wait(0.02):
            with suppress(requests.RequestException):
                customer.session.post(f"{customer.api}/products/1/reviews", json={"stars": 5}, timeout=10)

    with beside(review):
        yield


@pytest.mark.long
def test_answers_with_5xx_that_only_the_platform_counts_put_a_release_back_while_customers_watch(shop):
    # the reviews of the new release are no check: only the customers meet what is wrong with them
    lost = {"task": "Begin frontend.stage", "sql": 'ALTER TABLE "Review" RENAME TO "Lost"'}
    lost["database"] = shop.at["database_url"].partition("?")[0]
    watch = {"bake": "3 s", "before": "2 s", "interval": "0.1 s", "errors": "2 %", "latency": "5 s", "platform": True}
    with shop.customers().watching() as customers, reviewing(shop):
        played = shop.play("deploy.yml", release=NEW, verify_watch=watch, at=[lost])
    assert played.rc == 2
    assert "ROLLED BACK" in played.message
    assert "The watch of v1.1.0 is bad" in played.text
    watched = next(result for name, result in played.tasks if "comparisons" in result)
    bad = {row["what"]: (row["against"], row["text"]) for row in watched["comparisons"] if row["verdict"] == "bad"}
    assert [what for what, (against, _unused) in bad.items() if against == "with the time before"] == ["Railway api"]
    assert "answers with 500" in bad["Railway api"][1]
    assert bad["Railway api"][1][:250] in played.text  # at 80 columns it continues on the next line
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    assert {what for where, what in customers.seen if where == "frontend"} <= {OLD, NEW}


@pytest.mark.long
def test_a_killed_watch_continues_and_the_live_release_can_be_watched_again(shop):
    watch = {"bake": "6 s", "before": "1 s", "interval": "0.2 s", "traffic": 5, "errors": "20 %", "latency": "2 s"}
    chosen = {"release": NEW, "surfaces": ["frontend"], "verify_watch": watch}
    running = shop.begin("deploy.yml", **chosen)
    until(lambda: state(shop).get("release") == NEW and state(shop).get("done", 0) >= 3, "the watch began")
    running.send(signal.SIGKILL)
    running.end()
    done = state(shop)["done"]
    assert done < 30
    shop.sandbox.cloud("DELETE", "/requests")
    played = shop.play("deploy.yml", break_lease="the controller is gone", **chosen)
    assert played.rc == 0, played.stdout
    assert (state(shop)["verdict"], state(shop)["done"]) == ("good", 30)
    watched = next(result for name, result in played.tasks if "comparisons" in result)
    assert {row["what"] for row in watched["comparisons"]} >= {"frontend", "backend"}
    again = shop.play("watch.yml", verify_watch=watch)
    assert again.rc == 0, again.stdout
    assert f"The watch of {NEW} is good" in again.text
    # the deploy did not ask the platform, so there are no counts of the old release
    counted = shop.play("watch.yml", verify_watch={**watch, "bake": "1 s", "traffic": 2, "platform": True})
    assert counted.rc == 2
    assert f"The watch of {NEW} is inconclusive" in counted.text
    assert "Railway api: too few answers to compare, 0 of the old release, and 2 are needed" in counted.text
    nothing = shop.play("watch.yml", decide="continue", decide_reason="seen", verify_watch=watch)
    assert nothing.rc == 2
    assert "No watch waits for a decision" in nothing.text


STAGES = [{"share": "10 %"}, {"share": "50 %"}]


def visitors(shop) -> dict[str, int]:
    """How many of twenty visitors without a cookie get each release of the frontend."""
    pages = [requests.get(shop.at["frontend_origin_url"], timeout=10) for _unused in range(20)]
    seen = [_release_of_page(page) for page in pages]
    return {release: seen.count(release) for release in set(seen)}


def test_a_bad_stage_ends_a_rolling_release_at_no_visitor_and_a_killed_one_continues(shop):
    errors = fault("Begin verify.rolling", "edge", "request", "status", status=500, host="backend", release=NEW)
    watch = {"bake": "2 s", "before": "2 s", "interval": "0.1 s", "errors": "5 %", "latency": "2 s"}
    with shop.customers().watching() as customers:
        bad = shop.play("deploy.yml", release=NEW, frontend_stages=STAGES, verify_watch=watch, at=[errors])
    assert bad.rc == 2
    assert "ROLLED BACK" in bad.message
    watched = next(result for name, result in bad.tasks if "comparisons" in result)
    assert "The watch of v1.1.0 at 10 % of the visitors (stage 1 of 2) is bad" in watched["summary"]
    rolled = next(result for name, result in bad.tasks if result.get("share"))
    assert rolled["share"] == 10
    assert visitors(shop) == {OLD: 20}
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    assert {what for where, what in customers.seen if where == "frontend"} <= {OLD, NEW}

    shop.clear_faults()
    shop.forget_requests()
    chosen: dict[str, Any] = {"release": NEW, "surfaces": ["frontend"], "frontend_stages": STAGES}
    chosen["verify_watch"] = {**watch, "bake": "4 s", "errors": "20 %", "traffic": 5}
    running = shop.begin("deploy.yml", **chosen)
    until(lambda: state(shop).get("stage") == 2 and state(shop)["done"] >= 2, "the second stage began")
    running.send(signal.SIGKILL)
    running.end()
    assert visitors(shop) == {OLD: 10, NEW: 10}  # a killed run leaves the share as it was
    played = shop.play("deploy.yml", break_lease="the controller is gone", **chosen)
    assert played.rc == 0, played.stdout
    assert (state(shop)["stage"], state(shop)["verdict"], state(shop)["done"]) == (2, "good", 40)
    assert visitors(shop) == {NEW: 20}
    rolls = [one["operation"] for one in shop.writes() if "rolling" in str(one["operation"])]
    assert rolls == ["start_rolling", "approve_rolling", "complete_rolling"]
    watched = [result for name, result in played.tasks if "comparisons" in result]
    assert {row["against"] for row in watched[-1]["comparisons"] if row["what"] == "frontend"} == {"at the same time"}
    stages = [
        result["ansible_facts"]["verify_stages"]
        for _name, result in played.tasks
        if "verify_stages" in result.get("ansible_facts", {})
    ]
    assert [one["stage"][:4] for one in stages[-1]] == ["at 1", "at 5"]


def test_a_wrong_watch_is_refused_before_anything_changes(shop):
    unknown = {"bake": "10 min", "inconclusve": "hold", "inconclusive": "wait"}
    stages = [{"share": "10 %"}, {"share": "50 %", "lasts": "5 min"}]
    for watch, given, texts in (
        ({"bake": 600}, [], ["verify_watch.bake is 600, which has no unit"]),
        (unknown, [], ["did you mean inconclusive", "must be one of hold, extend, continue"]),
        ({"bake": "10 min", "journey": "browsing"}, [], ["verify_journeys has no such name"]),
        ({"bake": "10 min", "before": "1 min"}, stages, ["bake is 10 min, which is longer than stage 2"]),
    ):
        played = shop.play("deploy.yml", release=NEW, verify_watch=watch, frontend_stages=given)
        assert played.rc == 2
        assert "Nothing was changed" in played.text
        for text in texts:
            assert text in played.text, played.text
    assert shop.writes() == []
