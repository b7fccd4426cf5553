# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where backups, the lease and the ledger live: small objects that are written on a condition, in S3 or in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from ..core.deadline import nothing
from ..core.errors import RunbookError


class Conflict(RunbookError):
    """The condition of a write did not hold: somebody else wrote first. A write whose answer was lost and that is tried again ends like this too."""

    kind = "conflict"


Permit = Callable[[float], float]
CHUNK = 1 << 20  # bytes of a piece of a stream


def unguarded(seconds: float) -> float:
    """Stand for ``Lease.before_write`` where no lease guards a write.

    That is so for the lease itself, for the probe that proves that a store can keep one, and for a record that its own run takes back.
    """
    return seconds


class Guarded:
    """What the stores share: every write first asks ``before_write``, which is the lease's; without it the store only reads."""

    def __init__(self, before_write: Permit | None) -> None:
        self._before_write = before_write

    def describe(self) -> str:
        raise NotImplementedError

    def permit(self, seconds: float) -> float:
        """Ask for a write that may take ``seconds``; return the seconds that it may take. Raises LeaseLost."""
        if not self._before_write:
            raise RunbookError(
                f"{self.describe()} was opened for reading only, so nothing was written to it. This is a fault of the collection: please report it.",
                code="read_only",
            )
        return self._before_write(seconds)


@dataclass(frozen=True)
class StoredObject:
    """An object of the store: ``size`` in bytes, ``modified`` in UTC."""

    key: str
    size: int
    modified: datetime


class Writer(Protocol):
    def write(self, data: bytes) -> None:
        """Add to the object."""

    def complete(self) -> None:
        """Put the object under its name."""

    def abort(self) -> None:
        """Take back what was written; never raises, as it follows another failure."""


class Unfinished(NamedTuple):
    """An object that was never completed, begun at ``since``; ``handle`` is the store's own."""

    key: str
    handle: Any
    since: datetime


class Store(Protocol):
    """Keys are relative to the store's prefix, with slashes. An etag names one content of one object. Each write asks the lease first: see Guarded."""

    def describe(self) -> str:
        """Return the store's address as an operator would write it, without any secret."""

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return an object's (content, etag), None when there is none."""

    def put_if_absent(self, key: str, data: bytes) -> str:
        """Write a new object and return its etag. Raises Conflict when there is one."""

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        """Replace the object that still has this etag and return the new one. Raises Conflict when it has another, or is gone."""

    def list(self, prefix: str = "") -> list[StoredObject]:
        """Return the objects whose key begins with ``prefix``, sorted by key."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""

    def open_writer(self, key: str, expected: int = 0) -> Writer:
        """Return a writer of a new object of about ``expected`` bytes. The object appears when it is complete, and replaces one of this name."""

    def read(self, key: str, tick: Callable[[], None] = nothing) -> Iterator[bytes]:
        """Return an object's content piece by piece. ``tick`` is called every few seconds while a slow piece is awaited."""

    def unfinished(self, prefix: str) -> Sequence[Unfinished]:
        """Return the objects below ``prefix`` that were begun and not completed; nothing where the credentials may not list them."""

    def discard(self, left: Unfinished) -> None:
        """Remove one of ``unfinished``."""

    def refuse_public(self, warn: Callable[[str], None]) -> None:
        """Raise ConfigError when the world may read the store. Warn when that cannot be found out."""

    def time(self) -> float | None:
        """Return the store's own time in seconds since 1970, going by its last answer; None where it does not tell."""

    def close(self) -> None:
        """Let go of connections."""
