# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dropping a database whatever it holds: a copy of customers' data must not stay because of a subscription or of
somebody's session.

Not by WITH (FORCE): to a user who is no superuser it fails while autovacuum is at work in it, as it is after a restore.
"""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import Any

with suppress(ImportError):  # postgres.py reports it
    from psycopg2 import sql

from ..core.errors import RunbookError
from .connection import Database, connect, query
from .databases import beside

PATIENCE = 10.0  # seconds for sessions to end
PAUSE = 0.1
IN_USE = "55006"  # object_in_use
INVALID = -2  # the connection limit of a database whose drop was cut off, which can only be dropped
FOUND = """
SELECT datconnlimit, datallowconn, EXISTS (SELECT FROM pg_subscription WHERE subdbid = d.oid) OR EXISTS (SELECT FROM pg_prepared_xacts WHERE database = datname)
FROM pg_database d WHERE datname = %s
"""  # noqa: E501
SUBSCRIPTIONS = (
    "SELECT subname::text, subslotname::text FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE"
    " datname = current_database())"
)
PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
# Those that this user may end. Nobody new can come, so the other sessions in it are waited for.
END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity a JOIN pg_roles s ON s.oid = usesysid, pg_roles me
WHERE datname = %s AND pid <> pg_backend_pid() AND me.rolname = current_user
AND (me.rolsuper OR (NOT s.rolsuper AND (pg_has_role(usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))))
"""
WITHIN = "SELECT string_agg(DISTINCT coalesce(usename, backend_type), ', ') FROM pg_stat_activity WHERE datname = %s"


def drop(connection: Any, server: Database, name: str) -> list[str]:
    """Drop a database, with the sessions, subscriptions and prepared transactions in it; one that is not there is no
    error. Raises RunbookError.

    ``connection`` leads to another database of ``server``. Returns the slots of its subscriptions: they stay with the
    publishers, since a copy of a subscription has the slot of the live one.
    """
    found = query(connection, FOUND, [name])
    if not found:
        return []
    ((limit, is_open, holds),) = found
    slots: list[str] = []
    quoted = sql.Identifier(name)
    if limit != INVALID:
        if holds:
            if not is_open:
                query(connection, sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(quoted))
            slots = _empty(beside(server, name))
        query(connection, sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false IS_TEMPLATE false").format(quoted))
    give_up = time.monotonic() + PATIENCE
    while True:
        query(connection, END, [name])
        try:
            query(connection, sql.SQL("DROP DATABASE IF EXISTS {}").format(quoted))
        except RunbookError as error:
            if error.details.get("code") == IN_USE and time.monotonic() < give_up:
                time.sleep(PAUSE)
                continue
            ((within,),) = query(connection, WITHIN, [name])
            raise RunbookError(
                f"The database {name} could not be dropped and is still there with its data: {error.details['reason']}."
                f" Sessions in it: {within or 'none'}. End them, then drop it, or run the play again.",
                code="not_dropped",
            ) from None
        return slots


def _empty(database: Database) -> list[str]:
    """Take out of a database what keeps it from being dropped."""
    with closing(connect(database)) as inside:
        subscriptions = query(inside, SUBSCRIPTIONS)
        for name, _slot in subscriptions:
            quoted = sql.Identifier(name)
            for statement in (
                "ALTER SUBSCRIPTION {} DISABLE",
                "ALTER SUBSCRIPTION {} SET (slot_name = NONE)",
                "DROP SUBSCRIPTION {}",
            ):
                query(inside, sql.SQL(statement).format(quoted))
        for (transaction,) in query(inside, PREPARED):
            query(inside, sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(transaction)))
    return [slot for _name, slot in subscriptions if slot]
