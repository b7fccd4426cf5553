# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an edge itself answers, in the shapes in which each of them does, and what only passes through one."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from ansible_collections.storefront.runbook.plugins.module_utils.core.edge_pages import (
    BLOCKED,
    CODE,
    MISSING,
    ORIGIN,
    STARTING,
    SUSPENDED,
    edge_answer,
)
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.modules import health_check
from requests.structures import CaseInsensitiveDict

from tests.unit.support import Answer, Clock, FakeVendor, Request, reply, run_module

CF = {"Server": "cloudflare", "CF-RAY": "8f1-FRA"}
VERCEL = {"Server": "Vercel", "X-Vercel-Id": "fra1::abc"}
BLOCK_PAGE = (
    "<title>Attention Required! | Cloudflare</title><h1>Sorry, you have been blocked</h1><div"
    " class='cf-error-details'></div>"
)
OLD_PAGE = (
    "<title>Access denied | shop.example used Cloudflare to restrict access</title><span"
    ' class="cf-error-code">1020</span>'
)
DOWN_PAGE = (
    '<title>shop.example | 522: Connection timed out</title><div id="cf-wrapper"><div id="cf-error-details">Connection'
    " timed out</div></div>"
)
BAD_GATEWAY = (
    '<title>shop.example | 502: Bad gateway</title><div id="cf-wrapper"><div id="cf-error-details"></div></div>'
)
TUNNEL_PAGE = (
    '<title>Cloudflare Tunnel error | shop.example | Cloudflare</title><div id="cf-wrapper"><h1>Error'
    " <span>1033</span></h1></div>"
)
FOR_AGENTS = (
    '{"title": "Error 1015: You are being rate limited", "status": 429, "cloudflare_error": true, "error_code": 1015}'
)
CLOUDFRONT = "<TITLE>ERROR: The request could not be satisfied</TITLE><H1>403 ERROR</H1> Request blocked."
AKAMAI = "<TITLE>Access Denied</TITLE>You don't have permission to access this server.<P>Reference&#32;&#35;18&#46;7d1"

