# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The live database replaced by a restored one: staged beside it, verified, compared, swapped in, and swapped back.

What was done is read from the server alone. A database name@incoming-… is being loaded, and is used once its note says
verified; name@before-… was live until a restore, name@undone-… was restored until that was undone, and their notes
name the database that took their place, by its oid.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..backup.archive import Archive
from ..core.errors import ConfigError, RunbookError
from ..postgres import databases
from ..postgres.connection import Database, connect, query
from ..postgres.databases import DatabaseRow, beside
from ..postgres.drop_database import drop
from ..postgres.programs import Tool
from ..postgres.row_diff import Losses, differences, hold_writes, open_side
from . import load, rename_swap, url_swap, verify


@dataclass
class Site:
    """The live database, ``present``, what this collection made of it, and ``server``, another database of
    its server, with a connection to it.
    """

    live: Database
    server: Database
    admin: Any
    present: DatabaseRow
    related: list[DatabaseRow]
    heartbeat: Callable[[], None]

    def of_kind(self, *kinds: str) -> list[DatabaseRow]:
        return [entry for entry in self.related if entry.kind in kinds]

    def replaced_by_present(self, *kinds: str) -> list[DatabaseRow]:
        """What was live before, the newest first, when the present database took its place."""
        return [entry for entry in self.of_kind(*kinds) if entry.note.get("live") == self.present.oid]

    def staged(self, sha256: str) -> DatabaseRow | None:
        """Return the database that holds this backup, restored and verified."""
        entries = [
            entry
            for entry in self.of_kind("incoming", "restored")
            if entry.note.get("state") in ("verified", "serving")
        ]
        return next((entry for entry in entries if entry.note.get("sha256") == sha256), None)


def inspect_server(live: Database, maintenance: str, heartbeat: Callable[[], None], held: ExitStack) -> Site:
    """Find out what there is. Raises ConfigError when it cannot be read."""
    if live.name == maintenance:
        raise ConfigError(
            f"maintenance_database is {maintenance}, the live one, and no session may be connected to it. Name another"
            " database.",
            code="bad_option",
        )
    server = beside(live, maintenance)
    admin = held.enter_context(closing(connect(server, heartbeat=heartbeat)))
    query(admin, "SET statement_timeout = 0")
    present, related = databases.family(admin, live.name)
    if not present:
        raise ConfigError(
            f"There is no database {live.name} on this server any more. Correct database_url.", code="no_database"
        )
    return Site(live, server, admin, present, related, heartbeat)


def choose_swap(site: Site, wanted: str, *, elsewhere: bool, undo: bool) -> tuple[str, str | None]:
    """Return (``rename`` or ``url``, why it is url). ``wanted`` may be ``auto``; ``elsewhere`` says that
    another database was named. Raises ConfigError.
    """
    if elsewhere or wanted == "url":
        return "url", "target_url names another database" if elsewhere else "it was asked for"
    left = url_swap.is_left(site.admin, site.live.name)
    back = any(
        entry.note.get("state") == "undone" for entry in site.of_kind("restored")
    ) and not site.replaced_by_present("before")
    if wanted == "auto" and (left or (undo and back)):
        return "url", f"{site.live.name} was left that way"
    if left:
        raise url_swap.already_left(site.live.name)
    user, lacks = rename_swap.lacking(site.admin, site.live)
    if lacks and wanted == "auto" and rename_swap.creates(site.admin):
        return "url", f"{user} lacks {'; and '.join(lacks)}"
    rename_swap.refuse_without_rights(site.admin, site.live)
    return "rename", None


def begin(site: Site) -> None:
    """Let nobody else restore this database, and open it where a crash of its server left it shut. Raises
    ConfigError.
    """
    if not databases.reserve_soon(site.admin, f"restore {site.live.name}"):
        raise ConfigError(
            f"Another run restores {site.live.name} at this time. Wait for its end, then run the play again.",
            code="busy",
        )
    if not site.present.open:
        rename_swap.reopen(site.admin, site.live.name)


