# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run journeys step by step: what each took, and of the first failure the step, the expected and what came."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, quote_plus

from ...core.deadline import nothing
from ...core.redact import MASK, SHORTEST, redact
from ...core.transport import make_session
from .. import checks
from .journey import Journey, Query, Step
from .names import fill, names
from .predicates import difference
from .queries import Answer, NotThere, look_up
from .sender import Sender, StepFailed
from .words import World

SHOWN = 300  # characters of what was expected and of what came, in a failure
LOOKED_AT = 10_000  # characters of a body, which are masked before they are shortened
GONE = (404, 410)  # what a clean-up may be answered where there is nothing to remove

Browse = Callable[[Step, Sender, Mapping[str, Any]], int]


@dataclass
class Runner:
    """Runs journeys one after the other. ``values`` are the variables, secrets among them; ``secret`` are the texts to
    mask. ``others`` are the values of other callers, whose test data the clean-up removes first. ``browse`` runs the
    actions of a browser's step and returns their milliseconds.
    """

    world: World
    values: Mapping[str, Any] = field(default_factory=dict)
    others: Sequence[Mapping[str, Any]] = ()
    secret: set[str] = field(default_factory=set)
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10
    session: Callable[[Mapping[str, str]], Any] = make_session
    browse: Browse | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    tick: Callable[[], None] = nothing

    def run(self, journey: Journey) -> dict[str, Any]:
        """Run a journey and return its report. Its clean-up runs before the steps and after them."""
        began = self.clock()
        with self.session(self.headers) as session:
            sender = Sender(self.world, session, self.headers, self.timeout, self.clock, self.tick)
            report = _Course(self, sender, journey).run()
        report["elapsed_ms"] = round((self.clock() - began) * 1000)
        return report

    def mask(self, text: str) -> str:
        """Return a text without a secret in any form, short ones encoded too."""
        text = redact(text, self.secret)
        for secret in sorted(self.secret, key=len, reverse=True):
            if SHORTEST <= len(secret) < 8:
                for form in _forms(secret):
                    text = text.replace(form, MASK)
        return text


