# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send one request of a journey: to declared hosts only, with the secrets kept to theirs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

try:
    import requests
    from urllib3.exceptions import HTTPError
except ImportError:  # core.http reports the missing library in run()
    pass

from ...core.amounts import number
from ...core.deadline import nothing
from ...core.transport import TooLarge, exchange
from ..probe import why_no_answer
from .journey import Options, Request
from .names import fill, text
from .queries import Answer
from .words import World, is_address, origin

MAX_BODY = 5_000_000
MOVED = (301, 302, 303, 307, 308)
KEPT = (307, 308)  # the method and the body go along


class StepFailed(Exception):
    """A step did not end as expected: ``expected`` and ``got`` are for a person, and may still hold secrets."""

    def __init__(self, expected: str, got: str, *, status: int | None = None, screenshot: str | None = None) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got, self.status, self.screenshot = expected, got, status, screenshot


@dataclass
class Sender:
    """Sends the requests of one journey, whose cookies ``session`` keeps. ``headers`` are secret and go to the sites
    only, never to a further declared host. ``timeout`` is in seconds and covers a step with its redirects.
    """

    world: World
    session: requests.Session
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10
    clock: Callable[[], float] = time.monotonic
    tick: Callable[[], None] = nothing

    def address(self, request: Request, values: Mapping[str, Any]) -> str:
        """Return the URL that a request asks. Raises StepFailed for one that no site and no declared host has."""
        url = text(fill(request.url, values))
        if url.startswith("/") and not url.startswith("//"):
            return f"{self.world.sites[request.site].rstrip('/')}{url}" if request.site else url
        try:
            if is_address(url) and self.world.allows(url) and not urlsplit(url).username:
                return url
        except ValueError:
            pass
        raise StepFailed("an address of a site or of a declared host", f"{url!r}: add its host to hosts")

    def send(self, request: Request, options: Options, values: Mapping[str, Any]) -> Answer:
        """Send a request, follow its redirects where that is asked for, and return the last answer. Raises
        StepFailed.
        """
        url, began = self.address(request, values), self.clock()
        method, sent = request.method, self._content(request, values)
        cookies: dict[str, str] = {}
        for hop in range(options.max_redirects + 1):
            left = self.timeout - (self.clock() - began)
            response = self._exchange(method, url, sent, max(left, 0.001))
            cookies.update(response.cookies.get_dict())
            there = response.headers.get("location")
            if not (options.location and there and response.status_code in MOVED):
                body = response.content.decode("utf-8", errors="replace")
                took = round((self.clock() - began) * 1000)
                return Answer(url, response.status_code, response.headers, cookies, body, took)
            if hop < options.max_redirects:
                method, url, sent = self._follow(method, url, urljoin(url, there), sent, response.status_code)
        raise StepFailed(f"at most {number(options.max_redirects, 'redirect')}", "another one")

    def _content(self, request: Request, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `requests` sends: parameters, headers, cookies and the body."""
        filled = {key: fill(getattr(request, key), values) for key in ("query", "headers", "cookies", "basic_auth")}
        as_text = {key: {name: _texts(value) for name, value in data.items()} for key, data in filled.items()}
        auth = as_text["basic_auth"]
        return {
            "params": as_text["query"] or None,
            "headers": as_text["headers"],
            "cookies": as_text["cookies"] or None,
            "auth": (auth["user"].encode(), auth["password"].encode()) if auth else None,
            "data": _body(request, values),
            "json": fill(request.json, values),
        }

    def _exchange(self, method: str, url: str, sent: Mapping[str, Any], seconds: float) -> requests.Response:
        to_site = origin(url) in {origin(site) for site in self.world.sites.values()}
        headers = {**(self.headers if to_site else {}), **sent.get("headers", {})}
        try:
            return exchange(
                self.session,
                method,
                url,
                seconds=seconds,
                most=MAX_BODY,
                tick=self.tick,
                **{**sent, "headers": headers},
            )
        except TooLarge:
            raise StepFailed(f"a body of at most {MAX_BODY} bytes", "a longer one") from None
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as error:
            raise StepFailed("an answer", why_no_answer(error, url, self.timeout)) from None

    def _follow(
        self, method: str, here: str, there: str, sent: dict[str, Any], status: int
    ) -> tuple[str, str, dict[str, Any]]:
        """Return the next request. To another host go no header, no cookie of the step, no password and no body."""
        if not is_address(there) or not self.world.allows(there):
            host = urlsplit(there).hostname or there
            raise StepFailed(
                "a redirect to a site or a declared host", f"one to {host}: add it to hosts if it is right"
            )
        elsewhere = (urlsplit(here).scheme, origin(here)) != (urlsplit(there).scheme, origin(there))
        has_body = sent["data"] is not None or sent["json"] is not None
        if elsewhere and has_body and status in KEPT:
            raise StepFailed("a redirect that keeps the body on its host", f"one to {urlsplit(there).hostname}")
        if elsewhere:
            return ("GET" if status not in KEPT else method), there, {"data": None, "json": None, "headers": {}}
        if status in KEPT or method in ("GET", "HEAD"):
            return method, there, {**sent, "params": None}
        return "GET", there, {**sent, "params": None, "data": None, "json": None}


def _texts(value: Any) -> Any:
    return [text(one) for one in value] if isinstance(value, list) else text(value)


def _body(request: Request, values: Mapping[str, Any]) -> Any:
    if request.form is not None:
        return {name: _texts(value) for name, value in fill(request.form, values).items()}
    return None if request.body is None else text(fill(request.body, values)).encode()
