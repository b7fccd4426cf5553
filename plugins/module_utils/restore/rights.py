# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user of a restore may do, tried before it begins: by object kind, in a transaction that is undone.

A superuser may do everything. To others each kind of object is another question to the server, and only the server
knows the answer: vendors let their users do more than PostgreSQL does. No table of the database is touched: the objects
that are made for it have a schema of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

with suppress(ImportError):  # postgres.py reports it
    import psycopg2

from ..backup.archive import Archive
from ..backup.archive_contents import Contents, Item
from ..backup.archive_needs import OWNED, is_public
from ..core.errors import ConfigError
from ..postgres.connection import execute, query
from ..postgres.globals import identifier, literal

PROBE = identifier("storefront.runbook tries")  # a schema, and whatever else needs a name
TEMPORARY = "pg_temp"  # where this user may not make a schema: for routines alone
DENIED = "42501"  # insufficient_privilege
# Their statements are tried as they are: the server checks the rights before it checks whether there is one of this
# name.
AS_IT_IS = frozenset(
    {
        *(
            "ACCESS METHOD",
            "CAST",
            "EVENT TRIGGER",
            "FOREIGN DATA WRAPPER",
            "OPERATOR CLASS",
            "OPERATOR FAMILY",
            "PROCEDURAL LANGUAGE",
        ),
        *(
            "PUBLICATION TABLES IN SCHEMA",
            "SECURITY LABEL",
            "SERVER",
            "TEXT SEARCH PARSER",
            "TEXT SEARCH TEMPLATE",
            "TRANSFORM",
        ),
    }
)
ROUTINES = re.compile(r'^(CREATE (?:FUNCTION|PROCEDURE|AGGREGATE) )(?:"(?:[^"]|"")*"|[\w$]+)\.')
SETTING = re.compile(r'^    SET ("(?:[^"]|"")*"|[\w$.]+) ', re.MULTILINE)
BASE_TYPE = re.compile(r"^    INPUT = ", re.MULTILINE)
FOR_ROLE = re.compile(r'^ALTER DEFAULT PRIVILEGES FOR ROLE ("(?:[^"]|"")*"|[\w$]+) ', re.MULTILINE)
PUBLIC_IS_OPEN = 150000  # below this version of the server everybody may create in the schema public
ME = """
SELECT current_user::text, rolsuper, CASE WHEN pg_has_role(datdba, 'MEMBER') THEN pg_get_userbyid(datdba) ELSE current_user END
FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()
"""  # noqa: E501
EXTENSIONS = """
SELECT a.name::text, superuser AND NOT trusted, CASE WHEN x.oid IS NULL THEN NULL ELSE pg_has_role(extowner, 'USAGE') END
FROM pg_available_extensions a JOIN pg_available_extension_versions v ON v.name = a.name AND version = default_version
LEFT JOIN pg_extension x ON extname = a.name
"""  # noqa: E501
TABLESPACES = "SELECT spcname::text, has_tablespace_privilege(oid, 'CREATE') FROM pg_tablespace"
NO_GRANT = "no right that can be granted lets {user} create it: drop it before the backup, or let a superuser restore"


@dataclass
class Lacks:
    """``objects`` cannot be made, ``ownership`` cannot be given: each says what it is and how the user gets
    the right.
    """

    user: str
    objects: list[str] = field(default_factory=list)
    ownership: list[str] = field(default_factory=list)


def refuse_without(inside: Any, elsewhere: Any, archive: Archive, *, into: bool = False) -> None:
    """Raise ConfigError that names every right for restoring an archive that the user lacks. The
    connections are those of ``lacking``.
    """
    contents = archive.contents
    if contents:
        found = lacking(inside, elsewhere, contents, into=into)
        _refuse(archive, found.user, found.objects + found.ownership)


def withheld(inside: Any, elsewhere: Any, archive: Archive, *, into: bool = False) -> list[str]:
    """Return why the user may not restore owners and grants, nothing where it may. Raises ConfigError for
    what a restore cannot do without.
    """
    contents = archive.contents
    if not contents:
        return []
    found = lacking(inside, elsewhere, contents, into=into)
    _refuse(archive, found.user, found.objects)
    return [f"{found.user} lacks {right}" for right in found.ownership]


