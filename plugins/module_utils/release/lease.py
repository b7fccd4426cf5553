# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take, renew and release the deploy lease: one object in the store, replaced only if no other process has replaced it.

Vendors accept no fencing token, so the check of the lease and the write are two steps: a request that was already sent
when its process was stopped may still arrive.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ..core.errors import ApiError, LeaseLost, Unreachable, WaitTimeout
from ..core.wait import Outcome, Waiter, nothing
from ..store.base import Conflict, Store, unguarded
from ..store.conditional_writes import prove_conditional_writes
from ..store.open import open_later
from .lease_document import (
    KEY,
    MARGIN,
    Document,
    encode,
    iso,
    obstacle,
    read,
    still_held,
    taken_by,
    taken_from,
    timestamp,
)
from .ledger_keys import last_fence
from .store_clock import Clock, StoreClock, compare

TTL_MAX = 300.0
RENEW_AFTER = 1 / 3  # part of the time to live after which the lease is renewed
PATIENCE = 60.0  # seconds to wait for a store that has never answered
RACES = 10  # each lost race means that another process succeeded, so chance never leads to this many


def guard(params: Mapping[str, Any]) -> Lease | None:
    """Return the lease for a module's writes; None when its ``lease`` option is not set. The store is
    opened at the first ``heartbeat``.
    """
    return (
        Lease(open_later(params, unguarded), params["lease"], step=params.get("lease_step"))
        if params.get("lease")
        else None
    )


def take(
    store: Store,
    *,
    holder: str,
    release: str = "",
    ttl: float = TTL_MAX,
    reason: str | None = None,
    clock: Clock = time.time,
    tolerate_clock: bool = False,
    warn: Callable[[str], None] = nothing,
) -> tuple[Lease, dict[str, Any] | None]:
    """Take the lease for ``ttl`` seconds; with ``reason`` also from a holder whose deadline has not passed.

    Returns the lease and, when it was taken from a holder, {holder, release, since, journal} of that holder. Raises
    LeaseHeld, and ConfigError for a store that cannot hold a lease or a controller with a wrong clock; with
    ``tolerate_clock`` a wrong clock is only a warning. Deadlines use the store's clock.
    """
    prove_conditional_writes(store)
    now = compare(store, clock, tolerate=tolerate_clock, warn=warn)
    token = str(uuid.uuid4())
    loser: dict[str, Any] | None = None
    for _unused in range(RACES):
        current, etag = read(store) or (None, None)
        if current and current["token"] == token:  # an earlier try wrote it and its answer was lost
            return Lease(store, token, document=current, clock=clock), loser
        held = obstacle(current, store, now()) if current and not reason else None
        if held:
            raise held
        loser = taken_from(current)
        first = 1 if current else last_fence(store) + 1  # the fence must grow even after the lease object was removed
        wanted = taken_by(
            current, token=token, holder=holder, release=release, ttl=ttl, reason=reason, now=now(), first=first
        )
        try:
            if etag:
                store.put_if_match(KEY, encode(wanted), etag)
            else:
                store.put_if_absent(KEY, encode(wanted))
        except Conflict:
            continue
        except (ApiError, Unreachable):
            current, etag = read(store) or (None, None)
            if not current or current["token"] != token:  # otherwise it was written and only the answer was lost
                raise
        return Lease(store, token, document=wanted, clock=clock), loser
    raise _restless(store)


