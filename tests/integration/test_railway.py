# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules railway_service and railway_info against the sandbox: uploads, builds and processes are real,
Railway is not.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway import client as railway
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway import graphql as documents
from ansible_collections.storefront.runbook.plugins.modules import railway_info, railway_service, railway_variables

from sandbox.storefront import Sandbox
from tests.unit.support import run_module

NAME = "test-railway"
ROOT = Path(__file__).parents[2]
WRITES = {
    *(
        "deploymentRollback",
        "deploymentStop",
        "deploymentRestart",
        "deploymentRedeploy",
        "deploymentCancel",
        "deploymentRemove",
    ),
    *(
        "serviceInstanceAutoDeployUpdate",
        "serviceInstanceDeployV2",
        "serviceInstanceUpdate",
        "environmentPatchCommit",
        "variableCollectionUpsert",
    ),
    *("environmentStageChanges", "environmentPatchCommitStaged"),
}
SERVER = """
const http = require("http");
const release = "v" + require("./package.json").version;
console.log(`started ${release} with ${process.env.DATABASE_URL}`);
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
    _git(root, "init", "--quiet", "--initial-branch", "main")
    for version in ("1.0.0", "1.1.0", "9.0.0"):
        (backend / "package.json").write_text(
            f'{{"version": "{version}", "scripts": {{"start": "node server.js", "worker": "node server.js"}}}}'
        )
        _git(root, "add", ".")
        _git(root, "commit", "--quiet", "--message", version)
        _git(root, "tag", f"v{version}")
    return root


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), "-c", "user.name=test", "-c", "user.email=test@shop.example", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Shop:
    """A storefront of the sandbox, its modules, and what the double was asked."""

    def __init__(self, sandbox: Sandbox, repository: Path) -> None:
        self.sandbox, self.repository = sandbox, repository
        self.state = sandbox.create_storefront(NAME)

    def params(self, **params: Any) -> dict[str, Any]:
        """A module's parameters: those given, and the way in."""
        ids = self.state["railway"]
        api = {
            "api_token": self.sandbox.state["tokens"]["railway"],
            "api_url": self.sandbox.state["cloud"]["railway_url"],
        }
        place = {"project": ids["project"], "environment": ids["environment"], "service": ids["services"]["api"]}
        return {**api, **place, **params}

    def run(self, module: Any, check: bool = False, **params: Any) -> dict[str, Any]:
        return run_module(module, self.params(**params), check=check)

    def service(self, state: str, **params: Any) -> dict[str, Any]:
        return self.run(railway_service, **{"state": state, "wait_interval": 0.05, "wait_timeout": 60, **params})

    def deploy(self, release: str, **params: Any) -> dict[str, Any]:
        return self.service(
            "deployed", **{"path": str(self.repository), "ref": release, "root_directory": "apps/backend", **params}
        )

    def release(self, release: str) -> dict[str, Any]:
        """Deploy a release; return the deployment."""
        deployed = self.deploy(release)
        assert not deployed["failed"], deployed
        return deployed["deployment"]

    def served(self) -> Any:
        """What the service's domain answers; None where nothing serves."""
        answer = requests.get(f"{self.state['backend_origin_url']}/", timeout=10)
        return answer.json() if answer.status_code == 200 else None

    def graphql(self, query: str, **variables: Any) -> Any:
        """Ask the double beside the modules."""
        answer = requests.post(
            f"{self.sandbox.state['cloud']['railway_url']}/graphql/v2",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {self.sandbox.state['tokens']['railway']}"},
            timeout=10,
        )
        return answer.json()["data"]

    def set_variable(self, name: str, value: str, unit: str = "api") -> None:
        """Change a variable of a unit without a deployment."""
        place = {"projectId": self.state["railway"]["project"], "environmentId": self.state["railway"]["environment"]}
        wanted = {
            **place,
            "serviceId": self.state["railway"]["services"][unit],
            "name": name,
            "value": value,
            "skipDeploys": True,
        }
        assert self.graphql(
            "mutation set($input: VariableUpsertInput!) { variableUpsert(input: $input) }", input=wanted
        ) == {"variableUpsert": True}

    def deployments(self, unit: str = "api") -> list[str]:
        """The ids of a unit's deployments, the newest first."""
        place = {
            "environmentId": self.state["railway"]["environment"],
            "serviceId": self.state["railway"]["services"][unit],
        }
        query = "query list($input: DeploymentListInput!) { deployments(input: $input) { edges { node { id } } } }"
        return [edge["node"]["id"] for edge in self.graphql(query, input=place)["deployments"]["edges"]]

    def connect(self) -> None:
        """Connect the API to the shop's repository, so that pushes deploy it."""
        wanted = {
            "service": "api",
            "repository": str(self.repository),
            "branch": "main",
            "root_directory": "apps/backend",
        }
        self.sandbox.cloud("POST", f"/storefronts/{NAME}/railway/connect", wanted)

    def starts(self, unit: str = "api") -> list[str]:
        """What every process of a unit that ever started said of itself, the newest first."""
        query = "query logs($id: String!) { deploymentLogs(deploymentId: $id) { message } }"
        lines = [
            line["message"] for key in self.deployments(unit) for line in self.graphql(query, id=key)["deploymentLogs"]
        ]
        return [line for line in lines if line.startswith("started ")]

    def asked(self) -> list[str]:
        return [
            request["operation"] for request in self.sandbox.cloud("GET", "/requests") if request["vendor"] == "railway"
        ]

    def writes(self) -> list[str]:
        return [name for name in self.asked() if name == "up" or name in WRITES]

    def forget(self) -> None:
        self.sandbox.cloud("DELETE", "/requests")

    def fault(self, operation: str, kind: str, **more: Any) -> None:
        self.sandbox.cloud("POST", "/faults", {"vendor": "railway", "operation": operation, "kind": kind, **more})


