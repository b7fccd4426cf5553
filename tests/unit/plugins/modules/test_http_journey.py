# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""http_journey in process: what it sends, what it reports of a failure, what it refuses, and what it never shows."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from ansible_collections.storefront.runbook.plugins.modules import http_journey

from tests.unit.support import Answer, FakeVendor, Request, reply, run_module

SITES = {"backend": "https://api.shop.example", "frontend": "https://www.shop.example/shop"}
PASSWORD = "p@ss word/1+2"
TOKEN = "token-4f2a9c77e1"


def shop(request: Request) -> Answer:
    """A shop with one customer and one product."""
    if request.path == "/api/login":
        return reply(200, {"token": TOKEN, "user": {"id": 7}})
    if request.path == "/api/products":
        return reply(200, {"items": [{"id": 1, "name": "Mug", "price": 12.5}, {"id": 2, "name": "Pan", "price": 40}]})
    if request.path == "/api/empty":
        return reply(200, {"items": []})
    if request.path == "/shop/page":
        return reply(200, text='<h1 class="title">Our  mugs</h1><input name="csrf" value="c-77"><p>code: 481</p>')
    if request.path == "/api/echo":
        return reply(400, text=f"bad {request.body.decode()} {request.headers.get('authorization', '')}")
    if request.path == "/api/moved":
        return reply(302, headers={"Location": "/api/products"})
    if request.path == "/api/away":
        return reply(307, headers={"Location": "https://elsewhere.example/api/products"})
    if request.path == "/api/mail":
        return reply(308, headers={"Location": "https://mail.example/api/products"})
    return reply(404, {"message": "no such thing"})


def step(name: str = "a step", url: str = "/api/products", **more: Any) -> dict[str, Any]:
    request: dict[str, Any] = {
        "url": url,
        **{key: more.pop(key) for key in ("method", "json", "form", "headers", "query") if key in more},
    }
    return {"name": name, "request": {**request, **more.pop("request", {})}, **more}


LOGIN = step("log in", "/api/login", method="POST", json={"password": "${password}"}, reads=True)


def walk(*steps: Any, script: Any = shop, check: bool = False, cleanup: Any = None, **params: Any) -> Any:
    """Return the result of one journey of these steps, and the requests that were sent."""
    vendor = script if isinstance(script, FakeVendor) else FakeVendor(script)
    journey = {"name": "buy", "site": "backend", "steps": list(steps), **({"cleanup": cleanup} if cleanup else {})}
    given = {"journeys": [journey], "sites": SITES, "secrets": {"password": PASSWORD}, "test_customers": True, **params}
    with vendor.installed():
        return run_module(http_journey, given, check=check), vendor.requests


def test_captured_values_go_into_later_steps_with_their_types() -> None:
    result, asked = walk(
        {**LOGIN, "captures": {"token": {"jsonpath": "$.token", "secret": True}, "user": {"jsonpath": "$.user.id"}}},
        step("find", captures={"pan": {"jsonpath": "$.items[?@.name == 'Pan'].id"}}),
        step("page", "/page", site="frontend", captures={"csrf": {"css": "input[name=csrf]", "attribute": "value"}}),
        step(
            "order ${user}",
            "/api/login",
            method="POST",
            json={"product": "${pan}", "note": "for ${user} at $${price}", "csrf": "${csrf}"},
            headers={"Authorization": "Bearer ${token}"},
        ),
    )
    assert (result["failed"], result["passed"], result["changed"]) == (False, True, False)
    assert asked[2].url == "https://www.shop.example/shop/page"
    assert asked[3].json() == {"product": 2, "note": "for 7 at ${price}", "csrf": "c-77"}
    assert asked[3].headers["Authorization"] == f"Bearer {TOKEN}"
    (journey,) = result["journeys"]
    assert [(one["name"], one["status"], one["tries"]) for one in journey["steps"]][:2] == [
        ("log in", 200, 1),
        ("find", 200, 1),
    ]
    assert all(isinstance(one["duration_ms"], int) for one in journey["steps"])
    assert result["summary"] == "1 of 1 journey passed."


