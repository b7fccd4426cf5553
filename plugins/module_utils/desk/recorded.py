# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger has of each unit: the deployment, and the digests of the variables with which it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..release.ledger import Record, state_after, verified


def live(records: Sequence[Record]) -> dict[str, Any] | None:
    """Return what the last verified record says is live, with the digests of each unit's variables."""
    last = next((index for index, record in enumerate(records) if verified(record)), None)
    if last is None:
        return None
    state = state_after(records, last)
    state["units"] = {name: _with_digests(name, unit, records[last:]) for name, unit in state["units"].items()}
    for record in reversed(records[:last]):
        _apply(record, state["units"])
    return state


def _apply(record: Record, units: dict[str, Any]) -> None:
    """Take over what a lever, a maintenance or a restore has changed since: the replicas of a unit, and the variables
    that it has set (``held``, or ``in_maintenance`` until that ends). Each redeploys the unit: a deployment until
    ``changed_at`` is theirs.
    """
    change = record.get("change") or {}
    after, names = change.get("after") or {}, change.get("names") or {}
    for name in list(units) if record["kind"] == "restore" else units.keys() & {*after, *names}:
        unit = units[name] = {**units[name], "changed_at": record["finished_at"]}
        if record["kind"] == "maintenance":
            unit["in_maintenance"] = names.get(name, [])
        else:
            unit["held"] = sorted({*unit.get("held", []), *names.get(name, [])})
        if record["kind"] == "scale" and isinstance(after.get(name), Mapping):
            unit["replicas"] = sum(after[name].values())


def digests(record: Record, name: str) -> list[Mapping[str, Any]] | None:
    """Return the digests of a unit's variables; None where the record has none.

    A deploy changes no variable, so those of its snapshot are those that the new deployment got.
    """
    for part in ("units", "snapshot"):
        found = (record[part].get(name) or {}).get("variables")
        if found:
            return found
    return None


def _with_digests(name: str, unit: Mapping[str, Any], records: Sequence[Record]) -> dict[str, Any]:
    record = next((one for one in records if verified(one) and name in one["units"]), None)
    found = digests(record, name) if record else None
    return {**unit, **({"variables": found} if found else {})}
