# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the state before a migration where the next run finds it, on whatever machine and however this one ends: in the
database that it belongs to.

While a migration runs its note is the comment of the column ``_prisma_migrations.logs``, which no program of Prisma
reads and which any runner leaves alone. Once the failure is written down the note is the end of that row's logs. Where
the user may not write the comment there is no note.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

with suppress(ImportError):  # data.postgres reports it
    from psycopg2 import sql

from ..core.errors import RunbookError
from ..core.json_text import loads
from ..postgres.connection import query

if TYPE_CHECKING:
    from .migration import Migration, Row

MARK = "storefront.runbook: the state before "
IN_LOGS = f"\n\n{MARK}"
READ = (
    "SELECT col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = to_regclass('_prisma_migrations') AND"
    " attname = 'logs'"
)

Notes = dict[str, dict[str, Any]]


def read(connection: Any) -> Notes:
    """The notes of migrations that are running or were stopped, by name."""
    rows = query(connection, READ)
    comment = rows[0][0] if rows else None
    return _parsed(comment.removeprefix(MARK)) if comment and comment.startswith(MARK) else {}


def _parsed(text: str) -> Notes:
    try:
        return dict(loads(text))
    except ValueError:
        return {}


def write(connection: Any, notes: Mapping[str, Any]) -> None:
    """Replace the notes; none removes the comment. A comment of somebody else is left as it is. Raises RunbookError."""
    rows = query(connection, READ)
    comment = rows[0][0] if rows else None
    if (comment and not comment.startswith(MARK)) or not (comment or notes):
        return
    text = sql.Literal(MARK + json.dumps(notes)) if notes else sql.SQL("NULL")
    query(connection, sql.SQL("COMMENT ON COLUMN _prisma_migrations.logs IS {}").format(text))


def note_pending(connection: Any, migrations: Sequence[Migration]) -> Notes:
    """Note the state before ``migrations``, which will be applied in this order, and return the notes.

    What an earlier one of them touches is not as it is now when a later one begins, so the later one's note leaves it
    out.
    """
    from .schema_evidence import described, take  # PostgreSQL's parser takes long to load

    notes: Notes = {}
    touched: set[str] = set()
    # without a note the outcome of a failure may not be known; that is no reason not to migrate
    with suppress(RunbookError):
        for migration in migrations:
            note = take(connection, migration.sql, without=frozenset(touched))
            if note:
                notes[migration.name] = {"checksum": migration.checksum, **note}
            touched.update((described(migration.sql) or {"names": ()})["names"] if len(migrations) > 1 else ())
        write(connection, notes)
    return notes


def forget(connection: Any, names: Iterable[str]) -> None:
    """Remove the notes of ``names``, once their outcome is written down."""
    with suppress(RunbookError):
        notes = read(connection)
        write(connection, {name: note for name, note in notes.items() if name not in set(names)})


def with_note(logs: str, note: Mapping[str, Any] | None) -> str:
    return f"{logs}{IN_LOGS}{json.dumps(note)}" if note else logs


def split(logs: str | None) -> tuple[str | None, dict[str, Any] | None]:
    """Return (the logs, the note that is in them)."""
    text, mark, note = (logs or "").partition(IN_LOGS)
    return (text, _parsed(note) or None) if mark else (logs, None)


def note_of(row: Row, notes: Mapping[str, Mapping[str, Any]]) -> Any:
    """The note that was taken before the run that ``row`` stands for; None where there is none."""
    note = row.note or notes.get(row.name)
    return note if note and note.get("checksum") == row.checksum else None
