# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a database has what a migration makes although the migration was never begun there, or was rolled back:
somebody ran it by hand, or it was squashed.

A name that was there before the migration proves nothing. What was there is known from the note of a run that was
rolled back, else from the earlier files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import notes
from .migration import Migration, Row
from .schema_evidence import APPLIED, PARTLY, UNDONE, described, fate_of
from .sql import PGLAST_ERROR, ParseError, ast, parse_sql, quoted
from .traces import Trace, Traces, look_for


@dataclass(frozen=True)
class Proof:
    """``shows``: all of it is there and was not before. ``undone``: nothing is. ``against`` is what is not
    as the migration leaves it.
    """

    shows: bool = False
    undone: bool = False
    against: Sequence[Any] = ()


def proof_of(connection: Any, migration: Migration, rolled_back: Sequence[Row], earlier: Sequence[Migration]) -> Proof:
    """Find out what the catalogue shows. ``rolled_back`` is the row of the last try, if any; ``earlier``
    are the files before this one.
    """
    for row in rolled_back:
        note = notes.note_of(row, {})
        if note:
            fate = fate_of(connection, note, migration.sql, logged=False)
            lacking = fate.lacking if fate.verdict == PARTLY else ()
            return Proof(shows=fate.verdict == APPLIED, undone=fate.verdict == UNDONE, against=lacking)
    traces = Traces([migration.sql])
    shown, against = look_for(connection, traces)
    return Proof(shows=_makes_nothing(migration) or _is_news(traces, shown, earlier), against=against)


def _makes_nothing(migration: Migration) -> bool:
    found = described(migration.sql)
    return found is not None and not found["names"] and not found["unseen"]


def _is_news(traces: Traces, shown: Iterable[Trace], earlier: Sequence[Migration]) -> bool:
    """Whether something that is as the migration leaves it was otherwise before."""
    before = Traces(migration.sql for migration in earlier)
    columns = {column for migration in earlier for column in _columns(migration.sql)}
    return any(before.get(trace, trace in columns) != traces[trace] for trace in shown)


def _columns(script: str) -> Iterator[Trace]:
    try:
        statements = [] if PGLAST_ERROR else parse_sql(script)
    except ParseError:
        return
    for statement in statements:
        if isinstance(statement.stmt, ast.CreateStmt):
            for element in statement.stmt.tableElts or ():
                if isinstance(element, ast.ColumnDef):
                    yield Trace("column", quoted(statement.stmt.relation), element.colname)
