# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pnpm and yarn in the release that a shop needs, fetched from npm once and cached. npm comes with Node."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from plugins.module_utils.source.shop.packages import Manager

from .state import SandboxError


def program_folder(cache: Path, manager: Manager) -> Path | None:
    """Return the folder of a package manager's program, which need not be there yet; None for npm."""
    return (
        None
        if manager.name == "npm"
        else cache / "tools" / f"{manager.name}-{manager.version}" / "node_modules" / ".bin"
    )


def fetch(cache: Path, node_bin: Path, manager: Manager) -> Path | None:
    """Install a package manager into the cache unless it is there, and return the folder of its program.
    Raises SandboxError.
    """
    programs = program_folder(cache, manager)
    if programs is None or programs.exists():
        return programs
    installed = programs.parents[1]
    installed.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{installed.name}-", dir=installed.parent) as folder:
        draft = Path(folder, "programs")
        draft.mkdir()
        flags = [
            "--no-save",
            "--no-package-lock",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefer-offline",
            "--no-update-notifier",
        ]
        npm = [
            str(node_bin / "npm"),
            "install",
            *flags,
            "--cache",
            str(cache / "npm"),
            "--prefix",
            str(draft),
            f"{_package(manager)}@{manager.version}",
        ]
        environment = {**os.environ, "PATH": os.pathsep.join([str(node_bin), os.environ.get("PATH", os.defpath)])}
        done = subprocess.run(
            npm, cwd=draft, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SandboxError(
                f"{manager.lockfile} is installed with {manager.name} {manager.version}, which is neither in"
                f" {installed.parent} nor can be fetched from npm: {_reason(done.stderr)} Connect this machine to the"
                " npm registry once, or name a release that exists in package.json (packageManager)."
            )
        with suppress(OSError):  # another sandbox has just installed it
            draft.rename(installed)
    return programs


def _package(manager: Manager) -> str:
    """Return the npm package of a package manager: yarn has another one since its second release."""
    return "@yarnpkg/cli-dist" if manager.name == "yarn" and not manager.version.startswith("1.") else manager.name


def _reason(output: str) -> str:
    lines = [
        line.removeprefix("npm error ").removeprefix("npm ERR! ")
        for line in output.splitlines()
        if line.startswith(("npm error", "npm ERR!"))
    ]
    notes = [
        line
        for line in lines
        if line and not line.startswith(("code ", "A complete log", "errno", "syscall", "network This is"))
    ]
    return (notes[0].removeprefix("notarget ") if notes else "npm gave no reason").rstrip(".") + "."
