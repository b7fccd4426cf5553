# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Purge many items request by request, within the limit of the zone's plan, and report the progress."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import ApiError, RunbookError
from .client import Cloudflare, parse_error

TOO_MANY = re.compile(
    r"\bonly\b|\bmax|at most|up to|more than|fewer than|limit|exceed|too many|per request|per call", re.IGNORECASE
)
NAMED = 10  # items of each kind that a result names


@dataclass(frozen=True)
class Order:
    """What is to be purged of a zone: all of it, or ``batches`` by kind, a request for each."""

    zone: str
    everything: bool
    batches: Mapping[str, Sequence[Sequence[Any]]]


@dataclass
class Purge:
    """``done`` and ``waiting`` are the items that are purged and those that are not yet, by kind."""

    client: Cloudflare
    zone: str
    requests: int = 0
    done: dict[str, list[Any]] = field(default_factory=dict)
    waiting: deque[tuple[str, list[Any]]] = field(default_factory=deque)

    def run(self, batches: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Purge ``batches`` with a request for each. Raises the client's error, extended with the items
        that were purged and those that were not.
        """
        self.waiting.extend((kind, list(batch)) for kind, some in batches.items() for batch in some)
        while self.waiting:
            kind, batch = self.waiting[0]
            try:
                self.client.purge(self.zone, kind, [batch])
            except RunbookError as error:
                smaller = fitting(error, len(batch))
                if smaller is None:
                    raise self._with_progress(error) from None
                self._split(kind, smaller)
                continue
            self.waiting.popleft()
            self.requests += 1
            self.done.setdefault(kind, []).extend(batch)

    def _split(self, kind: str, size: int) -> None:
        """Split the remaining batches of a kind to the size that the zone accepts."""
        left = [item for some, batch in self.waiting if some == kind for item in batch]
        others = [(some, batch) for some, batch in self.waiting if some != kind]
        self.waiting = deque([*((kind, left[start:][:size]) for start in range(0, len(left), size)), *others])

    def _with_progress(self, error: RunbookError) -> RunbookError:
        left: dict[str, list[Any]] = {}
        for kind, batch in self.waiting:
            left.setdefault(kind, []).extend(batch)
        purged, missing = ({kind: len(items) for kind, items in some.items()} for some in (self.done, left))
        error.result |= {
            "changed": bool(self.done),
            "purged": {
                "count": sum(purged.values()),
                "requests": self.requests,
                "items": {kind: items[:NAMED] for kind, items in self.done.items()},
            },
            "not_purged": {
                "count": sum(missing.values()),
                "items": {kind: items[:NAMED] for kind, items in left.items()},
            },
        }
        error.advise(
            f"Purged before: {_counted(purged)}. Not purged: {_counted(missing)}. Run it again: a second purge does no"
            " harm."
        )
        return error


def _counted(numbers: Mapping[str, int]) -> str:
    return (
        ", ".join(
            f"{number} {kind if number > 1 else kind.removesuffix('s').replace('prefixe', 'prefix')}"
            for kind, number in numbers.items()
        )
        or "nothing"
    )


def fitting(error: RunbookError, size: int) -> int | None:
    """Return how many items a request may have, after one with ``size`` was refused for their number; None
    for any other refusal.
    """
    if (
        not isinstance(error, ApiError)
        or error.details.get("retryable")
        or error.status not in (200, 400, 413, 422)
        or size == 1
    ):
        return None
    reason = (error.response is not None and parse_error(error.response)[1]) or str(error).partition(": ")[2].partition(
        " (code "
    )[0]
    if error.status != 413 and not TOO_MANY.search(reason):
        return None
    numbers = [int(number.replace(",", "")) for number in re.findall(r"(?<![\w.,])\d{1,3}(?:,\d{3})*(?![\w.])", reason)]
    fits = [number for number in numbers if 0 < number < size]
    return max(fits) if fits else size // 2
