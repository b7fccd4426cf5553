# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's S3 server behind an address of the double's own, where requests are recorded and faults can
be switched on.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from . import policies
from .context import Context
from .proxy import forward
from .vendor import Refusal, Vendor

KINDS = {"lease.json": "lease", "ledger": "ledger", "backups": "backup"}
VERBS = {"PUT": "put", "DELETE": "delete", "HEAD": "head", "POST": "put"}
CREDENTIAL = re.compile(r"Credential=([^/]+)/")
UPLOAD = {"PUT": "part", "POST": "complete", "DELETE": "abort", "GET": "parts"}


class Objects(Vendor):
    """Hands everything on. An operation is named after what it does and to what, such as ``put_lease`` or
    ``begin_dump``.
    """

    name = "objects"
    public = False

    def __init__(self, context: Context, s3_url: str) -> None:
        super().__init__(context)
        self.s3_url = s3_url

    def app(self) -> Router:
        return Router([Route("/{path:path}", self.endpoint, methods=["GET", "HEAD", "PUT", "POST", "DELETE"])])

    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        refusal = Refusal(status, None)
        name = "SlowDown" if status in (429, 503) else code
        refusal.response = Response(
            f"<Error><Code>{name}</Code><Message>{message}</Message></Error>", status, media_type="application/xml"
        )
        return refusal

    def writes(self, request: Request, operation: str) -> bool:
        return False  # S3 is never late: nothing has to be remembered of before

    def authorize(self, request: Request) -> None:
        """Refuse what the policy of the access key does not permit. S3 itself judges the signature."""
        named = CREDENTIAL.search(request.headers.get("authorization", ""))
        policy = self.context.policies.get(named[1]) if named else None
        if policy is not None and not policies.permitted(policy, request):
            raise self.refusal(403, "AccessDenied", "Access Denied")

    async def endpoint(self, request: Request) -> Response:
        async def call() -> Response:
            self.authorize(request)
            return await forward(self.context.client, request, self.s3_url)

        return await self.answer(request, _operation(request), call)

    def _storefront(self, request: Request, body: bytes) -> str | None:
        prefix = request.query_params.get("prefix") or "/".join(request.path_params["path"].split("/")[1:])
        name = prefix.split("/")[0]
        return name if name in self.context.storefronts else None


def _operation(request: Request) -> str:
    """Return the operation of a request: a listing has a prefix, a step of a multipart upload has a query."""
    query, method = request.query_params, request.method
    key = query.get("prefix") or "/".join(request.path_params["path"].split("/")[1:])
    _storefront, *path = key.split("/")
    what = KINDS.get(path[0], "other") if path else "other"
    if "uploads" in query and method == "GET":
        return f"unfinished_{what}"
    if what == "backup" and "prefix" not in query:
        what = _part(path[1:])
    if "uploads" in query or "uploadId" in query:
        return f"{'begin' if 'uploads' in query else UPLOAD[method]}_{what}"
    return f"{VERBS.get(method, 'list' if 'list-type' in query else 'get')}_{what}"


def _part(path: list[str]) -> str:
    """Say what of a backup a path below backups/ is; anything beside these three holds the dump, or a piece of it."""
    if len(path) == 1:
        return "manifest"
    return next((what for what in ("globals", "proof") if path[-1].startswith(what)), "dump")