EDGES = {
    "cloudflare 1020": (403, CF, "error code: 1020", BLOCKED, "a firewall rule denied the request (1020)"),
    "cloudflare 1010": (403, CF, "error code: 1010", BLOCKED, "1010"),
    "cloudflare 1006": (403, CF, "error code: 1006", BLOCKED, "banned"),
    "cloudflare 1015": (429, CF, "error code: 1015\n", BLOCKED, "rate limit"),
    "cloudflare 1015 as JSON": (429, CF, FOR_AGENTS, BLOCKED, "1015"),
    "cloudflare another 1xxx": (403, CF, "error code: 1025", BLOCKED, "1025"),
    "cloudflare block page": (403, CF, BLOCK_PAGE, BLOCKED, "access is denied"),
    "cloudflare 1020 page": (403, CF, OLD_PAGE, BLOCKED, "1020"),
    "cloudflare challenge": (403, {**CF, "cf-mitigated": "challenge"}, "", BLOCKED, "challenge"),
    "cloudflare challenge page": (503, CF, "<title>Just a moment...</title>", BLOCKED, "challenge"),
    **{
        f"cloudflare {code}": (code, CF, f"error code: {code}", ORIGIN, f"cannot reach the origin: .*({code})")
        for code in (*range(520, 528), 530)
    },
    "cloudflare 520 without a body": (520, CF, "", ORIGIN, "cannot reach the origin"),
    "cloudflare 522 page": (522, CF, DOWN_PAGE, ORIGIN, "no connection to the origin in time (522)"),
    "cloudflare 502": (502, CF, "error code: 502", ORIGIN, "cannot reach the origin"),
    "cloudflare 502 page": (502, CF, BAD_GATEWAY, ORIGIN, "(502)"),
    "cloudflare 530 with 1016": (530, CF, "error code: 1016", ORIGIN, "does not resolve (1016)"),
    "cloudflare tunnel": (530, CF, TUNNEL_PAGE, ORIGIN, "tunnel"),
    "cloudflare 1001": (530, CF, "error code: 1001", MISSING, "1001"),
    "cloudflare worker": (500, CF, "error code: 1101", CODE, "Worker"),
    "vercel not found": (
        404,
        {**VERCEL, "x-vercel-error": "DEPLOYMENT_NOT_FOUND"},
        "",
        MISSING,
        "no deployment at this address",
    ),
    "vercel deleted": (410, {**VERCEL, "x-vercel-error": "DEPLOYMENT_DELETED"}, "", MISSING, "no deployment"),
    "vercel not ready": (404, {**VERCEL, "x-vercel-error": "DEPLOYMENT_NOT_READY"}, "", STARTING, "not ready"),
    "vercel redirecting": (
        303,
        {**VERCEL, "x-vercel-error": "DEPLOYMENT_NOT_READY_REDIRECTING"},
        "",
        STARTING,
        "not ready",
    ),
    "vercel disabled": (402, {**VERCEL, "x-vercel-error": "DEPLOYMENT_DISABLED"}, "", SUSPENDED, "suspended"),
    "vercel paused": (
        503,
        VERCEL,
        "503: SERVICE_UNAVAILABLE\nCode: DEPLOYMENT_PAUSED\nID: bom1::a",
        SUSPENDED,
        "suspended",
    ),
    "vercel paused page": (503, VERCEL, "<p>Code: <code>DEPLOYMENT_PAUSED</code></p>", SUSPENDED, "suspended"),
    "vercel blocked": (403, {**VERCEL, "x-vercel-error": "DEPLOYMENT_BLOCKED"}, "", BLOCKED, "blocked"),
    "vercel function": (
        500,
        {**VERCEL, "x-vercel-error": "FUNCTION_INVOCATION_FAILED"},
        "",
        CODE,
        "a function of this deployment failed",
    ),
    "vercel function late": (
        504,
        {**VERCEL, "x-vercel-error": "FUNCTION_INVOCATION_TIMEOUT"},
        "",
        CODE,
        "FUNCTION_INVOCATION_TIMEOUT",
    ),
    "vercel middleware": (500, {**VERCEL, "x-vercel-error": "MIDDLEWARE_INVOCATION_FAILED"}, "", CODE, "failed"),
    "vercel rewrite": (
        502,
        {**VERCEL, "x-vercel-error": "ROUTER_EXTERNAL_TARGET_CONNECTION_ERROR"},
        "",
        ORIGIN,
        "cannot reach the origin",
    ),
    "vercel itself": (
        500,
        {**VERCEL, "x-vercel-error": "INTERNAL_FUNCTION_NOT_READY"},
        "",
        ORIGIN,
        "Vercel itself failed",
    ),
    "vercel page": (404, {**VERCEL, "x-vercel-error": "NOT_FOUND"}, "", MISSING, "no such page"),
    "vercel firewall denies": (403, {**VERCEL, "x-vercel-mitigated": "deny"}, "", BLOCKED, "denied"),
    "vercel firewall asks": (429, {**VERCEL, "x-vercel-mitigated": "challenge"}, "", BLOCKED, "challenge"),
    "railway nothing": (
        *(
            404,
            {"X-Railway-Fallback": "true"},
            '{"status":"error","code":404,"message":"Application not found"}',
            MISSING,
        ),
        "no deployment at this address",
    ),
    "railway down": (
        *(
            502,
            {"X-Railway-Fallback": "true"},
            '{"status":"error","code":502,"message":"Application failed to respond"}',
            ORIGIN,
        ),
        "cannot reach the service",
    ),
    "railway station": (404, {}, "<p>The train has not arrived at the station.</p>", MISSING, "no deployment"),
    "render nothing": (404, {"x-render-routing": "no-server"}, "Not Found", MISSING, "no deployment at this address"),
    "render suspended": (
        503,
        {"x-render-routing": "suspend-by-user"},
        "This service has been suspended by its owner.",
        SUSPENDED,
        "suspended",
    ),
    "render suspended page": (503, {"Server": "Render"}, "<title>Service Suspended</title>", SUSPENDED, "suspended"),
    "render asleep": (502, {"x-render-routing": "hibernate-wake-error"}, "", STARTING, "asleep"),
    "render down": (502, {"x-render-routing": "dynamic-paid-error"}, "Bad Gateway", ORIGIN, "cannot reach the service"),
    "render maintenance": (503, {"x-render-routing": "maintenance-mode"}, "", SUSPENDED, "maintenance"),
    "render blocks": (403, {"x-render-routing": "blocked-by-ip"}, "", BLOCKED, "refused the request"),
    "cloudfront blocks": (
        403,
        {"Server": "CloudFront", "X-Cache": "Error from cloudfront"},
        CLOUDFRONT,
        BLOCKED,
        "CloudFront",
    ),
    "cloudfront origin": (
        504,
        {"Server": "CloudFront"},
        CLOUDFRONT.replace("403", "504"),
        ORIGIN,
        "cannot reach the origin",
    ),
    "aws waf": (202, {"x-amzn-waf-action": "challenge"}, "", BLOCKED, "challenge"),
    "aws load balancer": (
        503,
        {"Server": "awselb/2.0"},
        "<title>503 Service Temporarily Unavailable</title>",
        ORIGIN,
        "cannot reach the service",
    ),
    "aws load balancer blocks": (403, {"Server": "awselb/2.0"}, "<title>403 Forbidden</title>", BLOCKED, "refused"),
    "fastly unknown": (
        500,
        {"Server": "Varnish"},
        "Fastly error: unknown domain: shop.example. Please check",
        MISSING,
        "unknown domain",
    ),
    "fastly down": (
        503,
        {"Server": "Varnish"},
        "<title>503 Backend fetch failed</title><p>Varnish cache server</p>",
        ORIGIN,
        "cannot reach the origin",
    ),
    "akamai blocks": (403, {"Server": "AkamaiGHost"}, AKAMAI, BLOCKED, "Akamai"),
    "akamai down": (
        503,
        {"Server": "AkamaiGHost"},
        "An error occurred. Reference #97.4e1",
        ORIGIN,
        "cannot reach the origin",
    ),
    "google down": (
        502,
        {"Via": "1.1 google"},
        "<title>Error 502 (Server Error)!!1</title>",
        ORIGIN,
        "cannot reach the service",
    ),
    "google armor": (
        403,
        {"Via": "1.1 google"},
        "<meta charset=utf-8><title>403</title>403 Forbidden",
        BLOCKED,
        "Cloud Armor",
    ),
    "google login": (401, {"X-Goog-IAP-Generated-Response": "true"}, "", BLOCKED, "Identity-Aware Proxy"),
    "envoy": (503, {}, "no healthy upstream", ORIGIN, "cannot reach the service"),
    "imperva": (403, {}, "Request unsuccessful. Incapsula incident ID: 7-1", BLOCKED, "Imperva"),
    "azure": (403, {"x-azure-ref": "0a"}, "<h2>The request is blocked.</h2>", BLOCKED, "Azure"),
    "datadome": (403, {"x-datadome": "protected"}, "", BLOCKED, "DataDome"),
    "captive portal": (511, {}, "", BLOCKED, "asks for a login"),
}


