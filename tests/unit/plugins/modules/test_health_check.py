# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""health_check in process: what it reports, when it fails, and what it says then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.lease import take
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.modules import health_check

from tests.unit.support import Answer, FakeVendor, Request, reply, run_module

API = {
    "name": "API",
    "url": "https://api.shop.example/health",
    "json": {"status": "healthy", "services.database": "connected"},
    "release": {"json": "release"},
}
HOME = {"name": "Home", "url": "https://www.shop.example/", "contains": "Shop", "release": {"meta": "release"}}
PAGE = '<html><head><meta name="release" content="v1.1.0"></head><body>Shop</body></html>'
CHALLENGE = {"cf-mitigated": "challenge"}


def healthy(request: Request) -> Answer:
    if request.path == "/health":
        return reply(200, {"status": "healthy", "release": "v1.1.0", "services": {"database": "connected"}})
    return reply(200, text=PAGE, headers={"cf-cache-status": "HIT"})


def broken_api(request: Request) -> Answer:
    return (
        reply(503, {"status": "unhealthy", "release": "v1.2.0", "services": {"database": "connected"}})
        if request.path == "/health"
        else healthy(request)
    )


def challenged(request: Request) -> Answer:
    return reply(403, text="<title>Just a moment...</title>", headers=CHALLENGE)


def check(script: Any, *checks: dict[str, Any], check_mode: bool = False, **params: Any) -> dict[str, Any]:
    vendor = script if isinstance(script, FakeVendor) else FakeVendor(script)
    with vendor.installed():
        return run_module(
            health_check, {"checks": list(checks or (API, HOME)), "wait_timeout": 0, **params}, check=check_mode
        )


def test_healthy_sites_are_reported_one_by_one_and_nothing_is_changed() -> None:
    result = check(healthy, release="v1.1.0")
    assert (result["failed"], result["changed"], result["healthy"], result["blocked"]) == (False, False, True, [])
    api, home = result["checks"]
    assert (api["name"], api["outcome"], api["release"], api["status"]) == ("API", "healthy", "v1.1.0", 200)
    assert (home["name"], home["cf_cache_status"], home["reasons"], home["tries"], home["passes"]) == (
        "Home",
        "HIT",
        [],
        1,
        1,
    )
    assert set(home) == {
        "name",
        "url",
        "outcome",
        "status",
        "latency_ms",
        "release",
        "cf_cache_status",
        "reasons",
        "passes",
        "tries",
    }


def test_an_unhealthy_site_fails_the_task_with_a_line_for_each_check() -> None:
    result = check(broken_api, release="v1.1.0")
    assert (result["failed"], result["error"]["kind"], result["healthy"]) == (True, "unhealthy", False)
    assert result["msg"].splitlines() == [
        "1 of 2 checks failed. Check the logs of the failed sites.",
        (
            "API (https://api.shop.example/health) is unhealthy at try 1: status 503 instead of 200; "
            'JSON status is "unhealthy" instead of "healthy"; release v1.2.0 instead of v1.1.0'
        ),
    ]
    assert [found["outcome"] for found in result["checks"]] == ["unhealthy", "healthy"]


SHOP = [
    {"name": "frontend", "url": "https://www.shop.example"},
    {"name": "backend", "url": "https://api.shop.example", "release": "v1.1.0"},
]


def test_several_sites_are_checked_at_once_each_for_its_own_release() -> None:
    home, health = {**HOME, "url": "/", "site": "frontend"}, {**API, "url": "/health", "site": "backend"}
    result = check(broken_api, home, health, sites=SHOP, release="v9.9.9", require="none")
    assert [entry["url"] for entry in result["checks"]] == [
        "https://www.shop.example/",
        "https://api.shop.example/health",
    ]
    assert result["sites"]["frontend"] == {
        "healthy": True,
        "summary": "The check is healthy.",
        "without_release": [],
    }
    assert not result["sites"]["backend"]["healthy"]
    assert "release v1.2.0 instead of v1.1.0" in result["sites"]["backend"]["summary"]
    assert result["summary"].startswith("1 of 2 checks failed.")
    assert result["sites"]["backend"]["summary"].startswith("1 of 1 check failed.")


