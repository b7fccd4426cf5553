# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup fetched to this machine, whole and as it was written, where pg_restore can read it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..core.process import private_folder
from ..core.wait import nothing
from ..postgres.databases import plain
from ..store.base import CHUNK, Store
from .archive_contents import Contents, read_contents
from .archive_layout import CUSTOM, UnknownShape, lay_out
from .decompress import NotWhole, unpack
from .dump import paced
from .listing import read_manifests
from .manifest import KEPT_PROOF_SHAPE, PROOF, Manifest, read_catalogue, read_manifest, read_proof_at, write_proof
from .reader import open_backup

LATEST = "latest"
ZSTD, GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
FOLDER = "storefront.runbook-restore-"


@dataclass(frozen=True)
class Archive:
    """``path`` is for programs that get ``descriptors``: a file has no name, so that nothing of it stays
    when this process is killed.
    """

    manifest: Mapping[str, Any]
    path: str
    descriptors: tuple[int, ...] = ()

    @cached_property
    def contents(self) -> Contents | None:
        """Its table of contents; None for a shape that is not known here, such as that of a PostgreSQL to come."""
        try:
            return read_contents(self.path)
        except UnknownShape:
            return None


def choose(
    store: Store, name: str, prefix: str, database: str | None, warn: Callable[[str], None] = nothing
) -> Manifest:
    """Return the manifest of the backup ``name``, or for ``latest`` of the newest one of ``database`` (any, when None)
    that can be read.

    Raises ConfigError, for a name that was given also when its manifest cannot be read. What ``latest`` leaves out for
    that is warned of.
    """
    if name != LATEST:
        return read_manifest(store, name, prefix)
    return newest_first(store, prefix, database, warn)[0]


def newest_first(
    store: Store, prefix: str, database: str | None, warn: Callable[[str], None] = nothing
) -> list[Manifest]:
    """Return the manifests of every whole backup of ``database`` (any, when None), as ``choose`` has them. Raises
    ConfigError where there is none.
    """
    catalogue = read_catalogue(store, prefix)
    manifests, damaged = read_manifests(store, catalogue, prefix)
    whole = []
    for manifest in manifests:
        if database is None or plain(manifest["database"]) == plain(database):
            damage = catalogue.damage(manifest["name"], manifest)
            if damage:
                damaged[manifest["name"]] = f"The backup {manifest['name']} is damaged: {damage}."
            else:
                whole.append(manifest)
    for message in damaged.values():
        warn(f"Not considered for backup={LATEST}: {message}")
    if whole:
        return sorted(whole, key=_age, reverse=True)
    whose = f" of the database {database}" if database else ""
    besides = f" but the damaged {', '.join(damaged)}" if damaged else ""
    raise ConfigError(
        f"{store.describe()} has no backup{whose} below {prefix}{besides}. Make one with pg_backup, or correct store or"
        " prefix.",
        code="no_backup",
    )


def _age(manifest: Manifest) -> tuple[datetime, str]:
    return datetime.fromisoformat(manifest["finished_at"]), manifest["name"]


def choose_proven(
    store: Store, name: str, prefix: str, database: str | None, warn: Callable[[str], None] = nothing
) -> tuple[Manifest, dict[str, Any]]:
    """Return (the manifest, its newest proof) of the backup ``name``, or for ``latest`` of the newest proven one.

    Raises ConfigError for one that no restore has proven.
    """
    known = (
        newest_first(store, prefix, database, warn) if name == LATEST else [choose(store, name, prefix, database, warn)]
    )
    for manifest in known:
        found = [proof for proof in proofs(store, manifest, prefix, warn) if proof["level"] == "restore"]
        if found:
            return manifest, found[0]
    what = f"None of the {len(known)} backups" if name == LATEST else f"The backup {name}"
    raise ConfigError(
        f"{what} in {store.describe()} below {prefix} has {'been proven' if name == LATEST else 'not been proven'} by a"
        " restore. Run prove.yml with production's inventory first.",
        code="not_proven",
    )


