# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of each migration, and where the folder and the table drifted apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .failure import explain
from .history import State, inspect
from .migration import Migration, Row


def drift(state: State) -> dict[str, list[str]]:
    """Names of the applied migrations whose files were ``edited`` since, and of those that are ``missing``
    in the folder.
    """
    return {"edited": state.edited, "missing": state.missing}


def history(state: State, migrations: Sequence[Migration]) -> list[dict[str, Any]]:
    """Return each migration's state: those of the folder in its order, then what only the database has.

    ``rolled_back`` is pending again. A ``failed`` one has the ``resolve`` that is right, None where somebody has to
    look first, and an ``explanation``.
    """
    files = {migration.name: migration for migration in migrations}
    # the current row counts, not an earlier try
    rows = {row.name: row for row in sorted(state.rows, key=lambda row: row.rolled_back_at is None)}
    strangers = [name for name, row in rows.items() if name not in files and row.rolled_back_at is None]
    return [_described(name, files.get(name), rows.get(name), state) for name in [*files, *strangers]]


def _described(name: str, file: Migration | None, row: Row | None, state: State) -> dict[str, Any]:
    if row is None:
        return {"name": name, "state": "pending"}
    times = {
        key: moment.isoformat()
        for key in ("started_at", "finished_at", "rolled_back_at")
        if (moment := getattr(row, key))
    }
    if row.rolled_back_at is not None:
        return {"name": name, "state": "rolled_back", **times}
    if row.finished_at is None:
        return {"state": "failed", **times, **explain(row, file, state.fates.get(name))}
    return {
        "name": name,
        "state": "missing" if file is None else "edited" if name in state.edited else "applied",
        **times,
    }


def summary(connection: Any) -> dict[str, Any]:
    """Return what the table of migrations says, without a release to compare it with."""
    state = inspect(connection, [])
    rows = [
        {**each, "state": "applied" if each["state"] == "missing" else each["state"]} for each in history(state, [])
    ]
    failed = [each["name"] for each in rows if each["state"] == "failed"]
    return {
        "known": state.known,
        "applied": len(state.applied),
        "last": state.applied[-1] if state.applied else None,
        "failed": failed,
        "history": rows,
    }
