# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""railway_service stops, starts, restarts and removes a service."""

from __future__ import annotations

from tests.unit.plugins.fake_railway import never_arrived
from tests.unit.plugins.railway_services import service


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
