# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of a column's type does: whether the table is rewritten, and whether values are lost or old
code breaks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .schema import Column, Schema, Type, type_of
from .sql import ast

INTEGERS = {"int2": 5, "int4": 10, "int8": 19}  # with as many digits
TIMES = ("timestamp", "timestamptz", "time", "timetz", "interval")
TEXTS = ("varchar", "text")
MAX_PRECISION = 6  # of times


class Change(NamedTuple):
    """``rewrites``: None where that is not known. ``kind``: destructive where values may be cut or rounded,
    contract where old code may break, else None.
    """

    rewrites: bool | None
    kind: str | None


NOTHING = Change(False, None)
WIDER = Change(True, None)
BREAKS = Change(True, "contract")
CUTS = Change(True, "destructive")


def change_of(schema: Schema, column: Column, command: Any) -> Change:
    """Judge an ``ALTER COLUMN … TYPE`` by the type that the column has before it."""
    old, new, using = column.type, type_of(command.def_.typeName), command.def_.raw_default
    casts = casts_only(using, column.name)
    if using is not None and not casts:
        return CUTS._replace(rewrites=True)
    if new.name in schema.enums and casts:  # PostgreSQL refuses a value that the enum does not have
        of_known = old is not None and old.name in schema.enums and schema.enums[old.name].labels is not None
        return Change(True, None if of_known else "contract")
    if old is None:
        return Change(None, "contract" if new.name == "text" and using is None else "destructive")
    if old.array != new.array:
        return CUTS
    change = _scalar(old, new, truncates=casts)
    return change._replace(rewrites=True) if old.array and old != new else change


def casts_only(expression: Any, column: str) -> bool:
    """True for ``column::text::type``, whatever the types are."""
    if not isinstance(expression, ast.TypeCast):
        return False
    while isinstance(expression, ast.TypeCast):
        expression = expression.arg
    return isinstance(expression, ast.ColumnRef) and getattr(expression.fields[-1], "sval", None) == column


def _scalar(old: Type, new: Type, *, truncates: bool) -> Change:
    """``truncates``: with ``USING a::varchar(3)`` what is too long is cut, without it is refused."""
    if old == new:
        return NOTHING
    if old.name in TEXTS and new.name in TEXTS:
        if not new.sizes or (old.sizes and new.sizes[0] >= old.sizes[0]):
            return NOTHING
        return CUTS if truncates else BREAKS
    if old.name in INTEGERS and new.name in INTEGERS:
        return WIDER if INTEGERS[new.name] > INTEGERS[old.name] else BREAKS
    if old.name == new.name == "numeric":
        return _numeric(old.sizes, new.sizes)
    if old.name in INTEGERS and new.name == "numeric":
        return BREAKS
    if old.name == new.name and new.name in TIMES:
        wider = _precision(new) >= _precision(old)
        return NOTHING if wider else CUTS
    if (old.name, new.name) == ("timestamp", "timestamptz"):
        return BREAKS if _precision(new) >= _precision(old) else CUTS
    if old.name == new.name == "bpchar" and (new.sizes or (1,)) > (old.sizes or (1,)):
        return WIDER
    if (old.name, new.name) in LOSSLESS:
        return LOSSLESS[old.name, new.name]
    if new.name in TEXTS and not new.sizes:
        return BREAKS
    return CUTS


LOSSLESS = {
    ("float4", "float8"): WIDER,
    ("int2", "float8"): BREAKS,
    ("int4", "float8"): BREAKS,
    ("date", "timestamp"): BREAKS,
    ("date", "timestamptz"): BREAKS,
    ("text", "uuid"): BREAKS,
    ("varchar", "uuid"): BREAKS,
    ("text", "citext"): Change(False, "contract"),
    ("jsonb", "json"): BREAKS,
}


def _precision(type_: Type) -> int:
    return type_.sizes[0] if type_.sizes else MAX_PRECISION


def _numeric(old: tuple[int, ...], new: tuple[int, ...]) -> Change:
    if not new:
        return NOTHING
    if not old:
        return CUTS
    (digits, scale), (new_digits, new_scale) = (*old, 0)[:2], (*new, 0)[:2]
    if new_scale < scale:
        return CUTS
    if new_digits - new_scale < digits - scale:
        return BREAKS
    return NOTHING if new_scale == scale else WIDER
