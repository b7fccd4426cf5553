# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions from the migrations that prisma_migrate reports: problems before a run, and the applied migrations after a
failure.

A migration is {name, backward_compatible} among the pending ones, and {name, state, resolve} among those of the
database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .results import failure_message, names

Result = Mapping[str, Any]
FINDINGS = 3  # of a migration that a refusal quotes
UNDONE = "rolled-back"  # the resolution of a failed migration of which nothing was applied


def check_problems(
    migrations: Result,
    backup: Result,
    *,
    makes_backups: bool,
    maintenance: bool,
    surfaces: Sequence[str],
    kind: str,
    runner: str,
    left_incompatible: Sequence[str] = (),
    accept_schema: str | None = None,
    approve_migration: str | None = None,
    nothing_live: bool = False,
) -> list[str]:
    """Return the problems of a deploy's database. ``migrations`` and ``backup`` are the results of prisma_migrate and
    pg_backup in check mode.

    ``left_incompatible`` are the migrations that an unfinished deploy applied and that the old release cannot run on.
    ``nothing_live`` says that no release is live that could meet a migration.
    """
    problems = []
    if "pending" not in migrations:
        problems.append(failure_message(migrations))
    if makes_backups and "backup" not in backup:
        problems.append(failure_message(backup))
    if maintenance and "backend" not in surfaces:
        problems.append(
            "maintenance=true holds the units of the backend, but surfaces does not name the backend: add it"
        )
    if runner == "platform" and "backend" not in surfaces and kind == "deploy":
        problems.append(
            "database_migrate_runner is platform, so the backend applies the migrations: add backend to surfaces"
        )
    problems += [_strange(name) for name in _unknown_to_release(migrations, left_incompatible, accept_schema)]
    if not nothing_live and not (maintenance and "backend" in surfaces):
        problems += [
            _unapproved(one)
            for one in migrations.get("pending") or []
            if not one.get("backward_compatible") and one["name"] not in names(approve_migration)
        ]
    return problems


def incompatible(migrations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the migrations that the old release cannot run on."""
    return [str(one["name"]) for one in migrations if not one.get("backward_compatible")]


def applied(pending: Sequence[Mapping[str, Any]], database: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the pending migrations that are in the database now. A failed one counts unless certainly
    nothing of it was applied.
    """
    there = {
        one["name"]
        for one in database
        if one["state"] in ("applied", "edited") or (one["state"] == "failed" and one.get("resolve") != UNDONE)
    }
    return [str(one["name"]) for one in pending if one["name"] in there]


def applied_incompatible(pending: Sequence[Mapping[str, Any]], database: Sequence[Mapping[str, Any]]) -> list[str]:
    there = applied(pending, database)
    return [name for name in incompatible(pending) if name in there]


def unsafe_for_target(unknown: Sequence[Mapping[str, Any]], accept_schema: str | None = None) -> list[str]:
    """Return the applied migrations that the target of a rollback does not have and cannot run on."""
    return [name for name in incompatible(unknown) if name not in names(accept_schema)]


def unsafe_target_message(target: str, unsafe: Sequence[str]) -> str:
    return (
        f"ROLLBACK UNSAFE: schema. Nothing was changed. {target} does not have the migration {', '.join(unsafe)}, which"
        f" was applied and is not backward compatible: the code of {target} may fail or write wrong data. Deploy a"
        f" fixed release, or restore a backup, or accept the risk with -e accept_schema={','.join(unsafe)}"
    )


def _found(migration: Mapping[str, Any]) -> str:
    """Return what was found in a migration, with its lines and their SQL."""
    blocking = [
        one for one in migration.get("reasons") or [] if one.get("class") in ("contract", "destructive", "unknown")
    ]
    parts = []
    for one in blocking[:FINDINGS]:
        place = f"{one.get('file')}, line {one['line']}" if one.get("line") else str(one.get("file") or "it")
        parts.append(f"{place}: {one.get('reason')}" + (f" ({one['sql']})" if one.get("sql") else ""))
    more = f" and {len(blocking) - FINDINGS} more" if len(blocking) > FINDINGS else ""
    return f"{'; '.join(parts)}{more}. " if parts else ""


def _unknown_to_release(migrations: Result, left: Sequence[str], accept_schema: str | None) -> list[str]:
    missing = {one["name"] for one in migrations.get("migrations") or [] if one["state"] == "missing"}
    return [name for name in left if name in missing and name not in names(accept_schema)]


def _strange(name: str) -> str:
    return (
        f"ROLLBACK UNSAFE: schema. A deploy that did not finish applied the migration {name}, which is not backward"
        " compatible and which this release does not have. Deploy a release that has it; or accept the risk with -e"
        f" accept_schema={name}"
    )


def _unapproved(migration: Mapping[str, Any]) -> str:
    name = migration["name"]
    return (
        f"The migration {name} is not backward compatible: the live release would run on it until the new one serves,"
        f" and a rollback would be unsafe. {_found(migration)}Split it into an expanding and a contracting migration;"
        f" or deploy it in maintenance, with -e maintenance=true; or approve it with -e approve_migration={name}"
    )
