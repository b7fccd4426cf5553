# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Railway's words and shapes mean."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Outcome
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway.states import (
    Deployment,
    candidates,
    classify,
    label,
    live,
    url_of,
)

from tests.unit.plugins.fake_railway import SHA, FakeRailway


@pytest.fixture
def railway() -> FakeRailway:
    return FakeRailway()


def listed(railway: FakeRailway) -> list[Deployment]:
    return [Deployment.of(node) for node in reversed(railway.listed)]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *(
            (word, Outcome.PENDING)
            for word in ("QUEUED", "WAITING", "NEEDS_APPROVAL", "INITIALIZING", "BUILDING", "DEPLOYING")
        ),
        *((word, Outcome.READY) for word in ("SUCCESS", "SLEEPING")),
        *((word, Outcome.FAILED) for word in ("FAILED", "CRASHED", "SKIPPED", "REMOVING", "REMOVED", "CANCELLED")),
        ("HIBERNATING", None),
    ],
)
def test_every_word_of_the_vendor_has_an_outcome(railway, status, outcome):
    assert classify(Deployment.of(railway.has("v1.0.0", status))) == (outcome, status.lower())


def test_a_deployment_that_is_not_listed_yet_is_waited_for():
    assert classify(None) == (Outcome.PENDING, "not listed yet")


def test_success_is_not_enough_when_it_was_stopped(railway):
    stopped = Deployment.of(railway.has("v1.0.0", deploymentStopped=True))
    assert classify(stopped) == (Outcome.PENDING, "stopped")
    assert (stopped.is_live, stopped.word) == (False, "stopped")


def test_stopped_means_nothing_before_success(railway):
    starting = Deployment.of(railway.has("v1.0.0", "DEPLOYING", deploymentStopped=True))
    assert (starting.word, starting.in_progress) == ("deploying", True)


def test_a_sleeping_service_is_live(railway):
    railway.has("v1.0.0", "SLEEPING", deploymentStopped=True)
    assert live(listed(railway)).word == "sleeping"


def test_release_and_commit_are_read_from_the_message(railway):
    described = Deployment.of(railway.has("v1.1.0")).describe()
    assert described == {
        "id": "deployment-1",
        "url": "https://api.up.railway.app",
        "status": "success",
        "release": "v1.1.0",
        "commit": SHA,
        "created_at": "2026-01-31T12:01:00+00:00",
    }


def test_a_folder_without_a_commit_has_none(railway):
    made = Deployment.of(railway.has("v1.1.0", meta={"cliMessage": label("v1.1.0", None, "f" * 64)}))
    assert (made.release, made.commit) == ("v1.1.0", None)


def test_a_deployment_of_somebody_else_has_no_release_but_the_commit_that_git_gave(railway):
    made = Deployment.of(railway.has("", meta={"cliMessage": "Fix the checkout", "commitHash": SHA}))
    assert (made.release, made.commit) == (None, SHA)


def test_a_rollback_restores_what_it_was_made_of_and_a_redeploy_does_not(railway):
    old, bad = railway.has("v1.0.0"), railway.has("v1.1.0")
    back = railway.has("v1.0.0", reason="rollback")
    again = railway.has("v1.0.0", reason="redeploy")
    old, bad, back, again = map(Deployment.of, (old, bad, back, again))
    assert back.restores(old)
    assert old.restores(old)
    assert not back.restores(bad)
    assert not again.restores(old)
    assert not old.restores(back)


def test_an_older_rollback_does_not_restore_a_newer_one_of_the_same_image(railway):
    railway.has("v1.0.0")
    first, second = (Deployment.of(railway.has("v1.0.0", reason="rollback")) for _unused in range(2))
    assert second.restores(first)
    assert not first.restores(second)


def test_without_image_digests_a_rollback_is_known_by_its_message(railway):
    target = {"cliMessage": f"v1.0.0 {SHA} {'a' * 12}"}
    old = Deployment.of(railway.has("v1.0.0", meta=target))
    assert Deployment.of(railway.has("v1.0.0", meta={**target, "reason": "rollback"})).restores(old)
    assert not Deployment.of(railway.has("v1.0.0", meta={"reason": "rollback"})).restores(old)


def test_without_image_digests_a_deployment_from_a_repository_is_known_by_its_commit(railway):
    old = Deployment.of(railway.has("", meta={"commitHash": SHA}))
    assert Deployment.of(railway.has("", meta={"commitHash": SHA, "reason": "rollback"})).restores(old)
    assert not Deployment.of(railway.has("", meta={"commitHash": "f" * 40, "reason": "rollback"})).restores(old)
    nameless = [Deployment.of(railway.has("", meta={"reason": "rollback"})) for _unused in range(2)]
    assert not nameless[1].restores(nameless[0])


def test_a_redeploy_runs_the_same_image_and_makes_it_no_newer(railway):
    for release in ("v1.0.0", "v1.1.0", "v1.2.0"):
        railway.has(release)
    railway.has("v1.1.0", reason="redeploy")
    old, again = Deployment.of(railway.listed[1]), Deployment.of(railway.listed[3])
    assert again.runs(old)
    assert not old.runs(again)
    assert [one.release for one in candidates(listed(railway))] == ["v1.0.0", "v1.2.0", "v1.1.0"]


def test_candidates_begin_with_what_was_before_the_build_that_serves(railway):
    for release in ("v1.0.0", "v1.1.0", "v1.2.0"):
        railway.has(release)
    railway.has("v1.1.0", reason="rollback")
    assert [one.release for one in candidates(listed(railway))] == ["v1.0.0", "v1.2.0"]


def test_candidates_are_what_railway_says_can_be_rolled_back_to(railway):
    railway.has("v1.0.0")
    railway.has("v1.1.0")
    railway.has("v1.2.0", "FAILED")
    assert [one.release for one in candidates(listed(railway))] == ["v1.0.0"]
    railway.listed[1]["deploymentStopped"] = True
    assert [one.release for one in candidates(listed(railway))] == ["v1.0.0"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (None, None),
        ("", None),
        ("api.up.railway.app", "https://api.up.railway.app"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://x", "http://x"),
    ],
)
def test_a_host_becomes_a_url(host, url):
    assert url_of(host) == url
