# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""railway_service uploads a release."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost
from ansible_collections.storefront.runbook.plugins.modules import railway_service

from tests.unit.plugins.fake_railway import SHA, lost, refusal
from tests.unit.plugins.railway_services import deploy, head, service


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
