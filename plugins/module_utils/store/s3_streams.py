# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Large objects in a bucket: multipart uploads, and the remains of killed ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from typing import Any, Protocol

from ..core.errors import RunbookError
from .base import Unfinished
from .s3_answers import field, listed
from .s3_limits import flowing


class Bucket(Protocol):
    """The part of S3Store that is needed here: botocore's client, the bucket's name, keys of objects, and
    errors that name the store.
    """

    client: Any
    bucket: str

    def key(self, name: str) -> str: ...

    def describe(self) -> str: ...

    def named_errors(self, verb: str) -> AbstractContextManager[None]: ...


def part_size(expected: int) -> int:
    """Return the bytes of each part of an object of about ``expected`` bytes: 8 MiB, and more from 75 GB on, since S3
    accepts 10,000 parts.

    All parts but the last have the same size, as some S3 services require.
    """
    return max(8 << 20, -(-expected // 9000))


class S3Writer:
    """A multipart upload: one part is sent while the next one fills."""

    def __init__(self, store: Bucket, key: str, size: int) -> None:
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


def read(store: Bucket, key: str, tick: Callable[[], None]) -> Iterator[bytes]:
    with store.named_errors("read"):
        yield from flowing(
            store.client.get_object(Bucket=store.bucket, Key=store.key(key))["Body"],
            f"{key} in {store.describe()}",
            tick,
        )


def unfinished(store: Bucket, prefix: str) -> list[Unfinished]:
    """Return the unfinished multipart uploads below ``prefix``; an empty list where the credentials may not "
    "list them, since only this needs that permission."""
    request = {"Bucket": store.bucket, "Prefix": store.key(prefix)}
    try:
        with store.named_errors("listed"):
            uploads = list(listed(store.client, "list_multipart_uploads", "Uploads", request, store.describe()))
            return [_unfinished(store, upload) for upload in uploads]
    except RunbookError as error:
        if error.details.get("retryable"):
            raise
        return []


def _unfinished(store: Bucket, upload: Any) -> Unfinished:
    key, handle, since = (
        field(upload, name, kind, store.describe())
        for name, kind in (("Key", str), ("UploadId", str), ("Initiated", datetime))
    )
    return Unfinished(key.removeprefix(store.key("")), handle, since)


def discard(store: Bucket, left: Unfinished) -> None:
    # completed or aborted in the meantime
    with store.named_errors("written"), suppress(store.client.exceptions.NoSuchUpload):
        store.client.abort_multipart_upload(Bucket=store.bucket, Key=store.key(left.key), UploadId=left.handle)
