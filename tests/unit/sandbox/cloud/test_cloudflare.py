# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare: pages stay in the cache until they are purged, and the API is never cached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest

from sandbox.cloud.edge import Edge
from sandbox.cloud.faults import Faults
from sandbox.cloud.state import Service, Site, Storefront
from tests.unit.sandbox.cloud.double import Shop, until


@pytest.fixture
def live(shop: Shop) -> Shop:
    """A shop with v1.0.0 live and in the cache, and v1.1.0 promoted behind it."""
    first, second = shop.stage("v1.0.0"), shop.stage("v1.1.0")
    shop.promote(first)
    for path in ("/release.json", "/products"):
        assert shop.page(path).headers["cf-cache-status"] == "MISS"
    shop.promote(second)
    return shop


def test_an_unpurged_page_is_old_and_says_how_old(live: Shop) -> None:
    page = live.page()
    assert (page.json(), page.headers["cf-cache-status"]) == ({"release": "v1.0.0"}, "HIT")
    assert int(page.headers["age"]) >= 0


@pytest.mark.parametrize(
    ("what", "evicts"),
    [
        (lambda host: {"purge_everything": True}, True),
        (lambda host: {"files": [f"http://{host}/release.json"]}, True),
        (lambda host: {"files": [{"url": f"http://{host}/release.json"}]}, True),
        (lambda host: {"files": [f"http://{host}/products"]}, False),
        (lambda host: {"hosts": [host]}, True),
        (lambda host: {"prefixes": [f"{host}/rel"]}, True),
        (lambda host: {"prefixes": [f"{host}/products"]}, False),
        (lambda host: {"tags": ["none"]}, False),
    ],
    ids=[
        "everything",
        "its file",
        "its file as an object",
        "another file",
        "its host",
        "its prefix",
        "another prefix",
        "another tag",
    ],
)
def test_a_purge_evicts_what_it_names_and_nothing_else(live: Shop, what, evicts: bool) -> None:
    answer = live.purge(**what(live.frontend_url.removeprefix("http://")))
    assert answer.json()["success"] is True
    assert live.page().json() == {"release": "v1.1.0" if evicts else "v1.0.0"}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"purge_everything": False},
        {"purge_everything": True, "tags": ["a"]},
        {"files": []},
        {"files": ["/release.json"]},
        {"files": ["http://other.example/"]},
        {"prefixes": ["http://127.0.0.1/a"]},
        {"tags": [str(number) for number in range(101)]},
    ],
)
def test_a_purge_that_the_vendor_would_refuse_is_refused(shop: Shop, wrong: dict) -> None:
    answer = shop.purge(**wrong)
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert answer.json()["errors"][0]["code"] >= 1000


def test_a_page_that_was_asked_for_before_a_purge_is_not_kept_after_it() -> None:
    front = Storefront(
        "shop", Site("prj", "shop", "team", ["origin:1"], [], 0), "project", "environment", "token",
        {"api": Service("api", "api", 0, {}, {}, port=2)}, "zone", {"frontend": 3, "backend": 4}, 0,
    )  # fmt: skip

    async def old_page() -> AsyncIterator[bytes]:
        edge.purge({"purge_everything": True})  # while the origin is still answering
        yield b"old"

    def origin(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=old_page())

    client = httpx.AsyncClient(transport=httpx.MockTransport(origin))
    edge = Edge(SimpleNamespace(client=client, faults=Faults()), front)  # type: ignore[arg-type]

    async def ask() -> httpx.Response:
        async with (
            client,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(edge.host("frontend")), base_url="http://127.0.0.1:3"
            ) as visitor,
        ):
            return await visitor.get("/")

    assert asyncio.run(ask()).headers["cf-cache-status"] == "MISS"
    assert edge.cache == {}


def test_the_api_is_not_cached(shop: Shop) -> None:
    shop.deploy("v1.0.0")
    assert [shop.api().headers["cf-cache-status"] for _unused in range(2)] == ["DYNAMIC", "DYNAMIC"]


