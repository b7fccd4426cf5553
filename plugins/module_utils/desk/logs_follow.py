# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the logs: every new line is shown once, as soon as its vendor has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from ..core.wait import Waiter
from ..release.page_options import MOST_LINES as MOST
from .gather import Fact
from .logs import Line, Wanted

PAUSE = 1.0  # seconds between two readings
LATE = timedelta(minutes=1)  # by which a vendor may deliver a line after newer ones

Read = Callable[[Wanted], tuple[list[Line], int, dict[str, Fact]]]


def follow(
    read: Read, want: Wanted, seconds: float, show: Callable[[Line], None], waiter: Waiter
) -> tuple[list[Line], int, Mapping[str, Fact]]:
    """Show the wanted lines, and each that comes within ``seconds``. At most MOST lines are shown: then it ends early.

    Return the newest of them, how many older ones match as well, and what each unit answered last.
    """
    give_up = waiter.clock() + seconds
    found, left_out, facts = read(replace(want, limit=MOST))
    lines, shown = found[-want.limit :], set(found)
    left_out, count = left_out + len(found) - len(lines), len(lines)
    for line in lines:
        show(line)
    while count < MOST and (left := give_up - waiter.clock()) > 0:
        waiter.sleep(min(PAUSE, left))
        waiter.check("the logs")
        since = max(want.since, lines[-1].at - LATE) if lines else want.since
        found, _older, facts = read(replace(want, since=since, limit=MOST))
        new = [line for line in found if line not in shown][: MOST - count]
        for line in new:
            show(line)
        shown, count = {line for line in shown if line.at >= since} | set(new), count + len(new)
        lines = [*lines, *new]
        left_out += max(len(lines) - want.limit, 0)
        lines = lines[-want.limit :]
    return sorted(lines, key=lambda line: line.at), left_out, facts
