# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take, renew and give back the deploy lease: one object in the store, replaced only on the condition that nobody else replaced it.

Vendors take no fencing token, so the look at the lease comes before a write and cannot be one step with it: a request that was under way when its process
was stopped may still arrive.
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
from .lease_document import KEY, MARGIN, Document, encode, iso, obstacle, read, still_held, taken_by, taken_from, timestamp
from .ledger_keys import last_fence
from .store_clock import Clock, StoreClock, compare

TTL_MAX = 300.0
RENEW_AFTER = 1 / 3  # of the time to live
PATIENCE = 60.0  # seconds for a store that does not answer and never did
RACES = 10  # each lost race means that somebody else got on, so this is never reached by chance


def guard(params: Mapping[str, Any]) -> Lease | None:
    """Return the lease that a module writes under, None when its ``lease`` option is not set. The store is opened and asked at the first beat."""
    return Lease(open_later(params, unguarded), params["lease"], step=params.get("lease_step")) if params.get("lease") else None


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
    """Take the lease for ``ttl`` seconds; ``reason`` takes it from a holder whose deadline has not passed.

    Returns the lease and, when it was taken from somebody, their {holder, release, since, journal}. Raises LeaseHeld, and ConfigError for a store
    that cannot keep a lease, or where the controller's clock is wrong; ``tolerate_clock`` warns of that. Deadlines go by the store's clock.
    """
    prove_conditional_writes(store)
    now = compare(store, clock, tolerate=tolerate_clock, warn=warn)
    token = str(uuid.uuid4())
    loser: dict[str, Any] | None = None
    for _unused in range(RACES):
        current, etag = read(store) or (None, None)
        if current and current["token"] == token:  # written after all by a try whose answer was lost
            return Lease(store, token, document=current, clock=clock), loser
        held = obstacle(current, store, now()) if current and not reason else None
        if held:
            raise held
        loser = taken_from(current)
        first = 1 if current else last_fence(store) + 1  # a lease that was removed must not count from the start
        wanted = taken_by(current, token=token, holder=holder, release=release, ttl=ttl, reason=reason, now=now(), first=first)
        try:
            if etag:
                store.put_if_match(KEY, encode(wanted), etag)
            else:
                store.put_if_absent(KEY, encode(wanted))
        except Conflict:
            continue
        except (ApiError, Unreachable):
            current, etag = read(store) or (None, None)
            if not current or current["token"] != token:  # else it was written, and only the answer was lost
                raise
        return Lease(store, token, document=wanted, clock=clock), loser
    raise _restless(store)


