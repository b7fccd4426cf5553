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
from .amounts import clock, date, duration, moment, number
from .failure import APPROVAL, without_log
from .page import ATTENTION, BAD, GOOD, Line
from .plan import SEPARATOR
from .state import State
from .text import brief, clean, listed, one_line

FIXED = ("RELEASED", "ROLLED BACK", "ROLLBACK INCOMPLETE", "ROLLBACK UNSAFE", "LEASE LOST")
_LIVE_AGAIN = re.compile(r"\s*(Live again|Nothing was live before in)[^\n]*?(?:\.(?=\s|$)|$)")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_BACK = re.compile(r"^(ROLLED BACK to \S+)\.(?=\s|$)")
DONE = {"backup": "BACKED UP", "prove": "PROVEN", "preflight": "GO: nothing is in the way; nothing was changed. Checked"}
WORDS = {"migrated": "MIGRATED", "restored": "RESTORED", "undone": "RESTORE UNDONE"}
FAILED = {"backup": "NOT BACKED UP", "prove": "NOT PROVEN", "migrate": "NOT MIGRATED", "restore": "NOT RESTORED", "rollback": "NOT ROLLED BACK"}
_NOTES = 4
_SENTENCE, _ROWS = 800, 60  # characters of a line, and lines, of the play's own message


def lines(run: State, bad: bool) -> list[Line]:
    """Return how a run ended. ``bad`` is what Ansible counts: failed or unreachable."""
    outcome = str(run.report.get("outcome") or ("failed" if bad else ""))
    good = (
        outcome in ("go", "released", "migrated", "restored", "undone", "checked") or (outcome == "rolled_back" and run.about.kind == "rollback") or not outcome
    )
    good = good and not bad and not run.verdict
    headline, more = _outcome(run, outcome, good)
    colour = GOOD if good else ATTENTION if outcome == "rolled_back" else BAD
    parts = [Line(), Line(headline, colour=colour), *more]
    if outcome not in ("go", "checked", "incomplete", "lost", "failed", ""):
        parts += _live(run)
    parts += [Line(one_line(note), "open", colour=ATTENTION) for note in _notes(run)[:_NOTES]]
    parts += _next(run, outcome, good)
    return [*parts, *_more(run, good)]


def _outcome(run: State, outcome: str, good: bool) -> tuple[str, list[Line]]:
    about, message = run.about, _message(run)
    took = duration(run.now - about.began)
    if outcome == "released":
        usual = duration(run.history.usual_deploy())
        return f"RELEASED {run.report.get('release') or about.release} in {took}{f' (usually {usual})' if usual else ''}.", []
    if outcome == "checked" and good:
        return f"CHECKED in {took}: nothing was changed.", []
    if outcome == "rolled_back" and about.kind == "deploy":
        return _rolled_back(run, message), []
    if good and outcome in WORDS:
        message = f"{WORDS[outcome]} in {took}. {message}"
    elif not good and run.failed:
        message = f"{_failed(run)} {message}".strip()
    elif good and not message:
        message = f"{DONE.get(about.kind, 'DONE')} in {took}."
    message = _BACK.sub(rf"\1 in {took}.", message) if good else message
    first, _unused, rest = (message or "FAILED.").partition("\n")
    return brief(first, _SENTENCE), [Line(brief(row, _SENTENCE), indent=2) for row in rest.split("\n")[:_ROWS] if row.strip()]


def _rolled_back(run: State, message: str) -> str:
    step = run.failed.what if run.failed else str(run.facts.get("release_step", {}).get("name") or "")
    unit = run.failed.unit if run.failed else ""
    back = _releases(run.facts.get("release_snapshot"))
    to = f" to {back[0]}" if len(back) == 1 else ""
    unverified = re.search(r"\(not verified[^)]*\)", message)
    last = f" It is {unverified[0][1:-1]}." if unverified else _kept(run.facts.get("release_snapshot"))
    return f"ROLLED BACK{to}: {labels.of_step(step, unit) if step else 'the deploy'} failed.{last}"


def _failed(run: State) -> str:
    """Return which part failed, which is above with its reason; nothing where the play's own message begins with a fixed word."""
    about = run.about
    if str(run.report.get("message") or "").startswith(FIXED):
        return ""
    if about.kind == "backup" and "pg_backup" in run.did:
        return f"BACKED UP, but FAILED: {run.failed_at}."
    unchanged = about.kind in LEASED and not run.leased
    if run.failed and run.failed.unreachable:
        return f"UNREACHABLE: {about.storefront}.{' Nothing was changed.' if unchanged else ''}"
    if run.failed and run.failed.waits:
        return f"{FAILED.get(about.kind, 'FAILED')}: it waits for an approval."
    what = f"{FAILED[about.kind]}: {run.failed_at} failed." if about.kind in FAILED else f"FAILED: {run.failed_at}."
    return f"{what} Nothing was changed." if unchanged else what


