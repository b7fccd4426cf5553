# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that an edge, a firewall or a hosting platform gives in place of the shop or the API behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LOOKED_AT = 20_000  # characters of a page
BLOCKED, ORIGIN, MISSING, SUSPENDED, STARTING, CODE = "blocked", "origin", "missing", "suspended", "starting", "code"

ADVICE = {
    BLOCKED: (
        "Let the probe pass: send a secret header, and let a rule of this firewall skip requests with it. Until then"
        " the state of the site is unknown"
    ),
    ORIGIN: "Check that the service behind it runs and accepts its connections",
    MISSING: "Check the address, and that this domain belongs to a deployment",
    SUSPENDED: "Resume it at the platform, and check its billing",
    STARTING: "Wait until it has started, or check its log",
    CODE: "Check the log of the shop's own code",
}


@dataclass(frozen=True)
class EdgeAnswer:
    """``kind`` is one of those above; ``what`` says who answered, and what that means."""

    kind: str
    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.what}. {self.advice or ADVICE[self.kind]}"


@dataclass(frozen=True)
class Page:
    """An answer, as far as it shows who gave it; names of headers do not depend on case."""

    status: int
    headers: Mapping[str, str]
    text: str

    def header(self, name: str) -> str:
        return (self.headers.get(name) or "").lower()

    @property
    def title(self) -> str:
        found = re.search(r"<title[^>]*>([^<]*)", self.text, re.IGNORECASE)
        return found[1].strip().lower() if found else ""

    def says(self, *words: str) -> bool:
        text = self.text.lower()
        return any(word.lower() in text for word in words)


def edge_answer(status: int, headers: Mapping[str, str], text: str) -> EdgeAnswer | None:
    """Return what an edge answered itself; None for an answer of what is behind it."""
    page = Page(status, headers, text[:LOOKED_AT])
    return next((found for judge in JUDGES if (found := judge(page))), None)


CLOUDFLARE_BLOCKS = {
    1006: "this machine's address is banned",
    1007: "this machine's address is banned",
    1008: "this machine's address is banned",
    1009: "this machine's country is banned",
    1010: "it treats the probe as a bot",
    1012: "access is denied",
    1015: "the rate limit is exceeded",
    1020: "a firewall rule denied the request",
    1106: "this machine's address is banned",
}
CLOUDFLARE_ORIGINS = {
    520: "the answer of the origin is not HTTP",
    521: "the origin refuses connections",
    522: "no connection to the origin in time",
    523: "the origin is unreachable",
    524: "the origin did not answer in time",
    525: "the TLS handshake with the origin failed",
    526: "the origin's certificate is not valid",
    527: "the connection to the origin broke",
    530: "the origin cannot be found",
    502: "the origin gave a bad answer",
    504: "the origin did not answer in time",
    1016: "the origin's name does not resolve",
    1033: "no connector of the tunnel is running",
}
CLOUDFLARE_MISSING = {1000, 1001, 1002, 1003, 1004, 1013, 1014, 1018, 1023, 1034}
WORKER = range(1100, 1105)


def _cloudflare(page: Page) -> EdgeAnswer | None:
    if page.header("cf-mitigated") == "challenge":
        return EdgeAnswer(BLOCKED, "Cloudflare asked for a challenge")
    if "cloudflare" not in page.header("server") and "cf-ray" not in page.headers:
        return None
    if page.title in ("just a moment...", "please wait... | cloudflare"):
        return EdgeAnswer(BLOCKED, "Cloudflare asked for a challenge")
    code = _cloudflare_code(page)
    if (
        code in CLOUDFLARE_BLOCKS
        or page.title.startswith("attention required! | cloudflare")
        or (page.status == 403 and code and 1000 <= code < 1200)
    ):
        return EdgeAnswer(
            BLOCKED,
            "Cloudflare itself refused the request:"
            f" {_numbered(CLOUDFLARE_BLOCKS.get(code or 0, 'access is denied'), code)}",
        )
    if code in CLOUDFLARE_ORIGINS:
        return EdgeAnswer(
            ORIGIN, f"Cloudflare's edge cannot reach the origin: {_numbered(CLOUDFLARE_ORIGINS[code], code)}"
        )
    if code in CLOUDFLARE_MISSING:
        return EdgeAnswer(
            MISSING, f"Cloudflare has no working site at this address ({code})", "Check the DNS records of the zone"
        )
    if code in WORKER:
        return EdgeAnswer(
            CODE,
            f"a Worker on this route failed ({code})",
            "Check the Worker's log at Cloudflare, or remove its route",
        )
    return (
        EdgeAnswer(ORIGIN, f"Cloudflare itself answered with its error {code}", "Look up the number at Cloudflare")
        if code
        else None
    )


