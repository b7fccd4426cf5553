# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules vercel_deploy and vercel_info against the sandbox: uploads, builds and domains are real,
Vercel is not.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.storefront.runbook.plugins.modules import vercel_deploy, vercel_env, vercel_info

from sandbox.process import wait_until
from sandbox.storefront import Sandbox
from tests.unit.support import run_module

NAME = "test-vercel"
BUILD = """
const fs = require("fs");
const { version } = JSON.parse(fs.readFileSync("package.json"));
if (version === "9.0.0") { console.error("Module not found: cart"); process.exit(1); }
fs.mkdirSync("out");
fs.writeFileSync("out/release.json", JSON.stringify({ release: "v" + version }));
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's repository with a small frontend and the releases v1.0.0, v1.1.0 and v9.0.0, which does not build."""
    root = tmp_path_factory.mktemp("shop")
    frontend = root / "apps" / "frontend"
    frontend.mkdir(parents=True)
    (frontend / "build.js").write_text(BUILD)
    (frontend / "copy-of-build.js").write_text(BUILD)
    (frontend / "empty.css").touch()
    _git(root, "init", "--quiet")
    for version in ("1.0.0", "1.1.0", "9.0.0"):
        (frontend / "package.json").write_text(
            f'{{"name": "only-of-this-test", "version": "{version}", "scripts": {{"build": "node build.js"}}}}'
        )
        _git(root, "add", ".")
        _git(root, "commit", "--quiet", "--message", version)
        _git(root, "tag", f"v{version}")
    return root


def _git(root: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-C", str(root), "-c", "user.name=test", "-c", "user.email=test@shop.example", *words], check=True
    )


class Shop:
    """A storefront of the sandbox, its modules, and what the double was asked."""

    def __init__(self, sandbox: Sandbox, repository: Path) -> None:
        self.sandbox, self.repository = sandbox, repository
        self.state = sandbox.create_storefront(NAME)

    def run(self, module: Any, check: bool = False, **params: Any) -> dict[str, Any]:
        vercel = self.state["vercel"]
        api = {
            "api_token": self.sandbox.state["tokens"]["vercel"],
            "api_url": self.sandbox.state["cloud"]["vercel_url"],
        }
        return run_module(
            module, {**api, "team": vercel["team"], "project": vercel["project_name"], **params}, check=check
        )

    def deploy(self, state: str, **params: Any) -> dict[str, Any]:
        return self.run(vercel_deploy, **{"state": state, "wait_interval": 0.05, "wait_timeout": 60, **params})

    def stage(self, ref: str | None, /, **params: Any) -> dict[str, Any]:
        return self.deploy(
            "staged", **{"path": str(self.repository), "ref": ref, "root_directory": "apps/frontend", **params}
        )

    def release(self, release: str, **params: Any) -> dict[str, Any]:
        """Stage a release and serve it; return the deployment."""
        staged = self.stage(release, **params)
        assert not staged["failed"], staged
        promoted = self.deploy("promoted", deployment=staged["deployment"]["id"])
        assert not promoted["failed"], promoted
        return promoted["deployment"]

    def served(self) -> str | None:
        """The release that the production domain reports; None where it serves nothing."""
        return release_at(self.state["frontend_origin_url"])

    def asked(self, *operations: str) -> list[dict[str, Any]]:
        asked = self.sandbox.cloud("GET", "/requests")
        return [
            request
            for request in asked
            if request["vendor"] == "vercel" and (not operations or request["operation"] in operations)
        ]

    def writes(self) -> list[str]:
        return [request["operation"] for request in self.asked() if request["method"] != "GET"]

    def forget(self) -> None:
        self.sandbox.cloud("DELETE", "/requests")

    def fault(self, operation: str, kind: str, **more: Any) -> None:
        self.sandbox.cloud("POST", "/faults", {"vendor": "vercel", "operation": operation, "kind": kind, **more})


def release_at(url: str) -> str | None:
    answer = requests.get(f"{url}/release.json", timeout=10)
    return answer.json()["release"] if answer.status_code == 200 else None


@pytest.fixture
def shop(sandbox: Sandbox, repository: Path) -> Iterator[Shop]:
    """A storefront on which nothing is deployed yet."""
    shop = Shop(sandbox, repository)
    shop.forget()
    yield shop
    sandbox.cloud("DELETE", "/faults")
    sandbox.drop_storefront(NAME)


