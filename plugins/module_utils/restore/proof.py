# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup restored into a scratch database: what came of it is its proof, and while the database lasts a
migration can be rehearsed on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..backup.archive import fetch, keep_proof
from ..backup.manifest import Manifest
from ..backup.reader import open_backup
from ..core.errors import ConfigError
from ..postgres.connection import Database, connect, query
from ..postgres.database_locale import locale_of
from ..store.base import Store
from . import load, rights, verify
from .scratch_database import ScratchServer, scratch

UNKNOWN = ("at", "recovery_seconds", "seconds", "tables", "rows", "compared", "constraints", "not_validated")


@dataclass(frozen=True)
class Trial:
    """``database`` is the restored one, ``leftovers`` are the scratch databases of killed runs that were
    dropped first.
    """

    database: Database
    leftovers: list[str]
    proof: dict[str, Any]
    at: datetime


def announced(manifest: Manifest, place: ScratchServer) -> dict[str, Any]:
    """Return what a proof will say as far as it is known before; asks the server of ``place``. Raises
    Unreachable and ConfigError.
    """
    with closing(connect(place.server)) as connection:
        ((version,),) = query(connection, "SELECT split_part(current_setting('server_version'), ' ', 1)")
    return {
        "backup": manifest["name"],
        "level": "restore",
        "sha256": manifest["sha256"],
        "server_version": version,
        "separate_server": place.is_separate,
        "unproven": [],
        **dict.fromkeys(UNKNOWN),
    }


@contextmanager
def restored(
    store: Store,
    manifest: Manifest,
    place: ScratchServer,
    proof: dict[str, Any],
    *,
    prefix: str,
    identity: str | None,
    jobs: int,
    postgres_bin: str | None,
    heartbeat: Callable[[], None],
) -> Iterator[Trial]:
    """Give a backup as a database that is dropped at the end; ``proof`` is what ``announced`` returned."""
    began = time.monotonic()
    with ExitStack() as stack:
        with closing(connect(place.server, heartbeat=heartbeat)) as connection:
            frozen = load.loads_frozen(connection, manifest, postgres_bin, jobs)
        archive = stack.enter_context(fetch(store, manifest["name"], prefix, identity, heartbeat, frozen=frozen))
        fetched = time.monotonic()
        with closing(connect(place.server, heartbeat=heartbeat)) as connection:
            tool, reasons = load.fit_for_trial(connection, archive, postgres_bin, heartbeat)
            with closing(connect(place.tried_in(), heartbeat=heartbeat)) as inside:
                reasons += rights.withheld(inside, connection, archive)
        with open_backup(store, manifest["name"], identity, prefix=prefix, heartbeat=heartbeat) as opened:
            locale = locale_of(opened.read_globals()) if place.is_separate else None
        unproven = load.without_ownership(reasons)
        name = manifest.get("database") or manifest["name"]
        with scratch(place, name, heartbeat, locale, unproven) as made:  # pylint: disable=contextmanager-generator-missing-cleanup
            database, leftovers = made
            loading = time.monotonic()
            load.load(archive, tool, database, jobs=jobs, heartbeat=heartbeat, ownership=not reasons)
            loaded = time.monotonic()
            found = verify.verify(database, manifest, heartbeat)
            done, now = time.monotonic(), datetime.now(UTC)
            parts = {
                "fetch": fetched - began,
                "load": loaded - loading,
                "analyze": found.pop("analyze_seconds"),
                "verify": found.pop("verify_seconds"),
            }
            times = {
                "at": now.isoformat(timespec="seconds"),
                "unproven": unproven,
                "recovery_seconds": round(done - began, 3),
                "seconds": {part: round(seconds, 3) for part, seconds in parts.items()},
            }
            yield Trial(database, leftovers, {**proof, **found, **times}, now)


def keep(store: Store, trial: Trial, prefix: str, heartbeat: Callable[[], None]) -> None:
    """Write the proof beside the backup's manifest."""
    heartbeat()
    keep_proof(store, trial.proof, prefix, trial.at)


def refuse_jobs(jobs: int) -> None:
    if jobs < 1:
        raise ConfigError(f"jobs is {jobs}. Give 1 or more.")
