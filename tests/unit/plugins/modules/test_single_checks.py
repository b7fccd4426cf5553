# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that ask a few checks, in process: they give the answers of the checklist."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import docs_check, environment_check, rollback_check

from sandbox import repository
from tests.unit.support import run_module


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "shop"
    repository.build(folder)
    return folder


def commit(shop: Path, tag: str) -> str:
    from ansible_collections.storefront.runbook.plugins.module_utils.source.checkout import resolve

    return resolve(shop, tag)


def outcomes(module: ModuleType, **params: Any) -> dict[str, str]:
    return {one["id"]: one["outcome"] for one in run_module(module, params)["answers"]}


def test_the_example_shop_is_documented(shop: Path) -> None:
    release = {
        "path": str(shop),
        "release": "v1.1.0",
        "commit": commit(shop, "v1.1.0"),
        "live_commit": commit(shop, "v1.0.0"),
    }
    assert outcomes(docs_check, **release) == {"C9": "passed", "C10": "passed", "C11": "not_configured"}
    result = run_module(docs_check, {**release, "notes": "docs/{release}.md"})
    assert (result["failed"], result["verdict"]) == (True, "no_go")


def test_the_example_shop_names_its_variables(shop: Path) -> None:
    needed = [{"name": name} for name in ("DATABASE_URL", "REDIS_URL", "JWT_SECRET")]
    units = [{"name": "api", "root_directory": "apps/backend", "variables": needed}]
    release = {"path": str(shop), "release": "v1.1.0", "commit": commit(shop, "v1.1.0")}
    assert outcomes(environment_check, **release, units=units) == {"C4": "passed"}
    result = run_module(environment_check, {**release, "units": [{**units[0], "variables": needed[:1]}]})
    assert "api lacks REDIS_URL, JWT_SECRET, which apps/backend/.env.example names" in result["msg"]


def test_a_rollback_is_judged_alone() -> None:
    unit = {"name": "api", "live": "v1.0.0", "possible": True}
    assert outcomes(rollback_check, units=[unit]) == {"C7": "passed"}
    assert (
        run_module(rollback_check, {"units": [{**unit, "possible": False, "why_not": "no image"}]})["verdict"]
        == "no_go"
    )