def _refuse(archive: Archive, user: str, lacks: list[str]) -> None:
    if lacks:
        raise ConfigError(
            f"The backup {archive.manifest['name']} cannot be restored here by {user}, who lacks"
            f" {'; and '.join(lacks)}.",
            code="no_rights",
        )


def lacking(inside: Any, elsewhere: Any, contents: Contents, *, into: bool) -> Lacks:
    """Try what restoring an archive takes.

    ``inside`` leads to the database that is restored into (``into``), or to one with the same owner as the new one will
    have; ``elsewhere`` to another database of that server, or the same. Both are as they were afterwards.
    """
    ((user, is_superuser, owner),) = query(inside, ME)
    found = Lacks(user, objects=list(_tablespaces(inside, contents, user)))
    if is_superuser:
        return found
    superusers = {role for (role,) in query(inside, "SELECT rolname::text FROM pg_roles WHERE rolsuper")}
    with _undone(elsewhere):
        found.objects += _extensions(inside, elsewhere, contents, user, into=into)
    with _undone(inside):
        execute(inside, "SET LOCAL search_path = ''")
        place = PROBE if _denied(inside, f"CREATE SCHEMA {PROBE}", keep=True) is None else TEMPORARY
        if place == TEMPORARY and query(inside, "SELECT has_database_privilege(current_database(), 'TEMP')") == [
            (False,)
        ]:
            place = ""  # the rights in this database do not say anything about those in the new one
        found.objects += _made(inside, contents, user, place)
        found.ownership += _owned(inside, contents, owner, place)
        found.ownership += _granted(inside, contents, user, superusers)
    return found


@contextmanager
def _undone(connection: Any) -> Iterator[None]:
    execute(connection, "BEGIN")
    try:
        execute(connection, "SET LOCAL lock_timeout = '2s'")
        yield
    finally:
        execute(connection, "ROLLBACK")


def _denied(connection: Any, *statements: str, keep: bool = False) -> str | None:
    """Try statements and return the server's words where it denies the right; None also where they fail for another
    reason, such as a name that is taken.

    Each is run from within PL/pgSQL, where none can end the transaction that is undone.
    """
    execute(connection, "SAVEPOINT tried")
    try:
        for statement in statements:
            execute(connection, f"DO {literal(f'BEGIN EXECUTE {literal(statement)}; END')}")
    except psycopg2.Error as error:
        execute(connection, "ROLLBACK TO tried")
        return str(error.diag.message_primary) if error.pgcode == DENIED else None
    if not keep:
        execute(connection, "ROLLBACK TO tried")
    return None


def _tablespaces(connection: Any, contents: Contents, user: str) -> Iterator[str]:
    allowed: Mapping[str, bool] = dict(query(connection, TABLESPACES))
    for name in sorted({item.tablespace for item in contents.items if item.tablespace}):
        if name not in allowed:
            yield (
                f"the tablespace {name}, which this server does not have (as a superuser: CREATE TABLESPACE"
                f" {identifier(name)} LOCATION …)"
            )
        elif not allowed[name]:
            yield (
                f"the right to create in the tablespace {name} (GRANT CREATE ON TABLESPACE {identifier(name)} TO"
                f" {identifier(user)})"
            )


def _extensions(inside: Any, elsewhere: Any, contents: Contents, user: str, *, into: bool) -> Iterator[str]:
    known = {name: (closed, owned) for name, closed, owned in query(inside, EXTENSIONS)}
    taken = {name for (name,) in query(elsewhere, "SELECT extname::text FROM pg_extension")}
    for name in contents.names("EXTENSION"):
        closed, owned = known.get(name, (False, None))
        # it is there already, or this user has created it before
        if not closed or (owned is not None and (into or owned)):
            continue
        if name in taken or _denied(elsewhere, f"CREATE EXTENSION {identifier(name)}"):
            yield (
                f"the right to create the extension {name} (it is not trusted, so no right lets {user} create it: drop"
                " it before the backup; or name as target_url an empty database in which a superuser ran CREATE"
                f" EXTENSION {identifier(name)})"
            )


def _made(connection: Any, contents: Contents, user: str, place: str) -> Iterator[str]:
    for item in contents.items:
        statement = _statement(item, place)
        words = _denied(connection, statement) if statement else None
        if words:
            setting = (
                SETTING.search(item.makes)
                if item.kind in ("FUNCTION", "PROCEDURE") and connection.server_version >= PUBLIC_IS_OPEN
                else None
            )
            remedy = (
                f"GRANT SET ON PARAMETER {setting[1]} TO {identifier(user)}" if setting else NO_GRANT.format(user=user)
            )
            yield f"the right to create the {item.kind.lower()} {item.name} ({words}; {remedy})"


