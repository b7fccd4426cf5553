# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cf_maintenance in process: what is refused before anything is sent, and what is predicted and sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.cloudflare.maintenance import (
    foreign,
    hosts_of,
    script_name,
)
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.cloudflare.workers import Route, Script
from ansible_collections.storefront.runbook.plugins.modules import cf_maintenance

from tests.unit.support import Answer, FakeVendor, Request, reply, run_module

ZONE = "023e105f4ecef8ad9ca31a8372d0c353"
ACCOUNT = "9af211329b2fc82e5efe906062c73008"
NAME = script_name("production", ZONE)
KEY = "a-key-of-operators-with-32-letters"
BASE = {
    **{"api_token": "cf-token", "zone": "shop.example", "shop": "production", "wait": False},
    "urls": ["https://www.shop.example"],
}
OWN = {"id": "a" * 32, "pattern": "www.shop.example/*", "script": NAME}
OTHER = {"id": "b" * 32, "pattern": "blog.shop.example/*", "script": "blog"}


def done(result: Any) -> Answer:
    return reply(200, {"success": True, "errors": [], "messages": [], "result": result})


def answer(request: Request) -> Answer:
    """Answer for a zone in maintenance that was switched on elsewhere."""
    if request.path.endswith("/zones"):
        return done([{"id": ZONE, "name": "shop.example", "status": "active"}])
    if request.path.endswith("/routes") and request.method == "GET":
        return done([OTHER, OWN])
    if request.path.endswith("/settings"):
        return done({"bindings": []})
    return done({"id": ZONE, "account": {"id": ACCOUNT}})


def switch(vendor: FakeVendor, *, check: bool = False, **params: Any) -> dict[str, Any]:
    with vendor.installed():
        return run_module(cf_maintenance, {**BASE, **params}, check=check)


def writes(vendor: FakeVendor) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in vendor.requests if request.method != "GET"]


def test_off_deletes_the_shops_routes_and_no_others() -> None:
    vendor = FakeVendor(answer)
    assert switch(vendor, state="off", check=True)["changed"]
    assert writes(vendor) == []
    assert switch(vendor, state="off")["changed"]
    assert writes(vendor) == [("DELETE", f"/client/v4/zones/{ZONE}/workers/routes/{OWN['id']}")]


def test_the_secrets_are_in_the_upload_alone() -> None:
    vendor = FakeVendor(answer)
    result = switch(vendor, state="on", operator_key=KEY, health_path="/health", health_secret="a-secret-of-health")
    assert not result["failed"], result
    assert writes(vendor) == [("PUT", f"/client/v4/accounts/{ACCOUNT}/workers/scripts/{NAME}")]
    body = next(request.body for request in vendor.requests if request.method == "PUT").decode()
    assert {KEY, "a-secret-of-health"} == {word for word in (KEY, "a-secret-of-health") if word in body}
    config = next(part for part in body.split('"text": ') if "shop" in part)
    assert KEY not in config.partition("}, {")[0]
    assert KEY not in json.dumps(result)
    assert "a-secret-of-health" not in json.dumps(result)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"operator_key": "short"}, "at least 32"),
        ({"operator_key": None}, "at least 32"),
        ({"let_through": ["/"]}, "All paths at once"),
        ({"let_through": ["/*"]}, "All paths at once"),
        ({"let_through": ["*"]}, "let_through has"),
        ({"let_through": [""]}, "let_through has"),
        ({"let_through": ["webhooks"]}, "let_through has"),
        ({"let_through": ["/a*b"]}, "let_through has"),
        ({"let_through": ["/a/../b"]}, "let_through has"),
        ({"let_through": ["/a\nb"]}, "let_through has"),
        ({"let_through": ["/%2e%2e/x"]}, "let_through has"),
        ({"health_path": "/health"}, "together"),
        ({"health_secret": "only-the-secret"}, "together"),
        ({"minutes": 0}, "minutes is 0"),
        ({"minutes": -5}, "minutes is -5"),
        ({"minutes": 10_081}, "minutes is"),
        ({"opens_at": "tomorrow"}, "not a time with its zone"),
        ({"opens_at": "2026-01-31T04:00:00"}, "not a time with its zone"),
        ({"opens_at": "2020-01-31T04:00:00Z"}, "in the past"),
        ({"opens_at": "2199-01-31T04:00:00Z"}, "days ahead"),
        ({"page": "x" * 600_000}, "512 KB"),
        ({"page_message": "x" * 6_000}, "5 KB"),
        ({"urls": []}, "urls is empty"),
        ({"urls": ["www.shop.example"]}, "is not the URL of a public site"),
        ({"urls": ["https://shop.vercel.app"]}, "No public host"),
        ({"worker": "/nowhere.mjs"}, "cannot be read"),
    ],
)
def test_wrong_options_are_refused_before_anything_changes(wrong: dict[str, Any], why: str) -> None:
    vendor = FakeVendor(answer)
    result = switch(vendor, state="on", **{"operator_key": KEY, **wrong})
    assert (result["failed"], result["error"]["kind"]) == (True, "config")
    assert why in result["msg"]
    assert writes(vendor) == []


@pytest.mark.parametrize(
    ("pattern", "takes"),
    [
        ("www.shop.example/*", True),
        ("www.shop.example/api/*", True),
        ("*.shop.example/api/*", True),
        ("*.shop.example/*", False),
        ("*shop.example/*", False),
        ("blog.shop.example/*", False),
        ("shop.example/*", False),
        ("WWW.shop.example/*", True),
    ],
)
def test_a_route_of_somebody_else_counts_where_it_takes_the_shops_requests(pattern: str, takes: bool) -> None:
    routes = [Route("1", pattern, "theirs"), Route("2", "www.shop.example/*", NAME)]
    assert bool(foreign(routes, NAME, hosts_of(["https://www.shop.example"], "shop.example"))) is takes


def test_hosts_are_divided_by_the_zone() -> None:
    urls = ["https://shop.example", "https://www.shop.example/path", "https://notshop.example", "https://a.vercel.app"]
    hosts = hosts_of([*urls, urls[0]], "shop.example")
    assert hosts.covered == ["shop.example", "www.shop.example"]
    assert hosts.outside == ["notshop.example", "a.vercel.app"]


def test_storefronts_of_one_account_have_scripts_of_their_own() -> None:
    names = {script_name(shop, zone) for shop in ("a", "A", "a b", "a" * 80) for zone in (ZONE, "f" * 32)}
    assert len(names) == 8
    assert all(len(name) <= 63 for name in names)


def test_the_form_holds_every_part() -> None:
    body, kind = Script("code", {"page.html": "<p>ü</p>"}, {"CONFIG": "{}"}, {"KEY": "s"}).form()
    boundary = kind.partition("boundary=")[2]
    parts = body.decode().split(f"--{boundary}")
    assert len(parts) == 5
    assert parts[-1] == "--\r\n"
    assert json.loads(parts[1].split("\r\n\r\n", 1)[1])["main_module"] == "worker.mjs"
