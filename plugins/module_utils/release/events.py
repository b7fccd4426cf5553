# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as other systems read it: CDEvents in CloudEvents, a signed webhook, and a trace of OpenTelemetry.

CDEvents: https://github.com/cdevents/spec, version 0.4.1. What it has no word for is a custom event, as it asks for.
CloudEvents: structured mode of its HTTP binding, version 1.0.2. OTLP: its JSON over HTTP, version 1.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

Run = Mapping[str, Any]
BEGIN, END = "begin", "end"
CDEVENTS = "0.4.1"
STARTED, FINISHED = "dev.cdevents.pipelinerun.started.0.2.0", "dev.cdevents.pipelinerun.finished.0.2.0"
SERVICE = "dev.cdevents.service.{}.0.2.0"
CUSTOM = "dev.cdeventsx.storefront-{}.0.1.0"
BAD = ("failed", "incomplete", "unsafe", "lost", "unfinished")
OK, ERROR = 1, 2  # OTLP's status of a span
INTERNAL = 1  # OTLP's kind of a span
NANO = 1_000_000_000


def cloud_events(event: str, run: Run, now: datetime) -> list[dict[str, Any]]:
    """Return the CloudEvents of a run that begins or has ended: of the run itself, and of what it changed.

    ``run`` has the report of the run, ``environment``, ``began`` and ``commit``.
    """
    return [_cloud_event(one, run, now) for one in _events(event, run)]


def _events(event: str, run: Run) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield the type of each event, the type and id of its subject, and its content."""
    report = run["report"]
    pipeline = {"pipelineName": report["kind"], "url": run.get("log_url") or run.get("page") or ""}
    pipeline = {name: value for name, value in pipeline.items() if value}
    if event == BEGIN:
        yield STARTED, "pipelineRun", identity(run), pipeline
        return
    good = is_good(report)
    outcome, errors = ("success", {}) if good else ("failure", {"errors": report["message"]})
    yield FINISHED, "pipelineRun", identity(run), {**pipeline, "outcome": outcome, **errors}
    if predicate := changed_service(report):
        content = {"environment": {"id": run["environment"]}, "artifactId": _artifact(run)}
        yield SERVICE.format(predicate), "service", report["storefront"], content
    if report["kind"] in ("restore", "maintenance") and good:
        content = {"environment": {"id": run["environment"]}, "outcome": report["outcome"]}
        yield CUSTOM.format(f"{report['kind']}.finished"), f"storefront-{report['kind']}", report["storefront"], content


def is_good(report: Mapping[str, Any]) -> bool:
    """Whether the run did what it was for; a deploy that was rolled back did not."""
    return report["outcome"] not in BAD and (report["outcome"] != "rolled_back" or report["kind"] == "rollback")


def changed_service(report: Mapping[str, Any]) -> str:
    """Return CDEvents' word for the change of the service; empty where nothing changed."""
    before = [release for release in report.get("before", {}).values() if release not in ("", "nothing")]
    if report["kind"] == "deploy" and report["outcome"] == "released":
        return "upgraded" if before else "deployed"
    return "rolledback" if report["outcome"] == "rolled_back" else ""


def _artifact(run: Run) -> str:
    """Return a package URL of the release that is live now."""
    report = run["report"]
    live = sorted({release for release in report.get("live", {}).values() if release})
    version = report["release"] if report["outcome"] == "released" or not live else live[-1]
    commit = run.get("commit") if version == report["release"] else ""
    return f"pkg:generic/{report['storefront']}@{version}{f'?vcs_ref={commit}' if commit else ''}"


def identity(run: Run) -> str:
    """Return an id of the run that its begin and its end share."""
    report = run["report"]
    return f"{report['storefront']}/{report['kind']}/{run['began']}"


def _cloud_event(event: tuple[str, str, str, dict[str, Any]], run: Run, now: datetime) -> dict[str, Any]:
    kind, subject, number, content = event
    source = f"/storefront.runbook/{run['report']['storefront']}"
    unique = hashlib.sha256(f"{kind} {identity(run)}".encode()).hexdigest()[:32]  # the same if it is sent again
    time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "specversion": "1.0",
        "id": unique,
        "source": source,
        "type": kind,
        "subject": number,
        "time": time,
        "datacontenttype": "application/json",
        "data": {
            "context": {"version": CDEVENTS, "id": unique, "source": source, "type": kind, "timestamp": time},
            "subject": {"id": number, "source": source, "type": subject, "content": content},
            "customData": {"release": run["report"]["release"], "outcome": run["report"]["outcome"]},
            "customDataContentType": "application/json",
        },
    }


def signature(key: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a webhook: HMAC-SHA256 over the timestamp, a full stop and the body."""
    return "v1=" + hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def trace(run: Run, ended: datetime) -> dict[str, Any]:
    """Return a run as a trace in OTLP's JSON: a span for the run, and one below it for each step.

    The steps are measured, the pauses between them are not: the spans of the steps follow each other and end when the
    run does.
    """
    report = run["report"]
    number = hashlib.sha256(identity(run).encode()).hexdigest()
    end = int(ended.timestamp() * NANO)
    steps = [(step, int(float(step.get("seconds") or 0) * NANO)) for step in report.get("steps", ())]
    began = min(_nanoseconds(run["began"], end), end - sum(length for _step, length in steps))
    own = {"traceId": number[:32], "spanId": number[32:48], "name": f"{report['kind']} {report['storefront']}"}
    root = {**own, **_span(began, end, is_good(run["report"]))}
    root["attributes"] = _attributes({"storefront.release": report["release"], "storefront.outcome": report["outcome"]})
    if not is_good(run["report"]):
        root["status"]["message"] = report["message"]
    spans, at = [root], end - sum(length for _step, length in steps)
    for place, (step, length) in enumerate(steps):
        below = {"spanId": hashlib.sha256(f"{number} {place}".encode()).hexdigest()[:16], "parentSpanId": number[32:48]}
        timed = _span(at, at + length, step.get("outcome") in ("ok", "would"))
        spans.append({"traceId": number[:32], "name": step["name"], **below, **timed})
        at += length
    resource = {"service.name": report["storefront"], "deployment.environment.name": run["environment"]}
    scope = {"scope": {"name": "storefront.runbook"}, "spans": spans}
    return {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}]}


def _span(began: int, ended: int, good: bool) -> dict[str, Any]:
    return {
        "kind": INTERNAL,
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(ended),
        "status": {"code": OK if good else ERROR},
    }


def _attributes(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in values.items() if value]


def _nanoseconds(text: str, default: int) -> int:
    try:
        return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * NANO)
    except ValueError:
        return default
