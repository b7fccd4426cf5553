# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes that deploy_lease makes to a lease, and the fields of the lease that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..store.base import Store
from .lease import Lease, take
from .lease_document import Document, read

SHOWN = ("state", "holder", "release", "reason", "acquired_at", "deadline", "ttl", "fence")


class Work(Protocol):
    def do(self, store: Store) -> dict[str, Any]:
        """Do the work and return the values to add to the planned result."""


@dataclass(frozen=True)
class Take:
    """``wanted`` are the options of ``lease.take``."""

    wanted: Mapping[str, Any]

    def do(self, store: Store) -> dict[str, Any]:
        lease, loser = take(store, **self.wanted)
        return {
            "token": lease.token,
            "lease": shown(lease.document),
            "taken_over": loser,
            "journal": lease.document["journal"] if lease.document else {},
        }


@dataclass(frozen=True)
class Renew:
    lease: Lease
    journal: dict[str, Any] | None

    def do(self, store: Store) -> dict[str, Any]:
        document = self.lease.renew(self.journal)
        return {"lease": shown(document), "journal": document["journal"]}


@dataclass(frozen=True)
class GiveBack:
    """``unfinished`` leaves the journal for the next holder to settle."""

    lease: Lease
    unfinished: bool

    def do(self, store: Store) -> dict[str, Any]:
        return {"changed": self.lease.release(unfinished=self.unfinished)}


def read_document(store: Store) -> Document | None:
    """Return the lease as it is in the store."""
    found = read(store)
    return found[0] if found else None


def shown(document: Document | None) -> dict[str, Any] | None:
    """Return the public fields of the lease, which are all but its token and journal."""
    return {name: document[name] for name in SHOWN} if document else None


def why_not_given_back(current: Document | None, lost: bool) -> str:
    """Return why this run has no lease to give back, as the end of a sentence whose subject is the lease."""
    if not current:
        return "does not exist"
    if not lost:
        return "was already released"
    if current["state"] == "held":
        return f"is held by another run, {current['holder']}, since {current['acquired_at']}"
    return f"was taken by {current['holder']} at {current['acquired_at']}"
