# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of docs/faults.md: which faults befall a write, how a module comes through each, and what must
hold however it does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.cloud.faults import READS
from tests.integration.faults.bench import PATIENCE, Bench, Shape
from tests.integration.faults.hurry import BRIEFLY

# What may be reported of a fault; anything else would blame the operator or nobody.
KINDS = {"api", "unreachable", "wait_timeout"}
PATIENT = {"wait_timeout": PATIENCE, "timeout": PATIENCE}
# A secret gets a new value, and keeps its old one beside it: losing that would leave nothing to put back.
ROTATED = {
    "state": "rotated",
    "variable": "COLOUR",
    "previous": "COLOUR_BEFORE",
    "value": "a-new-value-of-32-letters-or-so-1",
}
SHORT = BRIEFLY  # seconds of patience where the awaited state is not reported


@dataclass(frozen=True)
class Trouble:
    """One or several faults in a row of the same operation; ``times`` -1 is for good. ``wait`` is the
    module's wait_timeout.
    """

    name: str
    kinds: tuple[str, ...]
    times: int = 1
    wait: float = PATIENCE
    more: dict[str, Any] = field(default_factory=dict)


CURED = Trouble("429 then 503 then reset", ("rate_limited", "unavailable", "reset"), more={"retry_after": 0})
CUT_OFF = Trouble("cut body", ("malformed",))
DOWN = Trouble("503 for good", ("unavailable",), -1)
BEFORE = (CURED, CUT_OFF, DOWN)
DURING = (
    CURED,
    Trouble("500", ("unavailable",), more={"status": 500}),
    Trouble("timeout", ("timeout",), more={"seconds": 0.01}),
    CUT_OFF,
    Trouble("answer lost", ("lost_answer",)),
    Trouble("answer cut", ("garbled",)),
    DOWN,
    Trouble("answer lost each time", ("lost_answer",), -1),
)
AFTER = (
    *(CURED, CUT_OFF, DOWN),
    Trouble("old answers", ("stale_read",), 2),
    Trouble("unknown state", ("unknown_state",), -1, SHORT),
)
COLUMNS = {"before": BEFORE, "during": DURING, "after": AFTER}


@dataclass(frozen=True)
class Case:
    """A module on its way to a goal. ``writes`` are the operations by which it writes, in their order.

    ``rows`` are those of them that this case is about, all by default. ``repeats`` is a module that does it again each
    time it is run, ``twice`` one whose rerun after a lost answer cannot know that it was done. ``advised`` is what is
    run in place of the same where the error names its word. ``keeps`` is a value that one of the variables has at every
    moment. ``prepare`` is done before each run. ``kinds`` are the
    kinds of errors that this one may report besides KINDS.
    """

    module: str
    goal: str
    vendor: str
    writes: tuple[str, ...]
    arrange: Callable[[Any], None]
    run: Callable[..., dict[str, Any]]
    repeats: bool = False
    twice: bool = False
    inspect: Callable[[Any], Shape] = lambda bench: {}
    prepare: Callable[[Any], None] = lambda bench: None
    rows: tuple[str, ...] = ()
    advised: tuple[str, Callable[..., dict[str, Any]]] | None = None
    keeps: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.module}, {self.goal}"

    @property
    def judged(self) -> tuple[str, ...]:
        return self.rows or self.writes

    @property
    def label(self) -> str:
        return f"{self.module}-{self.goal}".replace(", ", "-").replace(" ", "-")


@dataclass
class Rehearsal:
    """A run without faults: what there was before and after it, and what was asked (operation, whether it writes)."""

    before: Shape
    goal: Shape
    asked: list[tuple[str, bool]]

    def place(self, write: str, column: str) -> tuple[str, int] | None:
        """Return the operation that a column's faults befall, and how many of it go through first; None
        where there is none such.
        """
        at = next(index for index, (operation, _writes) in enumerate(self.asked) if operation == write)
        if column == "before":
            at = next((index for index in range(at - 1, -1, -1) if not self.asked[index][1]), -1)
        if column == "after":
            at = at + 1 if at + 1 < len(self.asked) and not self.asked[at + 1][1] else -1
        return (
            (self.asked[at][0], sum(operation == self.asked[at][0] for operation, _writes in self.asked[:at]))
            if at >= 0
            else None
        )

    @property
    def writes(self) -> list[str]:
        return list(dict.fromkeys(operation for operation, writes in self.asked if writes))