@contextmanager
def fetch(
    store: Store, name: str, prefix: str, identity: str | None, heartbeat: Callable[[], None], *, frozen: bool = False
) -> Iterator[Archive]:
    """Give a backup as an archive, to be loaded ``frozen`` as archive_layout.py has it.

    Raises ConfigError without the right identity, RunbookError if the backup is incomplete or does not match its
    manifest.
    """
    with open_backup(store, name, identity, prefix=prefix, heartbeat=paced(heartbeat)) as opened:
        if opened.format == "directory":
            with private_folder(FOLDER) as folder:
                with _room():
                    path = str(opened.save(folder))
                yield Archive(opened.manifest, path)
        else:
            with _unnamed(opened.pieces(), f"The backup {name}", frozen=frozen) as (path, descriptor):
                yield Archive(opened.manifest, path, (descriptor,))


@contextmanager
def fetch_file(path: str, sha256: str | None, heartbeat: Callable[[], None]) -> Iterator[Archive]:
    """Give a file that pg_dump wrote in the custom format, in zstd or not, as an archive. ``sha256`` is
    what it has to be.
    """
    source, digest, tick = Path(path), hashlib.sha256(), paced(heartbeat)
    if not source.is_file():
        raise ConfigError(f"There is no file {path}. Correct file.", code="no_backup")
    with source.open("rb") as opened:

        def pieces() -> Iterator[bytes]:
            while piece := opened.read(CHUNK):
                tick()
                digest.update(piece)
                yield piece

        with _unnamed(_unpacked(pieces(), path), path) as (name, descriptor):
            if sha256 and digest.hexdigest() != sha256.lower():
                raise ConfigError(
                    f"The SHA-256 of {path} is {digest.hexdigest()} and not {sha256}. It is a different file, or it is"
                    " damaged.",
                    code="checksum",
                )
            yield Archive({"name": source.name, "sha256": digest.hexdigest()}, name, (descriptor,))


@contextmanager
def _unnamed(pieces: Iterable[bytes], what: str, *, frozen: bool = False) -> Iterator[tuple[str, int]]:
    """Write an archive into a file without a name and give (path, descriptor)."""
    with tempfile.TemporaryFile() as file:
        with _room():
            lay_out(pieces, file, frozen=frozen)
            file.flush()
        if os.pread(file.fileno(), len(CUSTOM), 0) != CUSTOM:
            raise ConfigError(
                f"{what} is not an archive in pg_dump's custom format. Make one with pg_backup, or with pg_dump"
                " --format=custom.",
                code="no_archive",
            )
        yield f"/dev/fd/{file.fileno()}", file.fileno()


def _unpacked(pieces: Iterable[bytes], what: str) -> Iterator[bytes]:
    """Unpack what is in zstd, and let the rest be."""
    rest = iter(pieces)
    first = next(rest, b"")
    if first.startswith(GZIP):
        raise ConfigError(
            f"{what} is in gzip, as scripts write plain SQL: restore it with gunzip and psql.", code="no_archive"
        )
    try:
        yield from unpack(chain([first], rest)) if first.startswith(ZSTD) else chain([first], rest)
    except NotWhole:
        raise ConfigError(
            f"{what} cannot be unpacked: it is cut off or damaged. Take another file.", code="damaged"
        ) from None


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"The backup does not fit into {tempfile.gettempdir()}: {error.strerror}. Make room there, or set TMPDIR to"
            " a folder that has it.",
            code="no_room",
        ) from None


def keep_proof(store: Store, proof: Mapping[str, Any], prefix: str, now: datetime) -> None:
    """Save a proof beside the backup: as the one that is read first, and permanently under its time.

    The second copy is the proof, so it is written last. A run that is killed in between has proven nothing, and the
    next run writes both.
    """
    write_proof(store, proof["backup"], {**proof, "duration": proof["recovery_seconds"]}, prefix)
    stamp = f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03}Z"  # two proofs may be of one second
    store.put_if_absent(
        f"{prefix}{proof['backup']}{PROOF.removesuffix('.json')}-{stamp}.json", json.dumps(proof, indent=2).encode()
    )


def proofs(
    store: Store, manifest: Mapping[str, Any], prefix: str, warn: Callable[[str], None] = nothing
) -> list[dict[str, Any]]:
    """Return what restores have proven of a backup, the newest first; a proof of another object of this
    name, or one that cannot be read, is none.
    """
    entries = store.list(f"{prefix}{manifest['name']}{PROOF.removesuffix('.json')}-")
    found = [read_proof_at(store, entry.key, KEPT_PROOF_SHAPE, entry.size, warn) for entry in entries]
    return [proof for proof in reversed(found) if proof and proof["sha256"] == manifest["sha256"]]
