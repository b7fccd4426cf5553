# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator reads of the checks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .answer import ATTESTED, DUE, FAILED, NOT_APPLICABLE, NOT_CONFIGURED, PASSED, UNASKED, WAIVED
from .judge import Judged, last_day

WORDS = {
    **{PASSED: "passed", FAILED: "failed", UNASKED: "could not be asked"},
    **{DUE: "due later", NOT_APPLICABLE: "not applicable", NOT_CONFIGURED: "not configured"},
}


def summary(judged: Sequence[Judged]) -> str:
    """Return the line of a deploy: 15 passed, 1 waived (C10 by bob until 2026-04-01), 1 attested (C11 by
    alice), 2 due later.
    """
    counts = Counter(one.answer.outcome for one in judged)
    parts = [f"{counts[PASSED]} passed"]
    for outcome, verb in ((WAIVED, "waived"), (ATTESTED, "attested")):
        settled = [_settled(one) for one in judged if one.answer.outcome == outcome]
        parts += [f"{len(settled)} {verb} ({', '.join(settled)})"] if settled else []
    parts += [
        f"{counts[outcome]} {WORDS[outcome]}"
        for outcome in (FAILED, UNASKED, DUE, NOT_APPLICABLE, NOT_CONFIGURED)
        if counts[outcome]
    ]
    return ", ".join(parts)


def _settled(one: Judged) -> str:
    return f"{one.check.id} by {one.by}" + (f" until {last_day(one.until)}" if one.until else "")


def lines(judged: Sequence[Judged]) -> list[str]:
    """Return a line for each check that says no or that could not be asked, those that only warn last."""
    shown = [one for one in judged if one.answer.outcome in (FAILED, UNASKED)]
    return [line(one) for one in sorted(shown, key=lambda one: not one.stops)]


def line(one: Judged) -> str:
    said = "; ".join([one.answer.answered, *one.notes])
    if one.answer.outcome == UNASKED:
        said = f"could not be asked: {said}"
    text = f"{one.check.id} {one.check.title}: {said}"
    return ("" if one.stops else "(only a warning) ") + ". ".join(
        part.rstrip(".") for part in (text, one.answer.advice, one.answer.url) if part
    )


def message(judged: Sequence[Judged]) -> str:
    """Return what a preflight says: how many say no, how many say go, and each no with what to do about it."""
    no = sum(1 for one in judged if one.stops)
    go = sum(1 for one in judged if one.answer.outcome in (PASSED, WAIVED, ATTESTED))
    later = sum(1 for one in judged if one.answer.outcome == DUE)
    counts = [f"{no} {'check says' if no == 1 else 'checks say'} no"] if no else []
    counts += [
        f"{go} {'says' if go == 1 else 'say'} go",
        *([f"{later} {'is' if later == 1 else 'are'} due later"] if later else []),
    ]
    return "\n  ".join([", ".join(counts) + ".", *lines(judged)])
