# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many lines a deploy prints: Ansible's own callback beside the operator's screen, a good deploy and a
failed one, in one run.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from sandbox.storefront import Sandbox

NAME = "bench-screen"
CALLBACKS = ("default", "storefront.runbook.operator")


@pytest.fixture
def inventory(sandbox: Sandbox, tmp_path: Path) -> Iterator[Path]:
    """The inventory for development with a storefront of its own, on which v1.0.0 is live."""
    sandbox.create_storefront(NAME)
    for part in ("group_vars", "sandbox.sh"):
        (tmp_path / part).symlink_to(ROOT / "inventories/development" / part)
    (tmp_path / "hosts.yml").write_text(json.dumps({"storefronts": {"hosts": {NAME: None}}}))
    deploy(sandbox, tmp_path, "v1.0.0", CALLBACKS[1])
    yield tmp_path
    sandbox.drop_storefront(NAME)


def deploy(sandbox: Sandbox, inventory: Path, release: str, callback: str) -> tuple[int, str]:
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "SANDBOX_NAME": sandbox.name,
        "ANSIBLE_STDOUT_CALLBACK": callback,
        "COLUMNS": "100",
    }
    command = ["ansible-playbook", str(ROOT / "playbooks/deploy.yml"), "-i", str(inventory), "-e", f"release={release}"]
    done = subprocess.run(command, cwd=inventory, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_lines(sandbox: Sandbox, inventory: Path) -> None:
    print(f"\n{'deploy':30} {'callback':28} lines")
    for callback in CALLBACKS:
        for release, what, code in (("v1.1.0", "good", 0), ("v1.2.0", "failed, put back", 2)):
            returned, printed = deploy(sandbox, inventory, release, callback)
            assert returned == code, printed
            print(f"{f'{release}, {what}':30} {callback:28} {len(printed.splitlines()):5}")
