# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of logs: times, levels, masks, requests, and how they are chosen and merged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.desk.logs import (
    Line,
    line_of,
    mask,
    merged,
    wanted,
)
from ansible_collections.storefront.runbook.plugins.module_utils.desk.logs_page import _request
from ansible_collections.storefront.runbook.plugins.module_utils.release.page_options import time_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
USUAL = {
    "timezone": "UTC",
    "since": "1h",
    "until": None,
    "level": "debug",
    "filter": None,
    "grep": None,
    "request": None,
}


def options(**other: Any) -> dict[str, Any]:
    return {**USUAL, "limit": 100, **other}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15m", NOW - timedelta(minutes=15)),
        ("15min", NOW - timedelta(minutes=15)),
        ("2h", NOW - timedelta(hours=2)),
        ("1d", NOW - timedelta(days=1)),
        ("90 s", NOW - timedelta(seconds=90)),
        ("02:30", datetime(2026, 3, 1, 7, 30, tzinfo=UTC)),
        ("23:00", datetime(2026, 3, 1, 4, 0, tzinfo=UTC)),
        ("2026-03-01T02:30", datetime(2026, 3, 1, 7, 30, tzinfo=UTC)),
        ("2026-03-01T02:30+00:00", datetime(2026, 3, 1, 2, 30, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1, 5, 0, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_the_zone_of_the_shop(text: str, expected: datetime) -> None:
    assert time_of(text, "since", NEW_YORK, NOW) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"since": "yesterday"},
        {"since": ""},
        {"since": "-5m"},
        {"since": "25:00"},
        {"since": "99999999999d"},
        {"since": "2026-13-01"},
        {"since": "5m", "until": "10m"},
        {"since": "5m", "until": "5m"},
        {"since": "2026-03-02T00:00"},
        {"grep": "["},
    ],
)
def test_what_no_line_could_match_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        wanted(options(**given), NOW)


def line(minute: int, message: str, **other: Any) -> Line:
    return Line(NOW - timedelta(minutes=minute), other.pop("unit", "api"), other.pop("level", "info"), message, **other)


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        ({}, ["c", "Failed b", "a"]),
        ({"until": "10m"}, ["c", "Failed b"]),
        ({"level": "error"}, ["Failed b"]),
        ({"filter": "FAILED"}, ["Failed b"]),
        ({"grep": "^[ab]$"}, ["a"]),
        ({"request": "r1"}, ["c", "a"]),
        ({"request": "9f1c0a2b3c4d5e6f-FRA"}, ["Failed b"]),
        ({"limit": 1}, ["a"]),
    ],
)
def test_lines_are_chosen_and_merged_by_time(given: dict[str, Any], messages: list[str]) -> None:
    lines = [
        line(5, "a", request="r1"),
        line(20, "Failed b", unit="worker", level="error", request="9f1c0a2b3c4d5e6f"),
        line(30, "c", request="r1", unit="frontend"),
        line(90, "too old"),
        line(5, "a", request="r1"),
    ]
    found, left_out = merged(lines, wanted(options(**given), NOW))
    assert [one.message for one in found] == messages
    assert left_out == (2 if given.get("limit") == 1 else 0)


@pytest.mark.parametrize(
    ("message", "level", "found"),
    [
        ('{"level":50,"msg":"it failed","reqId":"req-7"}', "info", ("error", "it failed", "req-7")),
        ('{"level":"warn","message":"slow"}', None, ("warning", "slow", "")),
        ('{"msg":"asked","cf-ray":"9f1c0a2b3c4d5e6f-FRA"}', None, ("info", "asked", "9f1c0a2b3c4d5e6f")),
        ("{not json", "error", ("error", "{not json", "")),
        ("plain", None, ("info", "plain", "")),
        ("plain", "ERROR", ("error", "plain", "")),
        ("[1]", "unheard", ("info", "[1]", "")),
    ],
)
def test_a_line_says_its_level_and_its_request(message: str, level: str | None, found: tuple[str, str, str]) -> None:
    read = line_of("api", "2026-03-01T11:00:00.000Z", level, message)
    assert read
    assert (read.level, read.message, read.request) == found


def test_a_line_of_a_function_says_its_request_too() -> None:
    asked = {"at": "2026-03-01T11:00:00Z", "level": "info", "method": "GET", "path": "/cart", "status": 200}
    found = _request({**asked, "message": '{"msg":"asks the API","requestId":"r-1","level":"warn"}'})
    assert found
    assert (found.level, found.message, found.request) == ("warning", "GET /cart 200: asks the API", "r-1")
    plain = _request({**asked, "message": ""})
    assert plain
    assert (plain.level, plain.message, plain.request) == ("info", "GET /cart 200", "")


def test_a_line_without_a_time_is_left_out_and_a_long_one_is_cut() -> None:
    assert line_of("api", None, None, "x") is None
    long = line_of("api", "2026-03-01T11:00:00Z", None, "x" * 10_000)
    assert long
    assert len(long.message) == 2000


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://shop:THESECRET@db/shop",
        "Authorization: Bearer THESECRETTOKEN",
        "STRIPE_SECRET_KEY=sk_live_THESECRET1",
        '{"password": "THESECRET"}',
        "api_key=THESECRET&x=1",
        "token: THESECRET",
        "ghp_THESECRETTHESECRETTHESECRET",
        "eyJhbGciOiJIUzI1.THESECRETTHESECRET.abc",
        "the known THESECRET here",
    ],
)
def test_a_secret_is_masked(text: str) -> None:
    assert "THESECRET" not in mask(text, ["THESECRET"] if "known" in text else [])
