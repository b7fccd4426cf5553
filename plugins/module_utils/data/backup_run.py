# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One backup from its first object to its manifest."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import age, postgres_globals
from .backup import Progress, Target, checksum, dump_folder, dump_stream
from .backup_catalogue import Leftover, Manifest, write_manifest
from .backup_reader import GLOBALS, OpenBackup
from .backup_shape import Shape
from .backup_verify import decode
from .postgres import Database, connect
from .postgres_tools import Tool
from .store import Store

SCRATCH = "storefront-backup-"


def make(
    database: Database,
    store: Store,
    facts: Manifest,
    *,
    prefix: str,
    shape: Shape,
    tools: Mapping[str, Tool],
    leftovers: list[Leftover],
    identity: str | None,
    beat: Any,
    progress: Progress,
) -> Manifest:
    """Make the backup that ``facts`` describe, verify it by ``facts["verified"]``, and return its manifest, which is written last."""
    began = datetime.now(UTC)
    for left in leftovers:
        left.remove(store)
    recipients = age.parse_recipients(facts["recipients"]) if facts["recipients"] else []
    target = Target(store, f"{prefix}{facts['name']}/", shape.level, recipients, beat, progress)
    with tempfile.TemporaryDirectory(dir=shape.scratch, prefix=SCRATCH) as scratch:
        if shape.format == "directory":
            objects = dump_folder(database, tools["pg_dump"], target, shape.jobs, Path(scratch))
        else:
            objects = dump_stream(database, tools["pg_dump"], target, facts["database_size"] // 4)  # no indexes, and zstd halves the rest at least
    with closing(connect(database)) as connection:
        objects.append(target.put(GLOBALS, [json.dumps(postgres_globals.collect(connection)).encode()], beat))
    dumped = datetime.now(UTC)
    raw_size = sum(item["raw_size"] for item in objects)
    manifest = {
        **facts,
        "size": sum(item["size"] for item in objects),
        "raw_size": raw_size,
        "sha256": checksum(objects),
        "objects": objects,
        "bytes_per_second": round(raw_size / max((dumped - began).total_seconds(), 0.001)),
    }
    made = OpenBackup(store, manifest, prefix, age.parse_identity(identity) if identity and recipients else [], beat)
    if facts["verified"] != "none":
        made.verify()
    if facts["verified"] == "decode":
        with tempfile.TemporaryDirectory(dir=shape.scratch, prefix=SCRATCH) as scratch:
            decode(made, tools["pg_restore"], Path(scratch))
    finished = datetime.now(UTC)
    manifest |= {
        "finished_at": finished.isoformat(timespec="seconds"),
        "duration": round((finished - datetime.fromisoformat(facts["started_at"])).total_seconds(), 3),
    }
    beat()
    write_manifest(store, manifest, prefix)
    return manifest
