# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A watch from its start to its verdict: measure the old release, watch the new one beside it, judge, and do what the
policy says about an inconclusive verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..core import progress
from ..core.amounts import duration
from ..core.errors import ConfigError, RunbookError, Unhealthy
from ..core.wait import Waiter, nothing
from ..release.watch_settings import Settings
from ..site.probe import Prober, Result
from ..store.base import Store
from . import rounds
from .judge import BAD, BEFORE, GOOD, INCONCLUSIVE, SAME_TIME, Comparison, Group, judge, least, rows, verdict
from .state import State, decision, forget_decision, load, save

CONTINUED = "continued"  # inconclusive, and the release stays by policy or by decision
POINTS = 60  # of a plot
GONE = (401, 403, 404, 410)  # what a platform answers for an old deployment that it does not serve any more
SESSIONS = "sentry sessions"
COUNTS = "counts of the platform"  # where it gave none


@dataclass
class Watch:
    """``sessions`` gives the sessions that Sentry counted for the new release and for the old one; None where Sentry is
    not compared. ``alone`` is a watch outside of a deploy, which records nothing and waits for nobody. ``ask`` posts
    the verdict and how long a decision is waited for. ``stage`` is the stage of a rolling release under way: {number,
    share, lasts, shares}; empty outside of one. ``platform`` gives the answers that the backend's platform counted in
    the last seconds; None where they are not compared.
    """

    store: Store
    settings: Settings
    subjects: rounds.Subjects
    waiter: Waiter
    release: str
    previous: str = ""
    resumed: bool = False
    alone: bool = False
    timeout: float = 10.0
    sessions: Callable[[], tuple[Group, Group]] | None = None
    ask: Callable[[str, str], None] = nothing
    stage: Mapping[str, Any] = field(default_factory=dict)
    platform: Callable[[float], dict[str, Group]] | None = None
    notes: list[str] = field(default_factory=list)

    def measure(self) -> dict[str, Any]:
        """Measure the old release before anything changes. A run that continues a killed one keeps its measurements:
        what is live now may be the new release.
        """
        known = load(self.store)
        if self.resumed and known and known.release == self.release and known.before:
            return {"summary": "The measurements of the run that did not end are kept."}
        state = State(self.release, self.previous, rounds=self.settings.rounds(self.settings.before))
        if not self.settings.before:
            save(self.store, state)
            return {"summary": "The old release is not measured before: verify_watch.before is 0."}
        subjects = replace(self.subjects, old={}, walks_every=rounds.walks_every(state.rounds))
        asker = rounds.Asker(subjects, self.waiter, self.timeout)
        sides: rounds.Sides = (state.before, {})
        rounds.run(asker, state, self.settings.interval, sides, save=lambda: None, stop=lambda: False)
        state.before |= self._platform(self.settings.before)
        state.points, state.done, state.rounds = [], 0, 0
        save(self.store, state)
        counts = [f"{name} {group.failed} of {group.asked} failed" for name, group in state.before.items()]
        return {"summary": f"The old release was measured for {duration(self.settings.before)}: {', '.join(counts)}."}

    def watch(self) -> dict[str, Any]:
        """Return the verdict with its numbers. Raises Unhealthy, with the same as its result, where the release has to
        be put back.
        """
        state = self._begun()
        if state.phase == "ended" or state.stage > self.number:
            return self._result(state, [], "The release was watched already, before the run was stopped.")
        self._choose_sides()
        comparisons = self._watched(state)
        if verdict(comparisons) == INCONCLUSIVE and self.settings.inconclusive == "extend" and not state.extended:
            state.extended = True
            state.rounds += self.settings.rounds(self.settings.bake)
            comparisons = self._watched(state)
        state.verdict = verdict(comparisons)
        text = _described(f"{self.release}{self._where()}", comparisons, state)
        if state.verdict == INCONCLUSIVE:
            text = f"{text}\n{self._undecided(state, text)}"
        if state.verdict in (GOOD, CONTINUED):
            self._stay()
        state.phase = "ended"
        self._save(state)
        found = self._result(state, comparisons, text)
        if state.verdict not in (GOOD, CONTINUED):
            error = Unhealthy(text)
            error.result = found
            raise error
        return found

    @property
    def number(self) -> int:
        """The number of the rolling release's stage, from 1; 0 outside of one."""
        return int(self.stage.get("number") or 0)

    def _where(self) -> str:
        if not self.number:
            return ""
        return f" at {self.stage['share']:g} % of the visitors (stage {self.number} of {len(self.stage['shares'])})"

    def _stay(self) -> None:
        """Stay in a stage that lasts longer than the bake time. A rerun stays as long again."""
        waiter, rest = self.waiter, float(self.stage.get("lasts") or 0.0) - self.settings.bake
        end = waiter.clock() + rest
        if rest > 0:
            progress.report(f"The stage{self._where()} lasts {duration(rest)} longer")
        while (left := end - waiter.clock()) > 0:
            waiter.check("the end of the stage")
            waiter.sleep(min(5.0, left))

    def _begun(self) -> State:
        known = load(self.store)
        same = known is not None and known.release == self.release
        if known and same and self.resumed and not self.alone:
            finished = known.phase == "ended" and known.verdict in (GOOD, CONTINUED)
            if known.stage > self.number:
                return known
            if known.stage == self.number and (finished or known.phase in ("watching", "holding")):
                return known
        before = known.before if known and same else {}
        rounds_left = self.settings.rounds(self.settings.bake)
        state = State(self.release, self.previous, "watching", rounds_left, before=before, stage=self.number)
        if not self.alone:
            forget_decision(self.store)
            self._save(state)
        return state

    def _choose_sides(self) -> None:
        """Leave out the old side of a site whose old deployment is not served any more."""
        served = {}
        for site, checks in self.subjects.old.items():
            results = Prober(replace(self.waiter, timeout=0.0), timeout=self.timeout).run(checks)
            if any(_is_served(one) for one in results):
                served[site] = checks
            else:
                why = next((reason for one in results for reason in one.reasons), "no answer")
                self.notes.append(f"{site}: the old deployment is not served at its own URL ({why})")
        self.subjects = replace(
            self.subjects,
            old=served,
            walks_old=self.subjects.walks_old and bool(served),
            walks_every=rounds.walks_every(self.settings.rounds(self.settings.bake)),
        )

    def _watched(self, state: State) -> list[Comparison]:
        asker = rounds.Asker(self.subjects, self.waiter, self.timeout)

        def is_bad() -> bool:
            return verdict(self._judged(state, final=False)) == BAD

        rounds.run(
            asker, state, self.settings.interval, (state.new, state.old), save=lambda: self._save(state), stop=is_bad
        )
        early = self._judged(state, final=False)
        if state.done < state.rounds and verdict(early) == BAD:
            return early
        return self._judged(state, final=True)

    def _judged(self, state: State, *, final: bool) -> list[Comparison]:
        same = {*self.subjects.old, *([f"journey {self.subjects.journey}"] if self.subjects.walks_old else [])}
        against = {name: SAME_TIME if name in same else BEFORE for name in state.new}
        old = {name: (state.old if name in same else state.before).get(name, Group()) for name in state.new}
        new = dict(state.new)
        if final and self.sessions:
            new[SESSIONS], old[SESSIONS], against[SESSIONS] = *self._sessions(), BEFORE
        if final and self.platform:
            counts = self._platform(self.settings.bake) or {COUNTS: Group()}  # no data is inconclusive
            for name, group in counts.items():
                new[name], old[name], against[name] = group, state.before.get(name, Group()), BEFORE
        return judge(old, new, against, self.settings, final=final, watches=max(1, len(self.stage.get("shares") or [])))

    def _sessions(self) -> tuple[Group, Group]:
        try:
            return self.sessions() if self.sessions else (Group(), Group())
        except RunbookError as error:
            self.notes.append(f"Sentry could not be asked: {error}")
            return Group(), Group()

    def _platform(self, seconds: float) -> dict[str, Group]:
        try:
            return self.platform(seconds) if self.platform else {}
        except RunbookError as error:
            self.notes.append(f"The backend's platform did not give its counts: {error}")
            return {}

    def _undecided(self, state: State, text: str) -> str:
        """Do what the policy says about an inconclusive verdict; return it in words."""
        if self.settings.inconclusive == "continue":
            state.verdict = CONTINUED
            return "The release stays, as verify_watch.inconclusive is continue."
        if self.alone:
            return "Nothing was put back."
        state.phase = "holding"
        self._save(state)
        return self._held(state, text)

    def _held(self, state: State, text: str) -> str:
        waiter, limit = self.waiter, self.settings.hold
        self.ask(text, duration(limit))
        began, pause = waiter.clock(), min(5.0, limit / 10)
        progress.report(f"{text.splitlines()[0]} Decide with watch.yml -e decide=continue, or decide=put_back")
        while True:
            waiter.check("the decision about the watch")
            found = decision(self.store, self.release)
            if found:
                state.verdict = CONTINUED if found["decide"] == "continue" else INCONCLUSIVE
                what = "The release stays" if state.verdict == CONTINUED else "The release is put back"
                return f"{what}, as {found['by'] or 'somebody'} decided: {found['reason']}"
            if waiter.clock() - began >= limit:
                return (
                    f"No decision was made within {duration(limit)} (verify_watch.hold), so the release is put back."
                    " To keep one, run watch.yml -e decide=continue -e reason=<why> while the deploy waits."
                )
            waiter.sleep(pause)

    def _save(self, state: State) -> None:
        if not self.alone:
            save(self.store, state)

    def _result(self, state: State, comparisons: list[Comparison], text: str) -> dict[str, Any]:
        return {
            "verdict": state.verdict,
            "stage": self._where().strip(),
            "comparisons": rows(comparisons),
            "notes": self.notes,
            "rounds": state.done,
            "seconds": round(state.done * self.settings.interval, 1),
            "extended": state.extended,
            "points": thinned(state.points),
            "summary": "\n".join([text, *self.notes]),
        }


