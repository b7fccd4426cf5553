# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rollback board: which release each unit can go back to, and why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .gather import Facts, fact, value

LIVE, ABLE, GONE, UNKNOWN = "live", "can go back", "gone", "not known"
MOST = 15  # releases on the board


@dataclass
class Entry:
    """A release. ``units`` maps each unit to one of the words above; ``why_not`` has each reason against it."""

    release: str
    units: dict[str, str] = field(default_factory=dict)
    at: str | None = None
    unsafe: list[str] = field(default_factory=list)
    why_not: list[str] = field(default_factory=list)

    @property
    def possible(self) -> bool:
        return not self.why_not and ABLE in self.units.values()

    def described(self) -> dict[str, Any]:
        return {
            "release": self.release,
            "at": self.at,
            "units": self.units,
            "possible": self.possible,
            "unsafe_migrations": self.unsafe,
            "why_not": self.why_not,
        }


def board(facts: Facts, names: Sequence[str], unsafe: Mapping[str, list[str]]) -> list[Entry]:
    """Return the releases that were live or could be, the newest first. ``unsafe`` has, by release, the migrations of
    the database on which its code cannot run.
    """
    entries = [_entry(facts, release, names, unsafe) for release in _releases(facts, names)]
    return sorted(entries, key=lambda one: one.at or "", reverse=True)[:MOST]


def _releases(facts: Facts, names: Sequence[str]) -> list[str]:
    recorded = [record["release"] for record in (value(facts, "ledger") or {}).get("records", [])]
    offered = [
        one.get("release")
        for name in names
        for one in [(value(facts, f"unit:{name}") or {}).get("live") or {}, *_candidates(facts, name)]
    ]
    return [release for release in dict.fromkeys([*recorded, *offered]) if release]


def _candidates(facts: Facts, name: str) -> list[Mapping[str, Any]]:
    return (value(facts, f"unit:{name}") or {}).get("candidates") or []


def _entry(facts: Facts, release: str, names: Sequence[str], unsafe: Mapping[str, list[str]]) -> Entry:
    entry = Entry(release, unsafe=unsafe.get(release, []))
    times = []
    for name in names:
        known = fact(facts, f"unit:{name}")
        live = (known.value or {}).get("live") or {}
        found = [one for one in _candidates(facts, name) if one.get("release") == release]
        times += [one.get("created_at") for one in [*found, *([live] if live.get("release") == release else [])]]
        if known.problem:
            entry.units[name] = UNKNOWN
        elif live.get("release") == release:
            entry.units[name] = LIVE
        else:
            entry.units[name] = ABLE if found else GONE
    records = (value(facts, "ledger") or {}).get("records", [])
    times += [record["finished_at"] for record in records if record["release"] == release]
    entry.at = max((time for time in times if time), default=None)
    entry.why_not = list(_against(entry, (value(facts, "ledger") or {}).get("unfit") or []))
    return entry


def _against(entry: Entry, unfit: Sequence[str]) -> list[str]:
    reasons = []
    if set(entry.units.values()) == {LIVE}:
        reasons.append("it is live")
    gone = [name for name, word in entry.units.items() if word == GONE]
    if gone:
        reasons.append(f"the platform does not offer it for {', '.join(gone)}: deploy it again")
    unknown = [name for name, word in entry.units.items() if word == UNKNOWN]
    if unknown:
        reasons.append(f"{', '.join(unknown)} could not be asked")
    if entry.unsafe:
        reasons.append(f"the database has {', '.join(entry.unsafe)}, on which its code cannot run")
    if entry.release in unfit:
        reasons.append("it was withdrawn, or never verified: rollback.yml takes it only by name")
    return reasons
