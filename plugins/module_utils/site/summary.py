# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the results of checks amount to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.amounts import number
from .checks import Check
from .probe import Result


def of_site(name: str, checks: Sequence[Check], results: Sequence[Result]) -> dict[str, Any]:
    """Return what the checks of one site amount to."""
    of_it = [result for check, result in zip(checks, results, strict=True) if check.site == name]
    silent = [
        result.name
        for check, result in zip(checks, results, strict=True)
        if check.site == name and check.release and not result.release
    ]
    return {
        "healthy": all(result.outcome == "healthy" for result in of_it),
        "summary": describe(of_it),
        "without_release": silent,
    }


def describe(results: Sequence[Result]) -> str:
    """Return in words what the checks amount to, and what to do."""
    failed = [result for result in results if result.outcome != "healthy"]
    if not failed:
        return "The check is healthy." if len(results) == 1 else f"All of {len(results)} checks are healthy."
    lines = [
        f"{result.name} ({result.url}) is {result.outcome} at try {result.tries}: {'; '.join(result.reasons)}"
        for result in failed
    ]
    advice = "Check the logs of the failed sites."
    if all(result.outcome == "probe_blocked" for result in failed):
        advice = "Set the missing header in the option headers. Until then, the health of the sites is unknown."
    return "\n".join([f"{len(failed)} of {number(len(results), 'check')} failed. {advice}", *lines])
