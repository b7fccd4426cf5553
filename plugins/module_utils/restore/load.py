# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive restored into a database: what it needs there, and loading it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from ..backup.archive import Archive
from ..core.errors import ConfigError
from ..postgres.connection import Database, connect, query
from ..postgres.programs import Tool, find_psql, find_tool, libpq_access
from .definition import needs, sorts_fast, statements
from .program import run_program
from .rights import membership
from .rows_loaded import rows_loaded
from .scope import restorable, use_list
from .script import PSQL, load_script

# As measured: commits need not wait, since a database that was not loaded to its end is created again, and its own
# workers would only share the cores.
SPEED = "-c synchronous_commit=off -c maintenance_work_mem=256MB -c max_parallel_maintenance_workers=0"
NOT_ASKED = "they were not requested"
# For the query that checks a foreign key. By the planner's guess it hashes all of the other table; joining two sorted
# ones took half the time or less at millions of rows, where the key is of a type that sorts fast (a text does not, but
# in the collation C).
MERGE = "-c enable_hashjoin=off"


def find_restorer(connection: Any, manifest: Mapping[str, Any], postgres_bin: str | None, *, dumper: int = 0) -> Tool:
    """Return the pg_restore for an archive, and for the server of a connection. Raises ConfigError that says which one
    to install.

    ``dumper`` is the major version of the pg_dump that wrote it, if there is no manifest.
    """
    name, version = manifest["name"], server_major(connection)
    origin, shared = (
        int(str(manifest.get(key) or "0").split(".", maxsplit=1)[0]) for key in ("server_version", "pg_dump_version")
    )
    if origin > version:
        raise ConfigError(
            f"The backup {name} is of PostgreSQL {origin}, and this server is {version}: restore it on {origin} or"
            " newer.",
            code="older_server",
        )
    tool = find_tool("pg_restore", max(version, shared, dumper), postgres_bin)
    find_psql(tool, version)
    return tool


def server_major(connection: Any) -> int:
    ((version,),) = query(connection, "SELECT current_setting('server_version_num')::int / 10000")
    return int(version)


def loads_frozen(connection: Any, manifest: Mapping[str, Any], postgres_bin: str | None, jobs: int) -> bool:
    """Whether an archive is to be laid out frozen (archive_layout.py) for ``load`` on the server of a
    connection. Raises ConfigError like find_restorer.
    """
    tool = find_restorer(connection, manifest, postgres_bin)
    return jobs_at_once(jobs) > 1 and not find_psql(tool, server_major(connection))


def fit(connection: Any, archive: Archive, postgres_bin: str | None, heartbeat: Callable[[], None]) -> Tool:
    """Return the pg_restore for this server. Raises ConfigError when the server does not have what the
    archive takes for granted.
    """
    tool, lacks = _fit(connection, archive, postgres_bin, heartbeat)
    refusal = f"The backup {archive.manifest['name']} cannot be restored here for lack of"
    if lacks.roles:
        raise ConfigError(
            f"{refusal} roles: {', '.join(lacks.roles)}. As a superuser: CREATE ROLE each of them, or restore on a"
            " server that has them.",
            code="no_roles",
        )
    if lacks.memberships:
        remedies = "; ".join(membership(role, lacks.user, lacks.superusers) for role in lacks.memberships)
        raise ConfigError(
            f"{refusal} memberships: {', '.join(lacks.memberships)}. Each of them owns something in it, and"
            f" {lacks.user} is not a member. As a superuser: {remedies}. Or give the URL of a user that is a member, or"
            " set swap: url, which restores without owners and grants.",
            code="no_memberships",
        )
    return tool


def fit_for_trial(
    connection: Any, archive: Archive, postgres_bin: str | None, heartbeat: Callable[[], None]
) -> tuple[Tool, list[str]]:
    """Return the pg_restore for this server, and why owners and grants cannot be restored there, if they
    cannot. Raises ConfigError.
    """
    tool, lacks = _fit(connection, archive, postgres_bin, heartbeat)
    reasons = [f"the server lacks the roles {', '.join(lacks.roles)}"] if lacks.roles else []
    if lacks.memberships:
        reasons.append(f"{lacks.user} is not a member of {', '.join(lacks.memberships)}")
    return tool, reasons