def test_a_release_is_predicted_staged_verified_promoted_and_rolled_back(shop: Shop):
    foretold = shop.stage("v1.0.0", check=True)
    assert foretold["changed"]
    assert (foretold["deployment"]["id"], foretold["upload"]["files"]) == (None, 4)
    assert shop.writes() == []

    staged = shop.stage("v1.0.0")
    assert staged["changed"], staged
    # two of the four are alike, and another test may have sent an empty file
    assert staged["upload"]["sent_files"] in (2, 3)
    assert staged["previous"] is None
    assert release_at(staged["deployment"]["url"]) == "v1.0.0"
    assert shop.served() is None

    first = staged["deployment"]["id"]
    assert shop.deploy("promoted", deployment=first, check=True)["changed"]
    assert shop.served() is None
    promoted = shop.deploy("promoted", deployment=first)
    assert promoted["changed"]
    assert shop.served() == "v1.0.0"

    shop.forget()
    second = shop.stage("v1.1.0")
    assert second["upload"]["sent_files"] == len(shop.asked("upload")) == 1
    assert second["previous"]["id"] == first
    assert shop.served() == "v1.0.0"
    assert shop.deploy("promoted", deployment=second["deployment"]["id"])["previous"]["release"] == "v1.0.0"
    assert shop.served() == "v1.1.0"

    assert shop.deploy("rolled_back", deployment=first, check=True)["changed"]
    assert shop.served() == "v1.1.0"
    rolled_back = shop.deploy("rolled_back", deployment=first)
    assert rolled_back["changed"]
    assert rolled_back["previous"]["release"] == "v1.1.0"
    assert shop.served() == "v1.0.0"

    shop.forget()
    assert not shop.stage("v1.0.0")["changed"]
    assert not shop.deploy("rolled_back", deployment=first)["changed"]
    assert not shop.deploy("promoted", deployment=first)["changed"]
    assert shop.writes() == []


def test_a_commit_is_built_from_git_and_a_push_is_adopted_and_neither_is_served_before_it_is_promoted(shop: Shop):
    shop.sandbox.cloud("POST", f"/storefronts/{NAME}/git", {"repository": str(shop.repository)})
    first = shop.release("v1.0.0", auto_assign_domains=False)
    assert shop.run(vercel_info)["project"]["git"] == {
        "type": "github",
        "repository": "shop-example/shop",
        "production_branch": "main",
    }

    pushed = shop.sandbox.cloud(
        "POST", f"/storefronts/{NAME}/push", {"repository": str(shop.repository), "ref": "v1.1.0"}
    )
    wanted = {"commit": pushed["commit"], "release": "v1.1.0"}
    adopted = shop.deploy("staged", source="adopt", **wanted)
    assert (adopted["deployment"]["id"], adopted["deployment"]["status"], adopted["changed"]) == (
        pushed["made"]["vercel"],
        "ready",
        False,
    ), adopted
    built = shop.deploy("staged", source="commit", **wanted)
    assert built["changed"], built
    assert built["deployment"]["commit"] == adopted["deployment"]["commit"] == pushed["commit"]
    assert not shop.deploy("staged", source="commit", **wanted)["changed"]
    for staged in (adopted, built):
        assert release_at(staged["deployment"]["url"]) == "v1.1.0"
    assert shop.served() == "v1.0.0"

    promoted = shop.deploy("promoted", deployment=adopted["deployment"]["id"], release="v1.1.0")
    assert (promoted["deployment"]["release"], shop.served()) == ("v1.1.0", "v1.1.0")
    back = shop.deploy("rolled_back", deployment=first["id"], auto_assign_domains=True)
    assert (shop.served(), back["auto_assign_domains"]) == ("v1.0.0", {"before": False, "after": True})
    assert shop.run(vercel_info)["project"]["auto_assign_domains"] is True


def test_a_release_is_built_again_for_another_environment_and_with_the_variables_of_today(shop: Shop):
    shop.sandbox.cloud("POST", f"/storefronts/{NAME}/environments", {"slug": "qa"})
    tried = shop.stage("v1.0.0", environment="qa")
    assert tried["auto_assign_domains"] == {"before": True, "after": True}, tried
    assert release_at(tried["deployment"]["url"]) == "v1.0.0"
    refused = shop.deploy("promoted", deployment=tried["deployment"]["id"])
    assert "production cannot serve it" in refused["msg"]
    wanted = {"source": "redeploy", "deployment": tried["deployment"]["id"], "release": "v1.0.0"}
    again = shop.deploy("staged", **wanted)
    assert again["changed"], again
    assert not shop.deploy("staged", **wanted)["changed"]
    assert shop.run(vercel_env, variables={"NEXT_PUBLIC_COLOUR": "red"})["changed"]
    newest = shop.deploy("staged", **wanted)
    assert newest["changed"], newest
    assert not shop.deploy("promoted", deployment=newest["deployment"]["id"])["failed"]
    assert shop.served() == "v1.0.0"


