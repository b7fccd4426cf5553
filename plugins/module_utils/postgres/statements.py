# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which statements took the time, by the extension pg_stat_statements: what it counted within an interval,
not since the server was set up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:  # noqa: SIM105 as elsewhere
    from psycopg2 import sql
except ImportError:  # reported by data.postgres
    pass

from ..core.errors import ConfigError, RunbookError
from .connection import query

EXTENSION = (
    "SELECT nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname ="
    " 'pg_stat_statements'"
)
STATEMENTS = """
SELECT queryid::text, sum(calls)::bigint, sum({time})::float, sum(rows)::bigint, min(query)
FROM {view} WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND queryid IS NOT NULL AND query NOT LIKE %s GROUP BY 1
"""  # noqa: E501
NOT_LOADED = "55000"  # object_not_in_prerequisite_state
PRELOAD = (
    "add pg_stat_statements to shared_preload_libraries (a managed database has a switch for it) and restart the server"
)

Counted = dict[str, tuple[int, float, int, str]]


def slow_queries(
    connection: Any, *, interval: float, limit: int, sleep: Callable[[float], None]
) -> list[dict[str, Any]]:
    """Return the ``limit`` statements that took the most time within ``interval`` seconds from now, or with 0 since the
    counters were reset.

    Each has its ``calls``, ``total_ms``, ``mean_ms``, ``rows`` and ``query``, with $1 for values. Raises ConfigError
    where the extension is absent.
    """
    view = _view(connection)
    before = _counted(connection, view) if interval else {}
    if interval:
        sleep(interval)
    slow: list[dict[str, Any]] = []
    for key, (calls, total, rows, text) in _counted(connection, view).items():
        earlier = before.get(key, (0, 0.0, 0, ""))
        if calls < earlier[0]:  # the counters were reset meanwhile
            earlier = (0, 0.0, 0, "")
        if calls > earlier[0]:
            new, spent = calls - earlier[0], total - earlier[1]
            slow.append(
                {
                    "calls": new,
                    "total_ms": round(spent, 3),
                    "mean_ms": round(spent / new, 3),
                    "rows": rows - earlier[2],
                    "query": text,
                }
            )
    return sorted(slow, key=lambda each: (-each["total_ms"], each["query"]))[:limit]


def _view(connection: Any) -> Any:
    schema = query(connection, EXTENSION)
    if not schema:
        ((database,),) = query(connection, "SELECT current_database()")
        raise ConfigError(
            f"Slow queries are not known: the extension pg_stat_statements is not in the database {database}. Run"
            f" CREATE EXTENSION pg_stat_statements there, and where the server does not load it, first {PRELOAD}. It"
            " counts from then on.",
            code="no_extension",
        )
    return sql.Identifier(schema[0][0], "pg_stat_statements")


def _counted(connection: Any, view: Any) -> Counted:
    version = query(connection, "SELECT current_setting('server_version_num')::int >= 130000")
    time = "total_exec_time" if version == [(True,)] else "total_time"
    statement = sql.SQL(STATEMENTS).format(view=view, time=sql.Identifier(time))
    try:
        counted = query(connection, statement, ["%pg_stat_statements%"])
    except RunbookError as error:
        if error.details.get("code") != NOT_LOADED:
            raise
        raise ConfigError(
            f"Slow queries are not known: the server does not load pg_stat_statements, so {PRELOAD}.",
            code="no_extension",
        ) from None
    return {key: (int(calls), total, int(rows), text) for key, calls, total, rows, text in counted}
