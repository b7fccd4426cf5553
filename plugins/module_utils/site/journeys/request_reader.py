# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the request of a step, its options, or the actions of a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from .journey import METHODS, Action, Options, Request
from .words import CONTROL, Words, is_address, nearest

REQUEST = ("method", "url", "site", "query", "headers", "cookies", "basic_auth", "form", "json", "body")
OPTIONS = ("retry", "retry_interval", "delay", "location", "max_redirects")
ACTIONS = ("open", "fill", "click", "expect")
BODIES = ("form", "json", "body")
MOST_RETRIES, MOST_SECONDS, MOST_REDIRECTS = 1000, 600, 50
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class RequestReader(Words):
    def request(self, step: Mapping[str, Any], site: str) -> Request:
        data = step.get("request")
        data = {"url": data} if isinstance(data, str) else data
        if not isinstance(data, Mapping):
            self.wrong("has no request: set request with a url, or browser: true with actions")
            return Request("")
        self.words(data, REQUEST, "key of a request")
        self.uses(data, "request")
        method = str(data.get("method", "GET")).upper()
        if method not in METHODS:
            self.wrong(f"has the method {data.get('method')!r}{nearest(method, METHODS)}")
        if len(given := [key for key in BODIES if data.get(key) is not None]) > 1:
            self.wrong(f"has {' and '.join(given)}: a request has one body")
        if given and method in ("GET", "HEAD"):
            self.wrong(f"sends a body with {method}: use POST, PUT or PATCH")
        if data.get("body") is not None and not isinstance(data["body"], str):
            self.wrong("has a body that is not text: use json for a value")
        parts = {key: self.mapping(data, key) for key in ("query", "headers", "cookies", "basic_auth", "form")}
        for name, value in parts["headers"].items():
            if not HEADER.fullmatch(str(name)) or CONTROL.search(str(value)):
                self.wrong(f"has the header {name!r}, which is not allowed in HTTP: check its name and line breaks")
        if parts["basic_auth"] and set(parts["basic_auth"]) != {"user", "password"}:
            self.wrong("has a basic_auth without exactly user and password")
        own = str(data.get("site") or site)
        url = self.url(data.get("url"), own)
        content: dict[str, Any] = {**parts, "json": data.get("json"), "body": data.get("body")}
        if data.get("form") is None:
            content["form"] = None
        return Request(url, self.site(own, url), method, **content)

    def site(self, name: str, url: str = "") -> str:
        """Return the site of a step: the only one where it names none."""
        if name and name not in self.world.sites:
            self.wrong(f"names the site {name!r}{nearest(name, self.world.sites)}")
        elif not name and len(self.world.sites) == 1:
            return next(iter(self.world.sites))
        elif not name and not is_address(url):
            self.wrong(f"names no site: set site to {' or '.join(self.world.sites) or 'one of sites'}")
        return name

    def url(self, url: Any, site: str) -> str:
        if not isinstance(url, str) or not url.strip():
            self.wrong("has no url: set a path as /api/products")
            return "/"
        if CONTROL.search(url) or " " in url:
            self.wrong(f"has the url {url!r} with a space or a line break: encode it, a space is %20")
        elif is_address(url):
            self.address(url)
        elif url.startswith("//") or not url.startswith(("/", "${")):  # a captured address is judged when it is known
            self.wrong(f"has the url {url!r}: begin a path with /, an address with https:// or http://")
        return url

    def address(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host = parts.hostname if parts.port != 0 else None
        except ValueError:
            host = None
        if not host:
            return self.wrong("has a url that cannot be read: use https://host/path")
        if parts.username or parts.password:
            self.wrong("has a url with a user or a password: use basic_auth")
        if "${" not in parts.netloc and not self.world.allows(url):
            self.wrong(f"asks {host}, which is not one of the sites: add it to hosts where journeys may ask it")
        return None

    def options(self, step: Mapping[str, Any]) -> Options:
        data = self.mapping(step, "options")
        self.words(data, OPTIONS, "option")
        limits = {"retry": MOST_RETRIES, "retry_interval": MOST_SECONDS, "delay": MOST_SECONDS}
        limits["max_redirects"] = MOST_REDIRECTS
        good: dict[str, Any] = {}
        for name, most in limits.items():
            value = data.get(name, getattr(Options, name))
            whole = name in ("retry", "max_redirects")
            if (
                isinstance(value, bool)
                or not isinstance(value, int if whole else int | float)
                or not 0 <= value <= most
            ):
                self.wrong(f"has {name}: {value!r}: use {'a whole number' if whole else 'seconds'} from 0 to {most}")
            else:
                good[name] = value
        if not isinstance(data.get("location", False), bool):
            self.wrong(f"has location: {data['location']!r}: use true or false")
        return replace(Options(location=data.get("location") is True), **good)

    def actions(self, step: Mapping[str, Any]) -> list[Action]:
        found = []
        items = self.listed(step, "actions")
        if not items:
            self.wrong("has no actions: open a page and expect a text on it")
        for item in items:
            kinds = [key for key in ACTIONS if isinstance(item, Mapping) and key in item]
            if not isinstance(item, Mapping) or len(kinds) != 1:
                word = next(iter(item), "") if isinstance(item, Mapping) else item
                self.wrong(f"has the action {item!r}: use one of {', '.join(ACTIONS)}{nearest(str(word), ACTIONS)}")
                continue
            (kind,) = kinds
            self.words(item, (kind, *{"fill": ("with",), "expect": ("in",)}.get(kind, ())), "word of an action")
            self.uses(item, "action")
            target, value = item[kind], item.get("with" if kind == "fill" else "in")
            if not isinstance(target, str) or not target or (kind == "fill" and not isinstance(value, str)):
                self.wrong(f"has the action {item!r}: write {{fill: SELECTOR, with: TEXT}} and texts elsewhere")
                continue
            if kind == "open":
                self.url(target, "")
            found.append(Action(kind, target, value))
        if found and found[0].kind != "open":
            self.wrong("begins with another action than open")
        return found
