# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a CHECK is satisfied by a row that old code writes, which leaves the new columns out: NULL
passes, and so may a default.
"""

from __future__ import annotations

import operator
from typing import Any

from .schema import Check, Table
from .sql import ast

COMPARES = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "<>": operator.ne,
}
NULL_STAYS = frozenset(
    {
        "length",
        "char_length",
        "lower",
        "upper",
        "abs",
        "btrim",
        "trim",
        "round",
        "jsonb_typeof",
        "array_length",
        "cardinality",
    }
)


def passes_without(table: Table, check: Check) -> bool:
    """True where it is certain."""
    return _holds(table, check.expression)


def never_true(table: Table, expression: Any) -> bool:
    """True where a partial index leaves out each row that old code writes."""
    match expression:
        case ast.BoolExpr() if expression.boolop.name == "AND_EXPR":
            return any(never_true(table, part) for part in expression.args)
        case ast.BoolExpr() if expression.boolop.name == "OR_EXPR":
            return all(never_true(table, part) for part in expression.args)
        case ast.NullTest() if expression.nulltesttype.name == "IS_NOT_NULL":
            return _is_null(table, expression.arg)
    return _is_null(table, expression)


def known_not_null(table: Table, name: str, *, valid: bool) -> bool:
    """True for a column that is NOT NULL already, or of which a CHECK says so; with ``valid`` one that was
    validated, so that PostgreSQL reads no rows.
    """
    if name in table.columns and table.columns[name].not_null:
        return True
    return any((check.valid or not valid) and _says_not_null(check.expression, name) for check in table.checks.values())


def _says_not_null(expression: Any, name: str) -> bool:
    if isinstance(expression, ast.BoolExpr) and expression.boolop.name == "AND_EXPR":
        return any(_says_not_null(part, name) for part in expression.args)
    is_test = isinstance(expression, ast.NullTest) and expression.nulltesttype.name == "IS_NOT_NULL"
    return (
        is_test
        and isinstance(expression.arg, ast.ColumnRef)
        and getattr(expression.arg.fields[-1], "sval", None) == name
    )


def _holds(table: Table, node: Any) -> bool:
    """True when the expression is NULL or true."""
    if _is_null(table, node):
        return True
    match node:
        case ast.BoolExpr():
            parts = [_holds(table, part) for part in node.args]
            return {"AND_EXPR": all(parts), "OR_EXPR": any(parts)}.get(node.boolop.name, False)
        case ast.NullTest():
            wants_null = node.nulltesttype.name == "IS_NULL"
            return _is_null(table, node.arg) if wants_null else _constant(table, node.arg) is not None
        case ast.A_Expr() if node.kind.name == "AEXPR_OP" and node.name[-1].sval in COMPARES:
            return _compared(node.name[-1].sval, _constant(table, node.lexpr), _constant(table, node.rexpr))
        case ast.A_Expr() if node.kind.name == "AEXPR_IN" and node.name[-1].sval == "=":
            value = _constant(table, node.lexpr)
            return value is not None and value in [_constant(table, each) for each in node.rexpr]
        case ast.A_Expr() if node.kind.name == "AEXPR_BETWEEN":
            low, high = (_constant(table, each) for each in node.rexpr)
            value = _constant(table, node.lexpr)
            return _compared(">=", value, low) and _compared("<=", value, high)
    return False


def _is_null(table: Table, node: Any) -> bool:
    """True when the expression is NULL as one of its columns is."""
    match node:
        case ast.ColumnRef():
            name = getattr(node.fields[-1], "sval", None)
            return name is not None and table.column(name).left_null
        case ast.TypeCast():
            return _is_null(table, node.arg)
        case ast.FuncCall():
            return node.funcname[-1].sval in NULL_STAYS and any(_is_null(table, arg) for arg in node.args or ())
        case ast.A_Expr() if node.kind.name in (
            "AEXPR_OP",
            "AEXPR_IN",
            "AEXPR_LIKE",
            "AEXPR_ILIKE",
            "AEXPR_BETWEEN",
            "AEXPR_OP_ANY",
        ):
            return _is_null(table, node.lexpr) or (not isinstance(node.rexpr, tuple) and _is_null(table, node.rexpr))
        case ast.BoolExpr() if node.boolop.name == "NOT_EXPR":
            return _is_null(table, node.args[0])
    return False


def _compared(operator_: str, left: Any, right: Any) -> bool:
    if left is None or right is None or type(left) is not type(right):
        return False
    if isinstance(left, str) and operator_ not in ("=", "<>"):
        return False  # which of two texts comes first depends on the collation
    return bool(COMPARES[operator_](left, right))


def _constant(table: Table, node: Any) -> Any:
    """The number or text that the expression is in a row of old code's, or None."""
    match node:
        case ast.TypeCast():
            return _constant(table, node.arg)
        case ast.A_Const() if not node.isnull:
            value = node.val
            match value:
                case ast.Integer():
                    return float(value.ival)
                case ast.Float():
                    return float(value.fval)
                case ast.String():
                    return value.sval
        case ast.ColumnRef():
            name = getattr(node.fields[-1], "sval", None)
            column = table.column(name) if name is not None else None
            return _constant(table, column.constant) if column is not None and column.new and column.default else None
    return None
