# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a database in the store: what pg_dump prints, compressed, encrypted, hashed and stored in one pass."""

from __future__ import annotations

import hashlib
import os
import select
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

try:
    import zstandard

    ZSTANDARD_ERROR: str | None = None
except ImportError as error:  # reported by core.module.run through missing_required_lib
    ZSTANDARD_ERROR = str(error)

from ..core.errors import CommandFailed
from ..core.process import kill, spawn
from ..core.redact import redact
from ..postgres.connection import BEAT_INTERVAL, Database
from ..postgres.programs import Tool, libpq_access
from ..store.base import CHUNK, Store
from . import encryption
from .reader import DUMP

Beat = Callable[[], None]


@dataclass
class Progress:
    """How far a backup is: bytes that pg_dump gave, and bytes that the store got."""

    raw: int = 0
    stored: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def dumped(self, raw: int) -> None:
        with self._lock:
            self.raw = raw

    def add(self, raw: int = 0, stored: int = 0) -> None:
        with self._lock:
            self.raw += raw
            self.stored += stored

    def described(self, seconds: float) -> str:
        rate = self.raw / max(seconds, 0.001)
        return (
            f"{self.raw / 1e6:.0f} MB dumped, {self.stored / 1e6:.0f} MB stored in {seconds:.0f} s, {rate / 1e6:.1f}"
            " MB/s"
        )


@dataclass(frozen=True)
class Target:
    """Where the objects of one backup go, and how: ``key`` is what their keys begin with; without
    ``recipients`` they are not encrypted.
    """

    store: Store
    key: str
    level: int
    recipients: Sequence[Any]
    heartbeat: Beat
    progress: Progress

    def suffix(self) -> str:
        return ".zst.age" if self.recipients else ".zst"

    def put(
        self, source: str, pieces: Iterable[bytes], heartbeat: Beat, expected: int = 0, *, counted: bool = False
    ) -> dict[str, Any]:
        """Store a stream of about ``expected`` bytes as one object, and return {source, file, size, raw_size, sha256}.

        ``counted`` says that the progress has its raw bytes already.

        It is completed only once ``pieces`` ended well, and discarded otherwise. Raises what ``pieces``, ``heartbeat``
        and the store raise.
        """
        file = source + self.suffix()
        digest, size, raw_size = hashlib.sha256(), 0, 0
        writer = self.store.open_writer(self.key + file, expected)

        def write(data: bytes) -> None:
            nonlocal size
            digest.update(data)
            writer.write(data)
            size += len(data)
            self.progress.add(stored=len(data))

        def packed() -> Iterator[bytes]:
            nonlocal raw_size
            compressor = zstandard.ZstdCompressor(level=self.level, write_checksum=True).compressobj()
            for piece in pieces:
                raw_size += len(piece)
                self.progress.add(raw=0 if counted else len(piece))
                yield compressor.compress(piece)
            yield compressor.flush()

        try:
            if self.recipients:
                encryption.encrypt(packed(), write, self.recipients)
            else:
                for data in packed():
                    write(data)
            heartbeat()
            writer.complete()
        except BaseException:
            writer.abort()
            raise
        return {"source": source, "file": file, "size": size, "raw_size": raw_size, "sha256": digest.hexdigest()}


def dump_stream(
    database: Database, tool: Tool, target: Target, scope: Sequence[str], expected: int
) -> list[dict[str, Any]]:
    """Dump what the options ``scope`` of pg_dump name into one object of about ``expected`` bytes.

    Raises CommandFailed, and whatever the heartbeat and the store raise.
    """
    with _pg_dump(database, tool, ["--format=custom", *scope], stdout=subprocess.PIPE, pipesize=CHUNK) as (
        process,
        stderr,
    ):
        return [target.put(DUMP, _printed(process, stderr, database, target.heartbeat), target.heartbeat, expected)]