HOLD = [
    ({"status": 200}, "/api/products"),
    ({"duration": 5000}, "/api/products"),
    ({"jsonpath": "$.items", "count": True, "equals": 2}, "/api/products"),
    ({"jsonpath": "$.items[*].name", "contains": "Mug"}, "/api/products"),
    ({"jsonpath": "$.items[0].price", ">=": 12.5}, "/api/products"),
    ({"jsonpath": "$.items[0].price", "is_float": True}, "/api/products"),
    ({"jsonpath": "$.items[0].name", "matches": "^M"}, "/api/products"),
    ({"jsonpath": "$.items[9]", "exists": True, "not": True}, "/api/products"),
    ({"jsonpath": "$.items", "is_collection": True}, "/api/products"),
    ({"jsonpath": "$.items", "is_empty": True}, "/api/empty"),
    ({"header": "content-type", "starts_with": "application/json"}, "/api/products"),
    ({"css": "h1.title", "equals": "Our mugs"}, "/shop/page"),
    ({"css": "h2", "count": True, "equals": 0}, "/shop/page"),
    ({"regex": r"code: (\d+)", "equals": 481}, "/shop/page"),
    ({"body": True, "contains": "mugs"}, "/shop/page"),
    ({"url": True, "ends_with": "/api/login"}, "/api/login"),
    ({"variable": "run", "is_string": True}, "/api/login"),
]


@pytest.mark.parametrize(("expectation", "url"), HOLD)
def test_an_expectation_holds_and_its_opposite_fails_with_both_sides(expectation: dict[str, Any], url: str) -> None:
    result, _asked = walk(step("judge", f"https://api.shop.example{url}", asserts=[expectation]))
    assert not result["failed"], result["msg"]
    if "not" not in expectation and len(expectation) > 1:
        opposite, _asked = walk(step("judge", f"https://api.shop.example{url}", asserts=[{**expectation, "not": True}]))
        assert opposite["failed"]
        assert "step 'judge' expected" in opposite["msg"]
        assert ", got " in opposite["msg"]


FAIL = [
    (step("find", "/api/none"), 'step \'find\' expected status 2xx, got 404: {"message": "no such thing"}'),
    (step("find", status=[201, 204]), "step 'find' expected status 201 or 204, got 200"),
    (
        step("log in", "/api/empty", captures={"token": {"jsonpath": "$.token"}}),
        "step 'log in' expected a value for token (jsonpath $.token), got none, the JSON has no such value",
    ),
    (
        step("search", "/api/empty", asserts=[{"jsonpath": "$.items", "count": True, "greater_than": 0}]),
        "step 'search' expected jsonpath $.items count greater than 0, got 0",
    ),
    (
        step("page", "https://www.shop.example/shop/page", asserts=[{"jsonpath": "$.id", "exists": True}]),
        "step 'page' expected jsonpath $.id exists, got the body is not JSON",
    ),
    (step("page", asserts=[{"css": "h1", "equals": 1}]), "expected css h1 equals 1, got the page has no such element"),
    (
        step("text", asserts=[{"jsonpath": "$.items", "greater_than": 1}]),
        "expected jsonpath $.items greater than 1, got",
    ),
    (
        step("text", asserts=[{"jsonpath": "$.items", "greater_than": 1, "not": True}]),
        "expected jsonpath $.items not gre",
    ),
]


@pytest.mark.parametrize(("failing", "words"), FAIL)
def test_a_failure_names_the_step_the_expected_and_what_came(failing: dict[str, Any], words: str) -> None:
    result, _asked = walk(step("first"), failing, step("never asked", "/api/later"))
    assert (result["failed"], result["error"]["kind"]) == (True, "unhealthy")
    assert words in result["msg"]
    (journey,) = result["journeys"]
    assert [one["outcome"] for one in journey["steps"]] == ["passed", "failed"]
    assert journey["failure"]["step"] == failing["name"]


def test_a_long_answer_is_shortened() -> None:
    result, _asked = walk(step("long"), script=lambda request: reply(500, text="word " * 5000))
    assert len(result["msg"]) < 500
    assert result["msg"].endswith("….")


def test_a_step_is_retried_until_it_passes_and_its_tries_are_counted() -> None:
    answers = [reply(200, {"items": []}), reply(503), reply(200, {"items": [1]})]
    waited = step(
        "the mail arrives",
        asserts=[{"jsonpath": "$.items", "count": True, "equals": 1}],
        options={"retry": 4, "retry_interval": 0},
    )
    result, asked = walk(waited, script=FakeVendor(answers))
    assert not result["failed"], result["msg"]
    assert len(asked) == 3
    assert result["journeys"][0]["steps"][0]["tries"] == 3


