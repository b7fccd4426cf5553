# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the target of a rollback, and decide whether it changes anything.

Units are {platform, id, release, …} by the name of the unit, as release/units.py describes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN = 10  # releases that a refusal offers
Units = Mapping[str, Mapping[str, Any]]
Offered = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Known:
    """The facts for a rollback. ``journal`` is that of an unfinished run, ``ledger`` the result of release_info,
    ``offered`` what the platforms can run again.

    ``to`` is the release that the operator named.
    """

    live: Units
    journal: Mapping[str, Any] = field(default_factory=dict)
    ledger: Mapping[str, Any] = field(default_factory=dict)
    offered: Offered = field(default_factory=dict)
    to: str = ""


@dataclass(frozen=True)
class Target:
    units: Units
    reason: str


def choose(known: Known) -> Target:
    """Choose the target of each unit.

    The journal of an unfinished run comes first: it has the releases that were live before. Then the ledger decides.
    Without it the platforms decide: a release that every unit can run again if there is one, else the newest of each
    unit.
    """
    unfinished = _unfinished(known)
    recorded = (known.ledger.get("target") or {}).get("units")
    units = unfinished or (recorded if recorded is not None else _from_platforms(known))
    return Target({name: unit for name, unit in units.items() if name in known.live}, _reason(known, unfinished))


def _unfinished(known: Known) -> Units:
    if known.to:
        return {}
    if known.journal.get("kind", "deploy") == "rollback":
        return known.journal.get("target") or {}
    return known.journal.get("snapshot") or {}


def _from_platforms(known: Known) -> Units:
    """Return the platforms' candidates without releases that failed or were withdrawn. The ledger lists
    those even where it has no target.
    """
    bad = set() if known.to else set(known.ledger.get("unverified") or [])
    offered = {
        name: [one for one in candidates if _suits(one, known.to, bad)] for name, candidates in known.offered.items()
    }
    common = _common_release(list(offered.values()))
    chosen = {}
    for name, candidates in offered.items():
        if candidates:
            chosen[name] = next((one for one in candidates if common and one.get("release") == common), candidates[0])
    return chosen


def _suits(candidate: Mapping[str, Any], to: str, bad: set[Any]) -> bool:
    return candidate.get("release") == to if to else candidate.get("release") not in bad


def candidates(known: Known) -> list[str]:
    """Return the releases that at least one unit can run again, the newest first."""
    releases = [str(one.get("release") or "") for offers in known.offered.values() for one in offers]
    return [release for release in dict.fromkeys(releases) if release and release != known.to]


def _common_release(offered: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    """Return the newest release that every unit can run; empty when there is none."""
    if not offered:
        return ""
    first, *others = [[str(one.get("release") or "") for one in candidates] for candidates in offered]
    return next((release for release in first if release and all(release in names for names in others)), "")


def _reason(known: Known, unfinished: Units) -> str:
    if unfinished:
        kind, release = known.journal.get("kind", "deploy"), known.journal.get("release") or "a release"
        return f"The {kind} of {release} did not finish; the target is the state before it."
    if known.ledger.get("target"):
        return str(known.ledger.get("message") or "")
    return f"The ledger has no target ({_ledger_message(known) or 'it is empty'}), so the platforms decide."


def _ledger_message(known: Known) -> str:
    return str(known.ledger.get("message") or known.ledger.get("msg") or "")


def refusal(known: Known) -> str:
    """Return the message when there is no target."""
    problem = f"A rollback to {known.to} is not possible." if known.to else "There is no release to roll back to."
    able = candidates(known)
    choice = (
        f"Possible targets: {', '.join(able[:SHOWN])}."
        if able
        else "The platforms have no older deployment that could run again."
    )
    remedy = "Name one of them with -e to=<release>." if able else "Deploy a release with deploy.yml."
    return " ".join(part for part in ("Nothing was changed.", problem, _ledger_message(known), choice, remedy) if part)


def changes(target: Units, live: Units) -> dict[str, Any]:
    """Return whether the target differs from the live units, its release, and the release that is withdrawn."""
    wanted = [str(unit.get("release") or "") for unit in target.values()]
    now = [str(live[name].get("release") or "") for name in target]
    ids = [unit.get("id") for unit in target.values()] != [live[name].get("id") for name in target]
    return {
        "changes": wanted != now and ids,
        "release": next((release for release in wanted if release), ""),
        "withdrawn": next((release for release in now if release and release not in wanted), ""),
    }
