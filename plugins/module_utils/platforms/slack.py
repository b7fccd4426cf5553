# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slack: send messages by its Web API or by an incoming webhook."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import ApiError, ConfigError
from ..core.http import ApiClient
from ..core.http_errors import words
from ..core.urls import refuse_credentials

API_URL = "https://slack.com/api"
LONGEST = 40_000  # characters of a message
MOST_BLOCKS = 50
Blocks = Sequence[Mapping[str, Any]]
BUSY = {"ratelimited", "rate_limited"}
NO_SCOPE = {"missing_scope", "not_allowed_token_type", "no_permission"}

ADVICE = {
    "not_authed": "Check the token: Slack received none.",
    "invalid_auth": "Check the token: it is unknown, or belongs to another workspace.",
    "token_revoked": "Install the app in the workspace again and take its new token.",
    "token_expired": "Renew the app's token, or turn token rotation off in its settings and install it again.",
    "account_inactive": "Install the app in the workspace again and take its new token.",
    "missing_scope": "Give the app the scope chat:write and install it again.",
    "channel_not_found": "Set channel to its id (About > Channel ID), and invite the app if the channel is private.",
    "not_in_channel": "Invite the app to the channel: /invite @app.",
    "restricted_action": "A workspace setting forbids this app to post: ask an administrator, or use another channel.",
    "is_archived": "The channel is archived: use another one.",
    "message_not_found": (
        "Leave ts out to post a new message, or correct it: the task that posted the message returns it, for the same"
        " channel."
    ),
    "cant_update_message": "Only the app that posted a message may change it: use its token.",
    "edit_window_closed": "The message is too old to be changed in this workspace: post a new one.",
    "msg_too_long": "Shorten the text to 40,000 characters.",
    "msg_blocks_too_long": "Shorten the text: Slack accepts about 13,000 characters of blocks.",
    "invalid_blocks": "Correct the blocks: Slack's Block Kit Builder shows what is wrong with them.",
    "no_text": "Set text.",
    # Of webhooks
    "no_service": "The webhook does not exist any more: create a new one in the app's settings (Incoming Webhooks).",
    "no_team": "The webhook's workspace is unknown: copy its URL again.",
    "invalid_token": "The webhook's URL is wrong or revoked: copy it again.",
    "action_prohibited": "An administrator has restricted this webhook's channel.",
    "channel_is_archived": "The webhook's channel is archived: create a webhook for another one.",
}


ADVICE |= dict.fromkeys(BUSY, "Slack accepts one message a second for a channel: try again.")


def is_busy(response: Any) -> bool:
    """Whether Slack refuses with a 200 because of its limit of one message a second for a channel."""
    return words(parse_error, response)[0] in BUSY


def parse_error(response: Any) -> tuple[str | None, str | None]:
    """Return the code and message: the Web API's ``error``, or the text of a webhook's answer."""
    try:
        code = response.json()["error"]
        code = code if re.fullmatch(r"[a-z_]{3,60}", code) else None
    except (ValueError, LookupError, TypeError):
        code = response.text.strip() if re.fullmatch(r"[a-z_]{3,40}", response.text.strip()) else None
    return code, ADVICE.get(code or "")


def plain(text: str) -> str:
    """Return the plain text of a message: Slack stores three characters escaped, and bare URLs in angle brackets."""
    return html.unescape(re.sub(r"<(https?://[^>|]+)>", r"\1", text)).strip()


