# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a deploy may run at a time: its windows are open, and nothing is frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo, available_timezones

from ..release.spelling import suggestion
from .answer import Answer, failed, passed
from .check import Context, Options
from .intervals import Interval, at, merge, without
from .settings import end_of
from .window_calendar import CalendarFile
from .window_rules import Rule, Unusable

WINDOW = {
    "days": {"type": "list", "elements": "str", "default": []},
    "rule": {"type": "str"},
    "from": {"type": "str", "required": True},
    "to": {"type": "str", "required": True},
}
FREEZE = {
    "from": {"type": "str", "required": True},
    "to": {"type": "str", "required": True},
    "reason": {"type": "str", "required": True},
    "storefronts": {"type": "list", "elements": "str", "default": []},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "timezone": {"type": "str", "default": "UTC"},
    "windows": {"type": "list", "elements": "dict", "default": [], "options": WINDOW},
    "calendar": {"type": "path"},
    "maintenance_windows": {"type": "list", "elements": "dict", "default": [], "options": WINDOW},
    "maintenance": {"type": "bool", "default": False},
    "freezes": {"type": "list", "elements": "dict", "default": [], "options": FREEZE},
    "freeze_calendar": {"type": "path"},
}
SOON = timedelta(days=30)


class Times(Protocol):
    def between(self, begin: datetime, end: datetime) -> Iterator[Interval]:
        """Give the spans that reach into the time between."""


class Freeze:
    """A freeze of the inventory. Raises Unusable."""

    def __init__(self, freeze: Mapping[str, Any], zone: ZoneInfo) -> None:
        try:
            start = datetime.fromisoformat(str(freeze["from"]))
            end = end_of(str(freeze["to"]), zone)
        except ValueError:
            raise Unusable(
                f"from {freeze['from']!r} or to {freeze['to']!r} is not a date: write 2026-11-26, which counts whole,"
                " or 2026-11-26T18:00"
            ) from None
        start = start if start.tzinfo else start.replace(tzinfo=zone)
        if not str(freeze["reason"]).strip():
            raise Unusable("it has no reason: say why, since it is shown to the person whom it stops")
        if end <= start:
            raise Unusable(f"it ends ({freeze['to']}) before it begins ({freeze['from']})")
        self._interval = Interval(start.astimezone(UTC), end.astimezone(UTC), str(freeze["reason"]))

    def between(self, begin: datetime, end: datetime) -> Iterator[Interval]:
        if self._interval.start < end and begin < self._interval.end:
            yield self._interval


class Always:
    """Stands for the windows where there are only freezes."""

    def between(self, begin: datetime, end: datetime) -> Iterator[Interval]:
        yield Interval(begin, end)


def missing(options: Options) -> str:
    given = (
        "windows",
        "calendar",
        "freezes",
        "freeze_calendar",
        *(["maintenance_windows"] if options["maintenance"] else []),
    )
    return "" if any(options[name] for name in given) else "set windows, a calendar or freezes"


def wrong(options: Options, context: Context, unread: tuple[str, ...] = ()) -> list[str]:
    """Return what is wrong with each window and freeze, those that never open among them. Sources whose names begin
    with one of ``unread`` are not read.
    """
    try:
        zone = _zone(options["timezone"])
    except Unusable as problem:
        return [str(problem)]
    problems = []
    for name, make in _sources(options, zone):
        if name.startswith(unread):
            continue
        try:
            times = make()
            if "freeze" not in name and not any(
                next(times.between(context.now, end), None) for end in _horizons(context.now)
            ):
                raise Unusable("it never opens within the next five years")
        except Unusable as problem:
            problems.append(f"{name}: {problem}")
    return problems


def ask(context: Context, options: Options) -> Answer:
    zone, now = _zone(options["timezone"]), context.now.astimezone(UTC)
    windows, freezes = _times(options, zone, context.storefront)
    asked = f"may {context.storefront or 'the storefront'} be deployed at {_show(now, zone)}?"
    facts: dict[str, Any] = {"at": now.isoformat(), "timezone": options["timezone"]}
    frozen = _between(freezes, now, now + SOON)
    window, freeze = at(merge(_between(windows, now, now + SOON)), now), at(frozen, now)
    if window and not freeze:
        closes = min([window.end, *(one.start for one in frozen)])
        if closes >= now + SOON:
            return passed("nothing closes it soon", asked=asked, facts=facts)
        return passed(
            f"the window is open until {_show(closes, zone)}",
            asked=asked,
            facts={**facts, "closes": closes.isoformat()},
        )
    opening = next_opening(windows, freezes, now)
    then = (
        f"the next opening is {_show(opening, zone)}" if opening else "there is no opening within the next five years"
    )
    why = (
        f"it is frozen ({freeze.label or 'no reason is given'}): {then}" if freeze else f"the window is closed: {then}"
    )
    facts |= {"next_opening": opening.isoformat() if opening else None, "freeze": freeze.label if freeze else None}
    return failed(why, "Wait for it, or declare an emergency with a reason and an approver", asked=asked, facts=facts)


def next_opening(windows: Sequence[Times], freezes: Sequence[Times], now: datetime) -> datetime | None:
    """Return when it is allowed next, after ``now``; None where that is not within five years."""
    for end in _horizons(now):
        left = without(merge(_between(windows, now, end)), _between(freezes, now, end))
        starts = [one.start for one in left if one.start > now]
        if starts:
            return min(starts)
    return None


def _between(times: Sequence[Times], begin: datetime, end: datetime) -> list[Interval]:
    return [interval for one in times for interval in one.between(begin, end)]


def _horizons(now: datetime) -> Iterator[datetime]:
    """Give the ends of a search that begins near and goes five years far."""
    return (now + timedelta(days=days) for days in (30, 200, 1830))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        like = suggestion(name, available_timezones())
        raise Unusable(
            f"timezone {name!r} is not known{like or '.'} Use an IANA name such as America/New_York"
        ) from None


def _sources(options: Options, zone: ZoneInfo) -> Iterator[tuple[str, Any]]:
    """Give the name of each window and freeze, and what makes it."""
    for option in ("windows", "maintenance_windows"):
        for number, window in enumerate(options[option], 1):
            yield f"{option} {number}", lambda window=window: Rule(window, zone)
    for number, freeze in enumerate(options["freezes"], 1):
        yield f"freezes {number}", lambda freeze=freeze: Freeze(freeze, zone)
    for option in ("calendar", "freeze_calendar"):
        if options[option]:
            yield f"{option} {options[option]}", lambda option=option: CalendarFile(options[option], zone)


def _times(options: Options, zone: ZoneInfo, storefront: str) -> tuple[list[Times], list[Times]]:
    """Return what opens and what freezes for a storefront."""
    allowed = [*options["windows"], *(options["maintenance_windows"] if options["maintenance"] else [])]
    windows: list[Times] = [Rule(window, zone) for window in allowed]
    freezes: list[Times] = [
        Freeze(one, zone) for one in options["freezes"] if not one["storefronts"] or storefront in one["storefronts"]
    ]
    windows += [CalendarFile(options["calendar"], zone)] if options["calendar"] else []
    freezes += [CalendarFile(options["freeze_calendar"], zone)] if options["freeze_calendar"] else []
    return windows or [Always()], freezes


def _show(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b} {local.year} {local:%H:%M %Z}"
