# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""railway_service rolls back with pinned variables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.fake_railway import lost, refusal
from tests.unit.plugins.railway_services import roll_back, service

OLD_URL, NEW_URL = "postgresql://shop:hunter2@old/shop", "postgresql://shop:hunter2@new/shop"


@pytest.fixture
def moved(railway) -> Any:
    """A service whose database has moved between v1.0.0, which ran on the old one, and v1.1.0."""
    railway.values = {"DATABASE_URL": OLD_URL, "COLOUR": "blue"}
    railway.has("v1.0.0")
    railway.values = {"DATABASE_URL": NEW_URL, "COLOUR": "red"}
    railway.has("v1.1.0")
    return railway


def test_a_rollback_with_a_changed_pinned_variable_redeploys_the_old_image_with_the_current_variables(moved):
    foretold = roll_back(check=True)
    assert (foretold["changed"], foretold["way"], foretold["differing_variables"]) == (
        True,
        "redeploy",
        ["DATABASE_URL"],
    )
    assert moved.writes() == []
    result = roll_back()
    assert not result["failed"], result
    assert (result["deployment"]["release"], result["deployment"]["status"], result["way"]) == (
        "v1.0.0",
        "success",
        "redeploy",
    )
    assert any("all of today's variables" in warning and "DATABASE_URL" in warning for warning in result["warnings"])
    assert moved.writes() == ["deploymentRedeploy"]
    assert moved.values == moved.snapshots["deployment-3"] == {"DATABASE_URL": NEW_URL, "COLOUR": "red"}
    assert "hunter2" not in str(result)


def test_a_rollback_with_an_unchanged_pinned_variable_uses_railways_rollback(moved):
    moved.values["DATABASE_URL"] = OLD_URL
    assert roll_back(check=True)["way"] == "rollback"
    result = roll_back()
    assert (result["way"], result["differing_variables"]) == ("rollback", [])
    assert moved.writes() == ["deploymentRollback"]
    assert moved.values == {"DATABASE_URL": OLD_URL, "COLOUR": "blue"}  # what is not pinned is the old one again


def test_without_pinned_variables_a_rollback_restores_all_variables(moved):
    assert roll_back(pinned_variables=[])["way"] == "rollback"
    assert moved.values["DATABASE_URL"] == OLD_URL


def test_a_second_rollback_with_pinned_variables_changes_nothing(moved):
    made = roll_back()["deployment"]["id"]
    again = roll_back()
    assert (again["changed"], again["deployment"]["id"], again["way"]) == (False, made, None)
    assert moved.writes() == ["deploymentRedeploy"]


def test_a_redeploy_that_was_only_requested_is_awaited_by_the_next_run(moved):
    issued = roll_back(wait=False)
    assert issued["deployment"]["status"] in ("queued", "building")
    awaited = roll_back()
    assert (awaited["deployment"]["id"], awaited["deployment"]["status"], awaited["changed"]) == (
        issued["deployment"]["id"],
        "success",
        False,
    )
    assert moved.writes() == ["deploymentRedeploy"]


def test_a_redeploy_whose_response_was_lost_is_created_once(moved):
    moved.faults["deploymentRedeploy"] = [lost]
    assert roll_back()["deployment"]["status"] == "success"
    assert moved.writes() == ["deploymentRedeploy"]


def test_a_rollback_in_progress_with_the_old_variables_is_cancelled(moved):
    today = dict(moved.values)
    moved.deploymentRollback("deployment-1")
    moved.values = today
    result = roll_back()
    assert result["deployment"]["id"] == "deployment-4"
    assert moved.writes() == ["deploymentCancel", "deploymentRedeploy"]
    assert moved.one("deployment-3")["status"] == "REMOVED"


def test_the_release_that_is_live_is_redeployed_when_it_runs_with_an_old_pinned_variable(moved):
    moved.values["DATABASE_URL"] = "postgresql://shop:hunter2@newest/shop"
    result = roll_back(deployment="deployment-2")
    assert (result["changed"], result["way"], result["deployment"]["id"]) == (True, "redeploy", "deployment-3")


