# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line of the outcome, whose first words are fixed: programs look for them at its beginning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from . import labels
from .about import LEASED, LEVERS
from .amounts import duration, local_times
from .failure import without_log
from .page import Line
from .state import State
from .text import brief, clean

FIXED = ("RELEASED", "ROLLED BACK", "ROLLBACK INCOMPLETE", "ROLLBACK UNSAFE", "LEASE LOST")
_LIVE_AGAIN = re.compile(r"\s*(Live again|Nothing was live before in)[^\n]*?(?:\.(?=\s|$)|$)")
_BACK = re.compile(r"^(ROLLED BACK to \S+)\.(?=\s|$)")
DONE = {
    "backup": "BACKED UP",
    "prove": "PROVEN",
    "preflight": "GO: nothing is in the way; nothing was changed. Checked",
}
CHANGED = {
    "scale": "SCALED",
    "restart": "RESTARTED",
    "variables": "VARIABLES CHANGED",
    "secrets": "SECRETS ROTATED",
    "seed": "SEEDED",
    "refresh": "REFRESHED",
}
WORDS = {"migrated": "MIGRATED", "restored": "RESTORED", "undone": "RESTORE UNDONE"}
FAILED = {
    "backup": "NOT BACKED UP",
    "prove": "NOT PROVEN",
    "migrate": "NOT MIGRATED",
    "restore": "NOT RESTORED",
    "rollback": "NOT ROLLED BACK",
    "scale": "NOT SCALED",
    "restart": "NOT RESTARTED",
    "variables": "NOT SET",
    "secrets": "NOT ROTATED",
    "seed": "NOT SEEDED",
    "refresh": "NOT REFRESHED",
}
_SENTENCE, _ROWS = 800, 60  # characters of a line, and lines, of the play's own message


def headline(run: State, outcome: str, good: bool) -> tuple[str, list[Line]]:
    """Return the line of the outcome, and the further lines of the play's own message."""
    about, message = run.about, _message(run)
    took = duration(run.now - about.began - run.history.rehearsed)
    if outcome == "released":
        usual = duration(run.history.usual_deploy())
        return (
            f"RELEASED {run.report.get('release') or about.release} in {took}{f' (usually {usual})' if usual else ''}.",
            [],
        )
    if outcome == "checked" and good:
        return f"CHECKED in {took}: nothing was changed.", []
    if outcome == "rolled_back" and about.kind == "deploy":
        return _rolled_back(run, message), []
    word = _word(about.kind, outcome)
    if good and word:
        message = f"{word} in {took}. {message}".rstrip()
    elif not good and run.failed:
        message = f"{_failed(run)} {message}".strip()
    elif good and not message:
        message = f"{DONE.get(about.kind, 'DONE')} in {took}."
    message = _BACK.sub(rf"\1 in {took}.", message) if good else message
    first, _unused, rest = (message or "FAILED.").partition("\n")
    return brief(first, _SENTENCE), [
        Line(brief(row, _SENTENCE), indent=2) for row in rest.split("\n")[:_ROWS] if row.strip()
    ]


def _word(kind: str, outcome: str) -> str | None:
    if kind in LEVERS:
        words = {"changed": CHANGED[kind], "undone": "UNDONE", "unchanged": "NOTHING TO CHANGE"}
        return words.get(outcome)
    return WORDS.get(outcome)


def _rolled_back(run: State, message: str) -> str:
    step = run.failed.what if run.failed else str(run.facts.get("release_step", {}).get("name") or "")
    unit = run.failed.unit if run.failed else ""
    back = _releases(run.facts.get("release_snapshot"))
    to = f" to {back[0]}" if len(back) == 1 else ""
    unverified = re.search(r"\(not verified[^)]*\)", message)
    last = f" It is {unverified[0][1:-1]}." if unverified else _kept(run.facts.get("release_snapshot"))
    return f"ROLLED BACK{to}: {labels.of_step(step, unit) if step else 'the deploy'} failed.{last}"


def _failed(run: State) -> str:
    """Return which part failed, which is above with its reason; nothing where the play's own message begins
    with a fixed word.
    """
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
    text, verdict = (
        clean(run.report.get("message")).strip() if run.report.get("message") else "",
        clean(run.verdict).strip(),
    )
    if verdict and verdict not in text:
        text = f"{verdict}\n{text}"
    if run.failed:
        text = without_log(text, run.failed.log)
        for shown in (without_log(clean(run.facts.get("release_failure") or ""), run.failed.log), run.failed.why):
            text = text.replace(shown.strip(), "") if shown.strip() else text
    text = local_times(_LIVE_AGAIN.sub("", text))
    rows = [re.sub(r"[ \t]+", " ", row).strip() for row in text.split("\n")]
    return "\n".join(row for row in rows if row)


def _kept(snapshot: Any) -> str:
    units = snapshot.values() if isinstance(snapshot, Mapping) else []
    was_live = any(isinstance(unit, Mapping) and unit.get("id") for unit in units)
    if was_live or not units:
        return " Every unit serves what it served before."
    stopped = snapshot.keys() - {"frontend"}
    return f" Nothing was live before{', and the backend is stopped again' if stopped else ''}."


def _releases(units: Any) -> list[str]:
    if not isinstance(units, Mapping):
        return []
    return list(
        dict.fromkeys(
            str(was.get("release")) for was in units.values() if isinstance(was, Mapping) and was.get("release")
        )
    )