class Lease:
    """The lease that ``token`` holds, or seems to hold. ``document`` is its last known content, None before the first
    read.

    ``step`` is the holder's current step; a renewal writes it to the journal.
    """

    def __init__(
        self,
        store: Store,
        token: str,
        *,
        document: Document | None = None,
        step: str | None = None,
        clock: Clock = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.store, self.token, self.document, self.step = store, token, document, step
        self.progress: str | None = None
        self._clock, self._sleep = StoreClock(store, clock), sleep
        self._one = threading.RLock()  # only one thread at a time uses the store
        # numbers of reads of the lease: the last one that started, and the last one that succeeded
        self._begun = self._ended = 0

    def before_write(self, seconds: float) -> float:
        """Renew the lease so that a write of ``seconds`` ends before the deadline minus the margin; return the seconds
        that the write may take.

        That is ``seconds``, or less where the time to live is shorter. Raises LeaseLost when the lease is lost or no
        time is left. Safe to call from several threads: those that wait for one read of the lease share the next one.
        """
        begun = self._begun
        with self._one:
            # otherwise a read that started after this call found the lease held
            if self._ended <= begun or self._left() < seconds:
                self.heartbeat()
            if self._left() < seconds:
                self._try(renew_now=True)
            left = self._left()
        if left <= 0:
            raise LeaseLost(
                "The lease expired before the write could start, so nothing more is written. Run the play again: it"
                " settles what was left."
            )
        return min(seconds, left)

    def heartbeat(self) -> None:
        """Check that this run may still write, and renew the lease when a third of its time has passed. Raises
        LeaseLost.

        On return, about two thirds of its time are left. A store that does not answer is tried again until the lease
        expires.
        """
        trouble = self._try()
        if not trouble or (self.document and not self._due()):
            return  # while the store is unreachable, the lease cannot have been taken without force
        known = self.document
        left = self._left() if known else PATIENCE
        waiter = Waiter(timeout=max(0.0, left), sleep=self._sleep, clock=self._clock)
        try:
            waiter.wait_for(self._try, _reachable, what=f"The lease in {self.store.describe()}")
        except WaitTimeout:
            if known:
                raise LeaseLost(
                    f"The lease could not be renewed before its deadline, so nothing more is written. {trouble}"
                ) from None
            raise Unreachable(
                f"Nothing is written, because the holder of the lease is unknown. {trouble}", retryable=True
            ) from None

    def note(self, text: str) -> None:
        """Set the step's progress. The next ``heartbeat`` writes it to the journal; a later renewal without
        progress removes it.
        """
        self.progress = text

    def read(self) -> tuple[Document, str]:
        """Return the lease as (document, etag). Raises LeaseLost when this run no longer holds it."""
        self._begun += 1
        begun = self._begun
        document, etag = read(self.store) or (None, "")
        self._clock.set()
        self.document = still_held(document, self.token, self.store, self._clock())
        self._ended = begun
        return self.document, etag

    def renew(self, journal: Mapping[str, Any] | None = None) -> Document:
        """Move the deadline, merge ``journal`` into the lease's journal key by key, and return the
        document. Raises LeaseLost.
        """
        for _unused in range(RACES):
            document, etag = self.read()
            noted = {name: text for name, text in (("step", self.step), ("progress", self.progress)) if text}
            kept = {name: item for name, item in document["journal"].items() if name != "progress"}
            wanted = {
                **document,
                "deadline": iso(self._clock() + document["ttl"]),
                "journal": {**kept, **noted, **(journal or {})},
            }
            if self._replaced(wanted, etag):
                self.document = wanted
                return wanted
        raise _restless(self.store)

    def release(self, *, unfinished: bool = False) -> bool:
        """Release the lease and return True; False when this token does not hold it. "
        "With ``unfinished`` the journal stays, so that the next holder settles it."""
        for race in range(RACES):
            document, etag = read(self.store) or (None, "")
            self._clock.set()
            if not document or document["token"] != self.token or document["state"] != "held":
                # After a lost answer, the race was lost to this run's own release.
                return bool(race and document and document["token"] == self.token)
            journal = document["journal"] if unfinished else {}
            if self._replaced(
                {**document, "state": "released", "released_at": iso(self._clock()), "journal": journal}, etag
            ):
                return True
        raise _restless(self.store)

    def now(self) -> float:
        """Return the store's time, in seconds since 1970."""
        return self._clock()

    def _replaced(self, document: Document, etag: str) -> bool:
        try:
            self.store.put_if_match(KEY, encode(document), etag)
        except Conflict:
            return False
        return True

    def _left(self) -> float:
        """Return the seconds in which this run may still write, by the last known content of the lease."""
        known = self.document
        return timestamp(known["deadline"]) - known["ttl"] * MARGIN - self._clock() if known else 0.0

    def _due(self) -> bool:
        known = self.document
        if known and any(
            text and known["journal"].get(name) != text
            for name, text in (("step", self.step), ("progress", self.progress))
        ):
            return True
        return known is None or self._clock() >= timestamp(known["deadline"]) - known["ttl"] * (1 - RENEW_AFTER)

    def _try(self, *, renew_now: bool = False) -> Exception | None:
        """Read the lease, and renew it when it is due or with ``renew_now``; return the error of a store
        that is unavailable for now.
        """
        try:
            self.read()
            if renew_now:
                self.renew()
            while self._due():  # repeat when the store was slow
                self.renew()
        except (ApiError, Unreachable) as trouble:
            if not trouble.details.get("retryable"):
                raise
            return trouble
        return None


def _reachable(problem: Exception | None) -> tuple[Outcome, str]:
    return (Outcome.PENDING if problem else Outcome.READY), "unreachable"


def _restless(store: Store) -> Conflict:
    return Conflict(
        f"{KEY} in {store.describe()} keeps changing. Find out which process writes to it, then run the play again."
    )
