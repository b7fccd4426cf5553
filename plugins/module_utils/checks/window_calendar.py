# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows and freezes that are events of a calendar file (.ics): each event is one.

The library expands the events. Their ends are computed here, because it adds a duration to the local time: two hours
from 01:30 would be one hour or three on the night on which the clocks change. A time zone that is not known is refused:
it would be taken for no zone at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

try:
    import recurring_ical_events
    from icalendar import Calendar

    CALENDAR_ERROR = None
except ImportError:
    import traceback

    CALENDAR_ERROR = traceback.format_exc()

from .intervals import Interval
from .window_rules import Unusable, refuse_unbounded

LIMIT = 5 << 20  # bytes of a file


class CalendarFile:
    """A calendar file; a time without a zone is one of ``zone``. Raises Unusable."""

    def __init__(self, path: str, zone: ZoneInfo) -> None:
        self._zone = zone
        if CALENDAR_ERROR:
            raise Unusable(
                "it needs the Python library recurring-ical-events, which is not installed: pip install"
                " recurring-ical-events"
            )
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise Unusable(f"it cannot be read: {error.strerror}. Correct the path") from None
        if len(content) > LIMIT:
            raise Unusable(f"it has {len(content)} bytes, which no calendar of windows has")
        try:
            self._calendar = Calendar.from_ical(content)
            events = list(self._calendar.walk("VEVENT"))
        except (ValueError, IndexError, KeyError) as error:
            raise Unusable(f"it is not a calendar of RFC 5545: {error}") from None
        if not events:
            raise Unusable("it has no events")
        for event in events:
            _refuse(event)

    def between(self, begin: datetime, end: datetime) -> Iterator[Interval]:
        """Give the spans of the events that reach into the time between, each with its title."""
        try:
            found = recurring_ical_events.of(self._calendar, skip_bad_series=False).between(
                begin - timedelta(days=1), end + timedelta(days=1)
            )
        except Exception as error:  # the library documents no errors of its own
            raise Unusable(f"its events cannot be expanded: {error}") from None
        for event in found:
            if str(event.get("STATUS", "")).upper() != "CANCELLED":
                one = self._interval(event)
                if one.start < end and begin < one.end:
                    yield one

    def _interval(self, event: Any) -> Interval:
        start, stop, title = event["DTSTART"].dt, event["DTEND"].dt, str(event.get("SUMMARY", ""))
        if not isinstance(start, datetime):  # whole days
            return Interval(self._midnight(start), self._midnight(max(stop, start + timedelta(days=1))), title)
        began = self._utc(start)
        return Interval(began, began + (stop.replace(tzinfo=None) - start.replace(tzinfo=None)), title)

    def _midnight(self, day: date) -> datetime:
        return self._utc(datetime.combine(day, time()))

    def _utc(self, moment: datetime) -> datetime:
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)


def _refuse(event: Any) -> None:
    title = str(event.get("SUMMARY", "")) or "without a title"
    for name in ("DTSTART", "DTEND"):
        value = event.get(name)
        if name == "DTSTART" and value is None:
            raise Unusable(f"its event {title!r} has no beginning")
        if (
            value is not None
            and isinstance(value.dt, datetime)
            and value.dt.tzinfo is None
            and value.params.get("TZID")
        ):
            raise Unusable(
                f"its event {title!r} is in the time zone {value.params['TZID']!r}, which is not known. Use an IANA"
                " name such as America/New_York"
            )
    rules = event.get("RRULE") or []
    for rule in rules if isinstance(rules, list) else [rules]:
        try:
            refuse_unbounded("DTSTART;" + rule.to_ical().decode())
        except Unusable as problem:
            raise Unusable(f"its event {title!r}: {problem}") from None
