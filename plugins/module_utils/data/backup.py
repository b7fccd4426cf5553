# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a database in the store: a dump as one object, read back, and then its manifest. What has no manifest is no backup."""

from __future__ import annotations

import hashlib
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, cast

try:
    import zstandard

    ZSTANDARD_ERROR: str | None = None
except ImportError as error:  # reported by core.module.run through missing_required_lib
    ZSTANDARD_ERROR = str(error)

from ..core.errors import CommandFailed, ConfigError, RunbookError
from ..core.process import kill, spawn
from ..core.redact import redact
from . import stream
from .postgres import BEAT_INTERVAL, Database
from .postgres_tools import Tool, libpq_access
from .store import Store

DUMP, MANIFEST = ".dump.zst", ".json"
FORMAT = "pg_dump custom without compression, in zstd"
SCHEMA = 1  # of the manifest


@dataclass(frozen=True)
class Figures:
    """``size`` and ``sha256`` are those of the object, ``raw_size`` that of the dump before compression; sizes in bytes."""

    size: int
    raw_size: int
    sha256: str


@dataclass(frozen=True)
class Catalogue:
    """What is below a prefix: manifests' names, dumps without one, and uploads that were never completed."""

    complete: dict[str, int | None]  # name → size of its dump, None where that is gone
    orphans: list[str]
    unfinished: list[tuple[str, Any]]


def read_catalogue(store: Store, prefix: str) -> Catalogue:
    sizes = {entry.key: entry.size for entry in store.list(prefix)}
    manifests = {key.removesuffix(MANIFEST) for key in sizes if key.endswith(MANIFEST)}
    return Catalogue(
        complete={name.removeprefix(prefix): sizes.get(name + DUMP) for name in manifests},
        orphans=[key for key in sizes if key.endswith(DUMP) and key.removesuffix(DUMP) not in manifests],
        unfinished=stream.unfinished(store, prefix),
    )


def read_manifest(store: Store, prefix: str, name: str) -> dict[str, Any]:
    """Return a backup's manifest. Raises ConfigError when it is none."""
    found = store.get(prefix + name + MANIFEST)
    try:
        return dict(json.loads(found[0])) if found else {}
    except ValueError:
        raise ConfigError(
            f"The manifest {prefix}{name}{MANIFEST} in {store.describe()} cannot be read. Remove it with its dump, or choose another name."
        ) from None


def write_manifest(store: Store, prefix: str, manifest: Mapping[str, Any]) -> None:
    store.put_if_absent(prefix + manifest["name"] + MANIFEST, json.dumps({"schema": SCHEMA, **manifest}, indent=2).encode())


def dump(database: Database, tool: Tool, store: Store, key: str, *, level: int, beat: Callable[[], None], expected: int = 0) -> Figures:
    """Dump a database into an object of the store, of about ``expected`` bytes, in one pass; ``beat`` is called all along.

    The object is completed only once pg_dump has ended with exit code 0, and taken back otherwise. Raises CommandFailed, and whatever
    ``beat`` and the store raise.
    """
    digest, size, raw_size = hashlib.sha256(), 0, 0
    with ExitStack() as stack:
        access = stack.enter_context(libpq_access(database))
        said = stack.enter_context(tempfile.TemporaryFile())
        writer = stream.open_writer(store, key, expected)
        try:
            argv = [tool.path, "--format=custom", "--compress=0", "--no-password"]
            process = spawn(argv, **access, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, pipesize=stream.CHUNK)
            stack.callback(process.stdout.close)  # type: ignore[union-attr]
            stack.callback(kill, process)
            compressor = zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj()
            for piece in _pieces(process, paced(beat)):
                raw_size += len(piece)
                packed = compressor.compress(piece)
                digest.update(packed)
                size += len(packed)
                writer.write(packed)
            if process.wait() != 0:
                said.seek(0)
                words = redact(said.read()[-2000:].decode(errors="replace").strip(), [database.password])
                raise CommandFailed(
                    f"pg_dump of {database.describe()} ended with exit code {process.returncode}, so there is no backup: {words}",
                    code=str(process.returncode),
                )
            packed = compressor.flush()
            digest.update(packed)
            writer.write(packed)
            beat()
            writer.complete()
        except BaseException:
            writer.abort()
            raise
    return Figures(size + len(packed), raw_size, digest.hexdigest())


def _pieces(process: subprocess.Popen, tick: Callable[[], None]) -> Iterator[bytes]:
    """Give what a program prints, and call ``tick`` also while it is silent."""
    descriptor = cast(IO[bytes], process.stdout).fileno()
    while True:
        tick()
        if select.select([descriptor], [], [], BEAT_INTERVAL)[0]:
            piece = os.read(descriptor, stream.CHUNK)
            if not piece:
                return
            yield piece


def paced(beat: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> Callable[[], None]:
    """Return a function that calls ``beat``, but not again within two seconds."""
    last = -BEAT_INTERVAL

    def tick() -> None:
        nonlocal last
        if clock() - last >= BEAT_INTERVAL:
            beat()
            last = clock()

    return tick


def verify(store: Store, key: str, figures: Figures, beat: Callable[[], None]) -> None:
    """Read an object back and raise RunbookError unless it is what was written."""
    digest, size = hashlib.sha256(), 0
    tick = paced(beat)
    for piece in stream.read(store, key):
        digest.update(piece)
        size += len(piece)
        tick()
    if (size, digest.hexdigest()) != (figures.size, figures.sha256):
        raise RunbookError(
            f"{key} in {store.describe()} reads back other than it was written ({size} of {figures.size} bytes), so it has no manifest and is no backup. "
            "Run the backup again; if it stays, look at the store.",
            code="checksum",
        )
