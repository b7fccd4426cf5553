# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limit the time and size of requests to S3: botocore's timeouts restart with every byte, and it reads
answers of any length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

with suppress(ImportError):  # store/s3.py reports it
    from botocore.awsrequest import AWSHTTPConnectionPool, AWSHTTPSConnectionPool
    from botocore.exceptions import ReadTimeoutError

from ..core.deadline import deadline, nothing, timed_pools
from ..core.errors import ApiError, Unreachable

ATTEMPT = 30.0  # seconds of one attempt, including connection and answer
STALL = 60.0  # seconds without a byte, or for one piece of a large object
FLOOR = 16 << 10  # bytes a second; a slower upload is aborted
CHUNK = 1 << 20  # bytes of one piece of a large object
STEP = 64 << 10
SMALL = 16 << 20  # most bytes of a lease, a record or a manifest
ANSWER = 64 << 20  # most bytes of any other answer, such as a page of a listing


def bound(client: Any) -> None:
    """Apply the thread's current deadline to a client's connections."""
    client._endpoint.http_session._pool_classes_by_scheme.update(
        timed_pools(AWSHTTPConnectionPool, AWSHTTPSConnectionPool)
    )


def attempt_seconds(request: Any) -> float:
    """Return how long one attempt may take, by the size of its body."""
    length = str(request.headers.get("Content-Length") or 0)
    return ATTEMPT + (int(length) / FLOOR if length.isdecimal() else 0)


def send(client: Any, request: Any, seconds: float, where: str) -> Any:
    """Send one attempt of a request within ``seconds``. Raises botocore's errors, and ApiError for an
    endless answer.
    """
    with deadline(seconds, most=ANSWER, stall=STALL) as limit:
        try:
            return client._endpoint.http_session.send(request)
        except Exception:
            if limit.received > ANSWER:
                raise too_large(where, ANSWER) from None
            raise


def small(body: Any, where: str, tick: Callable[[], None] = nothing) -> bytes:
    """Return the content of a small object. Raises ApiError for a larger one."""
    content = bytearray()
    with deadline(ATTEMPT, tick):
        while more := body.read(STEP):
            content += more
            if len(content) > SMALL:
                body.close()
                raise too_large(where, SMALL)
    return bytes(content)


def flowing(body: Any, where: str, tick: Callable[[], None] = nothing) -> Iterator[bytes]:
    """Yield a large object piece by piece, each within STALL seconds. Raises Unreachable when it stalls or
    is too slow.
    """
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
            came = f"only {limit.received} bytes arrived" if limit.received else "nothing arrived"
            raise Unreachable(
                f"{where} is too slow: {came} within {STALL:g} s, and a backup needs {CHUNK / STALL / 1024:.0f} KiB a"
                " second. Check the network, then run it again.",
                code="too_slow",
                retryable=True,
            ) from None
    return bytes(piece)


def too_large(where: str, most: int) -> ApiError:
    return ApiError(
        f"{where} is larger than {most >> 20} MiB, which is impossible for an object of its kind. "
        "Check store and store_endpoint_url, and find out what wrote it.",
        code="malformed_body",
    )
