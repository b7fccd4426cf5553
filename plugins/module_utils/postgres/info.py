# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL reports of itself: sessions, locks, sizes, dead rows, row counts. Reads only, with a time
limit for each query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

try:  # noqa: SIM105 as elsewhere
    from psycopg2 import sql
except ImportError:  # reported by data.postgres
    pass

from ..core.errors import RunbookError
from .connection import query
from .statements import slow_queries

SERVER = """
SELECT current_database() AS database, current_setting('server_version') AS version, pg_database_size(current_database()) AS size_bytes,
       pg_postmaster_start_time() AS started_at, pg_is_in_recovery() AS in_recovery, current_setting('max_connections')::int AS max_connections,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections, current_user AS user,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees_others
"""  # noqa: E501
CONNECTIONS = """
SELECT coalesce(state, 'not visible') AS state, coalesce(application_name, '') AS application, usename AS user, count(*) AS count,
       count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting_for_locks, extract(epoch FROM max(now() - xact_start)) AS longest_transaction
FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()
GROUP BY 1, 2, 3 ORDER BY count DESC, 1, 2, 3
"""  # noqa: E501
LOCKS = """
SELECT waits.pid, waits.usename AS user, waits.application_name AS application, wanted.mode, wanted.relation::regclass::text AS relation,
       extract(epoch FROM now() - waits.query_start) AS seconds, waits.query, blocks.pid AS blocked_by, blocks.usename AS blocker_user,
       blocks.application_name AS blocker_application, blocks.state AS blocker_state,
       extract(epoch FROM now() - blocks.xact_start) AS blocker_transaction, blocks.query AS blocker_query
FROM pg_stat_activity AS waits CROSS JOIN unnest(pg_blocking_pids(waits.pid)) AS blocker (pid) JOIN pg_stat_activity AS blocks ON blocks.pid = blocker.pid
LEFT JOIN LATERAL (SELECT mode, relation FROM pg_locks WHERE pg_locks.pid = waits.pid AND NOT granted LIMIT 1) AS wanted ON true
WHERE waits.datname = current_database() ORDER BY waits.query_start, waits.pid, blocks.pid
"""  # noqa: E501
TABLES = """
SELECT schemaname || '.' || relname AS name, pg_total_relation_size(relid) AS total_bytes, pg_table_size(relid) AS table_bytes,
       pg_indexes_size(relid) AS index_bytes, n_live_tup AS live_rows, n_dead_tup AS dead_rows, seq_scan AS whole_reads, idx_scan AS index_reads,
       greatest(last_vacuum, last_autovacuum) AS last_vacuum, greatest(last_analyze, last_autoanalyze) AS last_analyze
FROM pg_stat_user_tables ORDER BY total_bytes DESC, name LIMIT %s
"""  # noqa: E501
BLOATED = """
SELECT schemaname || '.' || relname AS name, n_live_tup AS live_rows, n_dead_tup AS dead_rows,
       round(100.0 * n_dead_tup / (n_live_tup + n_dead_tup)) AS dead_percent, pg_table_size(relid) AS table_bytes,
       greatest(last_vacuum, last_autovacuum) AS last_vacuum
FROM pg_stat_user_tables WHERE n_dead_tup >= %s AND n_dead_tup * 100 >= (n_live_tup + n_dead_tup) * %s ORDER BY dead_rows DESC, name LIMIT %s
"""  # noqa: E501
INVALID = (
    "SELECT indexrelid::regclass::text AS name, indrelid::regclass::text AS table FROM pg_index WHERE NOT indisvalid"
    " ORDER BY 1"
)
ROWS = """
SELECT schemaname AS schema, pg_class.relname AS name, nullif(reltuples, -1)::bigint AS rows
FROM pg_stat_user_tables JOIN pg_class ON pg_class.oid = relid ORDER BY 1, 2
"""
DEAD_ROWS, DEAD_PERCENT = 1000, 20  # autovacuum begins at 50 rows and 20 per cent, so this is what it has not got to
LITERALS = re.compile(r"\$(\w*)\$.*?(?:\$\1\$|$)|'(?:[^']|'')*(?:'|$)|\b\d+(?:\.\d+)?\b", re.DOTALL)
SHOWN = 300  # characters of a statement


