# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slack's Web API and its incoming webhooks: one channel for each storefront, whose messages are kept."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Router

from ...faults import Fault, effect
from ...state import Storefront, now
from ...vendor import Refusal, Vendor, json_body

TEAM, BOT, APP, USER = "T0SANDBOX00", "B0SANDBOX00", "A0SANDBOX00", "U0SANDBOX00"
LONGEST = 40_000  # characters of a message


class Slack(Vendor):
    name = "slack"

    def app(self) -> Router:
        webhook = self.route("POST", "/services/{team}/{bot}/{key}", "webhook", self.webhook)
        api = [
            self.route("POST", "/chat.postMessage", "post_message", self.post_message),
            self.route("POST", "/chat.update", "update_message", self.update_message),
            self.route("GET", "/conversations.replies", "replies", self.replies),
            self.route("GET", "/auth.test", "auth_test", self.auth_test),
            self.route("GET", "/api.test", "api_test", self.api_test),
        ]
        return Router([webhook, Mount("/api", routes=api)])

    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        """The Web API refuses with a 200, unless it is too busy to say more than a status."""
        word = {"bad_request": "invalid_json"}.get(code, code)
        return Refusal(status if status in (429, 500, 502, 503, 504) else 200, {"ok": False, "error": word})

    def rate_limited(self, fault: Fault) -> Response:
        return self.refusal(429, "ratelimited", "").response

    def authorize(self, request: Request) -> None:
        if request.url.path.startswith("/services/"):
            return  # the URL is the secret: see webhook
        if not self.bearer(request):
            raise self.refusal(200, "not_authed", "")
        if self.bearer(request) != self.context.tokens["slack"]:
            raise self.refusal(200, "invalid_auth", "")

    def forbidden(self, request: Request, operation: str) -> Refusal:
        return self.refusal(200, "missing_scope", "")

    def _front(self, channel: Any, *, by_name: bool = False) -> Storefront:
        for front in self.context.storefronts.values():
            if channel == front.slack["channel"] or (
                by_name and channel in (front.slack["name"], f"#{front.slack['name']}")
            ):
                return front
        raise self.refusal(200, "channel_not_found", "")

    async def post_message(self, request: Request) -> Response:
        body = await json_body(request, self)
        front = self._front(body.get("channel"), by_name=True)
        kept = self._post(front, body)
        return JSONResponse({"ok": True, "channel": front.slack["channel"], "ts": kept["ts"], "message": _shown(kept)})

    def _post(self, front: Storefront, body: dict[str, Any]) -> dict[str, Any]:
        text = self._text(body)
        at, messages = now(), front.slack["messages"]
        if (wait := self.context.delays.message * 1000) and messages and at - messages[-1]["at"] < wait:
            refused = self.refusal(429, "ratelimited", "")
            refused.response.headers["retry-after"] = f"{self.context.delays.message:g}"
            raise refused
        thread = body.get("thread_ts")
        if thread is not None and all(kept["ts"] != thread for kept in messages):
            thread = None  # the vendor posts it to the channel then
        kept = {
            "ts": f"{at // 1000:010}.{at % 1000:03}000",
            "at": at,
            "text": text,
            "thread_ts": thread,
            "edited": False,
            "blocks": self._blocks(body),
        }
        messages.append(kept)
        self.context.save()
        return kept

    def _text(self, body: dict[str, Any]) -> str:
        text = body.get("text")
        if not isinstance(text, str) or not text.strip():
            raise self.refusal(200, "no_text", "")
        if len(text) > LONGEST:
            raise self.refusal(200, "msg_too_long", "")
        return _escaped(text)

    def _blocks(self, body: dict[str, Any]) -> list[Any]:
        """Return the blocks of a message, of which a section has at most 3,000 characters."""
        blocks = body.get("blocks") or []
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            return []  # which the contract does not allow: see /violations
        texts = [block.get("text", {}).get("text", "") for block in blocks if block.get("type") == "section"]
        if len(blocks) > 50 or any(not 1 <= len(text) <= 3000 for text in texts):
            raise self.refusal(200, "invalid_blocks", "")
        return blocks

    async def update_message(self, request: Request) -> Response:
        body = await json_body(request, self)
        front = self._front(body.get("channel"))
        for kept in front.slack["messages"]:
            if kept["ts"] == body.get("ts"):
                kept["text"], kept["edited"] = self._text(body), True
                if "blocks" in body:  # without any, the vendor keeps those of before
                    kept["blocks"] = self._blocks(body)
                self.context.save()
                answer = {
                    "channel": front.slack["channel"],
                    "ts": kept["ts"],
                    "text": kept["text"],
                    "message": {"text": kept["text"]},
                }
                return JSONResponse({"ok": True, **answer})
        raise self.refusal(200, "message_not_found", "")

    async def replies(self, request: Request) -> Response:
        """The first message of a thread comes with every page of it."""
        query = request.query_params
        if effect.get() == "missing_scope":
            raise self.refusal(200, "missing_scope", "")
        front, ts = self._front(query.get("channel")), query.get("ts")
        named = next((kept for kept in front.slack["messages"] if kept["ts"] == ts), None)
        if named is None:
            raise self.refusal(200, "thread_not_found", "")
        first = named["thread_ts"] or named["ts"]
        lowest, highest = query.get("oldest", "0"), query.get("latest", "9999999999.999999")
        inclusive = query.get("inclusive") in ("true", "1")
        thread = [
            kept
            for kept in front.slack["messages"]
            if kept["thread_ts"] == first and _within(kept["ts"], lowest, highest, inclusive)
        ]
        begin, size = int(query.get("cursor") or 0), int(query.get("limit", 1000))
        messages = [next(kept for kept in front.slack["messages"] if kept["ts"] == first), *thread[begin:][:size]]
        more = begin + size < len(thread)
        cursor = {"next_cursor": str(begin + size) if more else ""}
        return JSONResponse(
            {"ok": True, "messages": [_shown(kept) for kept in messages], "has_more": more, "response_metadata": cursor}
        )

    async def auth_test(self, request: Request) -> Response:
        url = f"http://{request.headers['host']}/"
        return JSONResponse(
            {
                "ok": True,
                "url": url,
                "team": "Sandbox",
                "user": "sandbox",
                "team_id": TEAM,
                "user_id": USER,
                "bot_id": BOT,
            }
        )

    async def api_test(self, request: Request) -> Response:
        if error := request.query_params.get("error"):
            raise self.refusal(200, error, "")
        return JSONResponse({"ok": True})

    async def webhook(self, request: Request) -> Response:
        """A webhook answers in plain text, with the HTTP status."""
        front = next(
            (front for front in self.context.storefronts.values() if front.slack["webhook"].endswith(request.url.path)),
            None,
        )
        if front is None:
            return PlainTextResponse("no_service" if request.path_params["team"] == TEAM else "no_team", 404)
        try:
            self._post(front, await json_body(request, self))
        except Refusal as refusal:
            code = json.loads(bytes(refusal.response.body))["error"]
            answer = PlainTextResponse(
                {"invalid_json": "invalid_payload"}.get(code, code), 429 if code == "ratelimited" else 400
            )
            answer.headers.update(
                {name: value for name, value in refusal.response.headers.items() if name == "retry-after"}
            )
            return answer
        return PlainTextResponse("ok")


