# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time and size of what is asked of S3: botocore's timeouts begin anew with every byte, and it reads an answer of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

with suppress(ImportError):  # store_s3 says so
    from botocore.awsrequest import AWSHTTPConnectionPool, AWSHTTPSConnectionPool
    from botocore.exceptions import ReadTimeoutError

from ..core.deadline import deadline, nothing, timed_pools
from ..core.errors import ApiError, Unreachable

ATTEMPT = 30.0  # seconds of one attempt, connection and answer included
STALL = 60.0  # seconds without a byte, or for a piece of a large object
FLOOR = 16 << 10  # bytes a second of an upload: a slower one is given up
CHUNK = 1 << 20  # bytes of a piece of a large object
STEP = 64 << 10
SMALL = 16 << 20  # bytes of a lease, a record or a manifest
ANSWER = 64 << 20  # bytes of any other answer, such as a page of a listing


def bound(client: Any) -> None:
    """Let a client's connections end with the deadline that holds in the thread."""
    client._endpoint.http_session._pool_classes_by_scheme.update(timed_pools(AWSHTTPConnectionPool, AWSHTTPSConnectionPool))


def attempt_seconds(request: Any) -> float:
    """Return how long one attempt may take, by the size of what is sent."""
    length = str(request.headers.get("Content-Length") or 0)
    return ATTEMPT + (int(length) / FLOOR if length.isdecimal() else 0)


def send(client: Any, request: Any, seconds: float, where: str) -> Any:
    """Send one attempt of a request within ``seconds``. Raises what botocore does, and ApiError for an answer without an end."""
    with deadline(seconds, most=ANSWER, stall=STALL) as limit:
        try:
            return client._endpoint.http_session.send(request)
        except Exception:
            if limit.received > ANSWER:
                raise too_large(where, ANSWER) from None
            raise


def small(body: Any, where: str, tick: Callable[[], None] = nothing) -> bytes:
    """Return the content of a small object. Raises ApiError for one that is none."""
    content = bytearray()
    with deadline(ATTEMPT, tick):
        while more := body.read(STEP):
            content += more
            if len(content) > SMALL:
                body.close()
                raise too_large(where, SMALL)
    return bytes(content)


def flowing(body: Any, where: str, tick: Callable[[], None] = nothing) -> Iterator[bytes]:
    """Give a large object piece by piece, each within STALL seconds. Raises Unreachable for one that stalls or is too slow."""
    while piece := _piece(body, where, tick):
        yield piece


def _piece(body: Any, where: str, tick: Callable[[], None]) -> bytes:
    piece = bytearray()
    with deadline(STALL, tick) as limit:
        try:
            while len(piece) < CHUNK and (more := body.read(STEP)):
                piece += more
        except ReadTimeoutError:
            if limit.left() > 0:
                raise
            came = f"only {limit.received} bytes came" if limit.received else "nothing came"
            raise Unreachable(
                f"{where} is too slow: {came} within {STALL:g} s, and a backup needs {CHUNK / STALL / 1024:.0f} KiB a second. Check the network, then run it "
                "again.",
                code="too_slow",
                retryable=True,
            ) from None
    return bytes(piece)


def too_large(where: str, most: int) -> ApiError:
    return ApiError(
        f"{where} is larger than {most >> 20} MiB, which nothing of its kind is. Check what wrote it, store and store_endpoint_url.", code="malformed_body"
    )
