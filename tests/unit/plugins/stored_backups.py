# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups as manifests and objects in a folder, without a database that they were made of."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

CONTENT = b"the whole shop"


class StoredBackups:
    """What pg_backup would have left in ``<root>/backups``."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "backups"

    def add(self, name: str, *, days_ago: float = 0, proof: dict[str, Any] | None = None, **fields: Any) -> None:
        at = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat(timespec="seconds")
        item = {
            "source": "dump",
            "file": "dump.zst",
            "size": len(CONTENT),
            "raw_size": 99,
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
        }
        manifest = {
            "schema": 1,
            "name": name,
            "database": "shop",
            "release": "v1.0.0",
            "format": "custom",
            "encryption": "off",
            "recipients": [],
            "size": len(CONTENT),
            "raw_size": 99,
            "database_size": 4000,
            "server_version": "15.20",
            "migrations": {"count": 0, "last": None},
            "sha256": "0" * 64,
            "verified": "checksum",
            "finished_at": at,
            "objects": [item],
            **fields,
        }
        self.write(f"{name}/dump.zst", CONTENT)
        self.write(f"{name}.json", json.dumps(manifest).encode())
        if proof:
            self.write(f"{name}/proof.json", json.dumps(proof).encode())

    def write(self, file: str, content: bytes, *, days_ago: float = 0) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        at = (datetime.now(UTC) - timedelta(days=days_ago)).timestamp()
        os.utime(path, (at, at))

    def files(self) -> list[str]:
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
