# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs checks for a module: what is wrong with its options first, then every answer, then the verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ..core.errors import ConfigError, NoGo
from ..source.checkout import resolve
from .answer import DUE, FAILED, UNASKED
from .ask import ask_all
from .check import GATE, POINTS, Check, Context, Options
from .judge import GO, NO_GO, Judged, emergency_of, evidence, judge, verdict
from .report import line, message, summary, unconfigured
from .settings import Reader, Setting, Validate, Waiver, named

LEDGER = ("asked", "answered", "outcome", "commit", "at")  # what the ledger keeps of an answer
RUN = timedelta(days=1)  # how long a waiver of the command line counts: it is for one run


@dataclass(frozen=True)
class Wanted:
    """What a module was asked to ask. ``entries`` is the inventory's list, ``assumed`` the systems that it does not
    name; ``waive`` are checks that the command line waives for this run. ``deploys`` is whether a no may say how a
    deploy passes over it.
    """

    context: Context
    entries: Sequence[Mapping[str, Any]] = ()
    systems: Mapping[str, Options] = field(default_factory=dict)
    assumed: Sequence[str] = ()
    point: str = GATE
    reached: Sequence[str] = POINTS
    timezone: str = "UTC"
    waive: Sequence[str] = ()
    waive_reason: str = ""
    emergency: str = ""
    emergency_approvers: Sequence[str] = ()
    timeout: float = 60.0
    stop: bool = True
    folder: str = ""
    deploys: bool = False


def context_of(params: Mapping[str, Any]) -> Context:
    """Return what a module's options say about the release. Raises ConfigError."""
    words = {
        name: str(params.get(name) or "")
        for name in ("storefront", "release", "commit", "live_commit", "path", "started_by")
    }
    for name in ("commit", "live_commit"):
        if words[name] and not re.fullmatch(r"[0-9a-f]{40}", words[name]):
            raise ConfigError(
                f"{name} is {words[name]!r}. Give the full SHA of 40 digits: a shorter one, or a branch, may stand for"
                " another commit."
            )
    if words["release"] and words["path"] and not words["commit"]:
        words["commit"] = resolve(words["path"], words["release"])
    return Context(**words, now=_moment(params.get("at")))


def _moment(text: str | None) -> datetime:
    if not text:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise ConfigError(
            f"at is {text!r}, which is not a time with a zone. Write it as 2026-03-03T10:42-05:00.", code="bad_time"
        )
    return moment


def run_checks(
    checks: Sequence[Check], wanted: Wanted, validate: Validate, only: Sequence[Check] = ()
) -> dict[str, Any]:
    """Ask the checks, or ``only`` some of them, and return {verdict, answers, summary, message, problems, unconfigured,
    due, evidence}.

    Raises ConfigError before anything is asked, and NoGo, whose ``result`` is all of that, when the verdict is not go.
    """
    context = wanted.context
    emergency = emergency_of(wanted.emergency, wanted.emergency_approvers, context.started_by)
    settings = _settings(checks, wanted, validate)
    answers: list[dict[str, Any]] = []
    judged: list[Judged] = []
    for asked in ask_all(
        only or checks, settings, context, point=wanted.point, timeout=wanted.timeout, reached=wanted.reached
    ):
        one = judge(asked.check, asked.answer, settings[asked.check.id], context, emergency)
        judged.append(one)
        answers.append(evidence(one, context, asked.seconds))
    release = context.release if wanted.deploys else None
    result = {"verdict": verdict(judged), "answers": answers, "summary": summary(judged, context.now)}
    result["message"] = message(judged, release)
    result["problems"] = [line(one, release) for one in judged if one.stops]
    result["unconfigured"] = unconfigured(judged)
    result["due"] = [point for point in POINTS if any(_is_due(one, point) for one in judged)]
    result["evidence"] = [
        {"name": f"{one['id']} {one['name']}", **{name: one[name] for name in LEDGER}}
        for one in answers
        if one["outcome"] != DUE
    ]
    if wanted.stop and result["verdict"] != GO:
        error = NoGo(
            str(result["message"]),
            code=NO_GO if any(one.answer.outcome == FAILED for one in judged if one.stops) else UNASKED,
        )
        error.result = result
        raise error
    return result


def _is_due(one: Judged, point: str) -> bool:
    return one.answer.outcome == DUE and one.check.point == point


def _settings(checks: Sequence[Check], wanted: Wanted, validate: Validate) -> dict[str, Setting]:
    try:
        zone = ZoneInfo(wanted.timezone)
    except (ValueError, OSError, KeyError):
        raise ConfigError(
            f"timezone {wanted.timezone!r} is not known. Use an IANA name such as America/New_York.",
            code="bad_timezone",
        ) from None
    settings, problems = Reader(
        checks, wanted.systems, wanted.context, zone, validate, wanted.folder, wanted.assumed
    ).read(wanted.entries)
    waived, unknown = named(checks, wanted.waive)
    problems += [f"waive: {one}" for one in unknown]
    if wanted.waive and not wanted.waive_reason.strip():
        problems.append("waive has no reason: say why with waive_reason")
    if wanted.waive and not wanted.context.started_by.strip():
        problems.append("waive has no name: set started_by to who waives it")
    if problems:
        raise ConfigError(
            "\n- ".join([f"Nothing was asked. {len(problems)} to correct in the checks' settings:", *problems]),
            code="bad_checks",
        )
    for check in waived:
        waiver = Waiver(wanted.context.started_by, wanted.waive_reason, wanted.context.now + RUN)
        settings[check.id] = replace(settings[check.id], waiver=waiver)
    return settings


def run_one(
    checks: Sequence[Check], params: Mapping[str, Any], validate: Validate, required: bool = False
) -> dict[str, Any]:
    """Do the same for a module whose own options are those of these checks. ``required`` makes what is not configured
    a failure.
    """
    entries = [
        {"id": check.id, "options": {name: params[name] for name in check.options}, "required": required}
        for check in checks
    ]
    context = context_of(params)
    approvers, reason = params["emergency_approvers"], params["emergency"] or ""
    point = checks[0].point
    return run_checks(
        checks,
        Wanted(
            context, entries=entries, point=point, emergency=reason, emergency_approvers=approvers, stop=params["stop"]
        ),
        validate,
    )
