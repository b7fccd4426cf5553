# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module vercel_deploy, against a project kept in memory."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import wait
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel import upload
from ansible_collections.storefront.runbook.plugins.modules import vercel_deploy

from tests.unit.plugins.fake_vercel import FakeVercel, vercel_error
from tests.unit.support import Clock, answer_lost, reply, run_module

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
WRITES = ("POST", "PATCH", "PUT", "DELETE")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Any:
    """A project whose module waits on a clock that nobody waits for."""
    monkeypatch.setattr(wait.Waiter, "__init__", _with_clock(wait.Waiter.__init__, clock))
    account = FakeVercel()
    with account.vendor.installed():
        yield account


def _with_clock(init: Any, clock: Clock) -> Any:
    return lambda self, **options: init(self, **{"sleep": clock.sleep, "clock": clock, **options})


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with the release v1.1.0 in apps/frontend."""
    frontend = tmp_path / "apps" / "frontend"
    frontend.mkdir(parents=True)
    (frontend / "package.json").write_text('{"version": "1.1.0"}')
    (frontend / "page.tsx").write_text("export {}")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "v1.1.0"], ["tag", "v1.1.0"]):
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t.test", *command], check=True
        )
    return tmp_path


def deploy(state: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
    common = {"api_token": "sesame-token", "api_url": "https://api.test", "team": "team_1", "project": "shop"}
    return run_module(vercel_deploy, {**common, "state": state, **params}, check=check)


def stage(shop: Path, *, check: bool = False, **params: Any) -> dict[str, Any]:
    return deploy(
        "staged", check=check, **{"path": str(shop), "ref": "v1.1.0", "root_directory": "apps/frontend", **params}
    )


def written(account: FakeVercel) -> list[str]:
    return [FakeVercel.operation(request) for request in account.vendor.requests if request.method in WRITES]


def head(shop: Path) -> str:
    return subprocess.run(
        ["git", "-C", str(shop), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()


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


@pytest.mark.parametrize("state", ["promoted", "rolled_back", "canceled"])
def test_a_state_that_is_about_a_deployment_needs_one(account, state):
    assert "missing" in deploy(state)["msg"]
    result = deploy(state, deployment="dpl_9")
    assert "has no deployment dpl_9. Set deployment to one of its ids" in result["msg"]
    assert written(account) == []


def test_a_promotion_ends_when_production_serves_it_and_returns_the_previous_deployment(account):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    result = deploy("promoted", deployment="dpl_2")
    assert result["changed"]
    assert (result["deployment"]["release"], result["previous"]["release"]) == ("v1.1.0", "v1.0.0")
    assert account.project["targets"]["production"]["id"] == "dpl_2"
    assert result["diff"]["before"]["live"]["release"] == "v1.0.0"
    assert result["diff"]["after"]["live"]["release"] == "v1.1.0"


def test_a_second_promotion_changes_nothing(account):
    account.has("v1.1.0")
    deploy("promoted", deployment="dpl_1")
    account.vendor.requests.clear()
    result = deploy("promoted", deployment="dpl_1")
    assert not result["changed"]
    assert result["deployment"]["id"] == result["previous"]["id"] == "dpl_1"
    assert written(account) == []


def test_a_promotion_in_check_mode_writes_nothing(account):
    account.has("v1.1.0")
    result = deploy("promoted", deployment="dpl_1", check=True)
    assert result["changed"]
    assert written(account) == []


@pytest.mark.parametrize(("was", "is_now"), [(False, False), (True, True)])
def test_a_promotion_leaves_auto_assignment_as_it_was(account, was, is_now):
    account.has("v1.1.0")
    account.project["autoAssignCustomDomains"] = was
    deploy("promoted", deployment="dpl_1")
    assert account.project["autoAssignCustomDomains"] is is_now


def test_a_promotion_in_progress_is_waited_for_and_not_requested_again(account):
    account.has("v1.1.0")
    assert deploy("promoted", deployment="dpl_1", wait=False)["changed"]
    result = deploy("promoted", deployment="dpl_1")
    assert not result["changed"]
    assert account.project["targets"]["production"]["id"] == "dpl_1"
    assert len(account.asked("POST /v10/projects/promote")) == 1


def test_a_promotion_waits_for_a_build_in_progress(account):
    account.has("v1.1.0", state="QUEUED")
    assert not deploy("promoted", deployment="dpl_1")["failed"]
    assert account.project["targets"]["production"]["id"] == "dpl_1"


def test_a_failed_promotion_is_requested_again_by_the_next_run(account):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    account.jobs = ["pending", "failed"]
    failed = deploy("promoted", deployment="dpl_2")
    assert "Serving dpl_2 failed for the production domains." in failed["msg"]
    account.jobs = ["pending", "succeeded"]
    assert deploy("promoted", deployment="dpl_2")["changed"]
    assert account.project["targets"]["production"]["id"] == "dpl_2"


def test_production_that_lost_a_domain_to_a_failed_promotion_gets_it_back(account):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    account.project["lastAliasRequest"] = {
        "toDeploymentId": "dpl_2",
        "jobStatus": "failed",
        "requestedAt": 1,
        "type": "promote",
    }
    account.project["autoAssignCustomDomains"] = False
    account.held = []
    account.faults["POST /v1/projects/rollback"] = [lambda answer: _accepted(account, "dpl_1")]
    result = deploy("rolled_back", deployment="dpl_1")
    assert not result["failed"], result
    assert result["changed"]
    assert (result["diff"]["before"]["serving"], result["diff"]["after"]["serving"]) == (
        "not served yet on shop.example",
        "served",
    )
    assert account.project["lastAliasRequest"]["jobStatus"] == "succeeded"


def _accepted(account: FakeVercel, deployment_id: str) -> Any:
    account.project["lastAliasRequest"] = {
        "toDeploymentId": deployment_id,
        "jobStatus": "pending",
        "requestedAt": 2,
        "type": "rollback",
    }
    return reply(201)


def test_a_rollback_serves_the_older_one_and_warns_that_auto_assignment_is_off(account):
    account.serves(account.has("v1.0.0"))
    account.serves(account.has("v1.1.0"))
    result = deploy("rolled_back", deployment="dpl_1")
    assert result["changed"]
    assert account.project["targets"]["production"]["id"] == "dpl_1"
    assert (result["previous"]["release"], result["deployment"]["release"]) == ("v1.1.0", "v1.0.0")
    assert result["diff"]["after"]["auto_assign_domains"] is False
    assert [warning for warning in result["warnings"] if "auto-assignment off" in warning]
    assert written(account) == ["POST /v1/projects/rollback"]


def test_a_second_rollback_changes_nothing(account):
    account.serves(account.has("v1.0.0"))
    account.serves(account.has("v1.1.0"))
    deploy("rolled_back", deployment="dpl_1")
    account.vendor.requests.clear()
    assert not deploy("rolled_back", deployment="dpl_1")["changed"]
    assert written(account) == []


def test_a_rollback_to_a_deployment_that_was_never_live_is_refused_before_anything_changes(account):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    result = deploy("rolled_back", deployment="dpl_2")
    assert "it never served production" in result["msg"]
    assert result["error"]["code"] == "no_rollback_candidate"
    assert written(account) == []


def test_a_build_is_canceled_once(account):
    account.steps = ["BUILDING"]
    account.has("v1.1.0", state="BUILDING")
    assert deploy("canceled", deployment="dpl_1", check=True)["deployment"]["status"] == "canceled"
    assert written(account) == []
    result = deploy("canceled", deployment="dpl_1")
    assert (result["changed"], result["deployment"]["status"]) == (True, "canceled")
    assert not deploy("canceled", deployment="dpl_1")["changed"]
    assert len(account.asked("PATCH /v12/deployments/cancel")) == 1


def test_a_finished_build_is_not_canceled(account):
    account.has("v1.1.0")
    result = deploy("canceled", deployment="dpl_1")
    assert (result["changed"], result["deployment"]["status"]) == (False, "ready")


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


def build_commit(source: str = "commit", **params: Any) -> dict[str, Any]:
    return deploy(
        "staged", **{"source": source, "commit": COMMIT, "release": "v1.1.0", "auto_assign_domains": False, **params}
    )


def test_a_commit_is_built_by_vercel_from_the_projects_git_link_and_only_once(account):
    account.is_linked()
    foretold = build_commit(check=True)
    assert (foretold["changed"], foretold["deployment"]["id"], foretold["deployment"]["commit"]) == (True, None, COMMIT)
    assert COMMIT in foretold["diff"]["after"]["build"]
    assert written(account) == []
    result = build_commit()
    assert not result["failed"], result
    body = account.asked("POST /v13/deployments")[0].json()
    assert body["gitSource"] == {"type": "github", "repoId": 7, "ref": "main", "sha": COMMIT}
    assert (body["target"], body["meta"], "files" in body) == (
        "production",
        {"release": "v1.1.0", "commit": COMMIT},
        False,
    )
    assert (result["changed"], result["deployment"]["status"], result["deployment"]["commit"], "upload" in result) == (
        True,
        "ready",
        COMMIT,
        False,
    )
    account.vendor.requests.clear()
    again = build_commit()
    assert (again["changed"], again["deployment"]["id"]) == (False, "dpl_1")
    assert written(account) == []


def test_an_uploaded_build_of_the_same_commit_is_not_adopted(account, shop):
    account.is_linked()
    commit = head(shop)
    stage(shop, auto_assign_domains=False)
    assert build_commit(commit=commit)["deployment"]["id"] == "dpl_2"


def test_vercels_own_build_of_exactly_this_commit_is_adopted_and_waited_for(account):
    account.is_linked()
    account.was_pushed(COMMIT, state="BUILDING")
    account.was_pushed(OTHER)
    foretold = build_commit("adopt", check=True)
    assert (foretold["deployment"]["id"], foretold["deployment"]["release"]) == ("dpl_1", "v1.1.0")
    assert written(account) == []
    result = build_commit("adopt")
    assert (result["deployment"]["id"], result["deployment"]["status"], result["deployment"]["commit"]) == (
        "dpl_1",
        "ready",
        COMMIT,
    )
    assert (result["deployment"]["release"], result["changed"]) == ("v1.1.0", True)  # it turned auto-assignment off
    account.vendor.requests.clear()
    assert not build_commit("adopt")["changed"]
    assert written(account) == []


def test_a_build_that_a_push_starts_a_moment_later_is_adopted(account, clock):
    account.is_linked()
    waiting = account.faults["GET /v7/deployments"] = [
        lambda answer: answer(),
        lambda answer: (account.was_pushed(COMMIT), answer())[1],
    ]
    assert build_commit("adopt")["deployment"]["id"] == "dpl_1"
    assert (waiting, clock.sleeps[:1]) == ([], [0.1])


@pytest.mark.parametrize("source", ["cli", "redeploy", "api-trigger-git-deploy", None])
def test_a_build_that_a_user_requested_is_not_adopted(account, source):
    account.is_linked()
    account.was_pushed(COMMIT, source=source)
    result = build_commit("adopt")
    assert result["error"]["code"] == "no_own_build"
    assert written(account) == []


def test_a_missing_build_is_reported_with_the_newest_build_of_another_commit(account):
    account.is_linked()
    account.was_pushed(OTHER)
    result = build_commit("adopt")
    assert (
        f"no production build of {COMMIT} after a push; the newest one is dpl_1 of {OTHER}. Push that commit to main"
        in result["msg"]
    )
    assert written(account) == []


def test_a_failed_automatic_build_is_reported_with_its_log(account):
    account.is_linked()
    account.was_pushed(COMMIT, state="ERROR")
    result = build_commit("adopt")
    assert result["error"]["kind"] == "deployment_failed"
    assert "set source to commit" in result["msg"]
    assert "Module not found: cart" in result["msg"]


def test_an_adopted_build_that_is_live_already_is_warned_of(account):
    account.is_linked()
    account.serves(account.was_pushed(COMMIT))
    result = build_commit("adopt")
    assert [warning for warning in result["warnings"] if "went live without any check" in warning]
    assert result["previous"]["id"] == result["deployment"]["id"] == "dpl_1"


def test_an_adopted_build_is_promoted_with_its_release_name(account):
    account.was_pushed(COMMIT)
    result = deploy("promoted", deployment="dpl_1", release="v1.1.0")
    assert (result["deployment"]["release"], result["deployment"]["commit"]) == ("v1.1.0", COMMIT)


@pytest.mark.parametrize(
    ("link", "source"),
    [
        ({"type": "github-limited", "repoId": 7}, {"type": "github-limited", "repoId": 7}),
        ({"type": "gitlab", "projectId": "9"}, {"type": "gitlab", "projectId": "9"}),
        (
            {"type": "bitbucket", "uuid": "{1}", "workspaceUuid": "{2}"},
            {"type": "bitbucket", "repoUuid": "{1}", "workspaceUuid": "{2}"},
        ),
    ],
)
def test_each_git_host_gets_its_own_request_format(account, link, source):
    account.is_linked(**link)
    build_commit()
    assert account.asked("POST /v13/deployments")[0].json()["gitSource"] == {**source, "ref": "main", "sha": COMMIT}


@pytest.mark.parametrize("source", ["commit", "adopt"])
def test_a_commit_needs_a_git_link_a_full_sha_and_a_release(account, source):
    assert "is not linked to a Git repository" in build_commit(source)["msg"]
    account.is_linked()
    assert "is not a full SHA. Set it to what `git rev-parse" in build_commit(source, commit="v1.1.0")["msg"]
    assert "Set release" in build_commit(source, release=None)["msg"]
    assert "is not a full SHA" in build_commit(source, commit=None)["msg"]
    assert "missing: commit" in deploy("staged", source=source, release="v1.1.0")["msg"]
    assert written(account) == []


def test_a_host_whose_commits_the_api_cannot_name_is_refused(account):
    account.is_linked(type="github-custom-host")
    assert "Set source to adopt or to upload" in build_commit()["msg"]


def test_an_upload_needs_something_to_upload(account):
    assert "Set path" in deploy("staged", release="v1.1.0")["msg"]


def test_a_tag_of_another_commit_is_refused(account, shop):
    result = stage(shop, commit=COMMIT)
    assert f"'v1.1.0' is the commit {head(shop)}, but commit is {COMMIT}" in result["msg"]
    assert not stage(shop, commit=head(shop))["failed"]


def test_staging_in_a_project_whose_pushes_are_served_is_refused_and_the_setting_is_named(account, shop):
    account.is_linked()
    for check in (True, False):
        result = stage(shop, check=check)
        assert result["error"]["code"] == "push_serves_production"
        assert "A push to main of acme/shop reaches production without any check" in result["msg"]
        assert "'Auto-assign Custom Production Domains'" in result["msg"]
    assert written(account) == []


def test_staging_turns_the_serving_of_pushes_off_when_requested_and_reports_it(account, shop):
    account.is_linked()
    result = stage(shop, auto_assign_domains=False)
    assert not result["failed"], result
    assert written(account)[0] == "PATCH /v9/projects"
    assert result["auto_assign_domains"] == {"before": True, "after": False}
    assert stage(shop)["auto_assign_domains"] == {"before": False, "after": False}


def test_a_staged_build_cannot_be_served_at_once(account, shop):
    assert "serve a staged build as soon as it is built" in stage(shop, auto_assign_domains=True)["msg"]
    assert written(account) == []


def test_a_promotion_turns_auto_assignment_off_before_it_waits(account):
    account.has("v1.1.0")
    account.project["autoAssignCustomDomains"] = False
    deploy("promoted", deployment="dpl_1", wait=False)
    assert written(account) == ["POST /v10/projects/promote", "PATCH /v9/projects"]
    assert account.project["autoAssignCustomDomains"] is False


@pytest.mark.parametrize("wait", [True, False])
def test_a_rollback_can_turn_auto_assignment_on_again(account, wait):
    account.serves(account.has("v1.0.0"))
    account.serves(account.has("v1.1.0"))
    wanted = {"deployment": "dpl_1", "auto_assign_domains": True, "wait": wait}
    assert deploy("rolled_back", **wanted, check=True)["auto_assign_domains"] == {"before": True, "after": True}
    result = deploy("rolled_back", **wanted)
    assert account.project["autoAssignCustomDomains"] is True
    assert result["warnings"] == []
    assert written(account) == ["POST /v1/projects/rollback", "PATCH /v9/projects"]


def test_auto_assignment_is_set_after_a_finished_rollback(account):
    account.serves(account.has("v1.0.0"))
    account.project["autoAssignCustomDomains"] = False
    result = deploy("rolled_back", deployment="dpl_1", auto_assign_domains=True)
    assert (result["changed"], result["auto_assign_domains"]) == (True, {"before": False, "after": True})
    assert written(account) == ["PATCH /v9/projects"]
    assert not deploy("rolled_back", deployment="dpl_1", auto_assign_domains=True)["changed"]


def uploaded(account: FakeVercel) -> list[str]:
    return sorted(file["file"] for file in account.asked("POST /v13/deployments")[-1].json()["files"])


def test_a_folder_is_uploaded_without_what_its_ignore_files_and_vercels_own_client_leave_out(account, shop):
    frontend = shop / "apps" / "frontend"
    for name in ("debug.log", "secret.txt", "draft.md", ".env.production.local", "dist/page.html", "dist/map.js"):
        (frontend / name).parent.mkdir(exist_ok=True)
        (frontend / name).write_text(name)
    (shop / ".gitignore").write_text("*.log\n")
    (frontend / ".gitignore").write_text("secret.txt\ndist\n")
    (frontend / ".vercelignore").write_text("*.md\n!dist\n*.js\n")
    stage(shop, ref=None, release="v1.1.0")
    assert uploaded(account) == [".vercelignore", "dist/page.html", "package.json", "page.tsx"]


def test_a_ref_ignores_gitignore_since_its_files_are_committed(account, shop):
    frontend = shop / "apps" / "frontend"
    (frontend / ".gitignore").write_text("page.tsx\n")
    (frontend / ".vercelignore").write_text("package.json\n")
    for command in (["add", "."], ["commit", "--quiet", "--message", "v1.2.0"], ["tag", "v1.2.0"]):
        subprocess.run(["git", "-C", str(shop), "-c", "user.name=t", "-c", "user.email=t@t.test", *command], check=True)
    stage(shop, ref="v1.2.0")
    assert uploaded(account) == [".vercelignore", "page.tsx"]


def test_a_ref_uses_vercelignore_files_above_the_root_directory_like_a_folder(account, shop):
    (shop / ".vercelignore").write_text("apps/frontend/*.md\n/page.tsx\n")
    (shop / "apps" / "frontend" / "draft.md").write_text("draft")
    for command in (["add", "."], ["commit", "--quiet", "--message", "v1.2.0"], ["tag", "v1.2.0"]):
        subprocess.run(["git", "-C", str(shop), "-c", "user.name=t", "-c", "user.email=t@t.test", *command], check=True)
    (shop / ".vercelignore").write_text("*\n")  # which nobody has committed
    stage(shop, ref="v1.2.0")
    assert uploaded(account) == ["package.json", "page.tsx"]


def commit(shop: Path, tag: str) -> None:
    for command in (["add", "."], ["commit", "--quiet", "--message", tag], ["tag", tag]):
        subprocess.run(["git", "-C", str(shop), "-c", "user.name=t", "-c", "user.email=t@t.test", *command], check=True)


def test_a_committed_env_file_is_sent_and_a_local_one_is_not(account, shop):
    for name in (".env", ".env.production", ".env.local", ".env.production.local"):
        (shop / "apps" / "frontend" / name).write_text("A=1")
    commit(shop, "v1.2.0")
    stage(shop, ref="v1.2.0")
    assert uploaded(account) == [".env", ".env.production", "package.json", "page.tsx"]


@pytest.mark.parametrize("ref", [None, "v1.2.0"])
def test_an_executable_bit_is_a_change_and_is_sent_from_a_folder_and_a_ref(account, shop, ref):
    script = shop / "apps" / "frontend" / "build.sh"
    script.write_text("#!/bin/sh")
    script.chmod(0o644)
    commit(shop, "v1.1.1")
    stage(shop, ref=ref and "v1.1.1", release="v1.2.0")
    assert not stage(shop, ref=ref and "v1.1.1", release="v1.2.0", check=True)["changed"]
    script.chmod(0o744)
    commit(shop, "v1.2.0")
    told = stage(shop, ref=ref, release="v1.2.0", check=True)
    assert (told["changed"], told["diff"]["after"]["upload"]) == (
        True,
        "3 files, 1 executable, 38 bytes, less what Vercel holds already",
    )
    stage(shop, ref=ref, release="v1.2.0")
    modes = {file["file"]: file["mode"] for file in account.asked("POST /v13/deployments")[-1].json()["files"]}
    assert modes == {"build.sh": 0o100755, "package.json": 0o100644, "page.tsx": 0o100644}


def test_more_files_than_vercel_takes_are_refused_in_check_mode_with_where_they_are(account, shop, monkeypatch):
    monkeypatch.setattr(upload, "FILES", 3)
    for number in range(3):
        (shop / "apps" / "frontend" / "public").mkdir(exist_ok=True)
        (shop / "apps" / "frontend" / "public" / f"{number}.png").touch()
    result = stage(shop, ref=None, release="v1.1.0", check=True)
    assert result["error"]["code"] == "too_many_files"
    assert "There are 5 files to upload, but Vercel accepts 3" in result["msg"]
    assert "most of them are in public (3)" in result["msg"]


def test_a_root_directory_that_links_out_of_the_source_is_refused_in_check_mode_too(account, shop, tmp_path_factory):
    (shop / "apps" / "web").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    for prebuilt_ in (False, True):
        result = stage(shop, ref=None, release="v1.1.0", root_directory="apps/web", check=True, prebuilt=prebuilt_)
        assert result["error"]["code"] == "link_outside"
        assert f"{shop}/apps/web is a link to" in result["msg"]


@pytest.mark.parametrize("option", ["path", "ref", "root_directory"])
def test_a_nul_in_a_path_or_a_ref_is_refused(account, shop, option):
    result = stage(shop, check=False, **{option: "a\0b"})
    # from Python 3.12 on core itself refuses it, before the module starts
    if result["msg"].startswith("Failed to log to syslog"):
        return
    assert (result["error"]["kind"], f"{option} 'a\\x00b' contains a NUL" in result["msg"]) == ("config", True)


def test_ignore_files_that_leave_nothing_are_refused(account, shop):
    (shop / "apps" / "frontend" / ".vercelignore").write_text("*\n")
    result = stage(shop, ref=None, release="v1.1.0")
    assert ".gitignore and .vercelignore and the rules of Vercel's own client leave out every file" in result["msg"]
    assert written(account) == []


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


@pytest.fixture
def built(shop: Path) -> Path:
    """The repository with the output of `vercel build --prod`, one function of which is a link to another
    and names a file outside.
    """
    output = shop / "apps" / "frontend" / ".vercel" / "output"
    function = output / "functions" / "cart.func"
    files = {
        output / "config.json": '{"version": 3}',
        output / "builds.json": '{"target": "production"}',
        output / "static" / "page.html": "<p>",
    }
    files |= {
        function / ".vc-config.json": '{"filePathMap": {"lib/a.js": "shared/a.js"}}',
        function / "node_modules" / "x" / "index.js": "x",
    }
    files |= {shop / "apps" / "frontend" / "shared" / "a.js": "a"}
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (function.parent / "cart.rsc.func").symlink_to("cart.func")
    return shop


def prebuilt(shop: Path, **params: Any) -> dict[str, Any]:
    return stage(shop, **{"ref": None, "release": "v1.1.0", "prebuilt": True, **params})


def test_a_prebuilt_output_is_sent_with_the_files_of_its_functions_only(account, built):
    result = prebuilt(built, commit=COMMIT)
    assert not result["failed"], result
    functions = [
        f".vercel/output/functions/{name}"
        for name in ("cart.func/.vc-config.json", "cart.func/node_modules/x/index.js", "cart.rsc.func")
    ]
    assert uploaded(account) == sorted(
        [
            *(f".vercel/output/{name}" for name in ("builds.json", "config.json", "static/page.html")),
            *functions,
            "shared/a.js",
        ]
    )
    link = next(
        file for file in account.asked("POST /v13/deployments")[0].json()["files"] if file["file"].endswith(".rsc.func")
    )
    assert link == {"file": functions[2], "sha": hashlib.sha1(b"cart.func").hexdigest(), "size": 9, "mode": 0o120777}
    assert (result["deployment"]["commit"], result["upload"]["sent_files"]) == (COMMIT, 7)
    assert not prebuilt(built, commit=COMMIT)["changed"]


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        ("linked", ["linked"]),  # a link to a folder, as pnpm makes them
        ("shared/../shared/a.js", ["shared/a.js"]),
        ("shared", []),
        (".env.local", [".env.local"]),
        ("secret.key", []),  # .vercelignore names it
        ("keys/a", []),
    ],
)
def test_files_of_a_function_are_sent_like_vercels_own_client_does(account, built, named, sent):
    app = built / "apps" / "frontend"
    (app / "linked").symlink_to("shared")
    (app / "keys").mkdir()
    for name in (".env.local", "secret.key", "keys/a"):
        (app / name).touch()
    (app / ".vercelignore").write_text("*.key\nkeys\n")
    config = app / ".vercel" / "output" / "functions" / "cart.func" / ".vc-config.json"
    config.write_text(json.dumps({"filePathMap": {"x": named}}))
    prebuilt(built)
    assert [path for path in uploaded(account) if not path.startswith(".vercel/")] == sent


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("../secret", "is outside"),
        ("/etc/hostname", "is outside"),
        ("a/../../secret", "is outside"),
        ("out/hostname", "is a link out of the source folder"),
        ("out", "is a link out of the source folder"),
        ("gone", "does not exist"),
        ("a\0b", "does not map paths to paths"),
        (1, "does not map paths to paths"),
        ("", "does not map paths to paths"),
    ],
)
def test_files_of_a_function_outside_the_folder_are_refused(account, built, named, message):
    (built / "apps" / "frontend" / "out").symlink_to("/etc")
    config = built / "apps" / "frontend" / ".vercel" / "output" / "functions" / "cart.func" / ".vc-config.json"
    config.write_text(json.dumps({"filePathMap": {"x": named}}))
    result = prebuilt(built, check=True)
    assert (result["error"]["kind"], message in result["msg"]) == ("config", True), result["msg"]


@pytest.mark.parametrize("text", ["[]", "null", "{", "1", "[" * 100_000])
@pytest.mark.parametrize("file", ["builds.json", "functions/cart.func/.vc-config.json"])
def test_a_damaged_file_of_the_output_is_refused_by_name(account, built, file, text):
    (built / "apps" / "frontend" / ".vercel" / "output" / file).write_text(text)
    result = prebuilt(built)
    assert (result["error"]["kind"], file in result["msg"]) == ("config", True), result["msg"]


def test_an_output_that_is_missing_or_for_another_environment_or_with_a_ref_is_refused(account, shop, built):
    assert (
        "was built for production, not for preview. Run `vercel build`" in prebuilt(built, environment="preview")["msg"]
    )
    assert "A ref does not contain the output" in prebuilt(built, ref="v1.1.0")["msg"]
    output = built / "apps" / "frontend" / ".vercel" / "output"
    (output / "static" / "secret").symlink_to("/etc/hostname")
    assert "static/secret is a link out of the source folder" in prebuilt(built)["msg"]
    (output / "static" / "secret").unlink()
    (output / "static" / "loop").symlink_to("loop")
    assert "static/loop is part of a loop of links" in prebuilt(built)["msg"]
    (output / "config.json").unlink()
    assert "Run `vercel build --prod`" in prebuilt(built)["msg"]
    assert written(account) == []


def rolls(percentage: int, **more: Any) -> dict[str, Any]:
    stage = {"targetPercentage": percentage, "requireApproval": False}
    return {
        "state": "ACTIVE",
        "canaryDeployment": {"id": "dpl_2"},
        "activeStage": stage,
        "startedAt": 9_000_000,
        **more,
    }


def test_a_rolling_release_is_waited_for_until_all_visitors_get_it_and_not_requested_again(account):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    account.project["rollingRelease"] = {"target": "production"}
    account.rolling = [rolls(5), rolls(5), rolls(50), rolls(100, state="COMPLETE")]
    served = account.faults["GET /v9/projects"] = [lambda answer: answer()] * 3
    served.append(lambda answer: (account.serves(account.deployments[1]), answer())[1])
    result = deploy("promoted", deployment="dpl_2")
    assert not result["failed"], result
    assert (result["changed"], result["diff"]["before"]["serving"]) == (False, "in a rolling release: at 5 %")
    assert written(account) == []


def test_a_rolling_release_without_approval_times_out_and_reports_the_missing_approval(account):
    account.has("v1.0.0")
    account.has("v1.1.0")
    account.project["rollingRelease"] = {"target": "production"}
    account.rolling = [rolls(5, activeStage={"targetPercentage": 5, "requireApproval": True})] * 99
    result = deploy("promoted", deployment="dpl_2", wait_timeout=20)
    assert "still in a rolling release: at 5 %, until the next stage is approved at Vercel after 20 s" in result["msg"]


def test_a_rolling_release_that_was_aborted_fails_and_an_earlier_one_of_the_same_does_not(account):
    account.has("v1.0.0")
    account.has("v1.1.0")
    account.project["rollingRelease"] = {"target": "production"}
    earlier = rolls(5, state="ABORTED", startedAt=1)
    account.rolling = [earlier, earlier, rolls(50), rolls(50, state="ABORTED")]
    result = deploy("promoted", deployment="dpl_2")
    assert account.rolling == []
    assert 'failed with the status "in a rolling release: aborted"' in result["msg"]
    assert written(account) == ["POST /v10/projects/promote"]
