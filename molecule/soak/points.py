# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a playbook can be killed: at each write to a vendor or the store, and as each task begins.

The points come from one run that nobody disturbs, so a new task or write is a new point without a change here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The ways besides SIGKILL in which a run is ended, and at how many points each is tried. SIGINT is sent as Ctrl-C sends
# it, to all processes of the terminal; it is ansible-runner that cancels.
CANCEL = "cancel"
GENTLE = ("SIGTERM", "SIGINT", CANCEL)
GENTLE_POINTS = 5


@dataclass(frozen=True)
class Point:
    """One kill. ``at`` is ``write`` (while the ``nth`` request of ``operation`` to ``vendor`` is under way) or ``task``
    (as the ``nth`` task, counted from 1, begins); ``way`` is the signal's name or CANCEL.
    """

    playbook: str
    at: str
    name: str
    nth: int
    way: str = "SIGKILL"
    vendor: str = ""

    def __str__(self) -> str:
        where = (
            f"{self.vendor} {self.name} {self.nth}" if self.at == "write" else f"before task {self.nth}, {self.name!r}"
        )
        return f"{self.playbook}: {self.way} {'during' if self.at == 'write' else ''} {where}".replace("  ", " ")


def points_of(playbook: str, writes: Iterable[Mapping[str, Any]], tasks: Sequence[str]) -> list[Point]:
    """Return the points of a playbook, given the writes and the tasks of an undisturbed run in their order."""
    killed = [*_at_writes(playbook, writes), *(Point(playbook, "task", name, nth) for nth, name in enumerate(tasks, 1))]
    step = max(1, len(tasks) // GENTLE_POINTS)
    spread = list(enumerate(tasks, 1))[step // 2 :: step][:GENTLE_POINTS]
    gentle = [Point(playbook, "task", name, nth, way) for way in GENTLE for nth, name in spread]
    return [*killed, *gentle]


def _at_writes(playbook: str, writes: Iterable[Mapping[str, Any]]) -> Iterator[Point]:
    count: Counter[tuple[str, str]] = Counter()
    for write in writes:
        what = write["vendor"], write["operation"]
        count[what] += 1
        yield Point(playbook, "write", what[1], count[what], vendor=what[0])


def in_order(points: Iterable[Point], seed: int) -> list[Point]:
    """Return the points in an order that depends on ``seed`` alone, so that a run of any length is a fair sample."""
    return sorted(points, key=lambda point: hashlib.sha256(f"{seed} {point}".encode()).digest())
