# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends what a run did to other systems: CDEvents, a signed webhook and a trace; an action of our roles alone.

Its options are ``event`` (begin or end), ``run``, the facts as roles/notify/vars/main.yml gathers them, and ``to``:
``events_url``, ``events_token``, ``webhook_url``, ``webhook_key``, ``otlp_url``, ``otlp_headers``, ``timeout`` and
``allow_plain_http``. All receivers are asked at the same time, and none for longer than ``timeout`` seconds. It runs on
the controller, since only there every secret to mask is known.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.core.errors import RunbookError
from ..module_utils.core.http import ApiClient
from ..module_utils.release import events
from ..plugin_utils.screen.ansible_facts import learn_secrets
from ..plugin_utils.screen.secrets import Mask

TIMEOUT, GRACE = 5.0, 0.5  # seconds
Receiver = tuple[str, Callable[[], None]]


class ActionModule(ActionBase):
    _VALID_ARGS = frozenset(("event", "run", "to"))
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return {**result, "skipped": True, "msg": "Check mode sends no events."}
        mask = Mask()
        learn_secrets(mask, task_vars or {})
        mask.learn_environment(os.environ)
        options, now = self._task.args["to"], datetime.now(UTC)
        wanted = list(receivers(self._task.args["event"], mask.deep(self._task.args["run"]), options, now))
        problems = list(send_all(wanted, float(options.get("timeout") or TIMEOUT)))
        if problems:
            raise AnsibleActionFail(mask(" ".join(problems)))
        return {**result, "changed": False, "sent": [name for name, _send in wanted]}


def receivers(event: str, run: Mapping[str, Any], options: Mapping[str, Any], now: datetime) -> Iterator[Receiver]:
    """Yield who receives the event, and how it is sent."""
    if options.get("events_url"):
        token = options.get("events_token")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        yield "the receiver of events", lambda: _post_events(event, run, options, headers, now)
    if options.get("webhook_url"):
        yield "the webhook", lambda: _post_webhook(event, run, options, now)
    if options.get("otlp_url") and event == events.END:
        yield "the collector of traces", lambda: _post_trace(run, options, now)


def send_all(wanted: Sequence[Receiver], seconds: float) -> Iterator[str]:
    """Send to all at once, and yield what went wrong. A thread that hangs, such as in the resolver of names, is left
    behind and ends with Ansible's worker.
    """
    answers: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    for receiver in wanted:
        threading.Thread(target=lambda one: answers.put((one[0], _attempt(one))), args=(receiver,), daemon=True).start()
    silent, until = [name for name, _send in wanted], time.monotonic() + seconds + GRACE
    while silent:
        try:
            name, problem = answers.get(timeout=max(until - time.monotonic(), 0.001))
        except queue.Empty:
            break
        silent.remove(name)
        if problem:
            yield problem
    yield from (f"{_capital(name)} did not answer within {seconds:g} s." for name in silent)


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _attempt(receiver: Receiver) -> str:
    """Send to one receiver; returns what went wrong, if anything did."""
    name, send = receiver
    try:
        send()
    except RunbookError as error:
        return f"{_capital(name)} did not take it: {error}"
    return ""


def _post_events(
    event: str, run: Mapping[str, Any], options: Mapping[str, Any], headers: dict[str, str], now: datetime
) -> None:
    for one in events.cloud_events(event, run, now):
        _post(options, "events_url", one, headers, "application/cloudevents+json")


def _post_webhook(event: str, run: Mapping[str, Any], options: Mapping[str, Any], now: datetime) -> None:
    timestamp = str(int(now.timestamp()))
    body = {
        "event": event,
        "id": events.identity(run),
        **{name: run[name] for name in ("environment", "began", "report")},
    }
    signed = events.signature(options["webhook_key"], timestamp, _bytes(body))
    headers = {"X-Storefront-Timestamp": timestamp, "X-Storefront-Signature": signed}
    _post(options, "webhook_url", body, headers, "application/json")


def _post_trace(run: Mapping[str, Any], options: Mapping[str, Any], now: datetime) -> None:
    headers = {str(name): str(value) for name, value in (options.get("otlp_headers") or {}).items()}
    _post(options, "otlp_url", events.trace(run, now), headers, "application/json")


def _post(options: Mapping[str, Any], option: str, body: Mapping[str, Any], headers: dict[str, str], kind: str) -> None:
    """Post a document, once again only where it never arrived. The address itself may be a secret: only its host is
    shown.
    """
    address, seconds = urlsplit(options[option]), float(options.get("timeout") or TIMEOUT)
    path = options[option].partition(address.netloc)[2]
    client = ApiClient(
        address.netloc,
        f"{address.scheme}://{address.netloc}",
        headers=headers,
        secrets=[path] if len(path) > len("/v1/traces") else [],
        option=f"notify_{option}",
        allow_plain_http=bool(options.get("allow_plain_http")),
        timeout=seconds,
        deadline=seconds,
    )
    try:
        client.request("POST", path, data=_bytes(body), headers={"Content-Type": kind})
    finally:
        client.close()


def _bytes(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), sort_keys=True, default=str).encode()
