# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a service at Render answered its HTTP requests, as Render counted it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from ..common import by_status
from .logs import Client, stamp

STATUS = "statusCode"
REQUESTS = [{"labels": [{"field": str, "value": str}], "values": [{"value": float}]}]


def answers(client: Client, minutes: int) -> dict[str, Any]:
    """Return counts of the requests to the service in the last ``minutes``, as ``by_status``."""
    now = datetime.now(UTC)
    query = {"resource": client.service["id"], "aggregateBy": STATUS, "resolutionSeconds": 60}
    query |= {"startTime": stamp(now - timedelta(minutes=minutes)), "endTime": stamp(now)}
    counts: Counter[int] = Counter()
    for series in client.api.json("GET", "/metrics/http-requests", shape=REQUESTS, params=query):
        status = next((label["value"] for label in series["labels"] if label["field"] == STATUS), "")
        if status.isdecimal():
            counts[int(status)] += round(sum(value["value"] for value in series["values"]))
    return by_status(counts)
