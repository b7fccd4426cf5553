# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Vercel's answers mean."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Outcome
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.states import (
    deployment_url,
    describe,
    on_its_way,
    parse_error,
    polling,
    production,
    serving,
    state_of,
)

from tests.unit.support import reply

DOMAINS = [{"alias": "shop.example", "status": "completed"}, {"alias": "www.shop.example", "status": "completed"}]


def project(live: str = "dpl_2", *, job: str | None = "succeeded", to: str = "dpl_2", **target: Any) -> dict[str, Any]:
    request = {"toDeploymentId": to, "jobStatus": job, "requestedAt": 5} if job else None
    return {"targets": {"production": {"id": live, "aliasAssigned": 1, **target}}, "lastAliasRequest": request}


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("QUEUED", Outcome.PENDING),
        ("INITIALIZING", Outcome.PENDING),
        ("BUILDING", Outcome.PENDING),
        ("READY", Outcome.READY),
        ("ERROR", Outcome.FAILED),
        ("CANCELED", Outcome.FAILED),
        ("BLOCKED", Outcome.FAILED),
        ("DELETED", Outcome.FAILED),
        ("POLISHING", None),
    ],
)
def test_every_word_of_a_build_is_known_for_what_it_is_and_a_new_one_is_no_success(word, outcome):
    assert state_of({"readyState": word}) == (outcome, word.lower())


def test_a_listed_deployment_may_report_its_state_under_the_older_name():
    assert state_of({"state": "READY"}) == (Outcome.READY, "ready")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("shop-9f2.vercel.app", "https://shop-9f2.vercel.app"),
        ("127.0.0.1:4321", "http://127.0.0.1:4321"),
        ("localhost:4321", "http://localhost:4321"),
        ("127.0.0.1.evil.example", "https://127.0.0.1.evil.example"),
        (None, None),
    ],
)
def test_a_deployment_is_reached_over_https_unless_it_is_on_this_machine(host, url):
    assert deployment_url(host) == url


def test_a_deployment_looks_the_same_whether_it_was_read_or_listed():
    common = {"url": "shop-1.vercel.app", "meta": {"release": "v1.1.0", "commit": "c0ffee"}}
    read = {**common, "id": "dpl_1", "readyState": "READY", "createdAt": 1767225600000}
    listed = {**common, "uid": "dpl_1", "state": "READY", "created": 1767225600000}
    assert describe(read) == describe(listed)
    assert describe(read) == {
        "id": "dpl_1",
        "url": "https://shop-1.vercel.app",
        "status": "ready",
        "release": "v1.1.0",
        "commit": "c0ffee",
        "created_at": "2026-01-01T00:00:00+00:00",
    }


def test_a_deployment_that_vercel_built_from_git_reports_its_commit():
    assert describe({"id": "dpl_1", "meta": {"githubCommitSha": "c0ffee"}})["commit"] == "c0ffee"


def test_a_staged_deployment_is_not_taken_for_the_live_one():
    assert production(project(readySubstate="STAGED")) is None
    assert production(project(readySubstate="PROMOTED"))["id"] == "dpl_2"
    assert production({"targets": {}}) is None


def test_a_deployment_is_served_once_production_and_every_alias_point_at_it():
    assert serving(project(), DOMAINS, "dpl_2") == (Outcome.READY, "served")


def test_a_deployment_that_was_assigned_without_a_promotion_is_served():
    assert serving(project(job=None), [], "dpl_2") == (Outcome.READY, "served")


@pytest.mark.parametrize(
    ("state", "aliases", "word"),
    [
        (project(live="dpl_1", job="pending"), [], "pending"),
        (project(job="in-progress"), [], "in-progress"),
        (project(live="dpl_1"), [], "not served yet"),
        (project(aliasAssigned=None), [], "not served yet"),
        (project(live="dpl_1", job=None), [], "not served yet"),
        (
            project(),
            [DOMAINS[0], {"alias": "www.shop.example", "status": "in-progress"}],
            "not served yet on www.shop.example",
        ),
    ],
)
def test_until_then_it_is_waited_for(state, aliases, word):
    assert serving(state, aliases, "dpl_2") == (Outcome.PENDING, word)


def test_a_job_with_an_unknown_word_is_not_taken_for_success():
    assert serving(project(job="polishing"), DOMAINS, "dpl_2") == (None, "polishing")


@pytest.mark.parametrize("job", ["failed", "succeeded"])
def test_a_failed_alias_is_named_even_where_the_job_says_that_it_succeeded(job):
    aliases = [DOMAINS[0], {"alias": "www.shop.example", "status": "failed"}]
    assert serving(project(job=job), aliases, "dpl_2") == (Outcome.FAILED, "failed for www.shop.example")


def test_an_alias_error_of_production_is_a_failure_that_names_the_aliases():
    state = project(
        job=None,
        alias=["shop.example"],
        aliasError={"code": "cert_missing", "message": "No certificate"},
        aliasAssigned=None,
    )
    assert serving(state, [], "dpl_2") == (Outcome.FAILED, "failed for shop.example (cert_missing: No certificate)")


def test_an_older_request_is_not_taken_for_the_one_just_made():
    assert serving(project(job="failed"), [], "dpl_2", stale=5) == (Outcome.PENDING, "requested")
    assert serving(project(job="failed"), [], "dpl_2", stale=4)[0] is Outcome.FAILED


def test_only_an_unfinished_request_is_on_its_way():
    assert on_its_way(project(job="pending")) == "dpl_2"
    assert on_its_way(project(job="polishing")) == "dpl_2"
    assert on_its_way(project(job="succeeded")) is None
    assert on_its_way(project(job="failed")) is None
    assert on_its_way(project(job=None)) is None


def test_a_wait_looks_as_often_as_vercels_own_client():
    assert [polling(waited) for waited in (5.4, 14.9, 15, 59.9, 60, 299.9, 300, 3000)] == [1, 1, 5, 5, 15, 15, 30, 30]


def test_a_wait_looks_sooner_at_first_and_never_more_than_ten_times_in_a_second():
    assert [polling(waited) for waited in (0, 0.6, 1.5)] == pytest.approx([0.1, 0.2, 0.35])


def test_an_error_gives_vercels_code_and_message_and_anything_else_gives_neither():
    assert parse_error(reply(403, {"error": {"code": "forbidden", "message": "Not authorized"}})) == (
        "forbidden",
        "Not authorized",
    )
    for answer in (reply(502, text="<html>"), reply(500, ["no"]), reply(500, {"error": "no"})):
        assert parse_error(answer) == (None, None)
