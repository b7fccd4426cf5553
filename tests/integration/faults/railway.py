# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Railway's modules on the way to each of their goals, with a worker: nothing has to be asked whether it is healthy."""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible_collections.storefront.runbook.plugins.modules import railway_service, railway_variables

from tests.integration.faults.bench import Bench, done
from tests.integration.faults.hurry import TURN
from tests.integration.faults.table import ROTATED, Case

OLD, NEW = "postgresql://shop@127.0.0.1:1/old", "postgresql://shop@127.0.0.1:1/new"


def service(bench: Bench, *, wait_timeout: float = 30, **params: Any) -> dict[str, Any]:
    if params["state"] == "deployed" and "source" not in params:
        params["path"] = f"{bench.repository}-{params['release']}"
    if params["state"] == "rolled_back":
        params["deployment"] = bench.deployment(params.pop("release"))
    return _run(bench, railway_service, {"wait_timeout": wait_timeout, **params})


def env(bench: Bench, **params: Any) -> dict[str, Any]:
    return _run(bench, railway_variables, params)


def _run(bench: Bench, module: Any, params: dict[str, Any]) -> dict[str, Any]:
    ids = bench.state["railway"]
    place = {"project": ids["project"], "environment": ids["environment"], "service": ids["services"]["worker"]}
    return bench.run(module, "railway", {**place, "wait_interval": TURN, **params})


def live(bench: Bench, *releases: str) -> None:
    """Deploy releases one after the other, without a health check."""
    done(service(bench, state="configured", healthcheck_path=""))
    for release in releases:
        done(service(bench, state="deployed", release=release))


def one_live(bench: Bench) -> None:
    live(bench, "v1.0.0")


def two_live(bench: Bench) -> None:
    live(bench, "v1.0.0", "v1.1.0")


def connected(bench: Bench) -> None:
    one_live(bench)
    wanted = {"service": "worker", "repository": bench.repository, "branch": "main", "root_directory": "apps/backend"}
    bench.tell("POST", f"/storefronts/{bench.name}/railway/connect", wanted)


def moved(bench: Bench) -> None:
    """Deploy a release with another database than the one after it."""
    done(env(bench, variables={"DATABASE_URL": OLD}))
    one_live(bench)
    done(env(bench, variables={"DATABASE_URL": NEW}))
    done(service(bench, state="deployed", release="v1.1.0"))


def one_begun(bench: Bench) -> None:
    one_live(bench)
    bench.fault("railway", "up", "stuck", times=-1)
    done(service(bench, state="deployed", release="v1.2.0", wait=False))


def stopped(bench: Bench) -> None:
    one_live(bench)
    done(service(bench, state="stopped"))


def variables(bench: Bench) -> None:
    done(env(bench, variables={"COLOUR": "green", "GONE": "1", "STAYS": "as it is"}))
    one_live(bench)


def commit(bench: Bench, **how: Any) -> dict[str, Any]:
    return service(bench, state="deployed", source="commit", commit=bench.commits["v1.1.0"], release="v1.1.0", **how)


def image(bench: Bench, **how: Any) -> dict[str, Any]:
    """Deploy what v1.0.0 was built to, by its digest."""
    kept = bench.kept()
    digest = next(
        one["image"]
        for unit in kept["services"].values()
        for key, one in unit["deployments"].items()
        if key == bench.deployment("v1.0.0")
    )
    return service(bench, state="deployed", source="image", image=f"ghcr.io/example/api:v1.0.0@sha256:{digest}", **how)


UP, DEPLOY, UPDATE = "up", "serviceInstanceDeployV2", "serviceInstanceUpdate"
STAGE, COMMIT = "environmentStageChanges", "environmentPatchCommitStaged"
SERVICE, ENV = partial(Case, "railway_service"), partial(Case, "railway_variables")
CASES = [
    SERVICE("deployed", "railway", (UP,), one_live, partial(service, state="deployed", release="v1.1.0")),
    SERVICE(
        "deployed over another",
        "railway",
        ("deploymentCancel", UP),
        one_begun,
        partial(service, state="deployed", release="v1.1.0"),
        rows=("deploymentCancel",),
    ),
    SERVICE("deployed from a commit", "railway", (DEPLOY,), connected, commit),
    SERVICE("deployed from an image", "railway", (UPDATE, DEPLOY), two_live, image),
    SERVICE(
        "rolled back",
        "railway",
        ("deploymentRollback",),
        two_live,
        partial(service, state="rolled_back", release="v1.0.0"),
    ),
    SERVICE(
        *("rolled back with a pinned variable", "railway", ("deploymentRedeploy",), moved),
        partial(service, state="rolled_back", release="v1.0.0", pinned_variables=["DATABASE_URL"]),
    ),
    SERVICE("stopped", "railway", ("deploymentStop",), one_live, partial(service, state="stopped")),
    SERVICE("removed", "railway", ("deploymentRemove",), one_live, partial(service, state="removed")),
    SERVICE("started", "railway", ("deploymentRestart",), stopped, partial(service, state="started")),
    SERVICE(
        "restarted", "railway", ("deploymentRestart",), one_live, partial(service, state="restarted"), repeats=True
    ),
    SERVICE(
        "scaled",
        "railway",
        ("environmentPatchCommit",),
        one_live,
        partial(service, state="scaled", regions={"europe-west4-drams3a": 2}),
    ),
    SERVICE(
        *("configured", "railway", ("serviceInstanceAutoDeployUpdate", UPDATE), connected),
        partial(service, state="configured", auto_deploy=False, pre_deploy_command="true"),
    ),
    ENV(
        *(
            "set, removed and deployed",
            "railway",
            ("variableCollectionUpsert", STAGE, COMMIT, "deploymentRedeploy"),
            variables,
        ),
        partial(env, variables={"COLOUR": "blue", "NEW": "1"}, absent=["GONE"], deploy=True),
    ),
    ENV(
        *("rotated and deployed", "railway", ("variableCollectionUpsert", "deploymentRedeploy"), variables),
        partial(env, rotate=ROTATED, deploy=True),
        keeps="green",
        rows=("variableCollectionUpsert",),
    ),
]