def _statement(item: Item, place: str) -> str | None:
    """Return what tries whether an entry can be made, None where the owner of the database can create it."""
    if item.kind in AS_IT_IS or (item.kind == "TYPE" and BASE_TYPE.search(item.makes)):
        return item.makes
    if item.kind in ("FUNCTION", "PROCEDURE", "AGGREGATE") and place:
        return ROUTINES.sub(lambda found: f"{found[1]}{place}.", item.makes)
    if item.kind == "PUBLICATION" and " FOR ALL TABLES" in item.makes:
        return f"CREATE PUBLICATION {PROBE} FOR ALL TABLES"
    return None


def _owned(connection: Any, contents: Contents, owner: str, place: str) -> Iterator[str]:
    """Try to give away a table in a schema of the same owner as each, which is what it takes for every kind
    that a schema holds.
    """
    schemas = {item.name: item.owner for item in contents.items if item.kind == "SCHEMA" and not is_public(item)}
    pairs: dict[tuple[str, str], Item] = {}
    for item in contents.items:
        if item.kind in OWNED and item.owner and item.drops and item.schema and place == PROBE:
            if item.schema != "public" or connection.server_version >= PUBLIC_IS_OPEN:
                pairs.setdefault((schemas.get(item.schema, owner), item.owner), item)
        elif item.kind == "PUBLICATION":
            statements = [f"CREATE PUBLICATION {PROBE}", f"ALTER PUBLICATION {PROBE} OWNER TO {identifier(item.owner)}"]
            if _denied(connection, statements[0]) is None and (words := _denied(connection, *statements)):
                yield (
                    f"the right to give the publication {item.name} to {item.owner} ({words}; "
                    f"GRANT CREATE ON DATABASE … TO {identifier(item.owner)}, which a restore copies)"
                )
    for (of_schema, of_item), item in sorted(pairs.items()):
        words = _denied(
            connection,
            f"CREATE TABLE {PROBE}.tried ()",
            f"ALTER SCHEMA {PROBE} OWNER TO {identifier(of_schema)}",
            f"ALTER TABLE {PROBE}.tried OWNER TO {identifier(of_item)}",
            f"COMMENT ON TABLE {PROBE}.tried IS 'tried'",
        )
        if words:
            yield (
                f"the right to give what is in the schema {item.schema} to {of_item}, such as the {item.kind.lower()}"
                f" {item.name} ({words}; {of_item} has to be in the role that owns the schema: GRANT"
                f" {identifier(of_schema)} TO {identifier(of_item)})"
            )


def _granted(connection: Any, contents: Contents, user: str, superusers: set[str]) -> Iterator[str]:
    """Try default privileges of other roles, and grants on what PostgreSQL or an extension owns."""
    for item in contents.items:
        if item.kind == "DEFAULT ACL":
            for name in sorted(set(FOR_ROLE.findall(item.makes))):
                role = name[1:-1].replace('""', '"') if name.startswith('"') else name
                words = _denied(
                    connection, f"ALTER DEFAULT PRIVILEGES FOR ROLE {name} GRANT SELECT ON TABLES TO {name}"
                )
                if words:
                    yield (
                        f"the right to set the default privileges of {role} ({words};"
                        f" {membership(role, user, superusers)})"
                    )
        elif item.kind == "ACL" and (
            item.schema in ("pg_catalog", "information_schema") or "SET SESSION AUTHORIZATION" in item.makes
        ):
            words = _denied(connection, item.makes)
            if words:
                yield (
                    f"the right to grant what {item.name} has ({words};"
                    f" {NO_GRANT.format(user=user).replace('create it: drop', 'grant it: revoke')})"
                )


def membership(role: str, user: str, superusers: set[str]) -> str:
    """Return how a user gets the rights of a role. Nobody gets those of a superuser."""
    if role in superusers:
        return (
            f"{role} is a superuser, and its rights should not be granted to others: as {role} revoke or give away"
            " what is its own, and make another backup"
        )
    return f"GRANT {identifier(role)} TO {identifier(user)}"
