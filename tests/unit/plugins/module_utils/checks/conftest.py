# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shop's repository with two releases, for the checks that read one."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks.check import Context


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q")

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=shop", "-c", "user.email=shop@shop.example", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", "-C", str(self.folder), *who, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, files: Mapping[str, str | None]) -> str:
        """Commit these files, and delete those that are None. Returns the full SHA."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a release")
        return self.git("rev-parse", "HEAD")

    def context(self, commit: str, live: str = "", **more: Any) -> Context:
        return Context(**{"release": "v1.1.0", "commit": commit, "live_commit": live, "path": str(self.folder), **more})


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")
