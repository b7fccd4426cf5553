# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of backups, the lease and the ledger: objects with conditional writes, in S3 or in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from ..core.deadline import nothing
from ..core.errors import RunbookError


class Conflict(RunbookError):
    """The condition of a write did not hold: another process wrote first. A retry of a write whose answer
    was lost ends like this too.
    """

    kind = "conflict"


Permit = Callable[[float], float]
CHUNK = 1 << 20  # bytes of one piece of a stream


def unguarded(seconds: float) -> float:
    """Replace ``Lease.before_write`` where no lease guards a write.

    These are the writes of the lease itself, of the probe for conditional writes, and the removal of a run's own
    record.
    """
    return seconds


class Guarded:
    """Shared by the stores: every write first calls ``before_write`` of the lease; without it the store is
    read-only.
    """

    def __init__(self, before_write: Permit | None) -> None:
        self._before_write = before_write

    def describe(self) -> str:
        raise NotImplementedError

    def permit(self, seconds: float) -> float:
        """Request a write of up to ``seconds``; return the seconds that it may take. Raises LeaseLost."""
        if not self._before_write:
            raise RunbookError(
                f"{self.describe()} was opened for reading only, so nothing was written to it. This is a bug in the"
                " collection: please report it.",
                code="read_only",
            )
        return self._before_write(seconds)


@dataclass(frozen=True)
class StoredObject:
    """An object in the store: ``size`` in bytes, ``modified`` in UTC."""

    key: str
    size: int
    modified: datetime


class Writer(Protocol):
    def write(self, data: bytes) -> None:
        """Append to the object."""

    def complete(self) -> None:
        """Make the object visible under its key."""

    def abort(self) -> None:
        """Discard the data written so far; never raises, as it follows another failure."""


class Unfinished(NamedTuple):
    """An object that was never completed, started at ``since``; ``handle`` is internal to the store."""

    key: str
    handle: Any
    since: datetime


class Store(Protocol):
    """Keys are relative to the store's prefix, with slashes. An etag identifies one content of one object.
    Each write checks the lease first: see Guarded.
    """

    def describe(self) -> str:
        """Return the store's address as an operator writes it, without secrets."""

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Return an object's (content, etag); None when there is no such object."""

    def put_if_absent(self, key: str, data: bytes) -> str:
        """Write a new object and return its etag. Raises Conflict when the object exists."""

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        """Replace the object that still has this etag; return the new etag. Raises Conflict when its etag
        differs or the object is gone.
        """

    def list(self, prefix: str = "") -> list[StoredObject]:
        """Return the objects whose key starts with ``prefix``, sorted by key."""

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is no error."""

    def open_writer(self, key: str, expected: int = 0) -> Writer:
        """Return a writer for a new object of about ``expected`` bytes. The object appears when it is
        complete, and replaces one with the same key.
        """

    def read(self, key: str, tick: Callable[[], None] = nothing) -> Iterator[bytes]:
        """Yield an object's content piece by piece. ``tick`` is called every few seconds during the wait
        for a slow piece.
        """

    def unfinished(self, prefix: str) -> Sequence[Unfinished]:
        """Return the unfinished objects below ``prefix``; an empty sequence where the credentials may not list them."""

    def discard(self, left: Unfinished) -> None:
        """Remove one of ``unfinished``."""

    def refuse_public(self, warn: Callable[[str], None]) -> None:
        """Raise ConfigError when the store is publicly readable. Warn when this cannot be determined."""

    def time(self) -> float | None:
        """Return the store's time in seconds since 1970, from its last answer; None where the store gives none."""

    def close(self) -> None:
        """Close the connections."""