class Table:
    """Cases on one bench, arranged and rehearsed once each."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._rehearsed: dict[str, Rehearsal] = {}

    def rehearsal(self, case: Case) -> Rehearsal:
        if case.label not in self._rehearsed:
            self.bench.restore("fresh")
            case.arrange(self.bench)
            self.bench.save(case.label)
            self._back(case)
            before = self._shape(case)
            self.bench.tell("DELETE", "/requests")
            ran = case.run(self.bench, **PATIENT)
            asked = self.bench.asked(case.vendor)
            assert (ran["failed"], ran.get("changed")) == (False, True), ran
            self._rehearsed[case.label] = rehearsed = Rehearsal(before, self._shape(case), asked)
            assert rehearsed.writes == list(case.writes)
            if not case.repeats:  # so it needs no telling again of any other run that ends just so
                again = case.run(self.bench, **PATIENT)
                assert (again["failed"], again["changed"]) == (False, False), again
                assert self._shape(case) == rehearsed.goal
        return self._rehearsed[case.label]

    def cell(self, case: Case, write: str, column: str) -> str:
        """Try the faults of a column on a write; return what is to be read of it in the table."""
        rehearsal = self.rehearsal(case)
        place = rehearsal.place(write, column)
        if place is None:
            return "—"
        operation, passed = place
        if column == "before" and any(
            rehearsal.place(other, column) == place for other in case.judged[: case.judged.index(write)]
        ):
            return "as above"
        seen: dict[str, list[str]] = {}
        for trouble in COLUMNS[column]:
            if trouble.kinds == ("stale_read",) and operation not in READS.get(case.vendor, ()):
                continue
            if trouble.kinds == ("unknown_state",) and case.vendor in ("slack", "objects"):
                continue
            seen.setdefault(self._try(case, rehearsal, operation, passed, trouble), []).append(trouble.name)
        return "; ".join(f"{outcome}: {', '.join(names)}" for outcome, names in seen.items())

    def _back(self, case: Case) -> None:
        self.bench.stores = case.vendor == "objects"
        self.bench.restore(case.label)
        case.prepare(self.bench)

    def _shape(self, case: Case) -> Shape:
        shape = self.bench.shape()
        return {**shape, "rest": {**shape["rest"], **case.inspect(self.bench)}}

    def _try(self, case: Case, rehearsal: Rehearsal, operation: str, passed: int, trouble: Trouble) -> str:
        where = f"{case.name}: {trouble.name} at {operation}"
        self._back(case)
        for kind in trouble.kinds:
            self.bench.fault(case.vendor, operation, kind, times=trouble.times, after=passed, **trouble.more)
        first = case.run(self.bench, wait_timeout=trouble.wait, timeout=PATIENCE)
        unmet = [fault for fault in self.bench.tell("GET", "/faults") if fault["times"] > 0]
        assert len(unmet) < len(trouble.kinds) or trouble.kinds == ("stale_read",), f"{where}: it never met {unmet}"
        between = self._shape(case)
        hold(case, rehearsal, first, between, where)
        assert not any(token in repr(first) for token in self.bench.sandbox.state["tokens"].values()), (
            f"{where}: a token is shown"
        )
        if not first["failed"] and between == rehearsal.goal:
            return "goal"
        self.bench.tell("DELETE", "/faults")
        advised = case.advised and first["failed"] and case.advised[0] in first["msg"]
        second = (case.advised[1] if case.advised and advised else case.run)(self.bench, **PATIENT)
        assert not second["failed"], f"{where}: the next run failed as well: {second['msg']}\nafter {first.get('msg')}"
        after = self._shape(case)
        outcome = "warning, then goal"
        if first["failed"]:
            outcome = f"`{first['error']['kind']}`, then goal{' as it advises' if advised else ''}"
        if case.twice and first["failed"] and between["made"] != rehearsal.before["made"]:
            after, outcome = {**after, "made": rehearsal.goal["made"]}, f"`{first['error']['kind']}`, then once more"
        assert after == rehearsal.goal, (
            f"{where}: not the goal after {first.get('msg', 'success')}\n{unlike(after, rehearsal.goal)}"
        )
        return outcome


def hold(case: Case, rehearsal: Rehearsal, ran: dict[str, Any], now: Shape, where: str) -> None:
    """Hold what must be so after a run that met with a fault, however it ended."""
    before, goal = rehearsal.before, rehearsal.goal
    more = Counter(_unstated(now["made"])) - Counter(_unstated(before["made"])) - Counter(_unstated(goal["made"]))
    assert not more, f"{where}: made more than once: {more}"
    assert len(now["made"]) <= max(len(before["made"]), len(goal["made"])), (
        f"{where}: more was made than is wanted: {now['made']}"
    )
    for name, value in before["variables"].items():
        wanted = {value, goal["variables"].get(name)}
        assert now["variables"].get(name) in wanted, f"{where}: the variable {name} is lost or changed"
    assert not case.keeps or case.keeps in now["variables"].values(), f"{where}: {case.keeps} is lost"
    if ran["failed"]:
        assert ran["error"]["kind"] in {*KINDS, *case.kinds}, f"{where}: {ran['error']}"
        assert ran["msg"], where
    elif not ran["changed"]:
        assert now == before, f"{where}: changed is false, and it is another one:\n{unlike(now, before)}"
    elif not ran["warnings"]:
        assert now == goal, f"{where}: no error, and not the goal:\n{unlike(now, goal)}"


def _unstated(made: list[str]) -> list[str]:
    return [line.rpartition(" ")[0] for line in made]


def unlike(now: Shape, wanted: Shape) -> str:
    """Return what of a shape is not as wanted."""
    flat = [{**{"made": one["made"]}, **one["variables"], **one["rest"]} for one in (now, wanted)]
    return "\n".join(
        f"{key} is {flat[0].get(key)}\nin place of {flat[1].get(key)}"
        for key in flat[0].keys() | flat[1].keys()
        if flat[0].get(key) != flat[1].get(key)
    )
