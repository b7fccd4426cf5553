# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Large objects of the store, as streams: nothing is there under its name before ``complete``, and what was not completed is taken back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, cast

from ..core.deadline import nothing
from ..core.errors import RunbookError
from .base import Store
from .folder import WRITE, FolderStore, make_folder
from .s3 import S3Store
from .s3_answers import field, listed
from .s3_limits import flowing

CHUNK = 1 << 20
PARTIAL = ".partial"


def part_size(expected: int) -> int:
    """Bytes of each part of an object of about ``expected`` bytes: 8 MiB, and more from 75 GB on, since S3 takes 10,000 parts.

    All parts but the last are of one size, which some S3 services ask for.
    """
    return max(8 << 20, -(-expected // 9000))


class Writer(Protocol):
    def write(self, data: bytes) -> None:
        """Add to the object."""

    def complete(self) -> None:
        """Put the object under its name."""

    def abort(self) -> None:
        """Take back what was written; never raises, as it follows another failure."""


def open_writer(store: Store, key: str, expected: int = 0) -> Writer:
    """Return a writer of a new object of about ``expected`` bytes, which replaces one of this name."""
    if isinstance(store, S3Store):
        return S3Writer(store, key, part_size(expected))
    store = cast(FolderStore, store)
    return FolderWriter(store, key)


class S3Writer:
    """A multipart upload: one part is on its way while the next one fills."""

    def __init__(self, store: S3Store, key: str, size: int) -> None:
        self._store, self._size = store, size
        self._buffer, self._spare, self._filled = bytearray(size), bytearray(size), 0
        self._parts: list[dict[str, Any]] = []
        self._target = {"Bucket": store.bucket, "Key": store.key(key)}
        with store.named_errors("written"):
            made = store.client.create_multipart_upload(**self._target, ContentType="application/octet-stream")
            self._target["UploadId"] = field(made, "UploadId", str, store.describe())
        self._pool = ThreadPoolExecutor(1)
        self._underway: Future[Any] | None = None

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            taken = rest[: self._size - self._filled]
            start, count = self._filled, len(taken)
            end = start + count
            self._buffer[start:end] = taken
            self._filled = end
            rest = rest[count:]
            if self._filled == self._size:
                self._send(self._buffer)

    def complete(self) -> None:
        if self._filled or not self._parts:
            self._send(self._buffer[: self._filled])
        self._settle()
        self._pool.shutdown()
        with self._store.named_errors("written"):
            self._store.client.complete_multipart_upload(**self._target, MultipartUpload={"Parts": self._parts})

    def abort(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        with suppress(RunbookError), self._store.named_errors("written"):
            self._store.client.abort_multipart_upload(**self._target)

    def _send(self, part: bytearray) -> None:
        self._settle()
        self._parts.append({"PartNumber": len(self._parts) + 1})
        self._underway = self._pool.submit(self._store.client.upload_part, **self._target, **self._parts[-1], Body=part)
        self._buffer, self._spare, self._filled = self._spare, self._buffer, 0

    def _settle(self) -> None:
        if self._underway:
            with self._store.named_errors("written"):
                self._parts[-1]["ETag"] = field(self._underway.result(), "ETag", str, self._store.describe())
            self._underway = None


class FolderWriter:
    """A hidden file that gets its name when it is whole and on the disk."""

    def __init__(self, store: FolderStore, key: str) -> None:
        store.permit(WRITE)
        self._store, self._path = store, store.path(key)
        self._partial = self._path.with_name(f".{self._path.name}{PARTIAL}")
        with store.named_errors("write"):
            make_folder(self._path.parent)
            self._stream = os.fdopen(os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

    def write(self, data: bytes) -> None:
        with self._store.named_errors("write"):
            self._stream.write(data)

    def complete(self) -> None:
        self._store.permit(WRITE)
        with self._store.named_errors("write"):
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._partial.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

    def abort(self) -> None:
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self._partial.unlink()


def read(store: Store, key: str, tick: Callable[[], None] = nothing) -> Iterator[bytes]:
    """Give an object's content, piece by piece; ``tick`` is called every few seconds while a slow one is waited for."""
    if isinstance(store, S3Store):
        with store.named_errors("read"):
            yield from flowing(store.client.get_object(Bucket=store.bucket, Key=store.key(key))["Body"], f"{key} in {store.describe()}", tick)
        return
    store = cast(FolderStore, store)
    with store.named_errors("read"), store.path(key).open("rb") as stream:
        while piece := stream.read(CHUNK):
            yield piece


class Unfinished(NamedTuple):
    """An object that was never completed, begun at ``since``; ``handle`` is for ``discard``."""

    key: str
    handle: Any
    since: datetime


def unfinished(store: Store, prefix: str) -> list[Unfinished]:
    """Return what killed writers left below ``prefix``, and what others are about to write; nothing where the credentials may not look."""
    if isinstance(store, S3Store):
        try:
            with store.named_errors("listed"):
                request = {"Bucket": store.bucket, "Prefix": store.key(prefix)}
                uploads = list(listed(store.client, "list_multipart_uploads", "Uploads", request, store.describe()))
                kinds = (("Key", str), ("UploadId", str), ("Initiated", datetime))
                found = [[field(upload, name, kind, store.describe()) for name, kind in kinds] for upload in uploads]
        except RunbookError as error:
            if error.details.get("retryable"):
                raise
            return []  # for want of a right that nothing else here needs
        return [Unfinished(key.removeprefix(store.key("")), handle, since) for key, handle, since in found]
    store = cast(FolderStore, store)
    partial = sorted(path for path in store.root.rglob(f".*{PARTIAL}"))
    keys = [(path.with_name(path.name.removeprefix(".").removesuffix(PARTIAL)).relative_to(store.root).as_posix(), path) for path in partial]
    return [Unfinished(key, path, datetime.fromtimestamp(path.stat().st_mtime, UTC)) for key, path in keys if key.startswith(prefix)]


def discard(store: Store, left: Unfinished) -> None:
    """Remove one of ``unfinished``."""
    if isinstance(store, S3Store):
        with store.named_errors("written"), suppress(store.client.exceptions.NoSuchUpload):  # completed or taken back meanwhile
            store.client.abort_multipart_upload(Bucket=store.bucket, Key=store.key(left.key), UploadId=left.handle)
    else:
        cast(FolderStore, store).permit(WRITE)
        left.handle.unlink(missing_ok=True)
