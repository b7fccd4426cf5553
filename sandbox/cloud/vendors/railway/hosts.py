# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The domains at Railway: before the process that runs, or instead of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ...proxy import forward
from ...state import Service
from ...units import Unit


def service_host(client: httpx.AsyncClient, running: Mapping[str, Unit], service: Service) -> ASGIApp:
    """Serve a Railway service's domain: the unit that is live now; a unit keeps the requests that it has started."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await answer(Request(scope, receive))
        count(service, response.status_code)
        await response(scope, receive, send)

    async def answer(request: Request) -> Response:
        if service.live is None:
            return _railway_error(404, "Application not found")
        await request.body()
        unit = running.get(service.live)
        if unit is None:
            return _railway_error(502, "Application failed to respond")
        unit.in_flight += 1
        try:
            return await forward(client, request, unit.url)
        except httpx.HTTPError:
            return _railway_error(502, "Application failed to respond")
        finally:
            unit.in_flight -= 1

    return app


def count(service: Service, status: int) -> None:
    """Note an answer for the metrics of its minute; an hour of them is kept."""
    minute = int(time.time()) // 60 * 60
    counts = service.answered.setdefault(str(minute), {})
    counts[str(status)] = counts.get(str(status), 0) + 1
    for old in [key for key in service.answered if int(key) < minute - 3600]:
        del service.answered[old]


def _railway_error(status: int, message: str) -> Response:
    body = {"status": "error", "code": status, "message": message, "request_id": secrets.token_urlsafe(16)}
    return JSONResponse(body, status, {"x-railway-fallback": "true", "server": "railway-edge"})
