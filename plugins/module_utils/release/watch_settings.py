# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a watch: how long it compares a new release with the old one, what it tolerates, and what happens
when the comparison is inconclusive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|h)")
PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")
MILLISECONDS = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s)")
DEFAULTS = {
    "interval": "5 s",
    "errors": "1 %",
    "latency": "25 %",
    "traffic": 20,
    "inconclusive": "hold",
    "hold": "30 min",
    "sentry": False,
    "platform": False,
}
POLICIES = ("hold", "extend", "continue")
# The shortest and the longest of each, in seconds. The lease is renewed once in each interval.
LIMITS = {"bake": (1.0, 86400.0), "before": (0.0, 86400.0), "interval": (0.05, 60.0), "hold": (1.0, 86400.0)}
MOST_ROUNDS = 5000  # every answer of a watch is kept until it ends


@dataclass(frozen=True)
class Settings:
    """Times are in seconds. ``errors`` is the tolerated increase of the error rate, from 0 to 1. ``latency`` is the
    tolerated increase of the median as a part of it, ``latency_ms`` in milliseconds; one of them is None. ``traffic``
    is the minimum number of answers on each side.
    """

    bake: float
    before: float
    interval: float
    errors: float
    latency: float | None
    latency_ms: float | None
    traffic: int
    inconclusive: str
    hold: float
    journey: str = ""
    sentry: bool = False
    platform: bool = False

    def rounds(self, seconds: float) -> int:
        """Return how many times everything is asked in so many seconds."""
        return max(1, round(seconds / self.interval))


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Return the settings of a watch. Raises ValueError with everything that is wrong with them."""
    found = list(problems(given)) if is_on(given) else ["verify_watch.bake is missing: set it, such as 10 min"]
    if found:
        raise ValueError("; ".join(found))
    all_of = {**DEFAULTS, **_set(given)}
    times = {name: seconds(all_of[name]) for name in LIMITS if name in all_of}
    bake = times["bake"]
    limit = str(all_of["latency"]).strip()
    relative = PERCENT.fullmatch(limit)
    return Settings(
        **{**times, "before": times.get("before", min(bake, 120.0))},
        errors=percent(all_of["errors"]),
        latency=percent(limit) if relative else None,
        latency_ms=None if relative else _milliseconds(limit),
        traffic=int(all_of["traffic"]),
        inconclusive=str(all_of["inconclusive"]),
        journey=str(all_of.get("journey", "")),
        sentry=bool(all_of["sentry"]),
        platform=bool(all_of["platform"]),
    )


def problems(given: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the values of ``verify_watch``; an argument spec has checked their names and types."""
    if not is_on(given):
        if _set(given):
            yield "verify_watch.bake is missing: set how long the release is watched, such as 10 min"
        return
    all_of = {**DEFAULTS, **_set(given)}
    wrong: list[str] = []
    for name in LIMITS:
        if name in all_of:
            wrong += _of_duration(name, all_of[name])
    wrong += _of_thresholds(all_of)
    yield from wrong
    if not wrong:
        yield from _together(all_of)


def is_on(given: Mapping[str, Any] | None) -> bool:
    """Whether a deploy watches its release: off unless a bake time is set."""
    return bool(given) and str((given or {}).get("bake") or "").strip() != ""


def _set(given: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in given.items() if value is not None and value != ""}


def seconds(value: Any) -> float:
    """Return the seconds of a duration; 0 for what is none."""
    found = DURATION.fullmatch(str(value).strip())
    return float(found[1]) * SECONDS[found[2]] if found else 0.0


def percent(value: Any) -> float:
    """Return a percentage as a part of one; 0 for what is none."""
    found = PERCENT.fullmatch(str(value).strip())
    return float(found[1]) / 100 if found else 0.0


def _milliseconds(value: str) -> float:
    found = MILLISECONDS.fullmatch(value)
    return float(found[1]) * (1000 if found[2] == "s" else 1) if found else 0.0


def _of_duration(name: str, value: Any) -> Iterator[str]:
    least, most = LIMITS[name]
    if not DURATION.fullmatch(str(value).strip()):
        yield f"verify_watch.{name} is {value!r}{bare(value)}. Write a number with s, min or h, such as 10 min"
    elif not least <= seconds(value) <= most:
        yield (
            f"verify_watch.{name} is {value}. Set it to {least:g} s to {most / 3600:g} h"
            if most > 60
            else (f"verify_watch.{name} is {value}. Set it to {least:g} s to {most:g} s")
        )


def _of_thresholds(all_of: Mapping[str, Any]) -> Iterator[str]:
    errors, latency, traffic = all_of["errors"], str(all_of["latency"]).strip(), all_of["traffic"]
    if not PERCENT.fullmatch(str(errors).strip()):
        yield f"verify_watch.errors is {errors!r}{bare(errors)}. Write the tolerated increase with %, such as 1 %"
    elif percent(errors) >= 1:
        yield f"verify_watch.errors is {errors}, which tolerates everything. Set it below 100 %"
    if not (PERCENT.fullmatch(latency) or MILLISECONDS.fullmatch(latency)):
        yield (
            f"verify_watch.latency is {all_of['latency']!r}{bare(latency)}. Write the tolerated increase of the"
            " median with % or ms, such as 25 % or 200 ms"
        )
    elif not (percent(latency) or _milliseconds(latency)):
        yield f"verify_watch.latency is {latency}, which tolerates no difference at all. Set it above 0"
    if not 1 <= int(traffic) <= 1_000_000:
        yield f"verify_watch.traffic is {traffic}. Set the minimum number of answers to 1 to 1,000,000"


def _together(all_of: Mapping[str, Any]) -> Iterator[str]:
    bake, interval = seconds(all_of["bake"]), seconds(all_of["interval"])
    if interval > bake:
        yield f"verify_watch.interval ({all_of['interval']}) is longer than verify_watch.bake ({all_of['bake']})"
    elif bake / interval > MOST_ROUNDS:
        yield (
            f"verify_watch asks every {all_of['interval']} for {all_of['bake']}, which is {bake / interval:,.0f} times."
            f" Lengthen the interval: {MOST_ROUNDS:,} times are the most"
        )


def bare(value: Any) -> str:
    """Return a hint for a number without a unit; empty for anything else."""
    return ", which has no unit" if re.fullmatch(r"\d+(?:\.\d+)?", str(value).strip()) else ""
