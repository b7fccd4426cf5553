# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""watch_release on real sites: more errors, slower, no traffic, and a spike that the old release has as well.

The number of answers does not depend on how busy the machine is.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import watch_release

from tests.unit.support import run_module

WATCH = {"bake": "2 s", "before": "1 s", "interval": "0.1 s", "traffic": 10, "errors": "5 %", "latency": "100 ms"}
Answers = Callable[[int], tuple[int, float]]  # the status and the seconds of the nth answer


@contextmanager
def site(answers: Answers) -> Iterator[str]:
    counted = iter(range(10_000))

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, seconds = answers(next(counted))
            time.sleep(seconds)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def good(number: int) -> tuple[int, float]:
    return 200, 0.0


def store(folder: Path) -> dict[str, Any]:
    return {"store": f"file://{folder}/store", "store_is_shared": True}


def watched(folder: Path, new: str, old: str = "", check: bool = False, **params: Any) -> dict[str, Any]:
    given = {"state": "watched", "release": "v2", **store(folder), "watch": WATCH}
    sites = [{"name": "frontend", "url": new, **({"old_url": old} if old else {})}]
    checks = [{"name": "home", "site": "frontend", "url": "/"}]
    return run_module(watch_release, {**given, "sites": sites, "checks": checks, **params}, check=check)


@pytest.mark.parametrize(
    ("new", "old", "verdict", "text"),
    [
        (good, good, "good", "The watch of v2 is good"),
        (lambda number: (500 if number % 2 else 200, 0.0), good, "bad", "of the new release failed, 0 of"),
        (lambda number: (200, 0.4), good, "bad", "frontend home: the median is"),
        (lambda number: (503 if number % 2 else 200, 0.0),) * 2 + ("good", "The watch of v2 is good"),
    ],
    ids=["like the old one", "more errors", "slower", "a spike that the old one has too"],
)
def test_both_releases_are_asked_at_the_same_time(tmp_path, new, old, verdict, text) -> None:
    with site(new) as new_url, site(old) as old_url:
        found = watched(tmp_path, new_url, old_url)
    assert found["verdict"] == verdict, found
    assert found["failed"] == (verdict == "bad")
    assert text in found["msg" if found["failed"] else "summary"]
    assert {row["against"] for row in found["comparisons"]} == {"at the same time"}
    assert not found.get("changed")


def test_what_is_replaced_in_its_place_is_compared_with_the_time_before(tmp_path) -> None:
    broken = threading.Event()
    with site(lambda number: (500 if broken.is_set() else 200, 0.0)) as url:
        before = watched(tmp_path, url, state="before")
        assert "frontend 0 of 10 failed" in before["summary"], before
        broken.set()
        found = watched(tmp_path, url)
    assert found["failed"]
    assert "of the old one with the time before" in found["msg"]


def test_without_traffic_it_is_inconclusive_and_the_policy_decides(tmp_path) -> None:
    with site(good) as url:
        found = watched(tmp_path, url, watch={**WATCH, "inconclusive": "continue"})
        assert (found["failed"], found["verdict"]) == (False, "continued")
        assert "too few answers to compare, 0 of the old release, and 10 are needed on each side" in found["summary"]
        held = watched(tmp_path, url, watch={**WATCH, "inconclusive": "hold", "hold": "1 s"})
    assert held["failed"]
    assert "No decision was made within 1.0 s" in held["msg"]


