# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups a store holds, according to their manifests, and which other objects are there.

A backup NAME is its objects below ``NAME/`` and its manifest ``NAME.json``, which is written last and removed first:
what has no manifest is no backup, whenever its writer or its remover was killed. A proof, ``NAME/proof.json``, is
written later, by the run that restored it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.errors import ConfigError, RunbookError
from ..core.wait import nothing
from ..store import documents
from ..store.base import Conflict, Store, StoredObject, Unfinished

PREFIX = "backups/"
MANIFEST, PROOF = ".json", "/proof.json"
SCHEMA = 1
FORMATS = ("custom", "directory")
NAME = re.compile(r"\w[\w.-]*", re.ASCII)
FILE = re.compile(r"\w[\w.-]*", re.ASCII)  # below a backup's name; nothing that could leave a folder
LEVELS = ("none", "checksum", "decode", "restore")  # of proof, from the weakest
TEXT, NUMBER = (str, None), (documents.count, None)
OBJECT = {  # both names become paths, so neither may lead out of its folder
    "file": FILE.fullmatch,
    "source": FILE.fullmatch,
    "size": documents.count,
    "raw_size": documents.count,
    "sha256": lambda digest: len(digest) == 64,
}
SHAPE = {
    "schema": lambda schema: schema == SCHEMA and documents.count(schema),
    "name": str,
    "format": FORMATS.__contains__,
    "database": str,
    "release": TEXT,
    "encryption": ("off", "age").__contains__,
    "recipients": [str],
    "size": NUMBER,
    "raw_size": NUMBER,
    "sha256": str,
    "database_size": NUMBER,
    "server_version": TEXT,
    "migrations": (None, {"count": documents.count, "last?": TEXT}),
    "verified": LEVELS.__contains__,
    "finished_at": documents.time_with_zone,
    "objects": [OBJECT],
    "location?": TEXT,
    "pg_dump_version?": TEXT,
    "tables?": (None, documents.Each(documents.count)),
    "estimates?": (None, documents.Each(NUMBER)),
}
PROOF_SHAPE = {
    "level": LEVELS.__contains__,
    "at?": (None, documents.time),
    "sha256?": TEXT,
    "duration?": (None, documents.seconds),
    "recovery_seconds?": (None, documents.seconds),
}
KEPT_PROOF_SHAPE = {
    "level": LEVELS.__contains__,
    "at": documents.time,
    "sha256": TEXT,
    "recovery_seconds": (None, documents.seconds),
}

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Leftover:
    """What a run that failed or was killed left, or what another is about to write: of the backup ``name``,
    since then. ``upload`` was not completed.
    """

    name: str
    key: str
    since: datetime
    size: int | None = None
    upload: Unfinished | None = None

    def remove(self, store: Store) -> None:
        if self.upload:
            store.discard(self.upload)
        else:
            store.delete(self.key)


@dataclass(frozen=True)
class Catalogue:
    """``names`` have a manifest, of that size in bytes; ``files`` maps each name to the (file → entry)
    below it, ``leftovers`` belong to no backup.
    """

    names: dict[str, int]
    files: dict[str, dict[str, StoredObject]]
    leftovers: list[Leftover]

    def damage(self, name: str, manifest: Mapping[str, Any]) -> str | None:
        """Return what a backup lacks, by the sizes in the store; None when it is complete."""
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
    names: dict[str, int] = {}
    files: dict[str, dict[str, StoredObject]] = {}
    for entry in store.list(prefix):
        name, slash, file = entry.key.removeprefix(prefix).partition("/")
        if slash:
            files.setdefault(name, {})[file] = entry
        elif name.endswith(MANIFEST):
            names[name.removesuffix(MANIFEST)] = entry.size
    leftovers = [
        Leftover(name, entry.key, entry.modified, entry.size)
        for name in files
        if name not in names
        for entry in files[name].values()
    ]
    for upload in store.unfinished(prefix):
        leftovers.append(
            Leftover(upload.key.removeprefix(prefix).partition("/")[0], upload.key, upload.since, upload=upload)
        )
    return Catalogue(names, files, sorted(leftovers, key=lambda left: left.key))


