# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's edge: a caching reverse proxy before a storefront's public hosts."""

from __future__ import annotations

import re
import secrets
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from .context import Context
from .proxy import forward
from .state import Storefront

EDGE_TTL = 4 * 3600  # seconds; as a rule "cache everything" with an edge TTL, which overrides the origin's max-age


class Workers(Protocol):
    """What stands before the cache: scripts on the zone's routes."""

    def __call__(self, front: Storefront, request: Request) -> str | None:
        """Return the script to which a route leads a request; None where there is none."""

    async def answer(self, name: str, request: Request) -> Response:
        """Return what a script answers."""


@dataclass
class CachedAnswer:
    response: Response
    stored: float
    tags: set[str]


class Edge:
    """The public hosts of one storefront. Pages of the frontend are cached, HTML too; the API is not."""

    def __init__(self, context: Context, front: Storefront, workers: Workers | None = None) -> None:
        self.context, self.front, self.workers = context, front, workers
        self.cache: dict[tuple[str, str], CachedAnswer] = {}  # by host and path with query
        self.purges = 0
        # time, host, cache status, bytes: what analytics reports
        self.seen: deque[tuple[float, str, str, int]] = deque(maxlen=50_000)

    def hosts(self) -> set[str]:
        return {f"127.0.0.1:{port}" for port in self.front.edge_ports.values()}

    def host(self, surface: str) -> Any:
        """Return the application that serves the public host of ``surface``. Each request gets a Ray ID, which is in
        the headers of the answer, and of what the origin is asked.
        """

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            # a caller's own is replaced
            headers = [(name, value) for name, value in scope["headers"] if name != b"cf-ray"]
            ray = f"{secrets.token_hex(8)}-FRA".encode()
            request = Request({**scope, "headers": [*headers, (b"cf-ray", ray)]}, receive)
            response = await self._fault(surface, request) or await self._worked(surface, request)
            host, status = f"127.0.0.1:{self.front.edge_ports[surface]}", response.headers["cf-cache-status"].lower()
            self.seen.append((time.time(), host, status, int(response.headers.get("content-length", 0))))
            await response(scope, receive, send)

        return app

    def purge(self, what: dict[str, Any]) -> None:
        """Evict what a validated purge request names."""
        self.purges += 1
        self.cache = {key: entry for key, entry in self.cache.items() if not _matches(what, *key, entry)}

    async def _worked(self, surface: str, request: Request) -> Response:
        script = self.workers(self.front, request) if self.workers else None
        if self.workers is None or script is None:
            return await self.serve(surface, request)
        return self._stamp(request, await self.workers.answer(script, request), "DYNAMIC")

    async def serve(self, surface: str, request: Request) -> Response:
        """Answer from the cache or the origin, as behind every Worker."""
        host = f"127.0.0.1:{self.front.edge_ports[surface]}"
        path = request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
        cacheable = surface == "frontend" and request.method in ("GET", "HEAD")
        if not cacheable or self.front.development_mode == "on":
            return self._stamp(request, await self._fetch(surface, request), "BYPASS" if cacheable else "DYNAMIC")
        entry = self.cache.get((host, path))
        if entry and time.monotonic() - entry.stored < EDGE_TTL:
            response = Response(entry.response.body, entry.response.status_code)
            response.raw_headers = [
                *entry.response.raw_headers,
                (b"age", str(int(time.monotonic() - entry.stored)).encode()),
            ]
            return self._stamp(request, response, "HIT")
        purges = self.purges
        response = await self._fetch(
            surface, request, method="GET", extra={"accept-encoding": "identity", "host": host}
        )
        directives = response.headers.get("cache-control", "")
        if response.status_code != 200 or "no-store" in directives or "private" in directives:
            return self._stamp(request, response, "BYPASS" if response.status_code == 200 else "DYNAMIC")
        if purges == self.purges:  # what was asked before a purge may be old: it is not kept
            kept = Response(response.body, 200)
            kept.raw_headers = list(response.raw_headers)
            self.cache[host, path] = CachedAnswer(
                kept, time.monotonic(), set(re.split(r"[,\s]+", response.headers.get("cache-tag", "")))
            )
        return self._stamp(request, response, "MISS")

    async def _fetch(self, surface: str, request: Request, **how: Any) -> Response:
        origin = self.front.public()[f"{surface}_origin_url"]
        try:
            return await forward(self.context.client, request, origin, **how)
        except httpx.HTTPError:
            return PlainTextResponse("error code: 502", 502)

    async def _fault(self, surface: str, request: Request) -> Response | None:
        """Return an injected answer; a fault may hold only while a certain release is the live one."""
        fault = self.context.faults.take(
            "edge",
            "request",
            storefront=self.front.name,
            host=surface,
            path=request.url.path,
            release=self._live(surface),
        )
        if fault is None:
            return None
        if fault.kind == "hold":
            await self.context.faults.hold("edge", "request", self.front.name)
            return None
        if fault.kind in ("challenge", "blocked"):
            name, _unused, value = (fault.header or "").partition(": ")
            if value and request.headers.get(name) == value:
                return None
            if fault.kind == "blocked":
                return self._stamp(request, PlainTextResponse("error code: 1020", 403), "DYNAMIC")
            page = HTMLResponse("<!DOCTYPE html><title>Just a moment...</title>", 403, {"cf-mitigated": "challenge"})
            return self._stamp(request, page, "DYNAMIC")
        return self._stamp(request, PlainTextResponse(f"error code: {fault.status}", fault.status), "DYNAMIC")

    def _live(self, surface: str) -> set[str]:
        """Return the names of what the origin serves now: its deployment's id and its release."""
        if surface == "frontend":
            shown = self.front.site.deployments.get(self.front.site.aliases.get(self.front.site.domains[-1], ""))
            return {shown.id, shown.meta.get("release", "")} if shown else set()
        service = self.front.web
        running = service.deployments.get(service.live or "") if service else None
        return {running.id, *(running.message or "").split()} if running else set()

    def _stamp(self, request: Request, response: Response, status: str) -> Response:
        response.headers["cf-cache-status"] = status
        response.headers["server"] = "cloudflare"
        response.headers["cf-ray"] = request.headers.get("cf-ray", "")
        return response


def _matches(what: dict[str, Any], host: str, path: str, entry: CachedAnswer) -> bool:
    if what.get("purge_everything"):
        return True
    url = f"http://{host}{path}"
    files = [item["url"] if isinstance(item, dict) else item for item in what.get("files", [])]
    return (
        any(file.removesuffix("/") == url.removesuffix("/") for file in files)
        or bool(entry.tags.intersection(what.get("tags", [])))
        or host in what.get("hosts", [])
        or any((host + path).startswith(prefix) for prefix in what.get("prefixes", []))
    )
