# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store in memory, with the troubles that a real one has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import Conflict, StoredObject


class MemoryStore:
    """``ignored`` are the conditions that it does not honour, ``down`` answers nothing, ``lost_answers`` is how many
    writes are done and reported as refused.

    ``now`` is its clock, None where it reports none; ``reads`` are the keys that were asked for.
    ``before_lease`` is called once, before the next write of the lease: somebody else who is quicker.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.ignored: set[str] = set()
        self.down = False
        self.lost_answers = 0
        self.before_lease: Callable[[], Any] | None = None
        self.writes = 0
        self.now: float | None = None
        self.reads: list[str] = []

    def describe(self) -> str:
        return "s3://bucket/shop"

    def get(self, key: str) -> tuple[bytes, str] | None:
        self._answer()
        self.reads.append(key)
        return (self.objects[key], self._etag(key)) if key in self.objects else None

    def put_if_absent(self, key: str, data: bytes) -> str:
        return self._put(key, data, "", "If-None-Match")

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        return self._put(key, data, etag, "If-Match")

    def list(self, prefix: str = "") -> list[StoredObject]:
        self._answer()
        return [
            StoredObject(key, len(data), datetime.now(UTC))
            for key, data in sorted(self.objects.items())
            if key.startswith(prefix)
        ]

    def delete(self, key: str) -> None:
        self._answer()
        self.objects.pop(key, None)

    def time(self) -> float | None:
        return self.now

    def close(self) -> None:
        pass

    def _etag(self, key: str) -> str:
        return str(hash(self.objects[key])) if key in self.objects else ""

    def _put(self, key: str, data: bytes, etag: str, condition: str) -> str:
        self._answer()
        if self.before_lease and key == "lease.json":
            quicker, self.before_lease = self.before_lease, None
            quicker()
        if condition not in self.ignored and self._etag(key) != etag:
            raise Conflict(f"{key} was written by another process")
        self.objects[key] = data
        self.writes += 1
        if self.lost_answers and not key.startswith("probe/"):
            self.lost_answers -= 1
            raise Conflict(f"{key} was written by another process")
        return self._etag(key)

    def _answer(self) -> None:
        if self.down:
            raise Unreachable("s3://bucket/shop could not be read: no answer", retryable=True)
