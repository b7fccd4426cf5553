# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts at Vercel: static files from a build's output, and sites that Next.js serves itself."""

from __future__ import annotations

import mimetypes
import secrets
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ...context import Context
from ...proxy import forward
from ...state import Site, SiteDeployment, now
from . import rolling
from .servers import Servers

STICKY = "_vercel_rolling"


class Hosts:
    """Serves deployments, and notes each request for the runtime log."""

    def __init__(self, context: Context) -> None:
        self.context, self.servers = context, Servers(context)
        # deployment → its last requests, as the runtime log shows them
        self.served: dict[str, deque[dict[str, Any]]] = {}
        self.logged: dict[str, int] = {}  # deployment → how much of its server's output is in the runtime log
        self.visitors = 0  # of rolling releases, without those that came back

    def deployment(self, deployment: SiteDeployment) -> ASGIApp:
        """Serve one deployment, at its own URL."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await (await self._show(deployment, Request(scope, receive)))(scope, receive, send)

        return app

    def production(self, site: Site) -> ASGIApp:
        """Serve the deployment that a project's production domain points at; the request's host names the domain."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            host = request.headers.get("host", "")
            alias = self._rolling(site, request) or site.aliases.get(host if host in site.domains else site.domains[0])
            page = await self._show(site.deployments.get(alias or ""), request)
            if rolling.is_active(site) and alias:
                page.set_cookie(STICKY, alias, path="/")
            await page(scope, receive, send)

        return app

    def _rolling(self, site: Site, request: Request) -> str | None:
        """Return the deployment that a visitor of a rolling release gets: the one that the cookie of an earlier answer
        names, or one by the share of the stage.
        """
        if not rolling.is_active(site):
            return None
        if (known := request.cookies.get(STICKY)) in rolling.served(site):
            return known
        self.visitors += 1
        return rolling.chosen(site, self.visitors - 1)

    async def stop(self, deployments: Iterable[str]) -> None:
        """Stop the processes of deployments that Next.js serves."""
        await self.servers.stop(deployments)

    async def _show(self, deployment: SiteDeployment | None, request: Request) -> Response:
        if deployment is None:
            return _vercel_error(404, "DEPLOYMENT_NOT_FOUND", "The deployment could not be found on Vercel.")
        if deployment.state != "READY":
            return _vercel_error(404, "DEPLOYMENT_NOT_READY", "This deployment is not ready.")
        app = self.context.builder.served(deployment.build)
        page = (
            await self._function(deployment, app, request)
            if app
            else static_page(self.context.builder.folder(deployment.build), request.scope["path"])
        )
        self._note(deployment, request, page.status_code)
        return page

    async def _function(self, deployment: SiteDeployment, app: Path, request: Request) -> Response:
        """Answer by the server that Next.js has for a deployment."""
        unit = await self.servers.unit(deployment, app)
        if unit is None:
            return _vercel_error(500, "FUNCTION_INVOCATION_FAILED", "This Serverless Function has crashed.")
        if not unit.in_flight:
            self._output(deployment)  # what it printed without a request, as at its start
        unit.in_flight += 1
        try:
            page = await forward(
                self.context.client, request, unit.url, extra={"host": request.headers.get("host", "")}
            )
        except httpx.HTTPError:
            page = _vercel_error(502, "FUNCTION_INVOCATION_FAILED", "This Serverless Function did not answer.")
        finally:
            unit.in_flight -= 1
        for line in self._output(deployment):
            self._note(deployment, request, page.status_code, line)
        return page

    def _output(self, deployment: SiteDeployment) -> list[str]:
        """Return the lines that the server of a deployment has printed since the last call."""
        file = self.servers.log(deployment)
        content = file.read_bytes() if file.exists() else b""
        begin, end = self.logged.get(deployment.id, 0), content.rfind(b"\n") + 1
        self.logged[deployment.id] = end
        return content[begin:end].decode(errors="replace").splitlines()

    def _note(self, deployment: SiteDeployment, request: Request, status: int, message: str = "") -> None:
        """Keep a request for the runtime log, or a line that a function printed for it."""
        level = "error" if status >= 500 else "warning" if status >= 400 else "info"
        row = {
            "level": "info" if message else level,
            "message": message,
            "rowId": str(now()),
            "source": "serverless" if message else "request",
            "timestampInMs": now(),
            "domain": request.headers.get("host", ""),
            "messageTruncated": False,
        }
        rows = self.served.setdefault(deployment.id, deque(maxlen=100))
        where = {"requestMethod": request.method, "requestPath": request.scope["path"], "responseStatusCode": status}
        rows.append({**row, **where})


def static_page(folder: Path, path: str) -> Response:
    """Answer a path as a static host does: the file, the same with .html, the folder's index, else the 404 page."""
    name = path.strip("/")
    for candidate in (folder / name, folder / f"{name}.html", folder / name / "index.html"):
        if candidate.is_file() and candidate.resolve().is_relative_to(folder.resolve()):
            immutable = name.startswith("_next/static/")
            return _file(
                candidate,
                200,
                "public, max-age=31536000, immutable" if immutable else "public, max-age=0, must-revalidate",
            )
    missing = folder / "404.html"
    return (
        _file(missing, 404, "public, max-age=0, must-revalidate")
        if missing.is_file()
        else PlainTextResponse("The page could not be found", 404)
    )


def _file(path: Path, status: int, cache_control: str) -> Response:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(path.read_bytes(), status, {"cache-control": cache_control, "server": "Vercel"}, media_type=kind)


def _vercel_error(status: int, code: str, text: str) -> Response:
    headers = {
        "x-vercel-error": code,
        "x-vercel-id": f"fra1::{secrets.token_hex(6)}",
        "server": "Vercel",
        "cache-control": "no-store",
    }
    return PlainTextResponse(f"{text}\n\n{code}\n\n{headers['x-vercel-id']}\n", status, headers)
