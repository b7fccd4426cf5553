# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole deploy of the example shop with modules in process, beside the same deploy with ordinary modules."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from conftest import COLLECTIONS, ROOT
from sandbox.storefront import Sandbox
from tests.bench.test_backup import SIZE

NAME = "shop"  # the storefront of inventories/development
ROUNDS = 1 if SIZE == "small" else 3
WAYS = {"ordinary modules": "false", "in process": "true"}
TASKS = 60  # that Ansible's default callback prints
BOUND = 0.4  # of the ordinary way's processor time, that of all processes which the command started


@dataclass(frozen=True)
class Cost:
    """What one command took: ``processor`` and ``wall`` in seconds, all processes that it started included."""

    processor: float
    wall: float
    tasks: int
    lines: int


def deploy(sandbox: Sandbox, folder: Path, release: str, in_process: str) -> Cost:
    argv = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        str(ROOT / "playbooks/deploy.yml"),
        "-i",
        str(ROOT / "inventories/development"),
    ]
    argv += ["-e", f"release={release}", "-e", f"runbook_in_process={in_process}"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_STDOUT_CALLBACK": "default",  # it prints each task
        "SANDBOX_NAME": sandbox.name,
    }
    printed = folder / "printed"
    with printed.open("w") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    lines = printed.read_text().splitlines()
    assert process.returncode == 0, "\n".join(lines[-40:])
    return Cost(usage.ru_utime + usage.ru_stime, wall, sum(line.startswith("TASK [") for line in lines), len(lines))


@pytest.fixture
def shop(sandbox: Sandbox, tmp_path: Path) -> Sandbox:
    """The example shop with v1.0.0 live."""
    deploy(sandbox, tmp_path, "v1.0.0", "true")
    sandbox.save(NAME, "live")
    return sandbox


def test_a_deploy_in_process_costs_less_than_half(shop: Sandbox, tmp_path: Path) -> None:
    found: dict[str, list[Cost]] = {way: [] for way in WAYS}
    for turn in range(ROUNDS):
        for way, in_process in list(WAYS.items())[:: 1 if turn % 2 else -1]:
            shop.restore(NAME, "live")
            found[way].append(deploy(shop, tmp_path, "v1.1.0", in_process))
    print(
        f"\nv1.1.0 deployed over v1.0.0 in the same sandbox, rounds: {ROUNDS}; the median, with all that the command"
        " started.\n"
    )
    print(f"{'':<18}{'processor s':>12}{'wall s':>8}{'tasks':>7}{'lines':>7}")
    for way, costs in found.items():
        processor, wall = (median(getattr(cost, key) for cost in costs) for key in ("processor", "wall"))
        print(f"{way:<18}{processor:>12.1f}{wall:>8.1f}{costs[0].tasks:>7}{costs[0].lines:>7}")
    assert all(0 < cost.tasks <= TASKS for costs in found.values() for cost in costs)
    ordinary, ours = (median(cost.processor for cost in found[way]) for way in WAYS)
    print(f"\nIn process it takes {ours / ordinary:.2f} of the processor time.")
    assert ours <= BOUND * ordinary