def test_a_check_of_an_unknown_site_is_refused() -> None:
    result = check(FakeVendor([]), {**HOME, "site": "shop"}, sites=SHOP)
    assert "The check 'Home' names the site 'shop', and sites has no such name." in result["msg"]


def test_with_require_none_it_only_reports() -> None:
    result = check(broken_api, require="none")
    assert (result["failed"], result["healthy"], result["checks"][0]["outcome"]) == (False, False, "unhealthy")


def test_check_mode_runs_the_checks() -> None:
    assert check(broken_api, check_mode=True)["failed"]
    assert not check(healthy, check_mode=True)["failed"]


def test_a_blocked_probe_is_distinguished_from_an_unhealthy_site_and_names_the_header() -> None:
    result = check(challenged, HOME)
    assert result["blocked"] == ["Home"]
    assert "is probe_blocked" in result["msg"]
    assert "send a secret header that a WAF skip rule of the zone lets pass" in result["msg"]
    assert "the health of the sites is unknown" in result["msg"]


def test_secret_headers_are_sent_and_never_shown() -> None:
    vendor = FakeVendor(healthy)
    own = {**API, "secret_headers": {"X-Waf": "waf-s3cret"}, "url": "https://probe:hunter2@api.shop.example/health"}
    result = check(vendor, own, HOME, headers={"x-vercel-protection-bypass": "bypass-s3cret"})
    api, home = sorted(vendor.requests, key=lambda request: request.host)
    assert (api.headers["x-vercel-protection-bypass"], api.headers["X-Waf"]) == ("bypass-s3cret", "waf-s3cret")
    assert (home.headers["x-vercel-protection-bypass"], home.headers.get("X-Waf")) == ("bypass-s3cret", None)
    assert not result["failed"]
    for secret in ("waf-s3cret", "bypass-s3cret", "hunter2"):
        assert secret not in repr(result)


def test_a_secret_that_the_site_echoes_is_masked_in_the_failure() -> None:
    echo = {**API, "json": {"status": "healthy"}}
    result = check(
        lambda request: reply(500, {"status": f"bad {request.headers['X-Probe']}"}),
        echo,
        headers={"X-Probe": "probe-s3cret"},
    )
    assert "********" in result["msg"]
    assert "probe-s3cret" not in repr(result)


@pytest.mark.parametrize(
    ("changes", "params", "said"),
    [
        (
            {"url": "www.shop.example"},
            {},
            "The url of the check 'Home' is 'www.shop.example'. Set a URL that begins with https://",
        ),
        ({"url": "https://"}, {}, "Set a URL that begins with https://"),
        ({"url": "https://shop:hunt/er@shop.example/"}, {}, "Percent-encode the special characters of its password"),
        ({"release": {"regex": "("}}, {}, "release.regex of the check 'Home' is not a valid regular expression"),
        ({"release": {"regex": "v", "json": "release"}}, {}, "mutually exclusive"),
        ({"release": {}}, {}, "one of the following is required: json, header, meta, regex"),
        ({"body": "a", "json_body": {}}, {}, "mutually exclusive"),
        ({}, {"passes": 0}, "passes is 0. Set it to more than 0."),
        ({}, {"interval": 0}, "interval is 0. Set it to more than 0."),
        ({}, {"timeout": -1}, "timeout is -1. Set it to more than 0."),
        ({}, {"checks": []}, "checks is empty"),
    ],
)
def test_bad_input_is_refused_before_any_request(changes: dict[str, Any], params: dict[str, Any], said: str) -> None:
    vendor = FakeVendor([])
    result = check(vendor, {**HOME, **changes}, **params)
    assert result["failed"]
    assert said in result["msg"]
    assert vendor.requests == []


def test_it_stops_when_the_lease_is_taken_over(tmp_path: Path) -> None:
    store: dict[str, Any] = {"store": f"file://{tmp_path}", "store_is_shared": True}
    held, _loser = take(open_store(store, unguarded), holder="alice")
    asked: list[str] = []

    def script(request: Request) -> Answer:
        asked.append(request.url)
        if len(asked) == 2:
            take(open_store(store, unguarded), holder="bob", reason="alice is away")
        return reply(503)

    result = check(script, HOME, lease=held.token, wait_timeout=60, interval=0.01, **store)
    assert result["error"]["kind"] == "lease_lost"
    assert len(asked) == 2
