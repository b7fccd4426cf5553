# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a deploy and its steps usually take, from the ledger's records where a run has read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from .amounts import moment
from .event import Event


@dataclass
class History:
    """Seconds of each step that ended well in earlier runs, and of each deploy that did."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    planned: dict[str, float] = field(default_factory=dict)  # from the dress rehearsal of this release
    rehearsed: float = 0.0  # seconds that it took
    deploys: list[float] = field(default_factory=list)

    def learn(self, event: Event) -> None:
        if event.module == "dress_rehearsal":
            self.plan(event.get("rehearsal", "planned"))
            self.rehearsed = float(event.get("rehearsal", "seconds") or 0.0)
        records = event.get("records") if event.module == "release_info" else None
        self.read(records if isinstance(records, list) else [])

    def read(self, records: Iterable[Any]) -> None:
        """Learn from records of the ledger."""
        for record in [one for one in records if isinstance(one, Mapping)]:
            began, ended = moment(record.get("started_at")), moment(record.get("finished_at"))
            if record.get("kind") == "deploy" and record.get("outcome") == "released" and began and ended:
                self.deploys.append((ended - began).total_seconds())
            steps = record.get("steps")
            for step in steps if isinstance(steps, list) else []:
                if (
                    isinstance(step, Mapping)
                    and step.get("outcome") == "ok"
                    and isinstance(step.get("seconds"), (int, float))
                ):
                    self.seconds.setdefault(str(step.get("name")), []).append(float(step["seconds"]))

    def plan(self, planned: Any) -> None:
        """Take the times of a dress rehearsal, where there is one."""
        times = planned.items() if isinstance(planned, Mapping) else ()
        self.planned |= {str(name): float(seconds) for name, seconds in times if isinstance(seconds, (int, float))}

    def word(self, step: str) -> str:
        return "planned" if step in self.planned else "usually"

    def usual(self, step: str) -> float | None:
        """The time that a step took in the dress rehearsal, else the median of its times; None where none is known."""
        if step in self.planned:
            return self.planned[step]
        known = self.seconds.get(step)
        return median(known) if known else None

    def usual_deploy(self) -> float | None:
        return median(self.deploys) if self.deploys else None
