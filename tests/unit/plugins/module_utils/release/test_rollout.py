# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet that is deployed batch by batch."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.rollout import Rollout, stand

ALL = ["a", "b", "c", "d"]
STARTED: dict[str, Any] = {"rollout_started": True}
FAILED: dict[str, Any] = {"rollout_started": True, "rollout_failure": "broken"}


def stood(
    facts: dict[str, dict[str, Any]], *, playing: list[str] | None = None, here: str = "a", allowed: int = 0
) -> Rollout:
    return stand(
        ALL,
        {name: facts.get(name, {}) for name in ALL},
        playing=ALL if playing is None else playing,
        here=here,
        allowed=allowed,
    )


@pytest.mark.parametrize(
    ("facts", "playing", "failed", "waiting"),
    [
        ({}, ALL, [], ALL),
        ({"a": STARTED}, ALL, [], ["b", "c", "d"]),
        ({"a": FAILED, "b": STARTED}, ALL, ["a"], ["c", "d"]),
        ({"a": STARTED, "b": STARTED}, ["b", "c", "d"], ["a"], ["c", "d"]),  # Ansible gave it up
        ({}, ["b", "c", "d"], [], ALL),  # it never started
    ],
)
def test_a_storefront_failed_when_it_started_and_is_not_well(
    facts: dict[str, Any], playing: list[str], failed: list[str], waiting: list[str]
) -> None:
    found = stood(facts, playing=playing)
    assert (found.failed, found.waiting) == (failed, waiting)


@pytest.mark.parametrize(("allowed", "stopped"), [(0, True), (1, False)])
def test_no_further_storefront_starts_once_too_many_failed(allowed: int, stopped: bool) -> None:
    assert stood({"a": FAILED}, here="b", allowed=allowed).stopped is stopped


@pytest.mark.parametrize(
    ("facts", "here", "allowed", "tolerated"),
    [
        ({"a": STARTED}, "a", 0, False),
        ({"a": STARTED}, "a", 1, True),
        ({"a": FAILED, "b": STARTED}, "b", 1, False),
        ({"a": FAILED, "b": STARTED}, "b", 2, True),
        ({"a": FAILED}, "a", 1, True),  # it counts once
    ],
)
def test_a_failure_is_tolerated_as_long_as_no_more_than_allowed_failed(
    facts: dict[str, Any], here: str, allowed: int, tolerated: bool
) -> None:
    assert stood(facts, here=here, allowed=allowed).tolerated is tolerated


def test_a_storefront_alone_always_fails_at_once() -> None:
    assert stand(["a"], {"a": STARTED}, playing=["a"], here="a", allowed=5).tolerated is False


def test_what_was_not_started_is_named_with_the_way_to_continue() -> None:
    assert (
        stood({"a": STARTED, "b": STARTED}, here="b").left
        == "b failed and rollout_failures_allowed is 0, so these were not started: c, d. Correct what failed, then"
        " continue with --limit b,c,d"
    )
    assert stood({"a": FAILED}, here="c").left.startswith("a failed and")
    assert stood({"a": STARTED}, here="a", allowed=1).left == ""
    assert stood({name: STARTED for name in ALL}, here="d").left == ""
