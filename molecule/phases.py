# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a deploy as deploy.yml has them, and the table of docs/failure.md, which the scenarios
write and hold to what they see.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from typing import Any

import yaml
from ansible_collections.storefront.runbook.plugins.module_utils.release.phases import ORDER

from conftest import ROOT

TABLE = ROOT / "docs/failure.md"
OUTER = {
    "Take the lease": "lease",
    "Notify that the run starts": "begin",
    "Settle what an earlier deploy left": "settle",
    "Record what is live": "snapshot",
    "Record the snapshot in the journal": "journal",
}


def phases() -> list[str]:
    """Return the phases in their order; a task that is added to deploy.yml, or a phase to the order of a
    deploy, is a new one.
    """
    _begin, play, _end = yaml.safe_load((ROOT / "playbooks/deploy.yml").read_text())
    (outer,) = [task for task in play["tasks"] if "block" in task]
    (inner,) = [task for task in outer["block"] if "block" in task]
    return [
        "preflight",
        *(OUTER.get(task["name"], task["name"]) for task in _flat(outer["block"]) if task is not inner),
        *ORDER,
    ]


def _flat(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each task, and those of an imported file in its place."""
    for task in tasks:
        if imported := task.get("ansible.builtin.import_tasks"):
            yield from yaml.safe_load((ROOT / "playbooks" / imported).read_text())
        else:
            yield task


def seen(name: str, *cells: Any) -> None:
    """Hold a row of docs/failure.md to what a scenario saw; with UPDATE_DOCS=1 write it there."""
    row = "| " + " | ".join([name, *map(str, cells)]) + " |"
    pattern = re.compile(rf"^\| {re.escape(name)} \|.*$", re.MULTILINE)
    if os.environ.get("UPDATE_DOCS"):
        with TABLE.open() as lock:  # two workers may write
            fcntl.flock(lock, fcntl.LOCK_EX)
            head, rule, rows = TABLE.read_text().partition("|---|---|---|---|---|\n")
            kept = [line for line in rows.splitlines() if line and not pattern.match(line)]
            TABLE.write_text(head + rule + "".join(f"{line}\n" for line in sorted([*kept, row], key=_place)))
    found = pattern.search(TABLE.read_text())
    assert found, f"docs/failure.md has no row {name!r}: UPDATE_DOCS=1 writes it"
    assert found[0] == row, f"docs/failure.md says\n{found[0]}\nand this was seen\n{row}"


def _place(row: str) -> tuple[int, str]:
    """Sort rows by their phase; what is of no single phase comes last."""
    phase = row.removeprefix("| ").partition(":")[0]
    return (phases().index(phase), "") if phase in phases() else (len(phases()), row)
