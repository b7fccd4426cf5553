# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a vendor that refuses for its rate limit wants to be asked again."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

LONGEST = 366 * 86_400.0  # seconds: a longer wait is a mistake of the vendor's
A_MINUTE = 60.0  # what GitHub asks for where it does not say more
# a number from here on is a time since 1970 in seconds, from a thousand times as much on in milliseconds
EPOCH = 1_000_000_000
REMAINING = ("x-ratelimit-remaining", "x-sentry-rate-limit-remaining", "x-rate-limit-remaining", "ratelimit-remaining")
# GitHub, Vercel, Railway; Sentry; others; Render
RESET = ("x-ratelimit-reset", "x-sentry-rate-limit-reset", "x-rate-limit-reset", "ratelimit-reset")
# of the header RateLimit, by its newer and its older draft; so does Cloudflare
FIELD = re.compile(r"(?:^|[;,\s])(?:t|reset)=(\d+)")
USED_UP = re.compile(r"(?:^|[;,\s])(?:r|remaining)=0+(?!\d)")

Response = Any


def is_limited(response: Response) -> bool:
    """Whether an answer is a refusal for a rate limit: 429, or GitHub's 403 for its primary and its secondary limit."""
    if response.status_code == HTTPStatus.FORBIDDEN:
        return (
            "retry-after" in response.headers
            or _remaining(response.headers) == 0
            or "rate limit" in response.text[:2000].lower()
        )
    return response.status_code == HTTPStatus.TOO_MANY_REQUESTS


def wanted_pause(response: Response, body: Any = None, now: Callable[[], float] = time.time) -> float | None:
    """Return the seconds until a vendor wants to be asked again; None where it does not say, or names an impossible
    time.

    Times are compared with the answer's own ``Date``, so that neither clock has to be right.
    """
    headers = response.headers
    sent = _date(headers.get("date"))
    present = now() if sent is None else sent
    date = _date(headers.get("retry-after"))
    asked = _number(headers.get("retry-after")) if date is None else date - present
    if asked is not None and asked <= LONGEST:
        return asked if asked > 0 else None  # at once
    hints: list[float | None] = []
    left = _remaining(headers)
    # every answer says when the limit is renewed, used up or not
    if left == 0 or (left is None and is_limited(response)):
        hints += [_since(headers.get(name), present) for name in RESET]
        hints += [_since(found[1], present) for found in [FIELD.search(headers.get("ratelimit", ""))] if found]
        hints += [_since(value, present) for value in _of_body(body)]
    if response.status_code == HTTPStatus.FORBIDDEN and is_limited(response):
        hints.append(A_MINUTE)
    return next((seconds for seconds in hints if seconds is not None and 0 < seconds <= LONGEST), None)


def say_when(seconds: float, now: Callable[[], float] = time.time) -> str:
    """Return when it is so many seconds from now, on this machine's clock, and how long that is."""
    here = datetime.fromtimestamp(now(), UTC).astimezone()
    then = here + timedelta(seconds=math.ceil(seconds))
    day = "" if then.date() == here.date() else "%Y-%m-%d "
    return f"{then.strftime(f'{day}%H:%M:%S %Z')} (in {duration(seconds)})"


def duration(seconds: float) -> str:
    """Return a time as people say it, in two units: 45 s, 3 min 20 s, 23 h 59 min, 2 d 4 h."""
    whole = math.ceil(seconds)
    for unit, size, smaller, part in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}{f' {rest} {smaller}' if rest else ''}"
    return f"{whole} s"


def _of_body(body: Any) -> list[Any]:
    """Return what Vercel says in ``error.limit``: ``resetMs`` and ``reset``."""
    error = body.get("error") if isinstance(body, dict) else None
    limit = error.get("limit") if isinstance(error, dict) else None
    return [limit.get("resetMs"), limit.get("reset")] if isinstance(limit, dict) else []


def _remaining(headers: Mapping[str, str]) -> float | None:
    """Return how many requests are left; None where that is unknown."""
    hints = next((number for name in REMAINING if (number := _number(headers.get(name))) is not None), None)
    return 0 if hints is None and USED_UP.search(headers.get("ratelimit", "")) else hints


def _since(value: Any, present: float) -> float | None:
    number = _number(value)
    if number is None or number < EPOCH:
        return number
    return number / (1000 if number >= EPOCH * 1000 else 1) - present


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,20}(\.\d{1,9})?", str(value).strip(), re.ASCII):
        return None
    return float(value)


def _date(value: str | None) -> float | None:
    try:
        return parsedate_to_datetime(value or "").timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None
