# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vercel's own client and the modules on one project of the sandbox: what either does, the other understands."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.storefront.runbook.plugins.modules import vercel_deploy, vercel_info

from sandbox.state import folder_of
from sandbox.storefront import Sandbox
from tests.integration.vercel_client import Client
from tests.unit.sandbox.cloud.double import frontend
from tests.unit.support import run_module

NAME = "test-vercel-cli"


@pytest.fixture(scope="module")
def shop(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    yield sandbox.create_storefront(NAME)
    sandbox.drop_storefront(NAME)


@pytest.fixture
def client(sandbox: Sandbox, shop: dict[str, Any], tmp_path: Path) -> Client:
    (tmp_path / "site").mkdir()
    return Client(tmp_path / "site", tmp_path / "home", sandbox.state, shop)


def write(folder: Path, release: str) -> None:
    """Write a site whose package.json Vercel has never seen, whatever ran on this sandbox before."""
    files = frontend(release)
    files["package.json"] = json.dumps({**json.loads(files["package.json"]), "description": uuid.uuid4().hex}).encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_vercels_own_client_deploys_promotes_and_rolls_back_and_the_modules_take_it_from_there(
    sandbox: Sandbox, shop: dict[str, Any], client: Client
) -> None:
    def run(module: Any, **params: Any) -> dict[str, Any]:
        api = {"api_token": sandbox.state["tokens"]["vercel"], "api_url": sandbox.state["cloud"]["vercel_url"]}
        result = run_module(module, {**api, "team": shop["vercel"]["team"], "project": NAME, **params})
        assert not result["failed"], result
        return result

    def served() -> str:
        return requests.get(f"{shop['frontend_origin_url']}/release.json", timeout=10).json()["release"]

    write(client.folder, "v1.0.0")
    (client.folder / ".vercelignore").write_text("notes.md\n")
    (client.folder / "notes.md").write_text("not for the public")
    first = client.stage()
    assert requests.get(f"{first.replace('https', 'http')}/release.json", timeout=10).json() == {"release": "v1.0.0"}
    assert requests.get(f"{shop['frontend_origin_url']}/release.json", timeout=10).status_code == 404
    client("promote", first, "--yes")
    assert served() == "v1.0.0"
    by_client = run(vercel_info)["live"]
    assert (by_client["url"], by_client["status"]) == (first.replace("https", "http"), "ready")

    write(client.folder, "v1.1.0")
    sandbox.cloud("DELETE", "/requests")
    staged = run(vercel_deploy, state="staged", path=str(client.folder), release="v1.1.0", wait_interval=0.1)
    # the same files as the client's, but for package.json
    assert staged["upload"] == {**staged["upload"], "files": 3, "sent_files": 1}
    run(vercel_deploy, state="promoted", deployment=staged["deployment"]["id"], wait_interval=0.1)
    assert served() == "v1.1.0"

    client("rollback", first, "--yes")
    assert served() == "v1.0.0"
    info = run(vercel_info)
    assert (info["live"]["id"], info["project"]["auto_assign_domains"]) == (by_client["id"], False)
    assert [candidate["release"] for candidate in info["candidates"]] == ["v1.1.0"]
    assert not run(vercel_deploy, state="rolled_back", deployment=by_client["id"])["changed"]


def test_the_module_sends_the_files_modes_and_links_that_vercels_own_client_sends(
    sandbox: Sandbox, shop: dict[str, Any], client: Client
) -> None:
    write(client.folder, "v2.0.0")
    for name in (
        ".env",
        ".env.local",
        "src/.env.x.local",
        "node_modules/a/index.js",
        "node_modules/b/index.js",
        "src/.gitignore",
        "src/A.LOG",
        "src/kept.log",
        "dist/a",
    ):
        (client.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (client.folder / name).write_text(name)
    (client.folder / "run.sh").write_text("#!/bin/sh\n")
    (client.folder / "run.sh").chmod(0o755)
    for link, leads in {"src/alias": "kept.log", "folder": "src", "gone": "src/gone"}.items():
        (client.folder / link).symlink_to(leads)
    (client.folder / ".vercelignore").write_text(
        "./dist\r\n*.log\r\n!src/kept.log\r\n!.env.local\r\n!node_modules\r\nnode_modules/b\r\n"
    )
    client.stage()
    api = {
        "api_token": sandbox.state["tokens"]["vercel"],
        "api_url": sandbox.state["cloud"]["vercel_url"],
        "team": shop["vercel"]["team"],
        "project": NAME,
    }
    result = run_module(
        vercel_deploy, {**api, "state": "staged", "path": str(client.folder), "release": "v2.0.0", "wait_interval": 0.1}
    )
    assert not result["failed"], result
    saved = json.loads((folder_of(sandbox.name) / "cloud" / "state.json").read_text())["storefronts"][NAME]["site"][
        "deployments"
    ]
    by_client, by_module = list(saved.values())[-2:]
    assert by_module["files"] == by_client["files"]
    assert {".env", ".env.local", "src/kept.log", "node_modules/a/index.js", "run.sh", "folder", "gone"} <= by_module[
        "files"
    ].keys()
    assert by_module["files"]["run.sh"].endswith(" 100755")
    (client.folder / "run.sh").chmod(0o644)
    again = run_module(
        vercel_deploy, {**api, "state": "staged", "path": str(client.folder), "release": "v2.0.0"}, check=True
    )
    assert again["changed"]
