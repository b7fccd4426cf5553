# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a view of an old table's name stands in for it: PostgreSQL lets a plain one be read and written
as the table that it shows.
"""

from __future__ import annotations

from typing import Any

from .schema import Column, Schema, Table
from .sql import ast


def stands_in(schema: Schema, table: Table) -> bool:
    """True when a view has the old name of a renamed table and shows each column that old code knows by the
    name that it knows.
    """
    view = schema.views.get(table.known_as)
    if view is None or not table.described or not _is_plain(view.query):
        return False
    if schema.table(view.query.fromClause[0]) is not table:
        return False
    shown = _shown(view.query, table)
    return (
        all(shown.get(column.known_as) is column for column in table.columns.values() if not column.new)
        and not table.gone_columns
    )


def _is_plain(query: Any) -> bool:
    clauses = (
        query.whereClause,
        query.groupClause,
        query.havingClause,
        query.distinctClause,
        query.limitCount,
        query.limitOffset,
        query.withClause,
    )
    one_table = len(query.fromClause or ()) == 1 and isinstance(query.fromClause[0], ast.RangeVar)
    columns = all(isinstance(target.val, ast.ColumnRef) for target in query.targetList or ())
    return one_table and columns and not any(clauses) and query.op.name == "SETOP_NONE"


def _shown(query: Any, table: Table) -> dict[str, Column]:
    shown: dict[str, Column] = {}
    for target in query.targetList:
        last = target.val.fields[-1]
        if isinstance(last, ast.A_Star):
            shown.update(table.columns)
        elif last.sval in table.columns:
            shown[target.name or last.sval] = table.columns[last.sval]
    return shown
