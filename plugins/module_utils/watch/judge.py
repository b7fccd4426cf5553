# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what the new release answered with what the old one did, and judge it: good, bad or inconclusive.

- bad: the new one is worse by more than is tolerated, and chance does not explain it (statistics.critical).
- inconclusive: too few answers on one side, or worse by more than is tolerated, which chance explains only sometimes.
- good: anything else. A difference that the old release has as well is none, and neither is one that chance explains
  in more than a tenth of all watches: one answer that failed does not hold a release.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from ..release.watch_settings import Settings
from .statistics import DOUBTFUL, EARLY, critical, newcombe, slower

GOOD, BAD, INCONCLUSIVE = "good", "bad", "inconclusive"
SAME_TIME, BEFORE = "at the same time", "with the time before"
NOISE = 20.0  # milliseconds: a smaller difference is no percentage to judge by
JOURNEYS = 5  # runs of a journey on each side, which is much longer than a request
LATENCIES = 5  # answers on each side without which a median says nothing


@dataclass
class Group:
    """What one side of one part answered: a site, a journey, or the sessions of a project. ``times`` are milliseconds
    of good answers by check, ``blocked`` the answers of a challenge or a login page, which say nothing of the release.
    """

    asked: int = 0
    failed: int = 0
    blocked: int = 0
    times: dict[str, list[int]] = field(default_factory=dict)
    why: str = ""

    def add(self, check: str, outcome: str, milliseconds: int | None, why: str = "") -> None:
        if outcome == "probe_blocked":
            self.blocked += 1
            self.why = self.why or why
            return
        self.asked += 1
        if outcome != "healthy":
            self.failed += 1
            self.why = why
        elif milliseconds is not None:
            self.times.setdefault(check, []).append(milliseconds)


@dataclass(frozen=True)
class Comparison:
    """One measure of one part on both sides. ``verdict`` is good, bad or inconclusive, ``text`` says it in words."""

    what: str
    measure: str
    against: str
    old: str
    new: str
    verdict: str
    text: str


@dataclass(frozen=True)
class Part:
    """A part on both sides, and what it is compared with."""

    name: str
    old: Group
    new: Group
    against: str


Side = Mapping[str, Group]


def judge(
    old: Side, new: Side, against: Mapping[str, str], settings: Settings, *, final: bool, watches: int = 1
) -> list[Comparison]:
    """Return the comparisons of every part. ``against`` is what each one is compared with. Before the end only what is
    bad beyond doubt counts. ``watches`` is how many watches a deploy has, which share the chance of a false alarm.
    """
    parts = [name for name in new if name in against]
    count = len(parts) + sum(len(new[name].times) for name in parts)
    z = critical(count * watches) if final else EARLY
    found = []
    for name in parts:
        part = Part(name, old.get(name, Group()), new[name], against[name])
        found.append(_errors(part, settings, z))
        found += _latencies(part, settings, z)
    return found


def verdict(comparisons: list[Comparison]) -> str:
    """Return what the comparisons amount to. None at all is inconclusive."""
    verdicts = {one.verdict for one in comparisons}
    return BAD if BAD in verdicts else INCONCLUSIVE if INCONCLUSIVE in verdicts or not verdicts else GOOD


def least(name: str, settings: Settings) -> int:
    """Return how many answers a part needs on each side."""
    return min(settings.traffic, JOURNEYS) if name.startswith("journey ") else settings.traffic


def rows(comparisons: list[Comparison]) -> list[dict[str, Any]]:
    return [asdict(one) for one in comparisons]


def _errors(part: Part, settings: Settings, z: float) -> Comparison:
    name, old, new, against = part.name, part.old, part.new, part.against
    sides = _rate(old), _rate(new)
    if few := _too_few(old, new, least(name, settings)):
        return Comparison(name, "errors", against, *sides, INCONCLUSIVE, f"{name}: {few}")
    low, high = newcombe((new.failed, new.asked), (old.failed, old.asked), z)
    worse = new.failed / new.asked - old.failed / old.asked
    numbers = (
        f"{sides[1]} of the new release failed, {sides[0]} of the old one {against}"
        f" (difference {worse * 100:+.1f} points, interval {low * 100:+.1f} to {high * 100:+.1f},"
        f" {settings.errors * 100:g} tolerated)"
    )
    cause = f". The last failure: {new.why}" if new.why and worse > settings.errors else ""
    is_doubtful = newcombe((new.failed, new.asked), (old.failed, old.asked), DOUBTFUL)[0] > 0
    judged = _judged(worse > settings.errors, is_doubtful, low > 0)
    return Comparison(name, "errors", against, *sides, judged, f"{name}: {numbers}{cause}")


def _latencies(part: Part, settings: Settings, z: float) -> Iterator[Comparison]:
    name, old, new, against = part.name, part.old, part.new, part.against
    for check, now in new.times.items():
        then = old.times.get(check, [])
        what = f"{name} {check}" if check != name else name
        if min(len(now), len(then)) < LATENCIES:
            continue  # the error rate, which is always compared, says how few answers there are
        before, after = median(then), median(now)
        most = max(before * settings.latency, NOISE) if settings.latency is not None else settings.latency_ms or 0.0
        text = (
            f"{what}: the median is {after:.0f} ms with the new release, and {before:.0f} ms with the old one {against}"
            f" ({len(now)} and {len(then)} answers, {most:.0f} ms more are tolerated)"
        )
        errors = slower(now, then)
        judged = _judged(after - before > most, errors > DOUBTFUL, errors > z)
        yield Comparison(what, "latency", against, f"{before:.0f} ms", f"{after:.0f} ms", judged, text)


def _judged(is_worse: bool, is_doubtful: bool, is_certain: bool) -> str:
    if is_worse and is_certain:
        return BAD
    return INCONCLUSIVE if is_worse and is_doubtful else GOOD


def _too_few(old: Group, new: Group, traffic: int) -> str:
    short = [
        f"{side.asked} of the {word} release{_blocked(side)}"
        for word, side in (("new", new), ("old", old))
        if side.asked < traffic
    ]
    return f"too few answers to compare, {' and '.join(short)}, and {traffic} are needed on each side" if short else ""


def _blocked(side: Group) -> str:
    return f" ({side.blocked} were blocked: {side.why})" if side.blocked else ""


def _rate(side: Group) -> str:
    return f"{side.failed} of {side.asked}" if side.asked else "no answer"
