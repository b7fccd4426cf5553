# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deploy lease as a JSON document: its holder, its deadline, and the progress of the deploy.

{schema, state: held|released, token, fence, holder, release, reason, acquired_at, deadline, ttl, journal, released_at}.
``ttl`` is in seconds, times are UTC. ``fence`` grows with every holder and orders the records of the ledger. ``reason``
is why the lease was taken from a holder whose deadline had not passed. ``journal`` has the state of a deploy under way.
It is empty after the deploy has ended; a run that finds one has to settle it. Times are those of the store's clock.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ..core.errors import ConfigError, LeaseHeld, LeaseLost
from ..store import documents
from ..store.base import Store

KEY = "lease.json"
SCHEMA = 1
# The holder stops writing this part of the time to live before the deadline, and others take over as long after it: a
# store has times in whole seconds, and answers take time.
MARGIN = 1 / 20

Document = dict[str, Any]
# What the roles write: a playbook may give a number as a release, and a truth value as text.
JOURNAL = {
    **dict.fromkeys(("kind?", "step?", "progress?"), (str, None)),
    "release?": (str, int, float, None),
    **dict.fromkeys(("snapshot?", "target?"), (None, documents.Each(dict))),
    "incompatible?": (None, [str]),
    **dict.fromkeys(("held?", "held_at_edge?"), (bool, str, None)),
}
SHAPE = {
    "schema": lambda schema: documents.count(schema) and schema <= SCHEMA,
    "state": ("held", "released").__contains__,
    "token": lambda token: isinstance(token, str) and token,
    "fence": documents.count,
    "holder": str,
    "release": (str, None),
    "reason": (str, None),
    "acquired_at": documents.time,
    "deadline": documents.time,
    "ttl": documents.seconds,
    "journal": (JOURNAL,),
    "released_at?": (None, documents.time),
}


def read(store: Store) -> tuple[Document, str] | None:
    """Return the lease as (document, etag); None when it was never taken. Raises ConfigError for an invalid
    document.
    """
    found = store.get(KEY)
    if found is None:
        return None
    try:
        return documents.parse(found[0], SHAPE), found[1]
    except ValueError as wrong:
        raise ConfigError(
            f"{KEY} in {store.describe()} is not a lease that this version can read: {wrong}. "
            "Update the collection; if the file is damaged, remove it while no deploy runs.",
            code="bad_lease",
        ) from None


def encode(document: Document) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode()


def obstacle(document: Document, store: Store, now: float) -> LeaseHeld | None:
    """Return the error when the lease cannot be taken at ``now``: it is held and its deadline has not passed."""
    left = timestamp(document["deadline"]) + document["ttl"] * MARGIN - now
    if document["state"] != "held" or left <= 0:
        return None
    return LeaseHeld(
        f"The lease in {store.describe()} is held by {_who(document)} since {document['acquired_at']}, until"
        f" {document['deadline']}. Wait until it is released, at most {left:.0f} s; or take it over with -e"
        " break_lease=<reason>: its holder stops before its next write.",
        holder=document["holder"],
        release=document["release"],
        since=document["acquired_at"],
        deadline=document["deadline"],
        retryable=True,
    )


def still_held(document: Document | None, token: str, store: Store, now: float) -> Document:
    """Return the document when ``token`` may write at ``now``. Raises LeaseLost when it may not."""
    where = f"The lease in {store.describe()}"
    if not document:
        raise LeaseLost(
            f"{where} is gone, so nothing more is written. Find out who removed {KEY}, then run the play again."
        )
    if document["token"] != token:
        why = f" ({document['reason']})" if document["reason"] else ""
        raise LeaseLost(
            f"{where} was taken by {_who(document)} at {document['acquired_at']}{why}. This run writes nothing more. "
            "Run it again when the other run has ended.",
            holder=document["holder"],
            release=document["release"],
        )
    if document["state"] != "held":
        raise LeaseLost(
            f"{where} was released at {document.get('released_at')}, so this run may not write any more. Run the whole"
            " play again."
        )
    if now >= timestamp(document["deadline"]) - document["ttl"] * MARGIN:
        raise LeaseLost(
            f"{where} expired at {document['deadline']}: this run was stopped for longer than {document['ttl']:g} s. It"
            " writes nothing more. Run the play again: it settles what was left."
        )
    return document


def taken_by(
    current: Document | None,
    *,
    token: str,
    holder: str,
    release: str,
    ttl: float,
    reason: str | None,
    now: float,
    first: int = 1,
) -> Document:
    """Return the lease's new document when it is taken; the journal stays, so that an unfinished deploy is settled."""
    return {
        "schema": SCHEMA,
        "state": "held",
        "token": token,
        "fence": current["fence"] + 1 if current else first,
        "holder": holder,
        "release": release,
        "reason": reason if taken_from(current) else None,
        "acquired_at": iso(now),
        "deadline": iso(now + ttl),
        "ttl": ttl,
        "journal": current["journal"] if current else {},
    }


def taken_from(current: Document | None) -> dict[str, Any] | None:
    """Return {holder, release, since, journal} of the current holder, which loses the lease when it is
    taken now; None without a holder.
    """
    if not current or current["state"] != "held":
        return None
    return {
        "holder": current["holder"],
        "release": current["release"],
        "since": current["acquired_at"],
        "journal": current["journal"],
    }


def iso(epoch: float) -> str:
    """Return seconds since 1970 as UTC in ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def timestamp(text: str) -> float:
    """Return the seconds since 1970 of an ISO 8601 time; one without an offset is UTC."""
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _who(document: Document) -> str:
    return document["holder"] + (f" for the release {document['release']}" if document["release"] else "")


def last_holder(store: Store) -> int:
    """Return the fence of the last holder of the lease there was, 0 where there was none."""
    try:
        found = read(store)
    except ConfigError:  # an emergency is recorded even if the lease is damaged
        return 0
    return found[0]["fence"] if found else 0
