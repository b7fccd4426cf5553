# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The notifications about a run, in Slack's markup."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .events import is_good

WORDS = {
    "released": "is live",
    "migrated": "succeeded",
    "restored": "succeeded",
    "undone": "was undone",
    "closed": "succeeded",
    "open": "succeeded",
    "changed": "succeeded",
    "unchanged": "had nothing to change",
    "rolled_back": "was rolled back",
    "incomplete": "is INCOMPLETE: somebody has to act now",
    "lost": "lost the lease: its new holder decides which release serves",
    "unsafe": "stopped: the schema is unsafe for the old code",
    "failed": "failed before anything was rolled back",
}


@dataclass(frozen=True)
class Run:
    """The facts of a run for its notifications. ``links`` are dashboards, each with a name and a url."""

    environment: str
    kind: str
    release: str = ""
    outcome: str = "failed"
    by: str = ""
    message: str = ""
    log_url: str = ""
    report_url: str = ""
    links: Sequence[Mapping[str, str]] = field(default_factory=list)
    contacts: Sequence[str] = field(default_factory=list)
    last_step: Mapping[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether the run succeeded; a deploy that was rolled back did not."""
        return is_good({"kind": self.kind, "outcome": self.outcome})

    @property
    def word(self) -> str:
        if self.kind == "rollback" and self.outcome == "rolled_back":
            return "succeeded"
        return WORDS.get(self.outcome, self.outcome)


def texts(run: Run) -> dict[str, str]:
    """Return the texts of the notifications: began, headline, ended and step."""
    subject = (
        f"*{run.environment}*: {run.kind}"
        + (f" {'' if run.kind == 'maintenance' else 'of '}{run.release}" if run.release else "")  # maintenance on
        + (f" by {run.by}" if run.by else "")
    )
    dashboards = ", ".join(f"<{link['url']}|{link['name']}>" for link in run.links)
    links = f"\nDashboards: {dashboards}" if dashboards else ""
    headline = f"{':white_check_mark:' if run.good else ':x:'} {subject} {run.word}.{links}"
    report = f"<{run.report_url}|Report of this run>" if run.report_url else ""
    more = [html.escape(run.message.strip(), quote=False), run.log_url, report]
    if run.contacts and not run.good:
        more.append(f"Call: {', '.join(run.contacts)}")
    return {
        "began": f":hourglass_flowing_sand: {subject} has started.{links}",
        "headline": headline,
        "ended": "\n".join([headline, *(line for line in more if line)]),
        "step": _step(run.last_step),
    }


def _step(step: Mapping[str, Any]) -> str:
    mark = ":heavy_check_mark:" if step.get("outcome") == "ok" else ":x:"
    return f"{mark} {step.get('name', '')} in {step.get('seconds', 0)} s"
