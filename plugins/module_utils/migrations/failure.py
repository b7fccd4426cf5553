# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what a failed migration left behind, and which ``prisma migrate resolve`` is right and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .migration import Migration, Row
    from .schema_evidence import Fate

LOCK_NOT_AVAILABLE = "55P03"  # the SQLSTATE, which Prisma writes into the logs of a migration that did not get its lock
FORCED = "Neither is accepted without force: true and a reason."


def waited_in_vain(logs: str | None) -> bool:
    return LOCK_NOT_AVAILABLE in (logs or "") or "lock timeout" in (logs or "")


def explain(row: Row, migration: Migration | None, fate: Fate | None = None) -> dict[str, Any]:
    """Describe a failed migration: its ``resolve`` that is right, None where somebody has to look first, and an
    ``explanation``.

    Without a ``fate``, which takes a connection to find out, only what follows from the file is said.
    """
    from .transactions import shape_of  # PostgreSQL's parser takes long to load

    rolled_back, applied = (
        f"prisma migrate resolve --{word} {row.name} (state: resolved_{word.replace('-', '_')})"
        for word in ("rolled-back", "applied")
    )
    same = migration is not None and migration.fits(row.checksum)
    shape = shape_of(migration.sql) if migration and same else None
    verdict = fate.verdict if fate else "undone" if shape and shape.atomic and row.logs else "unknown"
    recorded = {"name": row.name, "started_at": row.started_at.isoformat(), "logs": row.logs}
    how = _how(row, shape, same)
    if verdict == "undone":
        undone = "undid it, so none of it is applied" if shape and shape.atomic and row.logs else ""
        state = (
            f"PostgreSQL ran the file as one transaction and {undone}."
            if undone
            else f"{how}None of it is applied: everything that it names is unchanged."
        )
        advice = (
            "It did not get a lock, and can be applied again unchanged once it is marked:"
            if waited_in_vain(row.logs)
            else "Correct it, then"
        )
        return {**recorded, "resolve": "rolled-back", "explanation": f"{state} {advice} {rolled_back}."}
    if verdict == "applied":
        return {
            **recorded,
            "resolve": "applied",
            "explanation": f"{how}All of it is applied: {_listed(fate)}. Mark it: {applied}.",
        }
    if verdict == "partly":
        state = f"{how}Compared with the state before it, a part is: {_listed(fate)}{_lacking(fate)}. "
    elif fate:
        state = f"{how}Its state cannot be read from the catalogue: {fate.why}{_lacking(fate)}. {FORCED} "
    else:
        state = how
    if shape and shape.atomic:
        return {
            **recorded,
            "resolve": None,
            "explanation": (
                f"{state}Check the objects that it creates. All of them exist: {applied}. None of them exists:"
                f" {rolled_back}."
            ),
        }
    if shape:
        way = f"Undo the part that is there, then {rolled_back}; or complete it by hand, then {applied}."
        return {
            **recorded,
            "resolve": None,
            "explanation": (
                f"{state}Compare the schema with it; a CREATE INDEX CONCURRENTLY leaves an invalid index. {way}"
            ),
        }
    way = f"All of it applied: {applied}. Nothing applied, or undone by hand: {rolled_back}."
    return {**recorded, "resolve": None, "explanation": f"{state}Compare the schema with it. {way}"}


def _how(row: Row, shape: Any, same: bool) -> str:
    """What is known of how the file ran."""
    if shape is None:
        return f"The file that failed {'could not be judged' if same else 'is not the one that is here'}. "
    stopped = "" if row.logs else "Its run was stopped before it could record the result. "
    if shape.atomic:
        return f"{stopped}The file is one transaction, so either all of it is applied or none of it is. "
    return f"{stopped}The file does not run as one transaction, so part of it may be applied. "


def _listed(fate: Fate | None) -> str:
    left = fate.left if fate else ()
    return (
        f"{', '.join(left[:5])}{', …' if len(left) > 5 else ''} {'is' if len(left) == 1 else 'are'} not as before"
        if left
        else "what it makes is there"
    )


def _lacking(fate: Fate | None) -> str:
    lacking = fate.lacking if fate else ()
    return (
        f"; {', '.join(lacking[:5])}{', …' if len(lacking) > 5 else ''} {'is' if len(lacking) == 1 else 'are'} not as"
        " it leaves it"
        if lacking
        else ""
    )
