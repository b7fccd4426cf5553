#!/usr/bin/python
# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Post a message to Slack, or change one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slack_message
version_added: 1.0.0
short_description: Post a message to Slack, or change one
description:
  - Posts a message to a channel, answers in its thread, or changes a message that the same app has posted.
  - A new message is always a change. A message that is named by O(ts) is changed only where it does not say O(text)
    already; without the scope to read the channel's history that cannot be seen, and each update is a change.
  - With an incoming webhook nothing but new messages can be posted, to the webhook's one channel, and Slack does not
    tell their C(ts).
  - Slack takes one message a second for a channel. What it asks to wait is waited for.
author:
  - Contributors to storefront.runbook (@storefront)
options:
  api_token:
    description:
      - Token of a bot (V(xoxb-...)) with the scope C(chat:write), and C(channels:history) or C(groups:history) to see
        what a message says. Never shown, logged or written to disk.
      - The environment variable E(SLACK_BOT_TOKEN) is used when this option is not set. It is not looked at with
        O(webhook_url).
    type: str
  api_url:
    description:
      - Address of Slack's API. Change it for tests and proxies only.
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
      - URL of an incoming webhook, instead of a token and a channel. It is a secret, and never shown, logged or written
        to disk.
    type: str
  channel:
    description:
      - Id of the channel (V(C0123456789)), or its name for a new message. With O(ts) it must be the id, as
        RV(message.channel) tells it.
    type: str
  text:
    description:
      - What the message shall say, in Slack's own markup.
    type: str
    required: true
  ts:
    description:
      - The message to change, as RV(message.ts) told it when it was posted.
    type: str
  thread_ts:
    description:
      - The message in whose thread the new one goes.
    type: str
  reply_broadcast:
    description:
      - Whether an answer in a thread is shown in the channel as well.
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
- name: Tell that the deploy begins
  storefront.runbook.slack_message:
    api_token: "{{ vault_slack_token }}"
    channel: "#deploys"
    text: "Deploying v1.2.3 to production"
  register: began

- name: Tell in its thread what was done
  storefront.runbook.slack_message:
    api_token: "{{ vault_slack_token }}"
    channel: "{{ began.message.channel }}"
    thread_ts: "{{ began.message.ts }}"
    text: "The database is backed up"

- name: Let the first message tell how it ended
  storefront.runbook.slack_message:
    api_token: "{{ vault_slack_token }}"
    channel: "{{ began.message.channel }}"
    ts: "{{ began.message.ts }}"
    text: "v1.2.3 is live in production"

- name: Tell it by a webhook
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
      description: Id of its channel; in check mode as it was given, and null with a webhook.
      type: str
      sample: C0123456789
    ts:
      description: Its name within the channel; null in check mode for a new one, and with a webhook.
      type: str
      sample: "1767225600.000100"
    thread_ts:
      description: The message in whose thread it is.
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
      description: Slack's own code.
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
from typing import Any

from ansible.module_utils.common.parameters import env_fallback

from ..module_utils.core.errors import ConfigError
from ..module_utils.core.http import REQUESTS_ERROR
from ..module_utils.core.module import Plan, Runtime, run
from ..module_utils.core.options import plain_http_options
from ..module_utils.platforms.slack import API_URL, LONGEST, Slack, Webhook, plain


def argument_spec() -> dict[str, Any]:
    return {
        "api_token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["SLACK_BOT_TOKEN"])},
        "api_url": {"type": "str", "default": API_URL},
        "timeout": {"type": "float", "default": 30.0},
        "webhook_url": {"type": "str", "no_log": True},
        **plain_http_options(),
        "channel": {"type": "str"},
        "text": {"type": "str", "required": True},
        "ts": {"type": "str"},
        "thread_ts": {"type": "str"},
        "reply_broadcast": {"type": "bool", "default": False},
    }


def build_client(params: dict[str, Any], runtime: Runtime) -> Slack | Webhook:
    refuse_unfit(params)
    hooks: dict[str, Any] = {"before_write": runtime.before_write, "tick": runtime.beat, "allow_plain_http": params["allow_plain_http"]}
    if params["webhook_url"]:
        return Webhook(params["webhook_url"], timeout=params["timeout"], **hooks)
    return Slack(params["api_token"], params["api_url"], timeout=params["timeout"], **hooks)


def refuse_unfit(params: dict[str, Any]) -> None:
    if params["webhook_url"] and (params["channel"] or params["ts"]):
        raise ConfigError("A webhook posts new messages to its own channel only. Leave out channel and ts, or use api_token instead of webhook_url.")
    if not params["webhook_url"] and not (params["api_token"] and params["channel"]):
        raise ConfigError("Give api_token and channel, or webhook_url.")
    if params["ts"] and params["thread_ts"]:
        raise ConfigError("ts names a message to change and thread_ts where a new one goes. Give one of them.")
    if params["ts"] and not re.fullmatch(r"[CDG][A-Z0-9]{8,}", params["channel"]):
        raise ConfigError(f"channel is {params['channel']!r}; with ts it must be the channel's id, such as C0123456789. The task that posted it told it.")
    for name in ("ts", "thread_ts"):
        if params[name] and not re.fullmatch(r"\d{10}\.\d{6}", params[name]):
            raise ConfigError(f"{name} is {params[name]!r}, which names no message. Give message.ts of the task that posted it, in quotes.")
    if not params["text"].strip() or len(params["text"]) > LONGEST:
        raise ConfigError(f"text has {len(params['text'])} characters. Give 1 to {LONGEST}.")


def plan(params: dict[str, Any], client: Slack | Webhook) -> Plan:
    text, ts = params["text"], params["ts"]
    place = {key: params[key] for key in ("channel", "ts", "thread_ts")}
    before: dict[str, Any] = {}
    if ts and isinstance(client, Slack):
        says = client.says(params["channel"], ts)
        before = {"text": says if says is not None else "(not to be read with this token)"}
    return Plan(before, {"text": plain(text)}, todo={**params}, result={"message": place})


def apply(intent: Plan, client: Slack | Webhook) -> dict[str, Any]:
    todo = intent.todo
    if isinstance(client, Webhook):
        client.post(todo["text"], todo["thread_ts"])
        return {}
    if todo["ts"]:
        client.update(todo["channel"], todo["ts"], todo["text"])
        return {}
    made = client.post(todo["channel"], todo["text"], todo["thread_ts"], todo["reply_broadcast"])
    return {"message": {**made, "thread_ts": todo["thread_ts"]}}


def main() -> None:
    run(argument_spec(), build_client, plan, apply, secrets=hidden, libraries={"requests": REQUESTS_ERROR})


def hidden(params: dict[str, Any]) -> list[str]:
    """The part of a webhook's URL that matters, which no_log on the whole would not find alone."""
    return [part for part in (params["webhook_url"] or "").strip().split("/")[-1:] if part]


if __name__ == "__main__":
    main()