def test_a_step_that_never_passes_names_its_tries() -> None:
    result, asked = walk(
        step("the mail arrives", "/api/none", options={"retry": 2, "retry_interval": 0}),
    )
    assert len(asked) == 3
    assert result["msg"].endswith("after 3 tries.")


def test_redirects_are_followed_only_where_asked() -> None:
    stays, _asked = walk(step("moved", "/api/moved", status=302, captures={"to": {"header": "location"}}))
    assert not stays["failed"], stays["msg"]
    goes, asked = walk(step("moved", "/api/moved", options={"location": True}))
    assert not goes["failed"], goes["msg"]
    assert asked[-1].path == "/api/products"


def test_endless_redirects_end() -> None:
    result, asked = walk(
        step("loop", options={"location": True, "max_redirects": 3}),
        script=lambda request: reply(302, headers={"Location": "/again"}),
    )
    assert "expected at most 3 redirects, got another one" in result["msg"]
    assert len(asked) == 4


SECRET_STEP = {
    "method": "POST",
    "json": {"password": "${password}"},
    "headers": {"Authorization": "Bearer ${password}", "X-Own": "${password}"},
    "options": {"location": True},
}


@pytest.mark.parametrize(
    ("url", "hosts", "words"),
    [
        ("/api/away", [], "expected a redirect to a site or a declared host, got one to elsewhere.example"),
        ("/api/mail", ["mail.example"], "expected a redirect that keeps the body on its host, got one to mail.example"),
    ],
)
def test_secrets_never_follow_a_redirect_to_another_host(url: str, hosts: list[str], words: str) -> None:
    result, asked = walk(step("away", url, **SECRET_STEP), hosts=hosts, headers={"X-Waf": "waf-s3cret"})
    assert words in result["msg"]
    assert {request.host for request in asked} == {"api.shop.example"}


def test_another_declared_host_gets_none_of_the_headers() -> None:
    moved = {**SECRET_STEP, "method": "GET"}
    del moved["json"]
    result, asked = walk(step("mail", "/api/mail", **moved), hosts=["mail.example"], headers={"X-Waf": "waf-s3cret"})
    assert not result["failed"], result["msg"]
    assert asked[0].headers["X-Waf"] == "waf-s3cret"
    assert asked[1].host == "mail.example"
    assert not {"authorization", "x-own", "x-waf"} & {name.lower() for name in asked[1].headers}


def test_a_captured_address_of_an_undeclared_host_is_not_asked() -> None:
    result, asked = walk(
        step("link", "/api/moved", status=302, captures={"next": {"header": "location"}}),
        step("follow", "${next}"),
        script=lambda request: reply(302, headers={"Location": "https://evil.example/x"}),
    )
    assert "step 'follow' expected an address of a site or of a declared host" in result["msg"]
    assert len(asked) == 1


FORMS: list[Callable[[str], str]] = [
    str,
    lambda text: quote(text, safe=""),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [PASSWORD, "p/w+", "4242424242424242"])
def test_a_secret_that_the_shop_echoes_is_masked_in_every_form(form: Callable[[str], str], secret: str) -> None:
    result, _asked = walk(
        step("pay", method="POST", json={"card": "${password}"}),
        script=lambda request: reply(402, text=f"declined <{form(secret)}>"),
        secrets={"password": secret},
    )
    assert result["failed"]
    shown = repr(result)
    if not (len(secret) < 8 and form is FORMS[3]):  # the base64 of a longer text does not contain a short one whole
        assert form(secret) not in shown
    assert secret not in shown


def test_a_captured_secret_is_masked() -> None:
    result, _asked = walk(
        {**LOGIN, "captures": {"token": {"jsonpath": "$.token", "secret": True}}},
        step("echo", "/api/echo", method="POST", headers={"Authorization": "Bearer ${token}"}, json={}),
    )
    assert "status 2xx, got 400: bad {} Bearer ********" in result["msg"]
    assert TOKEN not in repr(result)


