# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions from the lease that a run reads or takes: problems, and how to settle an unfinished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .levers import blocked
from .results import failure_message, names


def lease_check(
    result: Mapping[str, Any], *, kind: str, movable: Sequence[str], release: str, resolved: bool
) -> dict[str, Any]:
    """Return problems and notes. ``result`` is that of deploy_lease in check mode, ``resolved`` is whether the
    release's commit is known here.

    A rollback continues without the store; only a lease held by another run stops it.
    """
    failed = "lease" not in result
    held = (result.get("error") or {}).get("kind") == "lease_held"
    stops = failed and (kind != "rollback" or held)
    notes = [f"store: {failure_message(result)}"] if failed else []
    problems = list(notes) if stops else []
    outside = moved_outside(result.get("journal") or {}, movable)
    if outside and kind == "deploy":
        release_left = (result.get("journal") or {}).get("release") or "a release"
        problems.append(
            f"The deploy of {release_left} did not finish. It moved {', '.join(outside)}, which this run does not move."
            " Name their surfaces too, or settle it with rollback.yml."
        )
    problems += blocked(kind, result.get("journal") or {})
    if not resolved:
        problems.append(
            f"source_path: the commit of {release} is unknown there. Fetch its tags, or give the full SHA: -e"
            " commit=<sha>"
        )
    return {"problems": problems, "notes": [] if stops else notes}


def moved_outside(journal: Mapping[str, Any], movable: Sequence[str]) -> list[str]:
    """Return the units of an unfinished run that this run does not move."""
    return [unit for unit in journal.get("snapshot") or {} if unit not in movable]


def earlier_incompatible(
    journal: Mapping[str, Any], known: Mapping[str, str] | None, accept_schema: str | None
) -> list[str]:
    """Return the migrations of an unfinished deploy that the old release cannot run on.

    ``known`` are the states of the migrations by name. Where this run does not read the database (None), every
    migration of the deploy counts.
    """
    wanted = journal.get("incompatible") or []
    if known is not None:
        wanted = [name for name in wanted if known.get(name) not in (None, "pending", "rolled_back")]
    return [name for name in wanted if name not in names(accept_schema)]


def runs_forward(journal: Mapping[str, Any], release: str, incompatible: Sequence[str]) -> bool:
    """Return whether an unfinished run is continued instead of rolled back: the same release is wanted, or
    its schema makes a rollback unsafe.
    """
    return journal.get("kind", "deploy") == "deploy" and (
        bool(incompatible) or (journal.get("release") or "") == release
    )


def keeps_journal(outcome: str, journal: Mapping[str, Any], movable: Sequence[str]) -> bool:
    """Return whether the next run has to settle something: this run did not finish its own work, or the
    unfinished run that it found.
    """
    return (
        outcome in ("incomplete", "unsafe")
        or (outcome == "failed" and bool(journal))
        or bool(moved_outside(journal, movable))
    )
