# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backups of a store with their age, their state and what was proven of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.errors import ConfigError
from ..store.base import Store
from .manifest import LEVELS, PREFIX, Catalogue, Leftover, Manifest, read_catalogue, read_manifest, read_proof

FIELDS = (
    "name",
    "location",
    "database",
    "release",
    "format",
    "encryption",
    "recipients",
    "size",
    "database_size",
    "server_version",
    "migrations",
)


@dataclass(frozen=True)
class Backup:
    """``damage`` says what is missing of it, ``proof`` what was proven since it was made."""

    manifest: Manifest
    damage: str | None
    proof: dict[str, Any] | None

    @property
    def name(self) -> str:
        return self.manifest["name"]

    @property
    def finished(self) -> datetime:
        return datetime.fromisoformat(self.manifest["finished_at"])

    def describe(self, now: datetime) -> dict[str, Any]:
        """Return what an operator wants to know of it; ``age`` and ``recovery_seconds`` in seconds."""
        proof = self.proof or {}
        level = max(self.manifest["verified"], proof.get("level", "none"), key=LEVELS.index)
        return {
            **{field: self.manifest.get(field) for field in FIELDS},
            "finished_at": self.manifest["finished_at"],
            "age": round((now - self.finished).total_seconds()),
            "proof": level,
            "proven_at": (
                proof.get("at")
                if level == proof.get("level")
                else self.manifest["finished_at"]
                if level != "none"
                else None
            ),
            "recovery_seconds": proof.get("duration"),
            "damage": self.damage,
        }


@dataclass(frozen=True)
class Listing:
    """``backups`` are sorted from the newest; ``unreadable`` maps names to what is wrong with their
    manifests. ``warnings`` has that, and bad proofs.
    """

    backups: list[Backup]
    unreadable: dict[str, str]
    warnings: list[str]
    catalogue: Catalogue


def read_manifests(store: Store, catalogue: Catalogue, prefix: str) -> tuple[list[Manifest], dict[str, str]]:
    """Return the manifests that can be read, and name → what is wrong with each of the others."""
    manifests, unreadable = [], dict[str, str]()
    for name, size in catalogue.names.items():
        try:
            manifests.append(read_manifest(store, name, prefix, size))
        except ConfigError as error:
            unreadable[name] = str(error)
    return manifests, unreadable


def list_backups(store: Store, prefix: str = PREFIX, database: str | None = None) -> Listing:
    """Return the backups, those of one database when it is named."""
    catalogue = read_catalogue(store, prefix)
    manifests, unreadable = read_manifests(store, catalogue, prefix)
    backups, warnings = [], list(unreadable.values())
    for manifest in manifests:
        if not database or manifest["database"] == database:
            name = manifest["name"]
            proof = (
                read_proof(store, name, prefix, warnings.append)
                if "proof.json" in catalogue.files.get(name, {})
                else None
            )
            of_this = proof and proof.get("sha256") in (None, manifest["sha256"])
            backups.append(Backup(manifest, catalogue.damage(name, manifest), proof if of_this else None))
    return Listing(
        sorted(backups, key=lambda backup: (backup.finished, backup.name), reverse=True),
        unreadable,
        warnings,
        catalogue,
    )


def describe_leftover(left: Leftover, now: datetime) -> dict[str, Any]:
    return {
        "name": left.name,
        "key": left.key,
        "since": left.since.isoformat(timespec="seconds"),
        "age": round((now - left.since).total_seconds()),
        "size": left.size,
        "unfinished": left.upload is not None,
    }


def newest(backups: Sequence[Backup]) -> Backup | None:
    """Return the first of which nothing is missing."""
    return next((backup for backup in backups if not backup.damage), None)