@dataclass
class Inquiry:
    """What to ask of ``connection``. ``limit`` is how many tables and statements are listed, ``exact`` counts rows,
    ``interval`` is in seconds.

    ``unavailable`` maps what is missing to the reason. ``sleep(seconds)`` waits.
    """

    connection: Any
    statement_timeout: float
    limit: int
    exact: bool
    interval: float
    sleep: Callable[[float], None]
    unavailable: dict[str, str] = field(default_factory=dict)

    def ask(self, statement: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        """Return a dictionary for each row, times as ISO 8601."""
        as_json = f"SELECT row_to_json(asked) FROM ({statement}) AS asked"  # noqa: S608
        return [row for (row,) in query(self.connection, as_json, values)]

    def gather(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """Return the answers by name. One that fails or takes too long is None, with its reason in ``unavailable``."""
        query(self.connection, "SET default_transaction_read_only = on")
        query(
            self.connection,
            "SELECT set_config('statement_timeout', %s, false)",
            [f"{round(self.statement_timeout * 1000)}ms"],
        )
        answers: dict[str, Any] = {}
        for name, question in questions.items():
            try:
                answers[name] = question(self)
            except RunbookError as error:
                answers[name], self.unavailable[name] = None, self.reason(error)
        return answers

    def reason(self, error: RunbookError) -> str:
        if error.details.get("code") == "57014":  # query_canceled
            return f"It took longer than {self.statement_timeout:g} s (statement_timeout), so it was cancelled."
        return str(error)


Question = Callable[[Inquiry], Any]


def server(inquiry: Inquiry) -> dict[str, Any]:
    return inquiry.ask(SERVER)[0]


def connections(inquiry: Inquiry) -> list[dict[str, Any]]:
    return inquiry.ask(CONNECTIONS)


def locks(inquiry: Inquiry) -> list[dict[str, Any]]:
    return [
        {**row, "query": masked(row["query"]), "blocker_query": masked(row["blocker_query"])}
        for row in inquiry.ask(LOCKS)
    ]


def masked(statement: str) -> str:
    """A statement without its values, which may be customers' data."""
    text = LITERALS.sub("?", statement)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def tables(inquiry: Inquiry) -> list[dict[str, Any]]:
    return inquiry.ask(TABLES, [inquiry.limit])


def bloat(inquiry: Inquiry) -> dict[str, Any]:
    """Tables with many dead rows, and indexes that a failed CONCURRENTLY left invalid: they cost writes and
    serve no read.
    """
    return {
        "tables": inquiry.ask(BLOATED, [DEAD_ROWS, DEAD_PERCENT, inquiry.limit]),
        "invalid_indexes": inquiry.ask(INVALID),
    }


def counts(inquiry: Inquiry) -> dict[str, int | None]:
    """Rows by table, as the planner estimates them (None where it never has), or counted."""
    rows_by_table: dict[str, int | None] = {}
    for table in inquiry.ask(ROWS):
        name = f"{table['schema']}.{table['name']}"
        rows_by_table[name] = table["rows"]
        if inquiry.exact:
            try:
                ((rows_by_table[name],),) = query(
                    inquiry.connection,
                    sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table["schema"], table["name"])),
                )
            except RunbookError as error:
                rows_by_table[name], inquiry.unavailable[f"counts of {name}"] = None, inquiry.reason(error)
    return rows_by_table


def slow(inquiry: Inquiry) -> list[dict[str, Any]]:
    rows_by_table = slow_queries(
        inquiry.connection, interval=inquiry.interval, limit=inquiry.limit, sleep=inquiry.sleep
    )
    return [{**row, "query": masked(row["query"])} for row in rows_by_table]


SUBSETS: dict[str, Question] = {
    "server": server,
    "connections": connections,
    "locks": locks,
    "slow_queries": slow,
    "tables": tables,
    "bloat": bloat,
    "counts": counts,
}