@pytest.mark.parametrize("edge", EDGES)
def test_an_answer_of_the_edge_itself_is_named(edge: str) -> None:
    status, headers, text, kind, words = EDGES[edge]
    found = edge_answer(status, CaseInsensitiveDict(headers), text)
    assert found is not None
    assert found.kind == kind
    first, _dots, last = words.partition(".*")
    assert first in found.what
    assert last in found.what
    assert found.what[0].isalpha()
    assert ". " in str(found)  # and what to do about it


OWN = {
    "ok": (200, CF, "<title>Shop</title>"),
    "403 JSON": (403, CF, '{"error": "forbidden"}'),
    "403 page": (403, CF, "<title>403 Forbidden</title><h1>You may not see this order</h1>"),
    "500": (500, CF, "Internal Server Error"),
    "503": (503, CF, '{"status": "unhealthy"}'),
    "502 of its own": (502, CF, '{"error": "payment provider"}'),
    "404": (404, {**CF, "x-vercel-cache": "MISS"}, "<title>404</title>"),
    "a status of its own": (530, CF, '{"error": "out of stock"}'),
    "an article": (200, CF, "<h1>What error code: 1020 means</h1>"),
    "an order": (403, {}, "Order Reference #18"),
    "vercel": (500, VERCEL, '{"error": "oops"}'),
    "render": (
        503,
        {"server": "cloudflare", "rndr-id": "a", "x-render-origin-server": "uvicorn"},
        '{"detail": "down"}',
    ),
    "railway": (502, {"server": "railway-edge"}, "Bad Gateway of my own"),
    "google": (403, {"Via": "1.1 google"}, '{"error": "not yours"}'),
    "limit": (429, CF, '{"error": "slow down"}'),
}


