# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules render_service, render_env and render_info against the sandbox: commits, builds and processes
are real, Render is not.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render import client as render
from ansible_collections.storefront.runbook.plugins.module_utils.watch import platform
from ansible_collections.storefront.runbook.plugins.modules import render_env, render_info, render_service

from sandbox.storefront import Sandbox
from tests.unit.support import run_module

NAME = "test-render"
KEY = "pepper-pepper"
SERVER = """
const http = require("http");
const release = "v" + require("./package.json").version;
if (release === "v9.0.0") { console.error("Cannot find module 'cart'"); process.exit(1); }
const answer = JSON.stringify({ release, colour: process.env.COLOUR || null });
http.createServer((request, response) => response.end(answer)).listen(process.env.PORT, "127.0.0.1");
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's repository with a small backend and the releases v1.0.0, v1.1.0 and v9.0.0, which crashes at once."""
    root = tmp_path_factory.mktemp("shop")
    backend = root / "apps" / "backend"
    backend.mkdir(parents=True)
    (backend / "server.js").write_text(SERVER)
    _git(root, "init", "--quiet", "--initial-branch=main")
    for version in ("1.0.0", "1.1.0", "9.0.0"):
        (backend / "package.json").write_text(
            f'{{"version": "{version}", "scripts": {{"start": "node server.js", "worker": "node server.js"}}}}'
        )
        _git(root, "add", ".")
        _git(root, "commit", "--quiet", "--message", version)
        _git(root, "tag", f"v{version}")
    return root


def _git(root: Path, *words: str) -> str:
    argv = ["git", "-C", str(root), "-c", "user.name=test", "-c", "user.email=test@shop.example", *words]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


class Shop:
    """A storefront of the sandbox, its modules, and what the double was asked."""

    def __init__(self, sandbox: Sandbox, repository: Path) -> None:
        self.sandbox, self.repository = sandbox, repository
        self.state = sandbox.create_storefront(NAME, backend="render", repository=str(repository))

    def run(self, module: Any, check: bool = False, **params: Any) -> dict[str, Any]:
        api = {
            "api_token": self.sandbox.state["tokens"]["render"],
            "api_url": self.sandbox.state["cloud"]["render_url"],
        }
        return run_module(module, {**api, "service": self.state["render"]["services"]["api"], **params}, check=check)

    def service(self, state: str, **params: Any) -> dict[str, Any]:
        return self.run(
            render_service,
            **{"state": state, "path": str(self.repository), "wait_interval": 0.05, "wait_timeout": 60, **params},
        )

    def deploy(self, release: str, **params: Any) -> dict[str, Any]:
        return self.service("deployed", ref=release, **params)

    def release(self, release: str) -> dict[str, Any]:
        """Deploy a release; return the deploy."""
        deployed = self.deploy(release)
        assert not deployed["failed"], deployed
        return deployed["deployment"]

    def inspect(self, **params: Any) -> dict[str, Any]:
        return self.run(render_info, path=str(self.repository), **params)

    def env(self, **params: Any) -> dict[str, Any]:
        return self.run(render_env, **{"digest_key": KEY, "wait_interval": 0.05, **params})

    def served(self) -> Any:
        """What the service's domain answers; None where nothing serves."""
        answer = requests.get(f"{self.state['backend_origin_url']}/", timeout=10)
        return answer.json() if answer.status_code == 200 else None

    def writes(self) -> list[str]:
        asked = self.sandbox.cloud("GET", "/requests")
        return [
            request["operation"] for request in asked if request["vendor"] == "render" and request["method"] != "GET"
        ]

    def forget(self) -> None:
        self.sandbox.cloud("DELETE", "/requests")

    def fault(self, operation: str, kind: str, **more: Any) -> None:
        self.sandbox.cloud("POST", "/faults", {"vendor": "render", "operation": operation, "kind": kind, **more})


