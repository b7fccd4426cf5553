# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which approvals count for a release, why the others do not, and how many are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..core.amounts import number
from .approval import Approval, Subject, stamp
from .approvers import AWX, Approvers

AHEAD = timedelta(minutes=5)  # that the clock of an approver's machine may be ahead of this one


@dataclass(frozen=True)
class Given:
    """An approval from the store or from GitHub. ``signed_by`` are the owners of the keys whose signatures fit,
    ``known`` whether the key of one that does not fit is listed; ``key`` is where it is.
    """

    approval: Approval | None
    key: str = ""
    signed_by: Sequence[str] = ()
    known: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Rules:
    """How many have to approve, and whether the starter may be one of them. An ``emergency`` counts only approvals
    that were given for one.
    """

    approvers: Approvers
    needed: int = 1
    by_others: bool = True
    started_by: str = ""
    emergency: bool = False


@dataclass(frozen=True)
class Counted:
    by: str
    system: str
    expires: datetime
    emergency: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Standing:
    """``counted`` has an approval of each person, ``refused`` what is wrong with each of the others."""

    counted: Sequence[Counted]
    refused: Sequence[str]
    needed: int

    @property
    def missing(self) -> int:
        return max(self.needed - len(self.counted), 0)

    @property
    def summary(self) -> str:
        who = ", ".join(f"{one.by} until {stamp(one.expires)}" for one in self.counted)
        return f"{len(self.counted)} of {number(self.needed, 'approval')}" + (f" ({who})" if who else "")


def standing(given: Sequence[Given], subject: Subject, rules: Rules, now: datetime | None = None) -> Standing:
    """Judge all approvals that were given for a release."""
    moment = now or datetime.now(UTC)
    counted: dict[str, Counted] = {}
    refused: list[str] = []
    for one in given:
        person = _person(one, rules.approvers)
        why = _refusal(one, person, subject, rules, moment)
        if not why and one.approval and person in counted:
            why = f"{person} has approved already, and counts once"
            counted[person] = max(counted[person], _counted(one.approval, person), key=lambda kept: kept.expires)
        elif not why and one.approval:
            counted[person] = _counted(one.approval, person)
        if why:
            refused.append(why)
    return Standing(list(counted.values()), list(dict.fromkeys(refused)), rules.needed)


def _counted(approval: Approval, person: str) -> Counted:
    return Counted(person, approval.system, approval.expires, approval.emergency, approval.comment)


def _person(one: Given, approvers: Approvers) -> str:
    """Return the approver whom an approval is of, as what vouches for it says; empty where nothing does."""
    if one.approval is None:
        return ""
    system, by = one.approval.system, one.approval.by
    if system == "github":
        return approvers.named(by, "github") if GITHUB in one.signed_by else ""
    if system == "awx":
        return approvers.named(by, "awx") if AWX in one.signed_by else ""
    return by if by in one.signed_by and approvers.named(by, "name") == by else ""


GITHUB = "github"  # stands for a signature: GitHub itself was asked


def _refusal(one: Given, person: str, subject: Subject, rules: Rules, now: datetime) -> str:
    """Say why an approval does not count; empty where it does."""
    if one.approval is None:
        return f"{one.key}: {one.problem}"
    approval, who = one.approval, person or one.approval.by
    if not person:
        return _not_vouched_for(one, approval)
    other = _other(approval.subject, subject)
    if other:
        return f"{who} approved {other}"
    if approval.expires <= now:
        return f"the approval by {who} ended at {stamp(approval.expires)}"
    if approval.at > now + AHEAD:
        dated = f"the approval by {who} is dated {stamp(approval.at)}"
        return f"{dated}, which is in the future: correct the clock of that machine"
    if rules.by_others and rules.approvers.is_same(person, rules.started_by):
        return f"{who} started this deploy, and somebody else has to approve it"
    if rules.emergency and not approval.emergency:
        return f"{who} approved the release, and no emergency: approve it with -e emergency=REASON"
    return ""


def _not_vouched_for(one: Given, approval: Approval) -> str:
    by, system = approval.by, approval.system
    if system == "github" and GITHUB in one.signed_by:
        return f"{by} approved it at GitHub, and is not an approver of the inventory"
    if one.problem:
        return f"the approval by {by}: {one.problem}"
    if one.signed_by:
        owner = ", ".join(one.signed_by)
        if system == "awx" and AWX in one.signed_by:
            return f"{by} approved it at AWX, and is not an approver of the inventory"
        return f"the approval by {by} was signed by {owner}"
    if one.known:
        return f"the approval by {by} was changed after it was signed: its signature does not fit"
    return f"the approval by {by} was signed by a key that the inventory does not list"


def _other(given: Subject, wanted: Subject) -> str:
    """Return what was approved instead; empty where it is what was asked about."""
    if given.storefront != wanted.storefront:
        return f"{given.release} for {given.storefront}, not for {wanted.storefront}"
    if given.release != wanted.release:
        return f"{given.release}, not {wanted.release}"
    if given.commit != wanted.commit:
        return f"another commit of {wanted.release}: {given.commit[:7]}, not {wanted.commit[:7]}"
    if dict(given.migrations) != dict(wanted.migrations):
        differ = sorted({*given.migrations.items()} ^ {*wanted.migrations.items()})
        names = list(dict.fromkeys(name for name, _checksum in differ))
        return f"other migrations of {wanted.release}: {', '.join(names)} differ"
    return ""
