# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of a server: made like another one, marked, found again and dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

with suppress(ImportError):  # postgres.py reports it
    from psycopg2 import sql

from ..core.errors import ConfigError, RunbookError
from ..core.json_text import loads
from .connection import Database, query
from .database_locale import create_with, locale_like

NAME_LIMIT = 63  # bytes; PostgreSQL would cut a longer name off
STAMP = "%Y%m%dT%H%M%SZ"
KINDS = ("incoming", "before", "undone", "restored", "scratch")
OURS = re.compile(rf"@({'|'.join(KINDS)})-\d{{8}}T\d{{6}}Z$")
MARK = "storefront.runbook "  # a comment that begins so is this collection's, the rest of it is JSON

# Settings whose value is a list of names that are quoted already.
LISTS = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
NONE = '""'  # how PostgreSQL keeps an empty list
SETTINGS = """
SELECT rolname, unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase LEFT JOIN pg_roles r ON r.oid = setrole WHERE datname = %s
"""  # noqa: E501


@dataclass(frozen=True)
class DatabaseRow:
    """A database: ``open`` is whether it accepts connections, ``note`` what this collection wrote on it,
    ``comment`` what somebody else did.
    """

    oid: int
    name: str
    open: bool
    comment: str | None
    note: Mapping[str, Any]

    @property
    def kind(self) -> str | None:
        """One of KINDS, None for a database that this collection did not make."""
        found = OURS.search(self.name)
        return found[1] if found else None


def beside(database: Database, name: str) -> Database:
    """Return another database of the same server, as the same user."""
    return replace(database, name=name)


def label(live: str, kind: str, now: datetime) -> str:
    """Return the name of a database that belongs to ``live``, such as shop@before-20260202T090000Z."""
    return _with(live, f"@{kind}-{now.astimezone(UTC):{STAMP}}")


def plain(name: str) -> str:
    """Return a database's name as it was before a restore gave it one of its own:
    shop@restored-20260202T090000Z is shop.
    """
    return OURS.sub("", name)


def _with(live: str, suffix: str) -> str:
    return live.encode()[: NAME_LIMIT - len(suffix)].decode(errors="ignore") + suffix


def family(connection: Any, live: str) -> tuple[DatabaseRow | None, list[DatabaseRow]]:
    """Return the database ``live``, None when there is none, and what this collection made of it, the newest first."""
    rows = query(
        connection,
        "SELECT oid::bigint, datname, datallowconn, shobj_description(oid, 'pg_database') FROM pg_database ORDER BY"
        " datname",
    )
    entries = [DatabaseRow(oid, name, is_open, *_read(comment)) for oid, name, is_open, comment in rows]
    related = [
        entry for entry in entries if entry.kind and entry.name == _with(live, "@" + entry.name.rpartition("@")[2])
    ]
    return next((entry for entry in entries if entry.name == live), None), sorted(
        related, key=lambda entry: entry.name.rpartition("-")[2], reverse=True
    )


def _read(comment: str | None) -> tuple[str | None, dict[str, Any]]:
    if not comment or not comment.startswith(MARK):
        return comment, {}
    try:
        return None, dict(loads(comment.removeprefix(MARK)))
    except ValueError:
        return None, {}


def mark(connection: Any, name: str, **note: Any) -> None:
    """Write on a database what it is. The commit waits for the disk, and so for all that was written before it."""
    query(connection, "SET synchronous_commit = on")
    query(connection, sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(noted(note))))


def noted(note: Mapping[str, Any]) -> str:
    return MARK + json.dumps(note)


def create(connection: Any, name: str, like: str, *, thrown_away: bool = False) -> None:
    """Create an empty database with the owner, encoding, locale, tablespace, settings and grants of ``like``. Leaves
    none behind when it cannot.

    One that will be ``thrown_away`` does without the settings that this user may not give it.
    """
    create_with(connection, name, _clauses(connection, like))
    try:
        _copy_settings(connection, like, name, strict=not thrown_away)
        _copy_grants(connection, like, name)
    except BaseException:
        query(connection, sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        raise


def rename(connection: Any, name: str, new: str) -> None:
    query(connection, sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(new)))


