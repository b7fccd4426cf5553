# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The final messages of migrate.yml and restore.yml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.amounts import number

Named = Sequence[Mapping[str, Any]]


def migrated_message(pending: Named, applied: Sequence[str], *, check_mode: bool) -> str:
    if not pending:
        return "Nothing was pending."
    if check_mode:
        return f"Would apply: {', '.join(str(one['name']) for one in pending)}"
    return f"Applied: {', '.join(applied)}"


def migration_failed_message(
    task: str, message: str, *, release: str, applied: Sequence[str], incompatible: Sequence[str]
) -> str:
    """Return the failed step, the migrations that were applied before it, and the state of the live release."""
    before = f"Applied before it: {', '.join(applied)}." if applied else "No migration was applied."
    after = "The live release keeps serving."
    if incompatible:
        after = (
            f"The live release keeps serving on a schema that may not fit it ({', '.join(incompatible)}): fix {release}"
            " and deploy it."
        )
    return f"{task}: {message} {before} {after}"


def restore_outcome(restored: Mapping[str, Any], not_back: Named, *, undo: bool) -> str:
    """Return incomplete, failed, undone or restored. ``not_back`` are the parts that a restore stopped and
    could not start again, as {what, why}.
    """
    if not_back:
        return "incomplete"
    if not restored:
        return "failed"
    return "undone" if undo else "restored"


def restore_message(restored: Mapping[str, Any], not_back: Named, *, name: str, undo: bool, adopted: bool) -> str:
    """Return the outcome of a restore. ``name`` is that of the backup or of the adopted database."""
    failed = ""
    if not_back:
        failed = (
            f"RESTORE INCOMPLETE: {', '.join(one['what'] for one in not_back)}."
            f" {' '.join(one['why'] for one in not_back)} "
        )
    return failed + _database(restored, name=name, undo=undo, adopted=adopted)


def _database(restored: Mapping[str, Any], *, name: str, undo: bool, adopted: bool) -> str:
    if not restored:
        return "The database was not changed."
    which = (
        "the one before the restore"
        if undo
        else f"the adopted {name}"
        if adopted
        else f"the one from the backup {name}"
    )
    if restored.get("already"):
        return f"The live database was already {which}. Nothing was changed."
    kept = f"which is kept as {restored.get('kept')} until {restored.get('kept_until')}"
    return (
        f"The live database is now {which}. It differs in {number(restored.get('lost_rows'), 'row')} from the previous"
        f" one, {kept}."
    )
