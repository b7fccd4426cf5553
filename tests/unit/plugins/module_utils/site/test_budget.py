# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Budgets of sizes, requests and timings, held against a report of Lighthouse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.site import budget

ITEMS = [
    {"url": "https://shop.example/", "resourceType": "Document", "transferSize": 2048},
    {"url": "https://www.shop.example/a.js", "resourceType": "Script", "transferSize": 102400},
    {"url": "https://tracker.example/t.js", "resourceType": "Script", "transferSize": 51200},
    {"url": "data:image/png", "resourceType": "Image", "transferSize": 0},
]
REPORT = {
    "finalDisplayedUrl": "https://shop.example/products?page=2",
    "audits": {
        "network-requests": {"details": {"items": ITEMS}},
        "interactive": {"numericValue": 3400.2},
        "cumulative-layout-shift": {"numericValue": 0.25},
    },
}


def over(*budgets: dict[str, Any]) -> list[str]:
    read, problems = budget.read(json.dumps(budgets))
    assert problems == []
    return budget.over(read, REPORT)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"resourceSizes": [{"resourceType": "script", "budget": 100}]}, "script has 150 KiB, more than 100"),
        ({"resourceSizes": [{"resourceType": "total", "budget": 151.9}]}, "total has 152 KiB, more than 152"),
        ({"resourceCounts": [{"resourceType": "third-party", "budget": 0}]}, "third-party has 1 request, more than 0"),
        ({"timings": [{"metric": "interactive", "budget": 3000}]}, "interactive is 3,400 ms, more than 3,000"),
        (
            {"timings": [{"metric": "cumulative-layout-shift", "budget": 0.1}]},
            "cumulative-layout-shift is 0.25, more than 0.1",
        ),
        ({"timings": [{"metric": "speed-index", "budget": 1}]}, "speed-index was not measured"),
    ],
)
def test_what_is_over_its_budget_is_named(given: dict[str, Any], said: str) -> None:
    assert said in "".join(over(given))


def test_what_is_within_its_budget_is_not() -> None:
    assert over({"resourceSizes": [{"resourceType": "script", "budget": 150}]}) == []
    assert over({"resourceCounts": [{"resourceType": "image", "budget": 0}]}) == []


def test_first_party_hosts_may_be_named() -> None:
    limit = {"resourceCounts": [{"resourceType": "third-party", "budget": 0}]}
    assert over({**limit, "options": {"firstPartyHostnames": ["*.shop.example", "tracker.example"]}}) == []


@pytest.mark.parametrize(
    ("path", "matches"),
    [("/", True), ("/products", True), ("/prod*page=2", True), ("/products$", False), ("/cart", False)],
)
def test_a_path_matches_as_in_robots_txt(path: str, matches: bool) -> None:
    assert bool(over({"path": path, "resourceCounts": [{"resourceType": "script", "budget": 0}]})) is matches


def test_the_last_budget_whose_path_matches_counts() -> None:
    strict = {"resourceCounts": [{"resourceType": "script", "budget": 0}]}
    loose = {"path": "/products", "resourceCounts": [{"resourceType": "script", "budget": 9}]}
    assert over(strict, loose) == []
    assert over(loose, strict) != []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[" * 100000, "not JSON"),
        ("{}", "not a list of budgets"),
        ("[]", "not a list of budgets"),
        ("[1]", "not a list of budgets"),
        ("[{}]", "limits nothing"),
        ('[{"resourceSize": []}]', "has no resourceSize"),
        ('[{"path": "cart", "timings": [{"metric": "interactive", "budget": 1}]}]', "does not begin with a slash"),
        ('[{"timings": [{"metric": "tti", "budget": 1}]}]', "no metric 'tti'"),
        ('[{"timings": [1]}]', "no metric None"),
        ('[{"resourceSizes": [{"resourceType": "script", "budget": "100"}]}]', "give a number"),
        ('[{"resourceSizes": [{"resourceType": "script", "budget": -1}]}]', "give a number"),
        ('[{"resourceSizes": [{"resourceType": "script", "budget": NaN}]}]', "give a number"),
        ('[{"resourceSizes": [{"resourceType": "script", "budget": true}]}]', "give a number"),
        ('[{"timings": {"metric": "interactive"}}]', "is not a list"),
        ('[{"options": 1, "timings": [{"metric": "interactive", "budget": 1}]}]', "options is"),
    ],
)
def test_a_wrong_budget_is_refused(text: str, said: str) -> None:
    assert said in "".join(budget.read(text)[1])
