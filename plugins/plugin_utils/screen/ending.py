# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last lines: the outcome, whose first words are fixed, what is live, what to do next, and where more is written.

Programs look for RELEASED, ROLLED BACK, ROLLBACK INCOMPLETE, ROLLBACK UNSAFE and LEASE LOST at the beginning of the outcome's line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from . import labels
from .about import LEASED
from .amounts import clock, duration, moment
from .failure import without_log
from .page import ATTENTION, BAD, GOOD, Line
from .plan import SEPARATOR
from .state import State
from .text import clean, listed, one_line

FIXED = ("RELEASED", "ROLLED BACK", "ROLLBACK INCOMPLETE", "ROLLBACK UNSAFE", "LEASE LOST")
_LIVE_AGAIN = re.compile(r"\s*(Live again|Nothing was live before of)[^\n]*?(?:\.(?=\s|$)|$)")
_APPROVAL = re.compile(r"-e approve_restore=\S+")
_NOTES = 4
_SENTENCE, _ROWS = 800, 60  # characters of a line, and lines, of the play's own message


def lines(run: State, bad: bool) -> list[Line]:
    """Return how a run ended. ``bad`` is what Ansible counts: failed or unreachable."""
    outcome = str(run.report.get("outcome") or ("failed" if bad else ""))
    good = outcome in ("released", "migrated", "restored", "undone", "checked") or (outcome == "rolled_back" and run.about.kind == "rollback") or not outcome
    good = good and not bad and not run.verdict
    headline, more = _outcome(run, outcome, good)
    colour = GOOD if good else ATTENTION if outcome == "rolled_back" else BAD
    parts = [Line(), Line(headline, colour=colour), *more]
    if outcome not in ("checked", "incomplete", "lost", "failed", ""):
        parts += _live(run)
    parts += [Line(one_line(note), "open", colour=ATTENTION) for note in _notes(run)[:_NOTES]]
    parts += _next(run, outcome, good)
    return [*parts, *_more(run, good)]


def _outcome(run: State, outcome: str, good: bool) -> tuple[str, list[Line]]:
    about, message = run.about, _message(run)
    took = duration(run.now - about.began)
    if outcome == "released":
        return f"RELEASED {run.report.get('release') or about.release} in {took}.", []
    if outcome == "checked" and good:
        return f"CHECKED in {took}: nothing was changed.", []
    if outcome == "rolled_back" and about.kind == "deploy":
        step = run.failed.what if run.failed else str(run.facts.get("release_step", {}).get("name") or "")
        unit = run.failed.unit if run.failed else ""
        back = _releases(run.facts.get("release_snapshot"))
        to = f" to {back[0]}" if len(back) == 1 else ""
        unverified = re.search(r"\(not verified[^)]*\)", message)
        last = f" It is {unverified[0][1:-1]}." if unverified else " Every unit serves what it served before."
        return f"ROLLED BACK{to}: {labels.of_step(step, unit) if step else 'the deploy'} failed.{last}", []
    if message:
        first, _unused, rest = message.partition("\n")
        if good and outcome in ("rolled_back", "migrated", "restored"):
            first = f"{first.rstrip('.')} (in {took})." if "." not in first.rstrip(".") else first
        return first[:_SENTENCE], [Line(row[:_SENTENCE], indent=2) for row in rest.split("\n")[:_ROWS] if row.strip()]
    if good:
        return f"{_done(about.kind)} in {took}.", []
    if run.failed:
        what = labels.of_step(run.failed.what) if run.failed.what else f"{about.kind}"
        return f"FAILED: {what}. {'' if run.leased or about.kind not in LEASED else 'Nothing was changed.'}".rstrip(), []
    return "FAILED.", []


def _done(kind: str) -> str:
    return {"backup": "BACKED UP", "prove": "PROVEN", "preflight": "GO: nothing is in the way; nothing was changed. Checked"}.get(kind, "DONE")


def _message(run: State) -> str:
    """The play's own message, without what is on the screen already."""
    text = clean(run.report.get("message") or run.verdict).strip()
    if run.failed:
        text = without_log(text, run.failed.log)
    summary = clean(run.facts.get("release_failure") or "").strip()
    summary = without_log(summary, run.failed.log) if run.failed else summary
    if summary and run.failed:
        text = text.replace(summary.strip(), "")
    text = _LIVE_AGAIN.sub("", text)
    rows = [re.sub(r"[ \t]+", " ", row).strip() for row in text.split("\n")]
    return "\n".join(row for row in rows if row)


