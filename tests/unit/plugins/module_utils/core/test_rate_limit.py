# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a vendor wants to be asked again, by each of the ways in which vendors report it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import (
    ApiError,
    Unreachable,
    may_have_happened,
)
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.core.rate_limit import (
    duration,
    is_limited,
    say_when,
    wanted_pause,
)

from tests.unit.support import Clock, FakeVendor, reply

NOW = 1_780_000_000.0  # Thu, 28 May 2026 20:26:40 GMT, by the vendor's clock
DATE = "Thu, 28 May 2026 20:26:40 GMT"
LATER = "Thu, 28 May 2026 20:28:20 GMT"


def pause(headers: dict[str, str], body: Any = None, status: int = 429, here: float = NOW) -> float | None:
    return wanted_pause(reply(status, headers={"Date": DATE, **headers}), body, now=lambda: here)


@pytest.mark.parametrize("wrong", [0.0, 86_400.0, -86_400.0])  # of this machine's clock
@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "100"},
        {"Retry-After": LATER},
        {"x-ratelimit-reset": f"{NOW + 100:.0f}"},
        {"x-ratelimit-reset": f"{(NOW + 100) * 1000:.0f}"},
        {"x-ratelimit-reset": "100"},
        {"X-RateLimit-Reset": f"{NOW + 100:.0f}", "X-RateLimit-Remaining": "0"},
        {"X-Sentry-Rate-Limit-Reset": f"{NOW + 100:.0f}", "X-Sentry-Rate-Limit-Remaining": "0"},
        {"RateLimit-Reset": "100", "RateLimit-Remaining": "0"},
        {"RateLimit": '"default";r=0;t=100'},
        {"RateLimit": "limit=1200, remaining=0, reset=100"},
        {"Retry-After": "soon", "x-ratelimit-reset": "100"},
    ],
)
def test_a_wait_is_read_from_each_vendors_headers(headers: dict[str, str], wrong: float) -> None:
    assert pause(headers, here=NOW + wrong) == pytest.approx(100)


@pytest.mark.parametrize(
    "limit", [{"resetMs": (NOW + 100) * 1000}, {"reset": NOW + 100}, {"reset": 100, "remaining": 0}]
)
def test_vercel_reports_it_in_the_body(limit: dict[str, Any]) -> None:
    assert pause({}, {"error": {"code": "rate_limited", "limit": limit}}) == pytest.approx(100)


ODD_BODIES: list[Any] = [[], "x", 7, {"error": []}, {"error": {"limit": 5}}, {"error": {"limit": {"reset": True}}}]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        *(
            ({"Retry-After": value}, None)
            for value in ("", "-5", "²", "١٢", "1e3", "NaN", "Infinity", "9" * 400, "Wed, 99 Foo", "0x10", "true")
        ),
        ({"x-ratelimit-reset": "yesterday"}, None),
        ({"Retry-After": "0", "x-ratelimit-reset": "100"}, None),  # at once
        ({"x-ratelimit-reset": f"{NOW - 5:.0f}"}, None),  # over already
        ({"x-ratelimit-reset": "99999999999999999"}, None),
        # another limit than the one that was hit
        ({"x-ratelimit-reset": f"{NOW + 100:.0f}", "x-ratelimit-remaining": "17"}, None),
        (
            {"RateLimit-Policy": '"default";q=5;w=60', "RateLimit": '"default";r=5;t=60', "RateLimit-Remaining": "5"},
            None,
        ),
        *(({}, body) for body in ODD_BODIES),
    ],
)
def test_what_makes_no_sense_is_not_waited_for(headers: dict[str, str], body: Any) -> None:
    assert pause(headers, body) is None


def test_of_a_503_only_what_it_says_itself_counts() -> None:
    assert pause({"Retry-After": "7"}, status=503) == 7
    assert pause({"x-ratelimit-reset": "100"}, status=503) is None  # every answer has it
    assert pause({"x-ratelimit-reset": "100", "x-ratelimit-remaining": "0"}, status=503) == 100


@pytest.mark.parametrize(
    ("answer", "limited"),
    [
        (reply(429), True),
        (reply(403, headers={"x-ratelimit-remaining": "0"}), True),
        (reply(403, headers={"Retry-After": "60"}), True),
        (reply(403, {"message": "You have exceeded a secondary rate limit."}), True),
        (reply(403, {"message": "Resource not accessible"}, headers={"x-ratelimit-remaining": "4999"}), False),
        (reply(503), False),
    ],
)
def test_github_refuses_for_its_limits_with_a_403_too(answer: Any, limited: bool) -> None:
    assert is_limited(answer) is limited


def test_githubs_secondary_limit_is_waited_for_at_least_a_minute() -> None:
    assert wanted_pause(reply(403, {"message": "You have exceeded a secondary rate limit."})) == 60


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (45, "45 s"), (60, "1 min"), (200, "3 min 20 s"), (86_399, "23 h 59 min"), (187_200, "2 d 4 h")],
)
def test_a_time_is_said_in_two_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_the_time_to_come_back_is_local_and_has_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert say_when(100, now=lambda: NOW) == "22:28:20 CEST (in 1 min 40 s)"
        assert say_when(86_400, now=lambda: NOW) == "2026-05-29 22:26:40 CEST (in 1 d)"
    finally:
        monkeypatch.undo()
        time.tzset()


def client_of(vendor: FakeVendor, clock: Clock, **options: Any) -> ApiClient:
    return ApiClient(
        "Acme", "https://api.test", headers={}, session=vendor.session(), sleep=clock.sleep, clock=clock, **options
    )


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "headers", [{"Retry-After": "86400"}, {"x-ratelimit-reset": "86400", "x-ratelimit-remaining": "0"}]
)
def test_a_wait_that_does_not_fit_fails_at_once_and_says_when(
    clock: Clock, headers: dict[str, str], status: int
) -> None:
    vendor = FakeVendor([reply(status, headers=headers)])
    with pytest.raises(
        ApiError, match=r" at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ \(in 1 d\): run it again then"
    ) as caught:
        client_of(vendor, clock).request("GET", "/")
    assert (clock.sleeps, caught.value.details["retry_after"]) == ([], 86_400)
    assert not may_have_happened(caught.value)


def test_a_wait_that_fits_is_kept_to_the_second_and_nobody_asks_too_early(clock: Clock) -> None:
    vendor = FakeVendor([reply(429, headers={"Retry-After": "150"}), reply(200)])
    client_of(vendor, clock).request("POST", "/")
    assert clock.sleeps == [150]


def test_what_a_write_ended_in_says_whether_it_may_have_happened() -> None:
    assert may_have_happened(Unreachable("no answer"))
    assert may_have_happened(ApiError("?", code="malformed_body", status=200))
    assert may_have_happened(ApiError("?", status=502))
    assert not may_have_happened(ApiError("no", status=404))