def _within(ts: str, lowest: str, highest: str, inclusive: bool) -> bool:
    return lowest <= ts <= highest if inclusive else lowest < ts < highest


def _escaped(text: str) -> str:
    """Return the text as Slack keeps it: the three characters of its markup escaped, bare addresses in
    angle brackets, links as they are.
    """
    parts = re.split(r"(<https?://[^>]+>)", text)
    return "".join(
        part if place % 2 else _linked(html.escape(html.unescape(part), quote=False))
        for place, part in enumerate(parts)
    )


def _linked(text: str) -> str:
    return re.sub(r"(https?://[^\s<>|]+)", r"<\1>", text)


def _shown(kept: dict[str, Any]) -> dict[str, Any]:
    icons = {f"image_{size}": f"https://slack.example/{size}.png" for size in (36, 48, 72)}
    bot = {
        "id": BOT,
        "app_id": APP,
        "name": "runbook",
        "icons": icons,
        "deleted": False,
        "updated": 1_700_000_000,
        "team_id": TEAM,
    }
    shown = {
        "type": "message",
        "text": kept["text"],
        "ts": kept["ts"],
        "user": USER,
        "team": TEAM,
        "bot_id": BOT,
        "bot_profile": bot,
    }
    return {**shown, **({"thread_ts": kept["thread_ts"]} if kept["thread_ts"] else {})}