@pytest.mark.parametrize(
    "unknown",
    [
        lambda railway: railway.snapshots.update({"deployment-1": None}),
        lambda railway: railway.values.pop("DATABASE_URL") and railway.sealed.append("DATABASE_URL"),
        lambda railway: [
            values.update(DATABASE_URL="${{Postgres.DATABASE_URL}}")
            for values in (railway.values, railway.snapshots["deployment-1"])
        ],
        lambda railway: railway.snapshots["deployment-1"].pop("DATABASE_URL"),
        lambda railway: railway.values.pop("DATABASE_URL"),
    ],
    ids=["no snapshot", "sealed", "a reference", "not set then", "not set today"],
)
def test_what_cannot_be_compared_counts_as_different(moved, unknown):
    unknown(moved)
    result = roll_back(check=True)
    assert (result["way"], result["differing_variables"]) == ("redeploy", ["DATABASE_URL"])


def test_a_variable_that_was_never_set_is_not_a_difference(moved):
    assert roll_back(check=True, pinned_variables=["DIRECT_URL"])["way"] == "rollback"


def test_a_hidden_variable_counts_as_different_when_railway_does_not_return_the_names(moved):
    moved.faults["settings"] = [lambda _: refusal("Not Authorized")]
    assert roll_back(check=True, pinned_variables=["DIRECT_URL"])["way"] == "redeploy"


def test_a_deployment_with_an_old_variable_is_cancelled_before_it_is_live(moved):
    honest = moved.deploymentRedeploy

    def with_the_old_variables(id: str) -> Any:
        made = honest(id)
        moved.snapshots[made["id"]] = {"DATABASE_URL": OLD_URL}
        return made

    moved.deploymentRedeploy = with_the_old_variables
    result = roll_back()
    assert (result["error"]["code"], result["error"]["retryable"]) == ("old_variables", True)
    assert "cancelled before it served" in result["msg"]
    assert "hunter2" not in str(result)
    assert moved.one("deployment-3")["status"] == "REMOVED"
    assert moved.one("deployment-2")["status"] == "SUCCESS"


def test_a_deployment_with_an_old_variable_that_can_no_longer_be_cancelled_is_stopped(moved):
    honest = moved.deploymentRedeploy

    def serving_at_once(id: str) -> Any:
        made = honest(id)
        moved.snapshots[made["id"]] = {"DATABASE_URL": OLD_URL}
        moved._remove_live()
        moved.one(made["id"]).update(status="SUCCESS", deploymentStopped=False)
        return made

    moved.deploymentRedeploy = serving_at_once
    moved.faults["deploymentCancel"] = [lambda _: refusal("Deployment is not in progress")]
    result = roll_back()
    assert result["error"]["code"] == "old_variables"
    assert "stopped as soon as it served" in result["msg"]
    assert moved.one("deployment-3")["deploymentStopped"] is True


def test_a_redeploy_whose_variables_are_unknown_continues_with_a_warning(moved):
    honest = moved.deploymentRedeploy
    moved.deploymentRedeploy = lambda id: [made := honest(id), moved.snapshots.update({made["id"]: None})][0]
    result = roll_back()
    assert result["deployment"]["status"] == "success"
    unknown = "does not return the variables of api with v1.0.0 (deployment deployment-3)"
    assert any(unknown in warning for warning in result["warnings"])


def test_a_deployment_that_never_ran_is_not_redeployed_instead_of_a_rollback(moved):
    moved.has("v1.2.0", "FAILED")
    result = roll_back(deployment="deployment-3", pinned_variables=["COLOUR", "DATABASE_URL", "DIRECT_URL"])
    assert result["error"]["code"] == "no_rollback_candidate"
    moved.one("deployment-1")["canRedeploy"] = False
    assert roll_back()["error"]["code"] == "no_rollback_candidate"
    assert moved.writes() == []


def test_a_stopped_service_starts_with_the_current_pinned_variables(moved):
    service("stopped")
    moved.values["DATABASE_URL"] = "postgresql://shop:hunter2@newest/shop"
    assert service("started", pinned_variables=["DATABASE_URL"], check=True)["way"] == "redeploy"
    result = service("started", pinned_variables=["DATABASE_URL"])
    assert (result["deployment"]["id"], result["deployment"]["release"]) == ("deployment-3", "v1.1.0")
    assert not service("started", pinned_variables=["DATABASE_URL"])["changed"]
    assert moved.writes() == ["deploymentStop", "deploymentRedeploy"]
