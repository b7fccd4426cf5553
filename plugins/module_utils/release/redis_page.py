# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of Redis, from what redis_info and redis_flush returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.amounts import duration, number, size

LEFT_OUT = ("changed", "failed", "elapsed", "diff", "warnings", "invocation")
FULL = 0.95


def report(found: Mapping[str, Any], flushed: Mapping[str, Any], flush: Any = None) -> dict[str, Any]:
    """Return the page as data, with its level, its verdict and its lines in ``rows``. ``flush`` is the pattern that the
    run was given, None where it was given none.
    """
    memory, stats = found.get("memory") or {}, found.get("stats") or {}
    full = (memory.get("share") or 0) >= FULL
    evicts = bool(stats.get("evicted")) and stats.get("since") == "interval"
    level = "attention" if full or evicts else "ok"
    shown = {name: value for name, value in found.items() if name not in LEFT_OUT}
    removed = (
        {"removed": {name: flushed.get(name) for name in ("pattern", "count", "complete")}}
        if "count" in flushed
        else {}
    )
    verdict = "Its memory is full." if full else "It evicts keys." if evicts else "Redis is well."
    rows = [*_removed(flushed, flush), *_rows(found, memory, stats)]
    return {"level": level, "verdict": verdict, **shown, **removed, "rows": rows}


def _removed(flushed: Mapping[str, Any], flush: Any) -> list[str]:
    if flush is not None and not str(flush).strip():
        return ["removed    nothing: flush is empty. Name a pattern such as product:*"]
    if "count" not in flushed:
        return []
    cut = "" if flushed.get("complete") else ", and more are left: run it again"
    return [f"removed    {number(flushed['count'], 'key')} of {flushed['pattern']}{cut}"]


def _rows(found: Mapping[str, Any], memory: Mapping[str, Any], stats: Mapping[str, Any]) -> list[str]:
    role = f", {found['role']}" if found.get("role") else ""
    rows = [f"server     Redis {found.get('version')}, {found['mode']}{role}, answers in {found['ping_ms']} ms"]
    if memory:
        limit = f" of {size(memory['limit'])}" if memory.get("limit") else ", no limit"
        rows.append(f"memory     {size(memory['used'])}{limit}, policy {memory.get('policy')}")
    if stats:
        rate = f"{stats['hit_rate']:.0%}".replace("%", " %") if stats.get("hit_rate") is not None else "not asked"
        since = "in" if stats.get("since") == "interval" else "since the start,"
        counted = (
            f"{number(stats['hits'], 'hit')}, {number(stats['misses'], 'miss', 'misses')}, {stats['evicted']:,} evicted"
        )
        rows.append(f"cache      hit rate {rate}: {counted} {since} {duration(stats['seconds'])}")
    for name, one in (found.get("keys") or {}).items():
        rows.append(f"keys       {name}: {number(one['keys'], 'key')}, {one['expires']:,} of them expire")
    for pattern, one in (found.get("patterns") or {}).items():
        cut = "" if one["complete"] else f" of the first {one['scanned']:,} that were read"
        rows.append(f"pattern    {pattern}: {number(one['count'], 'key')}{cut}")
    for one in found.get("biggest") or []:
        rows.append(f"biggest    {one['key']}: {size(one['bytes'])}, {one['type']}")
    rows += [f"not known  {what}: {why}" for what, why in (found.get("unavailable") or {}).items()]
    return rows
