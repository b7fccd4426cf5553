# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""release_approval in the sandbox's S3, and release_approvals with the reviews of a GitHub environment there, whose
answers are held to GitHub's contract.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import release_approval, release_approvals

from sandbox.storefront import Sandbox
from tests.unit.support import run_module

NAME = "test-release-approvals"


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    made = sandbox.create_storefront(NAME)
    s3 = sandbox.state["s3"]
    store = {f"store_{name}": s3[name] for name in ("endpoint_url", "access_key", "secret_key", "region")}
    what = {"storefront": NAME, "release": "v1.1.0", "path": sandbox.state["shop"]["repository"]}
    yield {**store, "store": made["store"], **what, "root_directory": "apps/backend"}
    sandbox.cloud("DELETE", f"/storefronts/{NAME}")


def head(shop: dict[str, Any]) -> str:
    words = ["git", "-C", shop["path"], "rev-parse", f"{shop['release']}^{{commit}}"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def test_a_review_of_the_environment_and_a_signature_are_two(
    sandbox: Sandbox, shop: dict[str, Any], tmp_path: Path
) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "bob"], check=True)
    people = [{"name": "bob", "keys": [(tmp_path / "bob.pub").read_text()]}, {"name": "carol", "github": "carol-codes"}]
    run = {"id": 7, "sha": head(shop), "approvals": [{"by": "carol-codes"}, {"by": "eve"}]}
    sandbox.cloud("PUT", f"/storefronts/{NAME}/workflow-runs", {"runs": [run]})
    github = {
        **{"api_token": sandbox.state["tokens"]["github"], "api_url": sandbox.state["cloud"]["github_url"]},
        **{"repository": sandbox.storefront(NAME)["github"]["repository"], "environment": "production"},
    }
    asked = {**shop, "approvers": people, "needed": 2, "started_by": "dora"}

    first = run_module(release_approvals, {**asked, "github": {**github, "run": 7}})
    assert (first["failed"], first["approved_by"], first["missing"]) == (True, ["carol"], 1)
    assert "eve approved it at GitHub, and is not an approver" in first["msg"]

    key = str(tmp_path / "bob")
    assert run_module(release_approval, {**shop, "approvers": people, "signing_key": key})["changed"]
    second = run_module(release_approvals, {**asked, "github": {**github, "run": 7}})
    assert second["approved_by"] == ["bob", "carol"]
    assert "with its 5 migrations" in second["evidence"][0]["asked"]

    missing = run_module(release_approvals, {**asked, "github": {**github, "run": 8}})
    assert (missing["failed"], missing["error"]["status"]) == (True, 404)
