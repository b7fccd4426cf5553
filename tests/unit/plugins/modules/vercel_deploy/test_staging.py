# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vercel_deploy stages builds."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost
from ansible_collections.storefront.runbook.plugins.modules import vercel_deploy

from tests.unit.plugins.fake_vercel import vercel_error
from tests.unit.plugins.vercel_deploys import (
    COMMIT,
    build_commit,
    deploy,
    head,
    stage,
    written,
)
from tests.unit.support import answer_lost


def test_staging_turns_auto_assignment_off_before_the_build_and_serves_nothing(account, shop):
    live = account.serves(account.has("v1.0.0"))
    result = stage(shop)
    assert not result["failed"], result
    assert result["changed"]
    assert written(account)[0] == "PATCH /v9/projects"
    assert account.project["autoAssignCustomDomains"] is False
    assert account.project["targets"]["production"]["id"] == live["id"]
    deployment = result["deployment"]
    assert (deployment["id"], deployment["status"], deployment["release"], deployment["commit"]) == (
        "dpl_2",
        "ready",
        "v1.1.0",
        head(shop),
    )
    assert result["previous"]["id"] == live["id"]
    assert result["upload"] == {"files": 2, "bytes": 29, "sent_files": 2, "sent_bytes": 29}


def test_staging_again_starts_no_second_build(account, shop):
    stage(shop)
    account.vendor.requests.clear()
    result = stage(shop)
    assert not result["changed"]
    assert result["deployment"]["id"] == "dpl_1"
    assert written(account) == []


def test_staging_waits_for_a_build_in_progress_without_reporting_a_change(account, shop):
    assert stage(shop, wait=False)["deployment"]["status"] == "queued"
    account.vendor.requests.clear()
    result = stage(shop)
    assert (result["changed"], result["deployment"]["id"], result["deployment"]["status"]) == (False, "dpl_1", "ready")
    assert written(account) == []


def test_a_changed_file_starts_a_new_build_of_the_same_release(account, shop):
    stage(shop)
    (shop / "apps" / "frontend" / "page.tsx").write_text("export []")
    result = stage(shop, ref=None, release="v1.1.0")
    assert result["changed"]
    assert result["deployment"]["id"] == "dpl_2"
    assert result["deployment"]["commit"] is None
    assert result["upload"]["sent_files"] == 1


def test_a_failed_build_is_not_used_again(account, shop):
    account.steps = ["QUEUED", "ERROR"]
    failed = stage(shop)
    assert failed["failed"]
    assert " failed." in failed["msg"]
    assert "Module not found: cart" in failed["msg"]
    assert failed["error"]["kind"] == "deployment_failed"
    account.steps = ["QUEUED", "READY"]
    assert stage(shop)["deployment"]["id"] == "dpl_2"


def test_check_mode_predicts_the_build_and_writes_nothing(account, shop):
    result = stage(shop, check=True)
    assert result["changed"]
    assert written(account) == []
    assert result["deployment"] == {
        "id": None,
        "url": None,
        "status": "ready",
        "release": "v1.1.0",
        "commit": head(shop),
        "created_at": None,
    }
    assert result["previous"] is None
    assert result["diff"]["before"]["auto_assign_domains"] is True
    assert result["diff"]["after"] == {
        "auto_assign_domains": False,
        "live": {},
        "staged": {"release": "v1.1.0", "status": "ready"},
        "upload": "2 files, 29 bytes, less what Vercel holds already",
    }


def test_the_diff_and_the_deployment_contain_no_secret(account, shop):
    result = stage(shop, meta={"ticket": 7})
    assert account.deployments[0]["meta"]["ticket"] == "7"
    assert "sesame-token" not in str(result)


