# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cf_info in process: rates of the cache, and what a token may not read."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import cf_info

from tests.unit.support import Answer, FakeVendor, Request, reply, run_module

ZONE = "023e105f4ecef8ad9ca31a8372d0c353"
DETAILS = {"id": ZONE, "name": "shop.example", "status": "active", "paused": False, "plan": {"name": "Pro Website"}}
COUNTS = {"hit": 700, "revalidated": 50, "miss": 150, "expired": 50, "dynamic": 40, "bypass": 10}


class Zone:
    def __init__(self, **answers: Answer) -> None:
        self.vendor, self.answers = FakeVendor(self.answer), answers

    def answer(self, request: Request) -> Answer:
        what = request.path.rpartition("/")[2]
        if what in self.answers:
            return self.answers[what]
        if what == "graphql":
            groups = [
                {"count": count, "sum": {"edgeResponseBytes": count * 10}, "dimensions": {"cacheStatus": status}}
                for status, count in COUNTS.items()
            ]
            return reply(200, {"data": {"viewer": {"zones": [{"httpRequestsAdaptiveGroups": groups}]}}, "errors": None})
        result: Any = {"development_mode": {"value": "on", "time_remaining": 600}, "zones": [DETAILS]}.get(
            what, DETAILS
        )
        return reply(200, {"success": True, "errors": [], "messages": [], "result": result})

    def inspect(self, **params: Any) -> dict[str, Any]:
        with self.vendor.installed():
            return run_module(cf_info, {"api_token": "cf-token", "zone": "shop.example", **params})


def refused(status: int, code: int = 10000) -> Answer:
    return reply(
        status,
        {
            "success": False,
            "errors": [{"code": code, "message": "Authentication error"}],
            "messages": [],
            "result": None,
        },
    )


def test_it_returns_the_zone_the_mode_and_the_cache_statistics() -> None:
    zone = Zone()
    result = zone.inspect(hosts=["www.shop.example"], cache_window=900)
    assert not result["changed"]
    assert result["zone"] == {
        "id": ZONE,
        "name": "shop.example",
        "status": "active",
        "paused": False,
        "plan": "Pro Website",
    }
    assert result["development_mode"] == {"enabled": True, "seconds_left": 600}
    cache = result["cache"]
    assert (cache["requests"], cache["cached"], cache["bytes"]) == (1000, 750, 10_000)
    assert (cache["hit_rate"], cache["cacheable_hit_rate"], cache["statuses"]) == (0.75, 0.7895, COUNTS)
    asked = zone.vendor.requests[-1].json()["variables"]
    assert asked["filter"]["clientRequestHTTPHost_in"] == ["www.shop.example"]
    assert (asked["zone"], asked["filter"]["datetime_geq"], asked["filter"]["datetime_lt"]) == (
        ZONE,
        cache["since"],
        cache["until"],
    )


def test_no_requests_have_no_rate() -> None:
    assert (cf_info.rates({})["requests"], cf_info.rates({})["hit_rate"]) == (0, None)
    assert cf_info.rates({"dynamic": {"requests": 2, "bytes": 1}})["cacheable_hit_rate"] is None


def test_nothing_is_counted_when_counting_is_off() -> None:
    zone = Zone()
    assert zone.inspect(cache_window=0)["cache"] is None
    assert all(request.method == "GET" for request in zone.vendor.requests)


@pytest.mark.parametrize(
    "answer",
    [
        refused(403),
        reply(
            200,
            {"data": None, "errors": [{"message": "not authorized for that account", "extensions": {"code": "authz"}}]},
        ),
    ],
    ids=["403", "200"],
)
def test_counts_that_the_token_may_not_read_are_null_with_a_warning(answer: Answer) -> None:
    result = Zone(graphql=answer).inspect()
    assert (result["failed"], result["cache"], result["zone"]["name"]) == (False, None, "shop.example")
    assert len(result["warnings"]) == 1


def test_a_mode_that_the_token_may_not_read_is_null_with_a_warning() -> None:
    result = Zone(development_mode=refused(403)).inspect()
    assert (result["development_mode"], result["zone"]["plan"]) == (None, "Pro Website")
    assert "Check the token: it lacks the right" in result["warnings"][0]


def test_an_unknown_token_is_an_error() -> None:
    result = Zone(zones=refused(401, 1000)).inspect()
    assert (result["failed"], result["error"]["code"]) == (True, "1000")


@pytest.mark.parametrize("window", [-1, 86_401])
def test_more_than_a_day_is_refused(window: int) -> None:
    zone = Zone()
    assert f"cache_window is {window}. Set it to 0 to 86400 seconds" in zone.inspect(cache_window=window)["msg"]
    assert zone.vendor.requests == []