def without_ownership(reasons: Sequence[str]) -> list[str]:
    """Describe what a restore leaves out for these reasons; nothing where there are none."""
    return [f"owners and grants: {'; '.join(reasons)}"] if reasons else []


@dataclass(frozen=True)
class Lacks:
    """What owners and grants of an archive take and a server does not have: ``roles``, and ``memberships``
    of ``user``. ``superusers`` are all of them.
    """

    user: str
    roles: list[str]
    memberships: list[str]
    superusers: set[str]


def _fit(
    connection: Any, archive: Archive, postgres_bin: str | None, heartbeat: Callable[[], None]
) -> tuple[Tool, Lacks]:
    name, contents = archive.manifest["name"], archive.contents
    tool = find_restorer(connection, archive.manifest, postgres_bin, dumper=contents.dumper if contents else 0)
    wanted = needs(archive, tool, heartbeat)
    known = query(
        connection, "SELECT rolname, pg_has_role(oid, 'MEMBER'), rolsuper, rolname = current_user FROM pg_roles"
    )
    roles = {name: is_member for name, is_member, _super, _me in known}
    available = {extension for (extension,) in query(connection, "SELECT name FROM pg_available_extensions")}
    missing = sorted(wanted.extensions - available)
    if missing:
        raise ConfigError(
            f"The backup {name} needs extensions that this server does not offer: {', '.join(missing)}. Install their"
            " packages on it, or take another server.",
            code="no_extension",
        )
    return tool, Lacks(
        user=next(name for name, _member, _super, is_me in known if is_me),
        roles=sorted((wanted.owners | wanted.others) - roles.keys()),
        memberships=sorted(role for role in wanted.owners if role in roles and not roles[role]),
        superusers={name for name, _member, is_super, _me in known if is_super},
    )


def jobs_at_once(jobs: int) -> int:
    """Return how many connections can restore at a time from here."""
    return jobs if sys.platform == "linux" else 1  # elsewhere /dev/fd shares the position in the file between processes


def load(
    archive: Archive,
    tool: Tool,
    database: Database,
    *,
    jobs: int | None,
    heartbeat: Callable[[], None],
    ownership: bool = True,
) -> None:
    """Restore an archive into an empty database; ``heartbeat`` is called all along. Raises CommandFailed, and whatever
    ``heartbeat`` raises.

    Without ``jobs`` it is one transaction: all of it is there afterwards or nothing, whatever becomes of this process.
    Subscriptions are left out.
    """
    with closing(connect(database, heartbeat=heartbeat)) as connection:
        version = server_major(connection)
        psql, kept = find_psql(tool, version), restorable(connection, archive.contents)
    join = MERGE if sorts_fast(statements(archive, tool, heartbeat)) else ""
    quiet = replace(database, options=f"{database.options} {SPEED} {join}".strip())
    shared: dict[str, Any] = {"what": f"pg_restore into {database.describe()}", "secrets": [database.password]}
    options = ["--exit-on-error", "--no-subscriptions", *([] if ownership else ["--no-owner", "--no-privileges"])]
    target = f"--dbname={connection_string(database)}"
    with libpq_access(quiet, version) as access, use_list(kept) as chosen, rows_loaded(database, heartbeat) as tick:
        given = {**access, "pass_fds": [*access["pass_fds"], *archive.descriptors, *chosen.descriptors]}
        reading = [tool.path, *options, *chosen.options, archive.path]
        if psql:
            load_script(
                [*reading, "--file=-"],
                [psql, *PSQL, *([] if jobs else ["--single-transaction"]), target],
                tick,
                given,
                **shared,
            )
            return
        at_once = [f"--jobs={jobs_at_once(jobs)}"] if jobs else ["--single-transaction"]
        run_program([*reading, "--no-password", *at_once, target], tick, given, **shared)


def connection_string(database: Database) -> str:
    target = database.name.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{target}'"
