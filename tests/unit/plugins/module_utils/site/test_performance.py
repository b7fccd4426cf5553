# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Percentiles, budgets, baselines and statements: the judgements of a measurement."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.site.pages import shuts_all_out
from ansible_collections.storefront.runbook.plugins.module_utils.site.performance import (
    counted_at_the_edge,
    judge_statements,
    over_budget,
    percentiles,
    slower,
    summary,
    too_few_hits,
)


def test_a_percentile_is_a_measured_value() -> None:
    times = list(range(1, 101))
    assert percentiles(times) == {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100, "samples": 100}
    assert percentiles([7]) == {"p50": 7, "p90": 7, "p95": 7, "p99": 7, "max": 7, "samples": 1}


def test_a_checkout_of_3_s_exceeds_a_budget_of_1_s() -> None:
    measured = percentiles([3000])
    assert over_budget("checkout", measured, {"p95": 1000}) == ["checkout: p95 is 3000 ms, and the budget is 1000 ms"]
    assert over_budget("checkout", measured, {"p95": 3000}) == []


def test_a_slower_target_is_named_but_not_noise_nor_a_baseline_of_another_shape() -> None:
    measured = percentiles([200])
    assert slower("home", measured, {"p50": 100, "p95": 190}, 50) == ["home: p50 is 200 ms, and it was 100 ms before"]
    assert slower("home", percentiles([25]), {"p50": 6, "p95": 6}, 50) == []
    assert slower("home", measured, {"p50": "fast", "p95": None}, 50) == []


def test_a_statement_that_runs_for_each_row_is_a_suspect() -> None:
    often = {"query": "SELECT name FROM c WHERE id = $1", "calls": 240, "mean_ms": 0.1}
    once = {"query": "SELECT * FROM p", "calls": 10, "mean_ms": 80.0}
    suspects, slow = judge_statements([often, once], 10, most_calls=5, slow_ms=50)
    assert [(one["query"], one["calls_per_request"]) for one in suspects] == [(often["query"], 24.0)]
    assert slow == ["a statement takes 80 ms on average: SELECT * FROM p"]
    assert judge_statements([often], 0, most_calls=5, slow_ms=None) == ([], [])


def test_a_robots_file_that_keeps_everybody_out_is_not_one_that_keeps_one_robot_out() -> None:
    assert shuts_all_out("User-agent: *\nDisallow: /")
    assert shuts_all_out("user-agent: a\nuser-agent: *\ndisallow: / # all")
    assert not shuts_all_out("User-agent: bad\nDisallow: /\n\nUser-agent: *\nDisallow: /cart")
    assert not shuts_all_out("User-agent: *\nDisallow:")


COUNTED = {
    "cacheable_hit_rate": 0.4,
    "requests": 1200,
    "since": "2026-01-31T11:00:00Z",
    "until": "2026-01-31T12:00:00Z",
}


def test_the_hit_rate_is_that_of_cloudflare_where_it_is_known() -> None:
    edge, why = counted_at_the_edge({"cache": COUNTED})
    assert (edge["hit_rate"], edge["requests"], why) == (0.4, 1200, "")
    (problem,) = too_few_hits(1.0, edge, 0.9)
    assert problem.startswith("Cloudflare's cache gave 40% of 1,200 requests since 2026-01-31T11:00:00Z, and 90%")
    assert too_few_hits(0.1, edge, 0.3) == []
    assert too_few_hits(0.1, {}, 0.3) == ["the cache gave 10% of the answers, and 30% are expected"]
    assert too_few_hits(None, {}, 0.3) == too_few_hits(0.1, edge, None) == []
    found = {"problems": [], "measured": {"hit_rate": 1.0, "edge": edge}, "unavailable": {}, "suspects": []}
    assert "since 2026-01-31T11:00:00Z, 95% before." in summary(found, 1, {"edge": {"hit_rate": 0.95}})


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({}, "edge_zone or edge_token is not set"),
        ({"skipped": True}, "edge_zone or edge_token is not set"),
        ({"error": {"kind": "api"}, "msg": "Cloudflare has no zone 'a'."}, "not known: Cloudflare has no zone 'a'."),
        ({"cache": None}, "the permission Zone: Analytics: Read"),
        ({"cache": {**COUNTED, "cacheable_hit_rate": None}}, "has counted no request"),
    ],
)
def test_a_hit_rate_that_is_not_known_says_why(info: dict[str, Any], words: str) -> None:
    edge, why = counted_at_the_edge(info)
    assert edge == {}
    assert words in why
