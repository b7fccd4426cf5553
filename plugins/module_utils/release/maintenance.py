# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance of a shop: what was asked for, which way holds it, the record of it in the store, and what to report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..store import documents
from ..store.base import Store

KEY = "maintenance.json"
VARIABLE = "MAINTENANCE_MODE"
LONGEST = 7 * 24 * 60  # minutes
ON, OFF, STATUS = "on", "off", "status"
WORDS = {"on": ON, "true": ON, "yes": ON, "off": OFF, "false": OFF, "no": OFF, "status": STATUS}
WAYS = {
    "edge": "by a Worker at Cloudflare's edge",
    "platform": "by the platform's own maintenance mode",
    "variable": "by the variable MAINTENANCE_MODE of the API",
}
SHAPE: dict[str, Any] = {
    "version": documents.count,
    "since": documents.time,
    "by": str,
    "way": str,
    "units": [str],
    "had_variable": [str],
    "expected_at": documents.time,
    "opens_at": (documents.time, None),
    "reason": (str, None),
}
Record = dict[str, Any]


def state_of(given: Any) -> str:
    """Return on, off or status; YAML makes booleans of the first two. Raises ValueError."""
    word = WORDS.get(str(given).strip().lower())
    if word is None:
        raise ValueError(f"maintenance_state is {given!r}. Set it to on, off or status.")
    return word


def way(*, edge: bool, platform: str) -> str:
    """Return the first way there is. ``edge`` is whether the edge is set up for it."""
    if edge:
        return "edge"
    return "platform" if platform == "render" else "variable"


def problems(
    state: str,
    journal: Mapping[str, Any],
    *,
    chosen: str,
    until: str,
    surfaces: Sequence[str],
    minutes: Any = 30,
    now: float | None = None,
    record: Mapping[str, Any] | None = None,
    zone: str = "",
) -> list[str]:
    """Return what blocks a switch. ``journal`` is that of an unfinished run, ``record`` that of the maintenance, and
    ``now`` is in seconds since 1970.
    """
    if state == OFF and journal.get("held"):
        release = journal.get("release") or "a release"
        return [
            f"The unfinished deploy of {release} holds the shop, and ends that when it is settled: deploy again, or run"
            " rollback.yml"
        ]
    if state == OFF and (record or {}).get("way") == "edge" and not zone:
        return ["The edge holds the shop, and edge_zone is not set. Set it and edge_token, or the edge stays closed"]
    if state != ON:
        return []
    found = _wrong_values(until, minutes, time.time() if now is None else now)
    if chosen != "edge" and "backend" not in surfaces:
        found.append(
            "Neither the edge nor the backend can hold the shop: set edge_zone and edge_maintenance_key, or add backend"
            " to surfaces"
        )
    if until and chosen != "edge":
        found.append(
            f"maintenance_until is set, but the shop would be held {WAYS[chosen]}, which does not end automatically."
            " Set edge_zone and edge_maintenance_key, or leave maintenance_until out"
        )
    return found


def wrong_options(values: Mapping[str, Any], now: datetime) -> list[str]:
    """Return what is wrong with the options of maintenance.yml by themselves. An empty one is not given."""
    found, given = [], values.get("maintenance_state")
    try:
        state = ON if given is None else state_of(given)
    except ValueError as error:
        found, state = [str(error)], ON
    minutes, until = values.get("maintenance_minutes"), values.get("maintenance_until")
    if state == ON:
        found += _wrong_values(until or "", 30 if minutes in (None, "") else minutes, now.timestamp())
    return found


def _wrong_values(until: str, minutes: Any, now: float) -> list[str]:
    found = []
    if until and (wrong := _wrong_time(until, now)):
        found.append(f"maintenance_until is {until}, which {wrong}. Write it as 2026-01-31T04:00Z, within a week")
    if not str(minutes).isdecimal() or not 1 <= int(minutes) <= LONGEST:
        found.append(f"maintenance_minutes is {minutes}. Set it to 1 to {LONGEST}")
    return found


def _wrong_time(text: str, now: float) -> str:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return "is not a time"
    if at.tzinfo is None:
        return "has no zone"
    return "" if now < at.timestamp() <= now + LONGEST * 60 else "is in the past or more than a week ahead"


def read(store: Store) -> tuple[Record, str] | None:
    """Return the record and its etag; None where the shop is not in maintenance. Raises ConfigError."""
    remedy = "Remove it once the shop is open."
    return documents.read(store, KEY, SHAPE, what="a record of a maintenance", remedy=remedy)


