# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""T3: why a health check fails: the database, Redis, a missing variable, or the unit itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ...core.amounts import number
from ..held import closed, held
from .finding import BROKEN, DEGRADED, INFORMATION, LIKELY, NOTE, SURE, Finding, View, weighed
from .log_lines import plain, reason

LOCKED_SECONDS = 5.0
# seconds: a line of the log is of today where it is newer than this; the shop works again since an older one, if its
# checks pass now
WORKED, FAILED = 5 * 60.0, 60 * 60.0
CONNECTIONS = 0.95
FULL = 0.97
# An SQLSTATE counts where it is named as a code: a log also holds ports, times and ids with these digits.
STATE = r"\b(?:code|sqlstate|error)\W{1,4}%s\b"
NO_SPACE = re.compile(
    rf"No space left on device|could not extend file|{STATE % 53100}|disk(?: is)? full", re.IGNORECASE
)
NO_CONNECTION = re.compile(
    rf"too many (?:clients|connections)|remaining connection slots|{STATE % 53300}", re.IGNORECASE
)
REDIS_FULL = re.compile(r"OOM command not allowed", re.IGNORECASE)
# A variable's name has an underscore, but for a few; codes of errors, such as ENOENT, are none.
VARIABLE = r"\b(?!ERR_|MODULE_NOT_FOUND)([A-Z][A-Z0-9]*_[A-Z0-9_]+|PORT|HOST|SECRET)\b"
LACKS = re.compile(
    rf"(?:[Mm]issing|[Rr]equired|[Uu]ndefined|[Ii]nvalid)[^.\n]{{0,40}}{VARIABLE}"
    rf"|{VARIABLE}['\"`]? (?:is )?(?:missing|not set|not defined|required|undefined|must be set)"
)


@dataclass(frozen=True)
class Refusal:
    """What PostgreSQL answers instead of a connection, by our code of it."""

    id: str
    what: str
    cause: str
    advice: str


REFUSALS = {
    "too_many_connections": Refusal(
        "database_connections",
        "The database has no free connection",
        "sessions leak, or more replicas run than max_connections allows",
        "End idle sessions, run fewer replicas, or lower connection_limit in DATABASE_URL.",
    ),
    "53100": Refusal(
        "database_full",
        "The database's disk is full",
        "the volume has no room",
        "Make the volume larger at its vendor.",
    ),
    "auth_failed": Refusal(
        "database_password",
        "The database refuses the password",
        "the password was changed, or the variable holds an old one",
        "Set DATABASE_URL at the platform and in the inventory to the password of today.",
    ),
}
DOWN = Refusal(
    "database_down",
    "The database cannot be reached",
    "the server is stopped, or its address changed",
    "Start it at its vendor. If its data are lost, restore the newest backup: restore.yml -e backup=latest.",
)


def database(view: View) -> Iterator[Finding]:
    """Say what keeps the shop from its database."""
    known = view.fact("database")
    if known.problem and known.kind != "absent":
        code = (
            "too_many_connections"
            if NO_CONNECTION.search(known.problem)
            else "53100"
            if NO_SPACE.search(known.problem)
            else known.code
        )
        kind = REFUSALS.get(code, DOWN)
        yield Finding(
            kind.id,
            "T3",
            kind.what,
            known.problem,
            kind.cause,
            SURE,
            BROKEN,
            do=view.command("status"),
            advice=kind.advice,
        )
        return
    server = (known.value or {}).get("server") or {}
    if server and server["connections"] >= server["max_connections"] * CONNECTIONS:
        kind = REFUSALS["too_many_connections"]
        evidence = f"{server['connections']} of {server['max_connections']} connections are used"
        yield Finding(
            kind.id,
            "T3",
            "The database has almost no free connection",
            evidence,
            kind.cause,
            SURE,
            BROKEN,
            do=view.command("database", "-e database_gather=connections"),
            advice=kind.advice,
        )


