# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The consequences of a database policy: the steps to leave out, the evidence and notes, and the problems
of its plans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .database_policy import Decision, Situation
from .evidence import PROOF, REHEARSAL, proof_evidence, stamp
from .results import failure_message


@dataclass(frozen=True)
class Outlook:
    """The consequences of a decision after its plans ran in check mode: steps to leave out, evidence, notes
    for the report, and problems.
    """

    idle: Sequence[str]
    evidence: Mapping[str, Any]
    notes: Sequence[str]
    problems: Sequence[str]


def outlook(
    seen: Situation, decision: Decision, plans: Mapping[str, Mapping[str, Any]], *, migrate_runner: str, now: datetime
) -> Outlook:
    """Return what the run will do and what it leaves open. ``plans`` are the results of the modules in
    check mode: catalogue, rehearsal, proof.
    """
    return Outlook(
        idle=_idle(seen, decision, migrate_runner),
        evidence=_evidence(decision, now),
        notes=_notes(decision),
        problems=[*decision.problems, *_failed_plans(decision, plans)],
    )


def _idle(seen: Situation, decision: Decision, migrate_runner: str) -> list[str]:
    platform = migrate_runner == "platform"
    needed = {
        "database.backup": decision.backs_up,
        "database.prove": decision.proves,
        "database.rehearse": bool(decision.rehearsal_copy),
        "database.migrate": not platform,
        "database.verify": platform and bool(seen.pending),
    }
    return [step for step, wanted in needed.items() if not wanted]


def _evidence(decision: Decision, now: datetime) -> dict[str, Any]:
    """Return the evidence that nothing was proven or rehearsed; the steps replace it when they run."""
    undone = {"outcome": "not_proven", "at": stamp(now)}
    proof = {**PROOF, **undone, "answered": f"not proven: {decision.open['proof']}"}
    if not decision.open["proof"]:
        last = decision.last_proof
        proof = proof_evidence(
            {"backup": last.get("name"), "recovery_seconds": last.get("recovery_seconds"), "at": last.get("proven_at")}
        )
    if not decision.open["rehearsal"]:
        return {"backup": proof}
    return {
        "backup": proof,
        "rehearsal": {
            **REHEARSAL,
            "answered": f"not rehearsed: {decision.open['rehearsal']}",
            "outcome": "not_rehearsed",
            "at": stamp(now),
        },
    }


def _notes(decision: Decision) -> list[str]:
    left, notes = decision.open, []
    if left["backup"]:
        notes.append(f"backup: this run creates none: {left['backup']}")
    if left["proof"] and decision.rehearsal_copy != "backup" and not decision.proves:
        notes.append(f"backup: not proven: {left['proof']}")
    if left["rehearsal"] and not decision.rehearsal_copy:
        notes.append(f"migrations: not rehearsed: {left['rehearsal']}")
    if left["rows"]:
        notes.append(f"migrations: rehearsed {left['rows']}")
    return notes


def _failed_plans(decision: Decision, plans: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the messages of the failed plans. A plan that succeeds returns its own key; a skipped one is
    no failure.
    """
    wanted = {"catalogue": "backups", "rehearsal": "pending", "proof": "proof"}
    asked = {name: plan for name, plan in plans.items() if plan and not plan.get("skipped")}
    if not decision.rehearsal_copy:
        asked.pop("rehearsal", None)
    return [failure_message(plan) for name, plan in asked.items() if wanted[name] not in plan]
