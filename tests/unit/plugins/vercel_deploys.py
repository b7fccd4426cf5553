# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of the module vercel_deploy, and what they wrote."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.storefront.runbook.plugins.modules import vercel_deploy

from tests.unit.plugins.fake_vercel import FakeVercel
from tests.unit.support import run_module

COMMIT = "0123456789abcdef0123456789abcdef01234567"


OTHER = "f" * 40


WRITES = ("POST", "PATCH", "PUT", "DELETE")


def deploy(state: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
    common = {"api_token": "sesame-token", "api_url": "https://api.test", "team": "team_1", "project": "shop"}
    return run_module(vercel_deploy, {**common, "state": state, **params}, check=check)


def stage(shop: Path, *, check: bool = False, **params: Any) -> dict[str, Any]:
    return deploy(
        "staged", check=check, **{"path": str(shop), "ref": "v1.1.0", "root_directory": "apps/frontend", **params}
    )


def written(account: FakeVercel) -> list[str]:
    return [FakeVercel.operation(request) for request in account.vendor.requests if request.method in WRITES]


def head(shop: Path) -> str:
    return subprocess.run(
        ["git", "-C", str(shop), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()


def build_commit(source: str = "commit", **params: Any) -> dict[str, Any]:
    return deploy(
        "staged", **{"source": source, "commit": COMMIT, "release": "v1.1.0", "auto_assign_domains": False, **params}
    )


def uploaded(account: FakeVercel) -> list[str]:
    return sorted(file["file"] for file in account.asked("POST /v13/deployments")[-1].json()["files"])


def commit(shop: Path, tag: str) -> None:
    for command in (["add", "."], ["commit", "--quiet", "--message", tag], ["tag", tag]):
        subprocess.run(["git", "-C", str(shop), "-c", "user.name=t", "-c", "user.email=t@t.test", *command], check=True)
