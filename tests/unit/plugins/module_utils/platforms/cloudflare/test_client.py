# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's client: zones, purges, and a 200 that is an error."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.cloudflare.client import Cloudflare, Zone

from tests.unit.support import Clock, FakeVendor, Script, answer_lost, reply

ZONE = "023e105f4ecef8ad9ca31a8372d0c353"


def done(result: Any) -> dict[str, Any]:
    return {"success": True, "errors": [], "messages": [], "result": result}


def refused(code: int, message: str) -> dict[str, Any]:
    return {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}


def zone(**fields: Any) -> dict[str, Any]:
    return {"id": ZONE, "name": "shop.example", "status": "active", **fields}


@pytest.fixture
def warnings() -> list[str]:
    return []


def client(script: Script | FakeVendor, clock: Clock, **options: Any) -> Cloudflare:
    vendor = script if isinstance(script, FakeVendor) else FakeVendor(script)
    return Cloudflare("cf-token", session=vendor.session(), sleep=clock.sleep, clock=clock, **options)


def test_a_zone_is_found_by_its_name(clock: Clock) -> None:
    vendor = FakeVendor([reply(200, done([zone()]))])
    assert client(vendor, clock).zone("shop.example") == Zone(ZONE, "shop.example")
    (request,) = vendor.requests
    assert (request.method, request.url) == ("GET", "https://api.cloudflare.com/client/v4/zones?name=shop.example")
    assert request.headers["Authorization"] == "Bearer cf-token"


def test_of_zones_with_one_name_the_active_one_is_meant(clock: Clock) -> None:
    moved = zone(id="f" * 32, status="moved")
    assert client([reply(200, done([moved, zone()]))], clock).zone("shop.example").id == ZONE


def test_a_name_that_the_token_does_not_see_is_refused_with_the_remedies(clock: Clock) -> None:
    with pytest.raises(ConfigError, match=r"no zone 'shop\.exmple'.*Correct zone.*Zone: Read"):
        client([reply(200, done([]))], clock).zone("shop.exmple")


def test_a_name_that_stands_for_two_active_zones_is_refused(clock: Clock) -> None:
    with pytest.raises(ConfigError, match=r"2 zones called 'shop\.example'\. Set zone to the id"):
        client([reply(200, done([zone(), zone(id="f" * 32)]))], clock).zone("shop.example")


def test_a_zone_is_found_by_its_id(clock: Clock) -> None:
    vendor = FakeVendor([reply(200, done(zone()))])
    assert client(vendor, clock).zone(ZONE) == Zone(ZONE, "shop.example")
    assert vendor.requests[0].path == f"/client/v4/zones/{ZONE}"


def test_a_token_that_may_only_purge_is_enough_for_an_id(clock: Clock, warnings: list[str]) -> None:
    found = client(
        [reply(403, refused(9109, "Unauthorized to access requested resource"))], clock, warn=warnings.append
    ).zone(ZONE)
    assert found == Zone(ZONE, None)
    assert len(warnings) == 1
    assert "only the purge itself will show" in warnings[0]


def test_an_id_that_does_not_exist_keeps_cloudflares_words(clock: Clock) -> None:
    with pytest.raises(
        ApiError, match="with 404 7003: Could not route to /zones, perhaps your object identifier is invalid"
    ) as caught:
        client(
            [
                reply(
                    404,
                    refused(7003, "Could not route to /zones, perhaps your object identifier is invalid?"),
                    headers={"cf-ray": "8a"},
                )
            ],
            clock,
        ).zone(ZONE)
    assert (caught.value.code, caught.value.details["request_id"]) == ("7003", "8a")


def test_everything_is_purged_with_one_request(clock: Clock) -> None:
    vendor = FakeVendor([reply(200, done({"id": ZONE}))])
    client(vendor, clock).purge_everything(ZONE)
    (request,) = vendor.requests
    assert (request.method, request.path, request.json()) == (
        "POST",
        f"/client/v4/zones/{ZONE}/purge_cache",
        {"purge_everything": True},
    )


def test_batches_are_purged_one_by_one(clock: Clock) -> None:
    vendor = FakeVendor(lambda request: reply(200, done({"id": ZONE})))
    client(vendor, clock).purge(ZONE, "tags", [["a", "b"], ["c"], ["d"]])
    assert [request.json() for request in vendor.requests] == [{"tags": ["a", "b"]}, {"tags": ["c"]}, {"tags": ["d"]}]


def test_the_rate_limit_is_waited_for_as_cloudflare_asks(clock: Clock) -> None:
    vendor = FakeVendor(
        [
            reply(
                429,
                refused(971, "Please wait and consider throttling your request speed"),
                headers={"Retry-After": "12"},
            ),
            reply(200, done(None)),
        ]
    )
    client(vendor, clock).purge_everything(ZONE)
    assert clock.sleeps == [12]


def test_a_purge_whose_answer_was_lost_is_sent_again(clock: Clock) -> None:
    vendor = FakeVendor([answer_lost(), reply(200, done({"id": ZONE}))])
    client(vendor, clock).purge_everything(ZONE)
    assert len(vendor.requests) == 2


@pytest.mark.parametrize(
    ("body", "said", "code"),
    [
        (refused(1012, "Request must contain files"), "Request must contain files (code 1012)", "1012"),
        ({"result": None}, "it gave no reason", None),
    ],
)
def test_a_200_that_does_not_say_success_is_an_error(body: Any, said: str, code: str | None, clock: Clock) -> None:
    with pytest.raises(ApiError) as caught:
        client([reply(200, body)], clock).purge_everything(ZONE)
    assert f"Cloudflare refused POST /zones/{ZONE}/purge_cache: {said}." in str(caught.value)
    assert caught.value.code == code


def test_an_error_that_is_not_cloudflares_own_keeps_its_text(clock: Clock) -> None:
    with pytest.raises(ApiError, match="with 400: a proxy's page"):
        client([reply(400, text="a proxy's page")], clock).zone("shop.example")


def test_the_token_reports_its_status(clock: Clock) -> None:
    vendor = FakeVendor([reply(200, done({"id": "t", "status": "active"}))])
    assert client(vendor, clock).verify_token() == "active"
    assert vendor.requests[0].path == "/client/v4/user/tokens/verify"