def stage(
    site: Site, archive: Archive, tool: Tool, note: dict[str, Any], *, name: str, jobs: int, ownership: bool = True
) -> tuple[DatabaseRow, dict[str, Any]]:
    """Restore an archive beside the live database and return (it, what was verified). It is dropped when
    that fails, and what killed runs left always.
    """
    for left in site.of_kind("incoming"):
        drop(site.admin, site.server, left.name)
    target, began = beside(site.live, name), time.monotonic()
    try:
        databases.create(site.admin, name, like=site.live.name)
        load.load(archive, tool, target, jobs=jobs, heartbeat=site.heartbeat, ownership=ownership)
        loaded = round(time.monotonic() - began, 3)
        found = {**verify.verify(target, archive.manifest, site.heartbeat), "load_seconds": loaded}
        databases.mark(site.admin, name, kind="incoming", of=site.live.name, state="verified", verified=found, **note)
    except BaseException:
        _drop(site, name)
        raise
    _present, site.related = databases.family(site.admin, site.live.name)
    return next(entry for entry in site.related if entry.name == name), found


def _drop(site: Site, name: str) -> None:
    """Drop a database also when the lease or the connection is lost: nothing is served from it."""
    if site.admin.closed:
        with closing(connect(site.server)) as again:
            drop(again, site.server, name)
        return
    site.admin.heartbeat = lambda: None
    drop(site.admin, site.server, name)


def compare(site: Site, other: DatabaseRow) -> Losses:
    """Return what the live database holds that ``other`` does not, while both are in use."""
    with (
        closing(open_side(site.live, site.heartbeat)) as here,
        closing(open_side(beside(site.live, other.name), site.heartbeat)) as there,
    ):
        return differences(here, there)


def put_in_place(
    site: Site, successor: DatabaseRow, note: dict[str, Any], *, kind: str, keep: timedelta, lock_timeout: float
) -> tuple[str, Losses, dict[str, Any]]:
    """Swap ``successor`` in and return (the predecessor's name, what was lost by it, {held_seconds, shut_seconds}).

    Writers wait from before the last count until their sessions are ended, so that no write comes in between.
    """
    now = datetime.now(UTC)
    name = databases.label(site.live.name, kind, now)
    with closing(open_side(site.live, site.heartbeat)) as here:
        held = time.monotonic()
        hold_writes(here, lock_timeout)
        with closing(open_side(beside(site.live, successor.name), site.heartbeat)) as there:
            lost = differences(here, there)
        site.heartbeat()
        shut = time.monotonic()
        until = (now + keep).isoformat(timespec="seconds")
        kept = {
            "kind": kind,
            "of": site.live.name,
            "live": successor.oid,
            "swapped_at": now.isoformat(timespec="seconds"),
            "kept_until": until,
            **note,
        }
        rename_swap.exchange(site.admin, site.present, successor, name, note=kept, last=[here.info.backend_pid])
        done = time.monotonic()
    present, site.related = databases.family(site.admin, site.live.name)
    if present is None or present.oid != successor.oid or not present.open:
        raise RunbookError(
            f"{site.live.name} is not the restored database: another session is renaming databases, too. Check the"
            " sessions on the server."
        )
    site.present = present
    with closing(connect(site.live, heartbeat=site.heartbeat)) as served:
        query(served, "SELECT 1")
    return name, lost, {"held_seconds": round(done - held, 3), "shut_seconds": round(done - shut, 3)}


def expired(site: Site, now: datetime) -> list[DatabaseRow]:
    """Return what is past its time, and every staged database."""
    old = [entry for entry in site.of_kind("before", "undone") if _until(entry) <= now]
    old += [entry for entry in site.of_kind("restored") if entry.note.get("state") == "undone" and _until(entry) <= now]
    return [*old, *site.of_kind("incoming")]


def _until(entry: DatabaseRow) -> datetime:
    try:
        return datetime.fromisoformat(entry.note["kept_until"])
    except (KeyError, ValueError):  # nothing says that it may go
        return datetime.max.replace(tzinfo=UTC)


def undoable(site: Site, now: datetime) -> DatabaseRow | None:
    """Return the database that can be put back, None when that was done already. Raises ConfigError when
    there is none.
    """
    kept = site.replaced_by_present("before")
    if kept and _until(kept[0]) > now:
        return kept[0]
    if site.replaced_by_present("undone"):
        return None
    late = f" {kept[0].name} was kept until {kept[0].note.get('kept_until')}." if kept else ""
    raise ConfigError(
        f"There is nothing to undo: no earlier database of a restore of {site.live.name} is still kept.{late}",
        code="nothing_to_undo",
    )