def test_a_secret_that_is_written_into_a_journey_is_masked_too() -> None:
    result, _asked = walk(step("echo", "/api/echo", method="POST", json={"password": "hunter2-again"}))
    assert result["failed"]
    assert "hunter2-again" not in repr(result)


def test_half_of_a_secret_at_the_end_of_a_shortened_answer_is_masked() -> None:
    for before in range(250, 310):
        result, _asked = walk(
            step("long"), script=lambda request, n=before: reply(500, text="x" * n + PASSWORD + "y" * 500)
        )
        assert PASSWORD[:6] not in repr(result)


CLEAN = [step("remove the customer", "/api/customers/journey", method="DELETE")]


def test_the_clean_up_runs_before_and_after_even_when_a_step_fails() -> None:
    result, asked = walk(step("register", "/api/none", method="POST", json={}), cleanup=CLEAN)
    assert [(request.method, request.path) for request in asked] == [
        ("DELETE", "/api/customers/journey"),
        ("POST", "/api/none"),
        ("DELETE", "/api/customers/journey"),
    ]
    assert "step 'register' expected status 2xx, got 404" in result["msg"]
    assert "clean-up" not in result["msg"]
    assert result["journeys"][0]["cleaned"]


def test_a_clean_up_that_fails_fails_the_journey_and_says_that_data_is_left() -> None:
    def script(request: Request) -> Answer:
        return reply(500 if request.method == "DELETE" and len(vendor.requests) > 1 else 200, {})

    vendor = FakeVendor(script)
    result, _asked = walk(step("register", method="POST", json={}), cleanup=CLEAN, script=vendor)
    assert "step 'cleanup step remove the customer' expected status 2xx, got 500" in result["msg"]
    assert not result["journeys"][0]["cleaned"]


def test_a_clean_up_that_needs_a_captured_value_waits_for_it() -> None:
    removal = [step("remove the order", "/api/orders/${order}", method="DELETE")]
    made = step("order", "/api/login", method="POST", json={}, captures={"order": {"jsonpath": "$.user.id"}})
    result, asked = walk(made, cleanup=removal)
    assert not result["failed"], result["msg"]
    assert [request.path for request in asked] == ["/api/login", "/api/orders/7"]
    result, asked = walk({**made, "request": "/api/none"}, cleanup=removal)
    assert [request.path for request in asked] == ["/api/none"]


def test_without_test_customers_only_reading_journeys_run() -> None:
    writes = {"name": "buy", "site": "backend", "steps": [step("buy", method="POST", json={})]}
    reads = {"name": "browse", "site": "backend", "steps": [step("list"), LOGIN]}
    vendor = FakeVendor(shop)
    with vendor.installed():
        result = run_module(
            http_journey, {"journeys": [writes, reads], "sites": SITES, "secrets": {"password": PASSWORD}}
        )
    assert not result["failed"], result["msg"]
    assert [(one["name"], one["outcome"]) for one in result["journeys"]] == [("browse", "passed"), ("buy", "skipped")]
    assert "buy: not run, since it writes" in result["summary"]
    assert [request.path for request in vendor.requests] == ["/api/products", "/api/login"]


def test_check_mode_checks_the_journeys_and_asks_nothing() -> None:
    result, asked = walk(step("find"), check=True)
    assert (result["failed"], asked) == (False, [])
    assert walk(step("find", asert=[]), check=True)[0]["failed"]


