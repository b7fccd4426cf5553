# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuses before anything runs what PostgreSQL is certain to refuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core.errors import ConfigError
from .migration_transactions import shape
from .sql_tree import PGLAST_ERROR, ParseError, parse_sql

if TYPE_CHECKING:
    from .prisma import Migration


def refuse_certain_failures(pending: Sequence[Migration], folder: str) -> None:
    """Raise ConfigError for the first file with a statement that does not run beside others; ``folder`` is what the operator calls that of the migrations."""
    for migration in pending:
        found = impossible_in(migration.sql)
        if found:
            line, what = found
            raise ConfigError(
                f"The migration {migration.name} is certain to fail, so nothing was started: {what} (line {line} of {folder}/{migration.name}/migration.sql) "
                "cannot run inside of a transaction block, and PostgreSQL runs a file of several statements as one. Move that statement to a migration of its "
                "own that holds nothing else.",
                code="certain_failure",
                migration=migration.name,
            )


def impossible_in(script: str) -> tuple[int, str] | None:
    """Return (the line, what SQL calls it) of the first statement that cannot run in this file; None where there is none, or the file cannot be read."""
    if PGLAST_ERROR:
        return None
    try:
        raw = parse_sql(script)
    except ParseError:
        return None
    refused = shape([statement.stmt for statement in raw]).impossible
    places = {id(statement.stmt): script.count("\n", 0, _begin(script, statement.stmt_location or 0)) + 1 for statement in raw}
    return (places[id(refused[0][0])], refused[0][1]) if refused else None


def _begin(script: str, place: int) -> int:
    """Where the statement itself begins, past the line end of the one before it."""
    return place + len(script[place:]) - len(script[place:].lstrip())