@pytest.fixture
def shop(sandbox: Sandbox, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A storefront on which nothing is deployed yet."""
    monkeypatch.setattr(render, "LISTED_WITHIN", 0.5)  # the double lists at once what it made
    shop = Shop(sandbox, repository)
    shop.forget()
    yield shop
    sandbox.cloud("DELETE", "/faults")
    sandbox.drop_storefront(NAME)


def test_a_release_is_predicted_deployed_and_rolled_back(shop: Shop):
    foretold = shop.deploy("v1.0.0", check=True)
    assert foretold["changed"], foretold
    assert (foretold["deployment"]["id"], foretold["deployment"]["release"], foretold["previous"]) == (
        None,
        "v1.0.0",
        None,
    )
    assert shop.writes() == []

    first = shop.deploy("v1.0.0")
    assert (first["changed"], first["deployment"]["status"], first["deployment"]["release"]) == (True, "live", "v1.0.0")
    assert first["deployment"]["commit"] == _git(shop.repository, "rev-parse", "v1.0.0")
    assert first["deployment"]["url"] == shop.state["backend_origin_url"]
    assert shop.served() == {"release": "v1.0.0", "colour": None}

    second = shop.deploy("v1.1.0")
    assert (second["previous"]["id"], second["previous"]["release"]) == (first["deployment"]["id"], "v1.0.0")
    assert shop.served()["release"] == "v1.1.0"

    back_to = first["deployment"]["id"]
    assert shop.service("rolled_back", deployment=back_to, check=True)["changed"]
    assert shop.served()["release"] == "v1.1.0"
    back = shop.service("rolled_back", deployment=back_to)
    assert (back["changed"], back["deployment"]["release"], back["previous"]["id"]) == (
        True,
        "v1.0.0",
        second["deployment"]["id"],
    )
    assert shop.served()["release"] == "v1.0.0"

    shop.forget()
    assert not shop.deploy("v1.0.0")["changed"]
    assert not shop.service("rolled_back", deployment=back_to)["changed"]
    assert shop.writes() == []


def test_a_rollback_runs_with_the_variables_of_then_unless_they_are_pinned(shop: Shop):
    shop.env(variables={"COLOUR": "green"})
    first = shop.release("v1.0.0")
    info = shop.inspect(digest_key=KEY)["variables"]
    shop.release("v1.1.0")
    changed = shop.env(variables={"COLOUR": "blue"}, deploy=True)
    assert (changed["updated"], changed["deployment"]["status"]) == (["COLOUR"], "live")
    assert shop.served() == {"release": "v1.1.0", "colour": "blue"}

    shop.service("rolled_back", deployment=first["id"])
    assert shop.served() == {"release": "v1.0.0", "colour": "green"}

    pins = {"pinned_variables": ["COLOUR"], "known_variables": info, "digest_key": KEY}
    made_good = shop.service("rolled_back", deployment=first["id"], **pins)
    assert (made_good["changed"], made_good["deployment"]["release"]) == (True, "v1.0.0")
    assert shop.served() == {"release": "v1.0.0", "colour": "blue"}
    assert not shop.service("rolled_back", deployment=first["id"], **pins)["changed"]


def test_variables_are_compared_changed_and_removed_one_by_one(shop: Shop):
    assert shop.env(variables={"COLOUR": "green"}, check=True)["changed"]
    assert shop.writes() == []
    assert shop.env(variables={"COLOUR": "green"})["added"] == ["COLOUR"]
    assert not shop.env(variables={"COLOUR": "green"})["changed"]
    assert shop.env(absent=["COLOUR"])["removed"] == ["COLOUR"]
    assert not shop.env(absent=["COLOUR"])["changed"]
    assert "DATABASE_URL" in [variable["name"] for variable in shop.env()["variables"]]
    assert shop.writes() == ["upsert_env", "delete_env"]


def test_info_reports_what_serves_and_what_can_be_gone_back_to(shop: Shop):
    assert shop.inspect()["live"] is None
    shop.release("v1.0.0")
    shop.release("v1.1.0")
    info = shop.inspect(digest_key=KEY, log_lines=100)
    assert info["live"]["release"] == "v1.1.0"
    assert [candidate["release"] for candidate in info["candidates"]] == ["v1.0.0"]
    assert info["in_progress"] == []
    assert {"DATABASE_URL", "JWT_SECRET"} <= {variable["name"] for variable in info["variables"]}
    assert any("Using Node" in line["message"] for line in info["logs"])
    assert (info["auto_deploy"], info["source"]["branch"], info["start_command"]) == (False, "main", "npm start")


def test_the_answers_that_render_counted_are_those_that_were_given(shop: Shop):
    shop.release("v1.0.0")
    for _request in range(3):
        assert shop.served()
    cloud, unit = shop.sandbox.state, {"name": "api", "service": shop.state["render"]["services"]["api"], "kind": "web"}
    given = {"platform": "render", "api_token": cloud["tokens"]["render"], "api_url": cloud["cloud"]["render_url"]}
    counted = platform.counted({**given, "units": [unit]}, 3600, lambda: None)["Render api"]
    assert (counted.asked >= 3, counted.failed) == (True, 0), counted


def test_a_worker_is_deployed_like_a_web_unit_and_has_no_url(shop: Shop):
    worker = shop.state["render"]["services"]["worker"]
    deployed = shop.deploy("v1.0.0", service=worker)
    assert (deployed["deployment"]["status"], deployed["deployment"]["url"]) == ("live", None)
    assert shop.served() is None
    assert shop.inspect(service=f"{NAME}-worker")["live"]["release"] == "v1.0.0"


def test_a_release_that_crashes_reports_the_end_of_its_log_and_the_old_one_serves_on(shop: Shop):
    old = shop.release("v1.0.0")
    failed = shop.deploy("v9.0.0")
    assert (failed["error"]["kind"], failed["error"]["state"]) == ("deployment_failed", "update_failed")
    assert "Cannot find module 'cart'" in failed["msg"]
    assert shop.served()["release"] == "v1.0.0"
    assert not shop.service("rolled_back", deployment=old["id"])["changed"]


@pytest.mark.parametrize(
    ("kind", "state", "said"),
    [
        ("build_fails", "build_failed", "exited with 1"),
        ("pre_deploy_fails", "pre_deploy_failed", "pre-deploy"),
        ("unhealthy", "update_failed", "Healthcheck failed"),
    ],
)
def test_a_release_that_fails_says_why(shop: Shop, kind: str, state: str, said: str):
    shop.release("v1.0.0")
    shop.fault("create", kind)
    failed = shop.deploy("v1.1.0")
    assert failed["error"]["state"] == state
    assert said in failed["msg"]
    assert shop.served()["release"] == "v1.0.0"


@pytest.mark.parametrize("kind", ["lost_answer", "queued"])
def test_an_answer_that_is_lost_or_late_makes_no_second_deploy(shop: Shop, kind: str):
    first = shop.release("v1.0.0")
    shop.fault("create", kind, retry_after=0)
    shop.release("v1.1.0")
    if kind != "queued":
        shop.fault("rollback", kind, retry_after=0)
    back = shop.service("rolled_back", deployment=first["id"])
    assert not back["failed"], back
    assert shop.served()["release"] == "v1.0.0"
    assert [candidate["release"] for candidate in shop.inspect()["candidates"]] == ["v1.1.0"]


def test_a_deploy_that_render_only_queues_and_never_makes_is_an_error(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(render, "QUEUED", 0.3)
    shop.fault("create", "dropped")
    failed = shop.deploy("v1.0.0")
    assert failed["error"]["code"] == "no_deployment"
    assert "run it again" in failed["msg"]


def test_what_was_only_started_is_awaited_by_the_next_run(shop: Shop):
    started = shop.deploy("v1.0.0", wait=False)
    assert started["deployment"]["status"] != "live"
    awaited = shop.deploy("v1.0.0")
    assert (awaited["deployment"]["id"], awaited["deployment"]["status"], awaited["changed"]) == (
        started["deployment"]["id"],
        "live",
        False,
    )
    assert shop.writes() == ["create"]


def test_a_deploy_that_never_ends_is_given_up_and_canceled_by_the_rollback(shop: Shop):
    old = shop.release("v1.0.0")
    shop.fault("create", "stuck")
    assert shop.deploy("v1.1.0", wait_timeout=0.5)["error"]["kind"] == "wait_timeout"
    shop.forget()
    back = shop.service("rolled_back", deployment=old["id"])
    assert (back["changed"], back["deployment"]["id"]) == (True, old["id"])
    assert shop.writes() == ["cancel"]


def test_a_service_is_stopped_and_started_and_put_back(shop: Shop):
    deployed = shop.release("v1.0.0")
    assert shop.service("stopped", check=True)["changed"]
    assert shop.served() is not None
    stopped = shop.service("stopped")
    assert (stopped["changed"], stopped["deployment"]["id"], stopped["deployment"]["status"]) == (
        True,
        deployed["id"],
        "stopped",
    )
    assert shop.served() is None
    assert not shop.service("stopped")["changed"]

    assert shop.service("started")["deployment"]["status"] == "live"
    assert shop.served()["release"] == "v1.0.0"
    assert not shop.service("started")["changed"]

    shop.service("stopped")
    assert shop.deploy("v1.1.0")["deployment"]["status"] == "live"
    assert shop.served()["release"] == "v1.1.0"


def test_a_service_is_scaled_and_restarted(shop: Shop):
    shop.release("v1.0.0")
    assert shop.service("scaled", replicas=2, check=True)["changed"]
    assert shop.service("scaled", replicas=2)["changed"]
    assert not shop.service("scaled", replicas=2)["changed"]
    before = instances(shop)
    assert len(before) == 2
    assert shop.service("restarted")["changed"]
    assert instances(shop).isdisjoint(before)
    assert shop.inspect()["replicas"] == 2


def instances(shop: Shop) -> set[int]:
    return {
        process["pid"] for process in shop.sandbox.cloud("GET", "/processes") if process["name"].startswith(f"{NAME}-")
    }


def test_maintenance_mode_is_shown_and_taken_away(shop: Shop):
    shop.release("v1.0.0")
    assert shop.service("configured", maintenance_mode=True)["changed"]
    assert not shop.service("configured", maintenance_mode=True)["changed"]
    assert requests.get(shop.state["backend_origin_url"], timeout=10).status_code == 503
    assert shop.service("configured", maintenance_mode=False)["changed"]
    assert shop.served()["release"] == "v1.0.0"


def test_a_push_passes_the_checks_only_where_auto_deploy_is_on_and_no_rollback_leaves_it_on(shop: Shop):
    push = {"ref": "v1.1.0", "repository": str(shop.repository)}
    first = shop.release("v1.0.0")
    shop.service("configured", auto_deploy=True)
    assert "take_over=true" in shop.deploy("v1.1.0", check=True)["msg"]
    (pushed,) = shop.sandbox.cloud("POST", f"/storefronts/{NAME}/push", push)["made"]["render"]
    assert shop.deploy("v1.1.0", source="adopt")["deployment"]["id"] == pushed
    assert shop.inspect()["live"]["id"] == pushed
    assert shop.service("rolled_back", deployment=first["id"])["auto_deploy"] is False
    assert shop.sandbox.cloud("POST", f"/storefronts/{NAME}/push", push)["made"]["render"] == []


@pytest.mark.parametrize(
    ("wrong", "kind", "remedy"),
    [
        ({"api_token": "not-the-token"}, "api", "Check the token"),
        ({"service": "cart"}, "config", "Set service to an id"),
        ({"service": "srv-00000000000000000000"}, "api", "Check the ids in the inventory"),
        ({"api_url": "127.0.0.1"}, "config", "Correct api_url"),
        ({"ref": "v7.7.7"}, "config", "git fetch --tags"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(shop: Shop, wrong: dict[str, Any], kind: str, remedy: str):
    refused = shop.service("deployed", **{"ref": "v1.0.0", **wrong})
    assert (refused["failed"], refused["error"]["kind"]) == (True, kind)
    assert remedy in refused["msg"]
    assert shop.writes() == []


def test_a_commit_that_render_does_not_have_is_its_refusal(shop: Shop):
    refused = shop.service("deployed", commit="0" * 40)
    assert (refused["error"]["status"], refused["failed"]) == (400, True)
    assert "was not found" in refused["msg"]


def test_a_deploy_that_is_older_than_the_list_is_rolled_back_to(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    first = shop.release("v1.0.0")
    shop.release("v1.1.0")
    monkeypatch.setattr(render.Render.deploys, "__defaults__", (1,))
    assert shop.service("rolled_back", deployment=first["id"])["deployment"]["release"] == "v1.0.0"
    assert shop.served()["release"] == "v1.0.0"
