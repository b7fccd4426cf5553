# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""T5: more errors than usual: whether they began with the release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .finding import BROKEN, DEGRADED, LIKELY, SURE, Finding, View

SHARE, GROWTH, FEW = 0.01, 3.0, 20  # of requests; by how much more than before; fewer requests say nothing
MANY = 200  # requests on both sides, from which it is sure


def requests(view: View) -> Iterator[Finding]:
    """Compare the answers since the live release with those before it."""
    for unit, found in view.units():
        since, before = found.get("http_since") or {}, found.get("http_before") or {}
        lately, usual = found.get("http") or {}, found.get("http_usual") or {}
        release = (found.get("live") or {}).get("release") or "the live release"
        if _spike(since, before):
            yield _with_the_release(view, unit, str(release), _compared(since, before), _certainty(since, before))
        elif _spike(lately, usual):
            yield Finding(
                "errors_without_release",
                "T5",
                f"{unit} answers with more errors than usual, but not since {release}",
                _compared(lately, usual),
                "something outside of the release: a third party, the database, or load",
                LIKELY,
                DEGRADED,
                do=view.command("logs", f"-e unit={unit}", "-e level=error"),
                advice="A rollback would not help: it began later than the release.",
                target=unit,
            )


def sentry(view: View) -> Iterator[Finding]:
    """Say which errors only the live release has."""
    found = view.value("sentry") or {}
    if found.get("new") and found.get("release"):
        yield _with_the_release(
            view, "the shop", found["release"], f"Sentry: {found['new']} new errors, {found.get('sample') or ''}", SURE
        )


def _with_the_release(view: View, unit: str, release: str, evidence: str, certainty: str) -> Finding:
    return Finding(
        "errors_with_release",
        "T5",
        f"The error rate of {unit} rose with {release}",
        evidence,
        f"a change of {release}",
        certainty,
        BROKEN,
        do=view.command("rollback"),
        advice="Roll back first, and look for the cause then.",
        remedy="rollback",
        target=unit,
    )


def _spike(now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    if now.get("requests", 0) < FEW or before.get("requests", 0) < FEW:
        return False
    return _share(now) > SHARE and _share(now) > _share(before) * GROWTH


def _share(counted: Mapping[str, Any]) -> float:
    return float(counted["errors_5xx"]) / counted["requests"] if counted.get("requests") else 0.0


def _certainty(now: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    return SURE if min(now["requests"], before["requests"]) >= MANY else LIKELY


def _compared(now: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    return (
        f"{now['errors_5xx']:,} of {now['requests']:,} requests failed ({_share(now):.1%}), before"
        f" {before['errors_5xx']:,} of {before['requests']:,} ({_share(before):.1%})"
    ).replace("%)", " %)")


RULES = (requests, sentry)