def write(store: Store, record: Record, etag: str | None) -> None:
    """Write the record. Raises Conflict where somebody else has written it meanwhile."""
    documents.write(store, KEY, record, etag)


def change(state: str, record: Mapping[str, Any], units: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a switch changed at the platforms, as the ledger has it: {before, after, names}. Without a change
    ``after`` is empty.
    """
    held = record.get("way") == "variable"
    api = [str(unit["name"]) for unit in units if held and unit.get("kind") not in ("worker", "cron")]
    words = ("closed", "stopped") if state == ON else ("open", "running")
    after = {**dict.fromkeys(api, words[0]), **dict.fromkeys(record.get("units") or [], words[1])}
    # a unit that had the variable before has it with another value afterwards
    names = api if state == ON else [name for name in api if name in record.get("had_variable", [])]
    return {"before": {}, "after": after, "names": {name: [VARIABLE] for name in names}}


def started_message(record: Mapping[str, Any], *, way: str, changed: bool, stopped: Sequence[str]) -> str:
    """Return what ``on`` reports."""
    if not changed:
        return (
            f"IN MAINTENANCE already, since {record['since']}, {WAYS[way]}: nothing was changed. The shop is expected"
            f" back at {record['expected_at']}."
        )
    ends = (
        f"It opens automatically at {record['opens_at']}; then run maintenance.yml -e maintenance_state=off, which also"
        " starts what is stopped."
        if record.get("opens_at")
        else "maintenance.yml -e maintenance_state=off opens it."
    )
    units = f" Stopped: {', '.join(stopped)}." if stopped else ""
    return f"IN MAINTENANCE {WAYS[way]}, expected back at {record['expected_at']}.{units} {ends}"


def stays_message(record: Mapping[str, Any], kind: str) -> str:
    """Return the note of a run that finds the shop in maintenance; empty for one that switches the maintenance."""
    if not record.get("since") or kind == "maintenance":
        return ""
    return (
        f"The shop is in maintenance since {record['since']}, and stays in it until"
        " maintenance.yml -e maintenance_state=off"
    )


def ended_message(record: Mapping[str, Any], *, changed: bool, not_back: Sequence[Mapping[str, str]]) -> str:
    """Return what ``off`` reports."""
    if not_back:
        parts = "; ".join(f"{part['what']}: {part['why']}" for part in not_back)
        return f"STILL IN MAINTENANCE in part. {parts} Run it again: it continues from here."
    if not changed:
        return "OPEN. The shop was not in maintenance: nothing was changed."
    units = record.get("units") or []
    started = f" Started again: {', '.join(units)}." if units else ""
    since = f" It was in maintenance since {record['since']}." if record.get("since") else ""
    return f"OPEN.{since}{started}"


def status_lines(
    record: Mapping[str, Any], edge: Mapping[str, Any], journal: Mapping[str, Any], unread: str = ""
) -> list[str]:
    """Return the lines of ``status``. ``edge`` is the result of cf_maintenance, empty where the edge is not set up, and
    ``unread`` why the record could not be read.
    """
    lines = []
    if record:
        why = f", since {record['reason']}" if record.get("reason") else ""
        lines.append(f"IN MAINTENANCE since {record['since']} by {record['by']}, {WAYS[record['way']]}{why}.")
        lines.append(f"Expected back at {record['expected_at']}.")
        if record["units"]:
            lines.append(f"Stopped: {', '.join(record['units'])}.")
    elif journal.get("held"):
        lines.append(f"IN MAINTENANCE: held by the unfinished deploy of {journal.get('release') or 'a release'}.")
    elif unread:
        lines.append(f"NOT KNOWN whether the shop is in maintenance, since its record could not be read: {unread}")
    else:
        lines.append("OPEN: no maintenance is recorded.")
    state = edge.get("maintenance") or {}
    if state.get("ended_by_itself"):
        lines.append(f"The edge has opened the shop automatically at {state['opens_at']}. Run it with off to clean up.")
    elif state.get("on") and unread:
        lines.append("The edge holds the shop.")
    elif state.get("on") and not record and not journal.get("held"):
        lines.append(
            "The edge holds the shop without a record: somebody switched it on elsewhere, or a run was killed."
        )
    lines += [f"{url}: {shown}" for url, shown in (edge.get("public") or {}).items()]
    lines += [f"Not covered: {what}" for what in edge.get("not_covered") or []]
    if edge.get("msg") and not state:
        lines.append(f"The edge could not be asked: {edge['msg']}")
    return lines
