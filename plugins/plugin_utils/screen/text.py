# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text as a terminal takes it: measured in columns, without control characters, in ASCII where the locale
has nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby

from ...module_utils.core.escapes import SEQUENCE
from ...module_utils.core.json_text import loads

# Controls, halves of letters, signs that hide or reorder what is read, and other ends of a line.
_UNSEEN = ("Cc", "Cs", "Cf", "Zl", "Zp")
_QUOTES = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'}
_SIGNS = {"·": "|", "…": "...", "–": "-", "—": "-", "→": "->", "✔": "+", "✓": "+", "✗": "x", "×": "x", "•": "*"}
_PLAIN = str.maketrans(_QUOTES | _SIGNS)
LOG_LINES = 15


def clean(text: object) -> str:
    """Return text without escape sequences, control characters and invisible ones; its lines stay."""
    if isinstance(text, str) and text.isprintable():
        return str(text)
    plain = SEQUENCE.sub("", str(text)).replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    return "".join(
        character for character in plain if character == "\n" or unicodedata.category(character) not in _UNSEEN
    )


def one_line(text: object) -> str:
    """Return text cleaned, with every run of white space as one space."""
    return " ".join(clean(text).split())


def plain(text: str) -> str:
    """Return text in ASCII: what has no like in it becomes a question mark."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return (
        "".join(character for character in decomposed if not unicodedata.combining(character))
        .encode("ascii", "replace")
        .decode()
    )


def columns(text: str) -> int:
    """Return how many columns a terminal needs for text: two for a wide character, none for one that
    combines with the one before.
    """
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def cut(text: str, limit: int) -> str:
    """Return text of at most ``limit`` columns; what was cut off is marked."""
    if columns(text) <= limit:
        return text
    return _head(text, max(limit - 1, 0)) + "…" if limit > 0 else ""


def _head(text: str, limit: int) -> str:
    used = 0
    for position, character in enumerate(text):
        used += _columns(character)
        if used > limit:
            return text[:position]
    return text


def brief(text: str, limit: int) -> str:
    """Return text of at most ``limit`` characters: its first sentences, or else its first words and a mark
    that more was there.
    """
    if len(text) <= limit:
        return text
    sentences = re.match(rf"(?s).{{{limit // 3},{limit - 1}}}[.!?](?=\s)", text)
    return sentences[0] if sentences else text[: limit - 1].rpartition(" ")[0].rstrip(",;:") + " …"


def pad(text: str, limit: int) -> str:
    return text + " " * max(limit - columns(text), 0)


def wrap(text: str, limit: int, *, break_words: bool = True) -> list[str]:
    """Return text as lines of at most ``limit`` columns. Its own line ends stay; a word longer than a line
    is broken, or has a line of its own that is too long.
    """
    limit = max(limit, 8)
    return [line for paragraph in text.split("\n") for line in _wrapped(paragraph, limit, break_words)]


def _wrapped(paragraph: str, limit: int, break_words: bool) -> Iterator[str]:
    words = paragraph.lstrip(" ")
    line = " " * (len(paragraph) - len(words))  # a difference shows how deep a value lies
    for word in words.split(" "):
        joined = f"{line} {word}" if line.strip() else line + word
        if columns(joined) <= limit:
            line = joined
            continue
        if line.strip():
            yield line.rstrip()
        line = word
        while break_words and columns(line) > limit:
            head = _head(line, limit)
            yield head
            line = line[len(head) :]
    yield line.rstrip()


def log_tail(log: str, lines: int = LOG_LINES) -> list[str]:
    """Return the last lines of a vendor's log, at most ``lines``: JSON lines as their message, a line that
    is repeated once, with how often.
    """
    described = [_readable(line) for line in clean(log).split("\n") if line.strip()]
    counted = [(line, len(list(group))) for line, group in groupby(described)]
    return [line if count == 1 else f"{count} x {line}" for line, count in counted[-lines:]]


def _readable(line: str) -> str:
    if not line.lstrip().startswith("{"):
        return line.rstrip()
    try:
        entry = loads(line)
    except ValueError:
        return line.rstrip()
    message = entry.get("msg") or entry.get("message")
    if not isinstance(message, str):
        return line.rstrip()
    more = [
        str(entry[key]) for key in ("service", "reason", "error", "err", "signal") if isinstance(entry.get(key), str)
    ]
    return ": ".join([message, *more])


def listed(words: Iterable[object], most: int = 4) -> str:
    """Return words joined by commas; beyond ``most`` only their number."""
    given = [one_line(word) for word in words]
    return (
        ", ".join(given) if len(given) <= most else f"{', '.join(given[: most - 1])} and {len(given) - most + 1} more"
    )