@pytest.mark.parametrize("own", OWN)
def test_the_shops_own_answer_through_an_edge_stays_the_shops(own: str) -> None:
    status, headers, text = OWN[own]
    assert edge_answer(status, CaseInsensitiveDict(headers), text) is None


def probed(code: int, headers: dict[str, str], text: str, **check: Any) -> dict[str, Any]:
    vendor = FakeVendor(
        lambda _request: reply(200, text=text, headers=headers) if code == 200 else of_status(code, headers, text)
    )
    with vendor.installed():
        return run_module(
            health_check, {"wait_timeout": 0, "checks": [{"name": "Home", "url": "https://shop.example/", **check}]}
        )


def of_status(status: int, headers: dict[str, str], text: str) -> requests.Response:
    answer = reply(200, text=text, headers=headers)
    answer.status_code, answer.reason = status, ""
    return answer


@pytest.mark.parametrize("edge", EDGES)
def test_a_probe_never_says_only_a_status_and_never_that_a_blocked_site_is_sick(edge: str) -> None:
    status, headers, text, kind, _words = EDGES[edge]
    if status == 303:
        return  # without a Location it is the answer itself
    result = probed(status, headers, text)
    (found,) = result["checks"]
    assert found["outcome"] == ("probe_blocked" if kind == BLOCKED else "unhealthy")
    assert len(found["reasons"][0]) > len(f"status {status} instead of 200: ")
    assert not result["healthy"]


def test_a_blocked_probe_is_no_verified_site_even_where_the_status_was_expected() -> None:
    result = probed(403, CF, "error code: 1020", status=[403])
    assert (result["failed"], result["blocked"]) == (True, ["Home"])


@pytest.mark.parametrize("edge", EDGES)
def test_a_client_of_an_api_does_not_blame_the_token_for_what_an_edge_said(edge: str, clock: Clock) -> None:
    status, headers, text, kind, words = EDGES[edge]
    if status < 300:
        return
    vendor = FakeVendor(lambda _request: of_status(status, headers, text))
    client = ApiClient(
        "Render",
        "https://api.render.com/v1",
        headers={"Authorization": "Bearer t"},
        session=vendor.session(),
        sleep=clock.sleep,
        clock=clock,
    )
    with pytest.raises(ApiError) as caught:
        client.request("GET", "/services")
    assert (caught.value.code, caught.value.status) == (f"edge_{kind}", status)
    assert words.partition(".*")[0] in str(caught.value)
    assert "Check the token" not in str(caught.value)
    assert "ids in the inventory" not in str(caught.value)


@pytest.mark.parametrize(
    ("final", "blocked"),
    [
        ("https://login.hotel-wifi.test/captive?next=1", True),
        ("https://accounts.google.com/o/oauth2/auth", True),
        ("https://shop.okta.com/app/sso/saml", True),
        ("https://www.shop.example/login", False),
        ("https://checkout.partner.test/cart", False),
    ],
)
def test_a_login_at_another_host_is_no_answer_of_the_site(final: str, blocked: bool) -> None:
    def answer(request: Request) -> Answer:
        return reply(200, text="<h1>Hello</h1>") if request.url == final else reply(302, headers={"Location": final})

    with FakeVendor(answer).installed():
        result = run_module(
            health_check, {"wait_timeout": 0, "checks": [{"name": "Home", "url": "https://shop.example/"}]}
        )
        expected = run_module(
            health_check,
            {"wait_timeout": 0, "checks": [{"name": "Home", "url": "https://shop.example/", "contains": "Hello"}]},
        )
    assert bool(result["blocked"]) == blocked
    assert expected["healthy"]
