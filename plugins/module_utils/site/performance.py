# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how fast a shop answers: percentiles against a budget and a baseline, the cache's hit rate, and what the
database did for each request.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.amounts import number
from ..core.errors import ConfigError
from ..core.wait import nothing
from .journeys.journey import Options, Request
from .journeys.sender import Sender, StepFailed

PERCENTILES = ("p50", "p90", "p95", "p99", "max")
NOISE = 20.0  # milliseconds: a smaller difference from the baseline is chance
FROM_CACHE = ("HIT", "STALE", "REVALIDATED", "UPDATING")


@dataclass
class Target:
    """A URL to measure, with its own budget where it has one: milliseconds by percentile."""

    name: str
    url: str
    budget: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Meter:
    """Asks each target ``samples`` times, in turns, so that a slow moment does not fall on one target alone."""

    sender: Sender
    samples: int
    tick: Callable[[], None] = nothing
    times: dict[str, list[int]] = field(default_factory=dict)
    cache: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    def measure(self, targets: Sequence[Target]) -> None:
        for _unused in range(self.samples):
            for target in targets:
                self.tick()
                self._ask(target)

    def _ask(self, target: Target) -> None:
        self.asked += 1
        try:
            answer = self.sender.send(Request(target.url), Options(location=True), {})
        except StepFailed as failed:
            self.failures[target.name] = failed.got
            return
        if answer.status >= 400:
            self.failures[target.name] = f"status {answer.status}"
            return
        self.times.setdefault(target.name, []).append(answer.duration_ms)
        if state := answer.headers.get("cf-cache-status"):
            self.cache[state.upper()] += 1

    def measured(self) -> dict[str, dict[str, float]]:
        return {name: percentiles(times) for name, times in self.times.items()}

    def hit_rate(self) -> float | None:
        """Return the part of the answers that came from the cache; None where no cache is in front of the shop."""
        known = sum(count for state, count in self.cache.items() if state != "DYNAMIC")
        hits = sum(self.cache[state] for state in FROM_CACHE)
        return round(hits / known, 3) if known else None


