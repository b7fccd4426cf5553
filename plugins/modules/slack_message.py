#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Post or update a Slack message."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slack_message
version_added: 1.0.0
short_description: Post or update a Slack message
description:
  - Posts a message to a channel, replies in its thread, or updates a message that the same app has posted.
  - A new message is always a change. The module updates the message O(ts) only if its text differs from O(text).
    Without the scope to read the channel's history it cannot compare the text, so each update is a change.
  - An incoming webhook can only post new messages to its own channel, and Slack does not return their C(ts).
  - Slack accepts one message per second and channel. The module waits as long as Slack requests.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  api_token:
    description:
      - Token of a bot (V(xoxb-...)) with the scope C(chat:write). To compare the text of a message, it also needs
        C(channels:history) or C(groups:history). Never shown, logged or written to disk.
      - The environment variable E(SLACK_BOT_TOKEN) is used when this option is not set. It is ignored with
        O(webhook_url).
    type: str
  api_url:
    description:
      - URL of Slack's API. Change it for tests and proxies only.
    type: str
    default: https://slack.com/api
  allow_plain_http:
    description:
      - Allows secrets to be sent over plain HTTP to another machine. Secrets are tokens, webhooks, secret headers of
        probes and credentials of the store. The module refuses this by default. The local machine (V(127.0.0.0/8),
        V(::1), V(localhost)) is always allowed.
    type: bool
    default: false
  timeout:
    description:
      - Seconds for one attempt of a request, up to the last byte of the response. A request with its retries takes at
        most six times this value and at most 180 seconds.
    type: float
    default: 30.0
  webhook_url:
    description:
      - URL of an incoming webhook, instead of a token and a channel. It is a secret and is never shown, logged or
        written to disk.
    type: str
  channel:
    description:
      - Id of the channel (V(C0123456789)). For a new message its name works too. With O(ts) it must be the id from
        RV(message.channel).
    type: str
  text:
    description:
      - Text of the message, in Slack's markup. With O(blocks) it is what notifications and screen readers show.
    type: str
    required: true
  blocks:
    description:
      - Blocks of the message, in the form of Slack's Block Kit. At most 50. They are sent with a new text only. A
        button must be a link, as nothing answers an interaction.
    type: list
    elements: dict
    default: []
  ts:
    description:
      - Message to update. Use the RV(message.ts) of the task that posted it.
    type: str
  thread_ts:
    description:
      - Message to reply to. The new message appears in its thread.
    type: str
  reply_broadcast:
    description:
      - Whether a reply in a thread is also shown in the channel.
    type: bool
    default: false
attributes:
  check_mode:
    description: Predicts the changes without making them.
    support: full
  diff_mode:
    description: Shows the changes.
    support: full
seealso:
  - module: storefront.runbook.github_deployment
"""

EXAMPLES = r"""
- name: Post that the deploy starts
  storefront.runbook.slack_message:
    api_token: "{{ vault_slack_token }}"
    channel: "#deploys"
    text: "Deploying v1.2.3 to production"
  register: began

- name: Post a step in its thread
  storefront.runbook.slack_message:
    api_token: "{{ vault_slack_token }}"
    channel: "{{ began.message.channel }}"
    thread_ts: "{{ began.message.ts }}"
    text: "The database is backed up"

- name: Update the first message with the outcome
  storefront.runbook.slack_message:
    api_token: "{{ vault_slack_token }}"
    channel: "{{ began.message.channel }}"
    ts: "{{ began.message.ts }}"
    text: "v1.2.3 is live in production"

- name: Post by a webhook
  storefront.runbook.slack_message:
    webhook_url: "{{ vault_slack_webhook }}"
    text: "v1.2.3 is live in production"
"""

RETURN = r"""
message:
  description: The message.
  returned: success
  type: dict
  contains:
    channel:
      description: Id of the channel. In check mode the value of O(channel), and null with a webhook.
      type: str
      sample: C0123456789
    ts:
      description: Identifier of the message within the channel. Null for a new message in check mode, and with a
        webhook.
      type: str
      sample: "1767225600.000100"
    thread_ts:
      description: Message that it replies to.
      type: str
      sample: "1767225600.000100"
elapsed:
  description: Run time of the module in seconds.
  returned: always
  type: float
  sample: 0.412
error:
  description: The error in machine-readable form.
  returned: failure
  type: dict
  contains:
    kind:
      description: Kind of the error, such as V(config), V(api) or V(unreachable).
      type: str
      sample: api
    code:
      description: Slack's error code.
      type: str
      sample: not_in_channel
    status:
      description: HTTP status of the response.
      type: int
      sample: 200
    request_id:
      description: Id of the request, if the vendor returns one.
      type: str
    message:
      description: Same text as C(msg).
      type: str
    retryable:
      description: Whether a later retry of the same request may succeed.
      type: bool
