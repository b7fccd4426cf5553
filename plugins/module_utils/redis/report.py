# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Redis reports of itself: role, memory, statistics as differences between two readings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.errors import ApiError
from .connection import Server, explained

Readings = Sequence[Mapping[str, Any]]

COUNTED = {
    "keyspace_hits": "hits",
    "keyspace_misses": "misses",
    "evicted_keys": "evicted",
    "expired_keys": "expired",
    "total_commands_processed": "commands",
    "total_connections_received": "connections",
    "rejected_connections": "rejected",
    "total_error_replies": "errors",
}
MEMORY = {
    "used_memory": "used",
    "used_memory_peak": "peak",
    "used_memory_rss": "resident",
    "maxmemory": "limit",
    "maxmemory_policy": "policy",
    "mem_fragmentation_ratio": "fragmentation",
}


def ping(server: Server, clock: Callable[[], float] = time.monotonic) -> float:
    """Return the milliseconds of a PING to every server that holds keys: the slowest."""
    slowest = 0.0
    for master in server.masters:
        began = clock()
        with explained(server.address):
            master.ping()
        slowest = max(slowest, clock() - began)
    return round(slowest * 1000, 1)


def described(
    server: Server, interval: float, sleep: Callable[[float], None], unavailable: dict[str, str]
) -> dict[str, Any]:
    """Return role, version, memory, clients, keys and statistics, of all masters together; what the user may not ask
    is None, with the reason in ``unavailable``.
    """
    empty = dict.fromkeys(("role", "version", "memory", "clients", "keys", "stats", "replicas", "uptime"))
    try:
        before = [_read(server, master) for master in server.masters]
        if interval:
            sleep(interval)
        after = [_read(server, master) for master in server.masters] if interval else before
    except ApiError as error:
        if error.code != "NOPERM":
            raise
        unavailable.update(dict.fromkeys(empty, str(error)))
        return empty
    return {
        "role": after[0].get("role"),
        "version": str(after[0].get("redis_version")),
        "uptime": after[0].get("uptime_in_seconds"),
        "replicas": sum(int(one.get("connected_slaves", 0)) for one in after),
        "memory": memory(after),
        "clients": {
            "connected": _sum(after, "connected_clients"),
            "blocked": _sum(after, "blocked_clients"),
            "limit": _sum(after, "maxclients") or None,
        },
        "keys": keys(after),
        "stats": stats(before if interval else None, after, interval),
    }


def memory(readings: Readings) -> dict[str, Any]:
    """Return the bytes that are used and allowed; ``share`` of the limit is None where there is none."""
    first = readings[0]
    summary: dict[str, Any] = {
        ours: _sum(readings, theirs) for theirs, ours in MEMORY.items() if theirs.startswith(("used", "max"))
    }
    summary |= {"policy": first.get("maxmemory_policy"), "fragmentation": first.get("mem_fragmentation_ratio")}
    summary["share"] = round(summary["used"] / summary["limit"], 4) if summary["limit"] else None
    return summary


def keys(readings: Readings) -> dict[str, dict[str, int]]:
    """Return the number of keys, and of those with a time to live, by database."""
    found: dict[str, dict[str, int]] = {}
    for reading in readings:
        for name, value in reading.items():
            if name.startswith("db") and isinstance(value, Mapping):
                one = found.setdefault(name, {"keys": 0, "expires": 0})
                one["keys"] += int(value["keys"])
                one["expires"] += int(value["expires"])
    return found


def stats(before: Readings | None, after: Readings, interval: float) -> dict[str, Any]:
    """Return what was counted between two readings, or since the server started where there is one reading.

    A server that restarted in between counts from zero: its difference is then what it has counted since.
    """
    summary: dict[str, Any] = {"seconds": interval or max(float(_sum(after, "uptime_in_seconds")), 1.0)}
    summary["since"] = "interval" if before else "start"
    for theirs, ours in COUNTED.items():
        now, then = _sum(after, theirs), _sum(before, theirs) if before else 0
        summary[ours] = now - then if now >= then else now
    asked = summary["hits"] + summary["misses"]
    summary["hit_rate"] = round(summary["hits"] / asked, 4) if asked else None
    return summary


def _read(server: Server, master: Any) -> dict[str, Any]:
    with explained(server.address):
        return dict(master.info())


def _sum(readings: Readings, name: str) -> int:
    return sum(int(value) for one in readings if isinstance(value := one.get(name, 0), (int, float)))
