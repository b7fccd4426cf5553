# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys by pattern, with SCAN: in bounded batches, so that no other client waits for it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .connection import Server, explained
from .limits import refuse_unbounded

BATCH = 500  # keys of one SCAN, and of one UNLINK
MOST_SCANNED = 100_000_000  # keys


@dataclass
class Found:
    """``count`` keys match, of ``scanned`` that were read; ``complete`` is False where a limit ended it."""

    count: int = 0
    scanned: int = 0
    complete: bool = True
    sample: list[str] = field(default_factory=list)


def batches(server: Server, pattern: str, limit: int) -> Iterator[tuple[Any, list[bytes], int, bool]]:
    """Give (master, keys that match, keys read so far, whether it is over) until ``limit`` keys were read; a key
    that SCAN returns twice may be given twice.
    """
    scanned = 0
    for master in server.masters:
        cursor = 0
        while True:
            with explained(server.address):
                cursor, keys = master.scan(cursor=cursor, match=pattern.encode(), count=BATCH)
            scanned += BATCH
            yield master, keys, scanned, scanned >= limit and bool(cursor)
            if not cursor or scanned >= limit:
                break
        if scanned >= limit:
            return


def count(server: Server, pattern: str, limit: int, sample: int = 10) -> Found:
    """Count the keys that match."""
    found = Found()
    for _master, keys, scanned, cut in batches(server, pattern, limit):
        found.count += len(keys)
        found.scanned, found.complete = scanned, not cut
        found.sample += [shown(key) for key in keys[: sample - len(found.sample)]]
    return found


def unlink(server: Server, pattern: str, limit: int) -> Found:
    """Remove the keys that match, batch by batch; the server frees their memory in the background."""
    refuse_unbounded(pattern)
    found = Found()
    for master, keys, scanned, cut in batches(server, pattern, limit):
        if keys:
            with explained(server.address):
                pipe = master.pipeline(transaction=False)
                for key in keys:  # one by one: in a cluster the keys of one command have to be in one slot
                    pipe.unlink(key)
                found.count += sum(pipe.execute())
            found.sample += [shown(key) for key in keys[: 10 - len(found.sample)]]
        found.scanned, found.complete = scanned, not cut
    return found


def biggest(server: Server, pattern: str, limit: int, most: int) -> list[dict[str, Any]]:
    """Return the ``most`` biggest of the keys that match: key, bytes, type, seconds to live (None for ever)."""
    heap: list[tuple[int, bytes, int]] = []
    masters = server.masters
    for number, (master, keys, _scanned, _cut) in enumerate(batches(server, pattern, limit)):
        with explained(server.address):
            pipe = master.pipeline(transaction=False)
            for key in keys:
                pipe.memory_usage(key)
            sizes = pipe.execute() if keys else []
        place = masters.index(master) if master in masters else number
        for key, size in zip(keys, sizes, strict=True):
            if size and (int(size), key, place) not in heap:
                heapq.heappush(heap, (int(size), key, place))
        while len(heap) > most:
            heapq.heappop(heap)
    return [_described(server, key, size) for size, key, _place in sorted(heap, reverse=True)]


def _described(server: Server, key: bytes, size: int) -> dict[str, Any]:
    with explained(server.address):
        kind, left = server.client.type(key), server.client.ttl(key)
    return {"key": shown(key), "bytes": size, "type": kind.decode(), "ttl": left if left >= 0 else None}


def shown(key: bytes) -> str:
    return key.decode("utf-8", errors="backslashreplace")