def full(view: View) -> Iterator[Finding]:
    """Say that the units cannot write, by what they log; the server does not report its disk."""
    for unit in _units(view):
        logged = view.logged(unit, NO_SPACE)
        if logged:
            kind, (found, seconds) = REFUSALS["53100"], logged
            finding = Finding(
                kind.id,
                "T3",
                kind.what,
                f"{unit} logs: {_words_around(found)}",
                kind.cause,
                LIKELY,
                BROKEN,
                do=view.command("database", "-e database_gather=server,tables"),
                advice=kind.advice,
            )
            yield weighed(finding, seconds, WORKED if view.works("backend") else FAILED)
            return


def _words_around(found: re.Match[str], most: int = 200) -> str:
    """Return the part of a long line that says what was found."""
    begin = max(found.start() - most // 4, 0)
    return f"{'…' if begin else ''}{found.string[begin : begin + most]}"


def locked(view: View) -> Iterator[Finding]:
    """Name the session for which others wait."""
    locks = [one for one in (view.value("database") or {}).get("locks") or [] if _seconds(one) >= LOCKED_SECONDS]
    if locks:
        first = max(locks, key=_seconds)
        blocker = first["blocker_application"] or first["blocker_user"] or "another session"
        yield Finding(
            "database_locked",
            "T3",
            f"{number(len({one['pid'] for one in locks}), 'session waits', 'sessions wait')} for a lock on"
            f" {first['relation'] or 'the database'}",
            f"{_statement(first['query'])} waits {_seconds(first):.0f} s for {blocker}"
            f" (pid {first['blocked_by']}, {first['blocker_state'] or 'not visible'}):"
            f" {_statement(first['blocker_query'])}",
            "a transaction was left open, or a migration changes a busy table",
            SURE,
            BROKEN,
            do=view.command("database", "-e database_gather=locks"),
            advice=f"End the session, which takes its transaction back, in psql: SELECT"
            f" pg_terminate_backend({first['blocked_by']});",
            target=str(first["blocked_by"]),
        )


def _seconds(lock: Mapping[str, Any]) -> float:
    """Return how long a session waits; a user who may not see others' sessions does not see it, and the wait counts."""
    return LOCKED_SECONDS if lock["seconds"] is None else float(lock["seconds"])


def _statement(text: str | None) -> str:
    return (text or "a statement that is not visible")[:120]


def redis(view: View) -> Iterator[Finding]:
    """Say that Redis is down, full, or gives keys up."""
    known = view.fact("redis")
    if known.problem and known.kind != "absent":
        yield Finding(
            "redis_down",
            "T3",
            "Redis cannot be reached",
            known.problem,
            "the server is stopped, or its address changed",
            SURE,
            BROKEN,
            do=view.command("status"),
            advice="Start it at its vendor, and correct REDIS_URL if it moved.",
        )
        return
    found = known.value or {}
    memory, stats = found.get("memory") or {}, found.get("stats") or {}
    share = memory.get("share")
    if share is not None and share >= FULL and memory.get("policy") == "noeviction":
        yield Finding(
            "redis_full",
            "T3",
            "Redis is full and refuses writes",
            f"{memory['used']:,} of {memory['limit']:,} bytes, policy noeviction",
            "keys never expire, or maxmemory is too small",
            SURE,
            BROKEN,
            do=view.command("redis", "-e redis_biggest=20"),
            advice="Remove keys that the shop can create again (redis.yml -e flush=PATTERN), or raise maxmemory.",
        )
    elif stats.get("evicted"):
        rate = f", hit rate {stats['hit_rate']:.0%}" if stats.get("hit_rate") is not None else ""
        yield Finding(
            "redis_evicting",
            "T3",
            "Redis evicts keys",
            f"{number(stats['evicted'], 'key')} in {stats['seconds']:g} s{rate}, policy {memory.get('policy')}".replace(
                "%", " %"
            ),
            "maxmemory is reached, so that sessions and cached answers are lost",
            SURE,
            DEGRADED,
            do=view.command("redis", "-e redis_biggest=20"),
            advice="Raise maxmemory, or let big keys expire.",
        )


def variables(view: View) -> Iterator[Finding]:
    """Name the variables that the release needs and the unit does not have."""
    needed = view.value("needs") or {}
    for unit, names in needed.items():
        if names:
            yield Finding(
                "variable_missing",
                "T3",
                f"{unit} lacks {', '.join(names[:5])}",
                f".env.example of its release names {'it' if len(names) == 1 else 'them'}",
                "the variable was removed, or the release needs a new one",
                SURE if _unwell(view, unit) else LIKELY,
                BROKEN if _unwell(view, unit) else DEGRADED,
                do=view.command("logs", f"-e unit={unit}", f"-e grep={names[0]}"),
                advice=f"Set {', '.join(names)} of {unit} at the platform, then deploy again.",
                target=unit,
            )


def maintained(view: View) -> Iterator[Finding]:
    """Say that the shop is in maintenance, which explains what is closed or stopped."""
    found = held(view.facts)
    if not found:
        return
    ends = found.way != "deploy"
    yield Finding(
        "in_maintenance",
        "T3",
        "The shop is in maintenance",
        f"maintenance is {found.text(datetime.now(UTC))}",
        "somebody closed the shop, and has not opened it again" if ends else "a deploy that did not finish closed it",
        SURE,
        DEGRADED,
        do=view.command("maintenance", "-e maintenance_state=off") if ends else view.command("status"),
        advice="Open it when the work is done." if ends else "Deploy again or roll back, which ends the maintenance.",
    )


def crashed(view: View) -> Iterator[Finding]:
    """Show the last words of a unit that stopped automatically, or that is not healthy without another finding."""
    maintenance = held(view.facts)
    stopped = maintenance.units if maintenance else ()
    for unit, found in view.units():
        newest = found.get("newest") or {}
        lines = plain("\n".join(view.lines(unit)))
        if newest.get("status") == "crashed" and lines:
            named = next((match for line in lines if (match := LACKS.search(line))), None)
            cause = f"{named[1] or named[2]} seems to be missing" if named else "the end of its log shows why"
            yield Finding(
                "unit_crashed",
                "T3",
                f"{unit} ({newest.get('release') or newest['id']}) starts and stops automatically",
                reason(lines)[:300],
                cause,
                LIKELY,
                BROKEN,
                do=view.command("logs", f"-e unit={unit}"),
                advice="Correct it and deploy again, or roll back.",
                target=unit,
            )
        if unit in stopped:
            continue
        if found.get("suspended") or (
            not found.get("live") and newest.get("status") in ("stopped", "removed", "deactivated")
        ):
            yield Finding(
                "unit_stopped",
                "T3",
                f"{unit} is stopped",
                f"its newest deployment is {newest.get('status')}",
                "somebody stopped it, or maintenance was not turned off",
                SURE,
                BROKEN,
                do=view.remedy("restart", f"-e unit={unit}"),
                advice="Starting it serves the same release.",
                remedy="restart",
                target=unit,
            )


def unhealthy(view: View) -> Iterator[Finding]:
    """Say that a site fails where nothing else explains it."""
    for site in ("backend", "frontend"):
        known = view.fact(f"site:{site}")
        bad = [one for one in known.value or [] if one["outcome"] != "healthy"]
        if held(view.facts):
            bad = [one for one in bad if not closed(one)]
        if not bad:
            continue
        unit = view.web() if site == "backend" else "frontend"
        blocked = all(one["outcome"] == "probe_blocked" for one in bad)
        first = bad[0]
        yield Finding(
            "probe_blocked" if blocked else "unhealthy",
            "T3",
            f"{first['name']} of the {site} {'cannot be checked' if blocked else 'fails'}",
            f"{first['url']}: {'; '.join(first['reasons'])}",
            "a protection answers instead of the site" if blocked else "see the log of the unit",
            INFORMATION if blocked else LIKELY,
            NOTE if blocked else BROKEN,
            do=view.command("logs", f"-e unit={unit}", "-e level=error"),
            advice="" if blocked else "If it began with the release, roll back first and find the cause later.",
            target=unit,
        )


def _units(view: View) -> list[str]:
    return [name for name, _found in view.units() if name != "frontend"]


def _unwell(view: View, unit: str) -> bool:
    bad = [one for one in view.fact("site:backend").value or [] if one["outcome"] != "healthy"]
    found = dict(view.units()).get(unit) or {}
    return bool(bad and unit == view.web()) or (found.get("newest") or {}).get("status") in ("crashed", "failed")


RULES = (maintained, database, full, locked, redis, variables, crashed, unhealthy)
