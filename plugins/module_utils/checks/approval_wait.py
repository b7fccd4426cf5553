# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the approvals of a release and waits until there are enough, without the lease."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..core.amounts import number
from ..core.errors import ConfigError, NoGo, Unreachable, WaitTimeout
from ..core.wait import Outcome, Waiter
from ..store.base import Store
from . import approval_github, approval_store
from .approval import Subject, stamp
from .approval_judge import Rules, Standing, standing
from .approvers import Approvers, approvers_of
from .settings import Validate


@dataclass(frozen=True)
class Client:
    """``validate`` checks the options of GitHub; ``waiter`` waits, for as long as the module's options say."""

    store: Store
    validate: Validate
    waiter: Waiter = field(default_factory=Waiter)

    def close(self) -> None:
        self.store.close()

    def standing(self, params: Mapping[str, Any], subject: Subject, rules: Rules) -> Standing:
        """Return how it stands now. Raises Unreachable, ApiError and ConfigError."""
        given = approval_store.given(self.store, subject.release, rules.approvers)
        if params["github"]:
            given += approval_github.given(_github(params, self.validate), subject, params["expires"])
        return standing(given, subject, rules)


def _github(params: Mapping[str, Any], validate: Validate) -> dict[str, Any]:
    options = {name: value for name, value in params["github"].items() if value not in (None, "")}
    given, problems = validate(approval_github.OPTIONS, options)
    if problems:
        raise ConfigError(f"github is wrong: {'; '.join(problems)}. Correct it.", code="bad_github")
    return given


def rules_of(params: Mapping[str, Any]) -> Rules:
    """Return the rules. Raises ConfigError where they can never be kept."""
    approvers = approvers_of(params)
    emergency = bool(str(params["emergency"] or "").strip())
    needed = max(params["needed"], 1 if emergency else 0)
    by_others = params["by_others"] or emergency
    starter = str(params["started_by"] or "").strip()
    if params["needed"] < 0 or params["wait_timeout"] < 0 or params["expires"] <= 0:
        raise ConfigError(
            "needed and wait_timeout are 0 or more, and expires is more than 0. Correct them.", code="bad_rules"
        )
    if not needed:
        return Rules(approvers, 0, by_others, starter, emergency)
    if not approvers.people:
        why = (
            "An emergency needs an approval"
            if emergency
            else f"{number(needed, 'approval is', 'approvals are')} needed"
        )
        raise ConfigError(
            f"{why}, and the inventory has no approvers. Name who may approve in approvers.", code="no_approvers"
        )
    if by_others and not starter:
        raise ConfigError(
            "Somebody other than the person who starts the deploy has to approve it, and who starts it is unknown. Set"
            " started_by.",
            code="no_starter",
        )
    able = _able(approvers, starter if by_others else "")
    if len(able) < needed:
        who = f"only {', '.join(able)}" if able else "nobody"
        raise ConfigError(
            f"{number(needed, 'approval is', 'approvals are')} needed, and {who} can approve what"
            f" {starter or 'somebody'} starts. Add approvers, or lower how many are needed.",
            code="too_few_approvers",
        )
    return Rules(approvers, needed, by_others, starter, emergency)


def _able(approvers: Approvers, starter: str) -> list[str]:
    names = [str(one["name"]) for one in approvers.people]
    return [name for name in names if not approvers.is_same(name, starter)]


def wait(client: Client, params: Mapping[str, Any], subject: Subject, rules: Rules) -> Standing:
    """Write the request, and return how it stands when there are enough approvals or the time is over."""
    content = {"requested_by": rules.started_by, "at": stamp(datetime.now(UTC)), "needed": rules.needed}
    approval_store.request(client.store, subject, {**content, "emergency": params["emergency"] or None})
    found = client.standing(params, subject, rules)

    def ask() -> Standing:
        nonlocal found
        with suppress(Unreachable):  # it is asked again, and the wait has its limit
            found = client.standing(params, subject, rules)
        return found

    def classify(now: Standing) -> tuple[Outcome, str]:
        return (Outcome.PENDING if now.missing else Outcome.READY), now.summary

    able = _who(found, rules)
    with suppress(WaitTimeout):
        client.waiter.wait_for(
            ask,
            classify,
            what=f"the approval of {subject.shown}",
            describe=lambda now: f"waits for {able} to approve {subject.shown}: {now.summary}",
        )
    return found


def _who(found: Standing, rules: Rules) -> str:
    """Return who can still approve."""
    able = _able(rules.approvers, rules.started_by if rules.by_others else "")
    return " or ".join(name for name in able if name not in [one.by for one in found.counted])


def missing(found: Standing, subject: Subject, rules: Rules) -> NoGo:
    """Return the error of a release that lacks approvals: how it stands, why others do not count, how to approve."""
    refused = f" Not counted: {'; '.join(found.refused)}." if found.refused else ""
    emergency = " -e emergency=REASON" if rules.emergency else ""
    error = NoGo(
        f"{subject.shown} has {found.summary}.{refused} {_who(found, rules)} can approve it with approve.yml -e"
        f" release={subject.release}{emergency} -e approval_key=KEY, or as approvals of GitHub or AWX. Then run this"
        " again.",
        code="not_approved",
    )
    error.result = result(found, subject)
    return error


def result(found: Standing, subject: Subject) -> dict[str, Any]:
    approvals = [{**vars(one), "expires": stamp(one.expires)} for one in found.counted]
    at = stamp(datetime.now(UTC))
    return {
        **{"request": subject.id, "approved_by": [one.by for one in found.counted], "approvals": approvals},
        **{"refused": list(found.refused), "missing": found.missing, "summary": found.summary},
        "evidence": [
            {
                "name": "approval",
                "asked": f"Who approved {subject.release} with its {number(len(subject.migrations), 'migration')}?",
                "answered": f"{one.by}, by {one.system}, until {stamp(one.expires)}"
                + (f", as an emergency: {one.emergency}" if one.emergency else ""),
                "outcome": "approved",
                "commit": subject.commit,
                "at": at,
            }
            for one in found.counted
        ],
    }
