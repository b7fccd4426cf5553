# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet costs: one surface of many storefronts deployed by one command, with vendors that answer at once.
FLEETS="25 50 100" sets the sizes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from sandbox.storefront import Sandbox
from tests.bench.figures import play, row

SIZES = [int(size) for size in os.environ.get("FLEETS", "5 10").split()]
FORKS = 10
AT_ONCE = dict.fromkeys(("vercel", "railway", "render", "promotion", "settle"), 0)
BY = 'FLEETS="{}" pytest tests/bench/test_fleets.py'
SECONDS = 2.0  # of processor time for each storefront
GROWTH = 1.25  # of the cost of a storefront, from the smallest fleet to the largest
MEMORY = 500.0  # MB of the largest process


@pytest.fixture
def fleet(sandbox: Sandbox, tmp_path: Path) -> Iterator[Path]:
    """The inventory for development; each bench writes its hosts."""
    names = [f"fleet-{number}" for number in range(max(SIZES))]
    for name in names:
        sandbox.create_storefront(name)
    sandbox.cloud("POST", "/delays", AT_ONCE)
    for part in ("group_vars", "sandbox.sh"):
        (tmp_path / part).symlink_to(ROOT / "inventories/development" / part)
    yield tmp_path
    sandbox.cloud("DELETE", "/delays")
    for name in names:
        sandbox.drop_storefront(name)


def test_a_fleet_grows_linearly(sandbox: Sandbox, fleet: Path) -> None:
    each: dict[int, float] = {}
    memory: dict[int, float] = {}
    for number, size in enumerate(SIZES):
        names = [f"fleet-{one}" for one in range(size)]
        (fleet / "hosts.yml").write_text(json.dumps({"storefronts": {"hosts": dict.fromkeys(names)}}))
        release = f"v1.{number % 2}.0"  # another one each time, so that each storefront is deployed
        options = ("-f", str(FORKS), "-e", f"rollout={size}", "-e", '{"surfaces": ["frontend"]}')
        run = play(sandbox.name, fleet, "deploy", "-e", f"release={release}", *options)
        assert run.code == 0, run.text
        each[size], memory[size] = run.processor / size, run.memory
        print(f"\n{size} storefronts: {run.processor:.0f} processor s, {run.wall:.0f} s, {len(run.lines)} lines")
    by = BY.format(" ".join(map(str, SIZES)))
    for size in SIZES:
        row(f"processor time for each of {size} storefronts", SECONDS, [each[size]], "s", by)
        row(f"memory of the largest process, {size} storefronts", MEMORY, [memory[size]], "MB", by)
    growth = each[SIZES[-1]] / each[SIZES[0]]
    row(f"cost of one storefront, {SIZES[-1]} beside {SIZES[0]}", GROWTH, [growth], "times", by)
    print(f"1,000 storefronts, by calculation: {1000 * each[SIZES[-1]] / 60:.0f} minutes of one processor")
