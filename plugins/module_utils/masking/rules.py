# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a masked copy as an operator writes them: for each table what is kept, masked or deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ..core.errors import ConfigError
from .fakes import KINDS as FAKES

SHORTEST_KEY = 32  # characters
ALL = "all"
PLAIN = ("keep", "null", "hash")
SHAPES = "keep, null, hash, {fake: KIND} or {set: VALUE}"


@dataclass(frozen=True)
class Rule:
    """``kind`` is keep, null, hash, fake or set; ``of`` is the kind of a fake, or the value that is set."""

    kind: str
    of: str = ""

    def describe(self) -> str:
        return f"fake {self.of}" if self.kind == "fake" else self.kind


KEEP = Rule("keep")


@dataclass(frozen=True)
class TableRules:
    """``keeps`` is whether every column without a rule is kept; ``delete`` is ``all``, the condition of the rows to
    delete, or empty.
    """

    table: str
    keeps: bool
    delete: str
    columns: Mapping[str, Rule]


def read_rules(given: Sequence[Mapping[str, Any]]) -> list[TableRules]:
    """Return the rules. Raises ConfigError that names everything that is wrong with them."""
    problems: list[str] = []
    rules = [_read_table(each, problems) for each in given]
    if not given:
        problems.append("there are none: give a rule for every table")
    names = [each.table for each in rules]
    problems += [
        f"{name} has {names.count(name)} entries: join them" for name in dict.fromkeys(names) if names.count(name) > 1
    ]
    refuse(problems)
    return rules


def refuse(problems: Sequence[str]) -> None:
    """Raise ConfigError with every problem of the rules; nothing is raised where there is none."""
    if problems:
        raise ConfigError(f"The rules of the masked copy do not fit. {'; '.join(problems)}.", code="bad_rules")


def refuse_bad_key(key: str | None) -> None:
    if len((key or "").strip()) < SHORTEST_KEY:
        raise ConfigError(
            f"The key of the masked copy is {'missing' if not key else 'too short'}. Create one with"
            f" 'openssl rand -hex 32' and keep it in the vault: at least {SHORTEST_KEY} characters.",
            code="bad_key",
        )


def _read_table(given: Mapping[str, Any], problems: list[str]) -> TableRules:
    table, columns = given["table"], given.get("columns") or {}
    keeps, delete = given.get("keep") == ALL, (given.get("delete") or "").strip()
    if not table.strip():
        problems.append("an entry names no table")
    if not (columns or keeps or delete):
        problems.append(f"{table} has no rule: give columns, keep: all, or delete")
    if columns and delete == ALL:
        problems.append(f"{table} has delete: all, so its columns need no rules: remove them")
    if columns and keeps:
        problems.append(f"{table} has columns and keep: all: name every column, or keep all of them")
    return TableRules(
        table,
        keeps,
        delete,
        {str(name): _read_rule(f"{table}.{name}", rule, problems) for name, rule in columns.items()},
    )


def _read_rule(where: str, given: Any, problems: list[str]) -> Rule:
    if given is None:  # YAML reads an unquoted null so
        return Rule("null")
    if isinstance(given, str) and given in PLAIN:
        return Rule(given)
    if isinstance(given, Mapping) and len(given) == 1:
        ((kind, of),) = given.items()
        if kind == "set" and isinstance(of, str | int | float):
            return Rule("set", str(of).lower() if isinstance(of, bool) else str(of))
        if kind == "fake" and of in FAKES:
            return Rule("fake", of)
        if kind == "fake":
            problems.append(
                f"{where}: there is no fake {of}{suggestion(str(of), FAKES)}. The kinds are {', '.join(FAKES)}"
            )
            return KEEP
    word = given if isinstance(given, str) else ""
    problems.append(f"{where}: {given!r} is not a rule{suggestion(word, [*PLAIN, 'fake', 'set'])}. Write {SHAPES}")
    return KEEP


def suggestion(word: str, known: Sequence[str]) -> str:
    """Return a question that names the word that was probably meant; empty where none is near."""
    near = get_close_matches(word.lower(), [each.lower() for each in known], n=1, cutoff=0.6)
    meant = [each for each in known if near and each.lower() == near[0]]
    return f" (did you mean {meant[0]}?)" if meant else ""
