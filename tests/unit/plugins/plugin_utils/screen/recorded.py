# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the example shop as the screen got them, recorded on the sandbox, and a way to read them again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.about import About
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.event import Event
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.page import Line, Page
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.run import Run

BEGAN = 1796016292.0
DEPLOY = {
    "storefront": "shop",
    "playbook": "playbooks/deploy.yml",
    "environment": "production",
    "by": "alice",
    "where": "ci-17",
    "began": BEGAN,
}


def recorded(name: str) -> list[Event]:
    """Return the events of a recorded run."""
    events, before = [], BEGAN
    for entry in json.loads((Path(__file__).parent / "runs" / f"{name}.json").read_text()):
        kind, at = entry["ev"].removeprefix("item_"), BEGAN + entry["at"]
        item = entry["ev"].startswith("item_")
        events.append(
            Event(kind, entry["action"], entry["result"], "", entry["args"], at, before, item, entry["asked"])
        )
        before = at
    return events


def run_of(release: str = "v1.1.0", keep_log: Any = None, **about: Any) -> Run:
    given: dict[str, Any] = {"inventory": ["production"], "release": release, **DEPLOY, **about}
    return Run(About(**given), keep_log or (lambda unit, text: f"reports/{unit}.log"))


def shown(run: Run, events: list[Event], page: Page | None = None, bad: bool = False) -> list[str]:
    """Return the screen of a run."""
    lines: list[Line] = run.begin()
    for event in events:
        lines += run.take(event)
    lines += run.end(bad)
    return [text for line in lines for text in (page or Page(80)).lines(line)]
