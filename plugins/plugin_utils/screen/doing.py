# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line that shows what is running, for one storefront or several: live on a terminal, printed every 30
seconds elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .amounts import whole
from .page import LABEL, WIDEST, Line
from .run import Run
from .text import columns, cut, one_line, pad

MARGIN = 4  # columns: two before the line, one before the time, and the last one stays free
_UUID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")

# how long a module has waited: the line has the times of the step
_LIMIT = re.compile(r" \(\d+ s(?: of at most \d+ s)?\)$")
_LEAST = 29.0  # seconds that something must have run before it gets a line where there is no terminal


def live(runs: Mapping[str, Run], notes: Mapping[str, str], now: float, room: int = WIDEST) -> str:
    """Return the live line: label, progress, elapsed and usual time of each storefront that runs. Where it
    is too long for ``room`` the progress is cut.
    """
    busy = {host: run for host, run in runs.items() if not run.ended and run.doing()[0]}
    described = []
    for host, run in busy.items():
        label, since, usual = run.doing()
        note = _progress(run, notes.get(host, ""))
        if len(busy) == 1:
            name = f"{host} | " if run.about.several else ""
            head, times = f"{name}{pad(label, LABEL)} ", f"({_times(run, now - since, usual)})"
            note = cut(_UUID.sub(r"\1", note), max(room - columns(head) - columns(times) - MARGIN, 0))
            return f"{head}{f'{note} ' if note else ''}{times}"
        described.append(f"{host}: {label}{f', {note}' if note else ''} ({_times(run, now - since, usual)})")
    return "; ".join(described)


def lines(run: Run, note: str, now: float, least: float = _LEAST) -> list[Line]:
    """Return the progress line of a storefront where there is no terminal."""
    label, since, usual = run.doing()
    if run.ended or not label or now - since < least:
        return []
    note = _progress(run, note)
    return [Line(f"{note}, " * bool(note) + _times(run, now - since, usual, " so far"), label)]


def _progress(run: Run, note: str) -> str:
    """What a module reports, with our names for a platform's services and without the seconds that it counts itself."""
    return _LIMIT.sub("", run.plan.by_unit(one_line(note)))


def _times(run: Run, elapsed: float, usual: float | None, ending: str = "") -> str:
    word = run.history.word(run.step.name if run.step else "")
    return f"{whole(max(elapsed, 0))}{ending}" + (f", {word} {whole(max(round(usual), 1))}" if usual else "")