def dump_folder(
    database: Database, tool: Tool, target: Target, scope: Sequence[str], *, jobs: int, scratch: Path
) -> list[dict[str, Any]]:
    """Dump the same with ``jobs`` connections into a folder of ``scratch``, and store each of its files as
    an object, ``jobs`` at a time too.
    """
    folder = scratch / "dump"
    options = ["--format=directory", f"--jobs={jobs}", f"--file={folder}", *scope]
    with _pg_dump(database, tool, options, stdout=subprocess.DEVNULL) as (process, stderr):
        while True:
            target.heartbeat()
            try:
                process.wait(BEAT_INTERVAL)
                break
            except subprocess.TimeoutExpired:
                target.progress.dumped(_size(folder))
        _expect_success(process, stderr, database)
    target.progress.dumped(_size(folder))
    return _put_files(sorted(folder.iterdir(), key=lambda path: path.stat().st_size, reverse=True), target, jobs)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0


def _put_files(files: Sequence[Path], target: Target, jobs: int) -> list[dict[str, Any]]:
    """Store files, the largest first; each is removed once it is stored, so that no more than needed lies
    on the disk.
    """
    stopped = threading.Event()

    def check() -> None:
        if stopped.is_set():
            raise InterruptedError

    def pieces(file: Path) -> Iterator[bytes]:
        with file.open("rb") as content:
            while piece := content.read(CHUNK):
                check()
                yield piece

    def put(file: Path) -> dict[str, Any]:
        stored = target.put(file.name, pieces(file), check, file.stat().st_size, counted=True)
        file.unlink()
        return stored

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(put, file) for file in files]
        try:
            left: Any = futures
            while left:  # the lease is renewed by this thread alone
                target.heartbeat()
                done, left = wait(left, BEAT_INTERVAL)
                for future in done:
                    future.result()
        except BaseException:
            stopped.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


@contextmanager
def _pg_dump(
    database: Database, tool: Tool, options: Sequence[str], **pipes: Any
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Run pg_dump, which does not outlive the block; what it says is in the file."""
    with libpq_access(database) as access, tempfile.TemporaryFile() as stderr:
        process = spawn(
            [tool.path, *options, "--compress=0", "--no-password"],
            **access,
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            **pipes,
        )
        try:
            yield process, stderr
        finally:
            kill(process)
            if process.stdout:
                process.stdout.close()


def _printed(
    process: subprocess.Popen[bytes], stderr: IO[bytes], database: Database, heartbeat: Beat
) -> Iterator[bytes]:
    """Yield what pg_dump prints, call ``heartbeat`` also while it is silent, and raise CommandFailed at the
    end unless its exit code is 0.
    """
    descriptor = cast(IO[bytes], process.stdout).fileno()
    tick = paced(heartbeat)
    while True:
        tick()
        if select.select([descriptor], [], [], BEAT_INTERVAL)[0]:
            piece = os.read(descriptor, CHUNK)
            if not piece:
                break
            yield piece
    process.wait()
    _expect_success(process, stderr, database)


def _expect_success(process: subprocess.Popen[bytes], stderr: IO[bytes], database: Database) -> None:
    if process.returncode != 0:
        stderr.seek(0)
        words = redact(stderr.read()[-2000:].decode(errors="replace").strip(), [database.password])
        raise CommandFailed(
            f"pg_dump of {database.describe()} ended with exit code {process.returncode}, so there is no backup:"
            f" {words}",
            code=str(process.returncode),
        )


def paced(heartbeat: Beat, clock: Callable[[], float] = time.monotonic) -> Beat:
    """Return a function that calls ``heartbeat``, but not again within two seconds."""
    last = -BEAT_INTERVAL

    def tick() -> None:
        nonlocal last
        if clock() - last >= BEAT_INTERVAL:
            heartbeat()
            last = clock()

    return tick


def checksum(objects: Sequence[dict[str, Any]]) -> str:
    """Return one SHA-256 for all objects of a backup: that of their list as ``sha256sum`` prints it, sorted by file."""
    lines = [f"{item['sha256']}  {item['file']}\n" for item in sorted(objects, key=lambda item: item["file"])]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
