# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cf_maintenance against the sandbox's edge, which runs the very script in Cloudflare's own runtime."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from ansible_collections.storefront.runbook.plugins.module_utils.release.operator_pass import operator_pass
from ansible_collections.storefront.runbook.plugins.modules import cf_maintenance

from sandbox.storefront import Sandbox
from tests.integration.small_site import Site
from tests.unit.support import run_module

KEY = "a-key-of-operators-with-32-letters"
HEALTH = "the-secret-of-the-health-check"
MARK = "x-storefront-maintenance"


class Held:
    """A site, and its maintenance."""

    def __init__(self, site: Site) -> None:
        self.site, self.url = site, site.url
        cloud, tokens = site.sandbox.state["cloud"], site.sandbox.state["tokens"]
        self.api = f"{cloud['cloudflare_url']}/zones/{site.state['cloudflare']['zone']}/workers/routes"
        self.headers = {"Authorization": f"Bearer {tokens['cloudflare']}"}
        self.access = {
            **{"api_token": tokens["cloudflare"], "api_url": cloud["cloudflare_url"]},
            **{"zone": f"{site.name}.example", "shop": site.name, "urls": [self.url], "wait_interval": 0.05},
        }

    def switch(self, state: str, *, check: bool = False, **params: Any) -> dict[str, Any]:
        key = {"operator_key": KEY} if state == "on" else {}
        return run_module(cf_maintenance, {**self.access, **key, "state": state, **params}, check=check)

    def get(self, path: str = "/", method: str = "GET", **headers: str) -> requests.Response:
        # a prepared path is sent as it is, dots and all
        request = requests.Request(method, self.url, headers=headers).prepare()
        request.url = self.url + path
        with requests.Session() as session:
            return session.send(request, timeout=10, allow_redirects=False)

    def routes(self) -> list[dict[str, Any]]:
        return requests.get(self.api, headers=self.headers, timeout=10).json()["result"]

    def route(self, pattern: str) -> str:
        """Create a route on which no Worker runs, as somebody else would."""
        made = requests.post(self.api, json={"pattern": pattern}, headers=self.headers, timeout=10).json()
        return made["result"]["id"]

    def unroute(self, identity: str) -> None:
        requests.delete(f"{self.api}/{identity}", headers=self.headers, timeout=10).raise_for_status()


