# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a run on a line of time: how long each took, and how long it usually takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..screen import labels
from ..screen.amounts import duration
from ..screen.history import History

BESIDE = "frontend.begin"  # it only starts the build, which runs beside the next steps until they need it
NAMED = 3  # steps that the critical path names
SLOWER = 1.5  # times the usual duration, from which a step is marked as slow
LEAST = 5.0  # seconds: a shorter step is never marked


@dataclass(frozen=True)
class Bar:
    """One step. ``left`` and ``width`` are per cent of the run; ``usual`` is None where no earlier run had the step."""

    name: str
    label: str
    outcome: str
    seconds: float
    usual: float | None
    left: float
    width: float
    word: str = "usually"

    @property
    def took(self) -> str:
        return duration(self.seconds)

    @property
    def planned(self) -> str:
        return duration(self.usual) or "not known"

    @property
    def slow(self) -> bool:
        return self.usual is not None and self.seconds >= LEAST and self.seconds > SLOWER * self.usual

    @property
    def against(self) -> str:
        """How the step compares with the time that it usually takes."""
        if self.usual is None:
            return ""
        more = self.seconds - self.usual
        if abs(more) < 0.05:
            return f"as {'planned' if self.word == 'planned' else 'usual'}"
        return f"{duration(abs(more))} {'longer' if more > 0 else 'shorter'}"


def bars(steps: Iterable[Mapping[str, Any]], total: float, history: History) -> list[Bar]:
    """Return a bar for each step, and one for the time outside of them: checks, lease and snapshot before them."""
    timed = [(str(step.get("name")), str(step.get("outcome")), _seconds(step.get("seconds"))) for step in steps]
    stepped = sum(seconds for _name, _outcome, seconds in timed)
    before = max(total - stepped, 0.0)
    whole = max(total, stepped, 0.1)
    found = [Bar("before", "check, lease, snapshot", "ok", before, None, 0.0, 100 * before / whole)] if before else []
    at = before
    for name, outcome, seconds in timed:
        place = (100 * at / whole, 100 * seconds / whole)
        found.append(Bar(name, labels.of_step(name), outcome, seconds, history.usual(name), *place, history.word(name)))
        at += seconds
    return found


def critical(found: Iterable[Bar]) -> str:
    """Return the sentence on the critical path. The steps run one after another, so that each second of one is a
    second of the run.
    """
    path = sorted((step for step in found if step.name != BESIDE), key=lambda step: step.seconds, reverse=True)[:NAMED]
    parts = [f"{step.label} ({step.took}, {step.width:.0f} %)" for step in path if step.width >= 1]
    if not parts:
        return ""
    return f"The steps run one after another, so all are on the critical path. The longest: {', '.join(parts)}."


def _seconds(value: Any) -> float:
    return max(float(value), 0.0) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
