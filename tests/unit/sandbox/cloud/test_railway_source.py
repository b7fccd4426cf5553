# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Railway's double: repositories that deploy by themselves, commits, what a deployment was made with,
regions, patches and metrics.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from sandbox.cloud.builds import Blobs
from sandbox.cloud.state import Service, Storefront, UnitDeployment
from sandbox.cloud.vendors.railway.jobs import RailwayJobs
from sandbox.cloud.vendors.railway.source import RailwaySource
from tests.unit.sandbox.cloud.double import Shop, backend, until


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the tags v1.0.0 and v1.1.0 of a backend in apps/backend."""
    _git(tmp_path, "init", "--quiet")
    for release in ("v1.0.0", "v1.1.0"):
        for name, content in backend(release).items():
            (tmp_path / "apps" / "backend" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "apps" / "backend" / name).write_bytes(content)
        _git(tmp_path, "add", ".")
        _git(tmp_path, "commit", "--quiet", "--message", f"Release {release}")
        _git(tmp_path, "tag", release)
    return tmp_path


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@t.test", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def connect(shop: Shop, repository: Path, **more: Any) -> dict[str, Any]:
    wanted = {"service": "api", "repository": str(repository), "root_directory": "apps/backend", **more}
    return shop.double.tell("POST", f"/storefronts/{shop.name}/railway/connect", wanted)


def place(shop: Shop, unit: str = "api") -> dict[str, str]:
    return {"environmentId": shop.made["railway"]["environment"], "serviceId": shop.services[unit]}


def auto_deploy(shop: Shop) -> Any:
    query = """query($p: String!, $e: String!, $s: String!) {
      serviceInstanceAutoDeployStatus(projectId: $p, environmentId: $e, serviceId: $s) { enabled canEnable reason } }"""
    asked = shop.graphql(
        query, p=shop.made["railway"]["project"], e=place(shop)["environmentId"], s=place(shop)["serviceId"]
    )
    return asked["data"]["serviceInstanceAutoDeployStatus"]


def configured(shop: Shop) -> Any:
    query = "query($id: String!) { environment(id: $id) { config(decryptVariables: false) } }"
    return shop.graphql(query, id=shop.made["railway"]["environment"])["data"]["environment"]["config"]["services"][
        shop.services["api"]
    ]


def commit_patch(shop: Shop, **service: Any) -> None:
    mutation = "mutation($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }"
    answer = shop.graphql(
        mutation, e=shop.made["railway"]["environment"], p={"services": {shop.services["api"]: service}}
    )
    assert answer["data"]["environmentPatchCommit"]


def test_a_connected_service_reports_its_repository_and_that_pushes_deploy(shop: Shop, repository: Path) -> None:
    assert auto_deploy(shop) == {
        "enabled": False,
        "canEnable": False,
        "reason": "Service is not connected to a repository",
    }
    assert connect(shop, repository) == {"repo": "example/shop", "branch": "main", "auto_deploy": True}
    assert auto_deploy(shop) == {"enabled": True, "canEnable": True, "reason": None}
    assert configured(shop)["source"] == {"repo": "example/shop", "branch": "main", "rootDirectory": "apps/backend"}


def test_a_commit_is_deployed_from_below_the_root_directory(shop: Shop, repository: Path) -> None:
    connect(shop, repository)
    sha = _git(repository, "rev-parse", "v1.0.0")
    key = shop.mutate("serviceInstanceDeployV2", **place(shop), commitSha=sha)["data"]["serviceInstanceDeployV2"]
    until(lambda: shop.deployment(key)["status"] == "SUCCESS")
    assert shop.api().json() == {"release": "v1.0.0"}
    meta = shop.deployment(key)["meta"]
    assert (meta["commitHash"], meta["commitMessage"], meta["branch"], meta["repo"]) == (
        sha,
        "Release v1.0.0",
        "main",
        "example/shop",
    )


@pytest.mark.parametrize(
    ("sha", "said"), [("0" * 40, "Commit not found in example/shop"), ("v1.0.0", "root directory: apps/nothing")]
)
def test_a_commit_that_is_not_there_is_refused(shop: Shop, repository: Path, sha: str, said: str) -> None:
    connect(shop, repository, root_directory="apps/nothing")
    assert said in shop.mutate("serviceInstanceDeployV2", **place(shop), commitSha=sha)["errors"][0]["message"]


def test_a_connection_names_what_is_missing_or_unknown(shop: Shop, repository: Path) -> None:
    for wrong, said in (
        ({"repository": "/x"}, "service is missing"),
        ({"service": "cart", "repository": "/x"}, "use one of api, worker"),
    ):
        with pytest.raises(httpx.HTTPStatusError, match="400") as refused:
            shop.double.tell("POST", f"/storefronts/{shop.name}/railway/connect", wrong)
        assert said in refused.value.response.json()["error"]


def test_a_deployment_reports_the_variables_that_it_was_made_with(shop: Shop) -> None:
    shop.set_variables({"COLOUR": "blue"})
    key = shop.deploy("v1.0.0")
    shop.set_variables({"COLOUR": "red"}, skipDeploys=True)
    query = "query($id: String!) { deploymentSnapshot(deploymentId: $id) { variables } }"
    assert shop.graphql(query, id=key)["data"]["deploymentSnapshot"]["variables"]["COLOUR"] == "blue"


def test_a_redeploy_keeps_the_image_and_takes_the_variables_of_today(shop: Shop) -> None:
    shop.set_variables({"COLOUR": "blue"})
    first = shop.deploy("v1.0.0")
    shop.set_variables({"COLOUR": "red"}, skipDeploys=True)
    shop.deploy("v1.1.0")
    redeploy = "mutation($id: String!) { deploymentRedeploy(id: $id, usePreviousImageTag: true) { id meta } }"
    again = shop.graphql(redeploy, id=first)["data"]["deploymentRedeploy"]
    assert again["meta"]["imageDigest"] == shop.deployment(first)["meta"]["imageDigest"]
    until(lambda: shop.deployment(again["id"])["status"] == "SUCCESS")
    assert shop.api().json() == {"release": "v1.0.0"}
    assert shop.api("/variable?name=COLOUR").json() == {"value": "red"}


def test_a_patch_scales_one_region_keeps_the_others_and_deploys_once(shop: Shop) -> None:
    first = shop.deploy("v1.0.0")
    commit_patch(shop, deploy={"multiRegionConfig": {"europe-west4-drams3a": {"numReplicas": 2}}})
    assert configured(shop)["deploy"]["multiRegionConfig"] == {
        "us-west2": {"numReplicas": 1},
        "europe-west4-drams3a": {"numReplicas": 2},
    }
    commit_patch(shop, deploy={"multiRegionConfig": {"us-west2": None}})
    assert configured(shop)["deploy"]["multiRegionConfig"] == {"europe-west4-drams3a": {"numReplicas": 2}}
    commit_patch(shop, deploy={"multiRegionConfig": {"europe-west4-drams3a": {"numReplicas": 2}}})
    assert len(shop.deployments()) == 3
    assert shop.deployments()[-1]["id"] == first


def test_an_update_that_names_no_regions_puts_the_service_back_to_one_replica(shop: Shop) -> None:
    commit_patch(shop, deploy={"multiRegionConfig": {"europe-west4-drams3a": {"numReplicas": 2}}})
    update = (
        "mutation($id: String!, $input: ServiceInstanceUpdateInput!) { serviceInstanceUpdate(serviceId: $id, input:"
        " $input) }"
    )
    shop.graphql(update, id=shop.services["api"], input={"drainingSeconds": 30})
    assert configured(shop)["deploy"]["multiRegionConfig"] == {"us-west2": {"numReplicas": 1}}


def test_the_configuration_shows_no_value_of_a_variable(shop: Shop) -> None:
    shop.set_variables({"COLOUR": "blue"})
    assert configured(shop)["variables"]["COLOUR"] == {"value": "encrypted"}


def test_the_metrics_count_the_answers_by_status(shop: Shop) -> None:
    shop.deploy("v1.0.0")
    for path in ("/", "/", "/health"):
        shop.double.public.get(f"{shop.made['backend_origin_url']}{path}")
    query = """query($e: String!, $s: String!, $from: DateTime!, $to: DateTime!) {
      httpMetricsGroupedByStatus(environmentId: $e, serviceId: $s, startDate: $from, endDate: $to) { statusCode samples { value } } }"""  # noqa: E501
    spans = (
        {"from": "2020-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z"},
        {"from": "2020-01-01T00:00:00Z", "to": "2021-01-01T00:00:00Z"},
    )
    all_time, long_ago = (
        shop.graphql(query, e=place(shop)["environmentId"], s=place(shop)["serviceId"], token=None, **span)["data"][
            "httpMetricsGroupedByStatus"
        ]
        for span in spans
    )
    assert [(entry["statusCode"], sum(sample["value"] for sample in entry["samples"])) for entry in all_time] == [
        (200, 3)
    ]
    assert long_ago == []


class Jobs:
    """Notes what is deployed, in place of building it."""

    def __init__(self, folder: Path) -> None:
        self.context = SimpleNamespace(blobs=Blobs(folder), save=lambda: None)
        self.made: list[dict[str, Any]] = []

    def deploy(self, front: Storefront, service: Service, files: dict[str, str], **more: Any) -> UnitDeployment:
        self.made.append({"service": service.name, "files": sorted(files), **more})
        return UnitDeployment(f"deployment-{len(self.made)}", 0, files, {})


def test_a_push_deploys_the_services_that_deploy_automatically(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    jobs = Jobs(tmp_path_factory.mktemp("blobs"))
    services = {name: Service(name, name, 0, {}, {}) for name in ("api", "worker", "cron")}
    front: Any = SimpleNamespace(services=services, service=services.__getitem__)
    source = RailwaySource(cast(RailwayJobs, jobs))
    source.connect_service(front, {"service": "api", "repository": str(repository), "root_directory": "apps/backend"})
    source.connect_service(front, {"service": "worker", "repository": str(repository), "auto_deploy": False})
    sha = _git(repository, "rev-parse", "v1.1.0")
    assert source.push(front, sha, str(repository)) == ["deployment-1"]
    (made,) = jobs.made
    assert (made["service"], made["files"], made["meta"]["commitHash"]) == ("api", ["package.json", "server.mjs"], sha)


def test_a_pre_deploy_command_runs_in_the_new_image_and_its_failure_leaves_the_old_one_serving(shop: Shop) -> None:
    update = (
        "mutation($id: String!, $input: ServiceInstanceUpdateInput!) { serviceInstanceUpdate(serviceId: $id, input:"
        " $input) }"
    )
    shop.set_variables({"COLOUR": "blue"})
    shop.graphql(
        update,
        id=shop.services["api"],
        input={"preDeployCommand": ['grep -o \'"version": "[^"]*"\' package.json', "node -p process.env.COLOUR"]},
    )
    first = shop.deploy("v1.0.0")
    said = "query($id: String!) { buildLogs(deploymentId: $id) { message } }"
    assert [line["message"] for line in shop.graphql(said, id=first)["data"]["buildLogs"]][-2:] == [
        '"version": "1.0.0"',
        "blue",
    ]
    shop.graphql(update, id=shop.services["api"], input={"preDeployCommand": ["echo cannot migrate; exit 1"]})
    failed = shop.deploy("v1.1.0", wait="FAILED")
    assert shop.graphql(said, id=failed)["data"]["buildLogs"][-2]["message"] == "cannot migrate"
    assert shop.api().json() == {"release": "v1.0.0"}