def _message(run: State) -> str:
    """The play's own message, without what is on the screen already."""
    text, verdict = clean(run.report.get("message")).strip() if run.report.get("message") else "", clean(run.verdict).strip()
    if verdict and verdict not in text:
        text = f"{verdict}\n{text}"
    if run.failed:
        text = without_log(text, run.failed.log)
        for shown in (without_log(clean(run.facts.get("release_failure") or ""), run.failed.log), run.failed.why):
            text = text.replace(shown.strip(), "") if shown.strip() else text
    text = _TIME.sub(_local, _LIVE_AGAIN.sub("", text))
    rows = [re.sub(r"[ \t]+", " ", row).strip() for row in text.split("\n")]
    return "\n".join(row for row in rows if row)


def _local(found: re.Match[str]) -> str:
    at = moment(found[0])
    return date(at) if at else found[0]


def _kept(snapshot: Any) -> str:
    units = snapshot.values() if isinstance(snapshot, Mapping) else []
    was_live = any(isinstance(unit, Mapping) and unit.get("id") for unit in units)
    return " Every unit serves what it served before." if was_live or not units else " Nothing was live before, and the backend is stopped again."


def _releases(units: Any) -> list[str]:
    if not isinstance(units, Mapping):
        return []
    return list(dict.fromkeys(str(was.get("release")) for was in units.values() if isinstance(was, Mapping) and was.get("release")))


def _live(run: State) -> list[Line]:
    outcome = run.report.get("outcome")
    units = run.record.get("units") if outcome == "released" else run.facts.get("release_snapshot")
    if outcome == "rolled_back" and run.about.kind == "rollback":
        units = run.facts.get("release_target")
    described = [f"{unit} {_named(was)}" for unit, was in units.items() if isinstance(was, Mapping)] if isinstance(units, Mapping) else []
    described = [*_database(run, str(outcome)), *described]
    if not described:
        return []
    urls = run.report.get("urls")
    addresses = [str(url) for url in urls.values()] if isinstance(urls, Mapping) and urls else [run.about.url] if run.about.url else []
    return [Line(SEPARATOR.join([*described, *addresses]), "live")]


def _database(run: State, outcome: str) -> list[str]:
    """Return which database or which schema is live after a run that moved it alone."""
    if outcome in ("restored", "undone"):
        restored = run.facts.get("database_restored")
        return [f"database {restored['serves']}"] if isinstance(restored, Mapping) and restored.get("serves") else []
    known = run.facts.get("database_known")
    if outcome != "migrated" or not isinstance(known, Mapping):
        return []
    applied = sorted({*(name for name, state in known.items() if state == "applied"), *(run.facts.get("database_migrated") or [])})
    return [f"schema {applied[-1]} ({number(len(applied), 'migration')})"] if applied else []


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
        return [Line(about.command("rollback"), "undo", command=True)] if run.plan.serves or not run.plan.live else []
    if outcome == "restored":
        return [Line(about.command("restore", "-e undo=true"), "undo", command=True)]
    if outcome == "rolled_back" and about.kind == "deploy":
        return [Line(about.again(), "once it is corrected", command=True)]
    if outcome in ("incomplete", "lost"):
        return [Line(about.again(), "continue", command=True), Line(about.command("rollback"), "or go back", command=True)]
    if good:
        follows = {
            "preflight": ("deploy", f"-e release={about.release}"),
            "backup": ("prove", ""),
            "prove": ("backups", ""),
            "migrate": ("deploy", f"-e release={about.release}"),
        }
        playbook, options = follows.get(about.kind, ("", ""))
        return [Line(about.command(playbook, *filter(None, [options])), "next", command=True)] if playbook else []
    approval = APPROVAL.search(run.verdict) or APPROVAL.search(run.failed.why if run.failed else "")
    if approval and about.kind == "restore":
        return [Line(about.again(approval[0]), "to continue", command=True)]
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
    parts = [Line(), Line(left, colour=BAD), Line(about.again(), "continue", command=True)]
    return parts if about.kind == "rollback" else [*parts, Line(about.command("rollback"), "or go back", command=True)]


def batch_not_started(storefronts: list[str]) -> Line:
    return Line(f"NOT STARTED: {listed(storefronts, 6)}.", colour=ATTENTION)