def test_what_was_built_elsewhere_is_served_as_it_is(shop: Shop, tmp_path: Path):
    output = tmp_path / ".vercel" / "output"
    (output / "static").mkdir(parents=True)
    (output / "config.json").write_text('{"version": 3}')
    (output / "static" / "release.json").write_text('{"release": "v5.0.0"}')
    staged = shop.stage(None, path=str(tmp_path), root_directory="", prebuilt=True, release="v5.0.0")
    assert staged["changed"], staged
    assert release_at(staged["deployment"]["url"]) == "v5.0.0"


def test_where_a_push_serves_production_staging_is_refused_and_a_push_that_did_is_reported(shop: Shop):
    shop.sandbox.cloud("POST", f"/storefronts/{NAME}/git", {"repository": str(shop.repository)})
    assert shop.stage("v1.0.0")["error"]["code"] == "push_serves_production"
    assert shop.writes() == []
    commit = shop.sandbox.cloud(
        "POST", f"/storefronts/{NAME}/push", {"repository": str(shop.repository), "ref": "v1.1.0"}
    )["commit"]
    wait_until(lambda: shop.served() == "v1.1.0", 20)
    adopted = shop.deploy("staged", source="adopt", commit=commit, release="v1.1.0", auto_assign_domains=False)
    assert [warning for warning in adopted["warnings"] if "went live without any check" in warning]
    missing = shop.deploy("staged", source="adopt", commit="0" * 40, release="v1.1.0")
    assert (missing["error"]["code"], commit in missing["msg"]) == ("no_own_build", True)


def test_variables_are_set_for_some_environments_and_reach_the_next_build(shop: Shop):
    shop.sandbox.cloud("POST", f"/storefronts/{NAME}/environments", {"slug": "qa"})
    wanted: dict[str, Any] = {
        "variables": {"NEXT_PUBLIC_COLOUR": "red"},
        "environments": ["production", "qa"],
        "digest_key": "k",
    }
    assert shop.run(vercel_env, check=True, **wanted)["added"] == ["NEXT_PUBLIC_COLOUR"]
    assert shop.writes() == []
    assert shop.run(vercel_env, **wanted)["changed"]
    assert not shop.run(vercel_env, **wanted)["changed"]
    secret: dict[str, Any] = {"variables": {"SEARCH_KEY": "very-secret"}, "sensitive": True, "digest_key": "k"}
    result = shop.run(vercel_env, **secret)
    assert result["changed"], result
    assert "very-secret" not in str(result)
    assert not shop.run(vercel_env, **secret)["changed"]
    gone = shop.run(vercel_env, absent=["NEXT_PUBLIC_COLOUR"], environments=["qa"], digest_key="k")
    assert (
        gone["removed"],
        shop.run(vercel_env, variables={"NEXT_PUBLIC_COLOUR": "red"}, digest_key="k")["changed"],
    ) == (["NEXT_PUBLIC_COLOUR"], False)


def test_info_reports_what_is_live_and_what_can_be_gone_back_to(shop: Shop):
    assert shop.run(vercel_info)["live"] is None
    shop.release("v1.0.0")
    shop.release("v1.1.0")
    result = shop.run(vercel_info)
    assert result["live"]["release"] == "v1.1.0"
    assert [candidate["release"] for candidate in result["candidates"]] == ["v1.0.0"]
    assert result["project"]["auto_assign_domains"] is False
    assert result["project"]["domains"]
    assert shop.served() == "v1.1.0"
    logs = shop.run(vercel_info, logs=["build", "runtime"], log_seconds=0.3)
    assert "Running npm run build" in logs["build_log"]
    assert {"path": "/release.json", "status": 200}.items() <= logs["runtime_log"][-1].items()
    assert not result["changed"]


def test_a_build_that_fails_reports_the_end_of_its_log_and_leaves_production_alone(shop: Shop):
    shop.release("v1.0.0")
    failed = shop.stage("v9.0.0")
    assert failed["error"]["kind"] == "deployment_failed"
    assert "Module not found: cart" in failed["msg"]
    assert shop.served() == "v1.0.0"


