# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of delivery, from the ledger's records: how often, how fast and how safely a storefront is deployed.

DORA's five as its guide defines them since 2024 (https://dora.dev/guides/dora-metrics-four-keys/, "DORA's software
delivery metrics"):

- deployment frequency: how often a change is deployed to production;
- lead time for changes: the time from a commit to its deployment in production;
- change fail rate: the share of deployments that needed an immediate intervention, such as a rollback or a hotfix;
- failed deployment recovery time: the time to recover from a deployment that failed and needed an intervention;
- deployment rework rate: the share of deployments that were not planned, and were made because of an incident in
  production.

Here a deployment is a deploy whose new code reached production: it was released, or it failed in or after the step that
released the backend, or rolled out or promoted the frontend. It failed when it was put back, automatically or by a
later rollback, or was left incomplete or unsafe. Rework is the first release after a failed deployment.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any

REACHES = ("backend.release", "frontend.roll", "frontend.promote")  # from these steps on, customers meet the new code
BROKEN = ("incomplete", "unsafe")
DAY = 86400.0
WEEK = 7 * DAY
MOST_WEEKS = 26  # of a plot

Record = Mapping[str, Any]


@dataclass
class Deployment:
    """A deployment. ``at`` and ``seconds`` are seconds since the epoch, and of the run; ``leads`` those of its changes.

    ``recovery`` is None unless it failed and production works again.
    """

    at: float
    seconds: float
    release: str = ""
    commit: str = ""
    failed: bool = False
    rework: bool = False
    recovery: float | None = None
    leads: list[float] = field(default_factory=list)


@dataclass
class Tally:
    """What is counted. Tallies of several storefronts add up to that of a fleet."""

    deployments: list[Deployment] = field(default_factory=list)
    rollbacks: list[tuple[float, bool]] = field(default_factory=list)  # when, and whether everything was put back
    restores: list[tuple[float, float]] = field(default_factory=list)  # when, and the seconds that it took
    phases: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # when, and the seconds of the step
    first: float | None = None  # the oldest record


def tally(records: Sequence[Record]) -> Tally:
    """Count the records of one storefront, given newest first as the ledger gives them."""
    counted = Tally()
    walk = _Walk(counted)
    for record in reversed(records):
        at, began = seconds_of(record.get("finished_at")), seconds_of(record.get("started_at"))
        if at is None:
            continue
        counted.first = at if counted.first is None else min(counted.first, at)
        walk.take(record, at, at if began is None else min(began, at))
    return counted


@dataclass
class _Walk:
    """The state between two records: the deployment of each release, and the failed ones from which production did not
    recover yet, with the time since when.
    """

    counted: Tally
    live: dict[str, Deployment] = field(default_factory=dict)
    broken: list[tuple[Deployment, float]] = field(default_factory=list)
    needs_fix: bool = False

    def take(self, record: Record, at: float, began: float) -> None:
        kind, outcome = record.get("kind"), record.get("outcome")
        self._steps(record, at)
        if kind == "deploy":
            self._deploy(record, str(outcome), at, began)
        elif kind == "rollback":
            self._rollback(record, str(outcome), at, began)
        elif kind == "restore" and outcome in ("restored", "undone"):
            self.counted.restores.append((at, at - began))
            self._recover(at)

    def _steps(self, record: Record, at: float) -> None:
        for step in record.get("steps") or []:
            seconds = step.get("seconds")
            if step.get("outcome") == "ok" and isinstance(seconds, (int, float)):
                self.counted.phases.setdefault(str(step.get("name")), []).append((at, float(seconds)))

    def _deploy(self, record: Record, outcome: str, at: float, began: float) -> None:
        exposed = exposed_since(record, began)
        if outcome in ("rolled_back", *BROKEN):
            self.counted.rollbacks.append((at, outcome == "rolled_back"))
        if outcome == "rolled_back" and exposed is None:
            return  # it never reached production
        made = Deployment(at, at - began, str(record.get("release") or ""), str(record.get("commit") or ""))
        self.counted.deployments.append(made)
        if outcome == "released":
            made.rework = self.needs_fix
            self.needs_fix = False
            self._recover(at)
            self.live[made.release] = made
            return
        made.failed = True
        self.needs_fix = True
        if outcome == "rolled_back":
            made.recovery = at - (exposed or began)
            self._recover(at)
        else:
            self.broken.append((made, exposed or began))

    def _rollback(self, record: Record, outcome: str, at: float, began: float) -> None:
        self.counted.rollbacks.append((at, outcome == "rolled_back"))
        left = self.live.pop(str(record.get("withdrawn") or ""), None)
        if left:
            left.failed = True
            self.needs_fix = True
        if outcome == "rolled_back":
            if left:
                left.recovery = at - left.at
            self._recover(at)
        elif left:
            self.broken.append((left, left.at))

    def _recover(self, at: float) -> None:
        for failed, since in self.broken:
            failed.recovery = at - since
        self.broken.clear()


def exposed_since(record: Record, began: float) -> float | None:
    """Return when the new code of a deploy reached production at the earliest; None where it did not."""
    at = began
    for step in record.get("steps") or []:
        if step.get("name") in REACHES:
            return at
        seconds = step.get("seconds")
        at += float(seconds) if isinstance(seconds, (int, float)) else 0.0
    return None


