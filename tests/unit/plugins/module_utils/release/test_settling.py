# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run concludes from the lease."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import settling

FREE: dict[str, Any] = {"lease": {}, "journal": {}}
LEFT: dict[str, Any] = {"lease": {}, "journal": {"release": "v1", "snapshot": {"frontend": {}, "api": {}}}}
HELD = {"msg": "held by alice", "error": {"kind": "lease_held"}}
DOWN = {"msg": "no answer", "error": {"kind": "unreachable"}}


@pytest.mark.parametrize(
    ("result", "kind", "problems", "notes"),
    [
        (FREE, "deploy", [], []),
        (HELD, "deploy", ["store: held by alice"], []),
        (HELD, "rollback", ["store: held by alice"], []),
        (DOWN, "deploy", ["store: no answer"], []),
        (DOWN, "rollback", [], ["store: no answer"]),  # an emergency continues without the store
        (LEFT, "deploy", ["The deploy of v1 did not finish. It moved frontend, which this run does not move."], []),
        (LEFT, "rollback", [], []),
    ],
)
def test_a_lease_stops_a_run_or_is_noted(
    result: dict[str, Any], kind: str, problems: list[str], notes: list[str]
) -> None:
    found = settling.lease_check(result, kind=kind, movable=["api"], release="v2", resolved=True)
    assert [one.startswith(problem) for one, problem in zip(found["problems"], problems, strict=True)] == [True] * len(
        problems
    )
    assert found["notes"] == notes


def test_a_release_whose_commit_is_unknown_stops_a_run() -> None:
    (problem,) = settling.lease_check(FREE, kind="deploy", movable=["api"], release="v2", resolved=False)["problems"]
    assert problem.startswith("source_path: the commit of v2 is unknown there.")


@pytest.mark.parametrize(
    ("known", "accepted", "expected"),
    [
        (None, "", ["1_a", "2_b"]),  # the database is not checked
        ({"1_a": "applied", "2_b": "pending"}, "", ["1_a"]),
        ({"1_a": "failed", "2_b": "rolled_back"}, "", ["1_a"]),
        ({"2_b": "missing"}, "", ["2_b"]),
        ({}, "", []),
        (None, "1_a,2_b", []),
    ],
)
def test_what_an_unfinished_deploy_did_to_the_schema_counts_as_far_as_it_came(
    known: dict[str, str] | None, accepted: str, expected: list[str]
) -> None:
    assert settling.earlier_incompatible({"incompatible": ["1_a", "2_b"]}, known, accepted) == expected
    assert settling.earlier_incompatible({}, known, accepted) == []


@pytest.mark.parametrize(
    ("journal", "incompatible", "forward"),
    [
        ({"release": "v2"}, [], True),
        ({"release": "v1"}, [], False),
        ({"release": "v1"}, ["1_a"], True),  # there is no way back
        ({"release": "v2", "kind": "rollback"}, [], False),
        ({}, [], False),
    ],
)
def test_an_unfinished_deploy_continues_when_its_release_is_wanted_again_or_its_schema_leaves_no_way_back(
    journal: dict[str, Any], incompatible: list[str], forward: bool
) -> None:
    assert settling.runs_forward(journal, "v2", incompatible) is forward


@pytest.mark.parametrize(
    ("outcome", "journal", "keeps"),
    [
        ("released", {}, False),
        ("incomplete", {}, True),
        ("unsafe", {}, True),
        ("failed", {}, False),
        ("failed", {"snapshot": {"api": {}}}, True),
        ("released", {"snapshot": {"api": {}}}, False),
        ("released", {"snapshot": {"frontend": {}}}, True),  # this run did not move it
    ],
)
def test_a_journal_is_kept_while_something_is_to_be_settled(outcome: str, journal: dict[str, Any], keeps: bool) -> None:
    assert settling.keeps_journal(outcome, journal, ["api"]) is keeps