def _releases(units: Any) -> list[str]:
    if not isinstance(units, Mapping):
        return []
    return list(dict.fromkeys(str(was.get("release")) for was in units.values() if isinstance(was, Mapping) and was.get("release")))


def _live(run: State) -> list[Line]:
    units = run.record.get("units") if run.report.get("outcome") == "released" else None
    if run.report.get("outcome") == "rolled_back":
        units = run.facts.get("release_target") if run.about.kind == "rollback" else run.facts.get("release_snapshot")
    if not isinstance(units, Mapping) or not units:
        return []
    described = [f"{unit} {_named(was)}" for unit, was in units.items() if isinstance(was, Mapping)]
    return [Line(SEPARATOR.join([*described, *([run.about.url] if run.about.url else [])]), "live")]


def _named(was: Mapping[str, Any]) -> str:
    return str(was.get("release") or was.get("id") or "nothing")


def _notes(run: State) -> list[str]:
    notes = run.report.get("notes")
    return [str(note) for note in notes] if isinstance(notes, list) else []


def _next(run: State, outcome: str, good: bool) -> list[Line]:
    about = run.about
    if outcome == "checked" and good:
        return [Line(about.again(), "next", command=True)]
    if outcome == "released":
        return [Line(about.command("rollback"), "undo", command=True)]
    if outcome == "restored":
        return [Line(about.command("restore", "-e undo=true"), "undo", command=True)]
    if outcome == "rolled_back" and about.kind == "deploy":
        return [Line(about.again(), "once it is corrected", command=True)]
    if outcome in ("incomplete", "lost"):
        return [Line(about.again(), "go on", command=True), Line(about.command("rollback"), "or go back", command=True)]
    if good:
        follows = {"preflight": ("deploy", f"-e release={about.release}"), "backup": ("backups", ""), "migrate": ("deploy", f"-e release={about.release}")}
        playbook, options = follows.get(about.kind, ("", ""))
        return [Line(about.command(playbook, *filter(None, [options])), "next", command=True)] if playbook else []
    approval = _APPROVAL.search(run.verdict)
    if approval and about.kind == "restore":
        return [Line(about.again(approval[0]), "to go on", command=True)]
    if outcome in ("failed", "checked"):
        return [Line(about.again(), "once it is corrected", command=True)]
    return []


def _more(run: State, good: bool) -> list[Line]:
    parts = []
    if not good and (run.about.contacts or run.about.dashboards):
        parts.append(Line(SEPARATOR.join([*run.about.contacts, *run.about.dashboards]), "contacts"))
    described = [
        f"{label} {value}"
        for label, value in (("report", run.facts.get("report_path")), ("record", "" if run.about.check else run.report.get("record")))
        if value
    ]
    return [*parts, Line("   ".join(described), "written")] if described else parts


def interrupted(run: State, why: str) -> list[Line]:
    """Return what is left of a run that did not come to its end, and how to go on."""
    about, step = run.about, run.step
    where = f" in {labels.of_step(step.name)}" if step else ""
    if about.kind not in LEASED:
        return [Line(), Line(f"{why}{where}. Run it again: what was half done is found and cleaned up.", colour=BAD), Line(about.again(), "next", command=True)]
    if not run.leased:
        return [Line(), Line(f"{why} before anything was changed.", colour=BAD), Line(about.again(), "next", command=True)]
    until = moment(run.deadline)
    free = f" The lease is free from {clock(until)}, or at once with -e break_lease=<reason>." if until else ""
    left = f"{why}{where}: nothing was put back. What was live before is in the journal, and the next run settles it.{free}"
    parts = [Line(), Line(left, colour=BAD), Line(about.again(), "go on", command=True)]
    return parts if about.kind == "rollback" else [*parts, Line(about.command("rollback"), "or go back", command=True)]


def batch_not_started(storefronts: list[str]) -> Line:
    return Line(f"NOT STARTED: {listed(storefronts, 6)}.", colour=ATTENTION)
