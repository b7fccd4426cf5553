# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store's clock: the only one that every controller shares, so deadlines are set and judged by it."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..core.errors import ConfigError
from ..core.wait import nothing
from ..store.base import Store
from .lease_document import iso

APART = 60.0  # seconds that a controller's clock may differ from the store's
NEGLIGIBLE = 2.0  # a Date has whole seconds, and travels

Clock = Callable[[], float]


class StoreClock:
    """Gives the store's time in seconds since 1970: the controller's ``clock``, corrected by what the store told last."""

    def __init__(self, store: Store, clock: Clock = time.time) -> None:
        self._store, self._clock = store, clock
        self.ahead: float | None = None  # seconds that the controller's clock is ahead; None where the store did not tell

    def __call__(self) -> float:
        return self._clock() - (self.ahead or 0.0)

    def set(self) -> None:
        """Compare the clocks anew, after the store has answered."""
        told = self._store.time()
        if told is not None:
            ahead = self._clock() - told
            self.ahead = 0.0 if abs(ahead) <= NEGLIGIBLE else ahead

    def difference(self) -> str | None:
        """Return what to say of a clock that is wrong, None of one that is right or cannot be compared."""
        if self.ahead is None or abs(self.ahead) <= APART:
            return None
        now = self._clock()
        return (
            f"This controller's clock says {iso(now)} and that of the store {self._store.describe()} {iso(now - self.ahead)}: "
            f"they are {abs(self.ahead):.0f} s apart, and at most {APART:.0f} s are allowed."
        )


def compare(store: Store, clock: Clock = time.time, *, tolerate: bool = False, warn: Callable[[str], None] = nothing) -> StoreClock:
    """Return the clock of a store that has just answered. Raises ConfigError where the controller's is wrong; ``tolerate`` only warns of it."""
    compared = StoreClock(store, clock)
    compared.set()
    wrong = compared.difference()
    if wrong and not tolerate:
        raise ConfigError(
            f"{wrong} Correct the one that is wrong, for example by NTP (timedatectl shows whether this one is synchronised), and run the play again.",
            code="clock",
        )
    if wrong:
        warn(f"{wrong} The lease and the ledger go by the store's clock. Correct the one that is wrong before the next deploy.")
    if compared.ahead is None:
        warn(f"{store.describe()} does not tell the time (its answers have no valid Date), so this controller's clock could not be compared with it.")
    return compared
