# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an alert may roll a release back without a person: the policy ``rollback_on_alert``.

A release is put back once: the last run in the ledger that changed what is live must be its deploy. It must be younger
than ``younger``, and nothing may have been put back within ``cooldown``. ``hours`` limits it to a part of the day, in
``zone``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..core.amounts import age
from .watch_settings import DURATION, bare, seconds

HOURS = re.compile(r"(\d\d:\d\d) ?- ?(\d\d:\d\d)")
RELEASING = ("deploy", "rollback", "restore")  # kinds of records that change what is live
DEFAULTS = {"cooldown": "6 h"}

Record = Mapping[str, Any]


def problems(policy: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the policy; an argument spec has checked its names and types."""
    given = {**DEFAULTS, **{name: value for name, value in policy.items() if value not in (None, "")}}
    if "younger" not in given:
        yield "rollback_on_alert.younger is missing: set the greatest age of a release that is put back, such as 2 h"
    for name in ("younger", "cooldown"):
        if name in given and not (DURATION.fullmatch(str(given[name]).strip()) and seconds(given[name])):
            hint = bare(given[name])
            yield f"rollback_on_alert.{name} is {given[name]!r}{hint}. Write a number with s, min or h, such as 2 h"
    if "hours" in given and _hours(given["hours"]) is None:
        yield f"rollback_on_alert.hours is {given['hours']!r}. Write it as 08:00-20:00"
    if "hours" in given and not given.get("zone"):
        yield "rollback_on_alert.zone is missing, which hours needs: set a time zone, such as Europe/Berlin"
    if given.get("zone") and _zone(given["zone"]) is None:
        yield f"rollback_on_alert.zone is {given['zone']!r}, which is not a time zone. Write one such as Europe/Berlin"


def refusal(policy: Mapping[str, Any], records: Sequence[Record], now: datetime) -> str:
    """Return why an alert may not roll back, the newest record first in ``records``; empty where it may."""
    if not policy:
        return "An alert rolls nothing back, as rollback_on_alert is not set"
    given = {**DEFAULTS, **{name: value for name, value in policy.items() if value not in (None, "")}}
    newest = next((record for record in records if record.get("kind") in RELEASING), {})
    if newest.get("kind") != "deploy" or newest.get("outcome") != "released":
        return "An alert rolls back once, and the last run in the ledger is not a good deploy"
    old = _age(newest, now)
    if old > seconds(given["younger"]):
        shown = f"{age(old)} old" if math.isfinite(old) else "of an unknown age"
        return f"{newest.get('release')} is {shown}, and rollback_on_alert.younger is {given['younger']}"
    back = [record for record in records if record.get("outcome") == "rolled_back"]
    if back and _age(back[0], now) < seconds(given["cooldown"]):
        ago = age(_age(back[0], now))
        return f"A release was put back {ago} ago, and rollback_on_alert.cooldown is {given['cooldown']}"
    hours = _hours(given.get("hours", ""))
    zone = _zone(given.get("zone", "UTC"))
    if hours and zone and not _within(now.astimezone(zone).time(), *hours):
        return f"It is outside of rollback_on_alert.hours ({given['hours']}, {given['zone']})"
    return ""


def _age(record: Record, now: datetime) -> float:
    try:
        at = datetime.fromisoformat(str(record.get("finished_at", "")).replace("Z", "+00:00"))
    except ValueError:
        return math.inf
    return max(0.0, (now - at).total_seconds())


def _within(at: time, first: time, last: time) -> bool:
    return first <= at < last if first <= last else at >= first or at < last


def _hours(text: Any) -> tuple[time, time] | None:
    found = HOURS.fullmatch(str(text).strip())
    try:
        return (time.fromisoformat(found[1]), time.fromisoformat(found[2])) if found else None
    except ValueError:
        return None


def _zone(name: Any) -> ZoneInfo | None:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError):
        return None
