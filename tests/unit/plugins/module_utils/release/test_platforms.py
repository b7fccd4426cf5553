# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which module does the backend's work at which platform, and which options it gets."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.platforms import (
    PLATFORMS,
    module_for,
    modules_for,
)

from conftest import ROOT

DEPLOYED = {
    "state": "deployed",
    "source": "upload",
    "path": "/srv/shop",
    "ref": "v1",
    "root_directory": "apps/api",
    "auto_deploy": False,
}


def asked(action: str, platform: str, **options: Any) -> tuple[str, dict[str, Any]]:
    return module_for(action, {"platform": platform, "service": "api", **options})


def test_railway_is_sent_the_files_of_an_upload() -> None:
    left_out = {"auto_deploy"}
    kept = {name: value for name, value in DEPLOYED.items() if name not in left_out}
    assert asked("backend_service", "railway", **DEPLOYED) == ("railway_service", {"service": "api", **kept})


@pytest.mark.parametrize("source", ["commit", "adopt", "image"])
def test_railway_needs_no_repository_for_what_it_builds_itself(source: str) -> None:
    _module, options = asked("backend_service", "railway", **{**DEPLOYED, "source": source})
    assert "path" not in options
    assert asked("backend_info", "railway", path="/srv/shop") == ("railway_info", {"service": "api"})


def test_railway_changes_what_a_push_deploys_in_a_task_of_its_own() -> None:
    options = {"service": "api", "state": "configured", "auto_deploy": False}
    assert asked("backend_service", "railway", state="configured", auto_deploy=False) == ("railway_service", options)


def test_railway_itself_knows_the_variables_of_a_deployment() -> None:
    _module, options = asked(
        "backend_service",
        "railway",
        state="rolled_back",
        deployment="dep-1",
        known_variables=[{"name": "A", "digest": "1"}],
    )
    assert options == {"service": "api", "state": "rolled_back", "deployment": "dep-1"}


def test_render_builds_the_commit_of_an_upload_and_knows_the_root_directory() -> None:
    kept = {name: value for name, value in DEPLOYED.items() if name != "root_directory"}
    assert asked("backend_service", "render", **DEPLOYED) == (
        "render_service",
        {"service": "api", **kept, "source": "commit"},
    )


@pytest.mark.parametrize("source", ["commit", "adopt", "image"])
def test_render_takes_every_other_source_as_it_is(source: str) -> None:
    assert asked("backend_service", "render", source=source)[1]["source"] == source


def test_render_names_its_module_of_variables_otherwise() -> None:
    assert asked("backend_variables", "render", deploy=True) == ("render_env", {"service": "api", "deploy": True})


@pytest.mark.parametrize("platform", ["heroku", "", None])
def test_an_unknown_platform_is_refused_with_those_that_there_are(platform: Any) -> None:
    with pytest.raises(ValueError, match="Set backend_platform to one of railway, render"):
        module_for("backend_service", {"platform": platform})
    with pytest.raises(ValueError, match="does not support the platform None"):
        module_for("backend_service", {})


def test_every_platform_does_all_of_the_work_with_modules_that_there_are() -> None:
    assert {frozenset(platform.modules) for platform in PLATFORMS.values()} == {
        frozenset({"backend_service", "backend_info", "backend_variables"})
    }
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}
    assert {module for platform in PLATFORMS.values() for module in platform.modules.values()} <= modules


def test_what_may_do_an_action_is_known_before_its_platform_is() -> None:
    assert modules_for("backend_variables") == ["railway_variables", "render_env"]
    assert modules_for("pg_info") == ["pg_info"]
