# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API: what the sandbox and the tests tell the double."""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .faults import Fault
from .vendor import Refusal

if TYPE_CHECKING:
    from .cloud import Cloud


class _No(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.response = JSONResponse({"error": message}, status)


class Control:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def app(self) -> Starlette:
        front = "/storefronts/{name}"
        routes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("GET", "/health", self.health),
            ("POST", "/storefronts", self.create),
            ("GET", front, self.show),
            ("DELETE", front, self.delete),
            ("POST", f"{front}/save", self.save),
            ("POST", f"{front}/restore", self.restore),
            ("POST", f"{front}/push", self.push),
            ("POST", "/faults", self.add_fault),
            ("GET", "/faults", self.faults),
            ("DELETE", "/faults", self.clear_faults),
            ("POST", "/delays", self.set_delays),
            ("DELETE", "/delays", self.reset_delays),
            ("GET", "/requests", self.requests),
            ("DELETE", "/requests", self.clear_requests),
            ("GET", "/processes", self.processes),
        ]
        return Starlette(routes=[Route(path, self._guarded(handler), methods=[method]) for method, path, handler in routes])

    def _guarded(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {self.cloud.tokens['control']}".encode()):
                return JSONResponse({"error": "The control token is wrong or missing."}, 401)
            try:
                return await handler(request)
            except _No as no:
                return no.response

        return endpoint

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def create(self, request: Request) -> Response:
        wanted = await _body(request)
        if existing := self.cloud.storefronts.get(str(wanted.get("name"))):
            return JSONResponse(existing.public())
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", str(wanted.get("name"))):
            raise _No(400, "name: lower-case letters, digits and dashes only.")
        if wanted.get("backend", "railway") not in ("railway", "render"):
            raise _No(400, "backend: railway or render.")
        try:
            front = await self.cloud.create_storefront(wanted)
        except KeyError as error:
            raise _No(400, f"{error.args[0]} is missing.") from None
        except OSError as error:
            raise _No(409, f"A port of this storefront is taken: {error}.") from None
        return JSONResponse(front.public(), 201)

    async def show(self, request: Request) -> Response:
        return JSONResponse(self.cloud.storefronts[self._name(request)].public())

    async def delete(self, request: Request) -> Response:
        await self.cloud.delete_storefront(self._name(request))
        return Response(status_code=204)

    async def save(self, request: Request) -> Response:
        self.cloud.save_storefront(self._name(request), await _label(request))
        return Response(status_code=204)

    async def restore(self, request: Request) -> Response:
        name, label = self._name(request), await _label(request)
        try:
            await self.cloud.restore_storefront(name, label)
        except FileNotFoundError:
            raise _No(404, f"Nothing is saved for {name!r} under {label!r}.") from None
        return Response(status_code=204)

    async def push(self, request: Request) -> Response:
        """Tell the vendor that builds from Git that a commit was pushed; answers vendor → what it made of it."""
        front, ref = self.cloud.storefronts[self._name(request)], str((await _body(request)).get("ref"))
        try:
            return JSONResponse({"commit": ref, "made": {"render": await self.cloud.render.push(front, ref)}})
        except Refusal as refusal:
            raise _No(404, f"ref: {refusal.response.body!r}.") from None

    async def add_fault(self, request: Request) -> Response:
        try:
            self.cloud.faults.active.append(Fault.parse(await _body(request)))
        except (ValueError, TypeError) as error:
            raise _No(400, str(error)) from None
        return Response(status_code=204)

    async def faults(self, request: Request) -> Response:
        return JSONResponse([asdict(fault) for fault in self.cloud.faults.active])

    async def clear_faults(self, request: Request) -> Response:
        self.cloud.faults.active.clear()
        return Response(status_code=204)

    async def set_delays(self, request: Request) -> Response:
        try:
            self.cloud.delays = replace(self.cloud.delays, **{name: float(seconds) for name, seconds in (await _body(request)).items()})
        except (ValueError, TypeError) as error:
            raise _No(400, f"delays: {error}; known are {', '.join(asdict(self.cloud.delays))}, in seconds.") from None
        return Response(status_code=204)

    async def reset_delays(self, request: Request) -> Response:
        self.cloud.delays = type(self.cloud.delays)()
        return Response(status_code=204)

    async def requests(self, request: Request) -> Response:
        return JSONResponse(list(self.cloud.requests))

    async def clear_requests(self, request: Request) -> Response:
        self.cloud.requests.clear()
        return Response(status_code=204)

    async def processes(self, request: Request) -> Response:
        return JSONResponse(self.cloud.units.listing())

    def _name(self, request: Request) -> str:
        name = request.path_params["name"]
        if name not in self.cloud.storefronts:
            raise _No(404, f"There is no storefront {name!r}.")
        return name


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _No(400, "The body must be a JSON object.")
    return body


async def _label(request: Request) -> str:
    label = str((await _body(request)).get("label"))
    if not re.fullmatch(r"[\w.-]{1,60}", label):
        raise _No(400, "label: letters, digits, dots and dashes only.")
    return label
