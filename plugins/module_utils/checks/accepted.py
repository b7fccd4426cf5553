# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings that somebody accepted, with a reason and until a date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .settings import end_of

ENTRY = {name: {"type": "str", "required": True} for name in ("id", "reason", "until")}


def wrong(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say which entry lacks its id, its reason or its date."""
    for number, entry in enumerate(entries, start=1):
        name = str(entry.get("id") or "").strip() or f"number {number}"
        yield from (f"ignore {name} has no {part}" for part in ENTRY if not str(entry.get(part) or "").strip())
        try:
            end_of(str(entry.get("until") or "2026-04-01"), UTC)
        except ValueError:
            yield f"ignore {name}: until {entry['until']!r} is not a date such as 2026-04-01"
    names = [str(entry.get("id")) for entry in entries]
    yield from (f"ignore {name} is listed twice" for name in dict.fromkeys(names) if names.count(name) > 1)


@dataclass(frozen=True)
class Accepted:
    """What is accepted at a moment. Dates are days in UTC."""

    entries: Sequence[Mapping[str, Any]]
    now: datetime

    def covers(self, names: Iterable[str]) -> bool:
        return any(entry["id"] in names and self.now < end_of(str(entry["until"]), UTC) for entry in self.entries)

    def ended(self, names: Iterable[str]) -> str:
        """Say that an entry for one of these names ran out; empty where none did."""
        known = list(names)
        past = [
            entry for entry in self.entries if entry["id"] in known and self.now >= end_of(str(entry["until"]), UTC)
        ]
        return f" (it was accepted until {past[0]['until']})" if past else ""
