# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a database holds that another one does not: row by row, so that the writes since a backup are counted and not
guessed.

It sees each row that differs now, each large object, and each sequence that is ahead. It does not see a row that was
changed and changed back, nor how often one was changed. What it cannot count it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

with suppress(ImportError):  # postgres.py reports it
    from psycopg2 import sql

from ..core.amounts import number
from ..core.errors import RunbookError
from ..core.wait import nothing
from . import large_objects
from .connection import BEAT_INTERVAL, Database, connect, query
from .relations import Name, Table, not_tables, positions, quoted, released, sent, tables
from .row_streams import count, fetched

Sent = Mapping[tuple[str, str, str], str]
Positions: TypeAlias = "Mapping[Name, tuple[str, bool, int | None]]"
LARGE_OBJECTS = "large objects"
# So that one value has one text, whatever is set for the database or the user.
ALIKE = (
    "SET TimeZone = 'UTC'; SET DateStyle = ISO; SET IntervalStyle = postgres; SET extra_float_digits = 3; SET"
    " bytea_output = hex; SET row_security = off; SET lc_monetary = 'C'; SET statement_timeout = 0; SET xmloption ="
    " content"
)
SENDS = 140000  # the first version of the server that hashes a row of bytes

WRITING = """
SELECT DISTINCT a.pid, usename FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND granted AND mode LIKE '%Exclusive%' AND a.pid <> pg_backend_pid()
AND locktype = 'relation' ORDER BY 1
"""  # noqa: E501

LOCKS_FULL = "53200"  # out_of_memory, and so too many locks


@dataclass(frozen=True)
class Losses:
    """What one database holds that another does not.

    ``rows`` maps a table that differs to {inserted, updated, deleted}, ``sequences`` one that is ahead to {live,
    other}: the last numbers that both gave out. ``not_counted`` names what may differ by its kind: materialized_views
    and foreign_tables; closed_tables, which this user may not read; and unheld_tables, which are counted, but to which
    others may write until the swap; and closed_large_objects, by their numbers.
    """

    rows: dict[str, dict[str, int]]
    sequences: dict[str, dict[str, int | None]]
    not_counted: dict[str, list[str]]


def open_side(database: Database, heartbeat: Callable[[], None]) -> Any:
    connection = connect(database, heartbeat=heartbeat)
    query(connection, ALIKE)
    return connection


def hold_writes(connection: Any, timeout: float) -> None:
    """Let no other session write to any table until this connection ends. Reading continues. Raises RunbookError that
    names the session it waited for without success.

    ``timeout`` is in seconds.
    """
    held = [name for name, table in tables(connection).items() if table.holdable or not table.of_extension]
    if not held:
        return
    query(connection, f"SET lock_timeout = '{max(1, round(timeout * 1000))}ms'")
    query(connection, "BEGIN")
    try:
        query(
            connection, sql.SQL("LOCK TABLE ONLY {} IN SHARE MODE").format(sql.SQL(", ONLY ").join(map(quoted, held)))
        )
    except RunbookError as error:
        query(connection, "ROLLBACK")
        if error.details.get("code") == LOCKS_FULL:
            ((most,),) = query(connection, "SELECT current_setting('max_locks_per_transaction')")
            raise RunbookError(
                f"Writers could not be held off: the server has no room for locks on {number(len(held), 'table')}."
                f" Nothing was swapped. Raise max_locks_per_transaction of the server, which is {most}, and restart"
                " it.",
                code="too_many_locks",
            ) from None
        holders = ", ".join(f"{pid} of {user}" for pid, user in query(connection, WRITING)) or "that ended meanwhile"
        raise RunbookError(
            f"Writers could not be held off: {error.details['reason']}. In the database the processes {holders} hold"
            " locks. Nothing was swapped. Stop the writers, or give their transactions more time with lock_timeout.",
            code=error.details.get("code"),
        ) from None


