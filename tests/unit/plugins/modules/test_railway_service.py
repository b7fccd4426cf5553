# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module railway_service, against a service kept in memory."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import wait
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost
from ansible_collections.storefront.runbook.plugins.modules import railway_service

from tests.unit.plugins.fake_railway import PROJECT, SHA, FakeRailway, lost, never_arrived, refusal
from tests.unit.support import Clock, reply, run_module


@pytest.fixture
def railway(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Any:
    """A service whose module waits on a clock that nobody waits for."""
    init: Any = wait.Waiter.__init__
    monkeypatch.setattr(
        wait.Waiter, "__init__", lambda self, **options: init(self, **{"sleep": clock.sleep, "clock": clock, **options})
    )
    railway = FakeRailway()
    with railway.vendor.installed():
        yield railway


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with the release v1.1.0 in apps/backend."""
    backend = tmp_path / "apps" / "backend"
    backend.mkdir(parents=True)
    (backend / "package.json").write_text('{"version": "1.1.0"}')
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "v1.1.0"], ["tag", "v1.1.0"]):
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t.test", *command], check=True
        )
    return tmp_path


def service(state: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
    common = {
        "api_token": "sesame-token",
        "api_url": "https://api.test",
        "project": PROJECT,
        "environment": "production",
        "service": "api",
    }
    return run_module(railway_service, {**common, "state": state, **params}, check=check)


def deploy(shop: Path, **params: Any) -> dict[str, Any]:
    return service("deployed", **{"path": str(shop), "ref": "v1.1.0", "root_directory": "apps/backend", **params})


def head(shop: Path) -> str:
    return subprocess.run(
        ["git", "-C", str(shop), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_release_is_uploaded_and_awaited_until_it_is_healthy(railway, shop):
    railway.has("v1.0.0")
    result = deploy(shop)
    assert not result["failed"], result
    assert result["changed"]
    assert {key: result["deployment"][key] for key in ("id", "status", "release", "commit")} == {
        "id": "deployment-2",
        "status": "success",
        "release": "v1.1.0",
        "commit": head(shop),
    }
    assert (result["previous"]["id"], result["previous"]["status"]) == ("deployment-1", "success")
    assert list(railway.archive()) == ["./package.json"]
    assert result["diff"] == {
        "before": {"live": {"id": "deployment-1", "release": "v1.0.0", "status": "success"}, "in_progress": []},
        "after": {"live": {"id": None, "release": "v1.1.0", "status": "success"}, "in_progress": []},
    }


def test_the_second_run_changes_nothing(railway, shop):
    deploy(shop)
    first = railway.writes()
    result = deploy(shop)
    assert not result["changed"]
    assert result["diff"]["before"] == result["diff"]["after"]
    assert (result["deployment"]["id"], result["previous"]["id"]) == ("deployment-1", "deployment-1")
    assert railway.writes() == first


def test_check_mode_predicts_the_deployment_and_writes_nothing(railway, shop):
    railway.has("v1.0.0")
    result = deploy(shop, check=True)
    assert result["changed"]
    assert result["deployment"] == {
        "id": None,
        "url": None,
        "status": "success",
        "release": "v1.1.0",
        "commit": head(shop),
        "created_at": None,
    }
    assert result["previous"]["release"] == "v1.0.0"
    assert railway.writes() == []


def test_changed_files_of_the_same_release_are_deployed(railway, tmp_path):
    (tmp_path / "server.js").write_text("1")
    service("deployed", path=str(tmp_path), release="v1.1.0")
    (tmp_path / "server.js").write_text("2")
    assert service("deployed", path=str(tmp_path), release="v1.1.0")["changed"]
    assert railway.writes() == ["up", "up"]


def test_without_wait_the_deployment_is_returned_in_progress_and_a_later_run_waits_for_it(railway, shop):
    started = deploy(shop, wait=False)
    assert started["deployment"]["status"] in ("queued", "building")
    assert started["changed"]
    assert not deploy(shop, check=True)["changed"]
    awaited = deploy(shop)
    assert (awaited["deployment"]["id"], awaited["deployment"]["status"]) == (started["deployment"]["id"], "success")
    assert not awaited["changed"]
    assert railway.writes() == ["up"]


def test_other_deployments_in_progress_are_cancelled_before_a_deploy(railway, shop):
    railway.has("v1.2.0", "BUILDING")
    result = deploy(shop)
    assert result["deployment"]["release"] == "v1.1.0"
    assert railway.writes() == ["deploymentCancel", "up"]


def test_a_failed_deployment_fails_with_the_end_of_its_log_and_the_old_one_stays_live(railway, shop):
    railway.has("v1.0.0")
    railway.steps = ["QUEUED", "BUILDING", "FAILED"]
    railway.logs["buildLogs"] = ["Error: Cannot find module 'fastify'"]
    result = deploy(shop)
    assert result["failed"]
    assert result["error"]["kind"] == "deployment_failed"
    assert "Cannot find module 'fastify'" in result["msg"]
    assert railway.one("deployment-1")["status"] == "SUCCESS"


def test_a_deployment_that_never_finishes_reports_its_last_status(railway, shop):
    railway.steps = ["QUEUED", "BUILDING"]
    result = deploy(shop, wait_timeout=30)
    assert "was still building after 30 s" in result["msg"]


def test_an_upload_whose_response_was_lost_creates_one_deployment(railway, shop):
    railway.faults["up"] = [lost]
    assert deploy(shop)["deployment"]["status"] == "success"
    assert len(railway.listed) == 1


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"ref": "v9.9.9"}, "v9.9.9"),
        ({"root_directory": "apps/nowhere"}, "root_directory"),
        ({"ref": None}, "Set release"),
        ({"release": "v1.1.0 final"}, "Set release"),
        ({"service": "cart"}, "Set service to one of: api"),
        ({"environment": "qa"}, "Set environment to one of: production"),
        ({"path": None}, "Set path"),
        ({"commit": SHA}, "Correct one of them"),
        ({"source": "commit", "path": None, "ref": None}, "Set commit to its full SHA"),
        ({"source": "commit", "commit": "v1.1.0"}, "Set commit to its full SHA"),
        ({"source": "image"}, "Set image"),
        ({"source": "image", "image": "ghcr.io/shop/api:1.1.0"}, "connected to example/shop"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(railway, shop, params, said):
    result = deploy(shop, **params)
    assert result["failed"]
    assert said in result["msg"]
    assert railway.writes() == []


def test_a_token_of_the_wrong_kind_is_named_and_not_shown(railway, shop):
    railway.faults["project"] = [lambda _: refusal("Not Authorized")]
    result = deploy(shop)
    assert "token_type" in result["msg"]
    assert "sesame" not in str(result)


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
    assert "cannot roll api back to deployment-1 (v1.0.0, removed)" in result["msg"]
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


def test_a_service_is_stopped_once(railway):
    serving = railway.has("v1.0.0")
    foretold = service("stopped", check=True)
    assert foretold["changed"]
    assert railway.writes() == []
    result = service("stopped")
    assert result["changed"]
    assert (result["deployment"]["id"], result["deployment"]["status"]) == (serving["id"], "stopped")
    assert result["previous"]["status"] == "success"
    again = service("stopped")
    assert not again["changed"]
    assert again["deployment"] is None
    assert railway.writes() == ["deploymentStop"]


def test_stopping_cancels_what_would_run_later(railway):
    railway.has("v1.0.0")
    railway.has("v1.1.0", "BUILDING")
    service("stopped")
    assert railway.writes() == ["deploymentCancel", "deploymentStop"]


def test_a_stopped_service_is_started_once(railway):
    serving = railway.has("v1.0.0")
    service("stopped")
    foretold = service("started", check=True)
    assert foretold["deployment"]["id"] == serving["id"]
    result = service("started")
    assert result["changed"]
    assert (result["deployment"]["id"], result["deployment"]["status"]) == (serving["id"], "success")
    assert result["previous"] is None
    assert not service("started")["changed"]
    assert railway.writes() == ["deploymentStop", "deploymentRestart"]


def test_a_crashed_service_is_started_from_its_image(railway):
    railway.has("v1.0.0", "CRASHED")
    foretold = service("started", check=True)
    assert foretold["deployment"]["id"] is None
    result = service("started")
    assert (result["deployment"]["id"], result["deployment"]["release"], result["deployment"]["status"]) == (
        "deployment-2",
        "v1.0.0",
        "success",
    )
    assert railway.writes() == ["deploymentRedeploy"]


def test_a_start_in_progress_is_awaited(railway):
    railway.has("v1.0.0", "DEPLOYING")
    result = service("started")
    assert result["deployment"]["status"] == "success"
    assert not result["changed"]
    assert railway.writes() == []


def test_there_must_be_something_to_start(railway):
    railway.has("v1.0.0", "FAILED")
    result = service("started")
    assert "Deploy a release first" in result["msg"]


def test_a_lost_lease_stops_the_module_before_its_write(railway, monkeypatch):
    class Lost:
        def heartbeat(self) -> None:
            raise LeaseLost("The lease was taken over by somebody else.")

        def before_write(self, seconds: float) -> float:
            return seconds

    old = railway.has("v1.0.0")
    railway.has("v1.1.0")
    monkeypatch.setattr(railway_service, "guard", lambda params: Lost())
    result = service("rolled_back", deployment=old["id"], lease="token-1", store="s3://storefront/shop")
    assert result["error"]["kind"] == "lease_lost"
    assert railway.writes() == []


OLD_URL, NEW_URL = "postgresql://shop:hunter2@old/shop", "postgresql://shop:hunter2@new/shop"


@pytest.fixture
def moved(railway) -> Any:
    """A service whose database has moved between v1.0.0, which ran on the old one, and v1.1.0."""
    railway.values = {"DATABASE_URL": OLD_URL, "COLOUR": "blue"}
    railway.has("v1.0.0")
    railway.values = {"DATABASE_URL": NEW_URL, "COLOUR": "red"}
    railway.has("v1.1.0")
    return railway


def roll_back(*, check: bool = False, **params: Any) -> dict[str, Any]:
    return service(
        "rolled_back", check=check, **{"deployment": "deployment-1", "pinned_variables": ["DATABASE_URL"], **params}
    )


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
    assert any(
        "does not return the variables of the deployment deployment-3" in warning for warning in result["warnings"]
    )


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


def test_automatic_deployments_are_turned_off_once(railway):
    serving = railway.has("v1.0.0")
    railway.auto_deploy["enabled"] = True
    foretold = service("configured", auto_deploy=False, check=True)
    assert foretold["changed"]
    assert foretold["diff"] == {"before": {"auto_deploy": True}, "after": {"auto_deploy": False}}
    assert railway.writes() == []
    railway.faults["serviceInstanceAutoDeployUpdate"] = [lost]
    result = service("configured", auto_deploy=False)
    assert (result["changed"], result["settings"], result["deployment"]["id"]) == (
        True,
        {"auto_deploy": False},
        serving["id"],
    )
    assert railway.auto_deploy["enabled"] is False
    assert not service("configured", auto_deploy=False)["changed"]
    assert set(railway.writes()) == {"serviceInstanceAutoDeployUpdate"}


def test_pushes_cannot_deploy_a_service_without_a_repository(railway):
    railway.auto_deploy = {"enabled": False, "canEnable": False, "reason": "Service is not connected to a repository"}
    assert not service("configured", auto_deploy=False)["changed"]
    refused = service("configured", auto_deploy=True)
    assert "not connected to a repository. Connect the service" in refused["msg"]
    assert railway.writes() == []


@pytest.mark.parametrize(("state", "params"), [("configured", {}), ("stopped", {"auto_deploy": False})])
def test_settings_are_refused_with_another_state(railway, state, params):
    result = service(state, **params)
    assert "in a separate task" in result["msg"] or "Set one of auto_deploy" in result["msg"]
    assert railway.writes() == []


def commit(shop: Path, **params: Any) -> dict[str, Any]:
    return service("deployed", **{"source": "commit", "path": str(shop), "ref": "v1.1.0", **params})


def test_railway_builds_a_commit_once(railway, shop):
    railway.has("v1.0.0")
    foretold = commit(shop, check=True)
    assert (foretold["changed"], foretold["deployment"]["id"], foretold["deployment"]["commit"]) == (
        True,
        None,
        head(shop),
    )
    assert railway.writes() == []
    railway.faults["serviceInstanceDeployV2"] = [lost]
    result = commit(shop)
    assert not result["failed"], result
    assert {key: result["deployment"][key] for key in ("id", "status", "release", "commit")} == {
        "id": "deployment-2",
        "status": "success",
        "release": "v1.1.0",
        "commit": head(shop),
    }
    again = commit(shop, path=None, ref=None, commit=head(shop))
    assert (again["changed"], again["deployment"]["id"], again["deployment"]["release"]) == (
        False,
        "deployment-2",
        None,
    )
    assert railway.writes() == ["serviceInstanceDeployV2"]


def test_an_upload_of_the_same_commit_is_not_reused_as_its_build(railway, shop):
    made = railway.one(deploy(shop)["deployment"]["id"])
    made["meta"]["commitHash"] = head(shop)
    assert commit(shop, check=True)["changed"]


@pytest.mark.parametrize("source", ["commit", "adopt"])
def test_a_service_without_a_repository_builds_no_commit(railway, source):
    railway.instance["source"] = None
    result = service("deployed", source=source, commit=SHA)
    assert "Connect it at Railway, or set source to upload" in result["msg"]
    assert railway.writes() == []


def test_an_automatic_deployment_of_railway_is_adopted_and_awaited(railway):
    railway.has("v1.0.0")
    railway.has("", "BUILDING", meta={"commitHash": SHA, "branch": "main"})
    result = service("deployed", source="adopt", commit=SHA, release="v1.1.0")
    assert (result["deployment"]["id"], result["deployment"]["status"], result["deployment"]["release"]) == (
        "deployment-2",
        "success",
        "v1.1.0",
    )
    assert not result["changed"]
    assert railway.writes() == []


def test_there_must_be_something_to_adopt(railway):
    railway.has("v1.2.0", "BUILDING")
    result = service("deployed", source="adopt", commit=SHA)
    assert result["error"]["code"] == "nothing_to_adopt"
    assert "Push it to main of example/shop" in result["msg"]
    assert railway.writes() == []


def test_an_adopted_deployment_that_failed_is_an_error(railway):
    railway.has("", "FAILED", meta={"commitHash": SHA})
    assert service("deployed", source="adopt", commit=SHA)["error"]["kind"] == "deployment_failed"


def test_an_image_is_deployed_once_and_keeps_the_regions(railway):
    railway.instance["source"] = {"image": "ghcr.io/shop/api:1.0.0"}
    railway.regions_there = {"us-west2": 1, "europe-west4-drams3a": 2}
    result = service("deployed", source="image", image="ghcr.io/shop/api:1.1.0")
    assert (result["deployment"]["status"], result["deployment"]["release"], result["deployment"]["commit"]) == (
        "success",
        "1.1.0",
        None,
    )
    assert not service("deployed", source="image", image="ghcr.io/shop/api:1.1.0")["changed"]
    assert railway.writes() == ["serviceInstanceUpdate", "serviceInstanceDeployV2"]
    assert railway.regions_there == {"us-west2": 1, "europe-west4-drams3a": 2}


def test_a_service_is_restarted_every_time(railway):
    serving = railway.has("v1.0.0")
    assert service("restarted", check=True)["changed"]
    assert railway.writes() == []
    railway.faults["deploymentRestart"] = [never_arrived]
    for _unused in range(2):
        result = service("restarted")
        assert (result["changed"], result["deployment"]["id"], result["deployment"]["status"]) == (
            True,
            serving["id"],
            "success",
        )
    assert railway.writes() == ["deploymentRestart", "deploymentRestart", "deploymentRestart"]


def test_a_restart_without_a_running_deployment_is_refused(railway):
    railway.has("v1.0.0")
    service("stopped")
    assert "Set state to started or deployed" in service("restarted")["msg"]


def test_a_stopped_deployment_is_removed_too(railway):
    railway.has("v1.0.0")
    service("stopped")
    assert service("removed", check=True)["diff"]["before"]["stopped"] == [
        {"id": "deployment-1", "release": "v1.0.0", "status": "stopped"}
    ]
    railway.has("v1.1.0")
    result = service("removed")
    assert (result["changed"], result["deployment"]["id"], result["deployment"]["status"]) == (
        True,
        "deployment-2",
        "removed",
    )
    assert not service("removed")["changed"]
    assert {one["status"] for one in railway.listed} == {"REMOVED"}


def test_a_removal_request_that_was_lost_is_sent_again(railway):
    railway.has("v1.0.0")
    service("stopped")
    railway.faults["deploymentRemove"] = [never_arrived]
    assert not service("removed", wait_timeout=30)["failed"]
    assert railway.one("deployment-1")["status"] == "REMOVED"


def test_one_region_is_scaled_and_the_others_stay_unchanged(railway):
    railway.has("v1.0.0")
    foretold = service("scaled", regions={"europe-west4-drams3a": 3}, check=True)
    assert foretold["diff"] == {
        "before": {"regions": {"europe-west4-drams3a": 1, "us-west2": 1}},
        "after": {"regions": {"europe-west4-drams3a": 3, "us-west2": 1}},
    }
    assert railway.writes() == []
    railway.faults["environmentPatchCommit"] = [lost]
    result = service("scaled", regions={"europe-west4-drams3a": 3})
    assert not result["failed"], result
    assert (result["deployment"]["id"], result["deployment"]["status"]) == ("deployment-2", "success")
    assert railway.regions_there == {"us-west2": 1, "europe-west4-drams3a": 3}
    assert not service("scaled", regions={"europe-west4-drams3a": 3, "us-west2": 1})["changed"]
    assert railway.writes() == ["environmentPatchCommit"]


def test_a_region_with_0_replicas_is_removed(railway):
    assert service("scaled", regions={"us-west2": 0})["settings"] == {"regions": {"europe-west4-drams3a": 1}}
    assert railway.regions_there == {"europe-west4-drams3a": 1}


@pytest.mark.parametrize(
    ("regions", "said"),
    [
        (
            {"mars-north1": 1},
            "no region mars-north1. Set regions to one or more of: europe-west4-drams3a, us-east4-eqdc4a, us-west2",
        ),
        ({"us-west2": -1}, "a whole number of replicas"),
        ({"us-west2": "two"}, "a whole number of replicas"),
        ({"us-west2": 0, "europe-west4-drams3a": 0}, "use state=stopped"),
        ({}, "Set one of regions"),
    ],
)
def test_invalid_regions_are_refused(railway, regions, said):
    result = service("scaled", regions=regions)
    assert said in result["msg"]
    assert railway.writes() == []


def test_a_scaling_that_railway_does_not_confirm_is_an_error(railway):
    railway.faults["environmentPatchCommit"] = [lambda _: reply(200, {"data": {"environmentPatchCommit": "commit-1"}})]
    assert service("scaled", regions={"us-west2": 2})["error"]["code"] == "not_scaled"


def test_settings_of_deployments_change_alone_and_keep_the_regions(railway):
    railway.has("v1.0.0")
    railway.regions_there = {"us-west2": 2}
    railway.instance.update(
        healthcheckPath="/health", healthcheckTimeout=300, preDeployCommand=["npx prisma migrate deploy"]
    )
    wanted: dict[str, Any] = {
        "healthcheck_path": "/ready",
        "healthcheck_timeout": 60,
        "draining_seconds": 30,
        "overlap_seconds": 5,
        "pre_deploy_command": "",
    }
    foretold = service("configured", check=True, **wanted)
    assert foretold["diff"]["before"] == {
        "healthcheck_path": "/health",
        "healthcheck_timeout": 300,
        "pre_deploy_command": "npx prisma migrate deploy",
    }
    result = service("configured", **wanted)
    assert not result["failed"], result
    assert (
        railway.instance["healthcheckPath"],
        railway.instance["drainingSeconds"],
        railway.instance["preDeployCommand"],
    ) == ("/ready", 30, [])
    assert railway.instance["startCommand"] == "npm start"
    assert railway.regions_there == {"us-west2": 2}
    assert not service("configured", **wanted)["changed"]
    assert railway.writes() == ["serviceInstanceUpdate"]


def test_an_empty_path_removes_the_health_check(railway):
    railway.instance["healthcheckPath"] = "/health"
    assert service("configured", healthcheck_path="")["changed"]
    assert railway.instance["healthcheckPath"] is None
    assert not service("configured", healthcheck_path="")["changed"]
