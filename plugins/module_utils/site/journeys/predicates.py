# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare values: the predicates of an assertion, under Hurl's names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from .journey import Assertion
from .names import text
from .queries import Answer, NotThere, look_up

MOST = 10_000  # characters of a value in a failure, which is shortened once its secrets are masked
BARE = ("exists", "is_empty", "is_string", "is_number", "is_integer", "is_float", "is_boolean", "is_collection")
ORDERED = ("greater_than", "greater_or_equal", "less_than", "less_or_equal")
TEXTS = ("starts_with", "ends_with", "matches")
SYMBOLS = {
    "==": "equals",
    "!=": "not_equals",
    ">": "greater_than",
    ">=": "greater_or_equal",
    "<": "less_than",
    "<=": "less_or_equal",
}


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: Any) -> float | int:
    """Return a value as a number, a numeric text too. Raises ValueError."""
    if is_number(value):
        return value
    if isinstance(value, str):
        return float(value)
    raise ValueError


def _equal(found: Any, wanted: Any) -> bool:
    """Compare as JSON does: true is not 1. A text that stands for a number equals it, as in headers and pages."""
    if isinstance(found, bool) != isinstance(wanted, bool):
        return False
    if isinstance(found, str) and is_number(wanted):
        return found == text(wanted)
    return bool(found == wanted)


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(found, str):
        return text(wanted) in found
    if isinstance(found, list):
        return any(_equal(item, wanted) for item in found)
    return isinstance(found, Mapping) and wanted in found


PREDICATES: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _equal,
    "not_equals": lambda found, wanted: not _equal(found, wanted),
    "greater_than": lambda found, wanted: number(found) > number(wanted),
    "greater_or_equal": lambda found, wanted: number(found) >= number(wanted),
    "less_than": lambda found, wanted: number(found) < number(wanted),
    "less_or_equal": lambda found, wanted: number(found) <= number(wanted),
    "starts_with": lambda found, wanted: isinstance(found, str) and found.startswith(text(wanted)),
    "ends_with": lambda found, wanted: isinstance(found, str) and found.endswith(text(wanted)),
    "contains": _contains,
    "matches": lambda found, wanted: isinstance(found, str) and bool(re.search(wanted, found)),
    "exists": lambda found, wanted: True,
    "is_empty": lambda found, wanted: hasattr(found, "__len__") and len(found) == 0,
    "is_string": lambda found, wanted: isinstance(found, str),
    "is_number": lambda found, wanted: is_number(found),
    "is_integer": lambda found, wanted: isinstance(found, int) and not isinstance(found, bool),
    "is_float": lambda found, wanted: isinstance(found, float),
    "is_boolean": lambda found, wanted: isinstance(found, bool),
    "is_collection": lambda found, wanted: isinstance(found, list | Mapping),
}


def difference(assertion: Assertion, answer: Answer) -> tuple[str, str] | None:
    """Return (expected, got) where an answer does not meet an assertion; None where it does."""
    try:
        found = look_up(assertion.query, answer)
    except NotThere as missing:
        if assertion.predicate == "exists" and assertion.negated:
            return None
        return wording(assertion), str(missing)
    try:
        holds = PREDICATES[assertion.predicate](found, assertion.value)
    except (TypeError, ValueError):
        holds = assertion.negated  # what cannot be compared fails, negated or not
    return None if holds != assertion.negated else (wording(assertion), shown_as(found))


def wording(assertion: Assertion) -> str:
    """Return an assertion as a person reads it: ``jsonpath $.total greater than 0``."""
    words = f"{'not ' if assertion.negated else ''}{assertion.predicate.replace('_', ' ')}"
    value = "" if assertion.predicate in BARE else f" {shown_as(assertion.value)}"
    unit = " ms" if assertion.query.kind == "duration" else ""
    return f"{assertion.query} {words}{value}{unit}"


def shown_as(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown[:MOST]
