# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verification amounts to, its turn, and what is reported of a change."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseHeld, RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.core.process import started
from ansible_collections.storefront.runbook.plugins.module_utils.release import verify_turn
from ansible_collections.storefront.runbook.plugins.module_utils.release.argument_spec import wrong
from ansible_collections.storefront.runbook.plugins.module_utils.release.verification import (
    change,
    database,
    edge_window,
    lines,
    past_the_cache,
    result,
    results_of,
    state,
    steps,
    steps_problem,
    targets,
    verdict,
)
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store

EVERY = ["frontend", "backend", "database", "performance", "uat"]


def test_steps_run_in_their_order_and_all_by_default() -> None:
    assert steps(None) == EVERY
    assert steps(["uat", "frontend"]) == steps("uat, frontend") == ["frontend", "uat"]


def test_tags_choose_among_the_steps() -> None:
    assert steps(None, ["uat", "backend"]) == ["backend", "uat"]
    assert steps(None, ["all"], ["uat", "performance"]) == ["frontend", "backend", "database"]
    assert steps(None, ["tagged", "always"]) == EVERY


@pytest.mark.parametrize(
    ("asked", "tags", "skipped", "words"),
    [
        ([], ["all"], [], "verify is empty"),
        (["", " "], ["all"], [], "verify is empty"),
        ("", ["all"], [], "verify is empty"),
        (["uat"], ["frontend"], [], "leave none of uat"),
        (None, ["always"], [], "leave none of frontend"),
        (None, ["uat"], ["uat"], "leave none of"),
        (None, ["all"], ["all"], "leave none of"),
        (None, ["uta"], [], "--tags names 'uta', which is not a step of the verification: did you mean uat?"),
        (None, ["uat", "frontnd"], [], "did you mean frontend?"),
    ],
)
def test_a_run_that_would_verify_nothing_is_refused(
    asked: Any, tags: list[str], skipped: list[str], words: str
) -> None:
    assert words in steps_problem(asked, tags, skipped)
    with pytest.raises(ValueError, match="The steps are frontend, backend, database, performance, uat"):
        steps(asked, tags, skipped)


def test_an_unknown_step_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ValueError, match="did you mean frontend"):
        steps(["frontent"])


PASSED = {"passed": True, "summary": "All right."}
FAILED = {"passed": False, "summary": "1 failed.\nbuy: step 'pay' expected paid, got declined."}


def test_a_step_that_is_not_configured_is_neither_passed_nor_failed() -> None:
    assert result({"skipped": True}, "passed", "verify_journeys")["summary"] == "verify_journeys is not set"
    ended = {"uat": result({"skipped": True}, "passed", "verify_journeys")}
    assert verdict(ended) == verdict({**ended, "backend": result(PASSED, "passed")}, alone=True) == ""
    assert verdict(ended, alone=True).startswith("Nothing was verified.")
    assert "verify_journeys is not set" in verdict(ended, alone=True)
    assert lines(ended) == ["journeys of customers: not configured. verify_journeys is not set"]


def test_an_old_page_at_the_edge_fails_though_each_page_is_healthy() -> None:
    checks = [{"name": "home", "release": "v1.1.0"}, {"name": "products", "release": "v1.0.0"}, {"name": "api"}]
    task = {"healthy": True, "summary": "All of 3 checks are healthy.", "checks": checks}
    ended = result(task, "healthy")
    assert ended["state"] == "failed"
    assert "different releases (home v1.1.0, products v1.0.0)" in ended["summary"]
    assert result({**task, "checks": checks[1:]}, "healthy")["state"] == "passed"
    broken = result({**task, "healthy": False, "summary": "1 of 3 checks failed."}, "healthy")
    assert broken["summary"].splitlines()[0] == "1 of 3 checks failed."


def test_the_first_page_with_a_release_is_asked_past_the_cache_too() -> None:
    checks = [
        {"name": "api", "url": "/api", "method": "POST", "release": {"json": "release"}},
        {"name": "plain", "url": "/plain"},
        {"name": "home", "url": "/?a=1", "release": {"meta": "release"}},
        {"name": "products", "url": "/products", "release": {"meta": "release"}},
    ]
    *same, fresh = past_the_cache(checks, "m1")
    assert same == checks
    assert fresh == {"name": "home past the cache", "url": "/?a=1&verify=m1", "release": {"meta": "release"}}
    assert past_the_cache(checks[3:], "m1")[-1]["url"] == "/products?verify=m1"
    assert past_the_cache(checks[:2], "m1") == checks[:2]


@pytest.mark.parametrize(
    ("edge", "seconds"),
    [
        ({}, 3600),
        ({"until": "not a time"}, 3600),
        ({"until": "2026-01-31T11:50:00Z"}, 600),
        ({"until": "2026-01-31T11:59:50Z"}, 60),
        ({"until": "2026-01-01T00:00:00Z"}, 86_400),
    ],
)
def test_requests_at_the_edge_are_counted_since_the_last_measurement(edge: dict[str, str], seconds: int) -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()
    assert edge_window({"edge": edge}, noon) == seconds
    assert edge_window({}, noon) == 3600


