# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the vendors' APIs share: each request is recorded, affected by active faults, and answered."""

from __future__ import annotations

import asyncio
import json
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from . import limits, scopes
from .context import Context
from .drift import Past, with_unknown_state
from .faults import EFFECTS, Fault, effect
from .server import break_connection

CUT_OFF = '{"data": {"cut o'  # the body of an answer that is not JSON

Handler = Callable[[Request], Awaitable[Response]]


class Refusal(Exception):
    """An answer that says no, in the vendor's shape."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.response: Response = JSONResponse(body, status)


class Vendor(ABC):
    """One vendor's API."""

    name: str
    public: bool = True  # False for what has no contract and no limits of its own

    def __init__(self, context: Context) -> None:
        self.context = context
        self.past = Past(context, self.name)
        self.window = limits.window(self.name)

    @abstractmethod
    def app(self) -> ASGIApp:
        """Return the application that answers at the vendor's port."""

    @abstractmethod
    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        """Return an answer that says no, to be raised."""

    @abstractmethod
    def authorize(self, request: Request) -> None:
        """Raise a Refusal unless the request carries a token that the vendor knows."""

    def writes(self, request: Request, operation: str) -> bool:
        """Return whether an operation may change the vendor's state."""
        return request.method not in ("GET", "HEAD")

    def route(self, method: str, path: str, operation: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            async def call() -> Response:
                self.authorize(request)
                if not scopes.permits(self.name, self.scopes(request), operation):
                    raise self.forbidden(request, operation)
                return await handler(request)

            return await self.answer(request, operation, call)

        return Route(path, endpoint, methods=[method])

    async def answer(self, request: Request, operation: str, call: Callable[[], Awaitable[Response]]) -> Response:
        """Answer with ``call`` unless a fault is active."""
        body = await request.body()
        storefront = self._storefront(request, body)
        if self.writes(request, operation):
            self.past.remember(storefront)
        fault = self.context.faults.take(self.name, operation, storefront=storefront)
        if fault and fault.kind == "hold":
            await self.context.faults.hold(self.name, operation, storefront)
            fault = None
        response = await self._answer(request, call, fault, storefront)
        for name, value in limits.headers(self.name, self.window).items() if self.public else ():
            response.headers.setdefault(name, value)
        if self.public and (fault is None or fault.kind not in ("malformed", "garbled", "unknown_state", "echo")):
            self.context.exchanges.note(self.name, operation, request, body, response)
        self.context.requests.append(
            {
                **{"at": time.time(), "vendor": self.name, "operation": operation, "storefront": storefront},
                **{
                    "method": request.method,
                    "path": request.url.path,
                    "status": response.status_code,
                    "bytes": len(body),
                },
            }
        )
        return response

    async def _answer(
        self, request: Request, call: Callable[[], Awaitable[Response]], fault: Fault | None, storefront: str | None
    ) -> Response:
        kind = fault.kind if fault else ""
        if fault and kind == "stale_read" and (storefront is None or not self.past.knows(storefront)):
            fault.times += fault.times >= 0  # there was no write that this read could miss: another one will
            kind = ""
        if (
            fault is None
            or kind in ("", "lost_answer", "garbled", "stale_read", "unknown_state")
            or kind in EFFECTS[self.name]
        ):
            effect.set(kind if kind in EFFECTS[self.name] else "")
            try:
                response = await (self.past.answer(str(storefront), call) if kind == "stale_read" else call())
            except Refusal as refusal:
                response = refusal.response
            if fault and kind == "unknown_state":
                return with_unknown_state(response, self.name, fault.word)
            if kind == "garbled" and response.status_code < 300:
                return Response(CUT_OFF, response.status_code, media_type="application/json")
            return await break_connection(request) if kind == "lost_answer" else response
        if kind == "timeout":
            await asyncio.sleep(fault.seconds)
        if kind in ("timeout", "reset"):
            return await break_connection(request)
        if kind == "malformed":
            return Response(CUT_OFF, media_type="application/json")
        if kind == "echo":  # as a careless proxy or a debug page: the request is in the answer, with its credentials
            sent = f"{request.method} {request.url} {dict(request.headers)} {(await request.body())[:2000]!r}"
            return self.refusal(400, "bad_request", f"The request is not understood: {sent}").response
        if kind == "rate_limited":
            answer = self.rate_limited(fault)
            answer.headers["retry-after"] = f"{fault.retry_after:g}"
            return answer
        return self.refusal(fault.status, "internal_server_error", "The service is unavailable at the moment.").response

    def rate_limited(self, fault: Fault) -> Response:
        return self.refusal(429, "rate_limited", "Too many requests: try again later.").response

    def _storefront(self, request: Request, body: bytes) -> str | None:
        """Return the storefront that the request means, by one of its ids or its project's name."""
        text = body.decode(errors="replace") if "json" in request.headers.get("content-type", "") else ""
        url = f"{request.url.path} {request.url.query}"
        words = set(re.findall(r"[\w.-]+", f"{url} {text}"))
        named = {*re.findall(r"[\w.-]+", url), *re.findall(r'"(?:name|project)"\s*:\s*"([^"]+)"', text)}
        return next(
            (
                name
                for name, front in self.context.storefronts.items()
                if words & front.ids() or front.site.name in named
            ),
            None,
        )

    def bearer(self, request: Request) -> str:
        """Return the token of a request, without its scopes."""
        return scopes.split(request.headers.get("authorization", "").removeprefix("Bearer "))[0]

    def scopes(self, request: Request) -> frozenset[str] | None:
        """Return the scopes of the request's token; None where it may do everything."""
        return scopes.split(request.headers.get("authorization", "").removeprefix("Bearer "))[1]

    def forbidden(self, request: Request, operation: str) -> Refusal:
        """Return how the vendor says that a token lacks a scope."""
        return self.refusal(403, "forbidden", "Forbidden")


async def json_body(request: Request, vendor: Vendor) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise vendor.refusal(400, "bad_request", "Invalid JSON")
    return body
