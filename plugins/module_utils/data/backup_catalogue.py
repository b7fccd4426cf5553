# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups a store holds, going by their manifests, and what lies there besides.

A backup NAME is its objects below ``NAME/`` and its manifest ``NAME.json``, which is written last and removed first: what has no manifest is no backup,
whenever its writer or its remover was killed. A proof, ``NAME/proof.json``, is written later by whoever restored it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.errors import ConfigError, RunbookError
from . import stream
from .store import Conflict, Entry, Store

PREFIX = "backups/"
MANIFEST, PROOF = ".json", "/proof.json"
SCHEMA = 1
FORMATS = ("custom", "directory")
NAME = re.compile(r"\w[\w.-]*", re.ASCII)
FILE = re.compile(r"\w[\w.-]*", re.ASCII)  # below a backup's name; nothing that could leave a folder
FIELDS = frozenset({"database", "release", "encryption", "recipients", "size", "raw_size", "sha256", "database_size", "server_version", "migrations"})
LEVELS = ("none", "checksum", "decode", "restore")  # of proof, from the weakest

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Leftover:
    """What a run that failed or was killed left, or what another is about to write: of the backup ``name``, since then. ``upload`` was not completed."""

    name: str
    key: str
    since: datetime
    size: int | None = None
    upload: stream.Unfinished | None = None

    def remove(self, store: Store) -> None:
        if self.upload:
            stream.discard(store, self.upload)
        else:
            store.delete(self.key)


@dataclass(frozen=True)
class Catalogue:
    """``names`` have a manifest, ``files`` maps each name to the (file → entry) below it, ``leftovers`` belong to no backup."""

    names: list[str]
    files: dict[str, dict[str, Entry]]
    leftovers: list[Leftover]

    def damage(self, name: str, manifest: Mapping[str, Any]) -> str | None:
        """Say what is missing of a backup, going by the sizes in the store; None when nothing is."""
        present = self.files.get(name, {})
        for item in manifest["objects"]:
            entry = present.get(item["file"])
            if entry is None or entry.size != item["size"]:
                return f"{item['file']} has {entry.size if entry else 0} bytes and not {item['size']}"
        return None


def folder(prefix: str) -> str:
    """Return ``prefix`` as the beginning of keys."""
    return prefix.strip("/") + "/" if prefix.strip("/") else ""


def read_catalogue(store: Store, prefix: str = PREFIX) -> Catalogue:
    names: list[str] = []
    files: dict[str, dict[str, Entry]] = {}
    for entry in store.list(prefix):
        name, slash, file = entry.key.removeprefix(prefix).partition("/")
        if slash:
            files.setdefault(name, {})[file] = entry
        elif name.endswith(MANIFEST):
            names.append(name.removesuffix(MANIFEST))
    leftovers = [Leftover(name, entry.key, entry.modified, entry.size) for name in files if name not in names for entry in files[name].values()]
    for upload in stream.unfinished(store, prefix):
        leftovers.append(Leftover(upload.key.removeprefix(prefix).partition("/")[0], upload.key, upload.since, upload=upload))
    return Catalogue(names, files, sorted(leftovers, key=lambda left: left.key))


def read_manifest(store: Store, name: str, prefix: str = PREFIX) -> Manifest:
    """Return a backup's manifest. Raises ConfigError when there is none, or when it is not one of this collection's."""
    key = f"{prefix}{name}{MANIFEST}"
    found = store.get(key) if NAME.fullmatch(name) else None
    if not found:
        raise ConfigError(f"{store.describe()} has no backup {name!r}. pg_backup_info lists those that it has.", code="no_backup")
    try:
        manifest = json.loads(found[0])
        known = manifest["schema"] == SCHEMA and manifest["name"] == name and manifest["format"] in FORMATS and manifest.keys() >= FIELDS
        known = known and manifest["verified"] in LEVELS and datetime.fromisoformat(manifest["finished_at"]).tzinfo is not None
        whole = known and all(map(_is_object, manifest["objects"]))
        told = manifest["encryption"] == "off" or (manifest["encryption"] == "age" and bool(manifest["recipients"]))
    except (ValueError, KeyError, TypeError):
        whole = told = False
    if not (whole and told and manifest["objects"]):
        raise ConfigError(
            f"{key} in {store.describe()} is no manifest of the backup {name} that this version knows. Update the collection, or look who wrote it.",
            code="bad_manifest",
        )
    return manifest


def _is_object(item: Mapping[str, Any]) -> bool:
    """Both names become paths, so neither may lead out of its folder."""
    names = FILE.fullmatch(item["file"]) and FILE.fullmatch(item["source"])
    return bool(names and item["size"] >= 0 and item["raw_size"] >= 0 and len(item["sha256"]) == 64)


def write_manifest(store: Store, manifest: Mapping[str, Any], prefix: str = PREFIX) -> None:
    """Make a backup of what lies below its name. Raises Conflict when there is one of this name."""
    key, data = f"{prefix}{manifest['name']}{MANIFEST}", json.dumps(manifest, indent=2).encode()
    try:
        store.put_if_absent(key, data)
    except Conflict:  # written after all by a try whose answer was lost
        if (store.get(key) or (b"", ""))[0] != data:
            raise


def read_proof(store: Store, name: str, prefix: str = PREFIX) -> dict[str, Any] | None:
    """Return what was proven of a backup since it was made, such as {level: restore, at, duration}; None when nothing was, or it cannot be read."""
    found = store.get(f"{prefix}{name}{PROOF}")
    try:
        proof = json.loads(found[0]) if found else None
        return proof if isinstance(proof, dict) and proof.get("level") in LEVELS else None
    except ValueError:
        return None


def write_proof(store: Store, name: str, proof: Mapping[str, Any], prefix: str = PREFIX) -> None:
    """Keep what was proven: ``level`` is one of LEVELS, ``at`` a time in UTC, ``duration`` the seconds that a restore took. A newer one replaces it."""
    if proof["level"] not in LEVELS:
        raise RunbookError(f"{proof['level']!r} is no level of proof.")
    key, data = f"{prefix}{name}{PROOF}", json.dumps(dict(proof), indent=2).encode()
    found = store.get(key)
    if found:
        store.put_if_match(key, data, found[1])
    else:
        store.put_if_absent(key, data)