@pytest.fixture
def shop(sandbox: Sandbox, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A storefront on which nothing is deployed yet."""
    monkeypatch.setattr(railway, "LISTED_WITHIN", 1.0)  # the double lists at once what it made
    shop = Shop(sandbox, repository)
    shop.forget()
    yield shop
    sandbox.cloud("DELETE", "/faults")
    sandbox.drop_storefront(NAME)


def test_a_release_is_predicted_deployed_and_rolled_back(shop: Shop):
    foretold = shop.deploy("v1.0.0", check=True)
    assert foretold["changed"], foretold
    assert (foretold["deployment"]["id"], foretold["previous"]) == (None, None)
    assert shop.writes() == []

    first = shop.deploy("v1.0.0")
    assert first["changed"], first
    assert first["deployment"]["status"] == "success"
    assert first["deployment"]["url"] == shop.state["backend_origin_url"]
    assert shop.served() == {"release": "v1.0.0", "colour": None}

    shop.set_variable("COLOUR", "green")
    second = shop.deploy("v1.1.0")
    assert second["previous"]["id"] == first["deployment"]["id"]
    assert shop.served() == {"release": "v1.1.0", "colour": "green"}

    back_to = first["deployment"]["id"]
    assert shop.service("rolled_back", deployment=back_to, check=True)["changed"]
    assert shop.served()["release"] == "v1.1.0"
    back = shop.service("rolled_back", deployment=back_to)
    assert (back["changed"], back["deployment"]["release"], back["previous"]["id"]) == (
        True,
        "v1.0.0",
        second["deployment"]["id"],
    )
    assert shop.served() == {"release": "v1.0.0", "colour": None}  # the old variables came back with it
    assert any("variables" in warning for warning in back["warnings"])

    shop.forget()
    assert not shop.deploy("v1.0.0")["changed"]
    assert not shop.service("rolled_back", deployment=back_to)["changed"]
    assert shop.writes() == []


def test_a_worker_is_deployed_like_a_web_unit_and_has_no_url(shop: Shop):
    deployed = shop.deploy("v1.0.0", service="worker")
    assert (deployed["deployment"]["status"], deployed["deployment"]["url"]) == ("success", None)
    assert shop.served() is None
    assert shop.run(railway_info, service="worker")["live"]["release"] == "v1.0.0"


def test_info_reports_what_serves_and_what_can_be_gone_back_to(shop: Shop):
    assert shop.run(railway_info)["live"] is None
    shop.release("v1.0.0")
    shop.set_variable("COLOUR", "green")
    shop.release("v1.1.0")
    info = shop.run(railway_info)
    assert info["live"]["release"] == "v1.1.0"
    assert [candidate["release"] for candidate in info["candidates"]] == ["v1.0.0"]
    assert info["in_progress"] == []
    before = {variable["name"]: variable["digest"] for variable in info["variables"]}
    assert {"COLOUR", "DATABASE_URL"} <= set(before)
    assert "postgresql://" not in str(info)
    shop.set_variable("COLOUR", "blue")
    after = {variable["name"]: variable["digest"] for variable in shop.run(railway_info)["variables"]}
    assert {name for name, digest in after.items() if digest != before[name]} == {"COLOUR"}


def test_pushes_are_kept_from_deploying(shop: Shop):
    assert shop.run(railway_info)["auto_deploy"] is False
    shop.connect()
    info = shop.run(railway_info)
    assert info["source"] == {
        "repository": "example/shop",
        "branch": "main",
        "image": None,
        "root_directory": "apps/backend",
    }
    assert (info["auto_deploy"], info["pre_deploy_command"], info["start_command"]) == (True, None, "npm start")
    assert shop.service("configured", auto_deploy=False, check=True)["changed"]
    assert shop.run(railway_info)["auto_deploy"] is True
    assert shop.service("configured", auto_deploy=False)["settings"] == {"auto_deploy": False}
    assert shop.run(railway_info)["auto_deploy"] is False
    assert not shop.service("configured", auto_deploy=False)["changed"]
    assert shop.writes() == ["serviceInstanceAutoDeployUpdate"]


def test_railway_builds_a_commit_once(shop: Shop):
    shop.connect()
    sha = _git(shop.repository, "rev-parse", "v1.1.0")
    commit = {"source": "commit", "commit": sha, "release": "v1.1.0"}
    foretold = shop.service("deployed", check=True, **commit)
    assert (foretold["changed"], foretold["deployment"]["commit"], shop.writes()) == (True, sha, [])
    made = shop.service("deployed", **commit)
    assert (
        made["changed"],
        made["deployment"]["status"],
        made["deployment"]["commit"],
        made["deployment"]["release"],
    ) == (True, "success", sha, "v1.1.0")
    assert shop.served()["release"] == "v1.1.0"
    assert not shop.service("deployed", **commit)["changed"]
    adopted = shop.service("deployed", **{**commit, "source": "adopt"})
    assert (adopted["changed"], adopted["deployment"]["id"]) == (False, made["deployment"]["id"])
    assert len(shop.deployments()) == 1


def test_a_commit_that_railway_does_not_have_says_so(shop: Shop):
    missing = {"source": "commit", "commit": "0" * 40}
    assert "is not connected to a repository" in shop.service("deployed", **missing)["msg"]
    shop.connect()
    assert "Commit not found in example/shop" in shop.service("deployed", **missing)["msg"]
    assert "has created no deployment" in shop.service("deployed", **{**missing, "source": "adopt"})["msg"]


def test_an_image_is_deployed(shop: Shop):
    built = shop.release("v1.0.0")
    query = "query one($id: String!) { deployment(id: $id) { meta } }"
    image = f"ghcr.io/example/api:v1.0.0@{shop.graphql(query, id=built['id'])['deployment']['meta']['imageDigest']}"
    shop.release("v1.1.0")
    made = shop.service("deployed", source="image", image=image)
    assert (made["deployment"]["status"], made["deployment"]["release"]) == ("success", "v1.0.0"), made
    assert shop.served()["release"] == "v1.0.0"
    assert not shop.service("deployed", source="image", image=image)["changed"]
    assert shop.run(railway_info)["source"]["image"] == image
    assert "not found" in shop.service("deployed", source="image", image="ghcr.io/example/api:v9")["msg"]


def test_a_service_is_restarted_with_the_variables_that_it_had(shop: Shop):
    shop.set_variable("DATABASE_URL", OLD)
    running = shop.release("v1.0.0")
    shop.set_variable("DATABASE_URL", NEW)
    assert shop.service("restarted", check=True)["changed"]
    assert shop.service("restarted")["deployment"] == running
    assert shop.starts() == [f"started v1.0.0 with {OLD}"] * 2
    assert shop.served()["release"] == "v1.0.0"


def test_a_service_is_taken_out_of_service_and_put_back(shop: Shop):
    deployed = shop.release("v1.0.0")
    assert shop.service("removed", check=True)["changed"]
    removed = shop.service("removed")
    assert (removed["changed"], removed["deployment"]["id"], removed["deployment"]["status"]) == (
        True,
        deployed["id"],
        "removed",
    )
    assert shop.served() is None
    assert not shop.service("removed")["changed"]
    assert (
        shop.service("rolled_back", deployment=deployed["id"], pinned_variables=["DATABASE_URL"])["deployment"][
            "release"
        ]
        == "v1.0.0"
    )
    assert shop.served()["release"] == "v1.0.0"


def test_a_region_is_scaled_while_the_others_stay(shop: Shop):
    first = shop.release("v1.0.0")
    scaled = shop.service("scaled", regions={"europe-west4-drams3a": 2})
    assert scaled["settings"] == {"regions": {"europe-west4-drams3a": 2, "us-west2": 1}}, scaled
    assert (scaled["deployment"]["status"], scaled["deployment"]["release"], scaled["previous"]["id"]) == (
        "success",
        "v1.0.0",
        first["id"],
    )
    assert shop.run(railway_info)["regions"] == {"europe-west4-drams3a": 2, "us-west2": 1}
    assert not shop.service("scaled", regions={"europe-west4-drams3a": 2})["changed"]
    assert "no region mars" in shop.service("scaled", regions={"mars": 1})["msg"]
    assert len(shop.deployments()) == 2


def test_settings_hold_from_the_next_deployment_on_and_keep_the_regions(shop: Shop):
    shop.service("scaled", regions={"europe-west4-drams3a": 2})
    wanted = {
        "healthcheck_path": "/ready",
        "healthcheck_timeout": 20,
        "draining_seconds": 5,
        "overlap_seconds": 1,
        "pre_deploy_command": "npm run check",
    }
    assert shop.service("configured", check=True, **wanted)["changed"]
    assert shop.run(railway_info)["healthcheck_path"] == "/health"
    assert shop.service("configured", **wanted)["settings"] == wanted
    info = shop.run(railway_info)
    assert {name: info[name] for name in wanted} == wanted
    assert info["regions"] == {"europe-west4-drams3a": 2, "us-west2": 1}
    assert not shop.service("configured", **wanted)["changed"]
    assert shop.deployments() == []


OLD, NEW = "postgresql://shop@127.0.0.1:1/old", "postgresql://shop@127.0.0.1:1/new"


def move_the_database(shop: Shop, unit: str = "api") -> str:
    """Run v1.0.0 on the old database and v1.1.0 on the new one; return the deployment of v1.0.0."""
    shop.set_variable("DATABASE_URL", OLD, unit)
    old = shop.deploy("v1.0.0", service=unit)["deployment"]["id"]
    shop.set_variable("DATABASE_URL", NEW, unit)
    shop.deploy("v1.1.0", service=unit)
    shop.forget()
    return old


@pytest.mark.parametrize("unit", ["api", "worker"])
def test_no_process_of_a_rollback_ever_has_the_address_of_the_old_database(shop: Shop, unit: str):
    old = move_the_database(shop, unit)
    target = {"service": unit, "deployment": old, "pinned_variables": ["DATABASE_URL", "REDIS_URL", "DIRECT_URL"]}
    foretold = shop.service("rolled_back", check=True, **target)
    assert (foretold["changed"], foretold["way"], foretold["differing_variables"]) == (
        True,
        "redeploy",
        ["DATABASE_URL"],
    )
    assert shop.writes() == []

    back = shop.service("rolled_back", **target)
    assert (back["changed"], back["deployment"]["release"], back["deployment"]["status"], back["way"]) == (
        True,
        "v1.0.0",
        "success",
        "redeploy",
    )
    assert shop.starts(unit) == [
        f"started v1.0.0 with {NEW}",
        f"started v1.1.0 with {NEW}",
        f"started v1.0.0 with {OLD}",
    ]
    assert not shop.service("rolled_back", **target)["changed"]
    assert shop.writes() == ["deploymentRedeploy"]


def test_a_rollback_whose_pinned_variables_are_the_same_is_railways_own(shop: Shop):
    first = shop.release("v1.0.0")
    shop.set_variable("COLOUR", "green")
    shop.release("v1.1.0")
    back = shop.service(
        "rolled_back", deployment=first["id"], pinned_variables=["DATABASE_URL", "DIRECT_URL", "REDIS_URL"]
    )
    assert (back["way"], back["differing_variables"]) == ("rollback", [])
    assert shop.served() == {"release": "v1.0.0", "colour": None}  # what is not pinned came back


def test_a_pinned_rollback_whose_answer_is_lost_makes_one_deployment(shop: Shop):
    old = move_the_database(shop)
    shop.fault("deploymentRedeploy", "lost_answer")
    back = shop.service("rolled_back", deployment=old, pinned_variables=["DATABASE_URL"])
    assert back["deployment"]["status"] == "success", back
    assert shop.starts()[0] == f"started v1.0.0 with {NEW}"
    assert len(shop.deployments()) == 3


def test_a_pinned_rollback_that_was_killed_is_continued(shop: Shop):
    old = move_the_database(shop)
    shop.sandbox.cloud("POST", "/delays", {"railway": 0.7})
    try:
        params = shop.params(state="rolled_back", deployment=old, pinned_variables=["DATABASE_URL"], wait_interval=0.05)
        script = (
            f"from tests.unit.support import run_module\nfrom {railway_service.__name__} import main\nimport"
            f" {railway_service.__name__} as module\n"
        )
        killed = subprocess.Popen(
            [sys.executable, "-c", f"import conftest\n{script}run_module(module, {params!r})"], cwd=ROOT
        )
        while "deploymentRedeploy" not in shop.asked():
            assert killed.poll() is None
            time.sleep(0.02)
        killed.kill()
        killed.wait()
    finally:
        shop.sandbox.cloud("DELETE", "/delays")
    back = shop.service("rolled_back", deployment=old, pinned_variables=["DATABASE_URL"])
    assert (back["deployment"]["release"], back["deployment"]["status"]) == ("v1.0.0", "success")
    assert shop.writes() == ["deploymentRedeploy"]
    assert shop.starts() == [f"started v1.0.0 with {NEW}", f"started v1.1.0 with {NEW}", f"started v1.0.0 with {OLD}"]


def test_a_release_that_crashes_reports_the_end_of_its_log_and_the_old_one_serves_on(shop: Shop):
    old = shop.release("v1.0.0")
    failed = shop.deploy("v9.0.0")
    assert (failed["error"]["kind"], failed["error"]["state"]) == ("deployment_failed", "crashed")
    assert "Cannot find module 'cart'" in failed["msg"]
    assert shop.served()["release"] == "v1.0.0"
    assert not shop.service("rolled_back", deployment=old["id"])["changed"]


@pytest.mark.parametrize(("kind", "word"), [("build_fails", "exited with 1"), ("unhealthy", "Healthcheck failed")])
def test_a_release_that_fails_says_why(shop: Shop, kind: str, word: str):
    shop.release("v1.0.0")
    shop.fault("up", kind)
    failed = shop.deploy("v1.1.0")
    assert failed["error"]["kind"] == "deployment_failed"
    assert word in failed["msg"]
    assert shop.served()["release"] == "v1.0.0"
    assert shop.deploy("v1.1.0")["deployment"]["status"] == "success"


def test_an_answer_that_is_lost_makes_no_second_deployment(shop: Shop):
    first = shop.release("v1.0.0")
    shop.fault("up", "lost_answer")
    shop.release("v1.1.0")
    shop.fault("deploymentRollback", "lost_answer")
    back = shop.service("rolled_back", deployment=first["id"])
    assert not back["failed"], back
    assert shop.served()["release"] == "v1.0.0"
    assert [candidate["release"] for candidate in shop.run(railway_info)["candidates"]] == ["v1.1.0"]


@pytest.mark.parametrize("kind", ["rate_limited", "unavailable"])
def test_a_vendor_that_is_busy_is_waited_for(shop: Shop, kind: str):
    first = shop.release("v1.0.0")
    for operation in ("project", "deployments", "up", "deploymentRollback"):
        shop.fault(operation, kind, retry_after=0)
    shop.release("v1.1.0")
    assert shop.service("rolled_back", deployment=first["id"])["deployment"]["status"] == "success"
    assert [fault["operation"] for fault in shop.sandbox.cloud("GET", "/faults") if fault["times"]] == []


def test_what_was_only_started_is_awaited_by_the_next_run(shop: Shop):
    started = shop.deploy("v1.0.0", wait=False)
    assert started["deployment"]["status"] != "success"
    awaited = shop.deploy("v1.0.0")
    assert (awaited["deployment"]["id"], awaited["deployment"]["status"], awaited["changed"]) == (
        started["deployment"]["id"],
        "success",
        False,
    )
    shop.release("v1.1.0")
    issued = shop.service("rolled_back", deployment=started["deployment"]["id"], wait=False)
    awaited = shop.service("rolled_back", deployment=started["deployment"]["id"])
    assert (awaited["deployment"]["id"], awaited["deployment"]["status"], awaited["changed"]) == (
        issued["deployment"]["id"],
        "success",
        False,
    )
    assert shop.writes() == ["up", "up", "deploymentRollback"]


def test_a_deployment_that_never_ends_is_given_up_and_cancelled_by_the_rollback(shop: Shop):
    old = shop.release("v1.0.0")
    shop.fault("up", "stuck")
    given_up = shop.deploy("v1.1.0", wait_timeout=0.5)
    assert given_up["error"]["kind"] == "wait_timeout"
    shop.forget()
    back = shop.service("rolled_back", deployment=old["id"])
    assert (back["changed"], back["deployment"]["id"]) == (True, old["id"])
    assert shop.writes() == ["deploymentCancel"]
    assert shop.run(railway_info)["in_progress"] == []
    assert shop.served()["release"] == "v1.0.0"


def test_a_service_is_stopped_and_started(shop: Shop):
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

    assert shop.service("started", check=True)["changed"]
    assert shop.served() is None
    assert shop.service("started")["deployment"]["status"] == "success"
    assert shop.served()["release"] == "v1.0.0"
    assert not shop.service("started")["changed"]


def test_a_stopped_service_is_put_back(shop: Shop):
    deployed = shop.release("v1.0.0")
    shop.service("stopped")
    assert shop.service("rolled_back", deployment=deployed["id"])["changed"]
    assert shop.served()["release"] == "v1.0.0"
    assert not shop.service("rolled_back", deployment=deployed["id"])["changed"]


def test_a_new_deployment_that_cannot_be_read_at_once_is_found(shop: Shop):
    shop.sandbox.cloud("POST", "/delays", {"readable": 0.5})
    try:
        began = time.monotonic()
        assert shop.release("v1.0.0")["status"] == "success"
        assert time.monotonic() - began > 0.5
    finally:
        shop.sandbox.cloud("DELETE", "/delays")


def test_a_project_token_reaches_its_environment(shop: Shop):
    token = {"api_token": shop.state["railway"]["project_token"], "token_type": "project"}
    assert shop.deploy("v1.0.0", **token)["deployment"]["status"] == "success"
    assert shop.run(railway_info, **token)["live"]["release"] == "v1.0.0"


@pytest.mark.parametrize(
    ("wrong", "kind", "remedy"),
    [
        ({"api_token": "not-the-token"}, "api", "Check api_token, and token_type"),
        ({"token_type": "project"}, "api", "Check api_token, and token_type"),
        (
            {"project": "00000000-0000-4000-8000-000000000000"},
            "api",
            "a project or environment that the token cannot see",
        ),
        ({"service": "cart"}, "config", "Set service to one of: api"),
        ({"environment": "qa"}, "config", "Set environment to one of: production"),
        ({"ref": "v7.7.7"}, "config", "Fetch the tags"),
        ({"root_directory": "apps/nothing"}, "config", "Correct root_directory"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(shop: Shop, wrong: dict[str, Any], kind: str, remedy: str):
    refused = shop.deploy("v1.0.0", **wrong)
    assert refused["failed"]
    assert refused["error"]["kind"] == kind
    assert remedy in refused["msg"]
    assert shop.writes() == []


def test_a_deployment_that_is_not_there_is_not_rolled_back_to(shop: Shop):
    refused = shop.service("rolled_back", deployment="nothing")
    assert "Check project, environment, service and deployment" in refused["msg"]
    assert shop.writes() == []


def test_what_never_ran_is_not_rolled_back_to(shop: Shop):
    shop.release("v1.0.0")
    shop.fault("up", "unhealthy")
    shop.deploy("v1.1.0")
    failed = shop.deployments()[0]
    shop.forget()
    refused = shop.service("rolled_back", deployment=failed)
    assert "it never ran" in refused["msg"]
    assert shop.writes() == []


def test_variables_are_set_removed_and_deployed_at_once(shop: Shop):
    shop.set_variable("COLOUR", "green")
    shop.set_variable("SHAPE", "round")
    shop.release("v1.0.0")
    shop.forget()
    wanted: dict[str, Any] = {
        "variables": {"DATABASE_URL": NEW, "COLOUR": "blue"},
        "absent": ["SHAPE"],
        "deploy": True,
        "wait_interval": 0.05,
    }
    foretold = shop.run(railway_variables, check=True, **wanted)
    assert (foretold["added"], foretold["updated"], foretold["removed"]) == ([], ["COLOUR", "DATABASE_URL"], ["SHAPE"])
    assert shop.writes() == []
    made = shop.run(railway_variables, **wanted)
    assert (made["changed"], made["deployment"]["status"], made["deployment"]["release"]) == (
        True,
        "success",
        "v1.0.0",
    ), made
    assert NEW not in str(made)
    assert shop.served() == {"release": "v1.0.0", "colour": "blue"}
    assert shop.starts()[0] == f"started v1.0.0 with {NEW}"
    assert shop.writes() == [
        "variableCollectionUpsert",
        "environmentStageChanges",
        "environmentPatchCommitStaged",
        "deploymentRedeploy",
    ]
    assert {info["name"] for info in made["variables"]} == {
        info["name"] for info in shop.run(railway_info)["variables"]
    }
    assert made["variables"] == shop.run(railway_info)["variables"]
    again = shop.run(railway_variables, **wanted)
    assert (again["changed"], again["deployment"]) == (False, None)
    assert len(shop.deployments()) == 2


def test_a_change_of_variables_whose_answers_are_lost_is_made_once(shop: Shop):
    shop.set_variable("SHAPE", "round")
    shop.release("v1.0.0")
    for operation in ("variableCollectionUpsert", "environmentPatchCommitStaged", "deploymentRedeploy"):
        shop.fault(operation, "lost_answer")
    wanted: dict[str, Any] = {
        "variables": {"COLOUR": "blue"},
        "absent": ["SHAPE"],
        "deploy": True,
        "wait_interval": 0.05,
    }
    assert shop.run(railway_variables, **wanted)["deployment"]["status"] == "success"
    assert shop.served()["colour"] == "blue"
    assert len(shop.deployments()) == 2


def test_info_reads_logs_and_counts_errors(shop: Shop):
    shop.release("v1.0.0")
    failed = shop.deploy("v9.0.0")
    assert failed["failed"]
    info = shop.run(railway_info, logs=["build", "runtime"], log_filter="cart", http_minutes=5)
    assert [line["message"] for line in info["logs"]["runtime"]] == ["Cannot find module 'cart'"]
    assert info["logs"]["build"] == []
    live = shop.run(railway_info, logs=["runtime"], log_deployment=info["live"]["id"], log_lines=1)
    assert live["logs"]["runtime"][0]["message"].startswith("started v1.0.0")
    before = info["http"]["requests"]
    assert shop.served()["release"] == "v1.0.0"
    shop.service("stopped")
    assert shop.served() is None
    now = shop.run(railway_info, http_minutes=5)["http"]
    assert (now["requests"], now["errors_5xx"], now["by_status"]["502"]) == (before + 2, 1, 1)


def test_a_push_deploys_a_connected_service_and_is_adopted(shop: Shop):
    shop.connect()
    pushed = shop.sandbox.cloud(
        "POST", f"/storefronts/{NAME}/push", {"ref": "v1.1.0", "repository": str(shop.repository)}
    )
    adopted = shop.service("deployed", source="adopt", commit=pushed["commit"], release="v1.1.0")
    assert ([adopted["deployment"]["id"]], adopted["deployment"]["status"], adopted["changed"]) == (
        pushed["made"]["railway"],
        "success",
        False,
    )
    assert shop.served()["release"] == "v1.1.0"
    shop.service("configured", auto_deploy=False)
    assert (
        shop.sandbox.cloud("POST", f"/storefronts/{NAME}/push", {"ref": "v1.0.0", "repository": str(shop.repository)})[
            "made"
        ]["railway"]
        == []
    )
    assert shop.served()["release"] == "v1.1.0"


def test_what_railwayignore_names_is_not_uploaded(shop: Shop, tmp_path: Path):
    (tmp_path / "server.js").write_text(SERVER)
    (tmp_path / "package.json").write_text('{"version": "1.0.0", "scripts": {"start": "node server.js"}}')
    (tmp_path / "lib.js").write_text("")
    folder = {"path": str(tmp_path), "release": "v1.0.0"}
    assert shop.service("deployed", **folder)["changed"]
    (tmp_path / ".railwayignore").write_text("/lib.js\n.railwayignore\n/notes\n")
    (tmp_path / "notes").write_text("for nobody")
    assert shop.service("deployed", **folder)["changed"]  # lib.js is gone
    (tmp_path / "notes").write_text("still for nobody")
    assert not shop.service("deployed", **folder)["changed"]


def test_a_token_of_a_project_says_which_project_and_environment_it_is_for(shop: Shop):
    at = shop.state["railway"]
    given = {
        **{"api_token": at["project_token"], "api_url": shop.sandbox.state["cloud"]["railway_url"]},
        **{"token_type": "project", "timeout": 10.0, "project": "", "environment": "", "service": ""},
    }
    client = railway.connect(given)
    try:
        scope = client.ask(documents.PROJECT_TOKEN)
    finally:
        client.close()
    assert (scope["projectId"], scope["environmentId"]) == (at["project"], at["environment"])
