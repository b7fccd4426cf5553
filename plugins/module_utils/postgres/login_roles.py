# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two roles with which a shop logs in, in turn: one has a new password before the other's login ends.

The password is hashed here (SCRAM), so the server's log never has it. The user that does it needs
CREATEROLE, and from PostgreSQL 16 on ADMIN OPTION on both roles. Everybody may see who is connected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

with suppress(ImportError):  # connection.py reports it
    from psycopg2 import extensions, sql

from .connection import Database, connect, query

ADMIN_OPTION_SINCE = 160000
# What one role has and the other lacks, in this database and for the server: pg_shdepend names each object that a role
# owns ('o') or was granted something on ('a').
FACTS = """
SELECT r.rolname, r.rolsuper, r.rolcanlogin, coalesce(r.rolvaliduntil < now(), false),
       ARRAY[r.rolbypassrls, r.rolinherit, r.rolcreatedb, r.rolreplication, r.rolcreaterole]::text[],
       ARRAY(SELECT m.roleid::regrole::text FROM pg_auth_members m WHERE m.member = r.oid GROUP BY 1 ORDER BY 1),
       ARRAY(SELECT s.setdatabase || ' ' || c FROM pg_db_role_setting s, unnest(s.setconfig) c
             WHERE s.setrole = r.oid ORDER BY 1),
       ARRAY(SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_shdepend d WHERE d.refobjid = r.oid
             AND d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o' AND d.dbid IN (0, o.oid) ORDER BY 1),
       ARRAY(SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_shdepend d WHERE d.refobjid = r.oid
             AND d.refclassid = 'pg_authid'::regclass AND d.deptype = 'a' AND d.dbid IN (0, o.oid)
             AND d.classid <> 'pg_auth_members'::regclass ORDER BY 1),
       (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid)
FROM pg_roles r, pg_database o WHERE o.datname = current_database() AND r.rolname = ANY(%s)
"""
ATTRIBUTES = ("BYPASSRLS", "INHERIT", "CREATEDB", "REPLICATION", "CREATEROLE")
ADMIN = """
SELECT u.rolname, u.rolsuper, u.rolcreaterole, current_setting('server_version_num')::int,
       ARRAY(SELECT r.rolname FROM pg_roles r WHERE r.rolname = ANY(%s)
             AND pg_has_role(u.oid, r.oid, 'MEMBER WITH ADMIN OPTION'))
FROM pg_roles u WHERE u.rolname = current_user
"""


@dataclass(frozen=True)
class Role:
    name: str
    superuser: bool
    can_login: bool
    expired: bool
    attributes: list[str]
    members_of: list[str]
    settings: list[str]
    owned: list[str]
    granted: list[str]
    sessions: int


@dataclass(frozen=True)
class Admin:
    """The user that changes the roles; ``administers`` are those on which it has ADMIN OPTION."""

    name: str
    superuser: bool
    creates_roles: bool
    version: int
    administers: list[str]


def read(connection: Any, names: list[str]) -> tuple[dict[str, Role], Admin]:
    found = {row[0]: Role(*row) for row in query(connection, FACTS, [names])}
    return found, Admin(*query(connection, ADMIN, [names])[0])


def sessions(connection: Any, names: list[str]) -> dict[str, int]:
    """Return how many sessions each role has on the server, of whatever database."""
    asked = "SELECT usename, count(*) FROM pg_stat_activity WHERE usename = ANY(%s) GROUP BY 1"
    return {**dict.fromkeys(names, 0), **dict(query(connection, asked, [names]))}


def problems(role: str, peer: str, found: Mapping[str, Role], admin: Admin) -> list[str]:
    """Return why the two cannot be used in turn, each with its remedy."""
    if role == peer:
        return [f"role and peer are both {role}. Give two roles that are used in turn"]
    if missing := [name for name in (role, peer) if name not in found]:
        return [
            f"PostgreSQL has no role {name}. Create it: CREATE ROLE {name} NOLOGIN, and grant it what the other role is"
            " granted"
            for name in missing
        ]
    return [*_of_the_roles(found[role], found[peer]), *_of_the_admin(admin, role, peer)]


def _of_the_roles(role: Role, peer: Role) -> Iterator[str]:
    for one in (role, peer):
        if one.superuser:
            yield (
                f"{one.name} is a superuser, which no shop should log in as. Give it a role of its own with only the"
                " rights that it needs"
            )
        if one.owned:
            yield (
                f"{one.name} owns {_listed(one.owned)}, which the other role could not change. Let a third role own"
                f" them: REASSIGN OWNED BY {one.name} TO <owner>, and GRANT <owner> to both"
            )
        if one.expired:
            yield f"{one.name} is past its VALID UNTIL. ALTER ROLE {one.name} VALID UNTIL 'infinity'"
    for one, other in ((role, peer), (peer, role)):
        if lacking := sorted(set(other.members_of) - set(one.members_of)):
            yield (
                f"{one.name} is not a member of {', '.join(lacking)} as {other.name} is. GRANT {', '.join(lacking)} TO"
                f" {one.name}"
            )
        if lacking := sorted(set(other.granted) - set(one.granted)):
            yield (
                f"{other.name} has rights of its own on {_listed(lacking)}, and {one.name} has none. Grant them to a"
                " role that both are members of, or to both"
            )
    if role.attributes != peer.attributes:
        differing = [name for name, a, b in zip(ATTRIBUTES, role.attributes, peer.attributes, strict=True) if a != b]
        yield f"{role.name} and {peer.name} differ in {', '.join(differing)}. Make them equal with ALTER ROLE"
    if role.settings != peer.settings:
        yield (
            f"{role.name} and {peer.name} have different settings, so the shop would behave differently. Make them"
            " equal with ALTER ROLE SET"
        )


def _of_the_admin(admin: Admin, role: str, peer: str) -> Iterator[str]:
    if admin.name in (role, peer):
        yield (
            f"secrets_database_url logs in as {admin.name}, whose own login would stop working. Give it a user that is"
            " neither of the two roles"
        )
    elif not admin.superuser:
        if not admin.creates_roles:
            yield f"{admin.name} may not change roles. ALTER ROLE {admin.name} CREATEROLE"
        lacking = [name for name in (role, peer) if name not in admin.administers]
        if lacking and admin.version >= ADMIN_OPTION_SINCE:
            yield (
                f"{admin.name} has no ADMIN OPTION on {', '.join(lacking)}."
                f" GRANT {', '.join(lacking)} TO {admin.name} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
            )


def _listed(names: list[str]) -> str:
    more = len(names) - 3
    return ", ".join(names[:3]) + (f" and {more} more" if more > 0 else "")


def enable(connection: Any, database: Database, role: str, password: str) -> None:
    """Let a role log in with a password, and log in with it. Raises ConfigError."""
    verifier = extensions.encrypt_password(password, role, scope=connection, algorithm="scram-sha-256")
    statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
    query(connection, statement)
    connect(replace(database, user=role, password=password)).close()


def disable(connection: Any, role: str) -> None:
    """End a role's login. Its sessions would stay, so wait for them first."""
    query(connection, sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(sql.Identifier(role)))
