# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spans of time, half open and in UTC: what several of them cover together, and what is left of them without others."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class Interval(NamedTuple):
    """From ``start`` until just before ``end``; ``label`` says why there is one."""

    start: datetime
    end: datetime
    label: str = ""


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the spans in order, those that touch as one."""
    merged: list[Interval] = []
    for one in sorted(one for one in intervals if one.start < one.end):
        if merged and one.start <= merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, one.end))
        else:
            merged.append(one)
    return merged


def without(intervals: Iterable[Interval], others: Iterable[Interval]) -> list[Interval]:
    """Return what is left of merged spans outside of ``others``."""
    left = list(intervals)
    for other in others:
        parts = []
        for one in left:
            before = one._replace(end=min(one.end, other.start))
            after = one._replace(start=max(one.start, other.end))
            parts += (
                [part for part in (before, after) if part.start < part.end]
                if other.start < one.end and one.start < other.end
                else [one]
            )
        left = parts
    return left


def at(intervals: Iterable[Interval], moment: datetime) -> Interval | None:
    """Return the span that holds a moment."""
    return next((one for one in intervals if one.start <= moment < one.end), None)