def test_an_answer_that_is_lost_makes_no_second_build(shop: Shop):
    shop.stage("v1.0.0")  # from here on all files are held, and the next create is the one that counts
    shop.fault("create", "lost_answer")
    again = shop.stage("v1.0.0", release="v1.0.1")
    assert again["changed"], again
    assert len(made(shop, "v1.0.1")) == 1


def made(shop: Shop, release: str) -> list[Any]:
    vercel = shop.state["vercel"]
    answer = requests.get(
        f"{shop.sandbox.state['cloud']['vercel_url']}/v7/deployments",
        params={"teamId": vercel["team"], "projectId": vercel["project"], "limit": 100},
        headers={"Authorization": f"Bearer {shop.sandbox.state['tokens']['vercel']}"},
        timeout=10,
    )
    return [deployment for deployment in answer.json()["deployments"] if deployment["meta"]["release"] == release]


def test_a_rate_limit_is_waited_out(shop: Shop):
    for operation in ("create", "list", "get", "promote", "project", "update_project", "promote_aliases"):
        shop.fault(operation, "rate_limited", retry_after=0)
    shop.release("v1.0.0")
    assert shop.served() == "v1.0.0"
    assert [fault["operation"] for fault in shop.sandbox.cloud("GET", "/faults") if fault["times"]] == []


def test_a_promotion_that_is_queued_is_waited_for(shop: Shop):
    shop.fault("promote", "queued")
    shop.release("v1.0.0")
    assert shop.served() == "v1.0.0"


def test_a_rolling_release_is_waited_for_to_its_end(shop: Shop):
    shop.release("v1.0.0")
    staged = shop.stage("v1.1.0")
    shop.fault("promote", "rolls")
    assert not shop.deploy("promoted", deployment=staged["deployment"]["id"])["failed"]
    assert shop.served() == "v1.1.0"
    assert shop.asked("rolling_release")


def shares(shop: Shop, visitors: int = 20) -> dict[str | None, int]:
    """How many of so many visitors get each release."""
    seen = [shop.served() for _unused in range(visitors)]
    return {release: seen.count(release) for release in seen}


STAGES = [10, 50]


def test_a_rolling_release_starts_advances_and_completes_each_once(shop: Shop):
    shop.release("v1.0.0")
    staged = shop.stage("v1.1.0", stages=STAGES)["deployment"]["id"]

    def rolling(share: float, **more: Any) -> dict[str, Any]:
        return shop.deploy("rolling", deployment=staged, stages=STAGES, share=share, **more)

    shop.forget()
    assert rolling(10, check=True)["changed"]
    assert shop.writes() == []
    started = rolling(10)
    assert (started["failed"], started["changed"], started["share"]) == (False, True, 10), started
    assert shares(shop) == {"v1.0.0": 18, "v1.1.0": 2}
    assert not rolling(10)["changed"]
    assert shop.writes() == ["configure_rolling", "start_rolling"]
    assert rolling(50)["share"] == 50
    assert shares(shop) == {"v1.0.0": 10, "v1.1.0": 10}
    assert rolling(10)["share"] == 50  # a run that is repeated takes no visitor back
    other = shop.deploy("rolling", deployment=staged, stages=[25, 50], share=25)
    assert other["error"]["code"] == "other_stages"
    done = shop.deploy("promoted", deployment=staged, complete=True)
    assert (done["failed"], done["changed"]) == (False, True), done
    assert shares(shop) == {"v1.1.0": 20}
    assert not shop.deploy("promoted", deployment=staged, complete=True)["changed"]
    again = rolling(10)
    assert (again["changed"], again["share"]) == (False, 100)
    writes = ["configure_rolling", "start_rolling", "approve_rolling", "complete_rolling"]
    assert [write for write in shop.writes() if write != "update_project"] == writes


def test_a_rollback_to_the_old_deployment_ends_a_rolling_release_at_no_visitor(shop: Shop):
    old = shop.release("v1.0.0")
    staged = shop.stage("v1.1.0")["deployment"]["id"]
    started = shop.deploy("rolling", deployment=staged, stages=STAGES, share=10)
    assert not started["failed"], started
    other = shop.stage("v9.0.0", wait=False)["deployment"]["id"]
    refused = shop.deploy("rolling", deployment=other, stages=STAGES, share=10)
    assert refused["error"]["code"] in ("other_rolling_release", "not_servable")
    assert shop.deploy("rolled_back", deployment=old["id"], check=True)["changed"]
    assert shares(shop) == {"v1.0.0": 18, "v1.1.0": 2}
    ended = shop.deploy("rolled_back", deployment=old["id"])
    assert (ended["failed"], ended["changed"]) == (False, True), ended
    assert shares(shop) == {"v1.0.0": 20}
    assert not shop.deploy("rolled_back", deployment=old["id"])["changed"]
    again = shop.deploy("rolling", deployment=staged, stages=STAGES, share=10)  # it can be tried once more
    assert again["share"] == 10


