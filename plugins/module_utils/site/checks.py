# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a site's answer: whether the site itself gave it, how it differs from the expected one, and which
release it reports.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from ..core.edge_pages import BLOCKED, edge_answer
from ..core.json_text import loads

MISSING = object()
RELEASE_SOURCES = ("json", "header", "meta", "regex")

# What answered instead of the site, and which secret header lets a probe through.
CLOUDFLARE = "a Cloudflare challenge answered: send a secret header that a WAF skip rule of the zone lets pass"
VERCEL_FIREWALL = (
    "a challenge of Vercel's firewall answered: send a secret header that a bypass rule of the firewall lets pass"
)
VERCEL_LOGIN = (
    "Vercel's deployment protection answered: send x-vercel-protection-bypass with the project's secret for automation"
)
ACCESS_LOGIN = (
    "the login of Cloudflare Access answered: send CF-Access-Client-Id and CF-Access-Client-Secret of a service token"
)
BASIC_LOGIN = "the site asks for a password: send an Authorization header, or put user and password into the URL"
LOGIN = re.compile(
    r"log-?in|sign-?in|\bsso\b|saml|oauth|authorize|\bauth\b|captive|portal|idp\b|accounts\.google\.com", re.IGNORECASE
)
TITLES = {
    "just a moment...": CLOUDFLARE,
    "attention required! | cloudflare": CLOUDFLARE,
    "vercel security checkpoint": VERCEL_FIREWALL,
}


@dataclass(frozen=True)
class Check:
    """A request and the expected answer.

    ``release`` is where the page shows its release: {json: path}, {header: name}, {meta: name} or {regex: pattern}.
    ``expected_release`` is the required one. With ``release_optional`` an answer that reports none passes.
    """

    name: str
    url: str
    method: str = "GET"
    body: str | None = None
    json_body: Any = None
    secret_headers: Mapping[str, str] = field(default_factory=dict)
    status: Sequence[int] = (200,)
    json: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    contains: str | None = None
    release: Mapping[str, str] = field(default_factory=dict)
    max_latency_ms: float | None = None
    site: str | None = None
    expected_release: str | None = None
    release_optional: bool = False


@dataclass(frozen=True)
class Answer:
    """An answer: ``url`` is the address after all redirects, ``latency_ms`` the time to the last byte read."""

    url: str
    status: int
    headers: Mapping[str, str]
    text: str
    truncated: bool
    latency_ms: int

    def json(self) -> Any:
        try:
            return loads(self.text)
        except ValueError:
            return MISSING


def blocked_by(check: Check, answer: Answer) -> str | None:
    """Return what answered instead of the site; None when the site itself answered."""
    headers = answer.headers
    if headers.get("cf-mitigated") == "challenge":
        return CLOUDFLARE
    if headers.get("x-vercel-mitigated"):
        return VERCEL_FIREWALL
    host, path = urlsplit(answer.url).hostname or "", urlsplit(answer.url).path
    if host == "vercel.com" and path.startswith(("/sso-api", "/login")):
        return VERCEL_LOGIN
    if answer.status == 401 and "_vercel_sso_nonce" in headers.get("set-cookie", ""):
        return VERCEL_LOGIN
    if host.endswith(".cloudflareaccess.com"):
        return ACCESS_LOGIN
    if (
        answer.status == 401
        and 401 not in check.status
        and headers.get("www-authenticate", "").lower().startswith(("basic", "digest"))
    ):
        return BASIC_LOGIN
    title = (
        re.search(r"<title[^>]*>([^<]*)", answer.text[:20_000], re.IGNORECASE)
        if answer.status in (401, 403, 429, 503)
        else None
    )
    if title and (known := TITLES.get(title[1].strip().lower())):
        return known
    by_itself = edge_answer(answer.status, headers, answer.text)
    return str(by_itself) if by_itself and by_itself.kind == BLOCKED else _login_elsewhere(check, answer)


def _login_elsewhere(check: Check, answer: Answer) -> str | None:
    """Return the host of a login page that the request was redirected to. A page that meets every
    expectation of the check is no such page.
    """
    there, here = urlsplit(answer.url), urlsplit(check.url)
    if _domain(there.hostname) == _domain(here.hostname) or not LOGIN.search(f"{there.hostname}{there.path}"):
        return None
    if (check.contains or check.json or check.headers or check.release) and not list(differences(check, answer)):
        return None
    return (
        f"a login page at {there.hostname} answered: send a secret header that lets the probe pass, or check another"
        " page"
    )


def _domain(host: str | None) -> str:
    """Return the last two labels of a host name; an IP address as it is."""
    labels = (host or "").split(".")
    return host or "" if labels[-1].isdigit() else ".".join(labels[-2:])


def differences(check: Check, answer: Answer) -> Iterable[str]:
    """Yield each difference between the answer and the expected one."""
    if answer.status not in check.status:
        by_itself = edge_answer(answer.status, answer.headers, answer.text)
        cause = f": {by_itself}" if by_itself else ""
        yield f"status {answer.status} instead of {' or '.join(map(str, check.status))}{_led_to(check, answer)}{cause}"
    for path, expected in check.json.items():
        found = look_up(answer.json(), path)
        if found is MISSING:
            yield f"JSON {path} is missing instead of {json.dumps(expected)}"
        elif found != expected:
            yield f"JSON {path} is {json.dumps(found)[:100]} instead of {json.dumps(expected)}"
    for name, expected in check.headers.items():
        if expected.lower() not in answer.headers.get(name, "").lower() or name not in answer.headers:
            yield f"header {name} is {answer.headers.get(name, 'missing')!r:.100} instead of {expected!r}"
    if check.contains is not None and check.contains not in answer.text:
        yield f"the page does not contain {check.contains!r:.100}"
    if check.release and (release := check.expected_release):
        found = reported_release(check, answer)
        if found != release and (found or not check.release_optional):
            yield f"release {found or 'missing'} instead of {release}"
    if answer.truncated:
        yield "the body is larger than a probe reads: choose a smaller page"
    if check.max_latency_ms is not None and answer.latency_ms > check.max_latency_ms:
        yield f"took {answer.latency_ms} ms instead of at most {check.max_latency_ms:g} ms"


def _led_to(check: Check, answer: Answer) -> str:
    there, here = urlsplit(answer.url), urlsplit(check.url)
    return (
        f", redirected to {there.scheme}://{there.hostname}{there.path}"
        if (there.hostname, there.path or "/") != (here.hostname, here.path or "/")
        else ""
    )


def look_up(value: Any, path: str) -> Any:
    """Return the value at a dotted path such as ``services.database`` or ``items.0.name``; MISSING when
    there is none.
    """
    for part in path.split("."):
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return MISSING
    return value


def reported_release(check: Check, answer: Answer) -> str | None:
    """Return the release that the page shows; None when it shows none, or when the check does not name the place."""
    if not check.release:
        return None
    ((kind, name),) = check.release.items()
    if kind == "header":
        return answer.headers.get(name)
    if kind == "meta":
        return _Meta(name, answer.text).content
    if kind == "regex":
        found = re.search(name, answer.text)
        return found[found.re.groups and 1] if found else None
    value = look_up(answer.json(), name)
    return str(value) if isinstance(value, str | int | float) else None


class _Meta(HTMLParser):
    """Finds ``<meta name=NAME content=…>``."""

    def __init__(self, name: str, page: str) -> None:
        super().__init__()
        self.name = name
        self.content: str | None = None
        with suppress(AssertionError):  # Python's parser raises this for some invalid markup
            self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "meta" and known.get("name") == self.name and self.content is None:
            self.content = known.get("content")
