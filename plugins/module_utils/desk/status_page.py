# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status page: every surface on a line, then drift, lease, windows, what ends soon, and the next command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..core.amounts import age, moment, number
from ..release.pages import worst
from .drift import Drift, drift
from .gather import Facts, fact, value
from .held import held as held_by
from .page import ATTENTION, DOWN, LABEL, OK, WORDS, Row, columns, page
from .status import Surface, expiring, surfaces
from .storefront import Params, command


def build(params: Params, facts: Facts, now: datetime) -> dict[str, Any]:
    """Return {report, page, lines}: the page as data, as rows for the screen, and as plain lines."""
    closed = held_by(facts)
    found = surfaces(facts, now, params["database"]["backup_max_age"], closed)
    drifted, ends = drift(facts, closed), list(expiring(facts, now))
    held, notes = _lease(facts, now)
    levels = [one.level for one in found] + [level for level, _what, _days in ends]
    levels += [ATTENTION] if drifted or closed or held == ATTENTION else []
    level = worst(levels)
    steps = _next(params, level, drifted, facts)
    report = {
        "level": level,
        "verdict": verdict(level, found),
        "surfaces": {one.name: _described(one) for one in found},
        "drift": [one.described() for one in drifted],
        "maintenance": closed.described() if closed else None,
        "lease": _lease_data(facts),
        "windows": fact(facts, "windows").value,
        "expiring": [{"what": what, "days_left": days, "level": word} for word, what, days in ends],
        "unreachable": {name: one.problem for name, one in facts.items() if one.problem},
        "next": [text for text, is_command in steps if is_command],
        "seconds": {name: one.seconds for name, one in facts.items() if one.seconds},
        "contacts": params["contacts"] if level != OK else [],
        "dashboards": params["dashboards"] if level != OK else [],
    }
    rows = [*_table(found, now), *_drift_rows(drifted)]
    rows += [Row(f" {closed.text(now)}", "maintenance", ATTENTION)] if closed else []
    rows += [Row(text, "lease", held) for text in notes[:1]] + [
        Row(text, "", held, indent=2 + LABEL) for text in notes[1:]
    ]
    rows += _window_row(facts) + _expiry_rows(ends) + _next_rows(steps) + contact_rows(params, level)
    return {"report": report, **page(rows)}


def verdict(level: str, found: Sequence[Surface]) -> str:
    """Return the page in a sentence: which surfaces are down, or need attention."""
    names = [one.name for one in found if one.level == level]
    if level == OK:
        return "Everything is well."
    if not names:
        return "ATTENTION: see the page."
    return f"{WORDS[level]}: {', '.join(names)}."


def _described(one: Surface) -> dict[str, Any]:
    return {
        "level": one.level,
        "release": one.release or None,
        "since": one.since,
        "facts": one.facts,
        "why": one.why,
        **one.details,
    }


def _table(found: Sequence[Surface], now: datetime) -> list[Row]:
    cells = [[one.name, one.release, _age(one.since, now), ", ".join(one.facts), WORDS[one.level]] for one in found]
    rows = []
    for one, text in zip(found, columns(cells), strict=True):
        rows.append(Row(text, level=one.level))
        rows += [Row(why, level=one.level, indent=2 + LABEL) for why in one.why]
    return rows


def _age(since: str | None, now: datetime) -> str:
    at = moment(since) if since else None
    return age((now - at).total_seconds()) if at else ""


def _drift_rows(drifted: Sequence[Drift]) -> list[Row]:
    return [
        Row(one.text(), "" if number else "drift", ATTENTION, indent=2 + (LABEL if number else 0))
        for number, one in enumerate(drifted)
    ]


def _lease(facts: Facts, now: datetime) -> tuple[str, list[str]]:
    """Return the level and the words for the lease and its journal."""
    found = fact(facts, "lease")
    if found.kind == "absent":
        return OK, []
    if found.problem:
        return ATTENTION, [f"not known: {found.problem}"]
    journal = found.value.get("journal") or {}
    step = f", at {journal['step']}" if journal.get("step") else ""
    if found.value["state"] == "held":
        since = _age(found.value.get("acquired_at"), now)
        what = f" for {found.value['release']}" if found.value.get("release") else ""
        return OK, [f"held by {found.value['holder']}{what} since {since}{step}"]
    if journal:
        kind, release = journal.get("kind", "deploy"), journal.get("release") or "a release"
        left = f"the {kind} of {release} did not finish{step}: the next deploy or rollback settles it"
        return ATTENTION, ["free", left]
    return OK, ["free"]


def _lease_data(facts: Facts) -> dict[str, Any] | None:
    found = value(facts, "lease")
    if not found:
        return None
    journal = found.get("journal") or {}
    names = ("state", "holder", "release", "acquired_at", "deadline")
    return {**{name: found.get(name) for name in names}, "step": journal.get("step"), "unfinished": bool(journal)}


def _window_row(facts: Facts) -> list[Row]:
    found = fact(facts, "windows")
    if found.kind == "absent":
        return []
    return [Row(found.problem or found.value["answered"], "windows", ATTENTION if found.problem else "")]


def _expiry_rows(ends: Sequence[tuple[str, str, int]]) -> list[Row]:
    texts = [
        f"{what} {number(days, 'day')}" if days >= 0 else f"{what} ended {number(-days, 'day')} ago"
        for _level, what, days in ends
    ]
    level = worst([word for word, _what, _days in ends])
    return [Row(", ".join(texts), "valid for", level if level != OK else "")] if texts else []


def _next(params: Params, level: str, drifted: Sequence[Drift], facts: Facts) -> list[tuple[str, bool]]:
    """Return what to do next, each with whether it is a command."""
    if level == OK:
        return []
    steps = [(command(params, "diagnose"), True)]
    if (maintained := held_by(facts)) and maintained.way != "deploy":
        steps.append((command(params, "maintenance", "-e maintenance_state=off"), True))
    if level == DOWN:
        steps.append((command(params, "rollback"), True))
    unfinished = (value(facts, "lease") or {}).get("journal")
    if not unfinished and any(one.kind in ("promoted", "rolled back", "deployed", "stopped") for one in drifted):
        release = ((value(facts, "ledger") or {}).get("live") or {}).get("release")
        if release:
            steps.append((command(params, "deploy", f"-e release={release}"), True))
    return steps


def _next_rows(steps: Sequence[tuple[str, bool]]) -> list[Row]:
    labels = ["next", *["or"] * len(steps)]
    return [Row(text, label, command=is_command) for label, (text, is_command) in zip(labels, steps, strict=False)]


def contact_rows(params: Mapping[str, Any], level: str) -> list[Row]:
    """Return whom to call and where to look, where something is not well."""
    if level == OK:
        return []
    links = [f"{one.get('name')} {one.get('url')}" for one in params["dashboards"]]
    rows = [Row(", ".join(params["contacts"]), "contacts")] if params["contacts"] else []
    return rows + ([Row(", ".join(links), "dashboards")] if links else [])
