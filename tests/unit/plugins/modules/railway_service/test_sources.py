# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""railway_service deploys commits and images."""

from __future__ import annotations

import pytest

from tests.unit.plugins.fake_railway import SHA, lost
from tests.unit.plugins.railway_services import commit, deploy, head, service


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
