# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The notifications about a run: texts in Slack's markup, and the blocks that show them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .events import is_good
from .notice_blocks import Block, buttons, progress, section, step_line

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

# GitHub needs a commit and Sentry a live release: what a restore or a maintenance calls its release is a backup, or
# on or off.
OF_A_COMMIT = ("deploy", "rollback", "migrate")
OF_A_LIVE_RELEASE = ("deploy", "rollback")


def notified(given: Mapping[str, Any], kind: str, checks_only: bool = False, begins: bool = False) -> list[str]:
    """Return what is notified of a run of ``kind``, in order: ``file``, ``slack``, ``github``, ``sentry``, ``events``.

    ``given`` holds the path of the report's file, the tokens and addresses by service (any one of them is enough), and
    ``github_ref``, with which GitHub is notified of any kind of run. Check mode notifies nobody. Sentry is notified of
    the end only.
    """
    wanted = {
        "file": bool(given.get("file")),
        "slack": any(given.get("slack", [])),
        "github": any(given.get("github", [])) and (kind in OF_A_COMMIT or bool(given.get("github_ref"))),
        "sentry": any(given.get("sentry", [])) and kind in OF_A_LIVE_RELEASE and not begins,
        "events": any(given.get("events", [])),
    }
    return [] if checks_only else [service for service, is_wanted in wanted.items() if is_wanted]


@dataclass(frozen=True)
class Run:
    """The facts of a run for its notifications. ``links`` are dashboards, each with a name and a url; ``steps`` are
    those that ended, and ``running`` is the name of the one under way.
    """

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
    steps: Sequence[Mapping[str, Any]] = field(default_factory=list)
    running: str = ""

    @property
    def good(self) -> bool:
        """Whether the run succeeded; a deploy that was rolled back did not."""
        return is_good({"kind": self.kind, "outcome": self.outcome})

    @property
    def word(self) -> str:
        if self.kind == "rollback" and self.outcome == "rolled_back":
            return "succeeded"
        return WORDS.get(self.outcome, self.outcome)


def blocks(run: Run) -> dict[str, list[Block]]:
    """Return the blocks of the same messages: began, which shows the progress too, headline and ended."""
    written = texts(run)
    pages = [{"name": "Report", "url": run.report_url}, {"name": "Log", "url": run.log_url}, *run.links]
    steps = [section(text)] if (text := progress(run.steps, run.running)) else []
    ended = [line for line in (run.message.strip(), _contacts(run)) if line]
    return {
        "began": [section(f":hourglass_flowing_sand: {_subject(run)} has started."), *steps, *buttons(pages[1:])],
        "headline": [section(written["headline"].partition("\n")[0]), *steps, *buttons(pages)],
        "ended": [
            section(written["headline"].partition("\n")[0]),
            *(section(html.escape(line, quote=False)) for line in ended),
            *buttons(pages),
        ],
    }


def _subject(run: Run) -> str:
    of = f" {'' if run.kind == 'maintenance' else 'of '}{run.release}" if run.release else ""  # maintenance on
    subject = f"*{run.environment}*: {run.kind}{of}" + (f" by {run.by}" if run.by else "")
    return html.escape(subject, quote=False)  # a name is no link, and mentions nobody


def _contacts(run: Run) -> str:
    return f"Call: {', '.join(run.contacts)}" if run.contacts and not run.good else ""


def texts(run: Run) -> dict[str, str]:
    """Return the texts of the notifications: began, headline, ended and step."""
    subject = _subject(run)
    dashboards = ", ".join(f"<{link['url']}|{link['name']}>" for link in run.links)
    links = f"\nDashboards: {dashboards}" if dashboards else ""
    headline = f"{':white_check_mark:' if run.good else ':x:'} {subject} {run.word}.{links}"
    report = f"<{run.report_url}|Report of this run>" if run.report_url else ""
    more = [html.escape(run.message.strip(), quote=False), run.log_url, report]
    more.append(_contacts(run))
    running = f"\n{progress(run.steps, run.running)}" if run.steps or run.running else ""
    return {
        "began": f":hourglass_flowing_sand: {subject} has started.{links}{running}",
        "headline": headline,
        "ended": "\n".join([headline, *(line for line in more if line)]),
        "step": step_line(run.last_step),
    }
