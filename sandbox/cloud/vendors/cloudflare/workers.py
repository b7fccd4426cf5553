# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's Workers: scripts of the account, and routes of a zone that lead requests to them."""

from __future__ import annotations

import email
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ....state import CACHE
from ...context import Context
from ...edge import Edge
from ...state import Storefront, now
from ...vendor import Vendor, json_body
from .answers import ACCOUNT, envelope, time
from .runtime import NoRuntime, Runtime

Find = Callable[[Request], Storefront]
SECRET = "secret_text"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]  # without them Starlette answers GET only


class Workers:
    """The operations on scripts and routes, and what the edge asks before it answers."""

    def __init__(self, vendor: Vendor, context: Context, edges: Mapping[str, Edge], find: Find) -> None:
        self.vendor, self.context, self.edges, self.find = vendor, context, edges, find
        origin = Starlette(routes=[Route("/{path:path}", self._origin, methods=METHODS)])
        self.runtime = Runtime(context, CACHE, origin)  # of the checkout: the program has 120 MB

    def routes(self) -> list[Route]:
        script, routes = "/accounts/{account}/workers/scripts/{script}", "/zones/{zone}/workers/routes"
        route = self.vendor.route
        return [
            route("PUT", script, "upload_worker", self.upload),
            route("GET", f"{script}/settings", "worker_settings", self.settings),
            route("GET", routes, "list_routes", self.list_routes),
            route("POST", routes, "create_route", self.create_route),
            route("DELETE", f"{routes}/{{route}}", "delete_route", self.delete_route),
        ]

    def __call__(self, front: Storefront, request: Request) -> str | None:
        """Return the script to which the most specific route leads a request; None where there is none."""
        url = f"{request.headers.get('host', '')}{request.url.path}"
        found = [route for route in front.routes if _matches(route["pattern"], url)]
        return max(found, key=lambda route: len(route["pattern"])).get("script") if found else None

    async def answer(self, name: str, request: Request) -> Response:
        script = self.context.workers.get(name)
        if script is None:
            return PlainTextResponse("error code: 1042", 404)
        return await self.runtime.answer(name, script, request)

    async def _origin(self, request: Request) -> Response:
        """Answer what a Worker fetches: from the cache or the origin of the host that it names."""
        port = request.headers.get("host", "").rpartition(":")[2]
        for edge in self.edges.values():
            for surface, number in edge.front.edge_ports.items():
                if str(number) == port:
                    return await edge.serve(surface, request)
        return PlainTextResponse("error code: 1016", 530)

    def _account(self, request: Request) -> None:
        if request.path_params["account"] != ACCOUNT:
            raise self.vendor.refusal(403, "10000", "Authentication error")

    async def upload(self, request: Request) -> Response:
        self._account(request)
        name = request.path_params["script"]
        parts = _parts(request.headers.get("content-type", ""), await request.body())
        _type, metadata = parts.pop("metadata", ("", "{}"))
        modules = [{"name": part, "type": kind, "content": content} for part, (kind, content) in parts.items()]
        script = self._script(name, json.loads(metadata), modules)
        try:
            await self.runtime.run(name, script)
        except NoRuntime as error:
            raise self.vendor.refusal(400, "10021", f"Script content failed validation checks: {error}") from None
        self.context.workers[name] = script
        self.context.save()
        described = {key: script[key] for key in ("etag", "created_on", "modified_on")}
        return JSONResponse(envelope({"id": name, **described, "handlers": ["fetch"], "startup_time_ms": 5}))

    def _script(self, name: str, metadata: dict[str, Any], modules: list[dict[str, Any]]) -> dict[str, Any]:
        if not re.fullmatch(r"[a-z0-9_][a-z0-9_-]{0,62}", name):
            raise self.vendor.refusal(400, "10016", f"Invalid script name {name}")
        main = metadata.get("main_module")
        if main not in [module["name"] for module in modules]:
            raise self.vendor.refusal(400, "10021", f"No such module: {main}")
        before = self.context.workers.get(name, {})
        bindings = metadata.get("bindings", [])
        for binding in bindings:
            if len(binding.get("text", "").encode()) > 5 * 1024:
                raise self.vendor.refusal(400, "10057", f"Binding {binding['name']} exceeds the limit of 5 kB")
        content = json.dumps([modules, bindings, metadata.get("compatibility_date")])
        return {
            "main": main,
            "modules": modules,
            "bindings": bindings,
            "compatibility_date": metadata.get("compatibility_date", "2024-01-01"),
            "etag": hashlib.sha256(content.encode()).hexdigest(),
            "created_on": before.get("created_on") or time(now()),
            "modified_on": time(now()),
        }

    def _known(self, request: Request) -> dict[str, Any]:
        script = self.context.workers.get(request.path_params["script"])
        if script is None:
            raise self.vendor.refusal(404, "10007", "This Worker does not exist on your account.")
        return script

    async def settings(self, request: Request) -> Response:
        self._account(request)
        script = self._known(request)
        bindings = [
            {key: value for key, value in binding.items() if key != "text" or binding["type"] != SECRET}
            for binding in script["bindings"]
        ]
        return JSONResponse(
            envelope({"bindings": bindings, "compatibility_date": script["compatibility_date"], "tags": []})
        )

    async def list_routes(self, request: Request) -> Response:
        return JSONResponse(envelope(self.find(request).routes))

    async def create_route(self, request: Request) -> Response:
        front, body = self.find(request), await json_body(request, self.vendor)
        pattern, script = str(body.get("pattern")), body.get("script")
        if not re.fullmatch(r"(\*\.?)?[\w.-]+(:\d+)?(/[^*?]*\*?)?", pattern):
            raise self.vendor.refusal(400, "10022", f"Invalid route pattern {pattern}")
        host = pattern.partition("/")[0].lstrip("*.")
        zone = f"{front.name}.example"
        if host not in self.edges[front.name].hosts() and host != zone and not host.endswith(f".{zone}"):
            raise self.vendor.refusal(400, "10022", f"The pattern {pattern} is not in this zone")
        if any(route["pattern"] == pattern for route in front.routes):
            raise self.vendor.refusal(409, "10020", "A route with the same pattern already exists.")
        if script and script not in self.context.workers:
            raise self.vendor.refusal(404, "10019", "workers.api.error.script_not_found")
        made = {"id": uuid.uuid4().hex, "pattern": pattern, **({"script": script} if script else {})}
        front.routes.append(made)
        self.context.save()
        return JSONResponse(envelope(made))

    async def delete_route(self, request: Request) -> Response:
        front, route = self.find(request), request.path_params["route"]
        left = [one for one in front.routes if one["id"] != route]
        if len(left) == len(front.routes):
            raise self.vendor.refusal(404, "10005", "workers.api.error.route_not_found")
        front.routes[:] = left
        self.context.save()
        return JSONResponse(envelope({"id": route}))


def _parts(kind: str, body: bytes) -> dict[str, tuple[str, str]]:
    """Return the parts of a form by name, each with its type and its text."""
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    found = dict[str, tuple[str, str]]()
    for part in message.walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            name = str(part.get_param("name", header="content-disposition"))
            found[name] = (part.get_content_type(), content.decode())
    return found


def _matches(pattern: str, url: str) -> bool:
    """Whether a route's pattern matches a host with its path. A star stands at the beginning or at the end."""
    if "/" not in pattern:
        pattern += "/"
    return bool(re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), url))