def _clauses(connection: Any, like: str) -> list[Any]:
    ((owner, tablespace, limit),) = query(
        connection,
        "SELECT CASE WHEN pg_has_role(datdba, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET'"
        " ELSE 'MEMBER' END) THEN pg_get_userbyid(datdba) END, "
        # naming it asks for more rights
        "CASE WHEN dattablespace <> (SELECT dattablespace FROM pg_database WHERE datname = 'template0') THEN spcname"
        " END, datconnlimit FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = %s",
        [like],
    )
    wanted = {
        "OWNER": sql.Identifier(owner) if owner else None,  # else it is this user's
        "TABLESPACE": sql.Identifier(tablespace) if tablespace else None,
        "CONNECTION LIMIT": sql.Literal(limit),
    }
    return [
        *locale_like(connection, like).clauses(connection.server_version),
        *(sql.SQL(clause + " {}").format(value) for clause, value in wanted.items() if value is not None),
    ]


def _copy_settings(connection: Any, source: str, target: str, *, strict: bool) -> None:
    """Copy what ALTER DATABASE SET and ALTER ROLE IN DATABASE SET have set; a dump has neither."""
    rows = query(connection, SETTINGS, [source])
    for role, setting in rows:
        key, statement = _set(role, setting, target)
        try:
            query(connection, statement)
        except RunbookError as error:
            if strict:
                raise _refused(source, role, key, error) from None


def refuse_uncopyable(connection: Any, source: str) -> None:
    """Raise ConfigError for a setting of a database that this user may not give to its successor. It is tried on the
    database itself, and undone.

    The successor belongs to this user, the database itself may not: then the setting is tried in the session, which
    takes the same right to it.
    """
    [(owns,)] = query(connection, "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = %s", [source])
    query(connection, "BEGIN")
    try:
        for role, setting in query(connection, SETTINGS, [source]):
            key, statement = _set(role, setting, source)
            try:
                if owns or role:
                    query(connection, statement)
                else:
                    query(connection, "SELECT set_config(%s, %s, true)", list(setting.partition("=")[::2]))
            except RunbookError as error:
                raise _refused(source, role, key, error) from None
    finally:
        query(connection, "ROLLBACK")


def _set(role: str | None, setting: str, database: str) -> tuple[str, Any]:
    key, _equals, value = setting.partition("=")
    name = sql.SQL(".").join(sql.Identifier(part) for part in key.split("."))
    of = sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), sql.Identifier(database)) if role else None
    written = sql.Literal("" if value == NONE else value) if key not in LISTS or value in ("", NONE) else sql.SQL(value)
    return key, sql.SQL("ALTER {} SET {} TO {}").format(
        of or sql.SQL("DATABASE {}").format(sql.Identifier(database)), name, written
    )


def _refused(source: str, role: str | None, key: str, error: RunbookError) -> ConfigError:
    return ConfigError(
        f"The setting {key} of the database {source}{f' for the role {role}' if role else ''} cannot be copied:"
        f" {error.details['reason']}. As a superuser: GRANT SET ON PARAMETER {key} to this user (PostgreSQL 15 and"
        " newer), or take the setting away.",
        code="no_setting",
    )


def _copy_grants(connection: Any, source: str, target: str) -> None:
    grants = query(
        connection,
        "SELECT CASE grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(grantee) END, privilege_type, is_grantable "
        "FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE datname = %s",
        [source],
    )
    to = sql.Identifier(target)
    query(connection, sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(to))
    for grantee, privilege, grantable in grants:
        whom = sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC")
        option = sql.SQL(" WITH GRANT OPTION" if grantable else "")
        query(connection, sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(sql.SQL(privilege), to, whom, option))


def unquoted(name: str) -> tuple[str, ...]:
    """Return the parts of a name as format('%I.%I') writes it. Which words it quotes depends on the version
    of the server.
    """
    parts = re.findall(r'"((?:[^"]|"")*)"|([^."]+)', name)
    return tuple(quoted.replace('""', '"') or bare for quoted, bare in parts)


def reserve(connection: Any, what: str) -> bool:
    """Take a lock that is this session's until it ends, and return whether it was free."""
    return bool(query(connection, "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [MARK + what])[0][0])


def reserve_soon(connection: Any, what: str, tries: int = 30) -> bool:
    """As ``reserve``, and try for three seconds: the server ends the session of a run that is over a moment
    later than the run.
    """
    for _unused in range(tries):
        if reserve(connection, what):
            return True
        query(connection, "SELECT pg_sleep(0.1)")
    return False
