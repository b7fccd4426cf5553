# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says of itself."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import restores, run_facts


@pytest.mark.parametrize(
    ("named", "environment", "expected"),
    [
        (["alice", "bob"], {"USER": "root"}, "alice"),
        (["", "bob"], {"USER": "root"}, "bob"),
        ([None, ""], {"GITHUB_ACTOR": "carol", "USER": "runner"}, "carol"),
        ([""], {"GITHUB_ACTOR": "", "USER": "dave"}, "dave"),
        ([], {}, "account"),
    ],
)
def test_who_started_the_run(named: list[str], environment: dict[str, str], expected: str) -> None:
    assert run_facts.started_by(named, environment, "account") == expected


@pytest.mark.parametrize(
    ("given", "checks_only", "expected"),
    [("released", False, "released"), ("", False, "failed"), ("released", True, "checked"), ("", True, "checked")],
)
def test_how_the_run_ended(given: str, checks_only: bool, expected: str) -> None:
    assert run_facts.outcome(given, checks_only) == expected


@pytest.mark.parametrize(
    ("record", "checks_only", "expected"),
    [
        ({"id": "r1"}, False, "r1"),
        ({"id": "r1"}, True, ""),
        ({}, False, ""),
        (None, False, ""),
        ({"id": None}, False, ""),
    ],
)
def test_the_record_of_the_run(record: Any, checks_only: bool, expected: str) -> None:
    assert run_facts.recorded(record, checks_only) == expected


@pytest.mark.parametrize(
    ("said", "outcome", "expected"),
    [
        ("It works.", "released", "It works."),
        ("", "released", ""),
        ("", "", "One failed. Two are left."),
        ("Said.", "", "Said."),
    ],
)
def test_the_message_of_the_run(said: str, outcome: str, expected: str) -> None:
    assert run_facts.message(said, outcome, ["One failed.", "", "Two are left."]) == expected


def test_checks_enter_a_shop_in_maintenance() -> None:
    given, ticket = {"x-probe": "1"}, {"x-pass": "p"}
    assert run_facts.probe_headers(given, {"id": "m1"}, ticket) == {**given, **ticket}
    assert run_facts.probe_headers(given, {}, ticket) == given
    assert run_facts.probe_headers(given, {"id": "m1"}, None) == given


@pytest.mark.parametrize(
    ("needed", "approvers", "emergency", "expected"),
    [(1, None, None, True), (0, [{"name": "bob"}], "", True), (0, [], "the checkout fails", True), (0, [], "", False)],
)
def test_whether_approvals_are_counted(needed: int, approvers: Any, emergency: Any, expected: bool) -> None:
    assert run_facts.approvals_wanted(needed, approvers, emergency) is expected


def test_a_review_of_github_counts_in_a_workflow_with_an_environment() -> None:
    given = {"environment": "production", "run": "17", "api_token": "t"}
    assert run_facts.github_review(given) == given
    assert run_facts.github_review({**given, "run": ""}) == {}
    assert run_facts.github_review({**given, "environment": ""}) == {}


def test_a_page_that_ends_in_j2_is_a_template() -> None:
    assert run_facts.page_lookup("pages/closed.html.j2") == "ansible.builtin.template"
    assert run_facts.page_lookup("pages/closed.j2.html") == "ansible.builtin.file"


@pytest.mark.parametrize(
    ("state", "adopt", "expected"), [("restored", False, True), ("restored", True, False), ("original", False, False)]
)
def test_which_restore_reads_a_backup(state: str, adopt: bool, expected: bool) -> None:
    assert restores.reads_a_backup(state, adopt) is expected