def test_a_folder_without_a_name_for_its_release_is_refused(account, shop):
    result = stage(shop, ref=None)
    assert "Set release, or set ref to its tag." in result["msg"]
    assert result["error"]["kind"] == "config"
    assert written(account) == []


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ({"ref": "v9.9.9"}, "Fetch the tags"),
        ({"root_directory": "apps/nothing"}, "Correct root_directory"),
        ({"project": "nobody"}, "Correct project or team"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(account, shop, wrong, remedy):
    if "project" in wrong:
        account.faults["GET /v9/projects/nobody"] = [lambda answer: vercel_error(404, "not_found")]
    result = stage(shop, **wrong)
    assert result["failed"]
    assert remedy in result["msg"]
    assert written(account) == []


def test_nothing_more_is_written_once_the_lease_is_lost(account, shop, monkeypatch):
    class Held:
        writes = 0

        def heartbeat(self) -> None:
            """Held when the task begins."""

        def before_write(self, seconds: float) -> float:
            self.writes += 1
            if self.writes > 1:
                raise LeaseLost("The lease was taken over. Start again.")
            return seconds

    monkeypatch.setattr(vercel_deploy, "guard", lambda params: Held())
    result = stage(shop)
    assert result["error"]["kind"] == "lease_lost"
    assert written(account) == ["PATCH /v9/projects"]


def test_a_deployment_is_rebuilt_once_for_each_change_of_variables(account):
    first = account.has("v1.0.0", target=None, meta={"release": "v1.0.0", "commit": COMMIT, "source_digest": "d"})
    again: dict[str, Any] = {
        "source": "redeploy",
        "deployment": first["id"],
        "release": "v1.0.0",
        "auto_assign_domains": False,
    }
    assert deploy("staged", check=True, **again)["diff"]["after"]["build"] == "dpl_1 again, with today's variables"
    result = deploy("staged", **again)
    body = account.asked("POST /v13/deployments")[0].json()
    assert (body["deploymentId"], body["target"], "files" in body) == ("dpl_1", "production", False)
    assert (result["deployment"]["id"], result["deployment"]["commit"], result["deployment"]["release"]) == (
        "dpl_2",
        COMMIT,
        "v1.0.0",
    )
    assert not deploy("staged", **again)["changed"]
    account.variables.create(
        account.site, {"key": "A", "value": "1", "type": "plain", "target": ["production"]}, upsert=True
    )
    assert deploy("staged", **again)["deployment"]["id"] == "dpl_3"
    assert "has no deployment dpl_9" in deploy("staged", **{**again, "deployment": "dpl_9"})["msg"]


@pytest.mark.parametrize(("environment", "said"), [("preview", {}), ("qa", {"customEnvironmentSlugOrId": "qa"})])
def test_a_build_for_another_environment_keeps_auto_assignment_and_is_not_used_for_production(
    account, shop, environment, said
):
    account.is_linked()
    account.project["customEnvironments"] = [{"id": "env_qa", "slug": "qa"}]
    result = stage(shop, environment=environment)
    assert (result["changed"], result["auto_assign_domains"]) == (True, {"before": True, "after": True})
    body = account.asked("POST /v13/deployments")[-1].json()
    assert {key: body[key] for key in ("target", "customEnvironmentSlugOrId") if key in body} == said
    assert written(account)[0] != "PATCH /v9/projects"
    assert not stage(shop, environment=environment)["changed"]
    assert stage(shop, auto_assign_domains=False)["deployment"]["id"] == "dpl_2"


def test_an_unknown_environment_is_refused(account, shop):
    assert "has no environment qa" in stage(shop, environment="qa")["msg"]
    account.is_linked()
    assert "adopted for production only" in build_commit("adopt", environment="preview")["msg"]
    assert written(account) == []


def test_force_starts_one_build_without_the_cache_even_if_the_response_is_lost(account, shop):
    stage(shop)
    account.faults["POST /v13/deployments"] = [lambda answer: (answer(), answer_lost())[1]]
    result = stage(shop, force=True)
    assert (result["changed"], result["deployment"]["id"], len(account.deployments)) == (True, "dpl_2", 2)
    assert account.asked("POST /v13/deployments")[-1].query["forceNew"] == "1"
