# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which units restart.yml restarts, one after another, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .lease_document import timestamp
from .results import failure_message
from .spelling import suggestion

STALE = 3600.0  # seconds after which a rerun restarts every unit again

Unit = Mapping[str, Any]


def named(unit: Any, units: Sequence[Unit], others: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Return the names in the option ``unit``, a list or a text with commas, and what is wrong with them.
    ``others`` may be named besides the units of the backend.
    """
    known = [*(str(one["name"]) for one in units), *others]
    names, problems = listed("unit", unit)
    problems += [
        f"unit: there is no unit {name}{suggestion(name, known)}; choose from {', '.join(known)}"
        for name in names
        if name not in known
    ]
    return names, problems


def listed(option: str, given: Any) -> tuple[list[str], list[str]]:
    """Return the names in an option that is a list, or a text with commas, and what is wrong with them: an empty name,
    or one that is there twice. An empty option has no name.
    """
    if given is None or (isinstance(given, str | Sequence) and not given):
        return [], []
    texts = given.split(",") if isinstance(given, str) else given if isinstance(given, Sequence) else [given]
    names = [str(text).strip() for text in texts]
    problems = [] if all(names) else [f"{option} has an empty name. Remove it, or the comma too many"]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    problems += [f"{option} names {name} {names.count(name)} times. Name it once" for name in twice]
    return list(dict.fromkeys(filter(None, names))), problems


def wanted(unit: Any, units: Sequence[Unit], left: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return {problems, wanted, done}: the units to restart in their order, and those that an unfinished run has
    restarted already. Without a name it is every unit but the ones that run at their own time.
    """
    names, problems = named(unit, units)
    chosen = [one for one in units if (one["name"] in names if names else one.get("kind") != "cron")]
    fresh = bool(left) and now - timestamp(left["since"]) < STALE
    done = [one["name"] for one in chosen if fresh and one["name"] in left["done"]]
    if len(done) == len(chosen):
        done = []
    rest = [] if problems else [dict(one) for one in chosen if one["name"] not in done]
    return {"problems": problems, "wanted": rest, "done": done}


def problems(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return why a unit cannot be restarted, from what the platform's module says in check mode."""
    return [f"{one['backend_unit']['name']}: {failure_message(one)}" for one in results if "deployment" not in one]


def change(wanted: Sequence[Unit]) -> dict[str, Any]:
    """Return the change for the journal and the ledger: the process of a unit has no other state than its age."""
    return {
        "before": {one["name"]: "running" for one in wanted},
        "after": {one["name"]: "restarted" for one in wanted},
    }


def message(wanted: Sequence[Unit], done: Sequence[str], skipped: Sequence[str] = (), failed: str = "") -> str:
    """Return what was restarted, and what was not."""
    earlier = f" An earlier run has restarted {', '.join(skipped)}." if skipped else ""
    if not failed:
        return f"Restarted one after another, each healthy: {', '.join(done)}.{earlier}"
    waiting = [one["name"] for one in wanted if one["name"] not in (*done, failed)]
    parts = [
        f"{failed} did not come up after its restart.",
        f"Restarted and healthy: {', '.join(done)}." if done else "",
        f"Not restarted: {', '.join(waiting)}." if waiting else "",
        "Run it again, which continues here, or go back with rollback.yml.",
    ]
    return " ".join(part for part in parts if part) + earlier
