# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write the JSON documents of a store, each checked before anything is taken from it.

A shape is a type, None, a tuple of alternative shapes, a list with one shape for all items, a dict of field → shape (a
field whose name ends with "?" is optional), ``Each`` for an object with any names, or a function that accepts a value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..core.errors import ConfigError
from ..core.json_text import loads
from .base import Store

LIMIT = 16 << 20  # bytes; a manifest of a thousand tables has about 100 kB


class Each(NamedTuple):
    of: Any


def parse(data: bytes, shape: dict[str, Any]) -> dict[str, Any]:
    """Return a document. Raises ValueError with a problem that can follow "it is damaged:"."""
    if len(data) > LIMIT:
        raise ValueError(oversized(len(data)))
    try:
        document = loads(data)
    except ValueError:
        raise ValueError("it is empty" if not data.strip() else "it is not JSON, or was cut off") from None
    wrong = misfit(document, shape)
    if wrong:
        raise ValueError(wrong)
    return document


def read(
    store: Store, key: str, shape: dict[str, Any], *, what: str, remedy: str, **details: Any
) -> tuple[dict[str, Any], str] | None:
    """Return a document of a store and its etag; None where there is none. Raises ConfigError for one that does not fit
    the shape: ``what`` it should be, the ``remedy``, and the error's details.
    """
    found = store.get(key)
    if found is None:
        return None
    try:
        return parse(found[0], shape), found[1]
    except ValueError as error:
        raise ConfigError(f"{key} in {store.describe()} is not {what}: {error}. {remedy}", **details) from None


def write(store: Store, key: str, document: Mapping[str, Any], etag: str | None) -> None:
    """Write a document over the one that was read with ``etag``, None for the first one. Raises Conflict where somebody
    else has written it meanwhile.
    """
    data = json.dumps(document, sort_keys=True).encode()
    if etag is None:
        store.put_if_absent(key, data)
    else:
        store.put_if_match(key, data, etag)


def oversized(size: int) -> str | None:
    """Return the problem of a document that is too large, by its size in the store; None otherwise."""
    return f"it has {size} bytes, but such a document has at most {LIMIT}" if size > LIMIT else None


def misfit(value: Any, shape: Any, where: str = "it") -> str | None:
    """Return the part of a value that does not fit a shape; None when it fits."""
    if isinstance(shape, dict):
        return _object_misfit(value, shape, where)
    if isinstance(shape, Each):
        return _object_misfit(value, dict.fromkeys(value, shape.of) if isinstance(value, dict) else {}, where)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is not a list"
        return next((wrong for item in value if (wrong := misfit(item, shape[0], f"an item of {where}"))), None)
    fits = (
        any(misfit(value, alternative, where) is None for alternative in shape)
        if isinstance(shape, tuple)
        else _fits(value, shape)
    )
    return None if fits else f"{where} has a wrong type or value"


def _object_misfit(value: Any, shape: dict[str, Any], where: str) -> str | None:
    if not isinstance(value, dict):
        return f"{where} is not an object"
    for name, inner in shape.items():
        field = name.removesuffix("?")
        if field not in value:
            if name == field:
                return f"{field} is missing"
            continue
        wrong = misfit(value[field], inner, field)
        if wrong:
            return wrong
    return None


def _fits(value: Any, shape: type | Callable[[Any], Any] | None) -> bool:
    if shape is None:
        return value is None
    if isinstance(shape, type):
        return isinstance(value, shape) and not (isinstance(value, bool) and shape is not bool)
    try:
        return bool(shape(value))
    except (ValueError, TypeError, OverflowError):
        return False


def count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 31


def time(value: Any) -> bool:
    """Whether it is a time that can be compared with others: in any zone, in UTC where it names none."""
    at = datetime.fromisoformat(value)
    return bool((at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).timestamp())


def time_with_zone(value: Any) -> bool:
    return time(value) and datetime.fromisoformat(value).tzinfo is not None
