# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the emergency quick reference, beside what the runbook had for each; every answer is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from conftest import COLLECTIONS, ROOT
from sandbox.storefront import Sandbox


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


PAGE = ROOT / "docs/runbook/quick-reference.md"
TABLE = "| before | now | seconds |\n|---|---|---|\n"
NAME = "bench-emergency"
KEY = "an-edge-key-of-the-bench-with-32-letters"
# What the quick reference has, the new command, and what the last lines say.
EMERGENCY = (
    ("curl …/health; railway logs", "status", (), "lease      free"),
    (
        "MAINTENANCE_MODE=true",
        "maintenance",
        ("maintenance_state=on", f"edge_maintenance_key={KEY}"),
        "IN MAINTENANCE by",
    ),
    ("MAINTENANCE_MODE=false", "maintenance", ("maintenance_state=off",), "OPEN."),
    ("restore-database.sh latest", "restore", ("backup=latest", f"approve_restore={NAME}"), "RESTORED"),
    ("git checkout; vercel; railway", "rollback", (), "ROLLED BACK to v1.0.0"),
)


@pytest.fixture
def inventory(sandbox: Sandbox, tmp_path: Path) -> Iterator[Path]:
    """The inventory for development with a storefront of its own, on which v1.1.0 is live over v1.0.0."""
    sandbox.create_storefront(NAME)
    for part in ("group_vars", "sandbox.sh"):
        (tmp_path / part).symlink_to(ROOT / "inventories/development" / part)
    (tmp_path / "hosts.yml").write_text(json.dumps({"storefronts": {"hosts": {NAME: None}}}))
    for release in ("v1.0.0", "v1.1.0"):
        assert command(sandbox, tmp_path, "deploy", f"release={release}")[0] == 0
    yield tmp_path
    sandbox.drop_storefront(NAME)


def command(sandbox: Sandbox, inventory: Path, playbook: str, *options: str) -> tuple[int, str, float]:
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "SANDBOX_NAME": sandbox.name,
    }
    argv = ["ansible-playbook", str(ROOT / f"playbooks/{playbook}.yml"), "-i", str(inventory)]
    argv += [word for option in options for word in ("-e", option)]
    began = time.monotonic()
    done = subprocess.run(
        argv,
        env=environment,
        cwd=inventory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, time.monotonic() - began


def test_the_commands_of_the_emergency_quick_reference(sandbox: Sandbox, inventory: Path) -> None:
    print()
    rows = []
    for before, playbook, options, words in EMERGENCY:
        code, printed, seconds = command(sandbox, inventory, playbook, *options)
        assert code == 0, printed
        assert words in printed, printed
        now = " ".join([f"{playbook}.yml", *(f"-e {option}" for option in options[:1])])
        print(f"{now} {seconds:.1f} s, in place of {before}")
        rows.append(f"| `{before}` | `{now}` | {seconds:.1f} |\n")
    if os.environ.get("UPDATE_DOCS"):
        head, begin, rest = PAGE.read_text().partition("<!-- times -->\n")
        _old, end, tail = rest.partition("<!-- end of times -->")
        assert begin, "the page has the marks"
        assert end, "the page has the marks"
        PAGE.write_text("".join([head, begin, TABLE, *rows, end, tail]))
