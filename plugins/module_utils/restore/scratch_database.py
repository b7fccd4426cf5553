# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database to try a restore in: it holds customers' data, so it is dropped at the end, and by the next
run when this one is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..core.errors import ConfigError, RunbookError
from ..postgres import databases
from ..postgres.connection import Database, connect, parse_url, query
from ..postgres.database_locale import PLAIN, Lack, Locale, create_in_locale
from ..postgres.drop_database import drop
from ..postgres.local_server import local_server

FREE = 0.2  # of a volume, which a copy has to leave free


@dataclass(frozen=True)
class ScratchServer:
    """A server for scratch databases. ``server`` names a database on it to connect to; ``like`` is the live
    one where it is the same server.
    """

    server: Database
    like: str | None = None

    @property
    def is_separate(self) -> bool:
        return self.like is None

    def tried_in(self) -> Database:
        """Return the database in which rights are tried: one with the owner that a scratch database will have."""
        return databases.beside(self.server, self.like) if self.like else self.server


def choose(
    separate: Database | None, live: Database | None, maintenance: str, *, allowed: bool, size: int | None, limit: int
) -> ScratchServer:
    """Return where a database of ``size`` bytes may be restored for a try. Raises ConfigError that says how
    to allow one.
    """
    if separate and separate.pooled:
        raise ConfigError(
            "scratch_url goes through a connection pooler (pgbouncer=true). Give the server's own address.",
            code="pooled_url",
        )
    if separate and not (live and (separate.host, separate.port) == (live.host, live.port)):
        return ScratchServer(separate)
    if not allowed:
        where = (
            "scratch_url is on the live database's own server"
            if separate
            else "No server for a scratch database is set"
        )
        raise ConfigError(
            f"{where}. Set scratch_url to a database on another server, within the same boundary of access as"
            " production; or set same_server: true, which uses disk space and load of the live server.",
            code="no_scratch",
        )
    if not live:
        raise ConfigError("same_server needs database_url, to know which server that is. Set it.", code="no_scratch")
    if size is None or size > limit:
        raise ConfigError(
            f"A scratch copy of {live.name} would take {size if size is not None else 'an unknown number of'} bytes of"
            f" its own server, and same_server_limit allows {limit}. Set scratch_url to another server, or raise"
            " same_server_limit.",
            code="too_large",
        )
    return ScratchServer(databases.beside(live, maintenance), live.name)


def find_scratch_server(
    params: Mapping[str, Any],
    live: Database | None,
    *,
    size: int | None,
    version: str | None,
    held: ExitStack,
    heartbeat: Callable[[], None],
) -> ScratchServer:
    """Return where the options of a module (core/options.py) allow a copy of ``size`` bytes, from a server of
    ``version``.

    ``held`` keeps a server that is started for it. Asks another one for the right to make databases, and the live one
    for room. Raises ConfigError.
    """
    if params["local_server"]:
        return ScratchServer(
            held.enter_context(local_server(int((version or "0").split(".")[0]), params["postgres_bin"], heartbeat))
        )
    separate = parse_url(params["scratch_url"], "scratch_url") if params["scratch_url"] else None
    place = choose(
        separate,
        live,
        params["maintenance_database"],
        allowed=params["same_server"],
        size=size,
        limit=params["same_server_limit"],
    )
    with closing(connect(place.server)) as connection:
        refuse_without_rights(connection, place.server)
        if not place.is_separate and params["same_server_volume"]:
            refuse_without_room(connection, size or 0, params["same_server_volume"])
    return place


@contextmanager
def scratch(
    place: ScratchServer,
    name: str,
    heartbeat: Callable[[], None],
    locale: Locale | None = None,
    unproven: list[str] | None = None,
) -> Iterator[tuple[Database, list[str]]]:
    """Give an empty scratch database for ``name``, and the leftovers of killed runs that were dropped first. It is
    dropped at the end, whatever happens.

    On another server than the live one it has ``locale``, or C without one. A server that lacks the locale gives it C
    too: ``unproven`` gets what it lacks, and a failure in the block says so.
    """
    lack: Lack | None = None
    with closing(connect(place.server, heartbeat=heartbeat)) as connection:
        refuse_without_rights(connection, place.server)
        left = drop_left(connection, place, name)
        made = databases.label(name, "scratch", datetime.now(UTC))
        if not databases.reserve_soon(connection, made):
            raise ConfigError(f"Another run uses the scratch database {made}. Try again.", code="busy")
        try:
            if place.like:
                databases.create(connection, made, place.like, thrown_away=True)
            else:
                lack = create_in_locale(connection, place.server, made, locale or PLAIN)
            if lack and unproven is not None:
                unproven.append(lack.describe())
            yield databases.beside(place.server, made), left
        except BaseException as error:
            failure = lack.explain(error) if lack and isinstance(error, RunbookError) else error
            try:
                _drop(place.server, connection, made)
            except RunbookError as remaining:
                if not isinstance(failure, RunbookError):
                    raise
                failure.advise(str(remaining))
            if failure is error:
                raise
            raise failure from None
        _drop(place.server, connection, made)


def left_by_killed_runs(connection: Any, name: str) -> list[str]:
    """Return the scratch databases for ``name`` that no run uses, and reserve them for this connection."""
    _unused, related = databases.family(connection, name)
    scratch_names = [entry.name for entry in related if entry.kind == "scratch"]
    return [each for each in scratch_names if databases.reserve_soon(connection, each)]


def drop_left(connection: Any, place: ScratchServer, name: str) -> list[str]:
    """Drop what killed runs left for ``name``, and return its names."""
    left = left_by_killed_runs(connection, name)
    for old in left:
        drop(connection, place.server, old)
    return left


def _drop(server: Database, connection: Any, name: str) -> None:
    """Drop it even where the reason to stop, such as a lost lease, would cancel every statement on the
    first connection.
    """
    if connection.closed:
        with closing(connect(server)) as another:
            drop(another, server, name)
        return
    connection.heartbeat = lambda: None
    drop(connection, server, name)


def refuse_without_rights(connection: Any, server: Database) -> None:
    ((allowed, user),) = query(
        connection, "SELECT rolsuper OR rolcreatedb, rolname FROM pg_roles WHERE rolname = current_user"
    )
    if not allowed:
        raise ConfigError(
            f"{user} may not create databases on {server.host}:{server.port}, so no scratch database can be created"
            f" there. As a superuser: ALTER ROLE {user} CREATEDB.",
            code="no_rights",
        )


def refuse_without_room(connection: Any, size: int, volume: int) -> None:
    """Raise ConfigError where all databases of a server and a copy of ``size`` bytes would leave less than
    a fifth of its volume free.
    """
    ((used,),) = query(
        connection,
        "SELECT sum(pg_database_size(oid))::bigint FROM pg_database WHERE has_database_privilege(oid, 'CONNECT')",
    )
    if used + size > volume * (1 - FREE):
        raise ConfigError(
            f"A scratch copy of {size} bytes would leave too little room on the live database's own server: its"
            f" databases have {used} bytes, and same_server_volume is {volume}, of which a fifth has to stay free. Set"
            " scratch_url to another server.",
            code="no_room",
        )
