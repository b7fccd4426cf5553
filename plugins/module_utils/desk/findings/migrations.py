# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""T2: a migration that failed, and which resolve is right; migrations that the live release waits for."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.amounts import number
from .finding import BROKEN, DEGRADED, LIKELY, SURE, Finding, View

WORDS = {"rolled-back": "not applied at all", "applied": "applied completely"}


def failed(view: View) -> Iterator[Finding]:
    """Explain each failed migration (P3009): whether nothing, all or a part of it is applied."""
    for row in _rows(view):
        if row["state"] != "failed":
            continue
        right = row.get("resolve")
        state = WORDS.get(right or "", "perhaps half applied")
        fix = view.remedy("resolve", f"-e migration={row['name']}")
        yield Finding(
            "migration_failed" if right else "migration_half_applied",
            "T2",
            f"The migration {row['name']} failed and is {state} (P3009)",
            _evidence(row),
            "no migration is applied before this one is resolved",
            SURE if right else LIKELY,
            DEGRADED,
            do=fix if right else view.command("database", "-e database_gather=migrations"),
            advice=row["explanation"],
            remedy="resolve" if right else "",
            target=row["name"],
            resolve=right or "",
            release=row.get("release") or "",
        )


def _evidence(row: dict[str, str]) -> str:
    logs = " ".join((row.get("logs") or "").split())
    return f"began {row['started_at']} and did not finish" + (f": {logs[:200]}" if logs else "")


def pending(view: View) -> Iterator[Finding]:
    """Say that the live release has migrations that the database has not."""
    names = view.value("pending") or []
    if names and not any(row["state"] == "failed" for row in _rows(view)):
        yield Finding(
            "migrations_pending",
            "T2",
            f"The database lacks {number(len(names), 'migration')} of the live release",
            ", ".join(names[:5]),
            "the release was deployed without its migrations, or a restore took them back",
            SURE,
            BROKEN,
            do=view.command("migrate", f"-e release={_release(view)}"),
        )


def _release(view: View) -> str:
    live = dict(view.units()).get(view.web(), {}).get("live") or {}
    return str(live.get("release") or live.get("commit") or "RELEASE")


def _rows(view: View) -> list[dict[str, str]]:
    return ((view.value("database") or {}).get("migrations") or {}).get("history") or []


RULES = (failed, pending)