class Lease:
    """The lease that ``token`` holds, or believes to hold. ``document`` is what was last seen of it, None before the first look.

    ``step`` says what the holder is doing; a renewal notes it in the journal.
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
        self._one = threading.RLock()  # of a module's threads asks the store
        self._begun = self._ended = 0  # looks at the lease: the last one that began, and the last one that succeeded

    def before_write(self, seconds: float) -> float:
        """Renew the lease so that a write of ``seconds`` ends before the deadline less the margin, and return the seconds that the write may take.

        That is ``seconds``, or less where the time to live is shorter. Raises LeaseLost when the lease is lost or no time is left. Safe to call from
        several threads: those that wait for one look at the lease share the next one.
        """
        begun = self._begun
        with self._one:
            if self._ended <= begun or self._left() < seconds:  # else a look that began after this call found the lease held
                self.beat()
            if self._left() < seconds:
                self._try(renew_now=True)
            left = self._left()
        if left <= 0:
            raise LeaseLost("The lease ran out before the write could start, so nothing more is written. Run the play again: it settles what was left.")
        return min(seconds, left)

    def beat(self) -> None:
        """Look whether this run may still write, and renew the lease once a third of its time is gone. Raises LeaseLost.

        So on return about two thirds of its time are left. A store that does not answer is asked again for as long as the lease lasts.
        """
        trouble = self._try()
        if not trouble or (self.document and not self._due()):
            return  # out of the store's reach only force could have taken it
        known = self.document
        left = self._left() if known else PATIENCE
        waiter = Waiter(timeout=max(0.0, left), sleep=self._sleep, clock=self._clock)
        try:
            waiter.wait_for(self._try, lambda said: (Outcome.PENDING if said else Outcome.READY, "out of reach"), what=f"The lease in {self.store.describe()}")
        except WaitTimeout:
            if known:
                raise LeaseLost(f"The lease could not be renewed before its deadline, so nothing more is written. {trouble}") from None
            raise Unreachable(f"Nothing is written, for nobody can say who holds the lease. {trouble}", retryable=True) from None

    def note(self, text: str) -> None:
        """Say how far the step is; the next beat writes it to the journal, where it stays until the next renewal that has nothing to say of it."""
        self.progress = text

    def read(self) -> tuple[Document, str]:
        """Return the lease as (document, etag). Raises LeaseLost when this run does not hold it any more."""
        self._begun += 1
        begun = self._begun
        document, etag = read(self.store) or (None, "")
        self._clock.set()
        self.document = still_held(document, self.token, self.store, self._clock())
        self._ended = begun
        return self.document, etag

    def renew(self, journal: Mapping[str, Any] | None = None) -> Document:
        """Move the deadline, merge ``journal`` into the lease's journal key by key, and return the document. Raises LeaseLost."""
        for _unused in range(RACES):
            document, etag = self.read()
            noted = {name: text for name, text in (("step", self.step), ("progress", self.progress)) if text}
            kept = {name: item for name, item in document["journal"].items() if name != "progress"}
            wanted = {**document, "deadline": iso(self._clock() + document["ttl"]), "journal": {**kept, **noted, **(journal or {})}}
            if self._replaced(wanted, etag):
                self.document = wanted
                return wanted
        raise _restless(self.store)

    def release(self, *, unfinished: bool = False) -> bool:
        """Give the lease back and return True; False when this token does not hold it. ``unfinished`` keeps the journal for the next holder to settle."""
        for race in range(RACES):
            document, etag = read(self.store) or (None, "")
            self._clock.set()
            if not document or document["token"] != self.token or document["state"] != "held":
                # Its own release is what it lost the race to where the answer to that was lost.
                return bool(race and document and document["token"] == self.token)
            journal = document["journal"] if unfinished else {}
            if self._replaced({**document, "state": "released", "released_at": iso(self._clock()), "journal": journal}, etag):
                return True
        raise _restless(self.store)

    def now(self) -> float:
        """Return the time by which the lease goes, in seconds since 1970."""
        return self._clock()

    def _replaced(self, document: Document, etag: str) -> bool:
        try:
            self.store.put_if_match(KEY, encode(document), etag)
        except Conflict:
            return False
        return True

    def _left(self) -> float:
        """Return the seconds in which this run may still write, going by what it last saw of the lease."""
        known = self.document
        return timestamp(known["deadline"]) - known["ttl"] * MARGIN - self._clock() if known else 0.0

    def _due(self) -> bool:
        known = self.document
        if known and any(text and known["journal"].get(name) != text for name, text in (("step", self.step), ("progress", self.progress))):
            return True
        return known is None or self._clock() >= timestamp(known["deadline"]) - known["ttl"] * (1 - RENEW_AFTER)

    def _try(self, *, renew_now: bool = False) -> Exception | None:
        """Look, and renew when it is time to or ``renew_now`` says so; return what a store in trouble said."""
        try:
            self.read()
            if renew_now:
                self.renew()
            while self._due():  # again, when the store took long
                self.renew()
        except (ApiError, Unreachable) as trouble:
            if not trouble.details.get("retryable"):
                raise
            return trouble
        return None


def _restless(store: Store) -> Conflict:
    return Conflict(f"{KEY} in {store.describe()} changes all the time. Look who writes to it, then run the play again.")
