# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer amounts to: waivers, attestations, an emergency, severities, and the verdict of all
answers together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ..core.errors import ConfigError
from .answer import ATTESTED, FAILED, NOT_CONFIGURED, UNASKED, WAIVED, Answer
from .check import Check, Context
from .settings import Setting

GO, NO_GO, INCONCLUSIVE = "go", "no_go", "inconclusive"


@dataclass(frozen=True)
class Emergency:
    """Why a hotfix passes over what yields to it, and who approved that."""

    reason: str = ""
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """An answer and how it was judged. ``by`` is who waived or attested it, ``until`` the end of a waiver."""

    check: Check
    answer: Answer
    severity: str = "stop"
    stops: bool = False
    by: str = ""
    reason: str = ""
    until: datetime | None = None
    notes: list[str] = field(default_factory=list)


def emergency_of(reason: str, approvers: Sequence[str], started_by: str) -> Emergency | None:
    """Return the emergency, None where none was declared. Raises ConfigError unless somebody else than the
    starter approved it.
    """
    reason = reason.strip()
    others = tuple(
        name
        for name in (str(one).strip() for one in approvers)
        if name and name.casefold() != started_by.strip().casefold()
    )
    if not reason:
        if approvers:
            raise ConfigError(
                "An emergency was approved, and no reason is given. Say why with -e emergency=REASON.", code="no_reason"
            )
        return None
    if not others:
        who = f"{started_by} started it, and the" if approvers else "The"
        raise ConfigError(
            f"{who} emergency needs the approval of somebody else. Name who approved it in emergency_approvers.",
            code="not_approved",
        )
    return Emergency(reason, others)


def judge(
    check: Check, answer: Answer, setting: Setting, context: Context, emergency: Emergency | None = None
) -> Judged:
    """Say what an answer amounts to. A waiver, an attestation and an emergency change only what would stop
    the deploy.
    """
    if setting.required and answer.outcome == NOT_CONFIGURED:
        answer = replace(answer, outcome=FAILED, answered=f"it is required and not configured: {answer.answered}")
    judged = Judged(
        check, answer, setting.severity, stops=answer.outcome in (FAILED, UNASKED) and setting.severity == "stop"
    )
    if answer.outcome not in (FAILED, UNASKED, NOT_CONFIGURED):
        return judged
    if setting.attestation:
        if setting.attestation.commit == context.commit:
            return _settled(judged, ATTESTED, setting.attestation.by, setting.attestation.note)
        judged.notes.append(
            f"the attestation by {setting.attestation.by} is for commit {setting.attestation.commit[:7]}, not for"
            " this one"
        )
    if answer.outcome == NOT_CONFIGURED:
        return judged
    if setting.waiver:
        if context.now < setting.waiver.until:
            return replace(
                _settled(judged, WAIVED, setting.waiver.by, setting.waiver.reason), until=setting.waiver.until
            )
        judged.notes.append(f"the waiver by {setting.waiver.by} ran out on {last_day(setting.waiver.until)}")
    if emergency and check.yields:
        return _settled(judged, WAIVED, ", ".join(emergency.approvers), f"emergency: {emergency.reason}")
    return judged


def _settled(judged: Judged, outcome: str, by: str, reason: str) -> Judged:
    return replace(judged, answer=replace(judged.answer, outcome=outcome), stops=False, by=by, reason=reason)


def last_day(until: datetime) -> str:
    """Return a waiver's end as people write it: its last day, or the time where it does not end with a day."""
    if (until.hour, until.minute, until.second) == (0, 0, 0):
        return (until.date().fromordinal(until.date().toordinal() - 1)).isoformat()
    return until.isoformat(timespec="minutes")


def verdict(judged: Sequence[Judged]) -> str:
    """Return go, no_go or inconclusive. A check that could not be asked is never a yes."""
    stopping = {one.answer.outcome for one in judged if one.stops}
    if not stopping:
        return GO
    return INCONCLUSIVE if stopping == {UNASKED} else NO_GO


def evidence(one: Judged, context: Context, seconds: float = 0.0, at: datetime | None = None) -> dict[str, Any]:
    """Return an answer as evidence: what was asked, what was answered, for which commit, when and by whom."""
    shown: Mapping[str, Any] = {
        **{"id": one.check.id, "name": one.check.name, "title": one.check.title, "point": one.check.point},
        **{"outcome": one.answer.outcome, "severity": one.severity, "stops": one.stops},
        **{"asked": one.answer.asked or one.check.title, "answered": "; ".join([one.answer.answered, *one.notes])},
        **{"advice": one.answer.advice or None, "url": one.answer.url or None, "facts": one.answer.facts},
        **{"by": one.by or None, "reason": one.reason or None, "until": _iso(one.until) if one.until else None},
        **{
            "release": context.release or None,
            "commit": context.commit or None,
            "at": _iso(at or datetime.now(UTC)),
            "seconds": round(seconds, 3),
        },
    }
    return dict(shown)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