def test_the_screenshots_of_failed_steps_go_to_the_page_of_a_run() -> None:
    journeys = [{"failure": None}, {"failure": {"screenshot": "/r/a.png"}}, {"failure": {"screenshot": None}}]
    assert result({**FAILED, "journeys": journeys}, "passed")["screenshots"] == ["/r/a.png"]
    assert "screenshots" not in result({**PASSED, "journeys": journeys[:1]}, "passed")


def test_the_verdict_names_every_step_that_failed_and_why() -> None:
    ended = {"frontend": result(PASSED, "passed"), "uat": result(FAILED, "passed")}
    assert verdict(ended).splitlines() == [
        "The verification failed: journeys of customers.",
        "journeys of customers: 1 failed.",
        "buy: step 'pay' expected paid, got declined.",
    ]
    assert lines(ended)[0] == "frontend: passed. All right."


def test_a_step_of_several_tasks_fails_when_one_fails() -> None:
    skipped = {"skipped": True}
    assert results_of([(PASSED, "passed", "a"), (FAILED, "passed", "b")])["state"] == "failed"
    assert results_of([(PASSED, "passed", "a"), (skipped, "passed", "b")])["state"] == "passed"
    assert results_of([(skipped, "passed", "a"), (skipped, "passed", "b")])["state"] == "not configured"


@pytest.mark.parametrize(
    ("given", "least", "problem"),
    [
        ({"migrations": {"known": True, "applied": 3, "failed": ["m4"]}}, {}, "the migration m4 has failed"),
        ({"migrations": {"known": False}}, {}, "there is no table of migrations"),
        ({"counts": {"public.Product": 0}}, {"Product": 1}, "the table Product has 0 rows instead of 1 or more"),
        ({"counts": {"public.Product": None}}, {"Product": 1}, "the table Product has unknown rows"),
        ({"counts": {}}, {"Order": 1}, "there is no table Order"),
        ({"unavailable": {"migrations": "no right"}}, {}, "migrations is not known: no right"),
    ],
)
def test_the_database_fails_for_what_it_lacks(given: dict[str, Any], least: dict[str, int], problem: str) -> None:
    good = {"migrations": {"known": True, "applied": 3, "failed": []}}
    ended = database({**good, **given}, least)
    assert ended["state"] == "failed"
    assert problem in ended["summary"]


def test_a_good_database_shows_its_migrations_and_rows() -> None:
    found = {
        "migrations": {"known": True, "applied": 3, "failed": []},
        "counts": {"public.Product": 7, "public.User": 1},
    }
    assert database(found, {"Product": 5}) == {
        "state": "passed",
        "summary": "3 migrations are applied, Product has 7 rows.",
    }


def test_only_reading_checks_of_a_path_are_measured() -> None:
    checks = [
        {"name": "home", "url": "/"},
        {"name": "login", "url": "/login", "method": "POST"},
        {"name": "other", "url": "https://other.example/"},
    ]
    urls = {"frontend": "https://shop.example/", "backend": ""}
    assert targets(urls, {"frontend": checks, "backend": checks}) == [
        {"name": "frontend home", "url": "https://shop.example/"}
    ]


GOOD, WRONG = {"state": "passed", "summary": ""}, {"state": "failed", "summary": ""}


@pytest.mark.parametrize(
    ("failing", "failed", "results", "chosen", "expected"),
    [
        ([], "", {"uat": GOOD}, ["uat"], []),
        ([], "broken", {"uat": WRONG, "backend": GOOD}, ["backend", "uat"], ["uat"]),
        (["uat"], "", {"backend": GOOD}, ["backend"], ["uat"]),  # what did not run is not repaired
        (["uat"], "", {"uat": GOOD}, ["uat"], []),
        (["uat"], "broken", {"backend": WRONG}, ["backend"], ["backend", "uat"]),
        ([], "the database does not answer", {"backend": GOOD}, ["backend", "database"], ["database"]),
        ([], "the store does not answer", {}, ["backend"], ["backend"]),
        ([], "no turn", {"backend": GOOD}, ["backend"], ["backend"]),
    ],
)
def test_a_step_that_failed_fails_until_it_passes(
    failing: list[str], failed: str, results: dict[str, Any], chosen: list[str], expected: list[str]
) -> None:
    before = {"outcome": "failed" if failing else "passed", "notified": True, "failing": failing}
    assert state(before, failed, results, chosen) == {
        "outcome": "failed" if expected else "passed",
        "failing": expected,
    }


def test_the_state_of_an_older_release_has_no_steps_and_any_run_that_passes_ends_it() -> None:
    before = {"outcome": "failed", "notified": True}
    now = state(before, "", {"uat": GOOD}, ["uat"])
    assert change(before, "", "shop", now) == "shop: the verification passes again."


