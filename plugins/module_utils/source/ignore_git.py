# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The patterns of .gitignore and .railwayignore, by git's rules: gitignore(5), and wildmatch where it is silent."""

from __future__ import annotations

import string
from collections.abc import Iterator

from .automaton import ANY, BELOW, IN_NAME, Automaton, Chars, Part

NAMES = {  # character classes, written between [: and :]
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, [*range(32), 127])),
    "digit": string.digits,
    "graph": "".join(map(chr, range(33, 127))),
    "lower": string.ascii_lowercase,
    "print": "".join(map(chr, range(32, 127))),
    "punct": string.punctuation,
    "space": string.whitespace,
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}


class GitRules:
    """``verdict`` of a path relative to the file's folder (a folder ends with a slash): left out (True),
    included again (False), or not matched (None).
    """

    marks_folders = True

    def __init__(self, text: str) -> None:
        self._automaton, self._leaves_out, self._of_folders = Automaton(), list[bool](), list[bool]()
        for line in (_trimmed(line.removesuffix("\r")) for line in text.removeprefix("\ufeff").split("\n")):
            if line and not line.startswith("#"):
                self._add(line)

    def verdict(self, path: str) -> bool | None:
        for rule in self._automaton.matching(_bytes(path.removesuffix("/"))):
            if path.endswith("/") or not self._of_folders[rule]:
                return self._leaves_out[rule]
        return None

    def _add(self, line: str) -> None:
        pattern = line.removeprefix("!")
        named = pattern.removesuffix("/")
        try:
            parts = list(_Parser(_bytes(named.removeprefix("/"))).parts())
        except IndexError:
            return  # a bracket or an escape is not closed: such a pattern matches nothing
        if not parts:
            return
        anchored = [] if "/" in named else [BELOW]
        self._automaton.add([*anchored, *parts], len(self._leaves_out))
        self._leaves_out.append(not line.startswith("!"))
        self._of_folders.append(pattern.endswith("/"))


def _bytes(text: str) -> str:
    """Return a character for each byte of UTF-8, since git compares bytes."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def _trimmed(line: str) -> str:
    """Return a line without trailing spaces, except an escaped one."""
    kept = line.rstrip(" ")
    escaped = (len(kept) - len(kept.rstrip("\\"))) % 2
    return kept + " " if escaped and len(kept) < len(line) else kept


class _Parser:
    """Reads a pattern from left to right. Raises IndexError where it ends too early."""

    def __init__(self, pattern: str) -> None:
        self._text, self._at = pattern, 0

    def parts(self) -> Iterator[Part]:
        while self._at < len(self._text):
            character = self._next()
            if character == "*":
                yield from self._stars()
            elif character == "?":
                yield Part(IN_NAME)
            elif character == "[":
                yield Part(self._bracket())
            else:
                yield Part(Chars(frozenset(self._next() if character == "\\" else character)))

    def _next(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _stars(self) -> Iterator[Part]:
        start = self._at - 1
        while self._text.startswith("*", self._at):
            self._at += 1
        between = self._text[start - 1 : start] in ("", "/") and self._text[self._at : self._at + 1] in ("", "/")
        if self._at - start == 1 or not between:
            yield Part(IN_NAME, optional=True, repeated=True)
        elif self._at == len(self._text):
            yield Part(ANY, repeated=True)
        else:
            self._at += 1
            yield BELOW

    def _bracket(self) -> Chars:
        negated = self._text[self._at] in "!^"
        self._at += negated
        members, first, low = set[str](), True, ""
        while (character := self._next()) != "]" or first:
            first = False
            if character == "[" and self._text[self._at] == ":":
                name, closed, _rest = self._text[self._at + 1 :].partition("]")
                if not closed:
                    raise IndexError
                if name.endswith(":"):
                    members.update(NAMES.get(name.removesuffix(":")) or _unknown())
                    self._at, low = self._at + len(name) + 2, ""
                    continue
            if character == "-" and low and self._text[self._at] != "]":
                high = self._escaped(self._next())
                members.update(map(chr, range(ord(low), ord(high) + 1)))
                low = ""
            else:
                low = self._escaped(character)
                members.add(low)
        return Chars(frozenset(members | {"/"} if negated else members - {"/"}), negated)

    def _escaped(self, character: str) -> str:
        return self._next() if character == "\\" else character


def _unknown() -> str:
    raise IndexError
