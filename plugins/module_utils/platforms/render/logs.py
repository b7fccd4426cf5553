# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The logs of a service at Render: of its builds, its processes, and its HTTP requests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ...core.errors import RunbookError
from ...core.http import LOG_BYTES, ApiClient
from ...core.redact import redact
from .states import Deploy

PAGE = 100  # the most lines in one answer of Render
LOG_LINES = 15  # lines of a failed deploy's build log, and as many of its runtime log
LINE = {"id": str, "timestamp": str, "message": str, "labels": [{"name": str, "value": str}]}
LOGS = {"logs": [LINE], "hasMore": bool, "nextStartTime?": str, "nextEndTime?": str}


class Client(Protocol):
    """The part of the client that is needed here."""

    api: ApiClient

    @property
    def service(self) -> dict[str, Any]: ...


def read(
    client: Client,
    most: int,
    *,
    since: datetime,
    until: datetime | None = None,
    types: Iterable[str] = (),
    text: str | None = None,
) -> list[dict[str, Any]]:
    """Return the newest ``most`` lines since a time, the oldest of them first: ``at``, ``type``, ``level``,
    ``instance``, ``message``.

    Passwords in URLs are masked.
    """
    query: dict[str, Any] = {
        "ownerId": client.service["ownerId"],
        "resource": client.service["id"],
        "direction": "backward",
    }
    query |= {"startTime": stamp(since), "type": list(types), "text": text}
    query |= {"endTime": stamp(until)} if until else {}
    found: dict[str, dict[str, Any]] = {}  # by id, since pages are requested by time and a line can be on two of them
    while len(found) < most:
        answer = client.api.json(
            "GET", "/logs", shape=LOGS, params={**query, "limit": min(PAGE, most - len(found))}, most=LOG_BYTES
        )
        fresh = {line["id"]: _line(line) for line in answer["logs"] if line["id"] not in found}
        found |= fresh
        if not answer["hasMore"] or not fresh or not {"nextStartTime", "nextEndTime"} <= answer.keys():
            break
        query |= {"startTime": answer["nextStartTime"], "endTime": answer["nextEndTime"]}
    return sorted(reversed(found.values()), key=lambda line: line["at"])


def tail(client: Client, deploy: Deploy) -> str:
    """Return the last lines of a deploy's build log and runtime log, as far as they are available."""
    lines: list[str] = []
    for kind in ("build", "app"):
        try:
            lately = read(client, LOG_LINES, since=deploy.created_at - timedelta(seconds=1), types=[kind])
        except RunbookError:
            continue
        lines += [line["message"] for line in lately if line["message"].strip()]
    return "\n".join(lines)


def _line(line: dict[str, Any]) -> dict[str, Any]:
    labels = {label["name"]: label["value"] for label in line["labels"]}
    known = {name: labels.get(name) for name in ("type", "level", "instance")}
    return {"at": line["timestamp"], **known, "message": redact(line["message"].rstrip())}


def stamp(moment: datetime) -> str:
    """Return a time as Render takes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
