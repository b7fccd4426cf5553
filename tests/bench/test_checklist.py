# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the whole checklist takes on the sandbox, without the checks that run a program of their own: Lighthouse,
the audit of dependencies and the scan for secrets.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks.register import CHECKS
from ansible_collections.storefront.runbook.plugins.module_utils.release.checklist_systems import Seen, systems
from ansible_collections.storefront.runbook.plugins.modules import preflight_checks

from sandbox.storefront import Sandbox
from tests.unit.support import run_module

NAME, MOST = "bench-checklist", 10  # seconds
PROGRAMS = ("C13", "C14", "C15")


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    yield sandbox.create_storefront(NAME)
    sandbox.cloud("DELETE", f"/storefronts/{NAME}")


def test_the_whole_checklist_takes_at_most_ten_seconds(sandbox: Sandbox, shop: dict[str, Any]) -> None:
    state = sandbox.state
    repository = state["shop"]["repository"]
    words = ["git", "-C", repository, "rev-parse", "v1.1.0^{commit}"]
    commit = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    runs = {f"job {number}": "success" for number in range(300)}
    sandbox.cloud("PUT", f"/storefronts/{NAME}/check-runs", {"sha": commit, "runs": runs})
    github = {"api_token": state["tokens"]["github"], "api_url": state["cloud"]["github_url"]}
    seen = Seen(
        given={"windows": {"windows": [{"days": ["mon"], "from": "00:00", "to": "24:00"}]}},
        surfaces=["database", "backend", "frontend", "edge"],
        github={**github, "repository": shop["github"]["repository"]},
        frontend_url=shop["frontend_url"],
        backend_url=shop["backend_url"],
    )
    configured = systems(seen)
    configured["edge"] |= {
        "cors_url": f"{shop['backend_url']}/health",
        "rate_limit_url": f"{shop['backend_url']}/health",
    }
    began, cpu = time.monotonic(), time.process_time()
    result = run_module(
        preflight_checks,
        {
            **{"storefront": NAME, "release": "v1.1.0", "path": repository, "commit": commit, "started_by": "alice"},
            **{"systems": configured, "only": [one.id for one in CHECKS if one.id not in PROGRAMS], "stop": False},
        },
    )
    took, used = time.monotonic() - began, time.process_time() - cpu
    print(f"\n{result['summary']}: {took:.1f} s, {used:.1f} s of processor time")
    assert used < MOST
    assert took < MOST
