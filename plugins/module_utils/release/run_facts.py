# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says of itself: who started it, how it ended, what it may be approved by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ACTOR = ("GITHUB_ACTOR", "USER")  # GitHub Actions names who started the workflow; otherwise it is the account


def started_by(named: Sequence[str | None], environment: Mapping[str, str], account: str) -> str:
    """Return who started the run: the first that AWX or the inventory names, else the environment, else ``account``."""
    names = [*named, *(environment.get(name) for name in ACTOR), account]
    return next((name for name in names if name), "")


def outcome(given: str, checks_only: bool) -> str:
    """Return how the run ended. One that left no outcome has failed; in check mode nothing was done."""
    return "checked" if checks_only else given or "failed"


def recorded(record: Mapping[str, Any] | None, checks_only: bool) -> str:
    """Return the id of the ledger's record. The one that check mode predicts will never exist."""
    return "" if checks_only else str((record or {}).get("id") or "")


def message(given: str, outcome: str, failures: Sequence[str]) -> str:
    """Return what the run says, or why it ended before it had an outcome."""
    return given or ("" if outcome else " ".join(failure for failure in failures if failure))


def probe_headers(
    given: Mapping[str, str], maintenance: Mapping[str, Any] | None, edge_pass: Mapping[str, str] | None
) -> dict[str, str]:
    """Return the headers of the checks. During a maintenance they carry an operator's pass: without it they would see
    the page of the maintenance.
    """
    return {**given, **((edge_pass or {}) if maintenance else {})}


def approvals_wanted(needed: int, approvers: Sequence[Any] | None, emergency: str | None) -> bool:
    """Return whether approvals are counted: some are needed, somebody may give one, or an emergency needs one."""
    return needed > 0 or bool(approvers) or bool(emergency)


def github_review(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``given``, or nothing where no environment or no run of a workflow is known: then no review counts."""
    return dict(given) if given["environment"] and given["run"] else {}


def page_lookup(path: str) -> str:
    """Return the lookup that reads the page of a maintenance: a name that ends in .j2 is a template."""
    return "ansible.builtin.template" if path.endswith(".j2") else "ansible.builtin.file"