def test_a_lost_answer_starts_and_advances_a_rolling_release_once(shop: Shop):
    shop.release("v1.0.0")
    staged = shop.stage("v1.1.0")["deployment"]["id"]
    for operation in ("start_rolling", "approve_rolling", "complete_rolling", "configure_rolling"):
        shop.fault(operation, "lost_answer")
    for share in STAGES:
        rolled = shop.deploy("rolling", deployment=staged, stages=STAGES, share=share)
        assert (rolled["failed"], rolled.get("share")) == (False, share), rolled
    assert shares(shop) == {"v1.0.0": 10, "v1.1.0": 10}
    done = shop.deploy("promoted", deployment=staged, complete=True)
    assert not done["failed"], done
    assert shop.served() == "v1.1.0"


def test_a_first_deployment_has_nothing_to_roll_beside_and_a_plan_without_rolling_releases_is_refused(shop: Shop):
    staged = shop.stage("v1.0.0")["deployment"]["id"]
    first = shop.deploy("rolling", deployment=staged, stages=STAGES, share=10)
    assert (first["failed"], first["changed"], first["share"]) == (False, False, None), first
    shop.fault("rolling_billing", "no_plan", times=-1)
    refused = shop.stage("v1.1.0", stages=STAGES, check=True)
    assert refused["error"]["code"] == "no_rolling_release", refused
    assert "Upgrade to Pro" in refused["msg"]


@pytest.mark.parametrize("kind", ["alias_fails", "alias_partial"])
def test_a_promotion_that_fails_names_the_domains_and_the_old_one_gets_all_of_them_back(shop: Shop, kind: str):
    old = shop.release("v1.0.0")
    staged = shop.stage("v1.1.0")
    shop.fault("promote", kind)
    failed = shop.deploy("promoted", deployment=staged["deployment"]["id"])
    assert failed["error"]["kind"] == "deployment_failed"
    assert f"Serving {staged['deployment']['id']} failed for " in failed["msg"]
    back = shop.deploy("rolled_back", deployment=old["id"])
    assert not back["failed"], back
    assert shop.served() == "v1.0.0"
    assert not shop.deploy("rolled_back", deployment=old["id"])["changed"]


def test_a_promotion_that_never_ends_is_given_up_in_time(shop: Shop):
    staged = shop.stage("v1.0.0")
    shop.fault("promote", "stuck")
    given_up = shop.deploy("promoted", deployment=staged["deployment"]["id"], wait_timeout=0.3)
    assert given_up["error"]["kind"] == "wait_timeout"
    assert shop.served() is None


def test_a_build_is_canceled(shop: Shop):
    shop.fault("create", "stuck", times=-1)
    staged = shop.stage("v1.0.0", wait=False)
    assert shop.deploy("canceled", deployment=staged["deployment"]["id"], check=True)["changed"]
    canceled = shop.deploy("canceled", deployment=staged["deployment"]["id"])
    assert (canceled["changed"], canceled["deployment"]["status"]) == (True, "canceled")
    assert not shop.deploy("canceled", deployment=staged["deployment"]["id"])["changed"]


@pytest.mark.parametrize(
    ("wrong", "kind", "remedy"),
    [
        ({"api_token": "not-the-token"}, "api", "Check the token"),
        ({"project": "nobody"}, "config", "Correct project or team"),
        ({"team": None}, "config", "outside of teams"),
        ({"ref": "v7.7.7"}, "config", "Fetch the tags"),
        ({"root_directory": "apps/nothing"}, "config", "Correct root_directory"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(shop: Shop, wrong: dict[str, Any], kind: str, remedy: str):
    refused = shop.stage("v1.0.0", **wrong)
    assert refused["failed"]
    assert refused["error"]["kind"] == kind
    assert remedy in refused["msg"]
    assert shop.writes() == []


def test_what_never_served_production_is_not_rolled_back_to(shop: Shop):
    shop.release("v1.0.0")
    staged = shop.stage("v1.1.0")
    shop.forget()
    refused = shop.deploy("rolled_back", deployment=staged["deployment"]["id"])
    assert "it never served production" in refused["msg"]
    assert shop.writes() == []