def differences(live: Any, other: Any) -> Losses:
    """Compare two connections' databases and return what ``live`` holds that ``other`` does not.

    Rows are numbers of those of ``live``: that ``other`` has not, has otherwise, and those that ``other`` still has. A
    row of a table without a primary key is never updated. Columns that only one of them has are left out.
    """
    here, there = tables(live), tables(other)
    bytes_of = (
        [sent(side) for side in (live, other)] if min(live.server_version, other.server_version) >= SENDS else [{}, {}]
    )
    rows: dict[str, dict[str, int]] = {}
    closed: list[str] = []
    for name in sorted({*here, *there}):
        both = [side[name] for side in (here, there) if name in side]
        if not all(table.readable for table in both):
            closed.append(both[0].shown)
            continue
        with released(live):
            counted = _differing(live, other, name, (here.get(name), there.get(name)), bytes_of)
        if any(counted.values()):
            rows[both[0].shown] = counted
    counted, unread = large_objects.compare(live, other)
    if any(counted.values()):
        rows[LARGE_OBJECTS] = counted
    unheld = sorted(
        table.shown for table in here.values() if table.of_extension and table.readable and not table.holdable
    )
    named = {**not_tables(live), "closed_tables": closed, "closed_large_objects": unread, "unheld_tables": unheld}
    return Losses(
        rows, ahead(positions(live), positions(other)), {kind: names for kind, names in named.items() if names}
    )


def ahead(live: Positions, other: Positions) -> dict[str, dict[str, int | None]]:
    """Return the sequences of ``live`` that gave out numbers which ``other`` would give out again."""
    found: dict[str, dict[str, int | None]] = {}
    for name, (shown, upwards, last) in live.items():
        before = other[name][2] if name in other else None
        if last is not None and (before is None or (last > before if upwards else last < before)):
            found[shown] = {"live": last, "other": before}
    return found


def _differing(
    live: Any, other: Any, name: Name, found: tuple[Table | None, Table | None], bytes_of: Sequence[Sent]
) -> dict[str, int]:
    here, there = found
    if here and there:
        columns = [column for column in here.columns if column in there.columns]
        key = here.key if here.key == there.key else []
        # not one that was added in this instant
        known = all((*name, column) in expressions for expressions in bytes_of for column in columns)
        summaries = [_summary(name, columns, expressions if known else {}) for expressions in bytes_of]
        return {} if _agree((live, other), summaries) else _compare(live, other, name, columns, key)
    side, kind = (live, "inserted") if here else (other, "deleted")
    ((rows,),) = query(side, sql.SQL("SELECT count(*) FROM ONLY {}").format(quoted(name)))
    return {"inserted": 0, "updated": 0, "deleted": 0, kind: rows}


def total(found: dict[str, dict[str, int]]) -> int:
    return sum(sum(counted.values()) for counted in found.values())


def _summary(table: Name, columns: list[str], expressions: Sent) -> Any:
    """A statement whose answer is the same for two tables with the same rows."""
    digest = sql.SQL("hashtextextended({}, 0)").format(_row(columns))
    if expressions:
        values = sql.SQL(", ").join(sql.SQL(expressions[(*table, column)]) for column in columns)
        digest = sql.SQL("hash_record_extended(ROW({}), 0)").format(values)
    return sql.SQL("SELECT count(*), sum({}) FROM ONLY {}").format(digest, quoted(table))


def _compare(live: Any, other: Any, table: Name, columns: list[str], key: list[str]) -> dict[str, int]:
    row = _row(columns)
    rows = sql.SQL("SELECT {key}, {row} FROM ONLY {table} ORDER BY 1, 2").format(
        key=_digest(_row(key or columns)), row=_digest(row), table=quoted(table)
    )
    with closing(fetched(live, rows)) as left, closing(fetched(other, rows)) as right:
        return count(left, right)


def _agree(sides: tuple[Any, Any], statements: Sequence[Any]) -> bool:
    """Whether both answer alike. They work at the same time, since writers may be waiting; this thread
    alone beats for the two.
    """
    live, other = sides
    heartbeat, other.heartbeat = other.heartbeat, nothing
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(query, other, statements[1])
        try:
            found = query(live, statements[0])
            while wait([asked], BEAT_INTERVAL).not_done:
                live.heartbeat()
        except BaseException:
            if not other.closed:
                other.cancel()  # its end is awaited
            raise
        finally:
            pool.shutdown()
            other.heartbeat = heartbeat
    return bool(found == asked.result())


def _row(columns: list[str]) -> Any:
    return sql.SQL("ROW({})::text").format(sql.SQL(", ").join(map(sql.Identifier, columns)))


def _digest(text: Any) -> Any:
    return sql.SQL("encode(sha256(convert_to({}, 'UTF8')), 'hex') COLLATE \"C\"").format(text)
