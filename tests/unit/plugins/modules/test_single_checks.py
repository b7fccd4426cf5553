# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that ask a few checks, in process: they give the answers of the checklist."""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible_collections.storefront.runbook.plugins.modules import docs_check, environment_check, rollback_check

from conftest import ROOT
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


RETURN = re.compile(r'RETURN = r"""\n.*?\n"""\n', re.DOTALL)
MODULES = sorted((ROOT / "plugins" / "modules").glob("*.py"))
CHECKING = [path for path in MODULES if "- storefront.runbook.checks\n" in path.read_text()]
ONE = [path for path in CHECKING if path.stem != "preflight_checks"]
GENERAL = {"headers", "timeout", "allow_plain_http"}


@pytest.mark.parametrize("path", ONE, ids=[path.stem for path in ONE])
def test_every_module_that_asks_checks_describes_the_same_result(path: Path) -> None:
    """UPDATE_DOCS=1 copies the description from preflight_checks."""
    shared = RETURN.search((ROOT / "plugins" / "modules" / "preflight_checks.py").read_text())
    assert shared is not None
    text = path.read_text()
    if os.environ.get("UPDATE_DOCS"):
        path.write_text(RETURN.sub(lambda found: shared[0], text))
    assert RETURN.findall(path.read_text()) == [shared[0]]


@pytest.mark.parametrize("path", ONE, ids=[path.stem for path in ONE])
def test_a_module_takes_every_option_of_its_checks_as_documented(path: Path) -> None:
    module = import_module(f"ansible_collections.storefront.runbook.plugins.modules.{path.stem}")
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    for check in module.MINE:
        assert check.options.keys() <= module.argument_spec().keys()
        assert check.options.keys() - GENERAL <= documented.keys()
