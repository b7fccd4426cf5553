# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names who holds a lock that a migration did not get: the session, its application and its
statement without the values in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..core.errors import RunbookError
from ..postgres.connection import query
from .sql import relations_in

SHOWN = 3
HOLDERS = """
SELECT DISTINCT ON (xact_start, pid) pid, usename, application_name, state, round(extract(epoch FROM clock_timestamp() - xact_start))::bigint,
       relation::regclass::text, mode, query
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'relation' AND granted AND pid <> pg_backend_pid() AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND relation IN (SELECT oid FROM unnest(%s::text[]) AS name, LATERAL (SELECT to_regclass(name)::oid) AS relation(oid)
                   UNION SELECT indrelid FROM unnest(%s::text[]) AS name JOIN pg_index ON indexrelid = to_regclass(name)
                   UNION SELECT indexrelid FROM unnest(%s::text[]) AS name JOIN pg_index ON indrelid = to_regclass(name))
ORDER BY xact_start NULLS LAST, pid
"""  # noqa: E501
# What holds a value in SQL: strings of every kind, and numbers that are no part of a name. An unclosed one ends where
# the server cut the statement off.
VALUES = re.compile(
    r"""[ebxun]?&?'(?:[^'\\]|''|\\.)*(?:'|$)|(\$\w*\$).*?(?:\1|$)|(?<![\w"$.])\d[\w.]*""", re.IGNORECASE | re.DOTALL
)
COMMENTS = re.compile(r"--[^\n]*|/\*.*?(?:\*/|$)", re.DOTALL)


def without_values(statement: str) -> str:
    """A statement on one line, with ? for every value and without comments."""
    return " ".join(COMMENTS.sub(" ", VALUES.sub("?", statement)).split())


def lock_holders(connection: Any, script: str) -> str:
    """Say who holds locks on what a file names, the longest transaction first; nothing where nobody does
    any more or it is not to be found out.
    """
    names = relations_in(script)
    rows: list[tuple[Any, ...]] = []
    with suppress(RunbookError):
        rows = query(connection, HOLDERS, [names, names, names]) if names else []
    if not rows:
        return ""
    sessions = [_session(row) for row in rows[:SHOWN]]
    more = f", and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return (
        f" The lock is held by {'; '.join(sessions)}{more}. Wait for that to end, or end it with SELECT"
        f" pg_terminate_backend({rows[0][0]})."
    )


def _session(row: Sequence[Any]) -> str:
    pid, user, application, state, seconds, relation, mode, statement = row
    age = "" if seconds is None else f", its transaction began {seconds} s ago"
    shown_statement = without_values(statement or "")[:200] or "unknown statement"
    return (
        f"pid {pid} ({application or 'no application_name'}, user {user}, {state or 'state unknown'}{age}), {mode} on"
        f" {relation}: {shown_statement}"
    )
