# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds what is still to be filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MARKS = re.compile(
    r"FILL_IN|(?<![A-Za-z])(?:CHANGE[_ -]?ME|REPLACE[_"
    r" -]?ME|TODO|FIXME|TBD)(?![A-Za-z])|(?i:(?<![a-z0-9])x{3,}(?![a-z0-9]))"
    r"|(?<![A-Za-z])YOUR[_-][A-Z][A-Z_-]+|(?i:(?<![a-z0-9-])change[_"
    r" -]?me(?![a-z]))|(?i:(?<![\w-])(?:[\w-]+\.)*example\.(?:com|org|net)(?![\w.-]*\w))"
)
ANGLED = re.compile(r"<[A-Za-z][^<>]*>")
HINT = re.compile(r'FILL_IN[^"]*')
OBVIOUS = re.compile("FILL_IN")


def found(name: str, value: Any, *, secret: bool = False, only_obvious: bool = False) -> list[str]:
    """Return an entry for each placeholder of a value, also inside of lists and dictionaries.

    Of a secret nothing but the mark is quoted, unless the whole of it is one. ``only_obvious`` looks for FILL_IN alone,
    as in what a page has to contain.
    """
    marks = list(dict.fromkeys(mark for text in _texts(value) for mark in _marks(text, secret, only_obvious)))
    return [f"{name} is still to be filled in ({mark})" for mark in marks]


def _marks(text: str, secret: bool, only_obvious: bool) -> list[str]:
    if text.strip().startswith("FILL_IN") or not secret:
        hint = HINT.search(text)
        if hint:
            return [hint[0].strip()]
    if ANGLED.fullmatch(text.strip()) and not only_obvious:
        return [text.strip()]
    return [mark[0] for mark in (OBVIOUS if only_obvious else MARKS).finditer(text)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, Sequence):
        for one in value:
            yield from _texts(one)
