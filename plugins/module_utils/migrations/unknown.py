# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migrations of a database that a release does not know, and whether that release works on the schema that they
made.

An older release has no file for them, so their SQL is taken from a newer one. What is not known counts as not backward
compatible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .classify import Classification, Reason, as_findings, classify
from .failure import explain
from .history import State
from .migration import Migration, Row
from .schema_evidence import UNDONE


def unknown_to_release(
    state: State,
    migrations: Sequence[Migration],
    newer: Sequence[Migration] | None,
    why_not: str,
    folder: str = "prisma/migrations",
) -> list[dict[str, Any]]:
    """Judge what the database has and ``migrations`` have not, in the order in which it was applied, by the files of
    ``newer``.

    ``why_not`` says why a file is not in ``newer``, and ``folder`` is what findings call the folder of the migrations.
    ``backward_compatible`` is None where that is not known. One that failed is there too, since part of it may be
    applied.
    """
    names = {migration.name for migration in migrations}
    rows = {row.name: row for row in state.rows if row.rolled_back_at is None and row.name not in names}
    files = {migration.name: migration for migration in newer or ()}
    known = [name for name, row in rows.items() if name in files and files[name].fits(row.checksum)]
    verdicts = dict(
        zip(
            known,
            classify((files[name].sql for name in known), (migration.sql for migration in migrations)),
            strict=True,
        )
    )
    undone = {name for name, fate in state.fates.items() if fate.verdict == UNDONE}
    return [
        _judged(row, files, verdicts.get(name), why_not, f"{folder}/{name}/migration.sql", undone=name in undone)
        for name, row in rows.items()
    ]


def _judged(
    row: Row, files: Mapping[str, Migration], verdict: Classification | None, why_not: str, file: str, *, undone: bool
) -> dict[str, Any]:
    entry = {"name": row.name, "state": "failed" if row.finished_at is None else "applied"}
    if verdict is None:
        why = (
            why_not
            if row.name not in files
            else "its file was edited after it was applied, so what was applied is not known"
        )
        return {**entry, "backward_compatible": None, "reasons": as_findings([Reason(None, why)], file)}
    # nothing of it is applied
    if row.finished_at is None and (undone or explain(row, files[row.name])["resolve"] == "rolled-back"):
        return {**entry, "backward_compatible": True, "reasons": []}
    return {**entry, "backward_compatible": verdict.backward_compatible, "reasons": as_findings(verdict.breaking, file)}