def read_manifest(store: Store, name: str, prefix: str = PREFIX, size: int | None = None) -> Manifest:
    """Return a backup's manifest, which has ``size`` bytes in the store where that is known. Raises
    ConfigError when there is none, or it is damaged.
    """
    key = f"{prefix}{name}{MANIFEST}"
    found = _get(store, key, size) if NAME.fullmatch(name) else None
    if found is None:
        raise ConfigError(
            f"{store.describe()} has no backup {name!r}. pg_backup_info lists those that it has.", code="no_backup"
        )
    try:
        manifest = documents.parse(found, SHAPE) if isinstance(found, bytes) else _refuse(found)
        whose = _misfit(manifest, name)
    except ValueError as wrong:
        whose = str(wrong)
    if whose:
        raise ConfigError(
            f"{key} in {store.describe()} is not a manifest of the backup {name} that this version knows: {whose}. "
            "Update the collection, or find out who wrote it; the other backups are not affected.",
            code="bad_manifest",
        )
    return manifest


def _misfit(manifest: Manifest, name: str) -> str | None:
    if manifest["name"] != name:
        return f"it is that of {manifest['name']!r}"
    if manifest["encryption"] == "age" and not manifest["recipients"]:
        return "it names no recipients"
    return None if manifest["objects"] else "it names no objects"


def _get(store: Store, key: str, size: int | None) -> bytes | str | None:
    """Return what an object holds, why it is not read, or None when there is none."""
    if size is None:
        size = next((entry.size for entry in store.list(key) if entry.key == key), 0)
    found = None if documents.oversized(size) else store.get(key)
    return documents.oversized(size) or (found[0] if found else None)


def _refuse(why: str) -> Manifest:
    raise ValueError(why)


def write_manifest(store: Store, manifest: Mapping[str, Any], prefix: str = PREFIX) -> None:
    """Make a backup of what lies below its name. Raises Conflict when there is one of this name."""
    key, data = f"{prefix}{manifest['name']}{MANIFEST}", json.dumps(manifest, indent=2).encode()
    try:
        store.put_if_absent(key, data)
    except Conflict:  # written after all by a try whose answer was lost
        if (store.get(key) or (b"", ""))[0] != data:
            raise


def read_proof(
    store: Store, name: str, prefix: str = PREFIX, warn: Callable[[str], None] = nothing
) -> dict[str, Any] | None:
    """Return what was proven of a backup since it was made, such as {level: restore, at, duration}; None
    when nothing was, or it cannot be read.
    """
    return read_proof_at(store, f"{prefix}{name}{PROOF}", PROOF_SHAPE, None, warn)


def read_proof_at(
    store: Store, key: str, shape: dict[str, Any], size: int | None, warn: Callable[[str], None]
) -> dict[str, Any] | None:
    """Return the proof at a key; None when there is none, or it cannot be read, which is warned of."""
    found = _get(store, key, size)
    if found is None:
        return None
    try:
        return documents.parse(found, shape) if isinstance(found, bytes) else _refuse(found)
    except ValueError as wrong:
        warn(f"{key} in {store.describe()} is not a proof that this version knows: {wrong}. It counts as no proof.")
        return None


def write_proof(store: Store, name: str, proof: Mapping[str, Any], prefix: str = PREFIX) -> None:
    """Keep what was proven: ``level`` is one of LEVELS, ``at`` a time in UTC, ``duration`` the seconds that
    a restore took. A newer one replaces it.
    """
    if proof["level"] not in LEVELS:
        raise RunbookError(f"{proof['level']!r} is not a level of proof.")
    key, data = f"{prefix}{name}{PROOF}", json.dumps(dict(proof), indent=2).encode()
    found = store.get(key)
    if found:
        store.put_if_match(key, data, found[1])
    else:
        store.put_if_absent(key, data)
