# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Journeys, pages and performance against a shop in this process, and in a real Chromium."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.lease import take
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.modules import http_journey, page_check, performance_check

from conftest import ROOT
from tests.unit.support import run_module

BYPASS = "x-vercel-protection-bypass"
PASSWORD, CARD = "journey-password/1", "pm_card_visa"
PAGE = """<!doctype html><title>Shop</title><link rel="icon" href="/icon.svg"><h1>Shop</h1>
<a href="/products">Products</a> <a href="/products#top">Again</a> <a href="mailto:a@shop.example">Mail</a>
<a href="https://elsewhere.example/">Elsewhere</a> <img src="/mug.png" alt="A mug"> <script src="/app.js"></script>"""
RENDERED = """<!doctype html><title>Products</title><form role="search"><input name="q"><button>Find</button></form>
<div id="list"></div><script>
document.querySelector("form").onsubmit = async (event) => {
  event.preventDefault();
  const answer = await fetch("/api/search?q=" + document.querySelector("[name=q]").value);
  const { items } = await answer.json();
  document.querySelector("#list").textContent = items.map((item) => item.name).join(", ") || "nothing found";
};
</script>"""


class Shop(ThreadingHTTPServer):
    """A small shop. ``broken`` holds what is wrong with it at the moment."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.broken: set[str] = set()
        self.customers: dict[str, str] = {}
        self.mails: list[dict[str, str]] = []
        self.orders = 0
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.asked: list[tuple[str, str, dict[str, str]]] = []


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Shop

    def do_GET(self) -> None:
        path, _mark, query = self.path.partition("?")
        broken = self.server.broken
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        if "protected" in broken and self.headers.get(BYPASS) != "bypass-s3cret":
            return self.json(401, {"message": "Vercel's deployment protection"})
        if path == "/where":
            return self.page("<title>Here</title><body><script>document.write(location.origin)</script>")
        if path == "/":
            return self.page(PAGE.replace("v1.1.0", "v1.0.0"))
        if path == "/products":
            return self.page(RENDERED.replace("fetch", "missingFunction") if "script" in broken else RENDERED)
        if path == "/release":
            return self.json(200, {"release": "v1.0.0" if "old page" in broken else "v1.1.0"})
        if path in ("/mug.png", "/icon.svg", "/app.js"):
            return self.file(path, "image" in broken, "script file" in broken)
        if path == "/api/search":
            return self.json(200, {"items": [] if "search" in broken else [{"id": 1, "name": "Enamel Mug"}]})
        if path == "/mails":
            return self.json(200, {"items": [mail for mail in self.server.mails if mail["subject"] in query]})
        if path == "/robots.txt":
            out = "Disallow: /" if "robots" in broken else "Disallow: /cart"
            return self.text(f"User-agent: *\n{out}\nSitemap: /sitemap.xml\n")
        if path == "/sitemap.xml":
            missing = f"<url><loc>{self.server.url}/gone</loc></url>" if "sitemap" in broken else ""
            return self.text(f"<urlset><url><loc>{self.server.url}/products</loc></url>{missing}</urlset>")
        return self.json(404, {"message": "no such page"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        shop, broken = self.server, self.server.broken
        shop.asked.append((self.command, self.path, dict(self.headers)))
        if self.path == "/register":
            if body["email"] in shop.customers:
                return self.json(409, {"message": "This address is registered already."})
            shop.customers[body["email"]] = body["password"]
            return self.json(201, {} if "capture" in broken else {"token": "token-of-the-customer"})
        if self.path == "/login":
            return self.json(200, {"error": "temporarily unavailable"} if "login" in broken else {"token": "t-1234567"})
        if self.path == "/checkout":
            if "hang" in broken:
                shop.reached.set()
                shop.go_on.wait(20)
            if "slow" in broken:
                threading.Event().wait(0.4)
            shop.orders += 1
            if "no mail" not in broken:
                other = 99 if "other mail" in broken else 0
                shop.mails.append({"subject": f"order-{shop.orders + other}"})
            return self.json(201, {"id": shop.orders})
        if self.path == "/pay":
            declined = "declined" in broken
            return self.json(402 if declined else 200, {"message": "declined"} if declined else {"status": "paid"})
        return self.json(404, {})

    def do_DELETE(self) -> None:
        known = self.server.customers.pop(self.path.rpartition("/")[2], None)
        self.json(204 if known else 404, None)

    def json(self, status: int, value: Any) -> None:
        self.answer(status, b"" if value is None else json.dumps(value).encode(), "application/json")

    def page(self, text: str) -> None:
        self.answer(200, text.encode(), "text/html")

    def text(self, text: str) -> None:
        self.answer(200, text.encode(), "text/plain")

    def file(self, path: str, no_image: bool, no_script: bool) -> None:
        if path == "/app.js":
            return self.answer(404 if no_script else 200, b"1", "text/javascript")
        kind = "text/html" if no_image and path == "/mug.png" else "image/png"
        return self.answer(200, b"image", kind)

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("X-Content-Type-Options", "nosniff")
        if "no cache" not in self.server.broken:
            self.send_header("cf-cache-status", "MISS" if "cold" in self.server.broken else "HIT")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Shop()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


REGISTER = {
    "name": "register",
    "request": {"method": "POST", "url": "/register", "json": {"email": "${email}", "password": "${password}"}},
    "status": 201,
    "captures": {"token": {"jsonpath": "$.token", "secret": True}},
}
JOURNEY: dict[str, Any] = {
    "name": "buy",
    "steps": [
        {"name": "see the release", "request": "/release", "asserts": [{"jsonpath": "$.release", "equals": "v1.1.0"}]},
        REGISTER,
        {
            "name": "log in",
            "request": {"method": "POST", "url": "/login", "json": {"email": "${email}", "password": "${password}"}},
            "asserts": [{"jsonpath": "$.token", "exists": True}],
        },
        {
            "name": "search",
            "request": {"url": "/api/search", "query": {"q": "mug"}},
            "asserts": [{"jsonpath": "$.items", "count": True, "greater_than": 0}],
        },
        {
            "name": "check out",
            "request": {"method": "POST", "url": "/checkout", "json": {}},
            "status": 201,
            "captures": {"order": {"jsonpath": "$.id"}},
            "asserts": [{"duration": 300}],
        },
        {
            "name": "pay",
            "request": {"method": "POST", "url": "/pay", "json": {"card": "${card}"}},
            "asserts": [{"jsonpath": "$.status", "equals": "paid"}],
        },
        {
            "name": "receive the mail",
            "request": {"url": "/mails", "query": {"subject": "order-${order}"}},
            "options": {"retry": 3, "retry_interval": 0.01},
            "asserts": [{"jsonpath": "$.items", "count": True, "equals": 1}],
        },
    ],
    "cleanup": [{"name": "remove the customer", "request": {"method": "DELETE", "url": "/customers/${email}"}}],
}


def options(shop: Shop, *journeys: dict[str, Any]) -> dict[str, Any]:
    return {
        "journeys": list(journeys or (JOURNEY,)),
        "sites": {"shop": shop.url},
        "variables": {"email": "journey-${caller}@test.shop.example"},
        "secrets": {"password": PASSWORD, "card": CARD},
        "test_customers": True,
    }


def walk(shop: Shop, *journeys: dict[str, Any], **params: Any) -> dict[str, Any]:
    return run_module(http_journey, {**options(shop, *journeys), **params})


def test_a_whole_journey_passes_and_leaves_nothing(shop: Shop) -> None:
    result = walk(shop)
    assert not result["failed"], result["msg"]
    assert shop.customers == {}


FAILURES = [
    ("old page", 'step \'see the release\' expected jsonpath $.release equals "v1.1.0", got "v1.0.0"'),
    ("capture", "step 'register' expected a value for token (jsonpath $.token), got none, the JSON has no such value"),
    ("login", "step 'log in' expected jsonpath $.token exists, got the JSON has no such value"),
    ("search", "step 'search' expected jsonpath $.items count greater than 0, got 0"),
    ("slow", "step 'check out' expected duration less or equal 300 ms, got "),
    ("declined", 'step \'pay\' expected status 2xx, got 402: {"message": "declined"}'),
    ("no mail", "step 'receive the mail' expected jsonpath $.items count equals 1, got 0 after 4 tries"),
    ("other mail", "step 'receive the mail' expected jsonpath $.items count equals 1, got 0 after 4 tries"),
]


@pytest.mark.parametrize(("broken", "words"), FAILURES, ids=[broken for broken, _result in FAILURES])
def test_a_broken_shop_fails_for_the_right_reason_and_leaves_nothing(shop: Shop, broken: str, words: str) -> None:
    shop.broken.add(broken)
    result = walk(shop)
    assert result["error"]["kind"] == "unhealthy"
    assert words in result["msg"]
    assert shop.customers == {}
    assert not [secret for secret in (PASSWORD, CARD, "token-of-the-customer") if secret in repr(result)]


def test_a_customer_who_exists_already_fails_the_registration(shop: Shop) -> None:
    shop.customers["journey-run@test.shop.example"] = "somebody's"
    without = {**JOURNEY, "cleanup": []}
    assert "step 'register' expected status 201, got 409" in walk(shop, without)["msg"]


def test_a_run_killed_in_the_middle_is_cleaned_up_by_the_next(shop: Shop, tmp_path: Path) -> None:
    shop.broken.add("hang")
    given = tmp_path / "options.json"
    given.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": options(shop)}))
    program = str(ROOT / "plugins/modules/http_journey.py")
    module = "ansible_collections.storefront.runbook.plugins.modules.http_journey"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / '.ansible/collections'}"}
    argv = [sys.executable, "-m", module, str(given)]
    assert Path(program).exists()
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert shop.reached.wait(60), process.communicate(timeout=5)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert shop.customers == {"journey-run@test.shop.example": PASSWORD}
    shop.broken.clear()
    shop.go_on.set()
    assert not walk(shop)["failed"]
    assert shop.customers == {}


def test_what_a_killed_deploy_left_is_removed_unless_a_deploy_runs(shop: Shop, tmp_path: Path) -> None:
    left = "journey-deploy@test.shop.example"
    at = {"store": f"file://{tmp_path}", "store_is_shared": True}
    given = {"caller": "verify", "clean_callers": ["deploy"], **at}
    shop.customers[left] = "a deploy's"
    holder, _before = take(open_store(at, unguarded), holder="deploy")
    assert not walk(shop, **given)["failed"]
    assert shop.customers == {left: "a deploy's"}
    holder.release()
    assert not walk(shop, **given)["failed"]
    assert shop.customers == {}


# Pages


def check(shop: Shop, **params: Any) -> dict[str, Any]:
    wanted = {"x-content-type-options": "nosniff", "strict-transport-security": "max-age="}
    return run_module(page_check, {"url": shop.url, "robots": True, "security_headers": wanted, **params})


def test_links_images_robots_and_sitemap_of_a_good_page_are_right(shop: Shop) -> None:
    result = check(shop)
    assert not result["failed"], result["msg"]
    paths = {path for _method, path, _headers in shop.asked}
    assert {"/", "/products", "/mug.png", "/icon.svg", "/app.js", "/robots.txt", "/sitemap.xml"} == paths


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("image", "image {url}/mug.png of {url}/ is text/html and no image"),
        ("script file", "script {url}/app.js of {url}/ answered 404"),
        ("robots", "{url}/robots.txt blocks every search engine"),
        ("sitemap", "page {url}/gone of {url}/sitemap.xml answered 404"),
    ],
)
def test_what_is_broken_on_a_page_is_named(shop: Shop, broken: str, words: str) -> None:
    shop.broken.add(broken)
    assert words.format(url=shop.url) in check(shop)["msg"]


def test_a_missing_security_header_is_named(shop: Shop) -> None:
    result = check(shop, security_headers={"referrer-policy": "", "x-content-type-options": "none"})
    assert "the header referrer-policy is missing" in result["msg"]
    assert "the header x-content-type-options is 'nosniff' and does not contain 'none'" in result["msg"]


def test_no_more_addresses_are_asked_than_allowed(shop: Shop) -> None:
    result = check(shop, limit=1, robots=False)
    assert result["asked"] == 2
    assert "3 addresses beyond the limit were not asked" in result["summary"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"url": "shop.example"}, "has no URL that begins with https://"),
        ({"url": "https://user:hunter2-again@shop.example"}, "holds a user and a password"),
        ({"pages": ["products"]}, "Begin each path with one slash"),
        ({"pages": []}, "pages is empty"),
        ({"limit": -1}, "limit is -1"),
    ],
)
def test_a_page_check_that_cannot_be_right_is_refused(shop: Shop, params: dict[str, Any], words: str) -> None:
    result = check(shop, **params)
    assert result["error"]["kind"] == "config"
    assert words in result["msg"]
    assert "hunter2-again" not in repr(result)
    assert shop.asked == []


# Performance


def measure(shop: Shop, **params: Any) -> dict[str, Any]:
    targets = [{"name": "home", "url": f"{shop.url}/"}, {"name": "search", "url": f"{shop.url}/api/search?q=a"}]
    return run_module(performance_check, {"targets": targets, "samples": 5, **params})


def test_percentiles_and_the_hit_rate_are_measured(shop: Shop) -> None:
    result = measure(shop, budget={"p95": 5000}, hit_rate=0.9)
    assert not result["failed"], result["msg"]
    assert result["measured"]["targets"]["home"]["samples"] == 5
    assert result["measured"]["hit_rate"] == 1.0
    assert "database_url is not set" in result["unavailable"]["slow_queries"]


def test_a_shop_without_a_cache_says_so(shop: Shop) -> None:
    shop.broken.add("no cache")
    result = measure(shop, hit_rate=0.9)
    assert not result["failed"], result["msg"]
    assert result["unavailable"]["hit_rate"] == "No answer has the header cf-cache-status of a cache."
    assert "edge_zone or edge_token is not set" in result["summary"]


def test_a_cold_cache_is_a_problem_where_a_rate_is_expected(shop: Shop) -> None:
    shop.broken.add("cold")
    assert "the cache gave 0% of the answers, and 90% are expected" in measure(shop, hit_rate=0.9)["msg"]


def test_a_target_that_fails_is_a_problem(shop: Shop) -> None:
    result = measure(shop, targets=[{"name": "gone", "url": f"{shop.url}/gone"}])
    assert "gone: status 404" in result["msg"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"targets": [{"name": "a", "url": "https://u:hunter2-again@b.example"}]}, "holds a user and a password"),
        ({"budget": {"p59": 10}}, "budget names 'p59'"),
        ({"budget": {"p95": 0}}, "budget sets p95 to 0"),
        ({"budget": {"p95": "fast"}}, "budget sets p95 to 'fast'"),
        ({"samples": 0}, "samples is 0"),
        ({"hit_rate": 80}, "hit_rate is 80"),
        ({"targets": []}, "targets is empty"),
        ({"slower_percent": -1}, "slower_percent is -1"),
    ],
)
def test_a_measurement_that_cannot_be_right_is_refused(shop: Shop, params: dict[str, Any], words: str) -> None:
    result = measure(shop, **params)
    assert result["error"]["kind"] == "config"
    assert words in result["msg"]
    assert "hunter2-again" not in repr(result)
    assert shop.asked == []


# A real browser

BROWSE: dict[str, Any] = {
    "name": "browse",
    "steps": [
        {
            "name": "find a mug",
            "browser": True,
            "reads": True,
            "actions": [
                {"open": "/products"},
                {"fill": "[name=q]", "with": "mug"},
                {"click": "button"},
                {"expect": "Enamel Mug", "in": "#list"},
            ],
        }
    ],
}


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium on this machine")
def test_a_page_that_renders_in_the_browser_passes_and_a_broken_one_leaves_a_screenshot(
    shop: Shop, tmp_path: Path
) -> None:
    good = walk(shop, BROWSE, timeout=20, headers={"X-Probe": "probe-s3cret"}, screenshots=str(tmp_path))
    assert not good["failed"], good["msg"]
    assert all(headers.get("x-probe") == "probe-s3cret" for _method, _path, headers in shop.asked)
    shop.broken.add("script")
    began = time.monotonic()
    bad = walk(shop, BROWSE, timeout=1, screenshots=str(tmp_path))
    assert time.monotonic() - began < 30
    assert "step 'find a mug' expected the text 'Enamel Mug' on the page in #list, got " in bad["msg"]
    picture = Path(bad["journeys"][0]["failure"]["screenshot"])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert str(picture) in bad["msg"]


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium on this machine")
def test_a_browser_shows_a_protected_staged_build_at_the_public_address(shop: Shop) -> None:
    shop.broken.add("protected")
    public = "http://shop.example.test"  # a name that does not resolve: nobody asks the public site
    staged = {"public_sites": {"shop": public}, "place": "staged", "timeout": 10}
    (first,) = BROWSE["steps"]
    where = {"open": "/where"}, {"expect": public}
    journey = {**BROWSE, "steps": [{**first, "actions": [*where, *first["actions"]]}]}
    good = walk(shop, journey, headers={BYPASS: "bypass-s3cret"}, **staged)
    assert not good["failed"], good["msg"]
    assert {"/where", "/products", "/api/search?q=mug"} <= {path for _method, path, _headers in shop.asked}
    without = walk(shop, BROWSE, **staged)
    assert "step 'find a mug' expected a page at /products, got status 401" in without["msg"]
    shop.broken.add("script")
    wrong = walk(shop, BROWSE, headers={BYPASS: "bypass-s3cret"}, **{**staged, "timeout": 1})
    assert "step 'find a mug' expected the text 'Enamel Mug' on the page in #list, got " in wrong["msg"]


def test_a_machine_without_a_browser_says_so(shop: Shop) -> None:
    result = walk(shop, BROWSE, browser_path="/no/such/browser")
    assert "step 'find a mug' expected a browser, got" in result["msg"]
    assert "/no/such/browser" in result["msg"]
