# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers of the checklist amount to in a run: what refuses it, and what the ledger keeps of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import options

STATEMENT = "evidence"  # the ledger's name for the key of a statement


def saved(answers: Mapping[str, Any], statement: Mapping[str, Any], point: str) -> list[dict[str, Any]]:
    """Return what the ledger keeps of the answers at a point: each of them, and the key of their statement in the
    store, which has its digest.
    """
    kept = [dict(one) for one in answers.get("evidence") or []]
    if not statement.get("key"):
        return kept
    asked = f"Where are the answers of the checklist at {point}?"
    at = max((str(one["at"]) for one in kept), default=None)
    return [*kept, {"name": STATEMENT, "asked": asked, "answered": statement["key"], "outcome": "saved", "at": at}]


def refusal(problems: Sequence[str], answers: Mapping[str, Any], approvals: Mapping[str, Any] | None = None) -> str:
    """Return the message that refuses a run: what is in the way of it, and each check that says no; empty where
    nothing is. ``answers`` is the result of preflight_checks, ``approvals`` that of release_approvals where any count.
    """
    asked = list(answers.get("problems") or [])
    others = [*problems, *_no_answer(approvals or {}, "missing"), *([] if asked else _no_answer(answers, "verdict"))]
    if not asked:
        return options.refusal(others, "in the way") if others else ""
    counts = str(answers.get("message") or "").partition("\n")[0]
    if not others:
        return "\n- ".join([f"Nothing was changed. {counts}", *asked])
    head, *rows = options.refusal(others, "in the way").split("\n")
    return "\n- ".join(["\n".join([f"{head.removesuffix(':')}, and {counts}", *rows]), *asked])


def _no_answer(result: Mapping[str, Any], needed: str) -> list[str]:
    """Return why a module gave no answer, which is never a yes; nothing where it was not run or has answered."""
    if not result or ("error" not in result and needed in result):
        return []
    return [str(result.get("msg") or "the checklist gave no answer. Run it again with -vvv, which shows why")]
