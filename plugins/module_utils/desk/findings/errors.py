# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""T5: more errors than usual: whether they began with the release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ...core.amounts import date, moment, number
from .finding import BROKEN, DEGRADED, INFORMATION, LIKELY, NOTE, SURE, Finding, View

SHARE, GROWTH, FEW = 0.01, 3.0, 20  # of requests; by how much more than before; fewer requests say nothing
EARLY = timedelta(minutes=30)  # after a release, in which an issue that is new began with it
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
            what = f"{unit} answers with more errors than usual, but not since {release}"
            yield _without_the_release(view, unit, what, _compared(lately, usual))


def sentry(view: View) -> Iterator[Finding]:
    """Compare what Sentry has of the live release with the other releases, and say which issues are new with it."""
    found, live = view.value("sentry") or {}, _newest_live(view)
    began = moment(live.get("created_at"))
    if not found or not live.get("release") or began is None:
        return
    release = str(live["release"])
    of_it, others = _sessions(found["sessions"], release)
    since = [one for one in found["issues"] if (at := moment(one["first_seen"])) and at >= began]
    with_it = [one for one in since if moment(one["first_seen"]) <= began + EARLY]  # type: ignore[operator]
    spike = _spike(of_it, others)
    compared = [f"Sentry: {_compared(of_it, others, 'sessions')}"] if spike else []
    if spike or _events(with_it) >= FEW:
        evidence = "; ".join(compared + _listed(with_it or since, began))
        yield _with_the_release(view, "the shop", release, evidence, _certainty(of_it, others) if spike else LIKELY)
    elif _events(since) >= FEW:
        what = f"Errors began after {release}, but not with it"
        yield _without_the_release(view, view.web() or "frontend", what, "; ".join(_listed(since, began)))


def _newest_live(view: View) -> Mapping[str, Any]:
    """Return the live deployment that was made last: errors are compared with the time before it."""
    live = [found["live"] for _unit, found in view.units() if found.get("live")]
    return max(live, key=lambda one: str(one.get("created_at") or ""), default={})


def _sessions(counted: Mapping[str, Mapping[str, int]], release: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return the sessions of a release, and those of all others; some name a release project@version."""
    sides = ({"requests": 0, "errors_5xx": 0}, {"requests": 0, "errors_5xx": 0})
    for version, counts in counted.items():
        side = sides[0] if version == release or version.endswith(f"@{release}") else sides[1]
        side["requests"] += counts["total"]
        side["errors_5xx"] += counts["bad"]
    return sides


def _events(issues: Sequence[Mapping[str, Any]]) -> int:
    return sum(one["events"] for one in issues)


def _listed(issues: Sequence[Mapping[str, Any]], began: datetime) -> list[str]:
    if not issues:
        return []
    most = max(issues, key=lambda one: one["events"])
    many = number(len(issues), "new issue")
    return [
        f"Sentry: {many}, {number(_events(issues), 'event')} since {date(began)}; most: {most['title']} ({most['url']})"
    ]


def unknown(view: View) -> Iterator[Finding]:
    """Say that nothing counts errors."""
    if view.value("sentry") is None and not _counted(view):
        problem = view.fact("sentry").problem
        yield Finding(
            "errors_unknown",
            "T5",
            "How many errors there are is not known",
            f"the platform has no counts, and Sentry: {problem}",
            "notify_sentry_token and notify_sentry_organization are not set"
            if view.fact("sentry").kind == "absent"
            else "Sentry did not answer",
            INFORMATION,
            NOTE,
            do=view.command("logs", "-e level=error"),
        )


def _counted(view: View) -> bool:
    """Whether a platform counts the answers of a unit."""
    return any(name.startswith("http") for _unit, found in view.units() for name in found)


def _without_the_release(view: View, unit: str, what: str, evidence: str) -> Finding:
    return Finding(
        "errors_without_release",
        "T5",
        what,
        evidence,
        "something outside of the release: a third party, the database, or load",
        LIKELY,
        DEGRADED,
        do=view.command("logs", f"-e unit={unit}", "-e level=error"),
        advice="A rollback would not help: it began later than the release.",
        target=unit,
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


def _compared(now: Mapping[str, Any], before: Mapping[str, Any], what: str = "requests") -> str:
    than = "before" if what == "requests" else "of other releases"
    return (
        f"{now['errors_5xx']:,} of {now['requests']:,} {what} failed ({_share(now):.1%}), {than}"
        f" {before['errors_5xx']:,} of {before['requests']:,} ({_share(before):.1%})"
    ).replace("%)", " %)")


RULES = (requests, sentry, unknown)
