# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One backup from its first object to its manifest."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..core.process import is_alive, started
from ..migrations import history
from ..postgres.connection import Database, query
from ..postgres.programs import Tool
from ..store.base import Store
from . import encryption
from .dump import Progress, Target, checksum, dump_folder, dump_stream
from .manifest import SCHEMA, Leftover, Manifest, write_manifest
from .not_carried import not_carried, refuse_undumpable
from .reader import GLOBALS, OpenBackup
from .request import Shape
from .row_counts import counting, snapshot
from .verify import decode

SCRATCH = "storefront-backup-"  # and whose it is: the process's number and when it started


@dataclass(frozen=True)
class Server:
    """What is known of the database before it is dumped.

    ``size`` is in bytes, ``migrations`` are as the manifest has them, ``not_carried`` is what the backup will leave
    out.
    """

    version: str
    size: int
    migrations: dict[str, Any]
    not_carried: dict[str, list[str]]

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


def inspect_server(connection: Any, database: Database) -> Server:
    """Ask the server. Raises RunbookError and ConfigError."""
    ((version, size),) = query(
        connection, "SELECT current_setting('server_version'), pg_database_size(current_database())"
    )
    refuse_undumpable(connection, database)
    left_out = not_carried(connection)
    applied = history.inspect(connection, []).applied
    return Server(
        version.split(" ")[0], size, {"count": len(applied), "last": applied[-1] if applied else None}, left_out
    )


def describe(database: Database, server: Server, shape: Shape, recipients: list[str]) -> Manifest:
    """Return what a manifest says of the database and of the dump's shape."""
    return {
        "schema": SCHEMA,
        "database": database.name,
        "format": shape.format,
        "jobs": shape.jobs,
        "level": shape.level,
        "encryption": "age" if recipients else "off",
        "recipients": recipients,
        "database_size": server.size,
        "server_version": server.version,
        "migrations": server.migrations,
        "not_carried": server.not_carried,
    }


def make(
    connection: Any,
    database: Database,
    store: Store,
    facts: Manifest,
    *,
    prefix: str,
    shape: Shape,
    tools: Mapping[str, Tool],
    leftovers: list[Leftover],
    identity: str | None,
    count_limit: int,
    heartbeat: Any,
    progress: Progress,
) -> Manifest:
    """Create the backup that ``facts`` describe, verify it by ``facts["verified"]``, and return its manifest, which is
    written last.

    ``connection`` leads to the database. It gives the snapshot and is closed once that is dumped.
    """
    began = datetime.now(UTC)
    for left in leftovers:
        left.remove(store)
    sweep(shape.scratch)
    recipients = encryption.parse_recipients(facts["recipients"]) if facts["recipients"] else []
    target = Target(store, f"{prefix}{facts['name']}/", shape.level, recipients, heartbeat, progress)
    with scratch_folder(shape) as scratch:
        with snapshot(connection, count_limit, heartbeat) as seen, counting(seen, heartbeat) as counter:
            dumping = replace(target, heartbeat=counter.heartbeat)
            if shape.format == "directory":
                objects = dump_folder(
                    database, tools["pg_dump"], dumping, seen.scope(), jobs=shape.jobs, scratch=scratch
                )
            else:  # about a quarter: no indexes, and zstd halves the rest at least
                objects = dump_stream(database, tools["pg_dump"], dumping, seen.scope(), facts["database_size"] // 4)
            counted, found = counter.result()
        objects.append(target.put(GLOBALS, [json.dumps(found).encode()], heartbeat))
        dumped = datetime.now(UTC)
        raw_size = sum(item["raw_size"] for item in objects)
        manifest = {
            **facts,
            **counted,
            "size": sum(item["size"] for item in objects),
            "raw_size": raw_size,
            "sha256": checksum(objects),
            "objects": objects,
            "bytes_per_second": round(raw_size / max((dumped - began).total_seconds(), 0.001)),
        }
        made = OpenBackup(
            store, manifest, prefix, encryption.parse_identity(identity) if identity and recipients else [], heartbeat
        )
        if facts["verified"] == "checksum":
            made.verify()
        elif facts["verified"] == "decode":  # which checks the checksums too
            decode(made, tools["pg_restore"], scratch)
    finished = datetime.now(UTC)
    manifest |= {
        "finished_at": finished.isoformat(timespec="seconds"),
        "duration": round((finished - datetime.fromisoformat(facts["started_at"])).total_seconds(), 3),
    }
    heartbeat()
    write_manifest(store, manifest, prefix)
    return manifest


@contextmanager
def scratch_folder(shape: Shape) -> Iterator[Path]:
    """Give a folder for this user only, for data in the clear, which is gone afterwards. Where this process is killed,
    ``sweep`` removes it.

    A stream needs none, so it gets the parent, and nothing is written there.
    """
    if shape.format == "custom":
        yield shape.scratch
        return
    try:
        made = tempfile.TemporaryDirectory(dir=shape.scratch, prefix=f"{SCRATCH}{os.getpid()}-{started(os.getpid())}-")
    except OSError as error:
        raise ConfigError(
            f"Nothing can be written to {shape.scratch}: {error.strerror}. Name another folder as scratch_dir.",
            code="no_room",
        ) from None
    with made as folder:
        yield Path(folder)


def sweep(parent: Path) -> None:
    """Remove the scratch folders of processes that are no more."""
    for folder in parent.glob(f"{SCRATCH}*"):
        owner = re.match(rf"{SCRATCH}(\d+)-(\d+)-", folder.name)
        if owner and not is_alive(int(owner[1]), int(owner[2])):
            shutil.rmtree(folder, ignore_errors=True)  # another user's stays
