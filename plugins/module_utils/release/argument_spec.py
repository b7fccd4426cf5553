# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks values against an argument spec of ansible-core's form, and names everything that is wrong with them.

Ansible's own validator stops at the first fault of a value, quotes values that may be secrets, and knows no near
misses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .spelling import suggestion

Spec = Mapping[str, Any]
TRUE, FALSE = ("yes", "true", "on", "1", "y", "t"), ("no", "false", "off", "0", "n", "f")
SHOWN = 60  # characters of a wrong value that is no secret
SHAPES = {
    "str": "a text",
    "path": "a path",
    "int": "a whole number, such as 3",
    "float": "a number, such as 2.5",
    "bool": "true or false",
    "dict": "a mapping of names to values",
}


def wrong(name: str, spec: Spec, value: Any, *, secret: bool = False) -> Iterator[str]:
    """Yield what is wrong with a value. ``name`` says where it is; a secret is never quoted, nor anything
    inside of it.
    """
    secret = secret or bool(spec.get("no_log"))
    kind = spec.get("type", "str")
    if is_empty(value):
        yield from _empty(name, spec, value)
        return
    if not _fits(kind, spec, value):
        yield f"{name} must be {_shape(spec)}, and is {_shown(value, secret)}. {described(spec)}".rstrip()
        return
    choices = spec.get("choices")
    if choices and kind != "list" and not _chosen(choices, value):  # those of a list hold for its items
        near = "" if secret else suggestion(str(value), map(str, choices))
        yield f"{name} must be one of {', '.join(map(str, choices))}, and is {_shown(value, secret)}{near}"
    if kind == "list":
        yield from _items(name, spec, value, secret)
    elif kind == "dict" and spec.get("options"):
        yield from _keys(name, spec["options"], value, secret)


def is_empty(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, (str, list, tuple, dict)) and not value)
        or (isinstance(value, str) and not value.strip())
    )


def filled(spec: Spec, value: Any) -> Any:
    """Return a value with the defaults of the keys inside of it."""
    options = spec.get("options")
    if not options:
        return value
    if isinstance(value, Mapping):
        inner = {key: filled(options[key], one) if key in options else one for key, one in value.items()}
        return {
            **{key: one["default"] for key, one in options.items() if "default" in one and is_empty(value.get(key))},
            **_set(inner),
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [filled(spec, one) for one in value]
    return value


def _set(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _empty(name: str, spec: Spec, value: Any) -> Iterator[str]:
    """An empty value counts as one that is left out, unless something has to be there: then Ansible would
    not apply the default.
    """
    kind = spec.get("type", "str")
    if spec.get("required"):
        yield f"{name} is empty: {described(spec)}"
    elif value is None and not is_empty(spec.get("default")):
        yield (
            f"{name} has no value: delete it, which means {_written(spec['default'])}, or give it one."
            f" {described(spec)}"
        )
    elif isinstance(value, str) and (kind in ("int", "float", "bool") or spec.get("choices")):
        yield f"{name} is empty: delete it, or give it {_shape(spec)}. {described(spec)}"


def _fits(kind: str, spec: Spec, value: Any) -> bool:
    test: Callable[[Any], bool] = {
        "int": _is_int,
        "float": _is_float,
        "bool": _is_bool,
        "dict": _is_mapping,
        "raw": lambda _value: True,
    }.get(kind, _is_text)
    if kind == "list":
        scalars = spec.get("elements", "str") not in ("dict", "list")
        return _is_sequence(value) or (scalars and _is_text(value))
    return test(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool))


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _is_int(value: Any) -> bool:
    return _is_float(value) and float(value).is_integer()


def _is_float(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return False
    try:
        number = float(value)
    except ValueError:
        return False
    return math.isfinite(number)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, (int, str)) and str(value).strip().lower() in (*TRUE, *FALSE))


def _chosen(choices: Sequence[Any], value: Any) -> bool:
    """YAML reads an off without quotes as false."""
    words = FALSE if value is False else TRUE if value is True else (str(value),)
    return any(str(choice) in words for choice in choices)


def _items(name: str, spec: Spec, value: Any, secret: bool) -> Iterator[str]:
    if isinstance(value, (str, int, float, bool)):
        value = [part.strip() for part in str(value).split(",")]
    inner = {"type": spec.get("elements", "raw"), **({"options": spec["options"]} if spec.get("options") else {})}
    if spec.get("choices"):
        inner["choices"] = spec["choices"]
    for number, one in enumerate(value):
        yield from wrong(f"{name}[{number}]{_called(one)}", inner, one, secret=secret)


def _called(item: Any) -> str:
    name = item.get("name") if isinstance(item, Mapping) else None
    return f" ({name})" if isinstance(name, str) and name else ""


def _keys(name: str, options: Mapping[str, Spec], value: Mapping[str, Any], secret: bool) -> Iterator[str]:
    for key in value:
        if key not in options:
            like = suggestion(str(key), options) or "."
            yield f"{name} has no key {key}{like} Its keys are {', '.join(options)}"
    for key, inner in options.items():
        if key in value:
            yield from wrong(f"{name}.{key}", inner, value[key], secret=secret)
        elif inner.get("required"):
            yield f"{name}.{key} is missing: {described(inner)}"


def _shape(spec: Spec) -> str:
    kind = spec.get("type", "str")
    if spec.get("choices") and kind != "list":
        return f"one of {', '.join(map(str, spec['choices']))}"
    if kind == "list" and spec.get("options"):
        return f"a list whose items have the keys {', '.join(spec['options'])}"
    if kind == "dict" and spec.get("options"):
        return f"a mapping with the keys {', '.join(spec['options'])}"
    return "a list" if kind == "list" else SHAPES.get(kind, "a value")


def _shown(value: Any, secret: bool) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if _is_sequence(value):
        return "a list"
    if secret:
        return "a text" if isinstance(value, str) else "another value"
    shown = _written(value)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(str(value)) if isinstance(value, str) else str(value)


def described(spec: Spec) -> str:
    """The first sentence of what an option is for."""
    described = spec.get("description") or ""
    text = described if isinstance(described, str) else " ".join(described)
    return plain(text.strip())


def plain(text: str) -> str:
    """Return a description without Ansible's markup."""
    for mark in ("O", "V", "C", "I", "M", "B"):
        text = text.replace(f"{mark}(storefront.runbook.", f"{mark}(")
    pieces, depth, position = [], 0, 0
    while position < len(text):
        opens = (
            text[position] in "OVCIMB"
            and text[position + 1 : position + 2] == "("
            and not text[position - 1 : position].isalnum()
        )
        if opens:
            depth, position = depth + 1, position + 2
            continue
        if text[position] == ")" and depth:
            depth -= 1
        else:
            pieces.append(text[position])
        position += 1
    return "".join(pieces)
