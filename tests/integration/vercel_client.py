# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vercel's own command line client, installed once into .cache/ from the lockfile in vercel_cli/, and run
against the sandbox.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sandbox.tools import node_bin

LOCKED = Path(__file__).with_name("vercel_cli")
CACHE = Path(__file__).parents[2] / ".cache" / "vercel-cli"
OUT_OF_REACH = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|network"
)
NPM_CI = ("ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--prefer-offline")


def install() -> Path:
    """Return the client's program; skip where npm's registry cannot be reached. One test process installs,
    the others wait for it.
    """
    CACHE.parent.mkdir(exist_ok=True)
    with CACHE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _installed()


def _installed() -> Path:
    program, mark = CACHE / "node_modules" / "vercel" / "dist" / "vc.js", CACHE / "installed-from"
    locked = (LOCKED / "package-lock.json").read_text()
    if mark.exists() and mark.read_text() == locked and program.exists():
        return program
    shutil.rmtree(CACHE, ignore_errors=True)
    shutil.copytree(LOCKED, CACHE)
    path = f"{node_bin()}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["npm", *NPM_CI], cwd=CACHE, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 and OUT_OF_REACH.search(done.stderr):
        pytest.skip(
            "Vercel's client cannot be installed, npm's registry is out of reach:"
            f" {done.stderr.strip().splitlines()[-1]}"
        )
    assert done.returncode == 0, done.stderr
    mark.write_text(locked)
    return program


class Client:
    """Runs the client in ``folder``, which it takes for the project's: no telemetry, no update check,
    nobody's configuration, no token in argv.
    """

    def __init__(self, folder: Path, home: Path, state: dict[str, Any], shop: dict[str, Any]) -> None:
        self.folder, vercel = folder, shop["vercel"]
        quiet = {"VERCEL_TELEMETRY_DISABLED": "1", "NO_UPDATE_NOTIFIER": "1", "NO_COLOR": "1", "CI": "1"}
        self.env = {"PATH": os.environ["PATH"], "HOME": str(home), "VERCEL_TOKEN": state["tokens"]["vercel"], **quiet}
        common = [
            "--api",
            state["cloud"]["vercel_url"],
            "--global-config",
            str(home / "config"),
            "--scope",
            "sandbox",
            "--cwd",
            str(folder),
        ]
        self.argv = [str(node_bin() / "node"), str(install()), *common]
        (folder / ".vercel").mkdir(exist_ok=True)
        (folder / ".vercel" / "project.json").write_text(
            json.dumps({"projectId": vercel["project"], "orgId": vercel["team"]})
        )

    def __call__(self, *words: str) -> str:
        """Run a command and return what it prints."""
        done = subprocess.run(
            [*self.argv, *words],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"vercel {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def stage(self) -> str:
        """Build for production without serving it; return the deployment's URL."""
        return self("deploy", "--prod", "--skip-domain", "--yes")
