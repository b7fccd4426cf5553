# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scratch database masked by rules: rows deleted, values replaced, views filled again, and all of it checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from ..core.errors import ConfigError, RunbookError
from ..postgres.connection import Database, connect, query
from . import fakes, statements
from .catalogue import ForeignKey, read
from .evidence import Evidence
from .judge import TablePlan, judge
from .quiet import foreign_keys_off, triggers_off
from .rules import ALL, TableRules, refuse

VIEWS = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'm' AND relispopulated ORDER BY oid"
DATA_EXCEPTION = "22"  # the class of such errors
DELETE_OBJECTS = "SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata"


def mask(
    database: Database,
    rules: Sequence[TableRules],
    key: str,
    *,
    large_objects: str | None,
    heartbeat: Callable[[], None],
) -> dict[str, Any]:
    """Mask a database that is thrown away, and return what was done: rows of each table, canaries, sampled values.

    Raises ConfigError for rules that do not fit, before anything of it is changed, and RunbookError where a check finds
    an original value.
    """
    carried = " ".join(f"-c {name}={value}" for name, value in statements.settings(*fakes.pads(key)).items())
    given = replace(database, options=f"{database.options or ''} {carried}".strip())
    with closing(connect(given, heartbeat=heartbeat)) as connection:
        query(connection, "SET row_security = off")  # a policy would hide rows from the masking
        catalogue = read(connection)
        plans, problems = judge(rules, catalogue, large_objects=large_objects)
        refuse(problems)
        query(connection, statements.PREPARE)
        with triggers_off(connection):
            deleted = _delete(connection, plans, catalogue.foreign_keys)
            evidence = Evidence(connection, plans, catalogue, key)
            evidence.take()
            _fill_fakes(connection, plans, key)
            with foreign_keys_off(connection, _touched(plans, catalogue.foreign_keys)):
                changed = {plan.table.describe(): _update(connection, plan) for plan in plans}
        if large_objects == "delete":
            query(connection, DELETE_OBJECTS)
        for (view,) in query(connection, VIEWS):
            query(connection, f"REFRESH MATERIALIZED VIEW {view}")
        evidence.check()
    return {
        "tables": {name: {"masked": rows, "deleted": deleted.get(name, 0)} for name, rows in changed.items()},
        "columns": sum(len(plan.masked()) for plan in plans),
        "canaries": evidence.canaries,
        "sampled": evidence.sampled,
    }


def preview(database: Database, rules: Sequence[TableRules], *, large_objects: str | None) -> list[str]:
    """Return what is wrong with rules for the tables of another database that should be like the copy."""
    with closing(connect(database)) as connection:
        catalogue = replace(read(connection), large_objects=0)
    return judge(rules, catalogue, large_objects=large_objects)[1]


def _touched(plans: Sequence[TablePlan], keys: Sequence[ForeignKey]) -> list[ForeignKey]:
    """Return the foreign keys whose columns are masked."""
    masked = {(plan.table.oid, name) for plan in plans for name in plan.masked()}
    return [
        key
        for key in keys
        if any((key.table, name) in masked for name in key.columns)
        or any((key.referred, name) in masked for name in key.referred_columns)
    ]


def _delete(connection: Any, plans: Sequence[TablePlan], keys: Sequence[ForeignKey]) -> dict[str, int]:
    """Delete rows, those that refer to others first. Raises ConfigError where rows that stay refer to them."""
    deleted = {}
    for plan in _children_first([plan for plan in plans if plan.delete], keys):
        condition = "" if plan.delete == ALL else plan.delete
        name = plan.table.describe()
        try:
            deleted[name] = _counted(connection, statements.delete(plan, condition))
        except RunbookError as error:
            raise ConfigError(
                f"The rows of {name} that the rules delete ({plan.delete}) could not be deleted:"
                f" {_without_values(error)}. Correct the condition, or delete the rows that refer to them as well.",
                code="bad_rules",
            ) from None
    return deleted


def _without_values(error: RunbookError) -> str:
    """Return what the server said. Of a data exception it shows the value, which is a customer's."""
    if str(error.details.get("code")).startswith(DATA_EXCEPTION):
        return "a value in the table does not fit it"
    return str(error.details["reason"])


def _children_first(plans: list[TablePlan], keys: Sequence[ForeignKey]) -> list[TablePlan]:
    left, ordered = list(plans), []
    while left:
        waiting = {plan.table.oid for plan in left}
        referred = {key.referred for key in keys if key.table in waiting and key.table != key.referred}
        ready = [plan for plan in left if plan.table.oid not in referred] or left
        ordered += ready
        left = [plan for plan in left if plan not in ready]
    return ordered


def _fill_fakes(connection: Any, plans: Sequence[TablePlan], key: str) -> None:
    filled = set()
    for plan in plans:
        for name, rule in plan.masked().items():
            column = plan.table.columns[name]
            if rule.kind != "fake" or rule.of not in fakes.POOLS:
                continue
            pool = statements.pool_name(rule, column)
            if pool not in filled:
                query(connection, statements.FILL, [pool, fakes.pool(rule.of, column.limit, key)])
                filled.add(pool)
            if rule.of not in fakes.UNIQUE:
                query(connection, statements.distinguish(plan.table, name, pool))


def _update(connection: Any, plan: TablePlan) -> int:
    statement = statements.update(plan)
    if statement is None:
        return 0
    try:
        return _counted(connection, statement)
    except RunbookError as error:
        raise ConfigError(
            f"The table {plan.table.describe()} cannot be masked this way: {error.details['reason']}. Choose"
            " another rule for the column that this names.",
            code="bad_rules",
        ) from None


def _counted(connection: Any, statement: Any) -> int:
    ((count,),) = query(connection, statements.counted(statement))
    return int(count)
