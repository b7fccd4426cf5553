# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's mail server: a real SMTP server that delivers to nobody, and a small view of what it received."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.smtp import SMTP
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Router

from .context import Context
from .state import now
from .vendor import Refusal, Vendor

KEPT = 1000  # messages


class Mail(Vendor):
    """``smtp`` is the port of the server; the view is at the port ``mail``. The fault ``lost`` accepts a message and
    forgets it.
    """

    name = "mail"
    public = False

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.messages: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._server: asyncio.Server | None = None

    async def open(self, port: int) -> None:
        """Listen for mail."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", port)

    async def close(self) -> None:
        if self._server:
            self._server.close()

    def app(self) -> Router:
        return Router(
            [
                self.route("GET", "/messages", "list_messages", self.listing),
                self.route("DELETE", "/messages", "delete_messages", self.delete),
            ]
        )

    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        return Refusal(status, {"error": code, "message": message})

    def authorize(self, request: Request) -> None:
        if self.bearer(request) != self.context.tokens["mail"]:
            raise self.refusal(401, "unauthorized", "The token is wrong.")

    def writes(self, request: Request, operation: str) -> bool:
        return False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep a message that was sent."""
        if self.context.faults.take("mail", "receive"):
            return "250 Message accepted for delivery"
        message = message_from_bytes(envelope.content, policy=policy.default)
        body = message.get_body(("plain", "html"))
        self.messages.append(
            {
                **{"id": secrets.token_hex(8), "at": now(), "from": envelope.mail_from, "to": list(envelope.rcpt_tos)},
                **{"subject": str(message["subject"] or ""), "message_id": str(message["message-id"] or "")},
                "text": body.get_content() if body else "",
            }
        )
        return "250 Message accepted for delivery"

    def _wanted(self, request: Request) -> list[dict[str, Any]]:
        to, subject = request.query_params.get("to", "").lower(), request.query_params.get("subject", "")
        return [
            message
            for message in self.messages
            if (not to or to in [address.lower() for address in message["to"]]) and subject in message["subject"]
        ]

    async def listing(self, request: Request) -> Response:
        """The messages to an address, and with a text in the subject, the newest last."""
        return JSONResponse({"items": self._wanted(request)})

    async def delete(self, request: Request) -> Response:
        for message in self._wanted(request):
            self.messages.remove(message)
        return Response(status_code=204)