def refuse_too_little(settings: Settings, subjects: rounds.Subjects) -> None:
    """Raise ConfigError where the watch could not reach its minimum of answers, so that it would always be
    inconclusive.
    """
    for site, checks in subjects.new.items():
        spans = (
            {"bake": settings.bake}
            if site in subjects.old or not settings.before
            else {
                "bake": settings.bake,
                "before": settings.before,
            }
        )
        for name, seconds in spans.items():
            answers = settings.rounds(seconds) * len(checks)
            if answers < least(site, settings):
                raise ConfigError(
                    f"verify_watch.{name} is {duration(seconds)}, in which {site} gives only {answers} answers, and"
                    f" verify_watch.traffic needs {settings.traffic}. Lengthen it, or shorten verify_watch.interval."
                )


def thinned(points: Sequence[Sequence[int | None]]) -> list[list[int | None]]:
    """Return at most POINTS points, with the failures of those that are left out added up."""
    size = max(1, -(-len(points) // POINTS))
    found = []
    for first in range(0, len(points), size):
        part = points[first : first + size]
        found.append([_last(part, 0), _total(part, 1), _last(part, 2), _total(part, 3)])
    return found


def _last(points: Sequence[Sequence[int | None]], column: int) -> int | None:
    known = [point[column] for point in points if point[column] is not None]
    return known[-1] if known else None


def _total(points: Sequence[Sequence[int | None]], column: int) -> int | None:
    known = [value for point in points if (value := point[column]) is not None]
    return sum(known) if known else None


def _is_served(result: Result) -> bool:
    return result.outcome not in ("probe_blocked", "unreachable") and result.status not in GONE


def _described(release: str, comparisons: Sequence[Comparison], state: State) -> str:
    word = verdict(list(comparisons))
    texts = [one.text for one in comparisons if one.verdict == word] or ["nothing was compared"]
    longer = ", extended once" if state.extended else ""
    first = f"The watch of {release} is {word}{longer}."
    return "\n".join([first, *(f"- {text}" for text in texts)])
