# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last lines: the outcome, what is live, what to do next, and where more is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import labels
from .about import LEASED, LEVERS
from .amounts import clock, moment, number
from .failure import APPROVAL
from .given import FILE, FILE_MUST_SET
from .headline import headline
from .page import ATTENTION, BAD, GOOD, LABEL, Line
from .plan import SEPARATOR
from .state import State
from .text import listed, one_line

_NOTES = 4


def lines(run: State, bad: bool) -> list[Line]:
    """Return how a run ended. ``bad`` is what Ansible counts: failed or unreachable."""
    outcome = str(run.report.get("outcome") or ("failed" if bad else ""))
    good = (
        outcome in ("go", "released", "migrated", "restored", "undone", "checked", "changed", "unchanged")
        or (outcome == "rolled_back" and run.about.kind == "rollback")
        or not outcome
    )
    good = good and not bad and not run.verdict
    first, more = headline(run, outcome, good)
    colour = GOOD if good else ATTENTION if outcome == "rolled_back" else BAD
    parts = [Line(), Line(first, colour=colour), *more]
    if outcome not in ("go", "checked", "incomplete", "lost", "failed", ""):
        parts += _live(run)
    parts += [Line(one_line(note), "open", colour=ATTENTION) for note in _listed(run, "notes")[:_NOTES]]
    parts += [Line(one_line(what), "not asked") for what in _listed(run, "not_asked")]
    parts += _next(run, outcome, good)
    return [*parts, *file_needed(run, parts), *_more(run, good)]


def file_needed(run: State, shown: list[Line], broad: int = LABEL) -> list[Line]:
    """Return what the file must have that a command names instead of secrets."""
    if not any(line.command and FILE in line.text for line in shown):
        return []
    return [Line(FILE_MUST_SET.format(listed(run.about.secrets, 12)), "FILE", broad=broad)]


def _live(run: State) -> list[Line]:
    outcome = run.report.get("outcome")
    units = run.record.get("units") if outcome == "released" else run.facts.get("release_snapshot")
    if outcome == "rolled_back" and run.about.kind == "rollback":
        units = run.facts.get("release_target")
    described = (
        [f"{unit} {_named(was)}" for unit, was in units.items() if isinstance(was, Mapping)]
        if isinstance(units, Mapping)
        else []
    )
    described = [*_database(run, str(outcome)), *described]
    if not described:
        return []
    urls = run.report.get("urls")
    addresses = (
        [str(url) for url in urls.values()]
        if isinstance(urls, Mapping) and urls
        else [run.about.url]
        if run.about.url
        else []
    )
    return [Line(SEPARATOR.join([*described, *addresses]), "live")]


def _database(run: State, outcome: str) -> list[str]:
    """Return which database or which schema is live after a run that moved it alone."""
    if outcome in ("restored", "undone"):
        restored = run.facts.get("database_restored")
        return [f"database {restored['serves']}"] if isinstance(restored, Mapping) and restored.get("serves") else []
    known = run.facts.get("database_known")
    if outcome != "migrated" or not isinstance(known, Mapping):
        return []
    applied = sorted(
        {*(name for name, state in known.items() if state == "applied"), *(run.facts.get("database_migrated") or [])}
    )
    return [f"schema {applied[-1]} ({number(len(applied), 'migration')})"] if applied else []


def _named(was: Mapping[str, Any]) -> str:
    return str(was.get("release") or was.get("id") or "nothing")


def _listed(run: State, name: str) -> list[str]:
    found = run.report.get(name)
    return [str(one) for one in found] if isinstance(found, list) else []


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
        if about.kind in LEVERS:
            return [Line(about.again(), "continue", command=True)]
        return [
            Line(about.again(), "continue", command=True),
            Line(about.command("rollback"), "or go back", command=True),
        ]
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
    if "approve.yml -e release=" in run.verdict and about.kind in ("deploy", "preflight"):
        emergency = ["-e emergency=REASON"] if any("emergency=" in option for option in about.options) else []
        words = [f"-e release={about.release}", *emergency, "-e approval_key=KEY"]
        return [
            Line(about.command("approve", *words), "to approve", command=True),
            Line(about.again(), "once it is corrected", command=True),
        ]
    if outcome in ("failed", "checked"):
        why = "" if run.leased else "\n".join([run.verdict, run.failed.why if run.failed else ""])
        return [Line(about.refused(why), "once it is corrected", command=True)]
    return []


def _more(run: State, good: bool) -> list[Line]:
    parts = []
    if not good and (run.about.contacts or run.about.dashboards):
        parts.append(Line(SEPARATOR.join([*run.about.contacts, *run.about.dashboards]), "contacts"))
    report, record = run.facts.get("report_path"), "" if run.about.check else run.report.get("record")
    parts += [Line(str(report), "report")] if report else []
    return [*parts, Line(f"record {record}", "written")] if record else parts


def interrupted(run: State, why: str) -> list[Line]:
    """Return what is left of a run that did not finish, and how to continue."""
    parts = _interrupted(run, why)
    return [*parts, *file_needed(run, parts)]


def _interrupted(run: State, why: str) -> list[Line]:
    about, step = run.about, run.step
    where = f" in {labels.of_step(step.name)}" if step else ""
    if about.kind not in LEASED:
        return [
            Line(),
            Line(f"{why}{where}. Run it again: what was half done is found and cleaned up.", colour=BAD),
            Line(about.again(), "next", command=True),
        ]
    if not run.leased:
        return [
            Line(),
            Line(f"{why} before anything was changed.", colour=BAD),
            Line(about.again(), "next", command=True),
        ]
    until = moment(run.deadline)
    if about.kind in LEVERS:
        return _lever(run, f"{why}{where}", until)
    free = f" The lease is free from {clock(until)}, or at once with -e break_lease=<reason>." if until else ""
    left = (
        f"{why}{where}: nothing was put back. What was live before is in the journal, and the next run settles"
        f" it.{free}"
    )
    parts = [Line(), Line(left, colour=BAD), Line(about.again(), "continue", command=True)]
    return parts if about.kind == "rollback" else [*parts, Line(about.command("rollback"), "or go back", command=True)]


def _lever(run: State, what: str, until: Any) -> list[Line]:
    free = f" The lease is free from {clock(until)}, or at once with -e break_lease=<reason>." if until else ""
    left = f"{what}. What was changed stays; its journal is in the store, and a rerun finishes it.{free}"
    return [Line(), Line(left, colour=BAD), Line(run.about.again(), "continue", command=True)]


def batch_not_started(storefronts: list[str]) -> Line:
    return Line(f"NOT STARTED: {listed(storefronts, 6)}.", colour=ATTENTION)