@pytest.mark.parametrize(
    ("before", "failed", "failing", "message"),
    [
        ({}, "", [], ""),
        ({}, "broken", ["uat"], "shop: broken"),
        ({"outcome": "failed", "notified": True}, "broken", ["uat"], ""),
        ({"outcome": "failed", "notified": True, "failing": ["uat"]}, "broken", ["uat"], ""),
        ({"outcome": "failed", "notified": True, "failing": ["uat"]}, "broken", ["backend", "uat"], "shop: broken"),
        ({"outcome": "failed", "notified": False}, "broken", ["uat"], "shop: broken"),
        ({"outcome": "failed", "notified": True, "failing": ["uat"]}, "", ["uat"], ""),
        (
            {"outcome": "failed", "notified": False, "failing": ["uat"]},
            *("", ["uat"], "shop: the verification still fails: journeys of customers."),
        ),
        ({"outcome": "failed", "notified": True}, "", [], "shop: the verification passes again."),
        ({"outcome": "passed", "notified": True}, "", [], ""),
        ({"outcome": "passed", "notified": False}, "", [], "shop: the verification passes again."),
    ],
)
def test_only_a_change_is_notified_and_what_was_not_delivered(
    before: dict[str, Any], failed: str, failing: list[str], message: str
) -> None:
    now = {"outcome": "failed" if failing else "passed", "failing": failing}
    assert change(before, failed, "shop", now) == message


@pytest.fixture
def store(tmp_path: Path) -> Any:
    return open_store({"store": f"file://{tmp_path}", "store_is_shared": True}, unguarded)


def turn(store: Any) -> dict[str, Any]:
    return json.loads(store.get(verify_turn.TURN)[0])


def left_by(store: Any, pid: int, start: int, host: str = "") -> None:
    """Leave the turn as a run that never gave it back."""
    token = verify_turn.take(store, 600)
    document = {**turn(store), "pid": pid, "start": start, "host": host or socket.gethostname(), "token": token}
    store.put_if_match(verify_turn.TURN, json.dumps(document).encode(), store.get(verify_turn.TURN)[1])


def test_one_verification_runs_at_a_time(store: Any) -> None:
    left_by(store, os.getpid(), started(os.getpid()) or 0)
    with pytest.raises(LeaseHeld, match="is verifying this storefront"):
        verify_turn.take(store, 600)
    verify_turn.give_back(store, turn(store)["token"])
    assert verify_turn.take(store, 600)


def test_a_killed_run_of_this_machine_does_not_keep_the_turn(store: Any) -> None:
    left_by(store, os.getpid(), 1)
    assert verify_turn.take(store, 600)


def test_a_run_of_another_machine_keeps_it_until_its_deadline(store: Any) -> None:
    left_by(store, os.getpid(), 1, host="another")
    with pytest.raises(LeaseHeld):
        verify_turn.take(store, 600)
    document = {**turn(store), "deadline": "2020-01-01T00:00:00+00:00"}
    store.put_if_match(verify_turn.TURN, json.dumps(document).encode(), store.get(verify_turn.TURN)[1])
    assert verify_turn.take(store, 600)


def test_the_turn_of_another_run_is_not_given_back(store: Any) -> None:
    verify_turn.take(store, 600)
    verify_turn.give_back(store, "another")
    assert turn(store)["state"] == "held"


def test_the_outcome_is_kept_with_its_beginning_and_the_measurements_of_the_last_good_run(store: Any) -> None:
    first = verify_turn.record(store, "passed", notified=True, measured={"targets": {}})
    then = verify_turn.record(store, "failed", notified=False, measured={"targets": {"a": {}}})
    again = verify_turn.record(store, "failed", notified=True, measured={}, failing=["uat"])
    assert then["since"] == again["since"]
    assert again["measured"] == first["measured"] == {"targets": {}}
    assert verify_turn.last(store) == again
    assert (first["failing"], again["failing"]) == ([], ["uat"])


def test_a_damaged_state_is_refused_with_its_name(store: Any) -> None:
    store.put_if_absent(verify_turn.STATE, b"{}")
    with pytest.raises(RunbookError, match=r"verify/state\.json .* cannot be read: outcome is missing"):
        verify_turn.last(store)


STEPS = {"type": "list", "elements": "str", "choices": ["frontend", "uat"], "description": "Steps."}


@pytest.mark.parametrize("value", [["uat"], ["frontend", "uat"], "uat", "frontend, uat", []])
def test_the_choices_of_a_list_hold_for_its_items(value: Any) -> None:
    assert list(wrong("verify", STEPS, value)) == []


@pytest.mark.parametrize("value", [["frontent"], "uat,frontent", ["uat", "frontent"]])
def test_an_item_that_is_not_one_of_the_choices_is_named(value: Any) -> None:
    (problem,) = wrong("verify", STEPS, value)
    assert "did you mean frontend" in problem