BAD: list[tuple[Any, dict[str, Any], str]] = [
    (step(asert=[]), {}, "has the unknown key 'asert': did you mean asserts?"),
    (step(request={"jason": {}}), {}, "has the unknown key of a request 'jason': did you mean json?"),
    (step(options={"retries": 3}), {}, "has the unknown option 'retries': did you mean retry?"),
    (step(asserts=[{"json_path": "$.id", "exists": True}]), {}, "unknown word 'json_path': did you mean jsonpath?"),
    (step(asserts=[{"jsonpath": "$.id", "equal": 1}]), {}, "unknown word 'equal': did you mean equals?"),
    (step(asserts=[{"xpath": "//h1", "exists": True}]), {}, "unknown word 'xpath'"),
    (step("a", "/api/${token}"), {}, "uses ${token} in request before it is made"),
    (step("a", "/api/${pasword}"), {}, "uses ${pasword} in request before it is made: did you mean password?"),
    (step(asserts=[{"jsonpath": "$.id", "equals": "${x}"}]), {}, "uses ${x} in predicate before it is made"),
    (step(captures={"a": {"regex": "("}}), {}, "captures a: '(' is not a regular expression"),
    (step(captures={"a": {"css": "div["}}), {}, "captures a: 'div[' is not a CSS selector"),
    (step(captures={"a": {"jsonpath": "$.items["}}), {}, "captures a: '$.items[' is not a JSONPath"),
    (step(captures={"a": {"jsonpath": "items"}}), {}, "It begins with $"),
    (step(captures={"a": {}}), {}, "captures a with 0 queries"),
    (step(captures={"a": {"header": "a", "cookie": "b"}}), {}, "captures a with 2 queries"),
    (step(captures={"a": "$.id"}), {}, "captures a as '$.id': write a query"),
    (step(captures={"a b": {"body": True}}), {}, "captures 'a b': choose a name of letters"),
    (step(captures={"run": {"body": True}}), {}, "captures 'run'"),
    (step(asserts=[{"body": True, "matches": "["}]), {}, "which is not a regular expression"),
    (step(asserts=[{"jsonpath": "$.id"}]), {}, "asserts jsonpath $.id with 0 predicates"),
    (step(asserts=[{"jsonpath": "$.id", "exists": False}]), {}, "write true, and not: true for the opposite"),
    (step(asserts=[{"jsonpath": "$.id", "greater_than": "many"}]), {}, "write a number"),
    (step(asserts=[{"duration": -1000}]), {}, "asserts duration less_or_equal -1000: write milliseconds above 0"),
    (step(asserts=[{"duration": 0}]), {}, "write milliseconds above 0"),
    (step(asserts=[{"duration": "1s"}]), {}, "asserts duration less_or_equal '1s': write a number"),
    (step(asserts="exists"), {}, "has asserts: 'exists': it has to be a list"),
    (step(options={"retry": -1}), {}, "has retry: -1: use a whole number from 0 to 1000"),
    (step(options={"retry": 1.5}), {}, "has retry: 1.5"),
    (step(options={"retry": True}), {}, "has retry: True"),
    (step(options={"retry_interval": -0.1}), {}, "has retry_interval: -0.1: use seconds from 0 to 600"),
    (step(options={"delay": "1s"}), {}, "has delay: '1s'"),
    (step(options={"location": "yes"}), {}, "has location: 'yes'"),
    (step(status=[99]), {}, "expects the status 99"),
    (step(status="200"), {}, "expects the status '200'"),
    (step("a", "https://other.example/x"), {}, "asks other.example, which is not one of the sites: add it to hosts"),
    (step("a", "https://api.shop.example:8443/x"), {}, "asks api.shop.example, which is not one of the sites"),
    (step("a", "https://api.shop.example@evil.example/x"), {}, "has a url with a user or a password"),
    (step("a", "//evil.example/x"), {}, "begin a path with /"),
    (step("a", "ftp://api.shop.example/x"), {}, "begin a path with /"),
    (step("a", "/with space"), {}, "with a space or a line break"),
    (step("a", ""), {}, "has no url"),
    (step(method="FETCH"), {}, "has the method 'FETCH'"),
    (step(json={}), {}, "sends a body with GET"),
    (step(method="POST", json={}, form={}), {}, "has form and json: a request has one body"),
    (step(headers={"X-A": "a\r\nX-B: b"}), {}, "has the header 'X-A', which is not allowed"),
    (step(site="backnd"), {}, "names the site 'backnd': did you mean backend?"),
    (step(request={"basic_auth": {"user": "a"}}), {}, "has a basic_auth without exactly user and password"),
    ({"name": "a"}, {}, "has no request"),
    ({"request": "/x"}, {}, "has no name"),
    ("get /", {}, "has to be a mapping with a name and a request"),
    (
        {"name": "b", "browser": True, "actions": [{"clik": "a"}]},
        {},
        "use one of open, fill, click, expect: did you mean",
    ),
    ({"name": "b", "browser": True, "actions": [{"click": "a"}]}, {}, "begins with another action than open"),
    ({"name": "b", "browser": True, "actions": []}, {}, "has no actions"),
    ({"name": "b", "browser": True, "actions": [{"open": "https://evil.example"}]}, {}, "asks evil.example"),
    (
        {"name": "b", "browser": True, "actions": [{"open": "/"}, {"fill": "a"}]},
        {},
        "write {fill: SELECTOR, with: TEXT}",
    ),
    ({"name": "b", "browser": True, "request": "/", "actions": [{"open": "/"}]}, {}, "is a browser's and has request"),
    ({"name": "b", "actions": [{"open": "/"}]}, {}, "has actions and not browser: true"),
    (step(), {"sites": {"backend": "api.shop.example"}}, "The site 'backend' has no URL"),
    (step(), {"sites": {}}, "sites is empty"),
    (step(), {"sites": {"backend": "https://a:b@api.shop.example"}}, "holds a user and a password"),
    (step(), {"sites": {"backend": "http://api.shop.example"}}, "is plain HTTP to api.shop.example"),
    (step(), {"hosts": ["mail.example/path"]}, "hosts has 'mail.example/path'"),
    (step(), {"secrets": {"cvc": "123"}}, "The secret cvc has fewer than 4 characters"),
    (step(), {"secrets": {"password": ""}}, "The secret password is empty"),
    (step(), {"variables": {"password": "x"}}, "variables and secrets both have password"),
    (step(), {"variables": {"a-b": "x"}}, "variables has the name 'a-b'"),
    (step(), {"timeout": 0}, "timeout is 0"),
    (step(), {"public_sites": {"backend": "shop"}}, "The site 'backend' has no URL"),
    (step(), {"variables": {"a": "${b}", "b": "${a}"}}, "The variable a uses ${b} before it is made"),
    (step(), {"journeys": []}, "at least one journey"),
    (step(), {"journeys": [{"name": "x", "site": "backend", "steps": []}]}, "has an empty list of steps"),
    (step(), {"journeys": [{"name": "x", "site": "backend"}]}, "has no steps"),
]


