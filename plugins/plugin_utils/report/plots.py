# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots as shapes in a field of 640 by 150: the template draws them as SVG, and says them in words for a reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..screen.amounts import age, duration, number

LEFT, RIGHT, TOP, BOTTOM = 46.0, 632.0, 12.0, 120.0
Week = Mapping[str, Any]


def of_weeks(weeks: Sequence[Week]) -> list[dict[str, Any]]:
    """Return the plots of a storefront's weeks; none where nothing was deployed."""
    if not any(week["deployments"] for week in weeks):
        return []
    found = [_deployments(weeks)]
    for key, title in (
        ("lead_time_seconds", "Lead time for changes, median of each week"),
        ("deploy_seconds", "Duration of good deploys, median of each week"),
    ):
        if sum(week[key] is not None for week in weeks) > 1:
            found.append(line(title, [(week["ends"], week[key]) for week in weeks], _long))
    return found


def of_watch(points: Sequence[Any], ends: str) -> list[dict[str, Any]]:
    """Return the plots of a watch, each with the new release and, dashed, the old one beside it. A point is
    (milliseconds, failures) of the new release and of the old one.
    """
    whole = [point for point in points if isinstance(point, (list, tuple)) and len(point) == 4]
    if len(whole) < 2:
        return []
    found = []
    for column, title, words in ((0, "Median of the good answers", _milliseconds), (1, "Answers that failed", _count)):
        new = [(ends if number == len(whole) - 1 else "0 s", point[column]) for number, point in enumerate(whole)]
        old = [point[column + 2] for point in whole]
        beside = old if any(value is not None for value in old) else ()
        key = "The dashed line is the old release at the same time." if beside else ""
        found.append(line(title, new, words, beside=beside, key=key))
    return found


def line(
    title: str,
    points: Sequence[tuple[str, float | None]],
    words: Callable[[float], str],
    *,
    beside: Sequence[float | None] = (),
    key: str = "",
) -> dict[str, Any]:
    """Return a line through the points that are known; ``beside`` is a second one, dashed."""
    known = [value for _name, value in points if value is not None]
    most = max([*known, *(value for value in beside if value is not None)], default=0.0) or 1.0
    lines = [{"points": _path([value for _name, value in points], most), "colour": "bar", "dashed": False}]
    if beside:
        lines.append({"points": _path(beside, most), "colour": "attention", "dashed": True})
    return {
        "title": title,
        "words": f"from {words(min(known))} to {words(max(known))}, last {words(known[-1])}" if known else "no data",
        "top": words(most),
        "first": points[0][0] if points else "",
        "last": points[-1][0] if points else "",
        "bars": [],
        "lines": lines,
        "key": key,
    }


def _deployments(weeks: Sequence[Week]) -> dict[str, Any]:
    most = max(week["deployments"] for week in weeks)
    slot = (RIGHT - LEFT) / len(weeks)
    bars = []
    for position, week in enumerate(weeks):
        good = week["deployments"] - week["failed"]
        base = BOTTOM
        for count, colour, word in ((good, "bar", "good"), (week["failed"], "bad", "failed")):
            height = (BOTTOM - TOP) * count / most
            base -= height
            if count:
                place = {"x": round(LEFT + slot * (position + 0.15), 1), "y": round(base, 1)}
                size = {"width": round(slot * 0.7, 1), "height": round(height, 1)}
                words = f"week to {week['ends']}: {count} {word}"
                bars.append({**place, **size, "colour": colour, "words": words})
    total, failed = sum(week["deployments"] for week in weeks), sum(week["failed"] for week in weeks)
    return {
        "title": "Deployments per week",
        "words": f"{total} in {number(len(weeks), 'week')}, {failed} of them failed, at most {most} in a week",
        "top": str(most),
        "first": f"week to {weeks[0]['ends']}",
        "last": f"week to {weeks[-1]['ends']}",
        "bars": bars,
        "lines": [],
        "key": "The upper part of a bar is what failed." if failed else "",
    }


def _path(values: Sequence[float | None], most: float) -> str:
    step = (RIGHT - LEFT) / max(len(values) - 1, 1)
    places = [
        (LEFT + step * number, BOTTOM - (BOTTOM - TOP) * value / most)
        for number, value in enumerate(values)
        if value is not None
    ]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _milliseconds(value: float) -> str:
    return f"{value:.0f} ms"


def _count(value: float) -> str:
    return f"{value:.0f}"


def _long(seconds: float) -> str:
    return age(seconds) if seconds >= 3600 else duration(seconds)
