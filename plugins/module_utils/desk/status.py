# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges what every system said: how each surface is, what needs attention, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..core.amounts import age, moment, number, size
from ..release.pages import worst
from .gather import Fact, Facts, fact, value
from .held import Held
from .held import closed as is_closed
from .page import ATTENTION, DOWN, OK

DAYS_LEFT = 21
ERROR_SHARE, ERROR_GROWTH, FEW = 0.01, 3.0, 20  # of requests; by how much more than usual; fewer requests say nothing
CONNECTIONS = 0.9
FULL = 0.95
HIT_RATE_DROP = 0.2
LOCK_SECONDS = 30.0


@dataclass
class Surface:
    """A line of the page: ``facts`` are short texts, ``why`` says what is not well."""

    name: str
    level: str = OK
    release: str = ""
    since: str | None = None
    facts: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def note(self, level: str, why: str) -> None:
        self.level = worst([self.level, level])
        self.why.append(why)


def surfaces(facts: Facts, now: datetime, backup_max_age: float, closed: Held | None = None) -> list[Surface]:
    """Return a line for every unit and system that is configured. ``closed`` is the maintenance that the shop is in."""
    found = [_unit(facts, name.removeprefix("unit:"), closed) for name in facts if name.startswith("unit:")]
    found.sort(key=lambda one: one.name != "frontend")
    makers: Sequence[tuple[str, Callable[[Fact, Facts], Surface]]] = (
        ("database", lambda one, others: _database(one, others, now, backup_max_age)),
        ("redis", _redis),
        ("edge", _edge),
        ("store", _store),
    )
    for name, make in makers:
        source = "ledger" if name == "store" else name
        if source in facts:
            found.append(make(fact(facts, source), facts))
    return found


def _unit(facts: Facts, name: str, closed: Held | None) -> Surface:
    found, platform = Surface(name), fact(facts, f"unit:{name}")
    _reported(found, facts, name, closed)
    answered = platform.value or {}
    live, suspended = answered.get("live") or {}, answered.get("suspended")
    if platform.problem:
        found.note(ATTENTION, f"its platform could not be asked: {platform.problem}")
    elif (suspended or not live) and closed and name in closed.units:
        found.note(ATTENTION, "stopped for the maintenance")
    elif suspended:
        found.note(DOWN, "it is suspended")
    elif not live:
        found.note(DOWN, "nothing of it runs")
    found.release = found.release or str(live.get("release") or live.get("id") or "")
    found.since = live.get("created_at")
    if answered.get("replicas"):
        found.facts.append(number(answered["replicas"], "replica"))
    if not any(found.facts) and live:
        found.facts.append("running")
    if answered.get("maintenance"):
        found.note(ATTENTION, "maintenance mode is on")
    coming = [*(answered.get("in_progress") or []), *(answered.get("building") or [])]
    if coming:
        found.facts.append(f"{coming[0].get('release') or coming[0].get('id')} is being built")
    newest = answered.get("newest") or {}
    if newest.get("status") in ("crashed", "failed", "error", "build_failed", "update_failed") and newest != live:
        found.note(ATTENTION, f"the newest deployment ({newest.get('release') or newest.get('id')}) {newest['status']}")
    for why in errors(answered):
        found.note(ATTENTION, why)
    found.details = {"live": answered.get("live"), "replicas": answered.get("replicas"), "http": answered.get("http")}
    return found


def errors(answered: Mapping[str, Any]) -> Iterator[str]:
    """Say whether more requests fail than usual."""
    lately, usual = answered.get("http") or {}, answered.get("http_usual") or {}
    if lately.get("requests", 0) < FEW:
        return
    share = lately["errors_5xx"] / lately["requests"]
    before = usual["errors_5xx"] / usual["requests"] if usual.get("requests") else 0.0
    if share > ERROR_SHARE and share > before * ERROR_GROWTH:
        yield f"{share:.1%} errors in 15 min (usually {before:.1%})".replace("%", " %")


def _reported(found: Surface, facts: Facts, name: str, closed: Held | None) -> None:
    """Add what the public site of a unit says; a worker has none."""
    site = "frontend" if name == "frontend" else "backend"
    asked = fact(facts, f"site:{site}")
    is_web = name == "frontend" or _serves(facts, name)
    if asked.kind == "absent" or not is_web:
        return
    if asked.problem:
        found.note(DOWN, f"its public site could not be asked: {asked.problem}")
        return
    checks = asked.value or []
    bad = [one for one in checks if one["outcome"] != "healthy"]
    slowest = max((one["latency_ms"] for one in checks if one["latency_ms"] is not None), default=None)
    found.release = next((one["release"] for one in checks if one["release"]), "")
    word = "healthy" if not bad else f"{len(checks) - len(bad)} of {number(len(checks), 'check')} passed"
    found.facts.append(word + (f", {slowest} ms" if slowest is not None else ""))
    if closed and any(is_closed(one) for one in bad):
        found.note(ATTENTION, "closed for maintenance")
        bad = [one for one in bad if not is_closed(one)]
    for one in bad:
        level = ATTENTION if one["outcome"] == "probe_blocked" else DOWN
        found.note(level, f"{one['name']}: {'; '.join(one['reasons'])}")
    found.details["checks"] = checks


def _serves(facts: Facts, name: str) -> bool:
    """Whether a unit of the backend is the one behind the public address: the first that counts requests."""
    units = [one.removeprefix("unit:") for one in facts if one.startswith("unit:") and one != "unit:frontend"]
    return bool(units) and name == units[0]


