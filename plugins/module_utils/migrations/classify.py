# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classifies migrations before they run: what old code survives, what takes data away, who waits, and what
a failure may leave half done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .compatibility import Danger, dangers, only_new
from .enums import USABLE_AT_ONCE, Early, used_too_early
from .follow import ENDS, end_transaction, follow
from .locks import WAITS, locks, stronger
from .schema import Schema
from .sql import PGLAST_ERROR, ParseError, ast, command_of, leaves_transaction, parse_sql, steps_of
from .standing import standing
from .table_scans import long_work
from .transactions import shape

RANK = ("fails", "destructive", "contract", "unknown", "long_lock", "not_transactional")
BREAKING = ("contract", "destructive", "unknown")
NOT_TRANSACTIONAL = Danger(
    "does not run inside of a transaction, so when the file fails a part of it may stay applied", "not_transactional"
)


@dataclass(frozen=True)
class Reason:
    """A finding: ``kind`` is contract, destructive, unknown, long_lock, not_transactional or fails; ``line`` counts
    from 1 in migration.sql, None for the file as a whole; ``statement`` is what SQL calls it, such as DROP TABLE.
    ``waits`` has what others cannot do to which table meanwhile. ``early`` is the value of an enum that ``fails`` is
    about.
    """

    line: int | None
    reason: str
    kind: str = "unknown"
    statement: str | None = None
    waits: Mapping[str, str] = field(default_factory=dict)
    early: Early | None = None


@dataclass(frozen=True)
class Classification:
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


def as_findings(reasons: Iterable[Reason], file: str) -> list[dict[str, Any]]:
    """The findings as they are returned; ``file`` names the migration.sql they are in."""
    return [
        {"class": each.kind, "file": file, "line": each.line, "statement": each.statement, "reason": each.reason}
        for each in reasons
    ]


def classify(scripts: Iterable[str], earlier: Iterable[str] = ()) -> list[Classification]:
    """Judge migration files in the order in which they are applied. ``earlier`` are those that the live
    release knows: they describe what exists.
    """
    if PGLAST_ERROR:
        return [
            Classification((Reason(None, "pglast is not installed, so the file was not read"),), None)
            for _unused in scripts
        ]
    schema = described(earlier)
    reported: dict[tuple[str, ...], tuple[int, Reason]] = {}
    return [_classify(schema, reported, script) for script in scripts]


def described(earlier: Iterable[str]) -> Schema:
    """The schema that migrations leave which are applied already."""
    schema = Schema()
    for script in earlier:
        try:
            statements = parse_sql(script)
        except ParseError:
            schema.forget("execute")
            continue
        for statement in statements:
            for step in steps_of(statement.stmt):
                follow(schema, step)
    end_transaction(schema)
    schema.pending = True
    return schema


class File:
    """Judges the statements of a file one after the other."""

    def __init__(self, schema: Schema, reported: dict[tuple[str, ...], tuple[int, Reason]], atomic: bool) -> None:
        self.schema, self.reported, self.atomic = schema, reported, atomic
        self.reasons: list[tuple[int, Reason]] = []
        # tables that an earlier line locked, and keeps locked while this one runs
        self.held: dict[str, tuple[str, int | None]] = {}
        self.open = dict(reported)  # what old code does not survive as it is now

    def judge(self, place: int, line: int | None, statement: Any) -> None:
        command = command_of(statement)

        def add(text: str, kind: str, waits: Mapping[str, str] | None = None, early: Early | None = None) -> None:
            self.reasons.append((place, Reason(line, text, kind, command, waits or {}, early)))

        new = only_new(self.schema, statement)
        for early in used_too_early(self.schema, statement):
            when = f"fails on PostgreSQL {USABLE_AT_ONCE - 1} and earlier" if early.made_now else "fails"
            text = (
                f"it uses the value {early.label} of the type {early.type}, which cannot be used before the transaction"
                " that adds it is committed"
            )
            add(f"{when}: {text}", "fails", early=early)
        for danger in () if new else dangers(self.schema, statement):
            add(danger.text, danger.kind)
        taken = locks(self.schema, statement)
        for text, waits_alone in long_work(self.schema, statement):
            meanwhile = {
                table: held for table, held in self.held.items() if not waits_alone or taken.get(table) != held[0]
            }
            if waits_alone or meanwhile:
                add(text + _meanwhile(meanwhile), "long_lock", self._waits(taken))
        if leaves_transaction(statement) and not self.atomic:
            add(NOT_TRANSACTIONAL.text, NOT_TRANSACTIONAL.kind)
        for table, kind in taken.items():
            if table not in self.held or stronger(kind, self.held[table][0]) != self.held[table][0]:
                self.held[table] = kind, line
        follow(self.schema, statement)
        self._classify_command(place, line, command)
        if isinstance(statement, ast.TransactionStmt) and statement.kind.name in ENDS:
            self.end()

    def _waits(self, taken: Mapping[str, str]) -> dict[str, str]:
        waits = {table: kind for table, (kind, _line) in self.held.items()}
        return waits | {table: stronger(kind, waits.get(table)) for table, kind in taken.items()}

    def _classify_command(self, place: int, line: int | None, command: str) -> None:
        now = standing(self.schema)
        self.open = {
            about: self.open.get(about) or (place, Reason(line, text, "contract", command))
            for about, text in now.items()
        }

    def end(self) -> None:
        """A transaction ends: its locks are given up, and old code sees what it left."""
        self.reasons += [found for about, found in self.open.items() if about not in self.reported]
        self.reported.clear()
        self.reported.update(self.open)
        self.held.clear()
        end_transaction(self.schema)


def _classify(schema: Schema, reported: dict[tuple[str, ...], tuple[int, Reason]], script: str) -> Classification:
    try:
        statements = parse_sql(script)
    except ParseError as error:
        schema.forget("execute")
        place = error.args[1] if len(error.args) > 1 else None
        return Classification(
            (Reason(_line(script, place), f"PostgreSQL's parser cannot read it: {error.args[0]}"),), None
        )
    atomic = shape([statement.stmt for statement in statements]).atomic
    file = File(schema, reported, atomic)
    for place, statement in enumerate(statements):
        for step in steps_of(statement.stmt):
            file.judge(place, _line(script, statement.stmt_location), step)
    file.end()
    found = sorted(file.reasons, key=lambda reason: (reason[0], RANK.index(reason[1].kind)))
    return Classification(tuple(reason for _place, reason in found), atomic)


def _meanwhile(held: Mapping[str, tuple[str, int | None]]) -> str:
    return "".join(
        f"; meanwhile {WAITS[kind].format(table)}, which line {line} locks until the file ends"
        for table, (kind, line) in held.items()
    )


def _line(script: str, place: int | None) -> int | None:
    return None if place is None else script.count("\n", 0, place) + 1