@pytest.mark.parametrize(("wrong", "params", "words"), BAD)
def test_bad_input_is_refused_before_anything_is_asked(wrong: Any, params: dict[str, Any], words: str) -> None:
    result, asked = walk(step("good"), wrong, **params)
    assert (result["failed"], asked) == (True, [])
    assert result["error"]["kind"] == "config", result["msg"]
    assert words in result["msg"]


def test_everything_that_is_wrong_is_named_at_once_with_its_step() -> None:
    result, _asked = walk(step("one", asert=[]), step("two", options={"retry": -1}), step("two"))
    lines = result["msg"].splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("The journey 'buy', step 'one', has the unknown key")
    assert lines[1].startswith("The journey 'buy', step 'two', has retry")
    assert "has two steps named 'two'" in lines[2]


def test_a_capture_that_comes_too_late_is_named() -> None:
    result, _asked = walk(step("use", "/api/${token}"), {**LOGIN, "captures": {"token": {"jsonpath": "$.token"}}})
    assert "It is captured later: move that step up." in result["msg"]


def test_journeys_run_only_at_their_places() -> None:
    vendor = FakeVendor(shop)
    journeys = [
        {"name": "page", "site": "backend", "places": ["public"], "steps": [step("page")]},
        {"name": "api", "site": "backend", "steps": [step("api", "/api/empty")]},
    ]
    with vendor.installed():
        result = run_module(http_journey, {"journeys": journeys, "sites": SITES, "place": "staged"})
    assert [one["name"] for one in result["journeys"]] == ["api"]


def test_the_clean_up_removes_what_another_caller_left_before_it_begins() -> None:
    gone: list[str] = []

    def script(request: Request) -> Answer:
        if request.method == "DELETE":
            gone.append(request.path)
        return reply(404, {})

    def removal(name: str) -> str:
        return f"/api/customers/{name}"

    cleanup = [step("remove", removal("journey-${caller}"), method="DELETE")]
    params = {"caller": "verify", "clean_callers": ["deploy", "verify"]}
    journey = {"name": "buy", "site": "backend", "steps": [step(status=404)], "cleanup": cleanup}
    given = {"journeys": [journey], "sites": SITES, "test_customers": True, **params}
    with FakeVendor(script).installed():
        assert not run_module(http_journey, given)["failed"]
        assert gone == [removal("journey-verify")] * 2  # without a store, a deploy may be under way
