# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build logs and runtime logs of a service at Railway, and the statuses of its HTTP requests."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ...core.errors import RunbookError
from ...core.redact import redact
from ..common import by_status
from . import graphql

LOGS = {"build": graphql.BUILD_LOGS, "runtime": graphql.DEPLOYMENT_LOGS}
TAIL = 15  # lines of a failed deployment's build log, and as many of its runtime log
MOST = 5000  # lines in one answer of Railway


class Service(Protocol):
    """The part of the client that is needed here."""

    @property
    def instance(self) -> dict[str, str]: ...

    def ask(self, document: graphql.Document, **variables: Any) -> Any: ...


def read_log(
    client: Service, kind: str, deployment_id: str, limit: int, wanted: str | None = None
) -> list[dict[str, Any]]:
    """Return the last lines of a log as ``{at, severity, message}``, the oldest first, with the passwords
    of URLs masked. ``wanted`` is Railway's filter.
    """
    answered = client.ask(LOGS[kind], id=deployment_id, limit=limit, filter=wanted or "")
    lines = sorted(answered, key=lambda line: line["timestamp"])[-limit:]
    return [
        {"at": line["timestamp"], "severity": line.get("severity"), "message": redact(line["message"].rstrip())}
        for line in lines
    ]


def log_tail(client: Service, deployment_id: str) -> str:
    """Return the last lines of a deployment's build log and runtime log, as far as they are available."""
    lines: list[str] = []
    for kind in LOGS:
        try:
            lines += [line["message"] for line in read_log(client, kind, deployment_id, 100) if line["message"]][-TAIL:]
        except RunbookError:
            continue
    return "\n".join(lines)


def answers(client: Service, minutes: int) -> dict[str, Any]:
    """Return counts of the requests to the service's domains in the last ``minutes``: ``{requests,
    errors_4xx, errors_5xx, by_status}``.
    """
    now = datetime.now(UTC)
    span = {"startDate": _iso(now - timedelta(minutes=minutes)), "endDate": _iso(now)}
    counts: Counter[int] = Counter()
    for item in client.ask(graphql.HTTP_METRICS, **client.instance, **span, stepSeconds=60):
        counts[item["statusCode"]] += round(sum(sample["value"] for sample in item["samples"]))
    return by_status(counts)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