def _cloudflare_code(page: Page) -> int | None:
    """Return the number of Cloudflare's own error: 1xxx inside of the page, or else a status that only
    Cloudflare gives.
    """
    found = re.fullmatch(r"\s*error code: (\d{3,4})\s*", page.text)
    found = found or re.search(r"cf-error-code[^>]*>\s*(\d{3,4})", page.text)
    if not found and page.says("cf-error-details", "cf-wrapper"):
        found = re.search(r"Error (?:<[^>]+>)?\s*(1\d{3})", page.text) or re.search(r"\| (\d{3}):", page.title)
    if found:
        return int(found[1])
    if '"cloudflare_error"' in page.text and (found_code := re.search(r'"error_code"\s*:\s*(\d{3,4})', page.text)):
        return int(found_code[1])
    only_there = 520 <= page.status <= 527 or page.status == 530
    return page.status if only_there and not page.text.lstrip().startswith(("{", "[")) else None


def _numbered(meaning: str, code: int | None) -> str:
    return f"{meaning} ({code})" if code else meaning


VERCEL_KINDS = (  # by the first letters of its code
    (("DEPLOYMENT_NOT_READY",), STARTING, "Vercel's deployment at this address is not ready"),
    (
        ("DEPLOYMENT_NOT_FOUND", "DEPLOYMENT_DELETED", "DNS_HOSTNAME_NOT_FOUND"),
        MISSING,
        "Vercel has no deployment at this address",
    ),
    (("DEPLOYMENT_DISABLED", "DEPLOYMENT_PAUSED"), SUSPENDED, "Vercel has suspended this deployment"),
    (("DEPLOYMENT_BLOCKED",), BLOCKED, "Vercel has blocked this deployment"),
    (
        ("ROUTER_EXTERNAL_TARGET", "DNS_HOSTNAME"),
        ORIGIN,
        "Vercel's edge cannot reach the origin that a rewrite leads to",
    ),
    (("FUNCTION_THROTTLED",), CODE, "Vercel throttles the functions of this deployment"),
    (
        ("FUNCTION_", "EDGE_FUNCTION_", "MIDDLEWARE_", "MICROFRONTENDS_", "NO_RESPONSE_", "BODY_NOT_A_", "INFINITE_"),
        CODE,
        "a function of this deployment failed",
    ),
    (("INTERNAL_",), ORIGIN, "Vercel itself failed"),
    (("NOT_FOUND",), MISSING, "this deployment at Vercel has no such page"),
)


def _vercel(page: Page) -> EdgeAnswer | None:
    mitigated = page.header("x-vercel-mitigated")
    if mitigated or page.title == "vercel security checkpoint":
        return EdgeAnswer(
            BLOCKED, f"Vercel's firewall {'denied the request' if mitigated == 'deny' else 'asked for a challenge'}"
        )
    code = page.header("x-vercel-error").upper()
    if (
        not code
        and page.header("server") == "vercel"
        and (found_code := re.search(r"\bCode:(?:\s|`|<[^>]*>)*([A-Z]+_[A-Z_]+)", page.text))
    ):
        code = found_code[1]
    if not code:
        return None
    for beginnings, kind, what in VERCEL_KINDS:
        if code.startswith(beginnings):
            advice = "Ask Vercel why, in the project's dashboard" if kind == BLOCKED else ""
            return EdgeAnswer(
                kind,
                f"{what} ({code})",
                "See vercel-status.com, and try again" if code.startswith("INTERNAL_") else advice,
            )
    return EdgeAnswer(
        ORIGIN, f"Vercel itself answered with its error {code}", "Look the word up at vercel.com/docs/errors"
    )


def _railway(page: Page) -> EdgeAnswer | None:
    if page.header("x-railway-fallback") != "true" and not page.says("The train has not arrived at the station"):
        return None
    if page.status == 404 or page.says("Application not found", "not arrived"):
        return EdgeAnswer(MISSING, "Railway has no deployment at this address (Application not found)")
    return EdgeAnswer(
        ORIGIN,
        "Railway's edge cannot reach the service (Application failed to respond)",
        "Check that it runs and listens on 0.0.0.0 and PORT",
    )


def _render(page: Page) -> EdgeAnswer | None:
    word = page.header("x-render-routing")
    if word.startswith("suspend") or (page.header("server") == "render" and page.title == "service suspended"):
        return EdgeAnswer(SUSPENDED, f"Render has suspended this service ({word or 'Service Suspended'})")
    if word.startswith("no-"):
        return EdgeAnswer(MISSING, f"Render has no deployment at this address ({word})")
    if word.startswith("hibernate"):
        return EdgeAnswer(STARTING, f"Render's service is asleep and did not wake ({word})")
    if word.startswith("maintenance"):
        return EdgeAnswer(
            SUSPENDED, f"Render shows its maintenance page ({word})", "Turn the service's maintenance mode off"
        )
    if re.search(r"deny|denied|block|forbid|rate-?limit", word):
        return EdgeAnswer(BLOCKED, f"Render's edge refused the request ({word})")
    if word.endswith("error"):
        return EdgeAnswer(ORIGIN, f"Render's edge cannot reach the service ({word})")
    return EdgeAnswer(ORIGIN, f"Render's edge answered itself ({word})") if word and page.status >= 400 else None


