# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scale.yml was asked for, and what the platform says to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .results import failure_message
from .spelling import suggestion

SHAPE = """Write it as -e '{"scale": {"api": 3}}', or by region as -e '{"scale": {"api": {"us-west2": 2}}}'"""
FIXED = ("cron",)  # kinds that run one process at a time

Unit = Mapping[str, Any]


def wanted(scale: Any, units: Sequence[Unit], limit: Any = None) -> dict[str, Any]:
    """Return {problems, wanted}: what is wrong with the option, and the units to scale with what each gets. ``limit``
    is the number that the platform has agreed to, None for that of the plan.
    """
    if not isinstance(scale, Mapping) or not scale:
        return {"problems": [f"scale must map units to numbers of replicas, and is {scale!r}. {SHAPE}"], "wanted": []}
    problems = list(_agreed(limit))
    found = []
    for name, count in scale.items():
        unit = next((one for one in units if one["name"] == name), None)
        problems += _unknown(str(name), units) if unit is None else _wrong(str(name), unit, count)
        if unit is not None:
            given = {"regions": dict(count)} if isinstance(count, Mapping) else {"replicas": count}
            found.append({"name": name, "service": unit["service"], **given})
    return {"problems": problems, "wanted": [] if problems else found}


def _agreed(limit: Any) -> Iterator[str]:
    if limit is not None and int(limit) < 1:
        yield (
            f"backend_replicas_limit is {limit}. Set it to the number of replicas that the platform has agreed to, or"
            " delete it for that of the plan"
        )


def _unknown(name: str, units: Sequence[Unit]) -> list[str]:
    known = [str(one["name"]) for one in units]
    if not name.strip():
        return [f"scale: a unit has an empty name; choose from {', '.join(known)}"]
    return [f"scale: there is no unit {name}{suggestion(name, known)}; choose from {', '.join(known)}"]


def _wrong(name: str, unit: Unit, count: Any) -> Iterator[str]:
    if unit.get("kind") in FIXED:
        yield f"scale.{name}: {name} is a {unit['kind']}, which runs once at its time. Leave it out"
    elif not isinstance(count, Mapping):
        yield from _number(f"scale.{name}", count, least=1)
    elif not count:
        yield f"scale.{name} names no region. {SHAPE}"
    else:
        for region, replicas in count.items():
            if not str(region).strip():
                yield f"scale.{name}: a region has an empty name. {SHAPE}"
            yield from _number(f"scale.{name}.{region}", replicas, least=0)


def _number(where: str, count: Any, *, least: int) -> Iterator[str]:
    if isinstance(count, bool) or not isinstance(count, int):
        yield f"{where} must be a whole number without quotes, and is {count!r}. {SHAPE}"
    elif count < least:
        stop = ", since a unit with none would be stopped: maintenance.yml closes the shop" if count == 0 else ""
        yield f"{where} is {count}{stop}. Set it to {least} or more"


def planned(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return {problems, before, after, lines} from what the platform's module says in check mode of each unit."""
    wrong = [one for one in results if "settings" not in one]
    fine = [one for one in results if "settings" in one]
    before = {one["backend_unit"]["name"]: one["previous_settings"]["regions"] for one in fine}
    after = {one["backend_unit"]["name"]: one["settings"]["regions"] for one in fine}
    limits = {one["backend_unit"]["name"]: one["limit"] for one in fine}
    return {
        "problems": [f"scale.{one['backend_unit']['name']}: {failure_message(one)}" for one in wrong],
        "before": before,
        "after": after,
        "lines": [f"{line(name, before[name], after[name])} ({_allowed(limits[name])})" for name in after],
        # a deployment under way, which an earlier run has caused, is waited for
        "moves": any(one["previous_settings"] != one["settings"] for one in fine),
    }


def _allowed(limit: Mapping[str, Any]) -> str:
    most = limit["replicas"]
    return f"the plan {limit['plan']} allows {most}" if most else f"the limit of the plan {limit['plan']} is not known"


def line(name: str, before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Return what changes for one unit, such as ``api: us-west2 1 -> 3``."""
    regions = sorted({*before, *after})
    parts = [
        f"{region} {before.get(region, 0)} -> {after.get(region, 0)}"
        if before.get(region) != after.get(region)
        else f"{region} {after[region]}"
        for region in regions
    ]
    return f"{name}: {', '.join(parts)}"


def message(before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]) -> str:
    """Return what was scaled. ``before`` may be that of an earlier run which did not end."""
    lines = "; ".join(line(name, before.get(name, {}), regions) for name, regions in after.items())
    return f"{lines}. It stays so after a deploy and a rollback."