def test_a_watch_that_waits_for_a_decision_asks_in_slack_and_waits_although_slack_is_down(tmp_path, sandbox) -> None:
    shop = sandbox.create_storefront("asked")
    slack = {"api_token": sandbox.state["tokens"]["slack"], "channel": shop["slack"]["channel"]}
    slack["api_url"] = sandbox.state["cloud"]["slack_url"]
    waits: dict[str, Any] = {"watch": {**WATCH, "inconclusive": "hold", "hold": "1 s"}, "slack": slack}
    with site(good) as url:
        held = watched(tmp_path, url, **waits)
        fault = {"vendor": "slack", "operation": "post_message", "kind": "malformed", "storefront": "asked"}
        sandbox.cloud("POST", "/faults", fault)
        warned = watched(tmp_path, url, **waits)
    assert "No decision was made within 1.0 s" in held["msg"]
    assert "No decision was made within 1.0 s" in warned["msg"]
    kept = json.loads((Path(sandbox.state["root"]) / "cloud" / "state.json").read_text())
    (asked,) = kept["storefronts"]["asked"]["slack"]["messages"]
    assert "The watch of v2 is inconclusive" in asked["text"]
    assert "watch.yml -e decide=continue" in asked["blocks"][0]["text"]["text"]
    sandbox.drop_storefront("asked")


def test_nothing_is_recorded_where_no_watch_waits(tmp_path) -> None:
    given = {"state": "decided", "decide": "continue", "reason": "seen", **store(tmp_path)}
    found = run_module(watch_release, given)
    assert found["failed"]
    assert "No watch waits for a decision" in found["msg"]


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"watch": {**WATCH, "errors": "5"}}, "verify_watch.errors is '5', which has no unit"),
        ({"watch": {**WATCH, "bake": "2 s", "interval": "1 s"}}, "frontend gives only 2 answers"),
        ({"watch": {}}, "verify_watch.bake is missing"),
        (
            {"watch": {**WATCH, "journey": "brows"}, "journeys": [{"name": "browse", "steps": []}]},
            "did you mean browse",
        ),
        (
            {"watch": {**WATCH, "sentry": True}},
            "Sentry is not configured: api_token, organization, projects is missing",
        ),
        ({"watch": {**WATCH, "platform": True}}, "platform cannot be asked: api_token, units is missing"),
        ({"checks": []}, "checks is empty"),
        ({"watch": {**WATCH, "bakes": "1 s"}}, "Unsupported parameters"),
    ],
)
def test_options_that_cannot_be_right_are_refused_before_a_site_is_asked(tmp_path, params, text) -> None:
    found = watched(tmp_path, "http://127.0.0.1:9", check=True, **params)
    assert found["failed"]
    assert text in found["msg"], found["msg"]


def test_a_watch_costs_little_of_its_time(tmp_path) -> None:
    with site(good) as new_url, site(good) as old_url:
        began = time.process_time()
        found = watched(tmp_path, new_url, old_url)
        spent = time.process_time() - began
    # the servers are in this process as well; 20 rounds here are 100 s at the usual interval of 5 s
    assert found["rounds"] == 20
    assert spent <= 0.01 * 20 * 5


def test_a_project_of_another_organization_is_refused(tmp_path, sandbox) -> None:
    shop = sandbox.create_storefront("watched")
    token, address = sandbox.state["tokens"]["sentry"], sandbox.state["cloud"]["sentry_url"]
    organization, projects = shop["sentry"]["organization"], [shop["sentry"]["project"]]
    given = {"api_token": token, "api_url": address, "organization": organization}
    with site(good) as url:
        wrong = watched(
            tmp_path, url, check=True, watch={**WATCH, "sentry": True}, sentry={**given, "projects": ["elsewhere"]}
        )
        assert wrong["failed"]
        assert f"The organization {organization} at Sentry has no project 'elsewhere'" in wrong["msg"]
        assert token not in str(wrong)
        sandbox.cloud(
            "PUT",
            "/storefronts/watched/sentry",
            {"sessions": {"v2": {"crashed": 90, "healthy": 10}, "v1": {"healthy": 99}}},
        )
        found = watched(
            tmp_path,
            url,
            previous="v1",
            watch={**WATCH, "sentry": True},
            sentry={**given, "projects": projects},
        )
    assert found["failed"]
    assert "sentry sessions: 90 of 100 of the new release failed, 0 of 99 of the old one" in found["msg"]