def test_development_mode_bypasses_the_cache(live: Shop) -> None:
    setting = f"{live.zone}/settings/development_mode"
    assert live.double.cloudflare.patch(setting, json={"value": "on"}).json()["result"]["value"] == "on"
    assert (live.page().json(), live.page().headers["cf-cache-status"]) == ({"release": "v1.1.0"}, "BYPASS")
    live.double.cloudflare.patch(setting, json={"value": "off"})
    assert live.page().json() == {"release": "v1.0.0"}


def test_a_zone_is_found_by_its_name(shop: Shop) -> None:
    found = shop.double.cloudflare.get("/client/v4/zones", params={"name": shop.made["cloudflare"]["zone_name"]}).json()
    assert [zone["id"] for zone in found["result"]] == [shop.made["cloudflare"]["zone"]]
    assert shop.double.cloudflare.get("/client/v4/zones", params={"name": "other.example"}).json()["result"] == []


def test_an_unknown_token_is_refused(shop: Shop) -> None:
    base, wrong = shop.double.cloudflare.base_url, {"authorization": "Bearer other"}
    assert httpx.get(f"{base}/client/v4/zones", headers=wrong, trust_env=False).status_code == 403
    assert httpx.get(f"{base}/client/v4/user/tokens/verify", headers=wrong, trust_env=False).status_code == 401
    assert shop.double.cloudflare.get("/client/v4/user/tokens/verify").json()["result"]["status"] == "active"


def test_a_head_request_is_answered_like_a_get_without_its_body(live: Shop) -> None:
    answer = live.double.public.head(f"{live.frontend_url}/release.json")
    assert (answer.status_code, answer.content, answer.headers["cf-cache-status"]) == (200, b"", "HIT")


def test_an_origin_that_is_gone_is_not_cached(shop: Shop) -> None:
    assert shop.page().status_code == 404
    shop.promote(shop.stage("v1.0.0"))
    until(lambda: shop.page().status_code == 200)


def counts(shop: Shop, host: str) -> dict[str, int]:
    query = """query($filter: ZoneHttpRequestsAdaptiveGroupsFilter_InputObject!, $zone: string!) { viewer { zones(filter: {zoneTag: $zone}) {
      httpRequestsAdaptiveGroups(limit: 10, filter: $filter) { count dimensions { cacheStatus } } } } }"""  # noqa: E501
    now = datetime.now(UTC)
    period = {
        "datetime_geq": (now - timedelta(hours=1)).isoformat(),
        "datetime_lt": (now + timedelta(hours=1)).isoformat(),
    }
    variables = {"zone": shop.made["cloudflare"]["zone"], "filter": {**period, "clientRequestHTTPHost_in": [host]}}
    answer = shop.double.cloudflare.post("/client/v4/graphql", json={"query": query, "variables": variables}).json()
    return {
        group["dimensions"]["cacheStatus"]: group["count"]
        for group in answer["data"]["viewer"]["zones"][0]["httpRequestsAdaptiveGroups"]
    }


def test_analytics_count_what_the_edge_has_answered(live: Shop) -> None:
    for _unused in range(3):
        live.page("/products")
    host = live.frontend_url.removeprefix("http://")
    assert counts(live, host) == {"miss": 2, "hit": 3}
    assert counts(live, "other.example") == {}


def test_analytics_refuse_a_zone_of_somebody_else_in_a_200(shop: Shop) -> None:
    answer = shop.double.cloudflare.post(
        "/client/v4/graphql", json={"query": '{ viewer { zones(filter: {zoneTag: "other"}) { zoneTag } } }'}
    )
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (200, "authz")


def test_zones_are_paged(shop: Shop) -> None:
    info = shop.double.cloudflare.get("/client/v4/zones", params={"per_page": 1, "page": 2}).json()
    assert (info["result_info"]["page"], info["result_info"]["total_pages"]) == (2, info["result_info"]["total_count"])