"""

import re
from dataclasses import dataclass, fields
from typing import Any

from ansible.module_utils.common.parameters import env_fallback

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Runtime, run
from ..module_utils.core.options import plain_http_options
from ..module_utils.core.plan import Plan
from ..module_utils.platforms.slack import API_URL, LONGEST, MOST_BLOCKS, Slack, Webhook, elements, plain


def argument_spec() -> dict[str, Any]:
    return {
        "api_token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["SLACK_BOT_TOKEN"])},
        "api_url": {"type": "str", "default": API_URL},
        "timeout": {"type": "float", "default": 30.0},
        "webhook_url": {"type": "str", "no_log": True},
        **plain_http_options(),
        "channel": {"type": "str"},
        "text": {"type": "str", "required": True},
        "blocks": {"type": "list", "elements": "dict", "default": []},
        "ts": {"type": "str"},
        "thread_ts": {"type": "str"},
        "reply_broadcast": {"type": "bool", "default": False},
    }


@dataclass(frozen=True)
class Message:
    """The message to post, or with ``ts`` the new text of one that was posted. The fields are the module's options."""

    channel: str
    text: str
    ts: str | None
    thread_ts: str | None
    reply_broadcast: bool
    blocks: list[dict[str, Any]]


MESSAGE = [field.name for field in fields(Message)]


def build_client(params: dict[str, Any], runtime: Runtime) -> Slack | Webhook:
    refuse_unfit(params)
    hooks: dict[str, Any] = {
        "before_write": runtime.before_write,
        "tick": runtime.heartbeat,
        "allow_plain_http": params["allow_plain_http"],
    }
    if params["webhook_url"]:
        return Webhook(params["webhook_url"], timeout=params["timeout"], **hooks)
    return Slack(params["api_token"], params["api_url"], timeout=params["timeout"], **hooks)


def refuse_unfit(params: dict[str, Any]) -> None:
    if params["webhook_url"] and (params["channel"] or params["ts"]):
        raise ConfigError(
            "A webhook posts new messages to its own channel only. Leave out channel and ts, or use api_token instead"
            " of webhook_url."
        )
    if not params["webhook_url"] and not (params["api_token"] and params["channel"]):
        raise ConfigError("Set api_token and channel, or webhook_url.")
    if params["ts"] and params["thread_ts"]:
        raise ConfigError("ts updates a message and thread_ts replies to one. Set only one of them.")
    if params["ts"] and not re.fullmatch(r"[CDG][A-Z0-9]{8,}", params["channel"]):
        raise ConfigError(
            f"channel is {params['channel']!r}. With ts it must be the channel's id, such as C0123456789. "
            "Use message.channel of the task that posted the message."
        )
    for name in ("ts", "thread_ts"):
        if params[name] and not re.fullmatch(r"\d{10}\.\d{6}", params[name]):
            raise ConfigError(
                f"{name} is {params[name]!r}, which identifies no message. Use message.ts of the task that posted it,"
                " in quotes."
            )
    if len(params["blocks"]) > MOST_BLOCKS:
        raise ConfigError(f"blocks has {len(params['blocks'])} blocks. Slack takes {MOST_BLOCKS} in a message.")
    if any(button.get("type") == "button" and not button.get("url") for button in elements(params["blocks"])):
        raise ConfigError("A button in blocks has no url. Nothing would answer it: give it a url, or leave it out.")
    if not params["text"].strip() or len(params["text"]) > LONGEST:
        raise ConfigError(f"text has {len(params['text'])} characters. It must have 1 to {LONGEST}.")


def plan(params: dict[str, Any], client: Slack | Webhook) -> Plan:
    text, ts = params["text"], params["ts"]
    place = {key: params[key] for key in ("channel", "ts", "thread_ts")}
    before: dict[str, Any] = {}
    if ts and isinstance(client, Slack):
        current = client.says(params["channel"], ts)
        before = {"text": current if current is not None else "(not readable with this token)"}
    message = Message(**{name: params[name] for name in MESSAGE})
    return Plan(before, {"text": plain(text)}, message, {"message": place})


def apply(intent: Plan, client: Slack | Webhook) -> dict[str, Any]:
    message: Message = intent.todo
    if isinstance(client, Webhook):
        client.post(message.text, message.thread_ts, message.blocks)
        return {}
    if message.ts:
        client.update(message.channel, message.ts, message.text, message.blocks)
        return {}
    made = client.post(message.channel, message.text, message.thread_ts, message.reply_broadcast, message.blocks)
    return {"message": {**made, "thread_ts": message.thread_ts}}


def main() -> None:
    run(argument_spec(), build_client, plan, apply, secrets=hidden, libraries={"requests": REQUESTS_ERROR})


def hidden(params: dict[str, Any]) -> list[str]:
    """Return the secret last part of a webhook's URL. With no_log on the whole URL, Ansible would not mask
    this part alone.
    """
    return [part for part in (params["webhook_url"] or "").strip().split("/")[-1:] if part]


if __name__ == "__main__":
    main()
