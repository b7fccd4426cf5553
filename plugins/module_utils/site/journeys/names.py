# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill ``${name}`` in the data of a journey. ``$${`` stands for ``${`` itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLACE = re.compile(r"\$(?:(?P<escaped>\$\{)|\{(?P<name>[^}]*)\})")


def names(data: Any) -> Iterator[str]:
    """Give each name that a value refers to, as it is written."""
    if isinstance(data, str):
        for found in PLACE.finditer(data):
            if found["escaped"] is None:
                yield found["name"].strip()
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from names(key)
            yield from names(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from names(value)


def fill(data: Any, values: Mapping[str, Any]) -> Any:
    """Return a value with its names replaced. A text that is one name alone becomes the value itself, so that a number
    stays a number. Raises KeyError with the name.
    """
    if isinstance(data, str):
        whole = PLACE.fullmatch(data)
        if whole and whole["escaped"] is None:
            return values[whole["name"].strip()]
        return PLACE.sub(lambda found: "${" if found["escaped"] else text(values[found["name"].strip()]), data)
    if isinstance(data, Mapping):
        return {fill(key, values): fill(value, values) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [fill(value, values) for value in data]
    return data


def text(value: Any) -> str:
    """Return a value as it stands in a URL, a header or a form: true and not True."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
