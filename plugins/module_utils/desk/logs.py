# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of logs: read from any vendor's shape, masked, chosen, merged by time and bounded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..core.amounts import moment
from ..core.json_text import loads
from ..core.redact import MASK, SENSITIVE, redact
from ..release import log_pattern
from ..release.page_options import times_of

LEVELS = ("debug", "info", "warning", "error")
WORDS = {
    **dict.fromkeys(("trace", "debug", "verbose", "10", "20"), "debug"),
    **dict.fromkeys(("info", "notice", "log", "30"), "info"),
    **dict.fromkeys(("warn", "warning", "40"), "warning"),
    **dict.fromkeys(("error", "err", "fatal", "critical", "crit", "alert", "emerg", "50", "60"), "error"),
}
LONGEST = 2000  # characters of a line
IDS = ("reqId", "requestId", "request_id", "req_id", "traceId", "trace_id", "x-request-id", "cf-ray")
RAY = re.compile(r"([0-9a-f]{16})-[A-Z]{3}")  # Cloudflare's id of a request, and the data centre that took it
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
    since, until = times_of(params, now)
    pattern, request, text = log_pattern.compiled(params["grep"]), params["request"] or "", params["filter"] or ""
    return Wanted(since, until, params["level"], pattern, request_id(request), params["limit"], text)


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
    request = request_id(next((str(fields[name]) for name in IDS if fields.get(name)), ""))
    whole = " ".join([text, *more]) if fields else text
    return Line(when.astimezone(UTC), unit, own, mask(whole, secrets)[:LONGEST], mask(request, secrets))


def request_id(text: str) -> str:
    """Return an id without the data centre, which the header cf-ray has and Cloudflare's own pages do not."""
    found = RAY.fullmatch(text.strip())
    return found[1] if found else text.strip()


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
