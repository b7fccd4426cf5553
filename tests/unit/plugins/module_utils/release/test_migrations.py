# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run concludes from the migrations that prisma_migrate reports."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import migrations

EXPAND = {"name": "1_expand", "backward_compatible": True}
CONTRACT = {"name": "2_contract", "backward_compatible": False}
UNKNOWN = {"name": "3_unknown", "backward_compatible": None}  # it could not be judged
SEEN: dict[str, Any] = {
    "migrations": {"pending": [EXPAND], "migrations": []},
    "backup": {"backup": {}},
    **{
        "makes_backups": True,
        "maintenance": False,
        "surfaces": ["database", "backend"],
        "kind": "deploy",
        "runner": "cli",
    },
}


@pytest.mark.parametrize(
    ("seen", "problems"),
    [
        ({}, []),
        ({"migrations": {"msg": "no database"}}, ["no database"]),
        ({"backup": {"msg": "no bucket"}}, ["no bucket"]),
        ({"backup": {}, "makes_backups": False}, []),
        ({"maintenance": True}, []),
        ({"maintenance": True, "surfaces": ["database"]}, ["surfaces does not name the backend: add it"]),
        ({"runner": "platform", "surfaces": ["database"]}, ["database_migrate_runner is platform"]),
        ({"runner": "platform", "surfaces": ["database"], "kind": "rollback"}, []),
        (
            {"migrations": {"pending": [EXPAND, CONTRACT, UNKNOWN]}},
            ["-e approve_migration=2_contract", "-e approve_migration=3_unknown"],
        ),
        ({"migrations": {"pending": [CONTRACT]}, "maintenance": True}, []),
        ({"migrations": {"pending": [CONTRACT, UNKNOWN]}, "approve_migration": "2_contract, 3_unknown"}, []),
    ],
)
def test_the_database_stops_a_deploy_with_what_is_wrong(seen: dict[str, Any], problems: list[str]) -> None:
    found = migrations.check_problems(**{**SEEN, **seen})
    assert len(found) == len(problems)
    assert all(problem in one for problem, one in zip(problems, found, strict=True))


@pytest.mark.parametrize(
    ("state", "left", "accepted", "refused"),
    [
        ("missing", ["2_contract"], "", True),
        ("missing", ["2_contract"], "2_contract", False),
        ("missing", [], "", False),
        ("applied", ["2_contract"], "", False),  # the release knows it
    ],
)
def test_a_release_that_does_not_know_what_an_unfinished_deploy_applied_is_refused(
    state: str, left: list[str], accepted: str, refused: bool
) -> None:
    known = {"pending": [], "migrations": [{"name": "2_contract", "state": state}]}
    found = migrations.check_problems(
        **{**SEEN, "migrations": known, "left_incompatible": left, "accept_schema": accepted}
    )
    assert [one.startswith("ROLLBACK UNSAFE: schema.") for one in found] == ([True] if refused else [])


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        ({"state": "applied"}, True),
        ({"state": "edited"}, True),
        ({"state": "pending"}, False),
        ({"state": "rolled_back"}, False),
        ({"state": "failed", "resolve": None}, True),  # it is unknown how far it came
        ({"state": "failed", "resolve": "applied"}, True),
        ({"state": "failed", "resolve": "rolled-back"}, False),  # nothing of it is applied
    ],
)
def test_after_a_failure_what_may_be_in_the_database_counts_as_applied(state: dict[str, Any], counts: bool) -> None:
    database = [{"name": "2_contract", **state}, {"name": "0_base", "state": "applied"}]
    assert migrations.applied([EXPAND, CONTRACT], database) == (["2_contract"] if counts else [])
    assert migrations.applied_incompatible([EXPAND, CONTRACT], database) == (["2_contract"] if counts else [])


def test_a_compatible_migration_that_was_applied_does_not_stop_a_rollback() -> None:
    database = [{"name": "1_expand", "state": "applied"}]
    assert (migrations.applied([EXPAND], database), migrations.applied_incompatible([EXPAND], database)) == (
        ["1_expand"],
        [],
    )


def test_a_target_that_does_not_know_an_incompatible_migration_is_refused_unless_it_is_accepted() -> None:
    unknown = [EXPAND, CONTRACT, UNKNOWN]
    assert migrations.unsafe_for_target(unknown) == ["2_contract", "3_unknown"]
    assert migrations.unsafe_for_target(unknown, "2_contract,3_unknown") == []
    message = migrations.unsafe_target_message("v1.0.0", ["2_contract"])
    assert message.startswith(
        "ROLLBACK UNSAFE: schema. Nothing was changed. v1.0.0 does not have the migration 2_contract"
    )
    assert message.endswith("-e accept_schema=2_contract")
