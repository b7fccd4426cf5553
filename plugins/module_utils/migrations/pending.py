# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pending migrations as they are returned and as the diff shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .classify import Classification, as_findings, classify
from .migration import Migration

SQL = 200  # characters of a line that is quoted


def judge_pending(pending: Sequence[Migration], earlier: Iterable[Migration] = ()) -> list[Classification]:
    """Judge what is pending, in the order in which it will be applied.

    ``earlier`` are the migrations that the database has: they describe the schema that the live release knows.
    """
    return classify((migration.sql for migration in pending), (migration.sql for migration in earlier))


def described(pending: Sequence[Migration], verdicts: Sequence[Classification], folder: str) -> list[dict[str, Any]]:
    """Return pending migrations with their verdicts. ``folder`` is what findings call the folder of the migrations."""
    return [
        {
            "name": migration.name,
            "checksum": migration.checksum,
            "backward_compatible": verdict.backward_compatible,
            "classes": verdict.classes,
            "reasons": [
                _with_sql(reason, migration.sql)
                for reason in as_findings(verdict.reasons, f"{folder}/{migration.name}/migration.sql")
            ],
        }
        for migration, verdict in zip(pending, verdicts, strict=True)
    ]


def _with_sql(reason: dict[str, Any], script: str) -> dict[str, Any]:
    """Return a reason with the line of SQL that it is about; null where it is about the whole file."""
    rows = script.splitlines()
    line = reason.get("line")
    return {**reason, "sql": rows[line - 1].strip()[:SQL] if line and line <= len(rows) else None}


def as_text(pending: Sequence[dict[str, Any]], migrations: Sequence[Migration]) -> str:
    """Each pending migration with its classes, what was found in it, and its SQL."""
    return "".join(_as_text(each, migration.sql) for each, migration in zip(pending, migrations, strict=True))


def _as_text(entry: dict[str, Any], script: str) -> str:
    lines = [f"{entry['name']} ({', '.join(entry['classes'])})"]
    for each in entry["reasons"]:
        place = "" if each["line"] is None else f"line {each['line']}: "
        lines.append(f"-- {place}{each['reason']} ({each['class']})")
    return "\n".join([*lines, script.rstrip(), ""])
