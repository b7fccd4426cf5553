# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the emergency quick reference, beside what the runbook had for each; every answer is asserted."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from conftest import ROOT
from sandbox.storefront import Sandbox
from tests.bench import figures


@pytest.mark.parametrize("playbook", ["status", "logs", "releases", "diagnose"])
def test_a_page_comes_quickly(sandbox: Any, playbook: str) -> None:
    done = figures.play(sandbox.name, ROOT / "inventories/development", playbook, "-e", "fail_on=never")
    assert done.code == 0, done.text
    at = sandbox.storefront("shop")
    began = time.monotonic()
    requests.get(f"{at['frontend_url']}/", timeout=10)
    page = time.monotonic() - began
    print(f"\n{playbook}.yml {done.wall:.1f} s, {len(done.lines)} lines; curl of one page {page:.2f} s")


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
        deployed = command(sandbox, tmp_path, "deploy", f"release={release}")
        assert deployed.code == 0, deployed.text
    yield tmp_path
    sandbox.drop_storefront(NAME)


def command(sandbox: Sandbox, inventory: Path, playbook: str, *options: str) -> figures.Run:
    return figures.play(sandbox.name, inventory, playbook, *(word for option in options for word in ("-e", option)))


def test_the_commands_of_the_emergency_quick_reference(sandbox: Sandbox, inventory: Path) -> None:
    print()
    rows = []
    for before, playbook, options, words in EMERGENCY:
        done = command(sandbox, inventory, playbook, *options)
        assert done.code == 0, done.text
        assert words in done.text, done.text
        now = " ".join([f"{playbook}.yml", *(f"-e {option}" for option in options[:1])])
        print(f"{now} {done.wall:.1f} s, in place of {before}")
        rows.append(f"| `{before}` | `{now}` | {done.wall:.1f} |\n")
    if os.environ.get("UPDATE_DOCS"):
        head, begin, rest = PAGE.read_text().partition("<!-- times -->\n")
        _old, end, tail = rest.partition("<!-- end of times -->")
        assert begin, "the page has the marks"
        assert end, "the page has the marks"
        PAGE.write_text("".join([head, begin, TABLE, *rows, end, tail]))
