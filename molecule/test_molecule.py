# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""molecule/default by molecule itself: create the sandbox, deploy, deploy again without a change, destroy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_default_scenario_passes_by_molecules_own_command() -> None:
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "NO_COLOR": "1"}
    done = subprocess.run(
        [Path(sys.executable).parent / "molecule", "test"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    printed = done.stdout + done.stderr
    assert [
        stage
        for stage in ("create", "converge", "verify", "destroy")
        if f"{stage}: Executed: Successful" not in printed
    ] == []
    assert not (ROOT / ".sandbox" / "molecule" / "state.json").exists()