class Slack:
    """Calls Slack with the token of an app. ``client`` goes to ApiClient."""

    def __init__(
        self, api_token: str, api_url: str = API_URL, *, sleep: Callable[[float], None] = time.sleep, **client: Any
    ) -> None:
        self._sleep = sleep
        self._api = ApiClient(
            "Slack",
            api_url,
            headers={"Authorization": f"Bearer {api_token}"},
            parse_error=parse_error,
            is_busy=is_busy,
            sleep=sleep,
            **client,
        )

    def close(self) -> None:
        self._api.close()

    def says(self, channel: str, ts: str) -> str | None:
        """Return a message's text; None where the token may not read the channel's history. Raises ApiError for an
        unknown message.

        A new message may not be found at once, so there are two tries.
        """
        query = {"channel": channel, "ts": ts, "oldest": ts, "latest": ts, "inclusive": "true"}
        for pause in (1, 0):
            try:
                messages = self._call(
                    "GET", "/conversations.replies", {"messages": [{"ts?": str, "text?": str}]}, params=query
                )["messages"]
            except ApiError as error:
                if error.code in NO_SCOPE:
                    return None
                if error.code != "thread_not_found":
                    raise
                messages = []
            for message in messages:
                if message.get("ts") == ts:
                    return plain(message.get("text", ""))
            self._sleep(pause)
        raise refusal("message_not_found", f"show {ts}")

    def post(
        self, channel: str, text: str, thread_ts: str | None, broadcast: bool, blocks: Blocks = ()
    ) -> dict[str, Any]:
        """Post a message and return ``{channel, ts}``; the channel is always returned as its id."""
        thread = {"thread_ts": thread_ts, "reply_broadcast": broadcast} if thread_ts else {}
        made = self._call(
            "POST",
            "/chat.postMessage",
            {"channel": str, "ts": str},
            json={"channel": channel, "text": text, "unfurl_links": False, **thread, **_shown(blocks)},
        )
        return {"channel": made["channel"], "ts": made["ts"]}

    def update(self, channel: str, ts: str, text: str, blocks: Blocks = ()) -> None:
        # A second identical change has no effect, so the request is sent again when the answer is lost.
        self._call(
            "POST",
            "/chat.update",
            {"ts?": str},
            json={"channel": channel, "ts": ts, "text": text, **_shown(blocks)},
            idempotent=True,
        )

    def _call(self, method: str, path: str, shape: dict[str, Any], **request: Any) -> dict[str, Any]:
        """Return the fields of the answer that ``shape`` names. A 200 with ``ok: false`` is an error too;
        nothing was done then.
        """
        answer = self._api.json(method, path, shape=({"ok": False, "error?": str}, {"ok": True, **shape}), **request)
        if not answer["ok"]:
            raise refusal(answer.get("error", "no reason"), path.removeprefix("/"))
        return answer


def elements(blocks: Blocks) -> list[Mapping[str, Any]]:
    """Return the parts of blocks that a person can press or choose."""
    found = [part for block in blocks for part in [*(block.get("elements") or []), block.get("accessory")]]
    return [part for part in found if isinstance(part, Mapping)]


def _shown(blocks: Blocks) -> dict[str, Any]:
    return {"blocks": list(blocks)} if blocks else {}


def refusal(code: str, what: str) -> ApiError:
    advice = ADVICE.get(code, "Read about this code on the method's page at Slack.")
    return ApiError(f"Slack refused {what}: {code}. {advice}", code=code, status=200, retryable=code in BUSY)


class Webhook:
    """Posts to the channel of an incoming webhook, whose URL is a secret. ``client`` goes to ApiClient."""

    def __init__(self, url: str, **client: Any) -> None:
        self._path = webhook_path(url)
        base = url.strip().removesuffix(self._path)
        self._api = ApiClient(
            "Slack", base, headers={}, parse_error=parse_error, secrets=[self._path], option="webhook_url", **client
        )

    def close(self) -> None:
        self._api.close()

    def post(self, text: str, thread_ts: str | None, blocks: Blocks = ()) -> None:
        thread = {"thread_ts": thread_ts} if thread_ts else {}
        answer = self._api.request("POST", self._path, json={"text": text, **thread, **_shown(blocks)})
        if answer.text.strip() != "ok":
            raise ApiError(
                "Slack's webhook did not confirm the message. Check whether it is in the channel, and check webhook_url"
                " and any proxy in between.",
                code="malformed_body",
                status=answer.status_code,
                retryable=True,
            )


def webhook_path(url: str) -> str:
    """Return the secret part of a webhook's URL. Raises ConfigError, without showing the secret."""
    refuse_credentials(
        url.strip(), "webhook_url", "Copy the whole URL from the app's settings at Slack (Incoming Webhooks)."
    )
    parts = urlsplit(url.strip())
    if (
        parts.scheme not in ("https", "http")
        or not parts.netloc
        or len(parts.path) < 2
        or re.search(r"\s", url.strip())
    ):
        raise ConfigError(
            "webhook_url is not the URL of a webhook. Copy the whole URL from the app's settings at Slack (Incoming"
            " Webhooks); it starts with https://.",
            code="bad_webhook_url",
        )
    return url.strip().partition(parts.netloc)[2]
