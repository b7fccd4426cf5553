# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds what is still to be filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

OBVIOUS = re.compile("FILL_IN")
HINT = re.compile(r'FILL_IN[^"]*')

# What a person is asked to put there: your-token-here, <your token>, insert-key-here.
_NOUN = (
    r"(?:(?:access|api|app|database|db|project|secret|service|team|vault)[_ -]?)*"
    r"(?:account|age|api|app|bucket|channel|company|database|db|domain|email|environment|host|hostname|id|key|name|org"
    r"|organi[sz]ation|password|port|project|recipient|secret|service|shop|site|store|storefront|team|token|url|user"
    r"|username|value|webhook|zone)"
)
_HERE = r"(?:[_ -](?:goes[_ -])?here|[_ -](?:id|name|key|token|url))?"
# A mark that is found anywhere in a text, as a word of its own.
ANYWHERE = (
    r"(?<![A-Za-z])(?:TODO|FIXME|TBD)(?![A-Za-z])",
    r"(?<![A-Za-z])YOUR[_-][A-Z][A-Z_-]+",
    r"(?i:(?<![a-z0-9-])(?:change|replace|fill|set|update|insert|enter|edit|add)[_ -]?me(?:[_ -]in)?(?![a-z]))",
    r"(?i:(?<![a-z0-9])fill[_ -]in(?![a-z0-9]))",
    r"(?i:(?<![a-z0-9])x{3,}(?![a-z0-9])|x{4,}(?![a-z0-9]))",
    r"(?i:(?<![\w-])(?:[\w-]+\.)*example\.(?:com|org|net)(?![\w.-]*\w))",
    rf"(?i:(?<![a-z0-9])(?:enter|insert|paste|put)[_ -](?:(?:the|your)[_ -])?(?:{_NOUN}{_HERE}|here)(?![a-z0-9_-]))",
    rf"(?i:(?<![a-z0-9_-])(?:the[_ -])?{_NOUN}[_ -](?:goes[_ -])?here(?![a-z0-9_-]))",
    rf"(?i:(?<![a-z0-9_-])your[_ -]{_NOUN}{_HERE}(?![a-z0-9_-]))",
    r"(?i:(?<![a-z0-9_-])your(?:account|app|bucket|company|database|domain|host|key|password|project|secret|shop|site"
    r"|team|token)(?![a-z0-9_-]))",
    r"(?i:@host(?:name)?(?=[:/]|$))",
    r"\b00000000-0000-0000-0000-000000000000\b",
)
# A mark that is the whole of a text, or a whole part of an address.
WHOLE = (
    r"(?i:todo|fixme|tb[adc]|to[ -]do|dummy|placeholder|redacted|n/a)",
    r"(?i:todo: .*|to[ -]be[ -](?:announced|confirmed|decided|defined|determined|filled[ -]in))",
    r"[*]{3,}|[?]+|[\w-]*(?:[.]{3}|…)",
    r"\$\{[A-Za-z_]\w*\}|#?\{[A-Za-z_]\w*\}|\$[A-Z_]+|%[A-Z_]+%|__[A-Z_]+__|@@[A-Z_]+@@",
    r"(?:[\w-]*_)?<[A-Za-z][^<>]*>(?:[_-][\w-]*)?|\[[A-Za-z][A-Za-z _-]*\]|\([A-Za-z][A-Za-z _-]*\)",
)
# One that is a whole part of an address only: elsewhere it may be the name of a variable.
OF_AN_ADDRESS = r"USER(?:NAME)?|PASS(?:WORD)?|HOST(?:NAME)?|PORT|DATABASE|DB_?NAME|BUCKET|TOKEN"
MARKS = re.compile("|".join(ANYWHERE))
TEXT = re.compile("|".join(f"(?:{one})" for one in WHOLE))
PART = re.compile(f"{TEXT.pattern}|{OF_AN_ADDRESS}")
PARTS = re.compile(r"://|[/:@?&=,;.]")  # what separates the parts of an address


def found(name: str, value: Any, *, secret: bool = False, only_obvious: bool = False) -> list[str]:
    """Return an entry for each placeholder of a value, also inside of lists and dictionaries.

    Of a secret nothing but the mark is quoted, unless the whole of it is one. ``only_obvious`` looks for FILL_IN alone,
    as in what a page has to contain.
    """
    marks = list(dict.fromkeys(mark for text in _texts(value) for mark in _marks(text.strip(), secret, only_obvious)))
    return [f"{name} is still to be filled in ({mark})" for mark in marks]


def _marks(text: str, secret: bool, only_obvious: bool) -> list[str]:
    if text.startswith("FILL_IN") or not secret:
        hint = HINT.search(text)
        if hint:
            return [hint[0].strip()]
    if only_obvious:
        return [mark[0] for mark in OBVIOUS.finditer(text)]
    if TEXT.fullmatch(text):
        return [text]
    parts = PARTS.split(text) if "://" in text else []
    return [mark[0] for mark in MARKS.finditer(text)] or [part for part in parts if PART.fullmatch(part)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, Sequence):
        for one in value:
            yield from _texts(one)
