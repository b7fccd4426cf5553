# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts at the two platforms: static sites from a build's output, and domains before running units."""

from __future__ import annotations

import mimetypes
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .state import Service, Site, SiteDeployment

if TYPE_CHECKING:
    from .cloud import Cloud

_HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "date"}


async def forward(client: httpx.AsyncClient, request: Request, origin: str, *, method: str = "", extra: dict[str, str] | None = None) -> Response:
    """Send ``request`` on to ``origin``, under the host that the client asked for, and return the answer. Raises httpx.HTTPError."""
    headers = [(name, value) for name, value in request.headers.items() if name not in _HOP_BY_HOP and name not in (extra or {})]
    target = origin + request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
    sent = client.build_request(method or request.method, target, headers=[*headers, *(extra or {}).items()], content=await request.body())
    answer = await client.send(sent, stream=True)
    try:
        body = b"".join([chunk async for chunk in answer.aiter_raw()])
    finally:
        await answer.aclose()
    response = Response(body, answer.status_code)
    kept = [(name.lower(), value) for name, value in answer.headers.raw if name.lower().decode() not in _HOP_BY_HOP - {"date"}]
    length = answer.headers.get("content-length", "0") if answer.request.method == "HEAD" else str(len(body))
    response.raw_headers = [*kept, (b"content-length", length.encode())]
    return response


def static_page(folder: Path, path: str) -> Response:
    """Answer a path as a static host does: the file, the same with .html, the folder's index, else the 404 page."""
    name = path.strip("/")
    for candidate in (folder / name, folder / f"{name}.html", folder / name / "index.html"):
        if candidate.is_file() and candidate.resolve().is_relative_to(folder.resolve()):
            immutable = name.startswith("_next/static/")
            return _file(candidate, 200, "public, max-age=31536000, immutable" if immutable else "public, max-age=0, must-revalidate")
    missing = folder / "404.html"
    return _file(missing, 404, "public, max-age=0, must-revalidate") if missing.is_file() else PlainTextResponse("The page could not be found", 404)


def _file(path: Path, status: int, cache_control: str) -> Response:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(path.read_bytes(), status, {"cache-control": cache_control, "server": "Vercel"}, media_type=kind)


def _vercel_error(status: int, code: str, text: str) -> Response:
    headers = {"x-vercel-error": code, "x-vercel-id": f"fra1::{secrets.token_hex(6)}", "server": "Vercel", "cache-control": "no-store"}
    return PlainTextResponse(f"{text}\n\n{code}\n\n{headers['x-vercel-id']}\n", status, headers)


async def _show(cloud: Cloud, deployment: SiteDeployment | None, request: Request) -> Response:
    if deployment is None:
        return _vercel_error(404, "DEPLOYMENT_NOT_FOUND", "The deployment could not be found on Vercel.")
    if deployment.state != "READY":
        return _vercel_error(404, "DEPLOYMENT_NOT_READY", "This deployment is not ready.")
    served = cloud.builder.served(deployment.build)
    path = request.scope["path"]
    page = await _function(cloud, deployment, served, request) if served else static_page(cloud.builder.folder(deployment.build), path)
    cloud.vercel.jobs.note(deployment, request.headers.get("host", ""), path, page.status_code)
    return page


async def _function(cloud: Cloud, deployment: SiteDeployment, app: Path, request: Request) -> Response:
    """Answer by the server that Next.js has for a deployment."""
    unit = await cloud.vercel.jobs.servers.unit(deployment, app)
    if unit is None:
        return _vercel_error(500, "FUNCTION_INVOCATION_FAILED", "This Serverless Function has crashed.")
    unit.in_flight += 1
    try:
        return await forward(cloud.client, request, unit.url, extra={"host": request.headers.get("host", "")})
    except httpx.HTTPError:
        return _vercel_error(502, "FUNCTION_INVOCATION_FAILED", "This Serverless Function did not answer.")
    finally:
        unit.in_flight -= 1


def deployment_host(cloud: Cloud, deployment: SiteDeployment) -> ASGIApp:
    """Serve one deployment, at its own URL."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (await _show(cloud, deployment, Request(scope, receive)))(scope, receive, send)

    return app


def production_host(cloud: Cloud, site: Site) -> ASGIApp:
    """Serve what a project's production domains point at; a domain is told by the request's host."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        host = request.headers.get("host", "")
        alias = site.aliases.get(host if host in site.domains else site.domains[0])
        await (await _show(cloud, site.deployments.get(alias or ""), request))(scope, receive, send)

    return app


def service_host(cloud: Cloud, service: Service) -> ASGIApp:
    """Serve a Railway service's domain: the unit that is live now; a unit keeps the requests that it has begun."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await answer(Request(scope, receive))
        _count(service, response.status_code)
        await response(scope, receive, send)

    async def answer(request: Request) -> Response:
        if service.live is None:
            return _railway_error(404, "Application not found")
        await request.body()
        unit = cloud.railway.running.get(service.live)
        if unit is None:
            return _railway_error(502, "Application failed to respond")
        unit.in_flight += 1
        try:
            return await forward(cloud.client, request, unit.url)
        except httpx.HTTPError:
            return _railway_error(502, "Application failed to respond")
        finally:
            unit.in_flight -= 1

    return app


def _count(service: Service, status: int) -> None:
    """Note an answer for the metrics of its minute; an hour of them is kept."""
    minute = int(time.time()) // 60 * 60
    counts = service.answered.setdefault(str(minute), {})
    counts[str(status)] = counts.get(str(status), 0) + 1
    for old in [key for key in service.answered if int(key) < minute - 3600]:
        del service.answered[old]


def _railway_error(status: int, message: str) -> Response:
    told = {"status": "error", "code": status, "message": message, "request_id": secrets.token_urlsafe(16)}
    return JSONResponse(told, status, {"x-railway-fallback": "true", "server": "railway-edge"})
