# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dump of one database does not hold: its owner, grants and settings, and the roles that it speaks
of, without their passwords.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .connection import query

# pg_shdepend names the roles that own something in the database or were granted something; a role's groups may give it
# the rights that it needs.
QUERY = """
SELECT jsonb_build_object('database', database, 'roles', roles, 'extensions', (SELECT jsonb_object_agg(extname, extversion) FROM pg_extension)) FROM (
WITH RECURSIVE here AS (SELECT * FROM pg_database WHERE datname = current_database()),
setting AS (SELECT setrole, setconfig FROM pg_db_role_setting, here WHERE setdatabase = here.oid),
named AS (
    SELECT datdba AS oid FROM here
    UNION SELECT refobjid FROM pg_shdepend, here WHERE refclassid = 'pg_authid'::regclass
        AND (dbid = here.oid OR dbid = 0 AND classid = 'pg_database'::regclass AND objid = here.oid)
    UNION SELECT setrole FROM setting WHERE setrole <> 0
    UNION SELECT roleid FROM pg_auth_members JOIN named ON member = named.oid)
SELECT
    (SELECT jsonb_build_object(
        'name', datname, 'owner', datdba::regrole::text, 'encoding', pg_encoding_to_char(encoding), 'collate', datcollate, 'ctype', datctype,
        'locale_provider', coalesce(to_jsonb(here)->>'datlocprovider', 'c'),
        'locale', coalesce(to_jsonb(here)->>'datlocale', to_jsonb(here)->>'daticulocale'), 'icu_rules', to_jsonb(here)->>'daticurules',
        'connection_limit', datconnlimit,
        'settings', (SELECT coalesce(jsonb_agg(jsonb_build_object('role', nullif(setrole, 0)::regrole::text, 'settings', setconfig)), '[]') FROM setting),
        'grants', (SELECT jsonb_agg(jsonb_build_object(
            'grantee', nullif(grantee, 0)::regrole::text, 'privilege', privilege_type, 'grantable', is_grantable)) FROM aclexplode(datacl)))
    FROM here) AS database,
    (SELECT coalesce(jsonb_agg(jsonb_build_object(
        'name', rolname, 'superuser', rolsuper, 'inherit', rolinherit, 'createrole', rolcreaterole, 'createdb', rolcreatedb, 'login', rolcanlogin,
        'replication', rolreplication, 'bypassrls', rolbypassrls, 'connection_limit', rolconnlimit, 'valid_until', rolvaliduntil,
        'settings', coalesce(rolconfig, '{}'),
        'member_of', (SELECT coalesce(jsonb_agg(roleid::regrole::text ORDER BY 1), '[]') FROM pg_auth_members WHERE member = pg_roles.oid)
    ) ORDER BY rolname), '[]') FROM pg_roles WHERE oid IN (SELECT oid FROM named) AND rolname NOT LIKE 'pg\\_%') AS roles
) AS globals
"""  # noqa: E501
# To these the value is a list of quoted names, which PostgreSQL keeps as it must be written again.
LISTS = frozenset(
    {
        "search_path",
        "local_preload_libraries",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)
NONE = '""'  # how it keeps an empty list


def collect(connection: Any) -> dict[str, Any]:
    """Return
    {database{name,owner,encoding,collate,ctype,locale_provider,locale,icu_rules,connection_limit,settings,grants},
    roles[], extensions{name → version}}.

    Names of owners, grantees and groups are quoted where SQL needs it; ``grants`` is null while nobody changed the
    default ones, and a grantee of null is PUBLIC. Needs no superuser.
    """
    ((found,),) = query(connection, QUERY)
    return found


def database_statements(found: Mapping[str, Any], name: str) -> list[str]:
    """Return the SQL that gives the database ``name`` the settings and grants that ``collect`` found. The
    roles in it must exist.
    """
    database, target = found["database"], identifier(name)
    statements = []
    for scope in database["settings"]:
        subject = f"ALTER ROLE {scope['role']} IN DATABASE {target}" if scope["role"] else f"ALTER DATABASE {target}"
        statements += [f"{subject} {_set(setting)}" for setting in scope["settings"]]
    if database["connection_limit"] != -1:
        statements.append(f"ALTER DATABASE {target} CONNECTION LIMIT {int(database['connection_limit'])}")
    if database["grants"] is not None:
        statements.append(f"REVOKE ALL ON DATABASE {target} FROM PUBLIC")
        statements += [
            f"GRANT {grant['privilege']} ON DATABASE {target} TO"
            f" {grant['grantee'] or 'PUBLIC'}{' WITH GRANT OPTION' if grant['grantable'] else ''}"
            for grant in database["grants"]
        ]
    return statements


def role_statements(role: Mapping[str, Any]) -> list[str]:
    """Return the SQL that creates a role again, without a password, which has to be set afterwards."""
    flags = ("superuser", "inherit", "createrole", "createdb", "login", "replication", "bypassrls")
    words = [flag.upper() if role[flag] else f"NO{flag.upper()}" for flag in flags]
    until = f" VALID UNTIL {literal(role['valid_until'])}" if role["valid_until"] else ""
    name = identifier(role["name"])
    return [
        f"CREATE ROLE {name} {' '.join(words)} CONNECTION LIMIT {int(role['connection_limit'])}{until}",
        *(f"ALTER ROLE {name} {_set(setting)}" for setting in role["settings"]),
        *(f"GRANT {group} TO {name}" for group in role["member_of"]),
    ]


def _set(setting: str) -> str:
    name, _equals, value = setting.partition("=")
    written = literal("" if value == NONE else value) if name not in LISTS or value in ("", NONE) else value
    return f"SET {'.'.join(map(identifier, name.split('.')))} TO {written}"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
