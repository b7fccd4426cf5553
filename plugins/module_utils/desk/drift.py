# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody changed at a platform since our last record in the ledger: what, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.amounts import date, moment, number
from ..release.maintenance import VARIABLE
from .gather import Facts, value
from .held import Held

SLACK = 120.0  # seconds by which a platform's time may be after the record of our own run
PINNED_ON = "auto-assignment of the production domains"


@dataclass(frozen=True)
class Drift:
    """``since`` is in UTC; ``exact`` is False where it happened at some time after that."""

    unit: str
    kind: str
    what: str
    since: str | None = None
    exact: bool = False

    def text(self) -> str:
        at = moment(self.since)
        when = f" {'on' if self.exact else 'after'} {date(at)}" if at else ""
        return f"{self.what}{when}"

    def described(self) -> dict[str, Any]:
        return {"unit": self.unit, "kind": self.kind, "what": self.what, "since": self.since, "exact": self.exact}


def drift(facts: Facts, closed: Held | None = None) -> list[Drift]:
    """Return every difference between what the ledger has of each unit and what its platform says, but for what the
    maintenance ``closed`` has changed: its record in the ledger comes at the end.
    """
    recorded = (value(facts, "ledger") or {}).get("live")
    if not recorded:
        return []
    found: list[Drift] = []
    for name, unit in recorded["units"].items():
        now, then = value(facts, f"unit:{name}"), _maintained(unit, closed)
        if now is not None:
            since = str(recorded["since"])
            if not closed or name not in closed.units:
                found += _served(name, then, now, since)
            found += _scaled(name, then, now, since)
            found += [*_variables(name, then, now, since), *_pins(name, now, since)]
    return found


def _maintained(then: Mapping[str, Any], closed: Held | None) -> Mapping[str, Any]:
    """Return what the ledger has of a unit, with what our maintenance may have changed of it: ``held`` variables, and
    its deployments from ``held_since`` on.
    """
    held = [*then.get("held", []), *then.get("in_maintenance", [])]
    if closed is None or not closed.recorded:
        return {**then, "held": held}
    return {**then, "held": [*held, VARIABLE], "held_since": closed.since}


def _served(name: str, then: Mapping[str, Any], now: Mapping[str, Any], since: str) -> Iterator[Drift]:
    live = now.get("live")
    was = then.get("release") or then.get("id") or "nothing"
    if live is None:
        if then.get("id"):
            yield Drift(name, "stopped", f"{name} was stopped: {was} is not served any more", since)
        return
    if live["id"] == then.get("id"):
        return
    moved = now.get("moved") or {}
    serves = live.get("release") or live["id"]
    by_us = live.get("release") is not None and live.get("release") == then.get("release")
    if moved.get("to") == live["id"] and moved.get("type"):
        verb = "rolled back" if moved["type"] == "rollback" else "promoted"
        yield Drift(name, verb, f"{name} was {verb} from {was} to {serves}", moved.get("at"), exact=True)
    elif by_us and (now.get("resumed") or _by_a_lever(live, then)):
        return  # Render deploys what it starts again, such as at the end of a maintenance
    elif by_us:
        created, recorded = moment(live.get("created_at")), moment(since)
        if created and recorded and created <= recorded:
            return  # the run itself deployed it again, to end its maintenance
        yield Drift(name, "redeployed", f"{name} was deployed again ({serves})", live.get("created_at"), exact=True)
    elif now.get("rolled_back"):
        yield Drift(
            name, "rolled back", f"{name} was rolled back from {was} to {serves}", live.get("created_at"), exact=True
        )
    else:
        yield Drift(name, "deployed", f"{name} was moved from {was} to {serves}", live.get("created_at"), exact=True)


def _by_a_lever(live: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
    """Whether a lever or a maintenance may have caused this deployment: it is not newer than the record of it, or the
    maintenance has not ended.
    """
    made, changed, held = (
        moment(at) for at in (live.get("created_at"), then.get("changed_at"), then.get("held_since"))
    )
    if made and held and made >= held:
        return True
    return bool(made and changed and (made - changed).total_seconds() <= SLACK)


def _scaled(name: str, then: Mapping[str, Any], now: Mapping[str, Any], since: str) -> Iterator[Drift]:
    before, after = then.get("replicas"), now.get("replicas")
    if before and after and before != after:
        yield Drift(name, "scaled", f"{name} was scaled from {before} to {number(after, 'replica')}", since)


def _variables(name: str, then: Mapping[str, Any], now: Mapping[str, Any], since: str) -> Iterator[Drift]:
    if isinstance(then.get("variables"), list):
        before = {one["name"]: one.get("digest") for one in then["variables"]}
        after = {one["name"]: one.get("digest") for one in now.get("variables") or []}
        words = (
            ("removed", sorted(before.keys() - after.keys())),
            ("added", sorted(after.keys() - before.keys())),
            ("changed", sorted(key for key in before.keys() & after.keys() if before[key] != after[key])),
        )
        for word, found in words:
            names = [one for one in found if one not in then["held"]]
            if names:
                at = _last_set(now, names)
                what = f"{name}: {', '.join(names)} {_was(names)} {word}"
                yield Drift(name, "variables", what, at or since, exact=bool(at))
        return
    began = moment(since)
    limit = began.timestamp() * 1000 + SLACK * 1000 if began else None
    late = [one for one in now.get("variables") or [] if limit and (one.get("at") or 0) > limit]
    late = [one for one in late if one["name"] not in then["held"]]
    for one in sorted(late, key=lambda item: item["at"]):
        yield Drift(name, "variables", f"{name}: {one['name']} was set", _time(one["at"]), exact=True)


def _last_set(now: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """Return when the newest of the variables was set; None where the platform does not say, or has them no more."""
    times = [one["at"] for one in now["variables"] or [] if one["name"] in names and one.get("at")]
    return _time(max(times)) if times else None


def _time(milliseconds: float) -> str:
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().isoformat(timespec="seconds")


def _was(names: list[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _pins(name: str, now: Mapping[str, Any], since: str) -> Iterator[Drift]:
    if now.get("auto_assign"):
        yield Drift(
            name, "auto_assign", f"{name}'s {PINNED_ON} was turned on: the next build is served unchecked", since
        )
    if now.get("auto_deploy"):
        yield Drift(
            name, "auto_deploy", f"{name}'s automatic deploys were turned on: a push is served unchecked", since
        )
