# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request sent on to another server, and its answer handed back as it is."""

from __future__ import annotations

import httpx
from starlette.requests import Request
from starlette.responses import Response

_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "date",
}


async def forward(
    client: httpx.AsyncClient, request: Request, origin: str, *, method: str = "", extra: dict[str, str] | None = None
) -> Response:
    """Send ``request`` on to ``origin``, under the host that the client asked for, and return the answer.
    Raises httpx.HTTPError.
    """
    headers = [
        (name, value)
        for name, value in request.headers.items()
        if name not in _HOP_BY_HOP and name not in (extra or {})
    ]
    target = origin + request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
    sent = client.build_request(
        method or request.method, target, headers=[*headers, *(extra or {}).items()], content=await request.body()
    )
    answer = await client.send(sent, stream=True)
    try:
        body = b"".join([chunk async for chunk in answer.aiter_raw()])
    finally:
        await answer.aclose()
    response = Response(body, answer.status_code)
    kept = [
        (name.lower(), value)
        for name, value in answer.headers.raw
        if name.lower().decode() not in _HOP_BY_HOP - {"date"}
    ]
    length = answer.headers.get("content-length", "0") if answer.request.method == "HEAD" else str(len(body))
    response.raw_headers = [*kept, (b"content-length", length.encode())]
    return response