def _aws(page: Page) -> EdgeAnswer | None:
    if page.header("x-amzn-waf-action"):
        return EdgeAnswer(BLOCKED, f"AWS WAF asked for a {page.header('x-amzn-waf-action')}")
    if page.header("server") == "cloudfront" and page.title == "error: the request could not be satisfied":
        if page.status == 403:
            return EdgeAnswer(BLOCKED, "CloudFront or its WAF refused the request")
        return EdgeAnswer(ORIGIN, f"CloudFront's edge cannot reach the origin ({page.status})")
    if page.header("server").startswith("awselb") and page.status in (403, 502, 503, 504):
        if page.status == 403:
            return EdgeAnswer(BLOCKED, "the load balancer of AWS or its WAF refused the request")
        return EdgeAnswer(ORIGIN, f"the load balancer of AWS cannot reach the service ({page.status})")
    return None


def _fastly(page: Page) -> EdgeAnswer | None:
    if page.says("Fastly error: unknown domain"):
        return EdgeAnswer(MISSING, "Fastly knows no site of this name (unknown domain)")
    if page.status >= 500 and page.says("Varnish cache server", "Fastly error:", "Guru Mediation", "Guru Meditation"):
        return EdgeAnswer(ORIGIN, f"the Varnish or Fastly edge cannot reach the origin ({page.status})")
    return None


def _akamai(page: Page) -> EdgeAnswer | None:
    if not re.search(r"Reference(?:&#32;|\s)*(?:&#35;|#)\s*\d", page.text) or (
        "akamai" not in page.header("server") and not page.says("errors.edgesuite.net", "Reference&#32;")
    ):
        return None
    if page.status < 500:
        return EdgeAnswer(BLOCKED, "Akamai refused the request (Reference #)")
    return EdgeAnswer(ORIGIN, f"Akamai's edge cannot reach the origin ({page.status}, Reference #)")


def _google(page: Page) -> EdgeAnswer | None:
    if page.header("x-goog-iap-generated-response") == "true":
        return EdgeAnswer(
            BLOCKED,
            "Google's Identity-Aware Proxy asked for a login",
            "Send a token of a service account that it admits, in a secret header",
        )
    if (
        "google" in page.header("via")
        and page.status == 403
        and re.search(r"<title>403(?: Forbidden)?</title>\s*403 Forbidden", page.text, re.IGNORECASE)
    ):
        return EdgeAnswer(BLOCKED, "Google Cloud Armor refused the request")
    if page.status >= 500 and (re.match(r"(error )?50\d \(server error\)", page.title) or page.text.strip() in ENVOY):
        return EdgeAnswer(ORIGIN, f"the load balancer cannot reach the service ({page.status})")
    return (
        EdgeAnswer(ORIGIN, f"the load balancer cannot reach the service ({page.status})")
        if page.says("upstream connect error or disconnect/reset")
        else None
    )


ENVOY = ("no healthy upstream", "upstream request timeout")


def _others(page: Page) -> EdgeAnswer | None:
    if page.says("Incapsula incident ID", "_Incapsula_Resource"):
        return EdgeAnswer(BLOCKED, "Imperva (Incapsula) refused the request")
    if page.status == 403 and ("sucuri" in page.header("server") or page.says("Sucuri Website Firewall")):
        return EdgeAnswer(BLOCKED, "Sucuri's firewall refused the request")
    if page.status in (401, 403) and page.header("x-datadome") == "protected":
        return EdgeAnswer(BLOCKED, "DataDome refused the request")
    if "x-azure-ref" in page.headers and page.says("The request is blocked"):
        return EdgeAnswer(BLOCKED, "Azure Front Door refused the request")
    if "x-azure-ref" in page.headers and page.status >= 500 and page.says("Our services aren't available right now"):
        return EdgeAnswer(ORIGIN, f"Azure Front Door cannot reach the origin ({page.status})")
    return (
        EdgeAnswer(
            BLOCKED, "this machine's network asks for a login (511)", "Log this machine in, or use another network"
        )
        if page.status == 511
        else None
    )


JUDGES = (_cloudflare, _vercel, _railway, _render, _aws, _fastly, _akamai, _google, _others)
