# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the new release and the old one the same things, in rounds of equal distance.

The number of rounds is fixed by the bake time. On a busy machine, or where answers are slow, a round is late and the
next one follows at once: the watch takes longer, and sees as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from ..core import progress
from ..core.amounts import duration
from ..core.wait import Waiter
from ..site.checks import Check
from ..site.probe import Prober, Result
from .judge import JOURNEYS, Group
from .state import State

JOURNEY_EVERY = 6  # rounds at most: a journey has many requests
SAVES = 20  # times that the state is saved, and judged, during a watch

Walk = Callable[[str], Mapping[str, Any]]  # runs the journey on a side, "new" or "old", and returns its report
Sides = tuple[dict[str, Group], dict[str, Group]]


@dataclass
class Subjects:
    """What is asked. ``new`` and ``old`` are checks by site, ``old`` only of sites whose old release is still served.
    ``walk`` runs the journey of the name ``journey``, on the old side only where ``walks_old``.
    """

    new: Mapping[str, Sequence[Check]]
    old: Mapping[str, Sequence[Check]] = field(default_factory=dict)
    journey: str = ""
    walk: Walk | None = None
    walks_old: bool = False
    walks_every: int = JOURNEY_EVERY


def walks_every(rounds: int) -> int:
    """Return after how many rounds the journey runs again, so that it runs often enough to be compared."""
    return max(1, min(JOURNEY_EVERY, rounds // JOURNEYS))


@dataclass
class Asker:
    """Asks both sides at once. ``timeout`` is in seconds, of one request."""

    subjects: Subjects
    waiter: Waiter
    timeout: float = 10.0

    def ask(self, number: int, new: dict[str, Group], old: dict[str, Group]) -> list[int | None]:
        """Ask everything once, add it to the groups and return the point of the round: the median of the good answers
        in milliseconds and the failures, of the new side and of the old one.
        """
        pairs = [(new, site, check) for site, checks in self.subjects.new.items() for check in checks]
        pairs += [(old, site, check) for site, checks in self.subjects.old.items() for check in checks]
        once = Prober(replace(self.waiter, timeout=0.0, interval=0.0), timeout=self.timeout)
        results = once.run([check for _side, _site, check in pairs])
        for (side, site, _check), result in zip(pairs, results, strict=True):
            reason = f"{result.name}: {'; '.join(result.reasons)}"
            side.setdefault(site, Group()).add(result.name, result.outcome, result.latency_ms, reason)
        if self.subjects.walk and number % self.subjects.walks_every == 0:
            self._walk("new", new)
            if self.subjects.walks_old:
                self._walk("old", old)
        first = sum(len(checks) for checks in self.subjects.new.values())
        return [*_point(results[:first]), *_point(results[first:])]

    def _walk(self, side: str, groups: dict[str, Group]) -> None:
        report = self.subjects.walk(side) if self.subjects.walk else {}
        name = f"journey {self.subjects.journey}"
        failure = report.get("failure") or {}
        good = report.get("outcome") == "passed"
        why = "" if good else f"step {failure.get('step', '?')!r} expected {failure.get('expected')}"
        elapsed = report.get("elapsed_ms")
        groups.setdefault(name, Group()).add(name, "healthy" if good else "unhealthy", elapsed, why)


def run(
    asker: Asker,
    state: State,
    interval: float,
    sides: Sides,
    *,
    save: Callable[[], None],
    stop: Callable[[], bool],
) -> None:
    """Ask until ``state.rounds`` are done. ``sides`` are the groups of the new and of the old release. Now and then,
    and at the end, ``save()`` is called and then ``stop()``, which says whether to end before.
    """
    waiter, first = asker.waiter, state.done
    began, every = waiter.clock(), max(1, state.rounds // SAVES)
    while state.done < state.rounds:
        waiter.check("the watch")
        state.points.append(asker.ask(state.done, *sides))
        state.done += 1
        left = (state.rounds - state.done) * interval
        progress.report(f"the release is watched, {_counts(sides)}, {duration(left)} left")
        if state.done % every == 0 or state.done == state.rounds:
            save()
            if stop():
                return
        if state.done < state.rounds:
            waiter.sleep(max(0.0, began + (state.done - first) * interval - waiter.clock()))


def _counts(sides: Sides) -> str:
    words = []
    for word, groups in zip(("new", "old"), sides, strict=True):
        asked, failed = sum(one.asked for one in groups.values()), sum(one.failed for one in groups.values())
        words.append(f"{word}: {failed} of {asked} failed")
    return ", ".join(words)


def _point(results: Sequence[Result]) -> Iterator[int | None]:
    good = [one.latency_ms for one in results if one.outcome == "healthy" and one.latency_ms is not None]
    yield round(median(good)) if good else None
    yield sum(one.outcome not in ("healthy", "probe_blocked") for one in results) if results else None
