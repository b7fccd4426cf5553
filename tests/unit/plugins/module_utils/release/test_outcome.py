# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The final messages of a deploy or a rollback."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import outcome

NOT_BACK = [{"what": "worker", "why": "It did not start."}]
WHY = "Deploy: unhealthy."


@pytest.mark.parametrize(
    ("result", "kinds"),
    [
        (None, []),
        ({"error": {"kind": "lease_lost"}}, ["lease_lost"]),
        ({"results": [{"error": {"kind": "api"}}, {}, {"error": None}]}, ["api"]),
        ({"error": "text"}, []),
    ],
)
def test_the_kinds_of_error_of_a_task_and_its_items_are_found(result: dict[str, Any] | None, kinds: list[str]) -> None:
    assert outcome.error_kinds(result) == kinds


def test_a_failure_names_the_task() -> None:
    assert outcome.failure("Deploy", {"msg": "unhealthy"}) == "Deploy: unhealthy"
    assert outcome.failure("", {"msg": "unhealthy"}) == "an unnamed task: unhealthy"


def test_a_step_is_recorded_with_its_seconds() -> None:
    now = datetime.fromtimestamp(1007.26, UTC)
    assert outcome.timed_step({"name": "edge.purge", "began": "1000", "lease": "secret"}, "ok", now) == {
        "name": "edge.purge",
        "outcome": "ok",
        "seconds": 7.3,
    }


def test_what_the_old_release_cannot_run_on_is_named_once_unless_it_is_accepted() -> None:
    assert outcome.incompatible(["1_a"], ["2_b", "1_a"], "") == ["1_a", "2_b"]
    assert outcome.incompatible(["1_a"], ["2_b"], "1_a, 2_b") == []


SNAPSHOT = {
    "frontend": {"id": "f1", "release": "v1"},
    "api": {"id": "a1", "release": None},
    "worker": {"id": None},
    "cron": {"id": "c1", "release": "v1"},
}


def test_what_is_live_again_leaves_out_what_is_not_back() -> None:
    assert (
        outcome.live_again(SNAPSHOT, [{"what": "cron", "why": ""}])
        == "Live again: frontend v1, api a1. Nothing was live before in worker: a unit of the backend is stopped again,"
        " a promoted frontend stays."
    )
    assert outcome.live_again({}, []) == ""


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        ({}, "ROLLED BACK. edge.purge failed. Deploy: unhealthy. Live again: api v1."),
        (
            {"broken_before": "an outage"},
            (
                "ROLLED BACK (not verified: the site was broken before, an outage). edge.purge failed. Deploy:"
                " unhealthy. Live again: api v1."
            ),
        ),
        (
            {"step": "database.backup"},
            "ROLLED BACK. database.backup failed. Deploy: unhealthy. Nothing was migrated. Live again: api v1.",
        ),
        ({"step": ""}, "ROLLED BACK. The deploy failed. Deploy: unhealthy. Live again: api v1."),
        (
            {"not_back": NOT_BACK},
            "ROLLBACK INCOMPLETE: worker. edge.purge failed. Deploy: unhealthy. It did not start. Live again: api v1.",
        ),
    ],
)
def test_a_deploy_that_was_put_back_begins_with_a_fixed_word(seen: dict[str, Any], message: str) -> None:
    assert (
        outcome.put_back_message(
            **{"not_back": [], "step": "edge.purge", "why": WHY, "live": "Live again: api v1.", **seen}
        )
        == message
    )


@pytest.mark.parametrize(
    ("held", "not_held", "holding"),
    [
        (True, [], "The shop is in maintenance."),
        (False, NOT_BACK, "The shop could not be set to maintenance: It did not start."),
        (False, [], "The shop could not be set to maintenance: this run does not move the backend."),
    ],
)
def test_an_unsafe_schema_names_the_choices(held: bool, not_held: list[Any], holding: str) -> None:
    message = outcome.unsafe_message(["2_b"], step="verify.public", why=WHY, held=held, not_held=not_held, backup="")
    assert message.startswith(
        "ROLLBACK UNSAFE: schema. verify.public failed. Deploy: unhealthy. The migration 2_b was applied"
    )
    assert holding in message
    assert "-e accept_schema=2_b; or restore the backup from before the migration, which loses" in message


def test_a_lost_lease_says_whether_something_was_put_back() -> None:
    assert outcome.lost_message("edge.purge", WHY, put_nothing_back=True).startswith(
        "LEASE LOST in edge.purge: nothing more was written, and nothing was rolled back. Deploy: unhealthy. The"
        " holder of"
    )
    assert outcome.lost_message("the rollback", "", put_nothing_back=False).startswith(
        "LEASE LOST in the rollback: nothing more was written. The holder of"
    )


@pytest.mark.parametrize(
    ("not_back", "changed", "message"),
    [
        ([], True, "ROLLED BACK to v1."),
        ([], False, "Nothing to change. v1 is live."),
        (NOT_BACK, True, "ROLLBACK INCOMPLETE: worker. It did not start."),
    ],
)
def test_a_rollback_says_what_serves(not_back: list[Any], changed: bool, message: str) -> None:
    assert outcome.rollback_message(not_back, release="v1", changed=changed, reason="v1 is live.") == message


def test_an_unfinished_deploy_is_settled_in_one_of_two_ways() -> None:
    journal = {"kind": "deploy", "release": "v2", "step": "edge.purge"}
    assert (
        outcome.settling_message(journal, forward=True)
        == "The deploy of v2 did not finish: it stopped in edge.purge. It is continued."
    )
    assert (
        outcome.settling_message({}, forward=False)
        == "The deploy of an unknown release did not finish: it stopped in its first step. The release that was live"
        " before it is restored first."
    )
    assert (
        outcome.unsettled_message(NOT_BACK, "v2")
        == "ROLLBACK INCOMPLETE: worker. The unfinished deploy of v2 could not be rolled back, so nothing new was"
        " started. It did not start."
    )


@pytest.mark.parametrize(
    ("snapshot", "nothing"),
    [
        ({"api": {"id": None}, "frontend": {"id": None}}, True),
        ({"api": {"id": None}}, True),
        ({"api": {"id": "one"}, "worker": {"id": None}}, False),
        ({"api": {"id": None}, "frontend": {"id": "dpl"}}, False),
        ({"frontend": {"id": None}}, False),  # the backend is not moved, and may be live
        ({}, False),
        (None, False),
    ],
)
def test_no_migration_is_unsafe_where_nothing_was_live(snapshot, nothing) -> None:
    assert outcome.nothing_was_live(snapshot) == nothing
    assert outcome.incompatible(["1_a"], ["2_b"], "", snapshot) == ([] if nothing else ["1_a", "2_b"])
