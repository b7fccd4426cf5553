# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classifies migrations before they run: what old code survives, what takes data away, who waits, and what a failure may leave half done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .migration_judge import Danger, Judge
from .migration_locks import locked_out, long_locks
from .migration_transactions import shape
from .sql_tree import PGLAST_ERROR, ParseError, command_of, leaves_transaction, parse_sql

BREAKING = ("contract", "destructive", "unknown")
NOT_TRANSACTIONAL = Danger("does not run inside of a transaction, so when the file fails a part of it may stay applied", "not_transactional")


@dataclass(frozen=True)
class Reason:
    """A finding: ``kind`` is contract, destructive, unknown, long_lock or not_transactional; ``line`` counts from 1 in migration.sql, None for the file
    as a whole; ``statement`` is what SQL calls it, such as DROP TABLE.
    """

    line: int | None
    reason: str
    kind: str = "unknown"
    statement: str | None = None


@dataclass(frozen=True)
class Verdict:
    """``atomic``: PostgreSQL runs the whole file or nothing of it; None where that is not known."""

    reasons: tuple[Reason, ...]
    atomic: bool | None

    @property
    def breaking(self) -> tuple[Reason, ...]:
        """Why old code may break."""
        return tuple(reason for reason in self.reasons if reason.kind in BREAKING)

    @property
    def backward_compatible(self) -> bool:
        return not self.breaking

    @property
    def classes(self) -> list[str]:
        """``expand`` or ``contract``, then what else it is."""
        kinds = {reason.kind for reason in self.reasons} - {"contract"}
        return ["expand" if self.backward_compatible else "contract", *sorted(kinds)]


def told(reasons: Iterable[Reason], file: str) -> list[dict[str, Any]]:
    """The findings as they are returned; ``file`` names the migration.sql they are in."""
    return [{"class": each.kind, "file": file, "line": each.line, "statement": each.statement, "reason": each.reason} for each in reasons]


def classify(scripts: Iterable[str]) -> list[Verdict]:
    """Judge migration files in the order in which they are applied."""
    if PGLAST_ERROR:
        return [Verdict((Reason(None, "pglast is not installed, so the file was not read"),), None) for _unused in scripts]
    judge = Judge()
    return [_classify(judge, script) for script in scripts]


def _classify(judge: Judge, script: str) -> Verdict:
    try:
        statements = parse_sql(script)
    except ParseError as error:
        place = error.args[1] if len(error.args) > 1 else None
        return Verdict((Reason(_line(script, place), f"PostgreSQL's parser cannot read it: {error.args[0]}"),), None)
    atomic = shape([statement.stmt for statement in statements]).atomic
    reasons: list[Reason] = []
    held: dict[str, int | None] = {}  # tables that an earlier line locked, and keeps locked while this one runs
    for statement in statements:
        line, new = _line(script, statement.stmt_location), judge.only_new(statement.stmt)
        for danger in _dangers(judge, statement.stmt, new):
            if danger is NOT_TRANSACTIONAL and atomic:
                continue
            meanwhile = _meanwhile(held) if danger.kind == "long_lock" and atomic else ""
            reasons.append(Reason(line, danger.text + meanwhile, danger.kind, command_of(statement.stmt)))
        if not new:
            held.update((table, held.get(table, line)) for table in locked_out(statement.stmt))
    return Verdict(tuple(reasons), atomic)


def _dangers(judge: Judge, statement: Any, new: bool) -> Iterator[Danger]:
    if not new:
        yield from judge.dangers(statement)
        yield from (Danger(text, "long_lock") for text in long_locks(statement))
    if leaves_transaction(statement):
        yield NOT_TRANSACTIONAL


def _meanwhile(held: Mapping[str, int | None]) -> str:
    return "".join(f"; meanwhile nobody can read or write {table}, which line {line} locks until the file ends" for table, line in held.items())


def _line(script: str, place: int | None) -> int | None:
    return None if place is None else script.count("\n", 0, place) + 1
