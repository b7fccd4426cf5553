# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vercel's modules on the way to each of their goals."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from ansible_collections.storefront.runbook.plugins.modules import vercel_deploy, vercel_env

from tests.integration.faults.bench import Bench, done
from tests.integration.faults.hurry import TURN
from tests.integration.faults.table import ROTATED, Case

OUTPUT = {"config.json": '{"version": 3}', "static/index.html": "<p>Welcome</p>"}


def output(bench: Bench) -> Path:
    """Return a folder with the output of a build: nothing is built of it, and it is the same each time."""
    folder = Path(bench.repository).parent / f"{bench.name}-site" / ".vercel" / "output"
    for name, text in OUTPUT.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def deploy(bench: Bench, **params: Any) -> dict[str, Any]:
    source = params.get("source")
    if source == "commit":
        params["commit"] = bench.commits[params["release"]]
    elif source == "redeploy":
        params["deployment"] = bench.kept()["site"]["live"]
    elif params["state"] == "staged" and source is None:
        params |= {"path": str(output(bench).parents[1]), "prebuilt": True}
    elif "deployment" not in params:
        params["deployment"] = bench.deployment(params["release"])
    return _run(bench, vercel_deploy, {"wait_interval": TURN, **params})


def env(bench: Bench, wait_timeout: float = 0, **params: Any) -> dict[str, Any]:
    return _run(bench, vercel_env, {"digest_key": "pepper", **params})


def _run(bench: Bench, module: Any, params: dict[str, Any]) -> dict[str, Any]:
    vercel = bench.state["vercel"]
    return bench.run(module, "vercel", {"team": vercel["team"], "project": vercel["project"], **params})


def released(bench: Bench, *releases: str, assigns: bool = False) -> None:
    """Serve releases one after the other; at last Vercel serves each build automatically, or does not."""
    for release in releases:
        done(deploy(bench, state="staged", release=release))
        done(deploy(bench, state="promoted", release=release, auto_assign_domains=assigns))


def one_released(bench: Bench) -> None:
    released(bench, "v1.0.0", assigns=True)


def one_staged(bench: Bench) -> None:
    released(bench, "v1.0.0")
    done(deploy(bench, state="staged", release="v1.1.0"))


def two_released(bench: Bench) -> None:
    released(bench, "v1.0.0", "v1.1.0")


def linked(bench: Bench) -> None:
    """Link the project to Git; what is built there is not served automatically."""
    two_released(bench)
    bench.tell("POST", f"/storefronts/{bench.name}/git", {"repository": bench.repository})


def one_begun(bench: Bench) -> None:
    bench.fault("vercel", "create", "stuck", times=-1)
    done(deploy(bench, state="staged", release="v1.1.0", wait=False))


def a_new_file(bench: Bench) -> None:
    (output(bench) / "static" / "new.txt").write_text(uuid4().hex)


def without_it(bench: Bench) -> None:
    (output(bench) / "static" / "new.txt").unlink(missing_ok=True)


def variables(bench: Bench) -> None:
    done(env(bench, variables={"COLOUR": "green", "GONE": "1", "STAYS": "as it is"}))
    done(env(bench, variables={"WIDE": "for both"}, environments=["production", "preview"]))


STAGES = partial(deploy, state="staged", release="v1.1.0")
PROMOTES = partial(deploy, state="promoted", release="v1.1.0")
CASES = [
    Case("vercel_deploy", "staged", "vercel", ("update_project", "create"), one_released, STAGES, prepare=without_it),
    Case(
        "vercel_deploy",
        "staged with a new file",
        "vercel",
        ("create", "upload"),
        two_released,
        partial(STAGES, release="v1.2.0"),
        prepare=a_new_file,
        rows=("upload",),
    ),
    Case(
        "vercel_deploy",
        "staged from a commit",
        "vercel",
        ("create",),
        linked,
        partial(STAGES, release="v1.2.0", source="commit"),
    ),
    Case(
        "vercel_deploy",
        "staged by building another again",
        "vercel",
        ("create",),
        two_released,
        partial(STAGES, source="redeploy"),
    ),
    Case(
        *("vercel_deploy", "promoted", "vercel", ("promote", "update_project"), one_staged, PROMOTES),
        advised=("auto_assign_domains=false", partial(PROMOTES, auto_assign_domains=False)),
    ),
    Case(
        "vercel_deploy",
        "rolled back",
        "vercel",
        ("rollback",),
        two_released,
        partial(deploy, state="rolled_back", release="v1.0.0"),
    ),
    Case(
        "vercel_deploy",
        "canceled",
        "vercel",
        ("cancel",),
        one_begun,
        partial(deploy, state="canceled", release="v1.1.0"),
    ),
    Case(
        *("vercel_env", "set and removed", "vercel", ("upsert_env", "update_env", "delete_env"), variables),
        partial(env, variables={"COLOUR": "blue", "NEW": "1"}, absent=["GONE"]),
    ),
    Case(
        *("vercel_env", "set for one of two environments", "vercel", ("update_env", "upsert_env"), variables),
        partial(env, variables={"WIDE": "for production"}),
    ),
    Case(
        *("vercel_env", "rotated", "vercel", ("upsert_env", "update_env"), variables),
        partial(env, rotate=ROTATED),
        keeps="green",
        rows=("update_env",),
    ),
]
