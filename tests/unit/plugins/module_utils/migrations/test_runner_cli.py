# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/runner_cli.py: which Prisma is run, with what, and that it gets no chance to download anything."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, WaitTimeout
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.migrations import runner_cli

URL = "postgresql://shop:hunter22@h/shop?schema=public"


def install(folder: Path, version: str) -> None:
    package = folder / "node_modules" / "prisma"
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": version, "bin": {"prisma": "build/index.js"}}))


def lock(folder: Path, version: str) -> None:
    (folder / "package-lock.json").write_text(json.dumps({"packages": {"node_modules/prisma": {"version": version}}}))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named node, alone on PATH with the system's own."""
    program = tmp_path / "bin" / "node"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\ntrue\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin")
    return program


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A work tree whose backend has Prisma 6.19.3 installed and locked."""
    backend = tmp_path / "shop" / "apps" / "backend"
    backend.mkdir(parents=True)
    install(backend, "6.19.3")
    lock(backend, "6.19.3")
    return tmp_path / "shop"


@pytest.mark.usefixtures("node")
def test_the_installed_prisma_is_found_in_the_project_or_above_it(shop: Path) -> None:
    files = shop / "apps" / "backend"
    found = runner_cli.find(shop, "apps/backend", files)
    assert (found.version, found.script) == ("6.19.3", files / "node_modules" / "prisma" / "build" / "index.js")
    (files / "node_modules").rename(shop / "node_modules")
    assert runner_cli.find(shop, "apps/backend", files).modules == shop / "node_modules"


@pytest.mark.usefixtures("node")
def test_another_version_than_the_release_locks_is_refused(shop: Path) -> None:
    files = shop / "apps" / "backend"
    lock(files, "6.18.0")
    with pytest.raises(ConfigError, match=r"locks Prisma 6\.18\.0, and .* has 6\.19\.3\. Run npm ci"):
        runner_cli.find(shop, "apps/backend", files)


@pytest.mark.usefixtures("node")
def test_without_a_lock_file_the_version_that_package_json_pins_counts(shop: Path) -> None:
    files = shop / "apps" / "backend"
    (files / "package-lock.json").unlink()
    (files / "package.json").write_text(json.dumps({"devDependencies": {"prisma": "6.1.0"}}))
    with pytest.raises(ConfigError, match=r"locks Prisma 6\.1\.0"):
        runner_cli.find(shop, "apps/backend", files)
    (files / "package.json").write_text(json.dumps({"devDependencies": {"prisma": "^6.1.0"}}))
    assert runner_cli.find(shop, "apps/backend", files).version == "6.19.3"


@pytest.mark.usefixtures("node")
def test_prisma_outside_of_the_work_tree_is_not_the_projects(shop: Path) -> None:
    files = shop / "apps" / "backend"
    (files / "node_modules").rename(shop.parent / "node_modules")
    with pytest.raises(ConfigError, match="not installed"):
        runner_cli.find(shop, "apps/backend", files)


def test_a_missing_node_is_named(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match=r"no node on PATH.*runner: builtin"):
        runner_cli.find(shop, "apps/backend", shop / "apps" / "backend")


def test_settings_are_added_to_the_options_that_a_url_has() -> None:
    settings = {"lock_timeout": 5, "statement_timeout": 0.5}
    plain = parse_qs(urlsplit(runner_cli.with_options(URL, settings)).query)
    assert plain == {"schema": ["public"], "options": ["-c lock_timeout=5000 -c statement_timeout=500"]}
    both = parse_qs(urlsplit(runner_cli.with_options(URL + "&options=-c%20jit%3Doff", settings)).query)
    assert both["options"] == ["-c jit=off -c lock_timeout=5000 -c statement_timeout=500"]
    assert runner_cli.with_options(URL, settings).startswith("postgresql://shop:hunter22@h/shop?")


def deploy(shop: Path, node: Path, script: str, timeout: float = 30) -> tuple[int, str]:
    node.write_text(f"#!/bin/sh\n{script}\n")
    files = shop / "apps" / "backend"
    found = runner_cli.find(shop, "apps/backend", files)
    return runner_cli.deploy(found, files, URL, Waiter(timeout=timeout, interval=0.01))


def test_the_url_is_in_the_environment_alone_and_downloads_lead_nowhere(shop: Path, node: Path) -> None:
    code, said = deploy(
        shop,
        node,
        'echo "args: $*"; [ "$DATABASE_URL" = "$DIRECT_URL" ] && echo "same"; echo "$PRISMA_ENGINES_MIRROR"; pwd;'
        " exit 3",
    )
    script = shop / "apps" / "backend" / "node_modules" / "prisma" / "build" / "index.js"
    assert code == 3
    assert said.splitlines() == [
        f"args: {script} migrate deploy",
        "same",
        "http://127.0.0.1:9",
        str(shop / "apps" / "backend"),
    ]


def test_what_it_prints_is_returned_without_the_password(shop: Path, node: Path) -> None:
    _code, said = deploy(shop, node, 'echo "cannot reach $DATABASE_URL"')
    assert "cannot reach" in said
    assert "hunter22" not in said


def test_it_is_ended_when_the_time_is_up(shop: Path, node: Path) -> None:
    with pytest.raises(WaitTimeout, match="prisma migrate deploy was still running"):
        deploy(shop, node, "echo $$ > pid; exec sleep 600", timeout=0.5)
    pid = (shop / "apps" / "backend" / "pid").read_text().strip()
    assert not Path(f"/proc/{pid}").exists()
