# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module render_service, against a service kept in memory."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import wait
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render.variables import digests
from ansible_collections.storefront.runbook.plugins.modules import render_service

from tests.unit.plugins.fake_railway import lost
from tests.unit.plugins.fake_render import SERVICE, SHAS, FakeRender, queued, refusal
from tests.unit.support import Clock, run_module

KEY = "pepper-pepper"


@pytest.fixture
def render(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Any:
    """A service whose module waits on a clock that nobody waits for."""
    init: Any = wait.Waiter.__init__
    monkeypatch.setattr(
        wait.Waiter, "__init__", lambda self, **options: init(self, **{"sleep": clock.sleep, "clock": clock, **options})
    )
    render = FakeRender()
    with render.vendor.installed():
        yield render


@pytest.fixture
def shop(tmp_path: Path, render: FakeRender, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the release v1.1.0, whose commit Render knows as well."""
    (tmp_path / "package.json").write_text('{"version": "1.1.0"}')
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "v1.1.0"], ["tag", "v1.1.0"]):
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t.test", *command], check=True
        )
    monkeypatch.setitem(SHAS, "v1.1.0", head(tmp_path))
    return tmp_path


def head(shop: Path) -> str:
    return subprocess.run(
        ["git", "-C", str(shop), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()


def service(state: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
    common = {"api_token": "sesame-token", "api_url": "https://api.test/v1", "service": SERVICE}
    return run_module(
        render_service,
        {key: value for key, value in {**common, "state": state, **params}.items() if value is not None},
        check=check,
    )


def deploy(name: str = "v1.1.0", **params: Any) -> dict[str, Any]:
    return service("deployed", **{"commit": SHAS[name], "release": name, **params})


def test_a_commit_is_deployed_and_awaited_until_it_is_live(render):
    render.has("v1.0.0")
    result = deploy()
    assert not result["failed"], result
    assert result["changed"]
    assert {key: result["deployment"][key] for key in ("id", "status", "release", "commit", "url")} == {
        **{
            "id": "dep-2",
            "status": "live",
            "release": "v1.1.0",
            "commit": SHAS["v1.1.0"],
            "url": "https://shop-api.onrender.com",
        },
    }
    assert (result["previous"]["id"], result["previous"]["status"]) == ("dep-1", "live")
    assert result["diff"]["before"]["live"] == {"id": "dep-1", "release": None, "status": "live"}
    assert result["diff"]["after"]["live"] == {"id": None, "release": "v1.1.0", "status": "live"}
    assert render.sent("create") == [{"commitId": SHAS["v1.1.0"]}]


def test_a_tag_of_the_repository_is_deployed_by_its_commit(render, shop):
    result = service("deployed", path=str(shop), ref="v1.1.0")
    assert (result["deployment"]["release"], result["deployment"]["commit"]) == ("v1.1.0", head(shop))
    assert render.sent("create") == [{"commitId": head(shop)}]


def test_the_tags_of_the_repository_name_the_live_release(render, shop):
    render.has("v1.1.0")
    assert deploy("v1.2.0", path=str(shop))["previous"]["release"] == "v1.1.0"


def test_the_second_run_changes_nothing(render):
    deploy()
    result = deploy()
    assert not result["changed"]
    assert result["diff"]["before"] == result["diff"]["after"]
    assert (result["deployment"]["id"], result["previous"]["id"]) == ("dep-1", "dep-1")
    assert render.writes() == ["create"]


def test_check_mode_predicts_the_deploy_and_writes_nothing(render):
    render.has("v1.0.0")
    result = deploy(check=True)
    assert result["changed"]
    assert result["deployment"] == {
        "id": None,
        "url": None,
        "status": "live",
        "release": "v1.1.0",
        "commit": SHAS["v1.1.0"],
        "created_at": None,
    }
    assert render.writes() == []


def test_a_deploy_that_is_only_queued_is_awaited_too(render):
    render.faults["create"] = [queued]
    assert deploy()["deployment"]["status"] == "live"


def test_an_image_is_deployed_to_a_service_that_runs_images(render):
    render.service["imagePath"] = "ghcr.io/shop/api"
    image = "ghcr.io/shop/api:v1.1.0"
    result = service("deployed", source="image", image=image)
    assert (result["deployment"]["release"], result["deployment"]["commit"]) == ("v1.1.0", None)
    assert not service("deployed", source="image", image=image)["changed"]
    assert render.sent("create") == [{"imageUrl": image}]


def test_the_build_cache_is_cleared_when_requested(render):
    deploy(clear_cache=True)
    assert render.sent("create") == [{"commitId": SHAS["v1.1.0"], "clearCache": "clear"}]


def test_without_wait_the_deploy_is_returned_in_progress_and_a_later_run_waits_for_it(render):
    started = deploy(wait=False)
    assert (started["deployment"]["status"], started["changed"]) == ("created", True)
    assert not deploy(check=True)["changed"]
    awaited = deploy()
    assert (awaited["deployment"]["id"], awaited["deployment"]["status"], awaited["changed"]) == (
        "dep-1",
        "live",
        False,
    )
    assert render.writes() == ["create"]


def test_other_deploys_in_progress_are_canceled_before_a_deploy(render):
    render.has("v1.2.0", "build_in_progress")
    assert deploy()["deployment"]["release"] == "v1.1.0"
    assert render.writes() == ["cancel", "create"]


def test_a_failed_deploy_fails_with_the_end_of_its_log_and_the_old_one_stays_live(render):
    render.has("v1.0.0")
    render.steps = ["created", "build_in_progress", "build_failed"]
    render.said["build"] = ["Error: Cannot find module 'fastify'"]
    result = deploy()
    assert (result["failed"], result["error"]["kind"], result["error"]["state"]) == (
        True,
        "deployment_failed",
        "build_failed",
    )
    assert "Cannot find module 'fastify'" in result["msg"]
    assert render.one("dep-1")["status"] == "live"


def test_a_deploy_that_never_finishes_reports_its_last_status(render):
    render.steps = ["created", "build_in_progress"]
    assert "was still build_in_progress after 30 s" in deploy(wait_timeout=30)["msg"]


def test_a_deploy_whose_response_was_lost_is_created_once(render):
    render.faults["create"] = [lost]
    assert deploy()["deployment"]["status"] == "live"
    assert len(render.listed) == 1


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"commit": "abc1234"}, "is not the full SHA of a commit. Set commit"),
        ({"commit": None}, "ref, commit, image"),
        ({"commit": None, "ref": "v1.1.0"}, "path"),
        ({"image": "ghcr.io/shop/api:v1"}, "mutually exclusive"),
        ({"commit": None, "image": "ghcr.io/shop/api:v1"}, "source is commit, which needs ref, or commit"),
        ({"source": "image"}, "source is image, which needs image"),
        (
            {"commit": None, "source": "image", "image": "ghcr.io/shop/api:v1"},
            "is built from Git (https://git.example/shop). Set path and ref",
        ),
        ({"release": "v1.1.0 final"}, "Correct release"),
        ({"service": "cart"}, "Set service to an id"),
        ({"service": "srv-unknown"}, "srv-unknown"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(render, params, said):
    result = deploy(**params)
    assert result["failed"]
    assert said in result["msg"]
    assert render.writes() == []


def test_a_commit_for_a_service_that_runs_images_is_refused(render):
    render.service["imagePath"] = "ghcr.io/shop/api"
    assert "Set source=image" in deploy()["msg"]


def test_an_unknown_token_is_reported_and_not_shown(render):
    render.faults["service_of"] = [lambda _: refusal(401, "Unauthorized")]
    result = deploy()
    assert "Check the token" in result["msg"]
    assert "sesame" not in str(result)


def test_a_service_with_automatic_deploys_is_refused_with_the_remedies(render):
    render.service["autoDeploy"] = "yes"
    result = deploy(check=True)
    assert (result["failed"], result["error"]["code"]) == (True, "auto_deploy")
    for word in ("each push to main of shop-api", "auto_deploy=false", "take_over=true", "auto_deploy=true"):
        assert word in result["msg"]
    assert render.writes() == []


def test_automatic_deploys_do_not_matter_for_an_image(render):
    render.service |= {"autoDeploy": "yes", "imagePath": "ghcr.io/shop/api"}
    result = service("deployed", source="image", image="ghcr.io/shop/api:v1.1.0", check=True)
    assert (result["auto_deploy"], result["service"]["auto_deploy"]) == (False, False)
    assert not service("configured", auto_deploy=False)["changed"]
    assert service("configured", auto_deploy=True)["error"]["code"] == "no_auto_deploy"
    assert render.writes() == []


def test_auto_deploy_is_turned_off_before_the_deploy_when_requested(render):
    render.service["autoDeploy"] = "yes"
    result = deploy(auto_deploy=False)
    assert (result["auto_deploy"], result["diff"]["before"]["auto_deploy"], result["diff"]["after"]["auto_deploy"]) == (
        False,
        True,
        False,
    )
    assert render.writes() == ["update", "create"]
    assert render.sent("update") == [{"autoDeploy": "no"}]


def test_auto_deploy_stays_on_when_requested(render):
    render.service["autoDeploy"] = "yes"
    assert deploy(auto_deploy=True)["auto_deploy"] is True
    assert render.writes() == ["create"]


def test_auto_deploy_is_turned_off_even_if_the_release_is_live(render):
    render.has("v1.1.0")
    render.service["autoDeploy"] = "yes"
    assert deploy(auto_deploy=False, check=True)["changed"]
    assert deploy(auto_deploy=False)["changed"]
    assert not deploy(auto_deploy=False)["changed"]
    assert render.writes() == ["update"]


def test_a_rollback_makes_the_old_build_live_and_a_second_one_changes_nothing(render):
    old, bad = render.has("v1.0.0"), render.has("v1.1.0")
    result = service("rolled_back", deployment=old["id"])
    assert result["changed"]
    assert (result["deployment"]["id"], result["deployment"]["commit"], result["deployment"]["status"]) == (
        "dep-3",
        SHAS["v1.0.0"],
        "live",
    )
    assert result["previous"]["id"] == bad["id"]
    assert any("variables that it had" in warning for warning in result["warnings"])
    again = service("rolled_back", deployment=old["id"])
    assert (again["changed"], again["deployment"]["id"]) == (False, "dep-3")
    assert render.writes() == ["rollback"]


def test_a_rollback_turns_auto_deploy_off_since_render_does_not(render):
    old = render.has("v1.0.0")
    render.has("v1.1.0")
    render.service["autoDeploy"] = "yes"
    result = service("rolled_back", deployment=old["id"])
    assert result["auto_deploy"] is False
    assert render.writes() == ["update", "rollback"]


def test_a_rollback_works_even_if_auto_deploy_cannot_be_turned_off(render):
    old = render.has("v1.0.0")
    render.has("v1.1.0")
    render.service["autoDeploy"] = "yes"
    render.faults["update"] = [lambda _: refusal(403, "forbidden")]
    result = service("rolled_back", deployment=old["id"])
    assert (result["deployment"]["status"], result["auto_deploy"]) == ("live", True)
    assert any("may undo the rollback" in warning for warning in result["warnings"])
    assert render.writes() == ["update", "rollback"]


def test_a_rollback_needs_no_repository_and_no_variables(render, tmp_path):
    old = render.has("v1.0.0")
    render.has("v1.1.0")
    result = service("rolled_back", deployment=old["id"], path=str(tmp_path / "gone"))
    assert result["deployment"]["status"] == "live"
    assert any("without their releases" in warning for warning in result["warnings"])
    assert "list_env" not in render.operations()


def test_a_rollback_to_what_is_live_changes_nothing(render):
    assert not service("rolled_back", deployment=render.has("v1.0.0")["id"])["changed"]
    assert render.writes() == []


def test_a_new_deploy_of_the_same_commit_is_no_rollback_to_it(render):
    old = render.has("v1.0.0")
    render.has("v1.0.0")
    assert service("rolled_back", deployment=old["id"])["changed"]
    assert render.writes() == ["rollback"]


def test_a_rollback_that_was_only_requested_is_awaited_by_the_next_run(render):
    old = render.has("v1.0.0")
    render.has("v1.1.0")
    issued = service("rolled_back", deployment=old["id"], wait=False)
    awaited = service("rolled_back", deployment=old["id"])
    assert (issued["deployment"]["status"], awaited["deployment"]["status"], awaited["changed"]) == (
        "created",
        "live",
        False,
    )
    assert awaited["deployment"]["id"] == issued["deployment"]["id"]
    assert render.writes() == ["rollback"]


def test_a_rollback_cancels_deployments_in_progress_and_keeps_the_live_one(render):
    serving = render.has("v1.0.0")
    render.has("v1.1.0", "build_in_progress")
    result = service("rolled_back", deployment=serving["id"])
    assert (result["changed"], result["deployment"]["id"]) == (True, serving["id"])
    assert render.writes() == ["cancel"]


def test_a_rollback_works_when_a_deploy_becomes_live_before_it_is_canceled(render):
    serving = render.has("v1.0.0")
    render.has("v1.1.0", "build_in_progress")
    render.faults["cancel"] = [lambda _: refusal(400, "deploy is not in progress")]
    assert service("rolled_back", deployment=serving["id"])["deployment"]["id"] == "dep-3"
    assert render.writes() == ["cancel", "rollback"]


def test_a_rollback_works_when_a_deploy_in_progress_cannot_be_canceled(render):
    serving = render.has("v1.0.0")
    render.has("v1.1.0", "build_in_progress")
    render.steps = ["created", "build_in_progress"]
    render.faults["cancel"] = [lambda _: refusal(400, "deploy cannot be canceled")]
    result = service("rolled_back", deployment=serving["id"], wait=False)
    assert any("not canceled" in warning for warning in result["warnings"])
    assert render.writes() == ["cancel", "rollback"]


def test_a_rollback_in_check_mode_predicts_the_commit_and_writes_nothing(render):
    old = render.has("v1.0.0")
    render.has("v1.1.0")
    result = service("rolled_back", deployment=old["id"], check=True)
    assert (result["changed"], result["deployment"]["id"], result["deployment"]["commit"]) == (
        True,
        None,
        SHAS["v1.0.0"],
    )
    assert render.writes() == []


def test_a_rollback_to_a_deploy_that_was_never_live_is_refused_and_lists_the_candidates(render):
    render.has("v1.0.0")
    failed = render.has("v1.1.0", "build_failed")
    render.has("v1.2.0")
    result = service("rolled_back", deployment=failed["id"], check=True)
    assert "cannot roll shop-api back to dep-2" in result["msg"]
    assert f"dep-1 ({SHAS['v1.0.0']})" in result["msg"]
    assert render.writes() == []


def test_a_rollback_reaches_further_back_than_the_list(render):
    old = render.has("v1.0.0")
    for _unused in range(60):
        render.has("v1.1.0")
    assert service("rolled_back", deployment=old["id"])["deployment"]["commit"] == SHAS["v1.0.0"]


def test_a_rollback_needs_a_deploy(render):
    assert "deployment" in service("rolled_back")["msg"]
    assert render.writes() == []


def pinned(render: FakeRender, **params: Any) -> dict[str, Any]:
    """Roll back to the first deploy with DATABASE_URL pinned to what it was at the start."""
    known = digests({"DATABASE_URL": "postgresql://shop:hunter2@db/shop"}, KEY)
    return service(
        "rolled_back",
        deployment="dep-1",
        **{"pinned_variables": ["DATABASE_URL"], "known_variables": known, "digest_key": KEY, **params},
    )


def test_an_unchanged_pinned_variable_allows_renders_rollback(render):
    render.has("v1.0.0")
    render.has("v1.1.0")
    result = pinned(render)
    assert (result["changed"], result["way"], result["differing_variables"]) == (True, "rollback", [])
    assert render.writes() == ["rollback"]


def test_a_changed_pinned_variable_redeploys_the_old_commit(render):
    render.has("v1.0.0")
    render.has("v1.1.0")
    render.values["DATABASE_URL"] = "postgresql://shop:hunter3@other/shop"
    result = pinned(render)
    assert (result["deployment"]["commit"], result["deployment"]["status"]) == (SHAS["v1.0.0"], "live")
    (warned,) = [warning for warning in result["warnings"] if "DATABASE_URL may have changed" in warning]
    assert "since shop-api ran" in warned
    assert "(deploy dep-1)" in warned
    assert (result["way"], result["differing_variables"]) == ("redeploy", ["DATABASE_URL"])
    assert "hunter3" not in str(result)
    again = pinned(render)
    assert (again["changed"], again["way"]) == (False, None)
    assert render.writes() == ["create"]


def test_an_unknown_pinned_variable_counts_as_changed(render):
    render.has("v1.0.0")
    render.has("v1.1.0")
    pinned(render, known_variables=[])
    assert render.writes() == ["create"]


def test_a_rollback_that_runs_with_an_old_pinned_variable_is_replaced(render):
    render.has("v1.0.0")
    render.has("v1.1.0")
    render.has("v1.0.0", trigger="rollback")
    render.values["DATABASE_URL"] = "postgresql://shop:hunter3@other/shop"
    assert pinned(render)["changed"]
    assert render.writes() == ["create"]


def test_a_deploy_that_was_never_live_is_not_redeployed_for_a_pinned_variable(render):
    render.has("v1.0.0", "build_failed")
    render.has("v1.1.0")
    assert pinned(render, known_variables=[])["error"]["code"] == "no_rollback_candidate"
    assert render.writes() == []


def test_digests_of_another_key_count_as_changed(render):
    render.has("v1.0.0")
    render.has("v1.1.0")
    assert pinned(render, digest_key=None, check=True)["differing_variables"] == ["DATABASE_URL"]


def test_the_live_deploy_is_redeployed_on_every_run(render):
    render.has("v1.0.0")
    foretold = service("redeployed", check=True)
    assert (foretold["changed"], foretold["deployment"]["id"], foretold["deployment"]["commit"]) == (
        True,
        None,
        SHAS["v1.0.0"],
    )
    for _unused in range(2):
        assert service("redeployed")["deployment"]["status"] == "live"
    assert render.sent("create") == [{"commitId": SHAS["v1.0.0"]}] * 2


def test_there_must_be_something_to_redeploy(render):
    assert "state=deployed" in service("redeployed")["msg"]


def test_the_automatic_deploy_of_a_push_is_adopted_and_awaited(render):
    render.service["autoDeploy"] = "yes"
    render.has("v1.1.0", "build_in_progress", trigger="new_commit")
    result = deploy(source="adopt")
    assert (result["deployment"]["id"], result["deployment"]["status"], result["changed"]) == ("dep-1", "live", False)
    assert render.writes() == []


def test_a_push_that_does_not_appear_yet_is_searched_again(render):
    render.has("v1.0.0")
    render.has("v1.1.0", "build_in_progress", trigger="new_commit")
    render.hidden = 1
    result = deploy(source="adopt", check=True)
    assert (result["deployment"]["id"], result["deployment"]["status"], result["changed"]) == ("dep-2", "live", False)


@pytest.mark.parametrize("check", [True, False])
def test_without_an_automatic_deploy_there_is_nothing_to_adopt(render, check):
    render.has("v1.0.0")
    result = deploy(source="adopt", check=check)
    assert (result["failed"], result["error"]["code"]) == (True, "nothing_to_adopt")
    assert "source=commit" in result["msg"]
    assert render.writes() == []


def test_a_deploy_returns_the_variables_that_it_runs_with(render):
    assert deploy(digest_key=KEY)["variables"] == digests(render.values, KEY)


def test_a_service_is_stopped_once(render):
    serving = render.has("v1.0.0")
    assert service("stopped", check=True)["changed"]
    assert render.writes() == []
    result = service("stopped")
    assert (result["changed"], result["deployment"]["id"], result["deployment"]["status"]) == (
        True,
        serving["id"],
        "stopped",
    )
    assert result["previous"]["status"] == "live"
    again = service("stopped")
    assert (again["changed"], again["deployment"]) == (False, None)
    assert render.writes() == ["suspend"]


def test_stopping_cancels_what_would_run_later(render):
    render.has("v1.0.0")
    render.has("v1.1.0", "build_in_progress")
    service("stopped")
    assert render.writes() == ["cancel", "suspend"]


def test_a_stopped_service_is_started_once(render):
    render.has("v1.0.0")
    service("stopped")
    foretold = service("started", check=True)
    assert (foretold["changed"], foretold["deployment"]["commit"]) == (True, SHAS["v1.0.0"])
    result = service("started")
    assert (result["changed"], result["deployment"]["id"], result["deployment"]["status"], result["previous"]) == (
        True,
        "dep-2",
        "live",
        None,
    )
    assert not service("started")["changed"]
    assert render.writes() == ["suspend", "resume"]


def test_a_start_in_progress_is_awaited(render):
    render.has("v1.0.0", "update_in_progress")
    result = service("started")
    assert (result["deployment"]["status"], result["changed"]) == ("live", False)
    assert render.writes() == []


def test_there_must_be_something_to_start(render):
    render.has("v1.0.0", "build_failed")
    assert "Deploy a release first" in service("started")["msg"]


def test_a_suspended_service_is_resumed_before_a_deploy(render):
    render.has("v1.0.0")
    service("stopped")
    result = deploy()
    assert (result["deployment"]["release"], result["deployment"]["status"]) == ("v1.1.0", "live")
    assert any("was suspended and has been resumed" in warning for warning in result["warnings"])
    assert render.writes() == ["suspend", "resume", "cancel", "create"]


def test_a_suspended_service_is_rolled_back_by_resuming_it(render):
    serving = render.has("v1.0.0")
    service("stopped")
    assert service("rolled_back", deployment=serving["id"])["deployment"]["status"] == "live"
    assert not service("rolled_back", deployment=serving["id"])["changed"]
    assert render.writes() == ["suspend", "resume"]


def test_a_service_is_restarted_each_time(render):
    serving = render.has("v1.0.0")
    assert service("restarted", check=True)["changed"]
    for _unused in range(2):
        result = service("restarted")
        assert (result["changed"], result["deployment"]["id"]) == (True, serving["id"])
    assert render.writes() == ["restart", "restart"]


def test_there_must_be_something_to_restart(render):
    render.has("v1.0.0")
    service("stopped")
    assert "Start it with state=started" in service("restarted")["msg"]
    assert render.writes() == ["suspend"]


def test_a_service_is_scaled_once(render):
    render.has("v1.0.0")
    foretold = service("scaled", replicas=3, check=True)
    assert (foretold["changed"], foretold["diff"]["before"]["replicas"], foretold["diff"]["after"]["replicas"]) == (
        True,
        1,
        3,
    )
    assert service("scaled", replicas=3)["changed"]
    assert len(render.running) == 3
    assert not service("scaled", replicas=3)["changed"]
    assert render.writes() == ["scale"]


@pytest.mark.parametrize(
    ("replicas", "details", "said"),
    [
        (0, {"numInstances": 1}, "Use state=stopped"),
        (3, {"numInstances": 1, "autoscaling": {"enabled": True, "min": 1, "max": 5}}, "between 1 and 5 instances"),
        (3, {}, "number of instances cannot be set"),
    ],
)
def test_a_number_that_render_would_ignore_is_refused(render, replicas, details, said):
    render.has("v1.0.0")
    render.service["serviceDetails"] = details
    assert said in service("scaled", replicas=replicas)["msg"]
    assert render.writes() == []


def test_maintenance_mode_is_turned_on_once_and_keeps_its_page(render):
    render.has("v1.0.0")
    render.service["serviceDetails"]["maintenanceMode"]["uri"] = "https://status.example"
    foretold = service("configured", maintenance_mode=True, check=True)
    assert foretold["diff"]["after"]["maintenance_mode"] == {"enabled": True, "uri": "https://status.example"}
    assert service("configured", maintenance_mode=True)["changed"]
    assert not service("configured", maintenance_mode=True)["changed"]
    assert render.sent("update") == [
        {"serviceDetails": {"maintenanceMode": {"enabled": True, "uri": "https://status.example"}}}
    ]
    assert render.writes() == ["update"]


def test_only_what_changes_is_sent(render):
    service("configured", auto_deploy=True, maintenance_mode=False)
    assert render.sent("update") == [{"autoDeploy": "yes"}]


def test_a_worker_has_no_maintenance_mode(render):
    render.service |= {"type": "background_worker", "serviceDetails": {"numInstances": 1}}
    assert "state=stopped" in service("configured", maintenance_mode=True)["msg"]


def test_configuring_without_settings_changes_nothing(render):
    assert not service("configured", auto_deploy=False)["changed"]
    assert service("configured", auto_deploy=True)["changed"]
    assert render.sent("update") == [{"autoDeploy": "yes"}]


def test_a_lost_lease_stops_the_module_before_its_write(render, monkeypatch):
    class Lost:
        def heartbeat(self) -> None:
            raise LeaseLost("The lease was taken over by somebody else.")

        def before_write(self, seconds: float) -> float:
            return seconds

    old = render.has("v1.0.0")
    render.has("v1.1.0")
    monkeypatch.setattr(render_service, "guard", lambda params: Lost())
    result = service("rolled_back", deployment=old["id"], lease="token-1", store="s3://storefront/shop")
    assert result["error"]["kind"] == "lease_lost"
    assert render.writes() == []
