# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence that the ledger stores with a release: {name, asked, answered, outcome, at}, with the time in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..core.amounts import number

PROOF = {"name": "backup_proof", "asked": "Is a backup of the database proven by a restore?"}
REHEARSAL = {"name": "rehearsal", "asked": "Were the pending migrations rehearsed?"}
COPIES = {"given": "the given copy", "backup": "the restored backup", "schema": "the schema without its rows"}


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def proof_evidence(proof: Mapping[str, Any]) -> dict[str, Any]:
    """Return the evidence of a proof {backup, recovery_seconds, at}."""
    answered = f"{proof.get('backup')} was restored in {proof.get('recovery_seconds')} s"
    return {**PROOF, "answered": answered, "outcome": "proven", "at": proof.get("at")}


def proof_message(proof: Mapping[str, Any]) -> str:
    """Return the report of prove.yml; a proof without a time comes from check mode."""
    if proof.get("at") is None:
        return f"{proof.get('backup')} would be restored"
    rows = f"{number(proof.get('rows'), 'row')} in {number(proof.get('tables'), 'table')}"
    return f"{proof.get('backup')} was restored at {proof['at']} in {proof.get('recovery_seconds')} s, with {rows}"


def rehearsal_evidence(result: Mapping[str, Any], copy: str, now: datetime) -> dict[str, Any]:
    """Return {rehearsal: evidence} for a result of prisma_rehearse that rehearsed something, else an empty
    dictionary.
    """
    if not result.get("changed"):
        return {}
    seconds = round(sum(float(one.get("seconds") or 0) for one in result.get("rehearsed") or []), 1)
    outcome = "rehearsed_on_schema" if copy == "schema" else "rehearsed"
    return {
        "rehearsal": {
            **REHEARSAL,
            "answered": f"rehearsed on {COPIES[copy]} in {seconds} s",
            "outcome": outcome,
            "at": stamp(now),
        }
    }


def take_over_evidence(question: str, answer: str, now: datetime) -> dict[str, Any]:
    return {"name": "take_over", "asked": question, "answered": answer, "outcome": "changed", "at": stamp(now)}
