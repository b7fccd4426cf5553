# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of an answer: which fields are read and their types. Nothing else is passed on.

A shape is
- ``str``, ``int``, ``float`` or ``bool``: a value of this type, which an int is for ``float`` too; ``object`` is
  anything;
- ``None``, ``True`` or ``False``: just that; ``EMPTY`` is a body without anything, for which None is returned;
- a dictionary: an object with these fields. A name that ends with ``?`` may be missing or null, and is then left out;
- a list of one shape: a list of such values, and with ``...`` after it, of at least one;
- ``Names(shape)``: an object with any names, each with such a value;
- a tuple: one of several shapes;
- ``Text(meaning, check)``: text that ``check`` accepts; ``check`` raises ValueError or OverflowError for other text.
  ``Number`` likewise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .json_text import loads

Shape = Any
LONGEST = 100  # characters of a field's name in a message


class Empty:
    """Stands for a body that is empty."""


EMPTY = Empty()
NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
NAMES |= {type(None): "null", Empty: "an empty body"}


class Mismatch(Exception):
    """``field`` is where it is, such as ``deployments[0].id``; ``expected`` and ``found`` say what. Holds no value."""

    def __init__(self, field: str, expected: str, found: str) -> None:
        super().__init__(f"{field or 'the whole'} is {found} in place of {expected}")
        self.field, self.expected, self.found = field, expected, found


@dataclass(frozen=True)
class Names:
    """An object whose names are not known beforehand."""

    shape: Shape


@dataclass(frozen=True)
class Text:
    meaning: str
    check: Callable[[str], object]


@dataclass(frozen=True)
class Number:
    meaning: str
    check: Callable[[float], object]


TIME = Text("a time in ISO 8601", lambda text: datetime.fromisoformat(text).astimezone(UTC).timestamp())
MILLISECONDS = Number("a time in milliseconds since 1970", lambda value: datetime.fromtimestamp(value / 1000, UTC))


def read_json(text: str | bytes) -> Any:
    """Return decoded JSON. Raises ValueError for what is none, be it nested too deep, with a number that is
    none, or with a name twice in one object.
    """
    return loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once)


def conform(value: Any, shape: Shape, field: str = "") -> Any:
    """Return what ``shape`` names of a decoded JSON value. Raises Mismatch."""
    if isinstance(shape, tuple):
        return _one_of(value, shape, field)
    if value is EMPTY and shape in (EMPTY, object):
        return None
    if isinstance(shape, dict):
        return _fields(_typed(value, dict, field), shape, field)
    if isinstance(shape, list):
        if len(shape) > 1 and value == []:
            raise Mismatch(field, NAMES[list], "an empty list")
        return [conform(item, shape[0], f"{field}[{number}]") for number, item in enumerate(_typed(value, list, field))]
    if isinstance(shape, Names):
        return {
            _text(name, field): conform(item, shape.shape, _below(field, name))
            for name, item in _typed(value, dict, field).items()
        }
    if isinstance(shape, Text | Number):
        return _checked(_typed(value, str if isinstance(shape, Text) else float, field), shape, field)
    if shape is None or isinstance(shape, bool):
        if value is not shape:
            raise Mismatch(field, json.dumps(shape), _called(value))
        return value
    if shape is EMPTY:
        raise Mismatch(field, NAMES[Empty], _called(value))
    return value if shape is object else _typed(value, shape, field)


def _fields(value: dict[str, Any], shape: dict[str, Shape], field: str) -> dict[str, Any]:
    found = {}
    for name, wanted in shape.items():
        key = name.removesuffix("?")
        if key != name and value.get(key) is None:
            continue
        if key not in value:
            raise Mismatch(_below(field, key), _meaning(wanted), "missing")
        found[key] = conform(value[key], wanted, _below(field, key))
    return found


def _one_of(value: Any, shapes: tuple[Shape, ...], field: str) -> Any:
    """Report the deepest of several mismatches: the others come from shapes that were not meant."""
    problems = []
    for shape in shapes:
        try:
            return conform(value, shape, field)
        except Mismatch as problem:
            problems.append(problem)
    deepest = max(reversed(problems), key=lambda problem: problem.field.count(".") + problem.field.count("["))
    if deepest.field == field:
        raise Mismatch(field, " or ".join(dict.fromkeys(map(_meaning, shapes))), _called(value))
    raise deepest


def _typed(value: Any, wanted: type, field: str) -> Any:
    fits = isinstance(value, wanted) or (wanted is float and isinstance(value, int))
    if not fits or (isinstance(value, bool) and wanted is not bool):
        raise Mismatch(field, NAMES[wanted], _called(value))
    return _text(value, field) if wanted is str else value


def _text(value: str, field: str) -> str:
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Mismatch(field, NAMES[str], "text with half of a letter")
    return value


def _checked(value: Any, shape: Text | Number, field: str) -> Any:
    try:
        shape.check(value)
    except (ValueError, OverflowError, OSError):
        raise Mismatch(field, shape.meaning, f"{_called(value)} that is none") from None
    return value


def _below(field: str, name: str) -> str:
    return f"{field}.{name[:LONGEST]}" if field else name[:LONGEST]


def _called(value: Any) -> str:
    return "null" if value is None else NAMES[type(value)]


def _meaning(shape: Shape) -> str:
    if isinstance(shape, tuple):
        return " or ".join(dict.fromkeys(map(_meaning, shape)))
    if isinstance(shape, Text | Number):
        return shape.meaning
    if shape is None or isinstance(shape, bool):
        return json.dumps(shape)
    if shape is object:
        return "anything"
    return NAMES[shape if isinstance(shape, type) else dict if isinstance(shape, Names) else type(shape)]


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number that is too large")
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name twice in one object")
    return found