@pytest.fixture(scope="module")
def site(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(sandbox, "test-held", tmp_path_factory.mktemp("site"))
    site.release("v1.1.0")
    yield site
    site.close()


@pytest.fixture
def held(site: Site) -> Iterator[Held]:
    """The site, open."""
    held = Held(site)
    yield held
    site.sandbox.cloud("DELETE", "/faults")
    assert not held.switch("off")["failed"]
    for route in held.routes():
        held.unroute(route["id"])


def test_a_page_that_was_cached_is_closed_and_opens_again(held: Held) -> None:
    other = held.route(f"blog.{held.site.name}.example/*")
    before = held.routes()
    for _unused in range(2):
        assert held.get().status_code == 200  # in the cache
    predicted = held.switch("on", minutes=20, check=True)
    assert not predicted["failed"], predicted["msg"]
    assert predicted["changed"], predicted
    assert held.routes() == before

    done = held.switch("on", minutes=20)
    assert not done["failed"], done["msg"]
    assert done["changed"]
    assert done["maintenance"]["routes"] == [f"{urlsplit(held.url).netloc}/*"] == predicted["maintenance"]["routes"]
    page = held.get()
    assert (page.status_code, page.headers["cache-control"], page.headers[MARK]) == (503, "no-store", held.site.name)
    assert 1190 <= int(page.headers["retry-after"]) <= 1200
    assert "Back soon" in page.text
    assert held.get(method="POST").status_code == 503
    assert held.get(method="HEAD").text == ""

    again = held.switch("on", minutes=20)
    assert (again["failed"], again["changed"]) == (False, False)
    assert again["maintenance"] == done["maintenance"]
    assert held.switch("status")["public"] == {held.url: "maintenance"}

    assert held.switch("off")["changed"]
    assert held.get().status_code == 200
    assert not held.switch("off")["changed"]
    assert held.routes() == before
    held.unroute(other)


def test_what_must_pass_passes_and_nothing_else(held: Held) -> None:
    health: dict[str, Any] = {"health_path": "/release.json", "health_secret": HEALTH}
    assert not held.switch("on", let_through=["/products", "/webhooks/*"], **health)["failed"]
    assert held.get("/products").status_code == 200
    assert held.get("/webhooks/stripe", method="POST").status_code in (404, 405)  # the shop's own answer
    assert held.get("/.well-known/acme-challenge/token").status_code == 404
    for path in (
        "/products/1",
        "/productsandmore",
        "/webhooks",
        "/webhooks/..%2fcheckout",
        "/webhooks//x",
        "/%70roducts/",
    ):
        assert held.get(path).status_code == 503, path
    assert held.get("/webhooks/../checkout").status_code == 503

    assert held.get("/release.json").status_code == 503
    assert held.get("/release.json", **{"X-Storefront-Health": HEALTH + "x"}).status_code == 503
    assert held.get("/release.json", **{"X-Storefront-Health": HEALTH}).json()["release"] == "v1.1.0"


def test_operators_pass_with_a_signed_pass_only(held: Held) -> None:
    assert not held.switch("on")["failed"]
    right = operator_pass(KEY, held.site.name, "ada")
    name, expires, signature = right.split(".")
    wrong = {
        "expired": operator_pass(KEY, held.site.name, "ada", now=time.time() - 7200),
        "another shop": operator_pass(KEY, "other", "ada"),
        "another key": operator_pass(KEY + "x", held.site.name, "ada"),
        "another name": f"eve.{expires}.{signature}",
        "longer": f"{name}.{int(expires) + 1}.{signature}",
        "garbage": "x",
        "empty": "",
    }
    for why, given in wrong.items():
        assert held.get(**{"X-Storefront-Operator": given}).status_code == 503, why
        assert held.get(Cookie=f"storefront-operator={given}").status_code == 503, why
    assert held.get(**{"X-Storefront-Operator": right}).status_code == 200
    assert held.get(**{"CF-Connecting-IP": "127.0.0.1", "X-Forwarded-For": "127.0.0.1"}).status_code == 503

    door = held.url + "/.well-known/storefront-operator"
    assert "password" in requests.get(door, timeout=10).text
    assert requests.post(door, data={"pass": wrong["expired"]}, timeout=10).status_code == 403
    let_in = requests.post(door, data={"pass": right}, timeout=10, allow_redirects=False)
    assert (let_in.status_code, let_in.headers["location"]) == (303, "/")
    cookie = let_in.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=Lax", "Max-Age="))
    assert held.get(Cookie=f"a=b; {cookie.partition(';')[0]}").status_code == 200


def test_clients_of_the_api_get_json(held: Held) -> None:
    assert not held.switch("on", page_message="We move the shelves.")["failed"]
    for asked in (held.get("/api/products"), held.get(Accept="application/json")):
        assert (asked.status_code, asked.json()["error"]) == (503, "maintenance")
        assert asked.json()["message"] == "We move the shelves."
        assert asked.headers["access-control-allow-origin"] == "*"
    assert "We move the shelves." in held.get("/api-docs", Accept="text/html").text
    assert held.switch("on", page_message="We move the shelves.", api_urls=[held.url])["changed"]
    assert held.get(Accept="text/html").headers["content-type"] == "application/json"


def test_a_page_may_be_branded_and_a_change_of_it_is_uploaded(held: Held) -> None:
    assert held.switch("on", page='<h1>Größer \\ "quoted" & `ticked` ${x}</h1>')["changed"]
    assert held.get().text == '<h1>Größer \\ "quoted" & `ticked` ${x}</h1>'
    assert not held.switch("on", page='<h1>Größer \\ "quoted" & `ticked` ${x}</h1>')["changed"]
    assert held.switch("on", page="<h1>Other</h1>")["changed"]
    assert held.get().text == "<h1>Other</h1>"


def test_the_worker_opens_the_shop_at_its_scheduled_end(held: Held) -> None:
    end = time.time() + 4
    opens_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
    assert held.switch("on", opens_at=opens_at)["maintenance"]["opens_at"] == opens_at
    while held.get().status_code == 503:
        assert time.time() < end + 10
        time.sleep(0.1)
    assert time.time() >= int(end)
    status = held.switch("status")
    assert status["maintenance"]["ended_by_itself"]
    assert not status["maintenance"]["on"]
    assert status["public"] == {held.url: "open"}
    assert held.switch("off")["changed"]
    assert held.routes() == []


@pytest.mark.parametrize("path", ["/*", "/checkout/*"])
def test_a_route_of_somebody_else_is_refused_or_kept(held: Held, path: str) -> None:
    pattern = urlsplit(held.url).netloc + path
    held.route(pattern)
    before = held.routes()
    refused = held.switch("on")
    assert refused["failed"]
    assert pattern in refused["msg"]
    assert refused["error"]["code"] == "foreign_routes"
    assert held.routes() == before

    kept = held.switch("on", foreign_routes="keep")
    assert not kept["failed"], kept
    assert kept["not_covered"] == [f"{pattern}: a route of no Worker"]
    assert held.get("/checkout/1").status_code != 503
    assert not held.switch("off")["failed"]
    assert held.routes() == before


def test_a_host_outside_of_the_zone_is_reported_and_alone_refused(held: Held) -> None:
    outside = "https://shop.vercel.app"
    done = held.switch("on", urls=[held.url, outside])
    assert done["not_covered"] == ["shop.vercel.app: not in the zone"]
    refused = held.switch("on", urls=[outside])
    assert refused["failed"]
    assert "No public host of the shop is in the zone" in refused["msg"]


def test_another_zone_is_left_as_it_is(held: Held, tmp_path: Path) -> None:
    """The other shop is in the same account, in maintenance itself, and has a route of somebody else."""
    neighbour = Site(held.site.sandbox, "test-held-next-door", tmp_path)
    try:
        other = Held(neighbour)
        assert not other.switch("on", minutes=20)["failed"]
        other.route(f"blog.{neighbour.name}.example/*")
        before = other.routes(), other.switch("status")
        assert before[1]["maintenance"]["on"]
        assert not held.switch("on")["failed"]
        assert held.routes() != other.routes()
        assert not held.switch("off")["failed"]
        after = other.routes(), other.switch("status")
        assert after == (before[0], {**before[1], "elapsed": after[1]["elapsed"]})
        assert other.get().headers[MARK] == neighbour.name
        assert not other.switch("off")["failed"]
    finally:
        neighbour.close()


def test_what_was_killed_after_the_upload_is_finished_or_undone(held: Held) -> None:
    held.site.fault("cloudflare", "create_route", "unavailable", times=-1)
    assert held.switch("on", timeout=1)["failed"]
    assert held.get().status_code == 200
    held.site.sandbox.cloud("DELETE", "/faults")
    assert held.switch("on")["changed"]
    assert held.get().status_code == 503
    assert held.switch("off")["changed"]
    assert held.routes() == []


@pytest.mark.parametrize("operation", ["upload_worker", "create_route", "delete_route"])
def test_a_lost_answer_does_no_harm(held: Held, operation: str) -> None:
    held.site.fault("cloudflare", operation, "lost_answer", times=1)
    assert not held.switch("on")["failed"]
    assert len(held.routes()) == 1
    assert not held.switch("off")["failed"]
    assert held.routes() == []


def test_a_token_without_the_permission_is_refused_with_the_one_it_lacks(held: Held) -> None:
    refused = held.switch("on", api_token="other")
    assert refused["failed"]
    assert "another-token" not in str(refused)
