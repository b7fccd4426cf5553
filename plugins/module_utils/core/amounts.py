# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations, sizes, counts and times as an operator reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")


def duration(seconds: Any) -> str:
    """8.3 s, 71.3 s, 2 min 05 s, 1 h 02 min; empty for what is not a number."""
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        return ""
    seconds = max(float(seconds), 0.0)
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"


def whole(seconds: float) -> str:
    """The same without tenths, for a line that is written again every second."""
    return f"{int(seconds)} s" if seconds < 100 else duration(int(seconds))


def age(seconds: float) -> str:
    """How long something has been so: 40 s, 12 min, 3 h, 3 days."""
    for size, word in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {word}{'s' if word == 'day' and number > 1 else ''}"
    return f"{int(max(seconds, 0))} s"


def size(count: Any) -> str:
    """4.2 kB, 312 MB, 1.2 GB; empty for what is not a number."""
    if not isinstance(count, (int, float)) or isinstance(count, bool):
        return ""
    if count < 1000:
        return f"{int(count)} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            return f"{count:.1f} {unit}" if count < 9.95 else f"{count:.0f} {unit}"
    raise AssertionError


def number(count: Any, one: str, many: str = "") -> str:
    """1 file, 2,014 files; what is not a number has the plural: unknown files."""
    words = one if count == 1 else many or f"{one}s"
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    return f"{count:,} {words}" if isinstance(count, (int, float)) else f"{count} {words}"


def moment(text: Any) -> datetime | None:
    """A time as our modules and the vendors write it, or None."""
    try:
        read = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def clock(at: datetime) -> str:
    """10:47, in the operator's own zone."""
    return at.astimezone().strftime("%H:%M")


def date(at: datetime) -> str:
    """Tue 3 Mar 10:42 EST, in the operator's own zone."""
    local = at.astimezone()
    return f"{local:%a} {local.day} {local:%b %H:%M %Z}".rstrip()


def local_times(text: str) -> str:
    """Return text with its times in the operator's own zone."""

    def shown(found: re.Match[str]) -> str:
        at = moment(found[0])
        return date(at) if at else found[0]

    return _TIME.sub(shown, text)
