# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of Slack's messages about a run. The text beside them is what a notification shows.

Buttons are links only: nobody can start or stop anything from a channel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 3000  # characters of a section
BUTTONS = 5  # in a row on a wide screen
BUTTON = 75  # characters of a button's text
STEPS = 25  # the newest of a long run
MARKS = {"ok": ":heavy_check_mark:", "would": ":heavy_check_mark:", "": ":hourglass_flowing_sand:"}

Block = dict[str, Any]


def section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, LONGEST)}}


def progress(steps: Sequence[Mapping[str, Any]], running: str = "") -> str:
    """Return the steps that ended, one a line, and the one that runs."""
    lines = [step_line(step) for step in steps[-STEPS:]]
    return "\n".join([*lines, *([step_line({"name": running, "outcome": ""})] if running else [])])


def step_line(step: Mapping[str, Any]) -> str:
    mark = MARKS.get(str(step.get("outcome", "")), ":x:")
    took = f" in {step['seconds']} s" if step.get("seconds") is not None else ""
    return f"{mark} {step.get('name', '')}{took}"


def buttons(links: Sequence[Mapping[str, str]]) -> list[Block]:
    """Return a row of buttons that open addresses; none for anything else, which Slack would refuse."""
    found = [
        {
            "type": "button",
            "text": {"type": "plain_text", "text": _cut(str(link["name"]), BUTTON)},
            "url": str(link["url"]),
            "action_id": f"open_{number}",
        }
        for number, link in enumerate(links)
        if str(link.get("url", "")).startswith(("https://", "http://")) and str(link.get("name", "")).strip()
    ]
    return [{"type": "actions", "elements": found[:BUTTONS]}] if found else []


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]} …"
