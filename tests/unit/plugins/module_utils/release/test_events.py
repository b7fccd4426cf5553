# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as CDEvents, as a signed webhook and as a trace; receivers that cannot be used are refused before a run."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import events, receivers

NOW = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)
STEPS = [
    {"name": "database.backup", "outcome": "ok", "seconds": 4.0},
    {"name": "backend.release", "outcome": "failed", "seconds": 6},
]
SPECS = {name: {"type": "str"} for name in (*receivers.ADDRESSES, "notify_webhook_key", "notify_timeout")}


def run(kind: str = "deploy", outcome: str = "released", **more: Any) -> dict[str, Any]:
    report = {
        "storefront": "shop",
        "kind": kind,
        "release": "v1.1.0",
        "outcome": outcome,
        "before": {"api": "v1.0.0"},
        "live": {"api": "v1.1.0"},
        "steps": STEPS,
        "message": "RELEASED v1.1.0.",
        **more,
    }
    return {"report": report, "environment": "production", "began": "2026-03-02T09:00:00Z", "commit": "abc"}


def kinds(event: str, **options: Any) -> list[str]:
    return [one["type"].removeprefix("dev.") for one in events.cloud_events(event, run(**options), NOW)]


def test_a_run_begins_and_ends_with_one_identity() -> None:
    (began,) = events.cloud_events("begin", run(outcome="failed"), NOW)
    ended = events.cloud_events("end", run(), NOW)[0]
    assert (began["type"], ended["type"]) == (events.STARTED, events.FINISHED)
    assert began["subject"] == ended["subject"] == "shop/deploy/2026-03-02T09:00:00Z"
    assert began["id"] != ended["id"]
    assert events.cloud_events("end", run(), NOW)[0]["id"] == ended["id"], "a receiver recognizes what it has"


def test_a_cloud_event_and_the_cdevent_in_it_agree() -> None:
    for one in events.cloud_events("end", run(), NOW):
        context, subject = one["data"]["context"], one["data"]["subject"]
        assert one["specversion"] == "1.0"
        assert one["datacontenttype"] == "application/json"
        assert (context["id"], context["source"], context["type"], context["timestamp"]) == (
            one["id"],
            one["source"],
            one["type"],
            one["time"],
        )
        assert subject["id"] == one["subject"]


@pytest.mark.parametrize(
    ("options", "service"),
    [
        ({}, ["cdevents.service.upgraded.0.2.0"]),
        ({"before": {"api": "nothing"}}, ["cdevents.service.deployed.0.2.0"]),
        ({"outcome": "rolled_back"}, ["cdevents.service.rolledback.0.2.0"]),
        ({"kind": "rollback", "outcome": "rolled_back"}, ["cdevents.service.rolledback.0.2.0"]),
        ({"outcome": "failed"}, []),
        ({"kind": "migrate", "outcome": "migrated"}, []),
        ({"kind": "restore", "outcome": "restored"}, ["cdeventsx.storefront-restore.finished.0.1.0"]),
        ({"kind": "restore", "outcome": "incomplete"}, []),
        ({"kind": "maintenance", "outcome": "maintenance_on"}, ["cdeventsx.storefront-maintenance.finished.0.1.0"]),
    ],
)
def test_what_a_run_changed_is_an_event_of_its_own(options: dict[str, Any], service: list[str]) -> None:
    assert kinds("end", **options)[1:] == service


def test_what_is_live_is_the_artifact() -> None:
    def artifact(**options: Any) -> str:
        return events.cloud_events("end", run(**options), NOW)[1]["data"]["subject"]["content"]["artifactId"]

    assert artifact() == "pkg:generic/shop@v1.1.0?vcs_ref=abc"
    assert artifact(outcome="rolled_back", live={"api": "v1.0.0"}) == "pkg:generic/shop@v1.0.0"


def test_a_failed_run_says_why() -> None:
    content = events.cloud_events("end", run(outcome="incomplete", message="ROLLBACK INCOMPLETE: api"), NOW)[0]["data"]
    assert content["subject"]["content"]["outcome"] == "failure"
    assert content["subject"]["content"]["errors"] == "ROLLBACK INCOMPLETE: api"
    rolled_back = events.cloud_events("end", run(outcome="rolled_back"), NOW)[0]["data"]
    assert rolled_back["subject"]["content"]["outcome"] == "failure"


def test_a_signature_binds_the_body_to_its_time() -> None:
    key, body = "k" * 32, b'{"event":"end"}'
    expected = hmac.new(key.encode(), b"1772442030." + body, hashlib.sha256).hexdigest()
    assert events.signature(key, "1772442030", body) == f"v1={expected}"
    assert events.signature(key, "1772442031", body) != f"v1={expected}"


def test_a_trace_has_a_span_for_each_step() -> None:
    resource = events.trace(run(), NOW)["resourceSpans"][0]
    root, backup, release = resource["scopeSpans"][0]["spans"]
    assert {span["traceId"] for span in (root, backup, release)} == {root["traceId"]}
    assert (len(root["traceId"]), len(root["spanId"])) == (32, 16)
    assert backup["parentSpanId"] == release["parentSpanId"] == root["spanId"]
    assert [span["name"] for span in (root, backup, release)] == ["deploy shop", "database.backup", "backend.release"]
    assert [span["status"]["code"] for span in (root, backup, release)] == [1, 1, 2]
    assert int(root["startTimeUnixNano"]) == int(datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp()) * 10**9
    lengths = [int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) for span in (root, backup, release)]
    assert lengths == [30 * 10**9, 4 * 10**9, 6 * 10**9]
    assert release["startTimeUnixNano"] == backup["endTimeUnixNano"]
    assert {"key": "deployment.environment.name", "value": {"stringValue": "production"}} in resource["resource"][
        "attributes"
    ]


def test_a_run_without_a_beginning_or_steps_is_a_trace_as_well() -> None:
    (root,) = events.trace({**run(steps=[]), "began": ""}, NOW)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert root["startTimeUnixNano"] == root["endTimeUnixNano"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"notify_webhook_url": "http://hooks.example/x"}, "notify_webhook_url is plain HTTP to hooks.example"),
        ({"notify_otlp_url": "https://user:secret@otel.example/v1/traces"}, "remove what is before the @"),
        ({"notify_webhook_key": "short"}, "has 5 characters and needs 32"),
        ({"notify_timeout": 0}, "notify_timeout must be more than 0"),
        ({"notify_timeout": "600"}, "at most 60 seconds"),
        ({"notify_timeout": "nan"}, "notify_timeout must be"),
    ],
)
def test_a_receiver_that_cannot_be_used_is_refused(values: dict[str, Any], words: str) -> None:
    (problem,) = receivers.wrong(SPECS, values)
    assert words in problem
    assert "secret" not in problem.replace("the secret", "")
    assert values.get("notify_webhook_key", "no key") not in problem


def test_good_receivers_are_not_refused() -> None:
    good = {
        "notify_events_url": "http://127.0.0.1:8080/",
        "notify_webhook_url": "https://hooks.example/x",
        "notify_webhook_key": "k" * 32,
        "notify_timeout": 5,
    }
    assert list(receivers.wrong(SPECS, good)) == []
    assert list(receivers.wrong(SPECS, {"notify_events_url": "http://a.example/", "allow_plain_http": "true"})) == []
    assert list(receivers.wrong({}, {"notify_events_url": "http://a.example/"})) == []
