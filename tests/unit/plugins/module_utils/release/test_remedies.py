# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a remedy of diagnose.yml changes, and when it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import remedies


def finding(target: str, **others: Any) -> dict[str, Any]:
    usual = {"id": "migration_failed", "section": "T2", "remedy": "resolve", "resolve": "applied"}
    return {**usual, "target": target, **others}


UNITS = [{"name": "api", "service": "srv-1"}, {"name": "worker", "service": "srv-2"}]


@pytest.mark.parametrize("name", ["", "2_rating"])
def test_the_failed_migration_is_resolved_as_the_diagnosis_says(name: str) -> None:
    found = remedies.migration_to_resolve([finding("2_rating", resolve="rolled-back")], name)
    assert found == {"migration": "2_rating", "state": "resolved_rolled_back"}
    assert remedies.migration_to_resolve([finding("2_rating")], name)["state"] == "resolved_applied"
    assert remedies.migration_to_resolve([finding("2_rating", release="v2")], name)["release"] == "v2"


def test_the_migration_that_is_named_is_resolved_and_without_a_name_the_first() -> None:
    both = [finding("1_init"), finding("2_rating")]
    assert remedies.migration_to_resolve(both, "2_rating")["migration"] == "2_rating"
    assert remedies.migration_to_resolve(both, "")["migration"] == "1_init"


@pytest.mark.parametrize(
    ("findings", "message"),
    [
        ([], "No failed migration has that name, or none failed."),
        ([finding("1_init")], "No failed migration has that name, or none failed."),
        ([finding("2_rating", section="T3")], "No failed migration has that name, or none failed."),
        ([finding("2_rating", remedy="", advice="Read its SQL first.")], "Read its SQL first."),
    ],
)
def test_a_migration_that_the_diagnosis_cannot_judge_is_refused(findings: list[Any], message: str) -> None:
    assert remedies.migration_to_resolve(findings, "2_rating") == {"refused": f"Nothing was changed. {message}"}


def test_a_unit_is_restarted_and_a_stopped_one_is_started() -> None:
    stopped = [{"id": "unit_stopped", "target": "worker"}]
    assert remedies.unit_to_restart(stopped, "worker", UNITS) == {"service": "srv-2", "state": "started"}
    assert remedies.unit_to_restart(stopped, "api", UNITS) == {"service": "srv-1", "state": "restarted"}


def test_an_unknown_unit_is_refused_and_the_units_are_named() -> None:
    refused = remedies.unit_to_restart([], "", UNITS)["refused"]
    assert refused == "Nothing was changed. Name the unit to restart with -e unit=NAME: api, worker."


@pytest.mark.parametrize(
    ("remedy", "unit", "migration", "words"),
    [
        ("", "apii", "", "no such unit: did you mean api?"),
        ("restart", "frontend", "", "no such unit. Its units are api, worker."),
        ("restart", "", "", "Name the unit to restart with -e unit=NAME: api, worker."),
        ("purge_stale", "api", "", "Only remedy=restart takes a unit."),
        ("", "api", "", "Only remedy=restart takes a unit."),
        ("rollback", "", "2_rating", "Only remedy=resolve takes a migration."),
        ("", "", "2_rating", "Only remedy=resolve takes a migration."),
    ],
)
def test_a_target_that_the_remedy_does_not_take_is_refused(remedy: str, unit: str, migration: str, words: str) -> None:
    problem = remedies.target_problem(remedy, unit, migration, UNITS)
    assert problem.startswith("Nothing was changed. ")
    assert words in problem


@pytest.mark.parametrize(
    ("remedy", "unit", "migration"),
    [("", "", ""), ("restart", "worker", ""), ("resolve", "", ""), ("resolve", "", "2_rating"), ("rollback", "", "")],
)
def test_a_target_that_the_remedy_takes_is_no_problem(remedy: str, unit: str, migration: str) -> None:
    assert remedies.target_problem(remedy, unit, migration, UNITS) == ""
