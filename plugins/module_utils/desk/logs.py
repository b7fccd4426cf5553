# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of logs: read from any vendor's shape, masked, chosen, merged by time and bounded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ..core.amounts import moment
from ..core.bounds import refuse_outside
from ..core.errors import ConfigError
from ..core.json_text import loads
from ..core.redact import MASK, SENSITIVE, redact
from . import log_pattern

LEVELS = ("debug", "info", "warning", "error")
WORDS = {
    **dict.fromkeys(("trace", "debug", "verbose", "10", "20"), "debug"),
    **dict.fromkeys(("info", "notice", "log", "30"), "info"),
    **dict.fromkeys(("warn", "warning", "40"), "warning"),
    **dict.fromkeys(("error", "err", "fatal", "critical", "crit", "alert", "emerg", "50", "60"), "error"),
}
LONGEST = 2000  # characters of a line
SPAN = re.compile(r"(\d+)\s*(s|min|m|h|d)", re.IGNORECASE)
SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
IDS = ("reqId", "requestId", "request_id", "req_id", "traceId", "trace_id", "x-request-id")
TOKENS = re.compile(
    r"\b(?:(?:sk|pk|rk)_(?:live|test)_\w{8,}|whsec_\w{8,}|gh[pousr]_\w{20,}|xox[abpr]-[\w-]{10,}|AKIA[0-9A-Z]{16}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)
BEARER = re.compile(r"(?P<head>\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
NAMED = re.compile(rf"(?P<head>\b{SENSITIVE}\"?\s*[=:]\s*\"?)[^\s\"',;&}}]+", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """``at`` is in UTC, ``request`` the id of the request, empty where the line has none."""

    at: datetime
    unit: str
    level: str
    message: str
    request: str = ""

    def described(self) -> dict[str, Any]:
        at = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "at": at,
            "unit": self.unit,
            "level": self.level,
            "message": self.message,
            "request": self.request or None,
        }


@dataclass(frozen=True)
class Wanted:
    """Which lines are wanted. ``level`` is the least, ``grep`` a regular expression, ``request`` an id, ``text`` what a
    line contains, in upper or lower case.
    """

    since: datetime
    until: datetime | None = None
    level: str = "debug"
    grep: re.Pattern[str] | None = None
    request: str = ""
    limit: int = 200
    text: str = ""

    def takes(self, line: Line) -> bool:
        """Whether a line is wanted, but for ``grep``."""
        if line.at < self.since or (self.until and line.at > self.until):
            return False
        if LEVELS.index(line.level) < LEVELS.index(self.level):
            return False
        if self.request and self.request != line.request and self.request not in line.message:
            return False
        return not self.text or self.text.lower() in line.message.lower()

    def chosen(self, lines: Iterable[Line]) -> set[Line]:
        """Return the lines that are wanted; ``grep`` searches in all of them at once."""
        taken = list({line for line in lines if self.takes(line)})
        if self.grep is None:
            return set(taken)
        found = log_pattern.found(self.grep, [line.message for line in taken])
        return {line for line, matches in zip(taken, found, strict=True) if matches}


def wanted(params: Mapping[str, Any], now: datetime) -> Wanted:
    """Read a module's options. Raises ConfigError for a time or a pattern that cannot be read."""
    zone = ZoneInfo(params["timezone"])
    since = time_of(params["since"], "since", zone, now)
    until = time_of(params["until"], "until", zone, now) if params["until"] else None
    if until and since >= until:
        raise ConfigError(
            f"since ({params['since']}) is not before until ({params['until']}), so no line could match. Swap them.",
            code="bad_time",
        )
    if since > now:
        raise ConfigError(f"since is {params['since']}, which is in the future. Correct it.", code="bad_time")
    refuse_outside("limit", params["limit"], 1, MOST, "lines")
    pattern, request, text = log_pattern.compiled(params["grep"]), params["request"] or "", params["filter"] or ""
    return Wanted(since, until, params["level"], pattern, request, params["limit"], text)


MOST = 5000  # lines of a page


def time_of(text: str, option: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Read 15m, 2h, 1d (ago), 02:30 (of today, or of yesterday where that is still to come) or 2026-03-01T02:30."""
    given = text.strip()
    span = SPAN.fullmatch(given)
    try:
        if span:
            return now - timedelta(seconds=int(span[1]) * SECONDS[span[2].lower()])
        if clock := CLOCK.fullmatch(given):
            local = now.astimezone(zone).replace(
                hour=int(clock[1]), minute=int(clock[2]), second=int(clock[3] or 0), microsecond=0
            )
            return (local if local <= now else local - timedelta(days=1)).astimezone(UTC)
        read = datetime.fromisoformat(given)
        return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{option} is {text!r}, which is not a time. Write 15m, 2h or 1d for so long ago, 02:30 for today, or"
            " 2026-03-01T02:30.",
            code="bad_time",
        ) from None


def line_of(unit: str, at: Any, level: Any, message: str, secrets: Iterable[str] = ()) -> Line | None:
    """Return a line of any vendor's, with what a JSON line says of itself; None without a time."""
    when = moment(at)
    if when is None:
        return None
    fields = _json(message)
    text = str(fields.get("msg") or fields.get("message") or message) if fields else message
    more = [
        f"{name}={fields[name]}"
        for name in ("service", "url", "path", "status", "statusCode", "err", "error")
        if isinstance(fields.get(name), (str, int))
    ]
    own = WORDS.get(str(fields.get("level", "")).lower()) or WORDS.get(str(level or "").lower()) or "info"
    request = next((str(fields[name]) for name in IDS if fields.get(name)), "")
    whole = " ".join([text, *more]) if fields else text
    return Line(when.astimezone(UTC), unit, own, mask(whole, secrets)[:LONGEST], mask(request, secrets))


def _json(message: str) -> dict[str, Any]:
    if not message.lstrip().startswith("{"):
        return {}
    try:
        found = loads(message)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a line without the secrets that are known, and without what looks like one."""
    text = TOKENS.sub(MASK, redact(text, secrets))
    text = BEARER.sub(lambda found: f"{found['head']}{MASK}", text)
    return NAMED.sub(lambda found: f"{found['head']}{MASK}", text)


def merged(lines: Iterable[Line], want: Wanted) -> tuple[list[Line], int]:
    """Return the newest wanted lines, the oldest of them first, and how many older ones were left out."""
    found = sorted(want.chosen(lines), key=lambda line: (line.at, line.unit, line.message))
    return found[-want.limit :], max(len(found) - want.limit, 0)