def _database(found: Fact, facts: Facts, now: datetime, backup_max_age: float) -> Surface:
    line = Surface("database")
    answered = found.value or {}
    server = answered.get("server") or {}
    if found.problem:
        line.note(DOWN if found.kind != "config" or found.code else ATTENTION, found.problem)
    if server:
        line.release = str(server["version"]).partition(" ")[0]
        line.facts += [
            f"{server['connections']} of {server['max_connections']} connections",
            size(server["size_bytes"]),
        ]
        if server["connections"] >= server["max_connections"] * CONNECTIONS:
            line.note(ATTENTION, f"{server['connections']} of {server['max_connections']} connections are used")
        if server.get("in_recovery"):
            line.note(ATTENTION, "it is a standby, which refuses writes")
    for lock in (answered.get("locks") or [])[:1]:
        if (lock["seconds"] or 0.0) >= LOCK_SECONDS:
            line.note(ATTENTION, f"a session has waited {age(lock['seconds'])} for {lock['relation'] or 'a lock'}")
    failed = (answered.get("migrations") or {}).get("failed") or []
    if failed:
        line.note(ATTENTION, f"a migration failed: {', '.join(failed)}")
    pending = value(facts, "pending", [])
    if pending:
        line.note(
            ATTENTION, f"{number(len(pending), 'migration')} of the live release pending: {', '.join(pending[:3])}"
        )
    line.details = {"server": server or None, "failed_migrations": failed, "pending_migrations": pending}
    _backup(line, fact(facts, "backups"), backup_max_age)
    return line


def _backup(line: Surface, found: Fact, most: float) -> None:
    if found.kind == "absent":
        return
    if found.problem:
        line.note(ATTENTION, f"the backups could not be listed: {found.problem}")
        return
    latest, proven = (found.value or {}).get("latest"), (found.value or {}).get("proven")
    line.details["backup"] = latest
    if latest is None:
        line.note(ATTENTION, "there is no backup")
        return
    proof = f"proven {age(latest['age'])} ago" if latest["proof"] == "restore" else "not proven"
    if latest["proof"] != "restore" and proven:
        proof = f"the one from {age(proven['age'])} ago is proven"
    line.facts.append(f"backup {age(latest['age'])} old, {proof}")
    if latest["age"] > most * 3600:
        line.note(ATTENTION, f"the newest backup is {age(latest['age'])} old")
    if latest.get("damage"):
        line.note(ATTENTION, f"the newest backup is damaged: {latest['damage']}")


def _redis(found: Fact, facts: Facts) -> Surface:
    line = Surface("redis")
    if found.problem:
        line.note(DOWN, found.problem)
        return line
    answered = found.value or {}
    memory, stats = answered.get("memory") or {}, answered.get("stats") or {}
    line.release = str(answered.get("version") or "")
    line.facts.append(f"{answered.get('ping_ms')} ms")
    if memory:
        limit = f" of {size(memory['limit'])}" if memory.get("limit") else ""
        line.facts.append(f"{size(memory['used'])}{limit}")
        if memory.get("share") is not None and memory["share"] >= FULL:
            line.note(ATTENTION, f"its memory is full ({memory['share']:.0%})".replace("%", " %"))
    if stats.get("hit_rate") is not None:
        line.facts.append(f"hit rate {stats['hit_rate']:.0%}".replace("%", " %"))
    if answered.get("role") == "slave":
        line.note(ATTENTION, "it is a replica, which refuses writes")
    for what, why in (answered.get("unavailable") or {}).items():
        if what == "stats":
            line.facts.append(f"its statistics cannot be read: {why}")
    line.details = {name: answered.get(name) for name in ("ping_ms", "mode", "role", "memory", "clients", "stats")}
    return line


def _edge(found: Fact, facts: Facts) -> Surface:
    line = Surface("edge")
    answered = found.value or {}
    if found.problem:
        line.note(ATTENTION, found.problem)
        return line
    rate, usual = answered.get("hit_rate"), answered.get("usual_hit_rate")
    if rate is not None:
        compared = f" (usually {usual:.0%})" if usual is not None else ""
        line.facts.append(f"hit rate {rate:.0%}{compared}".replace("%", " %"))
        if usual is not None and rate < usual - HIT_RATE_DROP:
            line.note(ATTENTION, f"the hit rate fell from {usual:.0%} to {rate:.0%}".replace("%", " %"))
    line.facts.append(str(answered.get("zone")))
    if answered.get("paused"):
        line.note(ATTENTION, "the zone is paused: requests reach the origin directly")
    if answered.get("development_mode") is not None:
        line.note(ATTENTION, f"development mode bypasses the cache for another {age(answered['development_mode'])}")
    if answered.get("status") not in (None, "active"):
        line.note(ATTENTION, f"the zone is {answered['status']}")
    line.details = answered
    return line


def _store(found: Fact, facts: Facts) -> Surface:
    line = Surface("store")
    if found.problem:
        line.note(ATTENTION, f"{found.problem.rstrip('.')}. Deploys and backups need it")
        return line
    line.facts.append(f"{number(len((found.value or {}).get('records') or []), 'newest record')} read")
    for remark in (found.value or {}).get("remarks") or []:
        line.note(ATTENTION, remark)
    return line


def expiring(facts: Facts, now: datetime) -> Iterator[tuple[str, str, int]]:
    """Give (level, what, days left) of each certificate and token that ends."""
    for host, found in ((value(facts, "tls") or {}).get("hosts") or {}).items():
        days = [one["days_left"] for one in found if one.get("days_left") is not None]
        if days:
            yield _left(min(days)), f"certificate of {host}", min(days)
    token = (value(facts, "edge") or {}).get("token") or {}
    until = moment(token.get("expires_on")) if token.get("expires_on") else None
    if until:
        days_left = (until - now).days
        yield _left(days_left), "Cloudflare's token", days_left


def _left(days: int) -> str:
    return DOWN if days < 0 else ATTENTION if days < DAYS_LEFT else OK
