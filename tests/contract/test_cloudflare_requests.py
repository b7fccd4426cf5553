# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules ask Cloudflare for, against Cloudflare's own description of its API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.cloudflare import client as cloudflare
from ansible_collections.storefront.runbook.plugins.modules import cf_purge
from graphql import parse, validate

from sandbox.cloud.vendors.cloudflare.analytics import SCHEMA
from tests.contract.contracts import Contract
from tests.unit.support import Answer, FakeVendor, Request, reply

ZONE = "023e105f4ecef8ad9ca31a8372d0c353"
PURGES: dict[str, list[Any]] = {
    "files": ["https://www.shop.example/", "https://www.shop.example/terms"],
    "tags": ["products"],
    "hosts": ["www.shop.example"],
    "prefixes": ["www.shop.example/products"],
}
WITH_HEADERS = [
    {"url": "https://www.shop.example/", "headers": {}},
    {"url": "https://www.shop.example/terms", "headers": {"Accept-Language": "de"}},
]


@pytest.fixture(scope="module")
def contract() -> Contract:
    """The description with its purges taken at their word: it names properties, and forbids no others."""
    contract = Contract("cloudflare.json", "/client/v4")
    for name, schema in contract.document["components"]["schemas"].items():
        if name.startswith("cache-purge_") and schema.get("title", "").startswith("Purge"):
            schema.update(additionalProperties=False, required=list(schema["properties"]))
            for items in [part["items"] for part in schema["properties"].values() if "items" in part]:
                items["additionalProperties"] = False
    return contract


def answer(request: Request) -> Answer:
    zone = {"id": ZONE, "name": "shop.example", "status": "active", "value": "off"}
    return reply(
        200,
        {"success": True, "errors": [], "messages": [], "result": [zone] if request.path.endswith("/zones") else zone},
    )


@pytest.fixture(scope="module")
def asked() -> list[Request]:
    """Every request that the client knows, sent at least once."""
    vendor = FakeVendor(answer)
    client = cloudflare.Cloudflare("cf-token", session=vendor.session())
    client.verify_token()
    for name in ("shop.example", ZONE):
        client.zone(name)
    client.details(ZONE)
    client.development_mode(ZONE)
    client.purge_everything(ZONE)
    for kind, items in PURGES.items():
        client.purge(ZONE, kind, [items, items[:1]])
    client.purge(ZONE, "files", [WITH_HEADERS])
    return vendor.requests


def wrong(contract: Contract, sent: Request) -> list[str]:
    return contract.wrong_in_request(
        httpx.Request(sent.method, sent.url, headers=dict(sent.headers), content=sent.body)
    )


def test_every_request_is_one_that_cloudflare_describes(contract: Contract, asked: list[Request]):
    assert [problems for sent in asked if (problems := wrong(contract, sent))] == []


def test_every_call_of_the_client_was_among_them(asked: list[Request]):
    calls = re.findall(r'_call\("([A-Z]+)", f?"([^"]+)"', Path(cloudflare.__file__).read_text())
    assert len(calls) == Path(cloudflare.__file__).read_text().count("._call(")
    assert {(sent.method, sent.path.removeprefix("/client/v4").replace(ZONE, "{zone_id}")) for sent in asked} == set(
        calls
    )


def test_every_kind_of_purge_was_among_them(asked: list[Request]):
    assert {kind for sent in asked if sent.body for kind in sent.json()} == {"purge_everything", *PURGES}
    assert set(PURGES) == set(cf_purge.SHAPES)


def test_the_question_for_the_caches_counts_is_one_that_its_documentation_allows():
    assert validate(SCHEMA, parse(cloudflare.CACHE_STATUSES)) == []


@pytest.mark.parametrize(
    "body",
    [
        {"tag": ["a"]},
        {"tags": "a"},
        {"tags": [1]},
        {"tags": ["a"], "hosts": ["b"]},
        {"purge_everything": 1},
        {"files": [{"uri": "a"}]},
        {"files": ["a", WITH_HEADERS[0]]},
        {},
    ],
    ids=str,
)
def test_a_wrong_purge_would_be_noticed(contract: Contract, body: dict[str, Any]):
    assert contract.wrong_in_request(
        httpx.Request("POST", f"https://api.cloudflare.com/client/v4/zones/{ZONE}/purge_cache", json=body)
    )
