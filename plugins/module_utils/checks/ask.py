# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks many checks at once: in a bounded number of threads, within a bounded time, whatever becomes of one of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..core.errors import RunbookError
from ..core.internal import internal
from ..core.parallel import answers
from .answer import Answer, due, not_applicable, not_configured, unasked
from .check import POINTS, Check, Context
from .settings import Setting

THREADS = 8


@dataclass(frozen=True)
class Asked:
    check: Check
    answer: Answer
    seconds: float = 0.0


def ask_all(
    checks: Sequence[Check],
    settings: Mapping[str, Setting],
    context: Context,
    *,
    point: str,
    timeout: float,
    reached: Sequence[str] = POINTS,
    clock: Callable[[], float] = time.monotonic,
) -> list[Asked]:
    """Ask each check of ``point``, and answer for those of later points that they are due; in the order of ``checks``.
    Earlier ones are left out. ``reached`` are the points that the run comes to.

    A check that has not answered after ``timeout`` seconds, or its own ``seconds`` where these are more, could not be
    asked. Its thread is left alone: no thread can be stopped from outside, and each client has its own limit.
    """
    later = POINTS[POINTS.index(point) :]
    mine = [check for check in checks if check.point in later]
    found = {check.id: Asked(check, _later(check, settings, reached)) for check in mine if check.point != point}
    asked = [check for check in mine if check.point == point]

    def question(check: Check) -> Callable[[], Answer]:
        return lambda: ask_one(check, settings[check.id], context)

    limits = {check.id: max(timeout, check.seconds) for check in asked}
    questions = {check.id: question(check) for check in asked}
    for name, one in answers(questions, timeout=limits, threads=THREADS, clock=clock).items():
        found[name] = Asked(next(check for check in asked if check.id == name), one.value, one.seconds)
    return [found.get(check.id) or _silent(check, limits[check.id]) for check in mine]


def _silent(check: Check, limit: float) -> Asked:
    advice = "Rerun it, or give the checks more time with timeout."
    return Asked(check, unasked(f"no answer within {limit:g} s", advice), limit)


def ask_one(check: Check, setting: Setting, context: Context) -> Answer:
    """Ask a check; what it raises is an answer as well: it could not be asked."""
    try:
        if missing := _missing(check, setting):
            return not_configured(missing)
        return check.ask(context, setting.options)
    except RunbookError as error:
        return unasked(str(error), facts={"error": dict(error.details)})
    except Exception as error:  # one check's fault must not hide the others' answers
        return unasked(str(internal(error)))


def _missing(check: Check, setting: Setting) -> str:
    """Say what a check lacks. A program is part of that where nobody asked for the check by name."""
    return check.missing(setting.options) or (check.lacking(setting.options) if setting.assumed else "")


def _later(check: Check, settings: Mapping[str, Setting], reached: Sequence[str]) -> Answer:
    if check.point not in reached:
        return not_applicable(f"this run has no {_step(check.point).removeprefix('the ')}")
    missing = _missing(check, settings[check.id])
    return not_configured(missing) if missing else due(_step(check.point))


def _step(point: str) -> str:
    return {"staged": "the staged release", "after": "the end of the deploy"}[point]
