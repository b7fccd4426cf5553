# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Percentiles, budgets, baselines and statements: the judgements of a measurement."""

from __future__ import annotations

from ansible_collections.storefront.runbook.plugins.module_utils.site.pages import shuts_all_out
from ansible_collections.storefront.runbook.plugins.module_utils.site.performance import (
    judge_statements,
    over_budget,
    percentiles,
    slower,
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
