# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PASSED = "passed"
FAILED = "failed"
WAIVED = "waived"
ATTESTED = "attested"
UNASKED = "could_not_be_asked"
DUE = "due_later"
NOT_APPLICABLE = "not_applicable"
NOT_CONFIGURED = "not_configured"
OUTCOMES = (PASSED, FAILED, WAIVED, ATTESTED, UNASKED, DUE, NOT_APPLICABLE, NOT_CONFIGURED)


@dataclass(frozen=True)
class Answer:
    """What a system answered. ``asked`` and ``answered`` are sentences or parts of one, ``facts`` the evidence as JSON,
    without any secret.

    ``advice`` says what to do about a no, ``url`` where to see it.
    """

    outcome: str
    answered: str
    asked: str = ""
    advice: str = ""
    url: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def passed(answered: str, **more: Any) -> Answer:
    return Answer(PASSED, answered, **more)


def failed(answered: str, advice: str = "", **more: Any) -> Answer:
    """Say no. ``advice`` says what to do next."""
    return Answer(FAILED, answered, advice=advice, **more)


def unasked(answered: str, advice: str = "", **more: Any) -> Answer:
    """Say that the system gave no answer, which is neither yes nor no."""
    return Answer(UNASKED, answered, advice=advice, **more)


def due(step: str, **more: Any) -> Answer:
    """Say that the answer comes with a later step of the deploy."""
    return Answer(DUE, f"due at {step}", **more)


def not_applicable(why: str, **more: Any) -> Answer:
    return Answer(NOT_APPLICABLE, why, **more)


def not_configured(what: str, **more: Any) -> Answer:
    """Say which option would have the check asked."""
    return Answer(NOT_CONFIGURED, what, **more)
