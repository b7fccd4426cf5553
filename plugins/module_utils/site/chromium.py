# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the browser for checks that render a page: Chromium, Chrome or Edge."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..core.errors import ConfigError

VARIABLE = "CHROME_PATH"  # chrome-launcher and Lighthouse read it, too
PROGRAMS = (
    *("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"),
    *("headless_shell", "microsoft-edge-stable", "microsoft-edge"),
)
MAC = ("Google Chrome.app/Contents/MacOS/Google Chrome", "Chromium.app/Contents/MacOS/Chromium")
PLAYWRIGHT = "PLAYWRIGHT_BROWSERS_PATH"
PLAYWRIGHT_FOLDERS = (".cache/ms-playwright", "Library/Caches/ms-playwright")
PLAYWRIGHT_PROGRAMS = (
    *("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*"),
    *("chromium_headless_shell-*/*/headless_shell", "chromium_headless_shell-*/*/chrome-headless-shell"),
)
# What a browser does beside loading the page: calls home, and shared memory that a container has little of.
QUIET = (
    *("--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-default-apps", "--metrics-recording-only"),
)


def find(given: str | None = None, env: Mapping[str, str] | None = None) -> Path:
    """Return the browser's program: ``given``, CHROME_PATH, one on PATH, or one that Playwright installed.

    Raises ConfigError where the one that was named cannot be run, and where there is none.
    """
    env = os.environ if env is None else env
    for name, value in (("browser", given), (VARIABLE, env.get(VARIABLE))):
        if value:
            return _named(name, value, env)
    found = next(_candidates(env), None)
    if found is None:
        raise ConfigError(
            "There is no Chromium and no Chrome on this machine. Install one (apt-get install chromium, or npx"
            " playwright install chromium), or set browser to its program.",
            code="no_browser",
        )
    return found


def arguments(*more: str) -> list[str]:
    """Return the arguments for a headless run, with ``more`` at their end. As root Chromium starts only without its
    sandbox.
    """
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [*QUIET, *root, *more]


def _named(name: str, value: str, env: Mapping[str, str]) -> Path:
    program = shutil.which(Path(value).expanduser() if value.startswith("~") else value, path=env.get("PATH"))
    if program is None:
        raise ConfigError(
            f"{name} is {value!r}, which is not a program that can be run here. Set it to the program of Chromium or"
            " Chrome.",
            code="no_browser",
        )
    return Path(program)


def _candidates(env: Mapping[str, str]) -> Iterator[Path]:
    for name in PROGRAMS:
        if program := shutil.which(name, path=env.get("PATH", os.defpath)):
            yield Path(program)
    home = Path(env.get("HOME") or "/")
    if sys.platform == "darwin":
        yield from (path for top in (Path("/"), home) for one in MAC if (path := top / "Applications" / one).is_file())
    folders = [Path(env[PLAYWRIGHT])] if env.get(PLAYWRIGHT) else [home / folder for folder in PLAYWRIGHT_FOLDERS]
    for folder in folders:
        for pattern in PLAYWRIGHT_PROGRAMS:
            yield from (path for path in sorted(folder.glob(pattern), key=_revision, reverse=True) if _runs(path))


def _revision(path: Path) -> list[int]:
    """Return the revision in a path of Playwright's, such as 1187 of chromium-1187, so that the newest is first."""
    return [int(number) for number in re.findall(r"-(\d+)/", path.as_posix())]


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
