# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read only as much of the ledger as a rollback needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from ..core.amounts import number
from ..core.errors import ConfigError
from ..core.wait import nothing
from ..store.base import Store
from .lease_document import timestamp
from .ledger import RELEASING, Record, load, state_after, target, verified
from .ledger_keys import Key, newest_first
from .store_clock import APART, StoreClock

MOST = 1000  # most records that are read; the platforms keep no deployments of older ones either
BATCH = 20
AT_ONCE = 8
NAMED = 3


class History(NamedTuple):
    """``records`` are all records that were read, the newest first; ``shown`` the newest ``limit`` ones. ``cut`` is
    whether older ones may matter.

    ``remarks`` name the records whose time cannot be right.
    """

    records: list[Record]
    shown: list[Record]
    cut: bool
    remarks: list[str]


def read(
    store: Store,
    limit: int,
    *,
    release: str | None = None,
    every: bool = False,
    warn: Callable[[str], None] = nothing,
    clock: StoreClock | None = None,
) -> History:
    """Return the newest ``limit`` records, and older ones until they determine the target of a rollback (to
    ``release``, if given).

    Of the older ones, only those that may matter are read, unless ``every`` is set. An unreadable record is left out
    with a warning.
    """
    keys = newest_first(store)
    now = clock or StoreClock(store)
    now.set()
    # the outcome of the last run matters in any case
    first = next((key for key in keys if not key.kind or key.kind in RELEASING), None)
    older = (key for key in keys[limit:] if every or key.matters() or key is first)
    records = shown = list(_load(store, keys[:limit], warn))
    batch = list(islice(older, BATCH))
    count = 0
    while batch and count < MOST and not settled(records, release):
        records = [*records, *_load(store, batch, warn)]
        count += len(batch)
        batch = list(islice(older, BATCH))
    cut = bool(batch) and not settled(records, release)
    return History(records, shown, cut, _from_the_future(records, now()))


def every(store: Store, warn: Callable[[str], None] = nothing) -> list[Record]:
    """Return all records, newest first. An unreadable record is left out with a warning."""
    return list(_load(store, newest_first(store), warn))


def settled(records: Sequence[Record], release: str | None = None) -> bool:
    """Whether older records cannot change the target of a rollback: it is known for every unit that was moved since."""
    index, _message = target(records, release)
    if index is None:
        return False
    moved = {unit for record in records[:index] if verified(record) for unit in record["units"]}
    return moved <= state_after(records, index)["units"].keys()


def _load(store: Store, keys: Sequence[Key], warn: Callable[[str], None]) -> Iterator[Record]:
    def one(key: Key) -> Record | ConfigError:
        try:
            return load(store, key.key)
        except ConfigError as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for found in pool.map(one, keys):
            if isinstance(found, ConfigError):
                warn(str(found))
            else:
                yield found


def _from_the_future(records: Sequence[Record], now: float) -> list[str]:
    ahead = [(record, timestamp(record["finished_at"]) - now) for record in records]
    wrong = [
        f"The record {record['id']} (the {record['kind']} of {record['release']}) has the time {record['finished_at']},"
        f" {seconds:.0f} s from now: the clock of its controller was ahead."
        f" {'The order of the ledger does not depend on it' if record.get('fence') else 'Check what is really live'}."
        for record, seconds in ahead
        if seconds > APART
    ]
    more = (
        [f"{number(len(wrong) - NAMED, 'more record has', 'more records have')} times in the future."]
        if len(wrong) > NAMED
        else []
    )
    return wrong[:NAMED] + more
