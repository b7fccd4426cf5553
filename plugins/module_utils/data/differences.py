# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database holds that another one does not: row by row, so that the writes since a backup are counted and not guessed.

It sees each row that differs now, and each large object. It does not see a row that was changed and changed back, how often one was changed, nor the
position of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from typing import Any

with suppress(ImportError):  # postgres.py reports it
    from psycopg2 import sql

from ..core.errors import RunbookError
from ..core.wait import nothing
from .postgres import BEAT_INTERVAL, Database, connect, query

LARGE_OBJECTS = "large objects"
BATCH = 20000  # rows of 128 bytes
# So that one value has one text, whatever is set for the database or the user.
ALIKE = (
    "SET TimeZone = 'UTC'; SET DateStyle = ISO; SET IntervalStyle = postgres; SET extra_float_digits = 3; SET bytea_output = hex; SET row_security = off; "
    "SET lc_monetary = 'C'; SET statement_timeout = 0; SET xmloption = content"
)
TABLES = r"""
SELECT format('%I.%I', nspname, relname), c.oid::bigint,
  array(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY 1),
  array(SELECT attname::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
        WHERE indrelid = c.oid AND indisprimary ORDER BY 1)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\_toast%'
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND classid = 'pg_class'::regclass AND deptype = 'e')
"""

