# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store's clock: the only one that all controllers share, so deadlines are set and checked by it."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..core.errors import ConfigError
from ..core.wait import nothing
from ..store.base import Store
from .lease_document import iso

APART = 60.0  # seconds that a controller's clock may differ from the store's
NEGLIGIBLE = 2.0  # a Date has whole seconds, and its answer takes time

Clock = Callable[[], float]


class StoreClock:
    """Returns the store's time in seconds since 1970: the controller's ``clock``, corrected by the last
    known difference.
    """

    def __init__(self, store: Store, clock: Clock = time.time) -> None:
        self._store, self._clock = store, clock
        # seconds that the controller's clock is ahead; None where the store gives no time
        self.ahead: float | None = None

    def __call__(self) -> float:
        return self._clock() - (self.ahead or 0.0)

    def set(self) -> None:
        """Compare the clocks again, after an answer of the store."""
        time_there = self._store.time()
        if time_there is not None:
            ahead = self._clock() - time_there
            self.ahead = 0.0 if abs(ahead) <= NEGLIGIBLE else ahead

    def difference(self) -> str | None:
        """Return the message about a wrong clock; None for a right one or one that cannot be compared."""
        if self.ahead is None or abs(self.ahead) <= APART:
            return None
        now = self._clock()
        return (
            f"The clock of this controller shows {iso(now)}, the clock of the store {self._store.describe()} shows"
            f" {iso(now - self.ahead)}. They differ by {abs(self.ahead):.0f} s, but at most {APART:.0f} s are allowed."
        )


def compare(
    store: Store, clock: Clock = time.time, *, tolerate: bool = False, warn: Callable[[str], None] = nothing
) -> StoreClock:
    """Return the clock of a store that has just answered. Raises ConfigError for a wrong clock of the
    controller; with ``tolerate`` it only warns.
    """
    compared = StoreClock(store, clock)
    compared.set()
    wrong = compared.difference()
    if wrong and not tolerate:
        raise ConfigError(
            f"{wrong} Correct the wrong clock, for example by NTP (timedatectl shows whether this machine is"
            " synchronised), and run the play again.",
            code="clock",
        )
    if wrong:
        warn(f"{wrong} The lease and the ledger use the store's clock. Correct the wrong clock before the next deploy.")
    if compared.ahead is None:
        warn(
            f"{store.describe()} gives no time (its answers have no valid Date), so this controller's clock could not"
            " be compared with it."
        )
    return compared
