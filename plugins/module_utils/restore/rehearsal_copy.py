# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy for a rehearsal, where none was given: a restored backup, or the schema without rows. It is dropped at the
end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from typing import Any

from ..backup.archive import Archive, choose
from ..backup.manifest import Manifest, folder
from ..backup.request import read_identity
from ..core.amounts import number
from ..core.errors import ConfigError
from ..core.wait import nothing
from ..migrations import history
from ..postgres.connection import Database, connect, query
from ..postgres.database_locale import locale_like
from ..postgres.programs import Tool, find_tool, libpq_access
from ..store.base import Permit, Store
from ..store.open import open_store
from . import proof as trial
from .load import fit_for_trial, load
from .program import run_program
from .rights import withheld
from .scratch_database import ScratchServer, find_scratch_server, scratch

# One statement each: a session that can be interrupted has no COPY.
HISTORY = "SELECT coalesce(json_agg(m), '[]')::text FROM _prisma_migrations m"
WRITE_HISTORY = (
    "INSERT INTO _prisma_migrations SELECT * FROM json_populate_recordset(NULL::_prisma_migrations, %s::json)"
)

Beat = Callable[[], None]
Planned = tuple[AbstractContextManager[tuple[Database, dict[str, Any]]], str, dict[str, Any]]


def fresh(
    store: Store, name: str, prefix: str, database: str, state: history.State, *, warn: Callable[[str], None] = nothing
) -> Manifest:
    """Return the manifest of a backup that has the migrations which production has. Raises ConfigError."""
    manifest = choose(store, name, prefix, database, warn)
    had = manifest.get("migrations") or {"count": 0, "last": None}
    if (had["count"], had["last"]) != (len(state.applied), state.applied[-1] if state.applied else None):
        raise ConfigError(
            f"The backup {manifest['name']} has {number(had['count'], 'migration')}, the last one {had['last']}, and"
            f" production has {len(state.applied)}, the last one {state.applied[-1] if state.applied else None}: what"
            " would be rehearsed on it is not what is pending. Make a new backup.",
            code="scratch_differs",
        )
    return manifest


@contextmanager
def of_backup(
    store: Store, of: tuple[Manifest, ScratchServer, dict[str, Any]], schema: str, options: Mapping[str, Any]
) -> Iterator[tuple[Database, dict[str, Any]]]:
    """Give (database, {proof, leftovers}). The backup was restored for this, so the proof of it is kept too."""
    with trial.restored(store, *of, **options) as tried:
        trial.keep(store, tried, options["prefix"], options["heartbeat"])
        yield replace(tried.database, schema=schema), {"proof": tried.proof, "leftovers": tried.leftovers}


@contextmanager
def of_schema(
    production: Database,
    tool: Tool,
    place: ScratchServer,
    postgres_bin: str | None,
    *,
    heartbeat: Beat,
    warn: Callable[[str], None],
) -> Iterator[tuple[Database, dict[str, Any]]]:
    """Give (database, {leftovers}): no rows but those of _prisma_migrations, and the locale of production
    where the server has it.
    """
    lacks: list[str] = []
    with tempfile.TemporaryFile() as file, libpq_access(production) as access:
        argv = [
            tool.path,
            "--format=custom",
            "--schema-only",
            "--no-publications",
            "--no-subscriptions",
            "--no-password",
        ]
        run_program(
            argv, heartbeat, {**access, "stdout": file}, f"pg_dump of {production.describe()}", [production.password]
        )
        file.seek(0)
        manifest = {
            "name": f"schema of {production.name}",
            "server_version": tool.version,
            "pg_dump_version": tool.version,
        }
        archive = Archive(manifest, f"/dev/fd/{file.fileno()}", (file.fileno(),))
        with closing(connect(place.server, heartbeat=heartbeat)) as connection:
            loader, reasons = fit_for_trial(connection, archive, postgres_bin, heartbeat)
            with closing(connect(place.tried_in(), heartbeat=heartbeat)) as inside:
                reasons += withheld(inside, connection, archive)
        with closing(connect(production, heartbeat=heartbeat)) as source:
            locale = locale_like(source, production.name)
        file.seek(0)
        made = scratch(place, production.name, heartbeat, locale, lacks)
        with made as (database, leftovers):  # pylint: disable=contextmanager-generator-missing-cleanup
            for lack in lacks:
                warn(f"The rehearsal does not show {lack}: the copy has the locale C.")
            load(archive, loader, database, jobs=1, heartbeat=heartbeat, ownership=not reasons)
            copy = replace(database, schema=production.schema)
            with (
                closing(connect(production, heartbeat=heartbeat)) as source,
                closing(connect(copy, heartbeat=heartbeat)) as target,
            ):
                if query(source, "SELECT to_regclass('_prisma_migrations')") != [(None,)]:
                    query(target, WRITE_HISTORY, query(source, HISTORY)[0])
            yield copy, {"leftovers": leftovers}


def planned(
    params: Mapping[str, Any],
    production: Database,
    connection: Any,
    state: history.State,
    *,
    held: ExitStack,
    heartbeat: Beat,
    warn: Callable[[str], None],
    permit: Permit | None,
) -> Planned:
    """Return (what makes the copy that the options of prisma_rehearse ask for, where that will be, what is
    known of its proof). Raises ConfigError.
    """
    tools, prefix = params["postgres_bin"], folder(params["prefix"])
    if params["copy"] == "schema":
        ((version,),) = query(connection, "SELECT split_part(current_setting('server_version'), ' ', 1)")
        place = find_scratch_server(params, production, size=0, version=version, held=held, heartbeat=heartbeat)
        dump = find_tool("pg_dump", int(version.split(".")[0]), tools)
        return of_schema(production, dump, place, tools, heartbeat=heartbeat, warn=warn), place.server.describe(), {}
    trial.refuse_jobs(params["jobs"])
    if not params["store"]:
        raise ConfigError("copy is backup, and store is not set. Set it to the store with the backups.")
    store = held.enter_context(closing(open_store(params, permit)))
    manifest = fresh(store, params["backup"], prefix, production.name, state, warn=warn)
    place = find_scratch_server(
        params,
        production,
        size=manifest.get("database_size"),
        version=manifest.get("server_version"),
        held=held,
        heartbeat=heartbeat,
    )
    proof = trial.announced(manifest, place)
    options = {
        "prefix": prefix,
        "identity": read_identity(params),
        "jobs": params["jobs"],
        "postgres_bin": tools,
        "heartbeat": heartbeat,
    }
    return (
        of_backup(store, (manifest, place, proof), production.schema, options),
        place.server.describe(),
        {"proof": proof},
    )
