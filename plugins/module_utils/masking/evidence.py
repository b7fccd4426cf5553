# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof that nothing was left: values that are known to have been there are searched for after the masking.

A sample of every masked column must not be found in that column any more. A canary, a value that exists nowhere else,
is planted in a row of every table before, and must not be found in any row of any table; neither must sampled values
that name a person.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

with suppress(ImportError):  # postgres.py reports it
    from psycopg2 import sql

from ..core.amounts import number
from ..core.errors import RunbookError
from ..postgres.connection import query
from .catalogue import Catalogue, Column
from .judge import TablePlan
from .rules import Rule
from .statements import only, table_name

SAMPLE = 1000  # values of a column
NAMING = ("email", "phone")  # kinds whose values name a person wherever they are
NAMING_SAMPLE = 20
NAMING_SHORTEST = 8  # characters; a shorter one may be part of anything
CANARY_LENGTH = 23
TAKE = """
INSERT INTO pg_temp.storefront_mask_sample
SELECT {place}, {column}::text FROM {table} WHERE {column} IS NOT NULL ORDER BY random() LIMIT {limit}
"""
LEFT = """
SELECT count(*) FROM {table} WHERE {column} IS NOT NULL AND {column}::text IN (
  SELECT value FROM pg_temp.storefront_mask_sample WHERE place = {place}
)
"""
PLANT = "UPDATE {table} SET {changes} WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM {table} LIMIT 1)"
FOUND = "SELECT count(*) FROM {table} t WHERE strpos(t::text, {value}) > 0"
NAMED = """
SELECT count(*) FROM {table} t WHERE EXISTS (
  SELECT FROM (
    SELECT value FROM pg_temp.storefront_mask_sample WHERE place = {place} AND length(value) >= {shortest} LIMIT {limit}
  ) s WHERE strpos(t::text, s.value) > 0
)
"""
NOT_MASKED = "nothing was copied to staging, and the scratch copy is dropped"


class Evidence:
    """What is taken before the masking, and searched for after it."""

    def __init__(self, connection: Any, plans: Sequence[TablePlan], catalogue: Catalogue, key: str) -> None:
        self.connection, self.plans = connection, plans
        self.keys = {(foreign.table, name) for foreign in catalogue.foreign_keys for name in foreign.columns}
        self.keys |= {
            (foreign.referred, name) for foreign in catalogue.foreign_keys for name in foreign.referred_columns
        }
        self.mark = "cn" + hmac.new(key.encode(), b"canary", hashlib.sha256).hexdigest()[:16]
        self.canaries = 0
        self.sampled = 0

    def take(self) -> None:
        """Sample the original values, then plant the canaries."""
        for plan, column, _rule in self._replaced():
            query(self.connection, sql.SQL(TAKE).format(**_where(plan, column), limit=sql.Literal(SAMPLE)))
        ((self.sampled,),) = query(self.connection, "SELECT count(*) FROM pg_temp.storefront_mask_sample")
        for position, plan in enumerate(self.plans):
            self.canaries += self._plant(plan, position)

    def check(self) -> None:
        """Raise RunbookError where an original value, or a canary, is still there."""
        for plan, column, _rule in self._replaced():
            found = self._count(sql.SQL(LEFT).format(**_where(plan, column)))
            self._refuse(found, f"{_place(plan, column)} still has {found} of the original values that were sampled")
        for plan in self.plans:
            table = table_name(plan.table)
            found = self._count(sql.SQL(FOUND).format(table=table, value=sql.Literal(self.mark)))
            self._refuse(found, f"a canary is still in {number(found, 'row')} of {plan.table.describe()}")
            self._check_names(plan)

    def _check_names(self, plan: TablePlan) -> None:
        """Raise RunbookError where a row of a table has a sampled value that names a person."""
        limits: dict[str, Any] = {"limit": sql.Literal(NAMING_SAMPLE), "shortest": sql.Literal(NAMING_SHORTEST)}
        for source, column, rule in self._replaced():
            if rule.of not in NAMING:
                continue
            place = _place(source, column)
            named = sql.SQL(NAMED).format(table=table_name(plan.table), place=sql.Literal(place), **limits)
            found = self._count(named)
            what = f"original values of {place} are in {number(found, 'row')} of {plan.table.describe()}"
            self._refuse(found, f"{what}: mask the column that holds them there, too")

    def _count(self, statement: Any) -> int:
        ((count,),) = query(self.connection, statement)
        return int(count)

    def _refuse(self, found: int, what: str) -> None:
        if found:
            raise RunbookError(f"The copy is not masked: {what}; {NOT_MASKED}.", code="not_masked")

    def _replaced(self) -> Iterator[tuple[TablePlan, Column, Rule]]:
        """Yield the columns whose values go; what is set has one value only, which may be an original one too."""
        for plan in self.plans:
            for name, rule in plan.masked().items():
                if rule.kind != "set":
                    yield plan, plan.table.columns[name], rule

    def _plant(self, plan: TablePlan, number: int) -> int:
        """Plant a canary in each masked text of one row, and return how many: none where the database refuses it."""
        planted = 0
        for position, name in enumerate(plan.masked()):
            column = plan.table.columns[name]
            if (
                not column.is_text
                or (column.limit or CANARY_LENGTH) < CANARY_LENGTH
                or (plan.table.oid, name) in self.keys
            ):
                continue
            canary = f"{self.mark}{number % 1000:03}{position % 100:02}"
            change = sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(canary))
            with suppress(RunbookError):  # a constraint of the shop refuses it; the sample covers the column
                query(self.connection, sql.SQL(PLANT).format(table=only(plan.table), changes=change))
                planted += 1
        return planted


def _place(plan: TablePlan, column: Column) -> str:
    return f"{plan.table.describe()}.{column.name}"


def _where(plan: TablePlan, column: Column) -> dict[str, Any]:
    return {
        "table": only(plan.table),
        "column": sql.Identifier(column.name),
        "place": sql.Literal(_place(plan, column)),
    }
