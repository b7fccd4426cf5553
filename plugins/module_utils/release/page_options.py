# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an argument spec cannot judge in the options of a page: times, time zones, patterns, bounds, names of units.

A module reads its options by these functions, and a playbook asks ``problems`` before, so that a run is refused for
everything at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from ..core.bounds import refuse_outside, refuse_time_limit
from ..core.errors import ConfigError
from ..redis.limits import LONGEST_INTERVAL, MOST_KEYS, refuse_unbounded
from . import log_pattern, maintenance
from .page_budget import MOST_SECONDS
from .spelling import suggestion
from .variable_names import OPTIONS, OWN, RUN

PAGES = ("status", "releases", "diagnose", "logs", "redis")
MOST_LINES = 5000  # of a page of logs
MOST_FOLLOWED = 600.0  # seconds
MOST_HOURS = 365 * 24  # that a backup may be old
SPAN = re.compile(r"(\d+)\s*(s|min|m|h|d)", re.IGNORECASE)
SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")

Ask = Callable[[], object]  # raises ConfigError for what is wrong
Values = Mapping[str, Any]


def problems(playbook: str, values: Values, storefront: str, now: datetime) -> Iterator[str]:
    """Yield what is wrong with the options of a page. ``values`` are the variables of the storefront: one of a wrong
    type is the argument spec's to refuse, and an empty one is not given.
    """
    if playbook == "maintenance":
        yield from maintenance.wrong_options(values, now)
    if playbook not in PAGES:
        return
    zone = str(values.get("preflight_timezone") or "UTC")
    asks: list[Ask] = [partial(zone_of, zone, "preflight_timezone")]
    hours = _number(values, "database_backup_max_age")
    if (seconds := _number(values, "desk_timeout")) is not None:
        asks.append(partial(refuse_time_limit, "desk_timeout", seconds, MOST_SECONDS))
    if hours is not None:
        asks.append(partial(refuse_outside, "database_backup_max_age", hours, 0, MOST_HOURS, "hours"))
    if playbook == "logs":
        asks += log_asks({**_of_logs(values), "timezone": zone}, _units(values), storefront, now)
    if playbook == "releases" and values.get("compare"):
        asks.append(partial(two_releases, str(values["compare"])))
    if playbook == "redis":
        asks += _redis_asks(values)
    yield from dict.fromkeys(str(error) for error in errors(asks))


def misnamed(playbook: str, names: Collection[str]) -> dict[str, str]:
    """Return what is wrong, by name, with ``names`` of the command line that nothing reads and that begin with an
    option of the page, such as request_id: without the option a page shows more than was asked for.
    """
    options = [option for option, readers in RUN.items() if playbook in PAGES and playbook in readers]
    meant = {name: option for name in sorted(names) for option in options if name.startswith(f"{option}_")}
    return {
        name: f"{name} is not a variable of this collection: did you mean {option}? Nothing reads it"
        for name, option in meant.items()
        if name not in (*OPTIONS, *OWN)
    }


def errors(asks: Iterable[Ask]) -> list[ConfigError]:
    """Return what each question refuses."""
    found = []
    for ask in asks:
        try:
            ask()
        except ConfigError as error:
            found.append(error)
    return found


def refuse(asks: Iterable[Ask]) -> None:
    """Raise ConfigError for everything that the questions refuse."""
    found = errors(asks)
    if len(found) == 1:
        raise found[0]
    if found:
        raise ConfigError(" ".join(map(str, found)), code="bad_options")


def log_asks(given: Values, units: Sequence[str], storefront: str, now: datetime) -> list[Ask]:
    """Return a question for each option of logs.yml. ``given`` are the options of storefront_logs."""
    follow, limit = given["follow"], given["limit"]
    asks: list[Ask] = [partial(refuse_unknown, [name], units, storefront) for name in given["unit"]]
    if not errors([partial(zone_of, given["timezone"])]):
        asks += _time_asks(given, now)
    if limit is not None:
        asks.append(partial(refuse_outside, "limit", limit, 1, MOST_LINES, "lines"))
    asks.append(partial(log_pattern.compiled, given["grep"]))
    asks.append(partial(refuse_outside, "follow", follow, 0, MOST_FOLLOWED, "seconds"))
    return [*asks, partial(_refuse_end, given)] if follow else asks


