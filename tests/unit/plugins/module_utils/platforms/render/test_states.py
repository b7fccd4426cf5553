# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Render's words and shapes mean."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Outcome
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render.states import (
    Deploy,
    candidates,
    classify,
    live,
    maintenance,
    tag_of,
)

from tests.unit.plugins.fake_render import SHAS, FakeRender

NAMES = {sha: release for release, sha in SHAS.items()}


@pytest.fixture
def render() -> FakeRender:
    return FakeRender()


def deploy(render: FakeRender, node: dict) -> Deploy:
    return Deploy.of(node, render.service, NAMES)


def listed(render: FakeRender) -> list[Deploy]:
    return [deploy(render, node) for node in reversed(render.listed)]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *(
            (word, Outcome.PENDING)
            for word in ("created", "queued", "build_in_progress", "pre_deploy_in_progress", "update_in_progress")
        ),
        ("live", Outcome.READY),
        *(
            (word, Outcome.FAILED)
            for word in ("build_failed", "pre_deploy_failed", "update_failed", "canceled", "deactivated")
        ),
        ("hibernating", None),
    ],
)
def test_every_word_of_the_vendor_has_an_outcome(render, status, outcome):
    assert classify(deploy(render, render.has("v1.0.0", status))) == (outcome, status)


def test_a_deploy_that_is_not_listed_yet_is_waited_for():
    assert classify(None) == (Outcome.PENDING, "not listed yet")


def test_live_is_not_enough_when_the_service_is_suspended(render):
    render.service["suspended"] = "suspended"
    stopped = deploy(render, render.has("v1.0.0"))
    assert classify(stopped) == (Outcome.PENDING, "stopped")
    assert (stopped.is_live, stopped.word, live([stopped])) == (False, "stopped", None)


def test_the_release_is_found_by_the_commit(render):
    assert deploy(render, render.has("v1.1.0")).describe() == {
        "id": "dep-1",
        "url": "https://shop-api.onrender.com",
        "status": "live",
        "release": "v1.1.0",
        "commit": SHAS["v1.1.0"],
        "created_at": "2026-01-31T12:01:00+00:00",
    }


def test_a_commit_without_a_name_has_no_release(render):
    assert Deploy.of(render.has("v1.1.0"), render.service, {}).release is None


def test_an_image_is_called_by_its_tag(render):
    made = deploy(
        render, render.has("v1.1.0", commit=None, image={"ref": "ghcr.io/shop/api:v1.1.0", "sha": "sha256:ab"})
    )
    assert (made.release, made.commit, made.source) == ("v1.1.0", None, "sha256:ab")


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("ghcr.io/shop/api:v1.1.0", "v1.1.0"),
        ("localhost:5000/api", None),
        ("localhost:5000/api:v2", "v2"),
        ("api:v2@sha256:abc", "v2"),
        ("api@sha256:abc", None),
        (None, None),
    ],
)
def test_the_tag_of_an_image_is_distinguished_from_a_port_and_a_digest(image, tag):
    assert tag_of(image) == tag


def test_a_worker_has_no_url_and_no_maintenance_mode(render):
    render.service |= {"type": "background_worker", "serviceDetails": {"numInstances": 1}}
    assert deploy(render, render.has("v1.0.0")).url is None
    assert maintenance(render.service) is None


def test_a_rollback_restores_what_it_was_made_of_and_a_new_deploy_of_the_commit_does_not(render):
    old, bad = render.has("v1.0.0"), render.has("v1.1.0")
    back, again = render.has("v1.0.0", trigger="rollback"), render.has("v1.0.0")
    old, bad, back, again = (deploy(render, node) for node in (old, bad, back, again))
    assert back.restores(old)
    assert old.restores(old)
    assert not back.restores(bad)
    assert not again.restores(old)
    assert again.repeats(old)
    assert not old.restores(back)


def test_candidates_begin_with_what_was_before_the_build_that_serves(render):
    for release in ("v1.0.0", "v1.1.0", "v1.2.0"):
        render.has(release)
    render.has("v1.1.0", trigger="rollback")
    assert [one.release for one in candidates(listed(render))] == ["v1.0.0", "v1.2.0"]


def test_only_what_has_served_is_a_candidate(render):
    render.has("v1.0.0")
    for status in ("build_failed", "canceled", "update_failed", "update_in_progress"):
        render.has("v1.2.0", status)
    render.has("v1.1.0")
    assert [one.release for one in candidates(listed(render))] == ["v1.0.0"]


def test_an_older_deploy_of_the_commit_that_serves_is_no_candidate(render):
    render.has("v1.1.0")
    render.has("v1.0.0")
    render.has("v1.0.0")
    assert [one.id for one in candidates(listed(render))] == ["dep-1"]


def test_of_a_suspended_service_what_it_ran_is_a_candidate_too(render):
    render.has("v1.0.0")
    render.has("v1.1.0")
    render.service["suspended"] = "suspended"
    assert [one.release for one in candidates(listed(render))] == ["v1.1.0", "v1.0.0"]
