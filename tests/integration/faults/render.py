# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render's modules on the way to each of their goals, with a worker: nothing has to be asked whether it is healthy."""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible_collections.storefront.runbook.plugins.modules import render_env, render_service

from tests.integration.faults.bench import Bench, done
from tests.integration.faults.hurry import TURN
from tests.integration.faults.table import ROTATED, Case


def service(bench: Bench, *, wait_timeout: float = 30, **params: Any) -> dict[str, Any]:
    if params["state"] == "deployed":
        params["commit"] = bench.commits[params["release"]]
    if params["state"] == "rolled_back":
        params["deployment"] = bench.deployment(params.pop("release"))
    return _run(bench, render_service, {"wait_timeout": wait_timeout, **params})


def env(bench: Bench, **params: Any) -> dict[str, Any]:
    return _run(bench, render_env, params)


def _run(bench: Bench, module: Any, params: dict[str, Any]) -> dict[str, Any]:
    return bench.run(
        module, "render", {"service": bench.state["render"]["services"]["worker"], "wait_interval": TURN, **params}
    )


def one_live(bench: Bench) -> None:
    done(service(bench, state="deployed", release="v1.0.0"))


def two_live(bench: Bench) -> None:
    one_live(bench)
    done(service(bench, state="deployed", release="v1.1.0"))


def pushed(bench: Bench) -> None:
    two_live(bench)
    done(service(bench, state="configured", auto_deploy=True))


def one_begun(bench: Bench) -> None:
    one_live(bench)
    bench.fault("render", "create", "stuck", times=-1)
    done(service(bench, state="deployed", release="v1.2.0", wait=False))


def stopped(bench: Bench) -> None:
    one_live(bench)
    done(service(bench, state="stopped"))


def variables(bench: Bench) -> None:
    done(env(bench, variables={"COLOUR": "green", "GONE": "1", "STAYS": "as it is"}))
    one_live(bench)


def set_and_redeployed(bench: Bench, **how: Any) -> dict[str, Any]:
    done(env(bench, variables={"COLOUR": "blue"}, absent=["GONE"]))
    return service(bench, state="redeployed", **how)


def rotated_and_redeployed(bench: Bench, **how: Any) -> dict[str, Any]:
    done(env(bench, rotate=ROTATED))
    return service(bench, state="redeployed", **how)


SERVICE, ENV = partial(Case, "render_service"), partial(Case, "render_env")
CASES = [
    SERVICE("deployed", "render", ("create",), one_live, partial(service, state="deployed", release="v1.1.0")),
    SERVICE(
        "deployed over another",
        "render",
        ("cancel", "create"),
        one_begun,
        partial(service, state="deployed", release="v1.1.0"),
        rows=("cancel",),
    ),
    SERVICE(
        "redeployed", "render", ("create",), one_live, partial(service, state="redeployed"), repeats=True, twice=True
    ),
    SERVICE("rolled back", "render", ("rollback",), two_live, partial(service, state="rolled_back", release="v1.0.0")),
    SERVICE(
        "rolled back where pushes deploy",
        "render",
        ("update", "rollback"),
        pushed,
        partial(service, state="rolled_back", release="v1.0.0"),
        rows=("update",),
    ),
    SERVICE("stopped", "render", ("suspend",), one_live, partial(service, state="stopped")),
    SERVICE("started", "render", ("resume",), stopped, partial(service, state="started")),
    SERVICE("restarted", "render", ("restart",), one_live, partial(service, state="restarted"), repeats=True),
    SERVICE("scaled", "render", ("scale",), one_live, partial(service, state="scaled", replicas=2)),
    SERVICE("configured", "render", ("update",), one_live, partial(service, state="configured", auto_deploy=True)),
    ENV(
        *("set, removed and deployed", "render", ("upsert_env", "delete_env", "create"), variables),
        partial(env, variables={"COLOUR": "blue"}, absent=["GONE"], deploy=True),
        advised=("state=redeployed", set_and_redeployed),
    ),
    ENV(
        *("rotated and deployed", "render", ("upsert_env", "create"), variables),
        partial(env, rotate=ROTATED, deploy=True),
        keeps="green",
        rows=("upsert_env",),
        advised=("state=redeployed", rotated_and_redeployed),
    ),
]
