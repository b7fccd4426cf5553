# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a start command is run: the script's own program where it is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.cloud.start import start_command

SCRIPTS = {
    "start": "node server.js",
    "dev": "NODE_ENV=test node x.js",
    "piped": "node x.js | cat",
    "replaced": "exec node x.js",
}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "apps/api").mkdir(parents=True)
    (tmp_path / "package.json").write_text(json.dumps({"name": "shop", "workspaces": ["apps/*"], "scripts": SCRIPTS}))
    (tmp_path / "package-lock.json").write_text("{}")
    (tmp_path / "apps/api/package.json").write_text(json.dumps({"name": "@shop/api", "scripts": SCRIPTS}))
    return tmp_path


@pytest.mark.parametrize(
    ("command", "script", "folder"),
    [
        ("npm start", "exec node server.js", ""),
        ("npm run start --workspace apps/api", "exec node server.js", "apps/api"),
        ("pnpm --filter @shop/api start", "exec node server.js", "apps/api"),
        ("npm run dev", "NODE_ENV=test exec node x.js", ""),
        ("npm run replaced", "exec node x.js", ""),
        ("npm run piped", "exec npm run piped", ""),
        ("node dist/main.js --port $PORT", "exec node dist/main.js --port $PORT", ""),
        ("cd apps/api && node server.js", "cd apps/api && node server.js", ""),
        ("yarn none", "exec yarn none", ""),
    ],
)
def test_a_command_is_run_as_the_program_that_it_stands_for(app: Path, command: str, script: str, folder: str) -> None:
    run = start_command(command, app, "/bin")
    assert (list(run.argv), run.cwd) == (["/bin/sh", "-c", script], app / folder)
    assert run.path.endswith("/bin")


def test_an_app_without_a_package_is_run_by_its_command(tmp_path: Path) -> None:
    assert list(start_command("node x.js", tmp_path, "/bin").argv) == ["/bin/sh", "-c", "exec node x.js"]
