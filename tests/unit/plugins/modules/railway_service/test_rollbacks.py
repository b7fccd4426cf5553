# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""railway_service makes an old image live again."""

from __future__ import annotations

from tests.unit.plugins.fake_railway import refusal
from tests.unit.plugins.railway_services import service


def test_a_rollback_makes_the_old_image_live_and_a_second_one_changes_nothing(railway):
    old, bad = railway.has("v1.0.0"), railway.has("v1.1.0")
    result = service("rolled_back", deployment=old["id"])
    assert result["changed"]
    assert (result["deployment"]["id"], result["deployment"]["release"], result["deployment"]["status"]) == (
        "deployment-3",
        "v1.0.0",
        "success",
    )
    assert result["previous"]["id"] == bad["id"]
    assert any("variables" in warning for warning in result["warnings"])
    again = service("rolled_back", deployment=old["id"])
    assert not again["changed"]
    assert again["deployment"]["id"] == "deployment-3"
    assert railway.writes() == ["deploymentRollback"]


def test_a_rollback_to_what_is_live_changes_nothing(railway):
    serving = railway.has("v1.0.0")
    assert not service("rolled_back", deployment=serving["id"])["changed"]
    assert railway.writes() == []


def test_a_redeploy_of_the_same_image_is_no_rollback_to_it(railway):
    old = railway.has("v1.0.0")
    railway.has("v1.0.0", reason="redeploy")
    assert service("rolled_back", deployment=old["id"])["changed"]
    assert railway.writes() == ["deploymentRollback"]


def test_a_rollback_that_was_only_requested_is_awaited_by_the_next_run(railway):
    old = railway.has("v1.0.0")
    railway.has("v1.1.0")
    issued = service("rolled_back", deployment=old["id"], wait=False)
    assert issued["deployment"]["status"] in ("queued", "building")
    awaited = service("rolled_back", deployment=old["id"])
    assert (awaited["deployment"]["id"], awaited["deployment"]["status"]) == (issued["deployment"]["id"], "success")
    assert not awaited["changed"]
    assert railway.writes() == ["deploymentRollback"]


def test_a_rollback_cancels_deployments_in_progress_and_keeps_the_live_one(railway):
    serving = railway.has("v1.0.0")
    railway.has("v1.1.0", "BUILDING")
    result = service("rolled_back", deployment=serving["id"])
    assert result["changed"]
    assert result["deployment"]["id"] == serving["id"]
    assert railway.writes() == ["deploymentCancel"]
    assert railway.one("deployment-2")["status"] == "REMOVED"


def test_a_rollback_works_when_a_deployment_becomes_live_before_it_is_cancelled(railway):
    serving = railway.has("v1.0.0")
    railway.has("v1.1.0", "BUILDING")
    railway.faults["deploymentCancel"] = [lambda _: refusal("Deployment is not in progress")]
    result = service("rolled_back", deployment=serving["id"])
    assert result["deployment"]["release"] == "v1.0.0"
    assert result["deployment"]["id"] == "deployment-3"
    assert railway.writes() == ["deploymentCancel", "deploymentRollback"]


def test_a_rollback_works_when_a_deployment_in_progress_cannot_be_cancelled(railway):
    serving = railway.has("v1.0.0")
    railway.has("v1.1.0", "BUILDING")
    railway.steps = ["QUEUED", "BUILDING"]
    railway.faults["deploymentCancel"] = [lambda _: refusal("Deployment cannot be cancelled")]
    result = service("rolled_back", deployment=serving["id"], wait=False)
    assert any("not cancelled" in warning for warning in result["warnings"])
    assert railway.writes() == ["deploymentCancel", "deploymentRollback"]


def test_a_rollback_in_check_mode_predicts_the_release_and_writes_nothing(railway):
    old = railway.has("v1.0.0")
    railway.has("v1.1.0")
    result = service("rolled_back", deployment=old["id"], check=True)
    assert result["changed"]
    assert (result["deployment"]["id"], result["deployment"]["release"]) == (None, "v1.0.0")
    assert railway.writes() == []


def test_a_rollback_to_a_missing_image_is_refused_and_lists_the_candidates(railway):
    gone = railway.has("v1.0.0")
    railway.has("v1.1.0")
    railway.has("v1.2.0")
    gone["canRollback"] = False
    result = service("rolled_back", deployment=gone["id"], check=True)
    assert result["failed"]
    assert "cannot roll api back to v1.0.0 (deployment deployment-1), which is removed" in result["msg"]
    assert "deployment-2 (v1.1.0)" in result["msg"]
    assert railway.writes() == []


def test_a_rollback_reaches_further_back_than_the_list(railway):
    old = railway.has("v0.1.0")
    for number in range(60):
        railway.has(f"v1.0.{number}")
    assert service("rolled_back", deployment=old["id"])["deployment"]["release"] == "v0.1.0"


def test_a_rollback_needs_a_deployment(railway):
    assert "deployment" in service("rolled_back")["msg"]
    assert railway.writes() == []
