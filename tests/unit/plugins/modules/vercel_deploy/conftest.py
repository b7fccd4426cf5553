# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project at Vercel, kept in memory, and the repository of the shop."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import wait

from tests.unit.plugins.fake_vercel import FakeVercel
from tests.unit.support import Clock


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Any:
    """A project whose module waits on a clock that nobody waits for."""
    monkeypatch.setattr(wait.Waiter, "__init__", _with_clock(wait.Waiter.__init__, clock))
    account = FakeVercel()
    with account.vendor.installed():
        yield account


def _with_clock(init: Any, clock: Clock) -> Any:
    return lambda self, **options: init(self, **{"sleep": clock.sleep, "clock": clock, **options})


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with the release v1.1.0 in apps/frontend."""
    frontend = tmp_path / "apps" / "frontend"
    frontend.mkdir(parents=True)
    (frontend / "package.json").write_text('{"version": "1.1.0"}')
    (frontend / "page.tsx").write_text("export {}")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "v1.1.0"], ["tag", "v1.1.0"]):
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t.test", *command], check=True
        )
    return tmp_path