# Each column's value as bytes: as they are sent, which takes half the time of a text; those of its text, where they could hold the number of an object,
# which is another one in another database. Equal bytes are equal text.
SENT = r"""
SELECT format('%I.%I', n.nspname, relname), attname::text,
  CASE WHEN typtype = 'e' OR (t.typnamespace = 'pg_catalog'::regnamespace AND typname !~ '^_?reg' AND typsend <> 0)
  THEN format('pg_catalog.%I(%I)', proname, attname) ELSE format('pg_catalog.textsend(ROW(%I)::text)', attname) END
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
JOIN pg_type t ON t.oid = atttypid LEFT JOIN pg_proc p ON p.oid = typsend
WHERE relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
SENDS = 140000  # the first version of the server that hashes a row of bytes

WRITING = """
SELECT DISTINCT a.pid, usename FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND granted AND mode LIKE '%Exclusive%' AND a.pid <> pg_backend_pid()
AND locktype = 'relation' ORDER BY 1
"""

Columns = dict[str, tuple[list[str], list[str]]]  # table → (its columns, those of its primary key)
Sent = dict[tuple[str, str], str]  # (table, column) → what gives its bytes


def open_side(database: Database, beat: Callable[[], None]) -> Any:
    connection = connect(database, beat=beat)
    query(connection, ALIKE)
    return connection


def hold_writes(connection: Any, timeout: float) -> None:
    """Let no other session write to any table until this connection ends. Reading goes on. Raises RunbookError that names whom it waited for in vain.

    ``timeout`` is in seconds.
    """
    tables = list(_tables(connection))
    if not tables:
        return
    query(connection, f"SET lock_timeout = '{max(1, round(timeout * 1000))}ms'")
    query(connection, "BEGIN")
    try:
        query(connection, f"LOCK TABLE ONLY {', ONLY '.join(tables)} IN SHARE MODE")
    except RunbookError as error:
        query(connection, "ROLLBACK")
        holders = ", ".join(f"{pid} of {user}" for pid, user in query(connection, WRITING)) or "that ended meanwhile"
        raise RunbookError(
            f"Writers could not be held off: {error.details['reason']}. In the database the processes {holders} hold locks. "
            "Nothing was swapped. Stop the writers, or give their transactions more time with lock_timeout.",
            code=error.details.get("code"),
        ) from None


def differences(live: Any, other: Any) -> dict[str, dict[str, int]]:
    """Compare two connections' databases and return for each table that differs {inserted, updated, deleted}.

    Each is a number of rows of ``live``: that ``other`` has not, has otherwise, and those that ``other`` still has. A row of a table without a
    primary key is never updated. Columns that only one of them has are left out.
    """
    here, there = _tables(live), _tables(other)
    sent = [_sent(side) for side in (live, other)] if min(live.server_version, other.server_version) >= SENDS else [{}, {}]
    found = {}
    for table in sorted({*here, *there}):
        if table in here and table in there:
            columns = [column for column in here[table][0] if column in there[table][0]]
            key = here[table][1] if here[table][1] == there[table][1] else []
            known = all((table, column) in expressions for expressions in sent for column in columns)  # not one that was added in this instant
            summaries = [_summary(table, columns, expressions if known else {}) for expressions in sent]
            counted = {} if _agree((live, other), summaries) else _compare(live, other, table, columns, key)
        else:
            side, kind = (live, "inserted") if table in here else (other, "deleted")
            counted = {"inserted": 0, "updated": 0, "deleted": 0, kind: query(side, f"SELECT count(*) FROM ONLY {table}")[0][0]}  # noqa: S608
        if any(counted.values()):
            found[table] = counted
    objects = [dict(query(side, "SELECT oid::text, encode(sha256(lo_get(oid)), 'hex') FROM pg_largeobject_metadata")) for side in (live, other)]
    counted = count(iter(sorted(objects[0].items())), iter(sorted(objects[1].items())))
    return {**found, LARGE_OBJECTS: counted} if any(counted.values()) else found


def total(found: dict[str, dict[str, int]]) -> int:
    return sum(sum(counted.values()) for counted in found.values())


def _tables(connection: Any) -> Columns:
    return {name: (columns, key) for name, _oid, columns, key in query(connection, TABLES)}


def _sent(connection: Any) -> Sent:
    return {(table, column): expression for table, column, expression in query(connection, SENT)}


def _summary(table: str, columns: list[str], sent: Sent) -> Any:
    """A statement whose answer is the same for two tables with the same rows."""
    digest = sql.SQL("hash_record_extended(ROW({}), 0)").format(sql.SQL(", ").join(sql.SQL(sent[table, column]) for column in columns)) if sent else None
    digest = digest or sql.SQL("hashtextextended({}, 0)").format(_row(columns))
    return sql.SQL("SELECT count(*), sum({}) FROM ONLY {}").format(digest, sql.SQL(table))


def _compare(live: Any, other: Any, table: str, columns: list[str], key: list[str]) -> dict[str, int]:
    row = _row(columns)
    rows = sql.SQL("SELECT {key}, {row} FROM ONLY {table} ORDER BY 1, 2").format(key=_digest(_row(key or columns)), row=_digest(row), table=sql.SQL(table))
    with closing(_fetch(live, rows)) as left, closing(_fetch(other, rows)) as right:
        return count(left, right)


def _agree(sides: tuple[Any, Any], statements: Sequence[Any]) -> bool:
    """Whether both answer alike. They work at the same time, since writers may be waiting; this thread alone beats for the two."""
    live, other = sides
    beat, other.beat = other.beat, nothing
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(query, other, statements[1])
        try:
            found = query(live, statements[0])
            while wait([asked], BEAT_INTERVAL).not_done:
                live.beat()
        except BaseException:
            if not other.closed:
                other.cancel()  # its end is awaited
            raise
        finally:
            pool.shutdown()
            other.beat = beat
    return bool(found == asked.result())


def _row(columns: list[str]) -> Any:
    return sql.SQL("ROW({})::text").format(sql.SQL(", ").join(map(sql.Identifier, columns)))


def _digest(text: Any) -> Any:
    return sql.SQL("encode(sha256(convert_to({}, 'UTF8')), 'hex') COLLATE \"C\"").format(text)


def _fetch(connection: Any, statement: Any) -> Generator[Any, None, None]:
    """Give the rows of a statement without holding them all."""
    query(connection, sql.SQL("DECLARE compared CURSOR WITH HOLD FOR {}").format(statement))
    try:
        while rows := query(connection, f"FETCH {BATCH} FROM compared"):
            yield from rows
    finally:
        query(connection, "CLOSE compared")


def count(left: Iterator[tuple[str, str]], right: Iterator[tuple[str, str]]) -> dict[str, int]:
    """Count what differs between two streams of (key, content) in the same order."""
    counted = {"inserted": 0, "updated": 0, "deleted": 0}
    here, there = next(left, None), next(right, None)
    while here or there:
        if there is None or (here and here[0] < there[0]):
            counted["inserted"] += 1
            here = next(left, None)
        elif here is None or there[0] < here[0]:
            counted["deleted"] += 1
            there = next(right, None)
        else:
            counted["updated"] += here[1] != there[1]
            here, there = next(left, None), next(right, None)
    return counted
