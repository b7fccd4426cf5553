# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of the module railway_service."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.storefront.runbook.plugins.modules import railway_service

from tests.unit.plugins.fake_railway import PROJECT
from tests.unit.support import run_module


def service(state: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
    common = {
        "api_token": "sesame-token",
        "api_url": "https://api.test",
        "project": PROJECT,
        "environment": "production",
        "service": "api",
    }
    return run_module(railway_service, {**common, "state": state, **params}, check=check)


def deploy(shop: Path, **params: Any) -> dict[str, Any]:
    return service("deployed", **{"path": str(shop), "ref": "v1.1.0", "root_directory": "apps/backend", **params})


def head(shop: Path) -> str:
    return subprocess.run(
        ["git", "-C", str(shop), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()


def roll_back(*, check: bool = False, **params: Any) -> dict[str, Any]:
    return service(
        "rolled_back", check=check, **{"deployment": "deployment-1", "pinned_variables": ["DATABASE_URL"], **params}
    )


def commit(shop: Path, **params: Any) -> dict[str, Any]:
    return service("deployed", **{"source": "commit", "path": str(shop), "ref": "v1.1.0", **params})