@dataclass
class _Course:
    """One run of a journey: ``values`` grow by what is captured."""

    runner: Runner
    sender: Sender
    journey: Journey
    values: dict[str, Any] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        failure = None
        for values in (*self.runner.others, self.runner.values):
            self.values = {**values}
            for name, value in self.journey.variables.items():
                self.values[name] = fill(value, self.values)
            failure = self._clean("before") or failure
        try:
            failure = failure or self._walk(self.journey.steps)
        finally:
            left = self._clean("after")
        report = {
            **{"name": self.journey.name, "outcome": "failed" if failure or left else "passed"},
            **{"steps": self.steps, "failure": failure or left},
            "cleaned": bool(self.journey.cleanup) and left is None,
        }
        if failure and left:
            report["failure"] = {**failure, "left": left["summary"]}
        return report

    def _walk(self, steps: Iterable[Step]) -> dict[str, Any] | None:
        """Run steps in order; return the first failure."""
        for step in steps:
            if failure := self._try(step):
                return failure
        return None

    def _clean(self, when: str) -> dict[str, Any] | None:
        """Run each step of the clean-up whose values are known, even when another fails; return the first failure."""
        first = None
        for step in self.journey.cleanup:
            if _needed(step) <= self.values.keys():
                failure = self._try(step, cleaning=when)
                first = first or failure
        return first

    def _try(self, step: Step, cleaning: str = "") -> dict[str, Any] | None:
        """Run a step until it passes or its tries are used up; record it, and return its failure."""
        record: dict[str, Any] = {"name": step.name, "outcome": "passed", "status": None, "duration_ms": None}
        record.update({"cleanup": cleaning} if cleaning else {})
        self.steps.append(record)
        self._sleep(step.options.delay)
        for attempt in range(step.options.retry + 1):
            self.runner.tick()
            record["tries"] = attempt + 1
            try:
                self._once(step, record, bool(cleaning))
                return None
            except StepFailed as error:
                problem = error
            if attempt < step.options.retry:
                self._sleep(step.options.retry_interval)
        record["outcome"] = "failed"
        return self._failure(step, problem, record, cleaning)

    def _sleep(self, seconds: float) -> None:
        """Wait, and renew the lease meanwhile."""
        while seconds > 0:
            self.runner.sleep(min(seconds, 5.0))
            self.runner.tick()
            seconds -= 5.0

    def _once(self, step: Step, record: dict[str, Any], cleaning: bool) -> None:
        if step.actions:
            if self.runner.browse is None:
                raise StepFailed("a browser", "none: install Chromium and the Python package playwright")
            record["duration_ms"] = self.runner.browse(step, self.sender, self.values)
            return
        answer = self.sender.send(step.request, step.options, self.values)
        answer.variables = self.values
        record.update(status=answer.status, duration_ms=answer.duration_ms)
        self._expect_status(step, answer, cleaning)
        captured = {}
        for capture in step.captures:
            try:
                captured[capture.name] = look_up(_filled(capture.query, self.values), answer)
            except NotThere as missing:
                wanted = f"a value for {capture.name} ({capture.query})"
                raise StepFailed(wanted, f"none, {missing}: {_body(answer)}") from None
            if capture.secret:
                self.runner.secret.update(_texts(captured[capture.name]))
        answer.variables = {**self.values, **captured}
        for assertion in step.asserts:
            query, value = _filled(assertion.query, answer.variables), fill(assertion.value, answer.variables)
            if wrong := difference(replace(assertion, query=query, value=value), answer):
                raise StepFailed(*wrong, status=answer.status)
        self.values.update(captured)

    def _expect_status(self, step: Step, answer: Answer, cleaning: bool) -> None:
        good = answer.status in step.status if step.status else 200 <= answer.status < 300
        if good or (cleaning and not step.status and answer.status in GONE):
            return
        wanted = " or ".join(map(str, step.status)) or "2xx"
        seen = checks.Answer(answer.url, answer.status, answer.headers, answer.text, False, answer.duration_ms)
        by = checks.blocked_by(checks.Check(step.name, answer.url, status=step.status or (200,)), seen)
        raise StepFailed(f"status {wanted}", f"{answer.status}: {by or _body(answer)}", status=answer.status)

    def _failure(self, step: Step, problem: StepFailed, record: Mapping[str, Any], cleaning: str) -> dict[str, Any]:
        what = f"cleanup step {step.name}" if cleaning else step.name
        tries = f" after {record['tries']} tries" if record["tries"] > 1 else ""
        expected, got = self._shown(problem.expected), self._shown(problem.got)
        return {
            **{"step": step.name, "expected": expected, "got": got, "screenshot": problem.screenshot},
            **{"cleanup": bool(cleaning), "summary": f"step {what!r} expected {expected}, got {got}{tries}"},
        }

    def _shown(self, text: str) -> str:
        """Mask a text, and shorten it only then: half of a secret would not be recognized."""
        text = self.runner.mask(text)
        return f"{text[:SHOWN]}…" if len(text) > SHOWN else text


def _needed(step: Step) -> set[str]:
    """Return the names that a step cannot do without."""
    expected = [[one.query.expression, one.value] for one in step.asserts]
    captured = [one.query.expression for one in step.captures]
    used = [vars(step.request), [vars(action) for action in step.actions], expected, captured]
    return set(names(used)) - {capture.name for capture in step.captures}


def _filled(query: Query, values: Mapping[str, Any]) -> Query:
    return replace(query, expression=fill(query.expression, values))


def _body(answer: Answer) -> str:
    return " ".join(answer.text[:LOOKED_AT].split()) or "an empty body"


def _texts(value: Any) -> Iterable[str]:
    """Give the texts of a captured value that are long enough to be masked."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif len(str(value)) >= SHORTEST and not isinstance(value, bool):
        yield str(value)


def _forms(secret: str) -> set[str]:
    """Return the encoded forms of a secret that is too short for the general redactor to encode."""
    encoded = base64.b64encode(secret.encode()).decode()
    return {quote(secret, safe=""), quote_plus(secret), encoded, encoded.rstrip("=")}
