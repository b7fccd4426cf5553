# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator reads of the checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from .answer import ATTESTED, DUE, FAILED, NOT_APPLICABLE, NOT_CONFIGURED, PASSED, UNASKED, WAIVED
from .judge import Judged, last_day

NEAR = 300  # days within which a date needs no year
WORDS = {
    **{PASSED: "passed", FAILED: "failed", UNASKED: "could not be asked"},
    **{DUE: "due later", NOT_APPLICABLE: "not applicable", NOT_CONFIGURED: "not configured"},
}


def summary(judged: Sequence[Judged], now: datetime) -> str:
    """Return the line of a deploy: 15 passed, 1 waived (C10 by bob until 1 Apr), 1 attested (C11 by
    alice), 2 due later.
    """
    counts = Counter(one.answer.outcome for one in judged)
    parts = [f"{counts[PASSED]} passed"]
    for outcome, verb in ((WAIVED, "waived"), (ATTESTED, "attested")):
        settled = [_settled(one, now) for one in judged if one.answer.outcome == outcome]
        parts += [f"{len(settled)} {verb} ({', '.join(settled)})"] if settled else []
    parts += [
        f"{counts[outcome]} {WORDS[outcome]}"
        for outcome in (FAILED, UNASKED, DUE, NOT_APPLICABLE, NOT_CONFIGURED)
        if counts[outcome]
    ]
    return ", ".join(parts)


def unconfigured(judged: Sequence[Judged]) -> list[str]:
    """Return what each check that is not configured lacks. Checks that lack the same share a line."""
    lacking: dict[str, list[str]] = {}
    for one in judged:
        if one.answer.outcome == NOT_CONFIGURED:
            lacking.setdefault(one.answer.answered, []).append(one.check.id)
    return [f"{', '.join(ids)}: {what}" for what, ids in lacking.items()]


def _settled(one: Judged, now: datetime) -> str:
    return f"{one.check.id} by {one.by}" + (f" until {_day(one.until, now)}" if one.until else "")


def _day(until: datetime, now: datetime) -> str:
    """Return the last day of a waiver as a line of the screen has it: 1 Apr, with its year where that is not near."""
    day = date.fromisoformat(last_day(until)[:10])
    near = abs((day - now.astimezone(until.tzinfo).date()).days) < NEAR
    return f"{day.day} {day:%b}" + ("" if near else f" {day.year}")


def lines(judged: Sequence[Judged], release: str | None = None) -> list[str]:
    """Return a line for each check that says no or that could not be asked, those that only warn last."""
    shown = [one for one in judged if one.answer.outcome in (FAILED, UNASKED)]
    return [line(one, release) for one in sorted(shown, key=lambda one: not one.stops)]


def line(one: Judged, release: str | None = None) -> str:
    """Return what a check says, and what to do about it. With a ``release``, this is a deploy, in which it can be
    waived and some yield to an emergency.
    """
    answered = "; ".join([one.answer.answered, *one.notes])
    if one.answer.outcome == UNASKED:
        answered = f"could not be asked: {answered}"
    text = f"{one.check.id} {one.check.title}: {answered}"
    return ("" if one.stops else "(only a warning) ") + ". ".join(
        part.rstrip(".")
        for part in (text, one.answer.advice, one.answer.url, "" if release is None else _ways(one, release))
        if part
    )


def _ways(one: Judged, release: str) -> str:
    """Return the options with which a deploy passes over a no."""
    if not one.stops:
        return ""
    waive = f"To waive it: -e waive={one.check.id} -e waive_reason=…"
    if not one.check.yields:
        return waive
    return f"{waive}. In an emergency: approve.yml -e release={release}, and deploy.yml with -e emergency=…"


def message(judged: Sequence[Judged], release: str | None = None) -> str:
    """Return what a preflight says: how many say no, how many say go, and each no with what to do about it."""
    no = sum(1 for one in judged if one.stops)
    go = sum(1 for one in judged if one.answer.outcome in (PASSED, WAIVED, ATTESTED))
    later = sum(1 for one in judged if one.answer.outcome == DUE)
    counts = [f"{no} {'check says' if no == 1 else 'checks say'} no"] if no else []
    counts += [
        f"{go} {'says' if go == 1 else 'say'} go",
        *([f"{later} {'is' if later == 1 else 'are'} due later"] if later else []),
    ]
    return "\n  ".join([", ".join(counts) + ".", *lines(judged, release)])
