# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives an approval: whose key it is, whether that person may approve, and the signed statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..core.errors import ConfigError, NoGo
from . import approval, envelope
from .approval import Approval, Subject
from .approval_judge import Counted, Given, Rules, standing
from .approvers import NAMESPACE, Approvers

LONGEST = 24 * 90  # hours


def wanted(params: Mapping[str, Any], approvers: Approvers, subject: Subject, now: datetime) -> Approval:
    """Return the approval that is to be given. Raises ConfigError, and NoGo where the key is not listed."""
    if not 0 < params["expires"] <= LONGEST:
        raise ConfigError(f"expires is {params['expires']:g}. Give more than 0 and at most {LONGEST} hours.")
    if not approvers.people:
        raise ConfigError("The inventory has no approvers. Name them in approvers.", code="no_approvers")
    by, system = _identity(params, approvers)
    end = now + timedelta(hours=params["expires"])
    more = (str(params[name] or "").strip() for name in ("emergency", "comment"))
    return Approval(subject, by, system, now, end, *more)


def _identity(params: Mapping[str, Any], approvers: Approvers) -> tuple[str, str]:
    """Return the identity for which the key stands, and its system."""
    key, user = envelope.public_key(params["signing_key"]), str(params["awx_user"] or "").strip()
    blob = key.split()[1]
    if user and any(one.split()[1] == blob for one in approvers.awx_keys):
        if not approvers.named(user, "awx"):
            raise NoGo(
                f"{user} is not an approver: the inventory's approvers have no such user of AWX.", code="not_listed"
            )
        return user, "awx"
    for one in approvers.people:
        if any(listed.split()[1] == blob for listed in one["keys"]):
            return str(one["name"]), "ssh"
    if any(one.split()[1] == blob for one in approvers.awx_keys):
        raise NoGo(
            "The key is AWX's, and no user of AWX is known. Approve by a job of AWX, or with a key of your own.",
            code="not_listed",
        )
    raise NoGo(
        f"The key {params['signing_key']} does not belong to an approver. Approve with a key that the inventory lists,"
        " or have its public key added to keys of an approver.",
        code="not_listed",
    )


def name_of(one: Approval, approvers: Approvers) -> str:
    return approvers.named(one.by, "awx") if one.system == "awx" else one.by


def counted(
    given: Sequence[Given], one: Approval, approvers: Approvers, waiting: Mapping[str, Any], *, by_others: bool
) -> Counted | None:
    """Return the approval by this person that counts already; None where there is none. Raises NoGo where the
    person started the deploy that waits.
    """
    name, starter = name_of(one, approvers), str(waiting.get("requested_by") or "")
    if by_others and approvers.is_same(name, starter):
        raise NoGo(
            f"{name} started the deploy of {one.subject.shown} that is waiting, so somebody else has to approve it.",
            code="own_approval",
        )
    rules = Rules(approvers, by_others=False, emergency=bool(one.emergency))
    found = standing(given, one.subject, rules, one.at).counted
    return next((kept for kept in found if kept.by == name), None)


def signed(one: Approval, key: str) -> bytes:
    """Return the statement in an envelope. Raises ConfigError where the key cannot sign."""
    return envelope.wrap(approval.write(one), key, NAMESPACE)
