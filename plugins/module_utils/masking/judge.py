# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether rules cover a database and fit its columns. A column that no rule names is a problem, and so is a rule that
would break a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..core.amounts import number
from . import fakes
from .catalogue import HASHED, Catalogue, Column, ForeignKey, Table
from .rules import ALL, KEEP, Rule, TableRules, suggestion

HASH_LENGTH = 32  # hexadecimal digits, 128 bits
SHORTEST_HASH = 12
NAMED = 8  # columns without a rule that a message lists of one table


@dataclass(frozen=True)
class TablePlan:
    """What happens to a table: ``rules`` has a rule for each column that is not generated."""

    table: Table
    delete: str
    rules: Mapping[str, Rule]

    def masked(self) -> dict[str, Rule]:
        return {name: rule for name, rule in self.rules.items() if rule.kind != "keep"}


def judge(
    rules: Sequence[TableRules], catalogue: Catalogue, *, large_objects: str | None
) -> tuple[list[TablePlan], list[str]]:
    """Return (what happens to each table, every problem). The plan counts only where there is no problem."""
    problems: list[str] = []
    ruled: dict[int, TableRules] = {}
    for each in rules:
        table = _find(each.table, catalogue.tables, problems)
        if table and table.oid in ruled:
            problems.append(f"{table.describe()} has two entries, {ruled[table.oid].table} and {each.table}: join them")
        if table:
            ruled[table.oid] = each
    plans = [_plan(table, ruled.get(table.oid), problems) for table in catalogue.tables]
    known = {plan.table.oid: plan for plan in plans}
    for key in catalogue.foreign_keys:
        problems += _key_problems(key, known)
    if catalogue.large_objects and not large_objects:
        problems.append(
            f"{number(catalogue.large_objects, 'large object has', 'large objects have')} no rule: set"
            " refresh_large_objects to delete or keep"
        )
    return plans, problems


def _find(name: str, tables: Sequence[Table], problems: list[str]) -> Table | None:
    found = [table for table in tables if name in (table.name, table.describe())]
    if not found:
        names = [table.name for table in tables] + [table.describe() for table in tables]
        problems.append(f"there is no table {name}{suggestion(name, names)}")
    elif len(found) > 1:
        problems.append(f"{name} is in several schemas: write {' or '.join(table.describe() for table in found)}")
    return found[0] if len(found) == 1 else None


def _plan(table: Table, rules: TableRules | None, problems: list[str]) -> TablePlan:
    writable = [column for column in table.columns.values() if not column.generated]
    if rules is None:
        names = _named([column.name for column in writable])
        problems.append(f"{table.describe()} has no rule: name its columns ({names}), or set keep: all, or delete: all")
        return TablePlan(table, "", {})
    for name, rule in rules.columns.items():
        if name not in table.columns:
            problems.append(f"{table.describe()} has no column {name}{suggestion(name, list(table.columns))}")
        else:
            problems += [
                f"{table.describe()}.{name}: {problem}" for problem in _rule_problems(table.columns[name], rule)
            ]
    left = [column.name for column in writable if column.name not in rules.columns]
    if left and not rules.keeps and rules.delete != ALL:
        problems.append(
            f"no rule names {_named([f'{table.describe()}.{name}' for name in left])}: give each column one"
        )
    return TablePlan(table, rules.delete, {column.name: rules.columns.get(column.name, KEEP) for column in writable})


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _rule_problems(column: Column, rule: Rule) -> Iterator[str]:
    if column.generated:
        yield (
            "the database computes it, so it cannot have a rule: remove it, and mask the columns that it is computed"
            " from"
        )
    elif rule.kind == "keep":
        return
    elif column.identity_always:
        yield "it is GENERATED ALWAYS AS IDENTITY, so it can only be kept"
    elif rule.kind == "null" and column.required:
        yield "it is NOT NULL, so it cannot be null: use hash, fake or set"
    elif rule.kind == "hash":
        yield from _hash_problems(column)
    elif rule.kind == "fake":
        yield from _fake_problems(column, rule.of)
    elif rule.kind == "set" and column.unique:
        yield "it is unique, and set would give every row the same value: use hash"


def _hash_problems(column: Column) -> Iterator[str]:
    if column.base not in HASHED:
        yield f"hash does not fit the type {column.shown}: it fits text, uuid, bigint and bytea. Use keep, null or set"
    elif column.limit and column.limit < (HASH_LENGTH if column.unique else SHORTEST_HASH):
        least = HASH_LENGTH if column.unique else SHORTEST_HASH
        yield f"hash needs {least} characters, and {column.shown} has {column.limit}: use null or set"


def _fake_problems(column: Column, kind: str) -> Iterator[str]:
    if not column.is_text:
        yield f"fake {kind} is text, and the column is {column.shown}: use null or set"
    elif column.limit and column.limit < fakes.shortest(kind):
        least = fakes.shortest(kind)
        yield f"fake {kind} needs {least} characters, and {column.shown} has {column.limit}: use hash, null or set"
    elif column.unique and kind not in fakes.UNIQUE:
        yield f"it is unique, and a fake {kind} can occur twice: use hash, or fake {' or '.join(fakes.UNIQUE)}"


def _key_problems(key: ForeignKey, plans: Mapping[int, TablePlan]) -> Iterator[str]:
    """Both columns of a foreign key have to get the same values, which the same rule on the same type gives."""
    child, parent = plans.get(key.table), plans.get(key.referred)
    if not (child and parent and child.rules and parent.rules) or ALL in (child.delete, parent.delete):
        return
    for name, referred in zip(key.columns, key.referred_columns, strict=True):
        mine, other = child.rules.get(name, KEEP), parent.rules.get(referred, KEEP)
        column, target = child.table.columns[name], parent.table.columns[referred]
        where, there = f"{child.table.describe()}.{name}", f"{parent.table.describe()}.{referred}"
        if mine.kind == "null" or mine == other == KEEP:
            continue
        if mine != other:
            yield f"{where} ({mine.describe()}) refers to {there} ({other.describe()}): give both the same rule"
        elif (column.base, column.limit) != (target.base, target.limit):
            types = f"{where} is {column.shown} and refers to {there}, {target.shown}"
            yield f"{types}: masked they would differ, so keep both"