def counted_at_the_edge(info: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return {hit_rate, requests, since, until} out of a result of cf_info, or nothing and why it is not known.

    The rate is that of the requests that a cache may answer.
    """
    if not info or info.get("skipped"):
        return {}, "edge_zone or edge_token is not set, so Cloudflare's analytics were not queried."
    if info.get("error"):
        return {}, f"Cloudflare's analytics are not known: {info.get('msg')}"
    cache = info.get("cache") or {}
    if not cache:
        return {}, "Cloudflare's analytics are not known: give edge_token the permission Zone: Analytics: Read."
    if cache.get("cacheable_hit_rate") is None:
        return {}, f"Cloudflare has counted no request that a cache may answer since {cache.get('since')}."
    return {"hit_rate": cache["cacheable_hit_rate"], **{key: cache[key] for key in ("requests", "since", "until")}}, ""


def too_few_hits(rate: float | None, edge: Mapping[str, Any], least: float | None) -> list[str]:
    """Return the problem of a cache that gives too few answers: as Cloudflare counted, else by our own requests."""
    if least is not None and edge and edge["hit_rate"] < least:
        return [f"{_edge_words(edge)}, and {least:.0%} are expected"]
    if least is not None and not edge and rate is not None and rate < least:
        return [f"the cache gave {rate:.0%} of the answers, and {least:.0%} are expected"]
    return []


def _edge_words(edge: Mapping[str, Any]) -> str:
    return (
        f"Cloudflare's cache gave {edge['hit_rate']:.0%} of {number(edge['requests'], 'request')} since {edge['since']}"
    )


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Return the percentiles of milliseconds by the nearest rank, which is always a measured value."""
    ordered = sorted(times)
    found = {f"p{part}": ordered[max(0, math.ceil(part / 100 * len(ordered)) - 1)] for part in (50, 90, 95, 99)}
    return {**found, "max": ordered[-1], "samples": len(ordered)}


def budget_of(given: Mapping[str, Any], where: str) -> dict[str, float]:
    """Return a budget as numbers. Raises ConfigError."""
    found = {}
    for name, value in given.items():
        if name not in PERCENTILES:
            raise ConfigError(f"{where} names {name!r}. Use {', '.join(PERCENTILES)}.")
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            found[name] = 0.0
        if isinstance(value, bool) or not 0 < found[name] < 1e7:
            raise ConfigError(f"{where} sets {name} to {value!r}. Set milliseconds above 0.")
    return found


def refuse_wrong(params: Mapping[str, Any]) -> None:
    """Raise ConfigError for options of a measurement that cannot be right."""
    if not params["targets"]:
        raise ConfigError("targets is empty, so nothing would be measured. Add at least one URL.")
    if not 1 <= params["samples"] <= 1000:
        raise ConfigError(f"samples is {params['samples']}. Set it to 1 to 1000.")
    for name in ("slower_percent", "calls_per_request", "slow_query_ms"):
        if params[name] is not None and params[name] < 0:
            raise ConfigError(f"{name} is {params[name]:g}. Set it to 0 or more.")
    if params["hit_rate"] is not None and not 0 <= params["hit_rate"] <= 1:
        raise ConfigError(f"hit_rate is {params['hit_rate']:g}. Set it to a part from 0 to 1, such as 0.8.")


def too_slow(
    targets: Sequence[Target], measured: Mapping[str, Any], before: Mapping[str, Any], percent: float
) -> list[str]:
    """Return the problems of the targets that answered: a budget or a baseline that is exceeded."""
    found = []
    for target in targets:
        if target.name in measured:
            found += over_budget(target.name, measured[target.name], target.budget)
            found += slower(target.name, measured[target.name], before.get(target.name) or {}, percent)
    return found


def over_budget(name: str, measured: Mapping[str, float], budget: Mapping[str, float]) -> list[str]:
    return [
        f"{name}: {percentile} is {measured[percentile]:g} ms, and the budget is {most:g} ms"
        for percentile, most in budget.items()
        if measured[percentile] > most
    ]


def slower(name: str, measured: Mapping[str, float], before: Mapping[str, Any], percent: float) -> list[str]:
    """Return where a target became slower than its baseline by more than ``percent``."""
    found = []
    for percentile in ("p50", "p95"):
        then = before.get(percentile)
        if not isinstance(then, int | float) or isinstance(then, bool) or then < 0:
            continue
        now = measured[percentile]
        if now - then > NOISE and now > then * (1 + percent / 100):
            found.append(f"{name}: {percentile} is {now:g} ms, and it was {then:g} ms before")
    return found


def judge_statements(
    statements: Sequence[Mapping[str, Any]], requests: int, *, most_calls: float, slow_ms: float | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the statements that ran suspiciously often for each request, and the problems of slow ones."""
    suspects = [
        {"query": one["query"], "calls": one["calls"], "calls_per_request": round(one["calls"] / requests, 1)}
        for one in statements
        if requests and one["calls"] / requests > most_calls
    ]
    slow = [one for one in statements if slow_ms is not None and one["mean_ms"] > slow_ms]
    return suspects, [f"a statement takes {one['mean_ms']:g} ms on average: {one['query'][:200]}" for one in slow]


def summary(found: Mapping[str, Any], count: int, baseline: Mapping[str, Any]) -> str:
    """Return in words what was measured, a line for each problem and each suspect."""
    problems, rate, before = found["problems"], found["measured"]["hit_rate"], baseline.get("hit_rate")
    first = (
        f"{number(count, 'target is within its limit', 'targets are within their limits')}."
        if not problems
        else f"{number(len(problems), 'limit is', 'limits are')} exceeded."
    )
    then = f", {before:.0%} before" if isinstance(before, float) else ""
    notes = [f"The cache gave {rate:.0%} of the answers{then}."] if rate is not None else []
    edge, edge_before = found["measured"].get("edge"), (baseline.get("edge") or {}).get("hit_rate")
    edge_then = f", {edge_before:.0%} before" if isinstance(edge_before, int | float) else ""
    notes += [f"{_edge_words(edge)}{edge_then}."] if edge else []
    notes += list(found["unavailable"].values())
    notes += [
        f"Suspect of N+1 queries: {one['calls_per_request']:g} calls for each request: {one['query'][:200]}"
        for one in found["suspects"]
    ]
    return "\n".join([first, *problems, *notes])
