# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows that are written in the inventory: days or an RRULE, with the local times at which they open and close.

Dates come from dateutil's rules; times are put to them here, each in its zone. A local time that a clock skips counts
as if the clock had not been put forward, and one that comes twice is the first of the two: so says RFC 5545, 3.3.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

try:
    from dateutil.rrule import rrulestr

    DATEUTIL_ERROR = None
except ImportError:
    import traceback

    DATEUTIL_ERROR = traceback.format_exc()

from ..core.errors import ConfigError
from ..release.spelling import nearest
from .intervals import Interval

LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NTH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
NAMES = {
    **{name[:3]: name[:3] for name in LONG_DAYS},
    **{name: name[:3] for name in LONG_DAYS},
    **{"tues": "tue", "weds": "wed", "thur": "thu", "thurs": "thu"},
}
TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|24:00")
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")


class Unusable(ConfigError):
    """A window or calendar that cannot be used, in words that follow its name."""


class Rule:
    """A window of the inventory. Raises Unusable."""

    def __init__(self, window: Mapping[str, Any], zone: ZoneInfo) -> None:
        self._zone = zone
        self._opens, self._closes = _time(window, "from"), _time(window, "to")
        if self._opens == self._closes:
            raise Unusable(
                f'it opens and closes at {window["from"]}, so it never opens. A whole day is from "00:00" to "24:00"'
            )
        days, text = window.get("days") or [], str(window.get("rule") or "")
        if bool(days) == bool(text):
            raise Unusable("it needs days, such as [tue, wed, thu] or [last sunday], or a rule, and not both")
        self._text = text or _rule_of([str(day) for day in days])
        refuse_unbounded(self._text)
        self._dates(date(2001, 1, 1), date(2001, 1, 2))

    def between(self, begin: datetime, end: datetime) -> Iterator[Interval]:
        """Give the spans in which it is open, those that reach into the time between."""
        for day in self._dates(begin.date() - timedelta(days=3), end.date() + timedelta(days=2)):
            start = _moment(day, self._opens, self._zone)
            stop = _moment(
                day, self._closes + (timedelta(days=1) if self._closes <= self._opens else timedelta()), self._zone
            )
            if start < stop and start < end and begin < stop:
                yield Interval(start, stop)

    def _dates(self, first: date, last: date) -> list[date]:
        start, stop = datetime.combine(first, time()), datetime.combine(last, time())
        found: list[date] = []
        for text in self._text.split("|"):
            try:
                rule = rrulestr(text, dtstart=start, ignoretz=True)
            except (ValueError, KeyError, AttributeError, TypeError) as error:
                raise Unusable(f"its rule {text!r} is not one of RFC 5545: {error}") from None
            found += [moment.date() for moment in rule.between(start, stop, inc=True)]
        return sorted(set(found))


def refuse_unbounded(text: str) -> None:
    """Refuse a rule that is not a rule of days, that leaves its day to chance, or for which a search might
    never end. Raises Unusable.
    """
    for part in text.upper().split("|"):
        words = dict(word.split("=", 1) for word in re.split(r"RRULE:|[;\s]", part) if "=" in word)
        frequency = words.get("FREQ")
        if frequency not in FREQUENCIES:
            raise Unusable(f"its rule {text!r} has the frequency {frequency}: choose from {', '.join(FREQUENCIES)}")
        if set(words) & {"BYHOUR", "BYMINUTE", "BYSECOND"}:
            raise Unusable(f"its rule {text!r} names hours: leave these to from and to")
        if frequency == "DAILY" and set(words) & {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "BYEASTER"}:
            raise Unusable(f"its rule {text!r} picks days out of every day: write it with FREQ=MONTHLY or YEARLY")
        if frequency in ("DAILY", "WEEKLY") and re.search(r"\d", words.get("BYDAY", "")):
            raise Unusable(
                f"its rule {text!r} counts weekdays within a week: write it with FREQ=MONTHLY, such as"
                " FREQ=MONTHLY;BYDAY=-1SU"
            )
        if "DTSTART" not in part:
            if words.get("INTERVAL", "1") != "1" or "COUNT" in words:
                raise Unusable(
                    f"its rule {text!r} counts from a day that it does not name: begin it with DTSTART:20260105T000000"
                    " on a line of its own"
                )
            if frequency != "DAILY" and not set(words) & {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYEASTER"}:
                raise Unusable(f"its rule {text!r} does not say on which day: add BYDAY or BYMONTHDAY")


def _rule_of(days: list[str]) -> str:
    """Return the rules of days such as tue and last sunday, with | between them."""
    weekly, monthly = [], []
    for day in days:
        which, name = _day(day)
        code = NAMES[name][:2].upper()
        if which:
            monthly.append(f"{NTH[which]}{code}")
        else:
            weekly.append(code)
    rules = [
        f"FREQ={frequency};BYDAY={','.join(codes)}"
        for frequency, codes in (("WEEKLY", weekly), ("MONTHLY", monthly))
        if codes
    ]
    return "|".join(rules)


def _day(text: str) -> tuple[str, str]:
    """Return which one of a month, empty for each, and the name of the day. Raises Unusable."""
    words = text.lower().split()
    which, name = (words[0], words[1]) if len(words) == 2 else ("", words[0] if len(words) == 1 else "")
    if name in NAMES and (not which or which in NTH):
        return which, name
    meant = [which if which in NTH else nearest(which, NTH, short=True)] if which else []
    meant.append(name if name in NAMES else nearest(name, LONG_DAYS, short=True))
    like = f", did you mean {' '.join(meant)}?" if all(meant) else ":"
    raise Unusable(
        f"{text!r} is not a day{like} write tue, tuesday, first tuesday or last sunday".replace("? w", "? W")
    )


def _time(window: Mapping[str, Any], name: str) -> timedelta:
    text = str(window.get(name) or "").strip()
    if not TIME.fullmatch(text):
        hint = f'. YAML reads 10:00 without quotes as 600: write {name}: "10:00"' if text.isdigit() else ""
        raise Unusable(f'{name} {text!r} is not a time of day such as "10:00"{hint}')
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _moment(day: date, past_midnight: timedelta, zone: ZoneInfo) -> datetime:
    return (datetime.combine(day, time()) + past_midnight).replace(tzinfo=zone).astimezone(UTC)
