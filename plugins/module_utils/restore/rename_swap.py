# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put another database under the live one's name, in one statement on the server: it is done or undone
whatever becomes of this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

with suppress(ImportError):  # postgres.py reports it
    import psycopg2
    from psycopg2 import sql

from ..core.errors import ConfigError, RunbookError
from ..postgres.connection import Database, execute, query
from ..postgres.databases import DatabaseRow, noted

PATIENCE = 1000  # turns of 10 ms for sessions to end

# Shutting out, ending and renaming are one statement, so that a killed client leaves no database that is shut: the
# server goes through with it, and opens them again when it cannot. Only a crash of the server in between leaves the
# live one shut, under its own name; the next run opens it.
EXCHANGE = """
DO $swap$
DECLARE
  problem text; code text; turns int := 0; alone bool := false;
BEGIN
  EXECUTE format('ALTER DATABASE %I ALLOW_CONNECTIONS false', {live});
  EXECUTE format('ALTER DATABASE %I ALLOW_CONNECTIONS false', {successor});
  COMMIT;
  BEGIN
    LOOP
      PERFORM pg_stat_clear_snapshot();
      PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname IN ({live}, {successor}) AND usesysid IS NOT NULL AND (alone OR pid <> ALL ({last}));
      IF FOUND THEN
        turns := turns + 1;
        IF turns > {patience} THEN RAISE EXCEPTION 'sessions in it did not end'; END IF;
        PERFORM pg_sleep(0.01);
      ELSE
        EXIT WHEN alone;
        alone := true;
      END IF;
    END LOOP;
    EXECUTE format('ALTER DATABASE %I RENAME TO %I', {live}, {predecessor});
    EXECUTE format('ALTER DATABASE %I RENAME TO %I', {successor}, {live});
    EXECUTE format('ALTER DATABASE %I ALLOW_CONNECTIONS true', {live});
    EXECUTE format('ALTER DATABASE %I ALLOW_CONNECTIONS true', {predecessor});
    EXECUTE format('COMMENT ON DATABASE %I IS %L', {live}, {comment});
    EXECUTE format('COMMENT ON DATABASE %I IS %L', {predecessor}, {note});
  EXCEPTION WHEN query_canceled OR OTHERS THEN
    GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, code = RETURNED_SQLSTATE;
    EXECUTE format('ALTER DATABASE %I ALLOW_CONNECTIONS true', {live});
    EXECUTE format('ALTER DATABASE %I ALLOW_CONNECTIONS true', {successor});
  END;
  COMMIT;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION USING MESSAGE = problem, ERRCODE = code;
  END IF;
END $swap$
"""
RIGHTS = """
SELECT rolsuper OR rolcreatedb, pg_has_role(datdba, 'USAGE'), pg_get_userbyid(datdba),
  EXISTS (SELECT FROM pg_roles o WHERE o.oid = datdba AND o.rolsuper), rolname, session_user::text,
  rolsuper OR pg_has_role(session_user, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE')
FROM pg_database, pg_roles WHERE datname = %s AND rolname = current_user
"""
# Whom this user may not end: a superuser's session is a superuser's to end, another's takes its role or
# pg_signal_backend.
FOREIGN = """
SELECT DISTINCT usename FROM pg_stat_activity a JOIN pg_roles s ON s.oid = usesysid, pg_roles me
WHERE datname = %s AND me.rolname = current_user AND NOT me.rolsuper
AND (s.rolsuper OR NOT (pg_has_role(usesysid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))) ORDER BY 1
"""


def lacking(connection: Any, live: Database) -> tuple[str, list[str]]:
    """Return (this user, everything that it lacks for a swap by rename). Raises ConfigError when there is
    no such database.
    """
    rows = query(connection, RIGHTS, [live.name])
    if not rows:
        raise ConfigError(
            f"There is no database {live.name} on {live.host}:{live.port}. Correct {live.option}.", code="no_database"
        )
    ((creates, owns, owner, of_superuser, user, login, ends_itself),) = rows
    lacks = []
    if not creates:
        lacks.append(f"the right to create databases (as a superuser: ALTER ROLE {user} CREATEDB)")
    if not owns:
        way = (
            f"as {owner}: ALTER DATABASE {live.name} OWNER TO {user}"
            if of_superuser
            else f"give the URL of {owner}, or GRANT {owner} TO {user}"
        )
        lacks.append(f"the ownership of {live.name}, which belongs to {owner} ({way})")
    if not ends_itself:  # ALTER ROLE … SET role: the sessions of this module are the login's
        lacks.append(
            f"the right to end the sessions of {login}, as whom {user} logs in (GRANT pg_signal_backend TO {user})"
        )
    foreign = [role for (role,) in query(connection, FOREIGN, [live.name])]
    if foreign:
        lacks.append(
            f"the right to end the sessions of {', '.join(foreign)} in it (end them; or GRANT pg_signal_backend TO"
            f" {user}, save for superusers)"
        )
    return user, lacks


def creates(connection: Any) -> bool:
    """Whether this user may create databases."""
    return query(connection, "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user") == [(True,)]


def refuse_without_rights(connection: Any, live: Database) -> None:
    """Raise ConfigError that names everything this user lacks for a swap by rename."""
    user, lacks = lacking(connection, live)
    if lacks:
        raise ConfigError(
            f"{user} cannot put another database under the name {live.name}. It lacks {'; and '.join(lacks)}. "
            "Where that right cannot be granted, swap: url gives the new database a name of its own.",
            code="no_rights",
        )


def exchange(
    connection: Any,
    live: DatabaseRow,
    successor: DatabaseRow,
    predecessor: str,
    *,
    note: Mapping[str, Any],
    last: list[int],
) -> None:
    """Put ``successor`` under the name of ``live``, which is called ``predecessor`` from then on and marked with
    ``note``.

    Every session in either is ended, those of the processes ``last`` after all others. Raises RunbookError, and nothing
    is changed then.
    """
    values = {
        "live": live.name,
        "successor": successor.name,
        "predecessor": predecessor,
        "comment": live.comment,
        "note": noted(note),
        "patience": PATIENCE,
    }
    literals = {key: sql.Literal(value) for key, value in values.items()}
    try:
        execute(connection, sql.SQL(EXCHANGE).format(**literals, last=sql.SQL("{}::int[]").format(sql.Literal(last))))
    except psycopg2.Error as error:
        if not error.pgcode or connection.closed:
            raise RunbookError(
                f"The connection was lost while {successor.name} was to be called {live.name}, so it is unknown"
                " whether it is. Run the play again to find out.",
                code="unknown",
            ) from None
        raise RunbookError(
            f"{live.name} is still live and open: {successor.name} could not take its name. The server's message:"
            f" {error.diag.message_primary}. End what holds it (sessions, prepared transactions), and run the play"
            " again.",
            code=error.pgcode,
        ) from None


def reopen(connection: Any, name: str) -> None:
    """Let a database accept connections again."""
    query(connection, sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))
