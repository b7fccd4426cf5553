# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The remedies of a diagnosis: what each one changes, or why it is refused. ``findings`` are those of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .spelling import suggestion

RESOLVED = {"applied": "resolved_applied", "rolled-back": "resolved_rolled_back"}  # states of prisma_migrate


def target_problem(remedy: str, unit: str, migration: str, units: Sequence[Mapping[str, Any]]) -> str:
    """Return why the unit or the migration that the run names cannot be its target; empty where it can."""
    known = [str(one["name"]) for one in units]
    if unit and unit not in known:
        return (
            f"Nothing was changed. unit is {unit!r}, and the backend has no such unit{suggestion(unit, known) or '.'}"
            f" Its units are {', '.join(known) or 'none'}."
        )
    if unit and remedy != "restart":
        return (
            f"Nothing was changed. Only remedy=restart takes a unit. Add -e remedy=restart, or leave out unit={unit}."
        )
    if migration and remedy != "resolve":
        return (
            "Nothing was changed. Only remedy=resolve takes a migration. Add -e remedy=resolve, or leave out"
            f" migration={migration}."
        )
    if remedy == "restart" and not unit:
        return (
            f"Nothing was changed. Name the unit to restart with -e unit=NAME: {', '.join(known) or 'there is none'}."
        )
    return ""


def migration_to_resolve(findings: Sequence[Mapping[str, Any]], name: str) -> dict[str, str]:
    """Return the migration to resolve, as what, and the release that has its file; or ``refused``, why there is none.

    Without ``name`` it is the one that failed.
    """
    failed = [found for found in findings if found["section"] == "T2" and found["target"]]
    named = [found for found in failed if not name or found["target"] == name][:1]
    if not named:
        return {"refused": "Nothing was changed. No failed migration has that name, or none failed."}
    found = named[0]
    if found["remedy"] != "resolve":
        return {"refused": f"Nothing was changed. {found['advice']}"}
    release = {"release": found["release"]} if found.get("release") else {}
    return {"migration": found["target"], "state": RESOLVED[found["resolve"]], **release}


def unit_to_restart(
    findings: Sequence[Mapping[str, Any]], name: str, units: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Return the service of the unit and its state: restarted, or started where it is stopped; or ``refused``."""
    service = next((unit["service"] for unit in units if unit["name"] == name), None)
    if service is None:
        known = ", ".join(unit["name"] for unit in units)
        return {"refused": f"Nothing was changed. Name the unit to restart with -e unit=NAME: {known}."}
    stopped = any(found["id"] == "unit_stopped" and found["target"] == name for found in findings)
    return {"service": service, "state": "started" if stopped else "restarted"}
