# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database is busy with, a line for each thing that matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .amounts import age, number, size
from .text import cut, listed, one_line

_MOST = 5  # of each kind; the module's result has all of them


def info_rows(info: Mapping[str, Any]) -> list[str]:
    """Return what pg_info gathered: sessions, waits, slow statements, tables, bloat, migrations."""
    return [row for part in (_sessions, _locks, _slow, _tables, _bloat, _migrations) for row in part(info)]


def _some(info: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = info.get(key)
    return [one for one in found if isinstance(one, Mapping)][:_MOST] if isinstance(found, list) else []


def _sessions(info: Mapping[str, Any]) -> Iterator[str]:
    for one in _some(info, "connections"):
        longest = f", longest transaction {age(one['longest_transaction'])}" if one.get("longest_transaction") else ""
        waits = (
            f", {one['waiting_for_locks']} wait{'s' if one['waiting_for_locks'] == 1 else ''} for locks"
            if one.get("waiting_for_locks")
            else ""
        )
        yield (
            f"{number(one.get('count') or 0, 'session')} {one.get('state') or 'of no state'}:"
            f" {one.get('application') or one.get('user')}{longest}{waits}"
        )


def _locks(info: Mapping[str, Any]) -> Iterator[str]:
    for one in _some(info, "locks"):
        waiter = f"session {one.get('pid')} ({one.get('application') or one.get('user')})"
        yield (
            f"{waiter} has waited {age(one.get('seconds') or 0)} for {one.get('relation') or 'a lock'}, which session"
            f" {one.get('blocked_by')} holds"
        )


def _slow(info: Mapping[str, Any]) -> Iterator[str]:
    for one in _some(info, "slow_queries"):
        yield f"{number(one.get('calls'), 'call')}, {one.get('mean_ms')} ms each: {cut(one_line(one.get('query')), 70)}"


def _tables(info: Mapping[str, Any]) -> Iterator[str]:
    for one in _some(info, "tables"):
        yield f"{one.get('name')}: {size(one.get('total_bytes'))}, {number(one.get('live_rows') or 0, 'row')}"


def _bloat(info: Mapping[str, Any]) -> Iterator[str]:
    bloat = info.get("bloat")
    if isinstance(bloat, Mapping):
        for one in _some(bloat, "tables"):
            yield f"{one.get('name')}: {one.get('dead_percent')} % of its rows are dead"
        for one in _some(bloat, "invalid_indexes"):
            yield f"index {one.get('name')} of {one.get('table')} is not valid"


def _migrations(info: Mapping[str, Any]) -> Iterator[str]:
    migrations = info.get("migrations")
    if isinstance(migrations, Mapping) and migrations.get("known"):
        failed = migrations.get("failed") or []
        yield f"{number(migrations.get('applied') or 0, 'migration')} applied, the last is {migrations.get('last')}" + (
            f"; FAILED: {listed(failed)}" if failed else ""
        )
