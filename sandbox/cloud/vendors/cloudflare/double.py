# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloudflare's API: zones, purge, development mode, analytics, Workers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router

from ...context import Context
from ...edge import Edge
from ...faults import effect
from ...state import Storefront
from ...vendor import Refusal, Vendor, json_body
from .analytics import execute
from .answers import ACCOUNT, envelope, time
from .workers import Workers

PURGES = ("purge_everything", "files", "tags", "hosts", "prefixes")
NO_ANALYTICS = {
    "data": None,
    "errors": [{"message": "not authorized for that account", "path": None, "extensions": {"code": "authz"}}],
}
PURGE_LIMIT = 100  # of files, tags, hosts or prefixes in one request


class Cloudflare(Vendor):
    name = "cloudflare"

    def __init__(self, context: Context, edges: Mapping[str, Edge]) -> None:
        super().__init__(context)
        self.edges = edges  # by storefront
        self.workers = Workers(self, context, edges, self._front)

    def app(self) -> Router:
        zone = "/zones/{zone}"
        routes: list[Route] = [
            self.route("GET", "/user/tokens/verify", "verify_token", self.verify_token),
            self.route("GET", "/zones", "list_zones", self.list_zones),
            self.route("GET", zone, "zone", self.zone),
            self.route("POST", f"{zone}/purge_cache", "purge", self.purge),
            self.route("GET", f"{zone}/settings/development_mode", "setting", self.setting),
            self.route("PATCH", f"{zone}/settings/development_mode", "update_setting", self.update_setting),
            self.route("POST", "/graphql", "analytics", self.analytics),
            *self.workers.routes(),
        ]
        return Router([Mount("/client/v4", routes=routes)])

    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        number = (
            int(code) if code.isdigit() else {"rate_limited": 10429, "internal_server_error": 10500}.get(code, 10400)
        )
        return Refusal(status, envelope(None, [{"code": number, "message": message}]))

    def authorize(self, request: Request) -> None:
        if not request.headers.get("authorization", "").startswith("Bearer "):
            raise self.refusal(400, "9106", "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
        if self.bearer(request) != self.context.tokens["cloudflare"]:
            if request.url.path.endswith("/user/tokens/verify"):
                raise self.refusal(401, "1000", "Invalid API Token")
            raise self.refusal(403, "10000", "Authentication error")

    def forbidden(self, request: Request, operation: str) -> Refusal:
        refused = self.refusal(403, "10000", "Authentication error")
        if operation == "analytics":  # GraphQL refuses with a 200
            refused.response = JSONResponse(NO_ANALYTICS)
        return refused

    def _front(self, request: Request) -> Storefront:
        for front in self.context.storefronts.values():
            if front.zone == request.path_params["zone"]:
                return front
        raise self.refusal(404, "1001", "Invalid zone identifier")

    async def verify_token(self, request: Request) -> Response:
        token = hashlib.sha256(self.bearer(request).encode()).hexdigest()[:32]
        return JSONResponse(envelope({"id": token, "status": "active"}))

    async def list_zones(self, request: Request) -> Response:
        name = request.query_params.get("name")
        found = [
            self._zone(front) for front in self.context.storefronts.values() if name in (None, f"{front.name}.example")
        ]
        size, page = (int(request.query_params.get(key, default)) for key, default in (("per_page", 20), ("page", 1)))
        zones = found[(page - 1) * size :][:size]
        info = {
            "page": page,
            "per_page": size,
            "count": len(zones),
            "total_count": len(found),
            "total_pages": max(1, -(-len(found) // size)),
        }
        return JSONResponse(envelope(zones, result_info=info))

    async def zone(self, request: Request) -> Response:
        return JSONResponse(envelope(self._zone(self._front(request))))

    async def purge(self, request: Request) -> Response:
        front, body = self._front(request), await json_body(request, self)
        if len(body) != 1 or not (chosen := body.keys() & set(PURGES)):
            raise self.refusal(
                400, "1012", 'Request must contain one of "purge_everything", "files", "tags", "hosts" or "prefixes"'
            )
        kind = chosen.pop()
        if kind == "purge_everything":
            if body[kind] is not True:
                raise self.refusal(400, "1012", "purge_everything must be true")
        elif not isinstance(body[kind], list) or not body[kind]:
            raise self.refusal(400, "1012", f"{kind} must be a list of at least one")
        elif len(body[kind]) > PURGE_LIMIT:
            raise self.refusal(400, "1094", f"You may only purge {PURGE_LIMIT} {kind} per request")
        edge = self.edges[front.name]
        for item in body[kind] if kind in ("files", "prefixes") else ():
            self._check(kind, item["url"] if isinstance(item, dict) else item, edge.hosts())
        edge.purge(body)
        return JSONResponse(envelope({"id": front.zone}))

    def _check(self, kind: str, item: str, hosts: set[str]) -> None:
        parts = urlsplit(item if kind == "files" else f"//{item}")
        if kind == "prefixes" and ("://" in item or "?" in item or "#" in item):
            raise self.refusal(
                400, "1098", f"Invalid prefix {item}: give host and path, without scheme, query or fragment"
            )
        if kind == "files" and parts.scheme not in ("http", "https"):
            raise self.refusal(400, "1016", f"Invalid URL {item}: give it with its scheme")
        if parts.netloc not in hosts:
            raise self.refusal(400, "1016", f"Invalid {kind[:-1]} {item}: its host is not in this zone")

    async def setting(self, request: Request) -> Response:
        return JSONResponse(envelope(self._development_mode(self._front(request))))

    async def update_setting(self, request: Request) -> Response:
        front, body = self._front(request), await json_body(request, self)
        if body.get("value") not in ("on", "off"):
            raise self.refusal(400, "1007", "Invalid value for zone setting development_mode")
        front.development_mode = body["value"]
        self.context.save()
        return JSONResponse(envelope(self._development_mode(front)))

    def writes(self, request: Request, operation: str) -> bool:
        return super().writes(request, operation) and operation != "analytics"

    async def analytics(self, request: Request) -> Response:
        if effect.get() == "no_analytics":
            return JSONResponse(NO_ANALYTICS)
        return JSONResponse(execute(self.edges, await json_body(request, self)))

    def _development_mode(self, front: Storefront) -> dict[str, Any]:
        left = 3 * 3600 if front.development_mode == "on" else 0
        return {
            "id": "development_mode",
            "value": front.development_mode,
            "editable": True,
            "modified_on": None,
            "time_remaining": left,
        }

    def _zone(self, front: Storefront) -> dict[str, Any]:
        account = {"id": ACCOUNT, "name": "Sandbox"}
        nothing = dict.fromkeys(("original_name_servers", "original_registrar", "original_dnshost"))
        times = dict.fromkeys(("created_on", "modified_on", "activated_on"), time(front.created))
        return {
            **{"id": front.zone, "name": f"{front.name}.example", "status": "active", "paused": False, "type": "full"},
            **{"development_mode": 3 * 3600 if front.development_mode == "on" else 0, "account": account},
            **{
                "owner": {"id": account["id"], "name": "Sandbox", "type": "organization"},
                "meta": {"step": 4, "cdn_only": False, "phishing_detected": False},
            },
            "plan": {
                "id": "free",
                "name": "Free Website",
                "price": 0,
                "currency": "USD",
                "legacy_id": "free",
                "is_subscribed": False,
                "can_subscribe": False,
            },
            **{"name_servers": ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"], **nothing, **times},
        }