def _time_asks(given: Values, now: datetime) -> list[Ask]:
    zone = ZoneInfo(given["timezone"])
    each: list[Ask] = [partial(time_of, given[name], name, zone, now) for name in ("since", "until") if given[name]]
    return each if errors(each) else [partial(times_of, given, now)]


def times_of(given: Values, now: datetime) -> tuple[datetime, datetime | None]:
    """Return the beginning of the time whose lines are wanted, and its end. Raises ConfigError."""
    zone, until = ZoneInfo(given["timezone"]), given["until"]
    begin, end = time_of(given["since"], "since", zone, now), time_of(until, "until", zone, now) if until else None
    if begin > now:
        raise ConfigError(f"since is {given['since']}, which is in the future. Correct it.", code="bad_time")
    if end and begin >= end:
        raise ConfigError(
            f"since ({given['since']}) is not before until ({until}), so no line could match. Swap them.",
            code="bad_time",
        )
    return begin, end


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


def zone_of(name: str, option: str = "timezone") -> ZoneInfo:
    """Return a time zone. Raises ConfigError for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ConfigError(
            f"{option} {name!r} is not known{suggestion(name, available_timezones()) or '.'} Use an IANA name such as"
            " America/New_York.",
            code="bad_timezone",
        ) from None


def refuse_unknown(wanted: Sequence[str], known: Sequence[str], storefront: str) -> None:
    """Raise ConfigError for a unit that the storefront does not have, with the one that was probably meant."""
    for name in wanted:
        if name not in known:
            raise ConfigError(
                f"unit is {name!r}, and {storefront} has no such unit{suggestion(name, known) or '.'} Its units are"
                f" {', '.join(known) or 'none'}.",
                code="unknown_unit",
            )


def two_releases(text: str) -> tuple[str, str]:
    """Read v1.0.0..v1.1.0. Raises ConfigError for anything else."""
    old, dots, new = text.partition("..")
    if not dots or not old.strip() or not new.strip() or ".." in new or new.startswith("."):
        raise ConfigError(
            f"compare is {text!r}. Name two releases with two dots between them, such as v1.0.0..v1.1.0.",
            code="bad_compare",
        )
    return old.strip(), new.strip()


def _refuse_end(given: Values) -> None:
    if given["until"]:
        raise ConfigError(
            "follow waits for new lines, so until has no meaning. Leave one of them out.", code="bad_time"
        )


def _of_logs(values: Values) -> dict[str, Any]:
    """Return the options of storefront_logs that the variables of a storefront give it."""
    unit = values.get("unit") or []
    names = unit.split(",") if isinstance(unit, str) else unit if isinstance(unit, list) else [unit]
    texts = {name: str(values.get(name) or "").strip() for name in ("since", "until", "grep")}
    return {
        "unit": [str(name).strip() for name in names if str(name).strip()],
        "since": texts["since"] or "1h",
        "until": texts["until"] or None,
        "grep": texts["grep"],
        "limit": _number(values, "limit"),
        "follow": _number(values, "follow") or 0.0,
    }


def _redis_asks(values: Values) -> Iterator[Ask]:
    if flush := str(values.get("flush") or "").strip():
        yield partial(refuse_unbounded, flush, "flush")
    for option, most, what in (("redis_biggest", MOST_KEYS, "keys"), ("redis_interval", LONGEST_INTERVAL, "seconds")):
        if (number := _number(values, option)) is not None:
            yield partial(refuse_outside, option, number, 0, most, what)


def _units(values: Values) -> list[str]:
    given = values.get("backend_units")
    units = [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []
    return [*(["frontend"] if values.get("frontend_project") else []), *(str(one.get("name")) for one in units)]


def _number(values: Values, name: str) -> float | None:
    """Return an option that is a number; None where it is none, which its argument spec refuses."""
    try:
        found = float(values[name])
    except (KeyError, TypeError, ValueError):
        return None
    return int(found) if found.is_integer() else found if math.isfinite(found) else None
