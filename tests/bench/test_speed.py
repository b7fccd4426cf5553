# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon something is on the screen, how long a status takes, and how soon the old site is verified after a check has
failed, with vendors that answer at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from sandbox.storefront import Sandbox
from tests.bench.figures import TRIES, Run, play, row

NAME = "bench-speed"
AT_ONCE = dict.fromkeys(("vercel", "railway", "render", "promotion", "settle"), 0)
# The new release is refused at the public site, and the old one is not.
FAILS = {"vendor": "edge", "operation": "request", "kind": "status", "status": 500, "host": "frontend"}
VERIFIED = "Verify that the public sees what was put back]"
BY = "pytest tests/bench/test_speed.py"


@pytest.fixture
def inventory(sandbox: Sandbox, tmp_path: Path) -> Iterator[Path]:
    """The inventory for development with a storefront of its own, on which v1.0.0 is live."""
    sandbox.create_storefront(NAME)
    sandbox.cloud("POST", "/delays", AT_ONCE)
    for part in ("group_vars", "sandbox.sh"):
        (tmp_path / part).symlink_to(ROOT / "inventories/development" / part)
    (tmp_path / "hosts.yml").write_text(json.dumps({"storefronts": {"hosts": {NAME: None}}}))
    deployed = play(sandbox.name, tmp_path, "deploy", "-e", "release=v1.0.0")
    assert deployed.code == 0, deployed.text
    sandbox.save(NAME, "live")
    yield tmp_path
    sandbox.cloud("DELETE", "/delays")
    sandbox.cloud("DELETE", "/faults")
    sandbox.drop_storefront(NAME)


def put_back(run: Run) -> float:
    """Return the seconds from the failure of the check to the end of the task that verified the old site."""
    failed = next(at for at, line in run.lines if line.startswith("fatal: "))
    tasks = [(at, line) for at, line in run.lines if line.startswith("TASK [")]
    verified = next(number for number, (_at, line) in enumerate(tasks) if VERIFIED in line)
    return tasks[verified + 1][0] - failed


def test_output_status_and_rollback_come_soon(sandbox: Sandbox, inventory: Path) -> None:
    statuses = [play(sandbox.name, inventory, "status", "-e", "fail_on=never") for _try in range(TRIES)]
    assert all(run.code == 0 for run in statuses), statuses[-1].text
    runs = []
    for _try in range(TRIES):
        sandbox.restore(NAME, "live")
        sandbox.cloud("POST", "/faults", {**FAILS, "release": "v1.1.0", "storefront": NAME, "times": -1})
        runs.append(play(sandbox.name, inventory, "deploy", "-e", "release=v1.1.0", callback="ansible.builtin.default"))
        assert runs[-1].code == 2, runs[-1].text
        assert "verify.public failed" in runs[-1].text, runs[-1].text
        sandbox.cloud("DELETE", "/faults")
    first = [run.first for run in statuses]
    first += [play(sandbox.name, inventory, "deploy", "--check", "-e", "release=v1.1.0").first for _try in range(TRIES)]
    row("first byte of `status.yml` and `deploy.yml`", 1, first, "s", BY)
    row("`status.yml` of one storefront", 5, [run.wall for run in statuses], "s", BY)
    row("from the failed check to the verified old site, vendors at once", 6, [put_back(run) for run in runs], "s", BY)
