# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""railway_service changes settings and regions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.fake_railway import lost
from tests.unit.plugins.railway_services import service
from tests.unit.support import reply


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
