# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the database is that the shop moves to: beside the live one, in an empty one that was named, or in one that
somebody else restored.

What was done is read from the databases alone. A note on the new one says loading, verified, serving or undone; the one
that was left is fenced.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ..backup.archive import Archive
from ..core.errors import ConfigError, RunbookError
from ..postgres import databases
from ..postgres.connection import Database, connect
from ..postgres.databases import DatabaseRow, beside
from ..postgres.programs import Tool
from ..postgres.row_diff import Losses
from . import load as restore
from . import replace_live, url_swap, verify
from .replace_live import Site
from .scope import fits_one_transaction


@dataclass
class RestoreTarget:
    """``target`` was named, else the new database is made on the live one's server. A database to ``adopt`` is only
    checked.
    """

    site: Site
    target: Database | None
    adopt: bool
    heartbeat: Callable[[], None]

    def find_restored(self, sha256: str | None) -> DatabaseRow | None:
        """Return the database that holds this backup, or is adopted. Raises ConfigError for one that is not fit to."""
        if not self.target:
            return self.site.staged(sha256) if sha256 else None
        with closing(connect(self.target, heartbeat=self.heartbeat)) as connection:
            entry = self._entry(connection)
            known = sha256 is not None and entry.note.get("sha256") == sha256 and entry.note.get("state") != "undone"
            url_swap.refuse_unfit_target(self.site.live, connection, adopt=self.adopt, known=known)
        ready = self.adopt or (known and entry.note.get("state") in ("verified", "serving"))
        return entry if ready else None

    def serving(self) -> DatabaseRow | None:
        """Return the database that the shop has moved to, None when it has not."""
        if not url_swap.is_left(self.site.admin, self.site.live.name):
            return None
        if not self.target:
            return next(
                (entry for entry in self.site.of_kind("restored") if entry.note.get("state") == "serving"), None
            )
        with closing(connect(self.target, heartbeat=self.heartbeat)) as connection:
            return self._entry(connection)

    def database(self, entry: DatabaseRow) -> Database:
        return self.target or beside(self.site.live, entry.name)

    def load(
        self, archive: Archive, tool: Tool, note: dict[str, Any], *, name: str, jobs: int, ownership: bool
    ) -> tuple[DatabaseRow, dict[str, Any]]:
        """Restore into the new database and return (it, what was verified)."""
        if not self.target:
            return replace_live.stage(self.site, archive, tool, note, name=name, jobs=jobs, ownership=ownership)
        with closing(connect(self.target, heartbeat=self.heartbeat)) as connection:
            whole, left = fits_one_transaction(connection, archive), self._entry(connection).note
            loaded = left.get("state") == "loading" and not url_swap.is_empty(connection)  # a run was killed
            if loaded and not left.get("whole", True):
                raise ConfigError(
                    f"{self.target.name} holds a part of a restore that was killed. Drop that database and"
                    " create it again, then rerun the playbook.",
                    code="half_loaded",
                )
            if not loaded and (left.get("state"), left.get("whole", True)) != ("loading", whole):
                databases.mark(connection, self.target.name, state="loading", whole=whole, **note)
        # one transaction, so that there is all of it or nothing; unless the server has no room for its locks
        if not loaded:
            restore.load(
                archive, tool, self.target, jobs=None if whole else 1, heartbeat=self.heartbeat, ownership=ownership
            )
        found = verify.verify(self.target, archive.manifest, self.heartbeat)
        with closing(connect(self.target, heartbeat=self.heartbeat)) as connection:
            databases.mark(connection, self.target.name, state="verified", verified=found, **note)
            return self._entry(connection), found

    def go(
        self, entry: DatabaseRow, note: dict[str, Any], *, keep: timedelta, lock_timeout: float
    ) -> tuple[DatabaseRow, Losses, dict[str, Any]]:
        """Leave the live database for ``entry`` and return (it, under the name that it serves by; what is
        lost; {held_seconds, kept_until}).
        """
        now = datetime.now(UTC)
        if entry.kind == "incoming":
            name = databases.label(self.site.live.name, "restored", now)
            databases.rename(self.site.admin, entry.name, name)
            entry = replace(entry, name=name)
        lost, held = url_swap.leave(self.site.live, self.database(entry), self.heartbeat, lock_timeout)
        return entry, lost, {"held_seconds": held, "kept_until": self._mark(entry, "serving", now + keep, note)}

    def go_back(self, entry: DatabaseRow, *, keep: timedelta, lock_timeout: float) -> tuple[Losses, dict[str, Any]]:
        """Leave ``entry`` for the database from before."""
        lost, held = url_swap.leave(self.database(entry), self.site.live, self.heartbeat, lock_timeout)
        known = {key: entry.note.get(key) for key in ("backup", "sha256")}
        return lost, {"held_seconds": held, "kept_until": self._mark(entry, "undone", datetime.now(UTC) + keep, known)}

    def _mark(self, entry: DatabaseRow, state: str, until: datetime, note: dict[str, Any]) -> str:
        notes = {"of": self.site.live.name, "state": state, "kept_until": until.isoformat(timespec="seconds"), **note}
        if not self.target:
            databases.mark(self.site.admin, entry.name, kind="restored", **notes)
            return notes["kept_until"]
        with (
            closing(connect(self.target, heartbeat=self.heartbeat)) as connection,
            suppress(*([RunbookError] if self.adopt else [])),
        ):
            # which takes its ownership, and an adopted one may be somebody else's
            databases.mark(connection, self.target.name, **notes)
        return notes["kept_until"]

    def _entry(self, connection: Any) -> DatabaseRow:
        if self.target is None:
            raise AssertionError("only another address has an entry of its own")
        entry, _related = databases.family(connection, self.target.name)
        if entry is None:
            raise ConfigError(
                f"There is no database {self.target.name} at target_url under this name: a pooler may be in front of"
                " it.",
                code="no_database",
            )
        return entry
