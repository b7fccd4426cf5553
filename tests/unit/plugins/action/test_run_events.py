# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events are sent to real servers on this machine: one that takes them, one that is silent, one that is gone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.action import run_events
from ansible_collections.storefront.runbook.plugins.module_utils.release import events

from tests.event_receiver import Receiver, silent_address

KEY, TOKEN = "k" * 40, "a-token-of-the-receiver"
NOW = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
REPORT = {
    "storefront": "shop",
    "kind": "deploy",
    "release": "v1.1.0",
    "outcome": "released",
    "before": {},
    "live": {"api": "v1.1.0"},
    "steps": [{"name": "backend.release", "outcome": "ok", "seconds": 4.0}],
    "message": "RELEASED v1.1.0.",
}
RUN = {"report": REPORT, "environment": "production", "began": "2026-03-02T09:00:00Z", "commit": ""}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def silent() -> Iterator[str]:
    with silent_address() as address:
        yield f"{address}/a-secret-path-of-a-webhook"


def send(event: str, **options: Any) -> list[str]:
    wanted = list(run_events.receivers(event, RUN, options, NOW))
    return list(run_events.send_all(wanted, float(options.get("timeout", run_events.TIMEOUT))))


def test_every_receiver_gets_its_own_form(receiver: Receiver) -> None:
    problems = send(
        "end",
        events_url=receiver.url("/events"),
        events_token=TOKEN,
        webhook_url=receiver.url("/hook?id=1"),
        webhook_key=KEY,
        otlp_url=receiver.url("/v1/traces"),
        otlp_headers={"X-Api-Key": "collector-key"},
    )
    assert problems == []
    got = {path: (headers, body) for path, headers, body in receiver.got}
    headers, body = got["/events"]
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert json.loads(body)["type"] == "dev.cdevents.service.deployed.0.2.0"
    headers, body = got["/hook?id=1"]
    assert headers["X-Storefront-Signature"] == events.signature(KEY, headers["X-Storefront-Timestamp"], body)
    assert json.loads(body)["report"] == REPORT
    headers, body = got["/v1/traces"]
    assert headers["X-Api-Key"] == "collector-key"
    assert len(json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]) == 2


def test_a_run_that_begins_is_no_trace_yet(receiver: Receiver) -> None:
    assert send("begin", events_url=receiver.url("/events"), otlp_url=receiver.url("/v1/traces")) == []
    assert [(path, json.loads(body)["type"]) for path, _headers, body in receiver.got] == [("/events", events.STARTED)]


def test_a_receiver_that_refuses_is_named_with_its_answer(receiver: Receiver) -> None:
    receiver.status = 403
    (problem,) = send("end", webhook_url=receiver.url("/a-secret-path-of-a-webhook"), webhook_key=KEY)
    assert problem.startswith("The webhook did not take it: ")
    assert "403" in problem
    assert "a-secret-path" not in problem
    assert KEY not in problem


def test_one_that_is_silent_holds_nobody_up_for_long(receiver: Receiver, silent: str) -> None:
    began = time.monotonic()
    (problem,) = send("end", timeout=0.3, webhook_url=silent, webhook_key=KEY, events_url=receiver.url("/events"))
    assert time.monotonic() - began < 20, "the bound, with room for a busy machine"
    assert problem.startswith("The webhook did not ")
    assert "a-secret-path" not in problem
    assert [path for path, _headers, _body in receiver.got] == ["/events", "/events"]


def test_one_that_is_gone_is_named() -> None:
    with silent_address() as address:
        pass
    (problem,) = send("end", otlp_url=f"{address}/v1/traces", timeout=0.5)
    assert problem.startswith("The collector of traces did not ")
