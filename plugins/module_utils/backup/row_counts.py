# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many rows each table has in the very snapshot that is dumped: what a restore is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from ..core.errors import RunbookError
from ..core.wait import nothing
from ..postgres import globals as postgres_globals
from ..postgres.connection import BEAT_INTERVAL, query

# A count needs a fraction of the time that the dump of the same rows takes, so it leaves the other processors to the
# shop.
ONE_PROCESS = "SET max_parallel_workers_per_gather = 0"

# Ordinary tables and partitions; what belongs to an extension is made by that. An estimate of -1 is none.
TABLES = r"""
SELECT format('%I.%I', nspname, relname), nullif(reltuples, -1)::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\_toast%'
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'e') ORDER BY 1
"""  # noqa: E501

# By the snapshot: a partitioned table's index may lack some of its parts, and comes back so. pg_dump leaves out those
# of other tables.
INVALID_INDEXES = r"""
SELECT format('%I.%I', nspname, relname) FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_namespace n ON n.oid = relnamespace
WHERE NOT (indisvalid AND indisready) AND relkind = 'I' ORDER BY 1
"""  # noqa: E501

# Names that are keywords to a server newer than 13: an older pg_dump writes them without quotes, and such SQL is not
# understood there. One is reserved, the others cannot be names of functions and types. Quoting all names costs the
# restore its speed: pg_restore no longer knows that it has made the tables itself.
KEYWORDS = """
SELECT EXISTS (SELECT FROM (
  SELECT attname FROM pg_attribute WHERE attrelid >= 16384 UNION ALL SELECT relname FROM pg_class WHERE oid >= 16384
  UNION ALL SELECT proname FROM pg_proc WHERE oid >= 16384 UNION ALL SELECT typname FROM pg_type WHERE oid >= 16384
  UNION ALL SELECT nspname FROM pg_namespace UNION ALL SELECT conname FROM pg_constraint UNION ALL SELECT polname FROM pg_policy
  UNION ALL SELECT tgname FROM pg_trigger UNION ALL SELECT rolname FROM pg_roles) names (name) WHERE name = 'system_user')
OR EXISTS (SELECT FROM (SELECT proname FROM pg_proc WHERE oid >= 16384 UNION ALL SELECT typname FROM pg_type WHERE oid >= 16384) names (name)
  WHERE name IN ('merge_action', 'json', 'json_array', 'json_arrayagg', 'json_exists', 'json_object', 'json_objectagg', 'json_query', 'json_scalar',
                 'json_serialize', 'json_table', 'json_value'))
"""  # noqa: E501


@dataclass(frozen=True)
class Snapshot:
    """A transaction that sees what ``pg_dump --snapshot=NAME`` sees. ``tables`` are held, so that nobody
    empties or drops them before they are counted.
    """

    name: str
    connection: Any
    tables: list[str]
    estimates: dict[str, int | None]
    encoding: str
    has_keywords: bool

    def scope(self) -> list[str]:
        """Return the options of pg_dump for what the snapshot shows, in the encoding of the database whatever is set
        for clients.

        A subscription is left out: its copy would draw on the publisher by the slot of the live one.
        """
        quoting = ["--quote-all-identifiers"] if self.has_keywords else []
        return [f"--snapshot={self.name}", f"--encoding={self.encoding}", "--no-subscriptions", *quoting]

    def stay(self) -> None:
        """Keep the session from being cut off as idle while the dump lasts."""
        query(self.connection, "SELECT 1")

    def count(self) -> dict[str, Any]:
        """Return {tables: (name → rows), estimates: (name → the planner's idea of that, None where it has none),
        invalid_indexes}: a table is in one of them.

        Each table's indexes are locked while it is counted. They are let go of after it, or many tables would fill the
        server's table of locks.
        """
        counted = {}
        for name in self.tables:
            query(self.connection, "SAVEPOINT counted")
            counted[name] = query(self.connection, f"SELECT count(*) FROM ONLY {name}")[0][0]  # noqa: S608 - quoted by the server
            query(self.connection, "ROLLBACK TO counted")
        return {
            "tables": counted,
            "estimates": self.estimates,
            "invalid_indexes": [name for (name,) in query(self.connection, INVALID_INDEXES)],
        }


@contextmanager
def snapshot(connection: Any, limit: int, heartbeat: Callable[[], None]) -> Iterator[Snapshot]:
    """Give a snapshot to dump from, which ends with the block, as the connection does.

    Tables are counted, the smallest first, as long as they have ``limit`` bytes in all.
    """
    connection.heartbeat = heartbeat
    with closing(connection):
        query(connection, "SET row_security = off")
        query(connection, ONE_PROCESS)
        query(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        ((name, encoding),) = query(
            connection,
            "SELECT pg_export_snapshot(), pg_encoding_to_char(encoding) FROM pg_database WHERE datname ="
            " current_database()",
        )
        estimates = dict(query(connection, TABLES))
        ((has_keywords,),) = query(connection, KEYWORDS)
        # and only then their sizes, which would wait for a lock
        held = [table for table in estimates if _held(connection, table)]
        sizes = sorted(
            (query(connection, "SELECT pg_table_size(%s::regclass)", [table])[0][0], table) for table in held
        )
        totals = accumulate(size for size, _table in sizes)
        tables = [table for (_size, table), total in zip(sizes, totals, strict=True) if total <= limit]
        for table in tables:
            del estimates[table]
        yield Snapshot(name, connection, tables, estimates, encoding, has_keywords)


def _held(connection: Any, table: str) -> bool:
    """Hold a table against being emptied or dropped, and return whether that went at once: a backup does
    not queue for what is only a check.
    """
    query(connection, "SAVEPOINT held")
    try:
        query(connection, f"LOCK TABLE ONLY {table} IN ACCESS SHARE MODE NOWAIT")
    except RunbookError:
        query(connection, "ROLLBACK TO held")
        return False
    query(connection, "RELEASE held")
    return True


class Counting:
    """The rows of a snapshot, counted in a thread of its own while pg_dump reads them; ``stop`` cancels it."""

    def __init__(self, seen: Snapshot, heartbeat: Callable[[], None]) -> None:
        self._seen, self._heartbeat = seen, heartbeat
        self._pool = ThreadPoolExecutor(1)
        self._found: Future[tuple[dict[str, Any], dict[str, Any]]] | None = None

    def heartbeat(self) -> None:
        """Beat, and keep the session of the snapshot in use. The first call begins to count: pg_dump, which forks this
        process, has started by then.

        Raises what ``heartbeat`` raises, and what stopped the count.
        """
        self._heartbeat()
        if not self._found:
            self._seen.connection.heartbeat = nothing  # this thread alone beats
            self._found = self._pool.submit(self._count)
        elif self._found.done():
            self._found.result()
            self._seen.stay()

    def _count(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._seen.count(), postgres_globals.collect(self._seen.connection)

    def result(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return (what ``Snapshot.count`` returns, what postgres/globals.py collects) of the snapshot."""
        self.heartbeat()
        if not self._found:
            raise AssertionError("the rows are counted before they are read")
        while wait([self._found], BEAT_INTERVAL).not_done:
            self._heartbeat()
        return self._found.result()

    def stop(self) -> None:
        while self._found and wait([self._found], 0.1).not_done:
            self._seen.connection.cancel()  # again, since the next statement may have begun only now
        self._pool.shutdown()


@contextmanager
def counting(seen: Snapshot, heartbeat: Callable[[], None]) -> Iterator[Counting]:
    counter = Counting(seen, heartbeat)
    try:
        yield counter
    finally:
        counter.stop()