def merged(tallies: Iterable[Tally]) -> Tally:
    """Return the tally of a fleet."""
    fleet = Tally()
    for one in tallies:
        fleet.deployments += one.deployments
        fleet.rollbacks += one.rollbacks
        fleet.restores += one.restores
        for name, timed in one.phases.items():
            fleet.phases.setdefault(name, []).extend(timed)
        fleet.first = min((first for first in (fleet.first, one.first) if first is not None), default=None)
    return fleet


def figures(counted: Tally, now: float, days: float) -> dict[str, Any]:
    """Return the figures of the last ``days``. A figure is None where nothing was there to count. Durations are
    medians, in seconds.
    """
    begin = now - days * DAY
    deployments = [one for one in counted.deployments if begin <= one.at <= now]
    rollbacks = [good for at, good in counted.rollbacks if begin <= at <= now]
    # of a younger ledger, the time since its first record: a new storefront is not slower than it is
    span = max(min(days * DAY, now - counted.first), WEEK) if counted.first is not None else days * DAY
    return {
        "days": days,
        "deployments": len(deployments),
        "deployments_per_week": round(len(deployments) / (span / WEEK), 2),
        "lead_time_seconds": _median(lead for one in deployments for lead in one.leads),
        "change_fail_rate": share(sum(one.failed for one in deployments), len(deployments)),
        "recovery_seconds": _median(one.recovery for one in deployments if one.recovery is not None),
        "rework_rate": share(sum(one.rework for one in deployments), len(deployments)),
        "not_recovered": sum(one.failed and one.recovery is None for one in deployments),
        "rollbacks": len(rollbacks),
        "rollback_success_rate": share(sum(rollbacks), len(rollbacks)),
        "restores": sum(begin <= at <= now for at, _seconds in counted.restores),
        "restore_seconds": _median(seconds for at, seconds in counted.restores if begin <= at <= now),
        "deploy_seconds": _median(one.seconds for one in deployments if not one.failed),
        "phases": _phases(counted, begin, now),
        "weeks": _weeks(deployments, now, days),
    }


def _phases(counted: Tally, begin: float, now: float) -> dict[str, dict[str, float]]:
    found = {}
    for name, timed in counted.phases.items():
        inside = sorted(seconds for at, seconds in timed if begin <= at <= now)
        if inside:
            # the nearest rank: the smallest value that 90 % of all do not exceed
            slow = inside[math.ceil(0.9 * len(inside)) - 1]
            found[name] = {"median": round(median(inside), 1), "p90": round(slow, 1), "count": len(inside)}
    return found


def _weeks(deployments: Sequence[Deployment], now: float, days: float) -> list[dict[str, Any]]:
    """Return the weeks of the plots, each of seven days, the last one ending now."""
    count = min(max(math.ceil(days / 7), 1), MOST_WEEKS)
    weeks: list[list[Deployment]] = [[] for _week in range(count)]
    for one in deployments:
        back = int((now - one.at) // WEEK)
        if back < count:
            weeks[count - 1 - back].append(one)
    return [
        {
            "ends": iso_day(now - WEEK * (count - 1 - number)),
            "deployments": len(ones),
            "failed": sum(one.failed for one in ones),
            "lead_time_seconds": _median(lead for one in ones for lead in one.leads),
            "deploy_seconds": _median(one.seconds for one in ones if not one.failed),
        }
        for number, ones in enumerate(weeks)
    ]


def brief(record: Record) -> dict[str, Any]:
    """Return a record as a line of an index."""
    began, ended = seconds_of(record.get("started_at")), seconds_of(record.get("finished_at"))
    return {
        **{key: record.get(key) or "" for key in ("storefront", "kind", "release", "outcome")},
        "began": iso(began if began is not None else ended),
        "ended": iso(ended),
        "seconds": round(max(ended - began, 0.0), 1) if began is not None and ended is not None else None,
        "record": record.get("id") or "",
    }


def as_dict(counted: Tally) -> dict[str, Any]:
    """Return a tally as a module returns it."""
    return {**vars(counted), "deployments": [dict(vars(one)) for one in counted.deployments]}


def from_dict(given: Mapping[str, Any]) -> Tally:
    """Return the tally of which ``as_dict`` made the values; lists may have become Ansible's own."""
    return Tally(
        deployments=[Deployment(**{**one, "leads": list(one["leads"])}) for one in given["deployments"]],
        rollbacks=[(one[0], one[1]) for one in given["rollbacks"]],
        restores=[(one[0], one[1]) for one in given["restores"]],
        phases={name: [(one[0], one[1]) for one in timed] for name, timed in given["phases"].items()},
        first=given["first"],
    )


def since(counted: Tally, at: float) -> Tally:
    """Return what of a tally happened from a time on."""
    return Tally(
        deployments=[one for one in counted.deployments if one.at >= at],
        rollbacks=[one for one in counted.rollbacks if one[0] >= at],
        restores=[one for one in counted.restores if one[0] >= at],
        phases={name: [one for one in timed if one[0] >= at] for name, timed in counted.phases.items()},
        first=counted.first,
    )


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return round(median(known), 1) if known else None


def seconds_of(text: Any) -> float | None:
    """Return a record's time in seconds since the epoch; None for what is not a time."""
    try:
        read = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def iso(at: float | None) -> str:
    """Return a time as the reports name it, without fractions: the page of a run and its record then agree."""
    return "" if at is None else datetime.fromtimestamp(int(at), UTC).isoformat(timespec="seconds")


def iso_day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
