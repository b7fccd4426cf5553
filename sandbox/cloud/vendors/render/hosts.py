# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The domains at Render: before the instances that run, or instead of them."""

from __future__ import annotations

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ...proxy import forward
from ...state import Service
from ..railway.hosts import count
from .jobs import RenderJobs


def render_host(client: httpx.AsyncClient, jobs: RenderJobs, service: Service) -> ASGIApp:
    """Serve a service's domain: one of the instances that are live now; an instance finishes the requests that it has
    started.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        answered = await answer(Request(scope, receive))
        count(service, answered.status_code)
        await answered(scope, receive, send)

    async def answer(request: Request) -> Response:
        mode = service.settings["maintenanceMode"]
        if service.settings["suspended"]:
            return _instead(503, "suspend-by-user", "This service has been suspended by its owner.")
        if mode["enabled"]:
            return await _maintenance(mode["uri"])
        if service.live is None:
            return _instead(404, "no-server", "Not Found")
        await request.body()
        unit = jobs.choose(service)
        if unit is None:
            return _instead(502, "dynamic-paid-error", "Bad Gateway")
        unit.in_flight += 1
        try:
            return await forward(client, request, unit.url)
        except httpx.HTTPError:
            return _instead(502, "dynamic-paid-error", "Bad Gateway")
        finally:
            unit.in_flight -= 1

    async def _maintenance(uri: str) -> Response:
        text = "This service is down for maintenance."
        if uri:
            try:
                text = (await client.get(uri)).text
            except httpx.HTTPError:
                text = "The maintenance page could not be fetched."
        return _instead(503, "maintenance-mode", text)

    return app


def _instead(status: int, reason: str, text: str) -> Response:
    return PlainTextResponse(text, status, {"x-render-routing": reason, "server": "render"})
