# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""T6: why the shop is slow: an index that is gone, N+1 queries, slow statements, a cold cache."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...core.amounts import number
from .finding import DEGRADED, INFORMATION, LIKELY, NOTE, SURE, Finding, View

SLOW_MS = 100.0
REPEATED, TIMES = 50, 8.0  # calls in the interval, and how many to each call of the statement that leads to it
HIT_RATE = 0.5
FEW = 100  # requests of Redis that say something
ROWS = 1000  # of a table whose scan is worth a word
# values are masked: = $?
ONE_ROW = re.compile(r"\bWHERE\b.+?(?:=\s*\$?[?\d]|IN \(\$?[?\d]+\))", re.IGNORECASE | re.DOTALL)
TABLE = re.compile(r'\bFROM\s+(?:"?\w+"?\.)?"?(\w+)"?', re.IGNORECASE)


def missing_index(view: View) -> Iterator[Finding]:
    """Name the indexes that the migrations make and the database does not have."""
    for one in view.value("indexes") or []:
        yield Finding(
            "index_missing",
            "T6",
            f"The index {one['name']} on {one['table']} is gone",
            f"the migration {one['migration']} makes it, and the database does not have it",
            "somebody dropped it, or its CREATE INDEX CONCURRENTLY failed",
            SURE,
            DEGRADED,
            do=view.command("database", "-e database_gather=tables,bloat"),
            advice=f"Create it again without a lock, in psql: {one['sql']}",
            target=one["name"],
        )
    for one in ((view.value("database") or {}).get("bloat") or {}).get("invalid_indexes") or []:
        yield Finding(
            "index_invalid",
            "T6",
            f"The index {one['name']} on {one['table']} is invalid",
            "pg_index.indisvalid is false",
            "a CREATE INDEX CONCURRENTLY failed",
            SURE,
            DEGRADED,
            do=view.command("database", "-e database_gather=bloat"),
            advice=f"In psql: REINDEX INDEX CONCURRENTLY {one['name']};",
            target=one["name"],
        )


def repeated(view: View) -> Iterator[Finding]:
    """Find a statement that asks for one row again and again: an N+1."""
    rows = _statements(view)
    for row in sorted(rows, key=lambda one: -one["calls"]):
        if row["calls"] < REPEATED or not ONE_ROW.search(row["query"]):
            continue
        table = TABLE.search(row["query"])
        others = [one["calls"] for one in rows if one is not row and one["query"].lstrip().upper().startswith("SELECT")]
        usual = max([calls for calls in others if calls * TIMES <= row["calls"]], default=0)
        if not usual:
            continue
        yield Finding(
            "n_plus_one",
            "T6",
            f"{table[1] if table else 'A table'} is read row by row (N+1)",
            f"{number(row['calls'], 'call')} of {row['query'][:120]} for {usual:,} of the statement before it",
            "a loop reads one row at a time instead of all of them at once",
            LIKELY,
            DEGRADED,
            do=view.command("database", "-e database_gather=slow_queries"),
            advice="Load the rows with one query (Prisma's include) in the next release; if it began with the live one,"
            " roll back.",
        )
        return


def slow(view: View) -> Iterator[Finding]:
    """Name the slowest statement."""
    rows = [row for row in _statements(view) if row["mean_ms"] >= SLOW_MS]
    for row in sorted(rows, key=lambda one: -one["total_ms"])[:1]:
        yield Finding(
            "slow_query",
            "T6",
            f"A statement takes {row['mean_ms']:.0f} ms",
            f"{number(row['calls'], 'call')}, {row['total_ms']:.0f} ms in all: {row['query'][:160]}",
            "an index is missing, or it reads too many rows",
            LIKELY,
            DEGRADED,
            do=view.command("database", "-e database_gather=slow_queries,tables", "-e database_interval=30"),
            advice="EXPLAIN it in psql.",
        )


def no_statistics(view: View) -> Iterator[Finding]:
    """Say that slow statements are not known."""
    why = ((view.value("database") or {}).get("unavailable") or {}).get("slow_queries")
    if why:
        yield Finding(
            "no_statements",
            "T6",
            "Slow statements are not known",
            why,
            "pg_stat_statements is not there",
            INFORMATION,
            NOTE,
            do=view.command("database", "-e database_gather=tables,locks"),
            advice="",
        )


def cold_cache(view: View) -> Iterator[Finding]:
    """Say that Redis answers little."""
    stats = (view.value("redis") or {}).get("stats") or {}
    asked = stats.get("hits", 0) + stats.get("misses", 0)
    if asked >= FEW and stats.get("hit_rate") is not None and stats["hit_rate"] < HIT_RATE:
        yield Finding(
            "redis_cold",
            "T6",
            "Redis rarely has the requested key",
            f"hit rate {stats['hit_rate']:.0%} of {number(asked, 'request')} in {stats['seconds']:g} s".replace(
                "%", " %"
            ),
            "the cache was emptied, its keys expire too early, or a release changed their names",
            LIKELY,
            DEGRADED,
            do=view.command("redis"),
            advice="",
        )


def latency(view: View) -> Iterator[Finding]:
    """Say that pages are slow where nothing above explains it."""
    for site in ("frontend", "backend"):
        slowest = max((one["latency_ms"] or 0 for one in view.fact(f"site:{site}").value or []), default=0)
        if slowest >= 2000:
            yield Finding(
                "slow_site",
                "T6",
                f"The {site} answers slowly",
                f"{slowest} ms for its slowest check",
                "see the log",
                INFORMATION,
                NOTE,
                do=view.command("logs", f"-e unit={view.web() if site == 'backend' else 'frontend'}"),
            )


def _statements(view: View) -> list[dict[str, Any]]:
    return (view.value("database") or {}).get("slow_queries") or []


RULES = (missing_index, repeated, slow, no_statistics, cold_cache, latency)
