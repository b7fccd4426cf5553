# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checklist asks of the sandbox: the errors before a deploy at Sentry, and npm's audit service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import dependency_audit, preflight_checks

from sandbox.storefront import Sandbox
from tests.unit.plugins.module_utils.checks.conftest import Repository
from tests.unit.support import run_module


def test_the_errors_before_the_deploy_are_recorded(sandbox: Sandbox) -> None:
    state, servers = sandbox.create_storefront("baseline"), sandbox.state
    options: dict[str, Any] = {
        "sentry_token": servers["tokens"]["sentry"],
        "sentry_url": servers["cloud"]["sentry_url"],
        "sentry_organization": state["sentry"]["organization"],
        "links": {"Sentry": "https://sentry.example"},
    }
    result = run_module(preflight_checks, {"systems": {"dashboards": options}, "only": ["C8"]})
    assert result["answers"][0]["outcome"] == "passed", result
    assert result["answers"][0]["facts"]["errors"] == {"count": 0, "hours": 1, "project": None}
    assert options["sentry_token"] not in str(result["answers"])

    wrong = {**options, "sentry_token": "unknown-token-of-nobody"}
    result = run_module(preflight_checks, {"systems": {"dashboards": wrong}, "only": ["C8"]})
    assert result["answers"][0]["outcome"] == "could_not_be_asked"


@pytest.mark.parametrize(("version", "outcome"), [("1.2.8", "passed"), ("1.2.0", "failed")])
def test_the_packages_of_a_release_are_asked_about(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, outcome: str
) -> None:
    monkeypatch.setenv("npm_config_registry", sandbox.state["cloud"]["npm_url"])
    lock = {"lockfileVersion": 3, "packages": {"": {}, "node_modules/minimist": {"version": version}}}
    shop = Repository(tmp_path / "shop")
    commit = shop.commit({"package.json": "{}", "package-lock.json": json.dumps(lock)})
    result = run_module(dependency_audit, {"path": str(shop.folder), "commit": commit})
    assert result["answers"][0]["outcome"] == outcome, result
