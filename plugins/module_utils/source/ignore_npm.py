# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The patterns of .vercelignore as Vercel's own client reads them: by version 4 of the npm package ``ignore``.

They differ from git's patterns: case does not matter, ``[!a]`` is a "!" or an "a", and ``!/src/`` after ``/*``
includes nothing again, since the client tests "src" and not "src/". The library turns each pattern into a JavaScript
regular expression, in steps that build on each other. The same steps give the same expression here, which is then
matched without backtracking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .automaton import ANY, BELOW, IN_NAME, SLASH, Automaton, Chars, Part

BLANK = "[\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"  # JavaScript's \s
DOT = Chars(frozenset("\n\r\u2028\u2029"), negated=True)
ANYTHING = Part(ANY, optional=True, repeated=True)
# The end of an expression: the path ends, or continues in a folder below. A negation matches the folder alone.
ENDS = {
    r"(?=$|\/)": [Part([Part(SLASH), ANYTHING], optional=True)],
    r"(?=$|\/$)": [Part(SLASH, optional=True)],
    "": [ANYTHING],
}
STARTS = {
    r"^(?:.*\/)?": [Part([Part(DOT, optional=True, repeated=True), Part(SLASH)], optional=True)],
    "^": [],
    r"(?:^|\/)": [BELOW],
}
FOLDERS = Part([Part(SLASH), Part(IN_NAME, repeated=True)], optional=True, repeated=True)
TOKEN = re.compile(
    r"(?P<folders>\(\?:\\/\[\^\\/\]\+\)\*)|(?P<dots>\.\+)|(?P<bracket>\[(?:\\.|[^\]\\])*\])(?P<times>[*+]?)|\\(?P<escaped>.)|(?P<plain>[^\[\\()|?$])",
    re.DOTALL,
)


class NpmRules:
    """``verdict`` of a path relative to the file's folder: left out (True), included again (False), or not matched
    (None). Raises ValueError for a pattern that the client rejects.
    """

    marks_folders = False

    def __init__(self, text: str, known: dict[str, str] | None = None) -> None:
        """``known`` are the expressions of earlier rules: the library caches one for each pattern, with or
        without a leading "!".
        """
        self._automaton, self._leaves_out = Automaton(), list[bool]()
        known = {} if known is None else known
        for line in re.split("\r?\n", re.sub(r"(^|\n)\./", r"\1", text)):
            if line and not line.startswith("#") and not re.fullmatch(f"{BLANK}+", line):
                self._add(line, known)

    def verdict(self, path: str) -> bool | None:
        rules = self._automaton.matching(_folded(path))
        return self._leaves_out[rules[0]] if rules else None

    def _add(self, line: str, known: dict[str, str]) -> None:
        negative = line.startswith("!")
        pattern = re.sub(r"^\\(?=[!#])", "", line.removeprefix("!"), count=1)
        expression = known.setdefault(pattern, _expression(pattern, negative))
        try:
            self._automaton.add(list(_parts(_units(expression))), len(self._leaves_out))
        except ValueError as problem:
            raise ValueError(f"Vercel's client cannot read the pattern {line!r} ({problem})") from None
        self._leaves_out.append(not negative)


def _expression(pattern: str, negative: bool) -> str:
    """Return the regular expression that the library builds from a pattern."""
    made = re.sub(f"{BLANK}*\\Z", "", pattern, count=1) if re.match(BLANK, pattern[-1:]) else pattern
    if made != pattern and made.endswith("\\"):
        made = made.removesuffix("\\") + " "
    made = re.sub(rf"\\{BLANK}", " ", made)
    made = re.sub(r"[\\^$.|*+(){]", r"\\\g<0>", made)
    made = re.sub(r"\[([^\]/]*)(\Z|\])", _bracket, made)
    made = re.sub(r"^/", "^", made.replace("?", "[^/]")).replace("/", r"\/")
    made = re.sub(r"^\^*\\\*\\\*\\/", r"^(?:.*\\/)?", made)
    made = re.sub(r"[^*]\Z", r"\g<0>(?=$|\\/$)", made) if negative else re.sub(r"[^*/]\Z", r"\g<0>(?=$|\\/)", made)
    if made and not made.startswith("^"):
        made = ("^" if re.search(r"/(?!\Z)", pattern) else r"(?:^|\/)") + made
    whole = len(made)
    made = re.sub(
        r"\\/\\\*\\\*(?=\\/|\Z)", lambda found: r"(?:\/[^\/]+)*" if found.start() + 6 < whole else r"\/.+", made
    )
    made = re.sub(r"(^|[^\\])\\\*(?=[^\n\r\u2028\u2029])", r"\1[^\\/]*", made)
    made = re.sub(
        r"(\^|\\/)?\\\*\Z", lambda found: f"{found[1]}[^/]+(?=$|\\/$)" if found[1] else r"[^/]*(?=$|\/$)", made, count=1
    )
    return made.replace("\\\\\\", "\\")


def _bracket(found: re.Match[str]) -> str:
    if found[2] != "]":
        return f"\\{found[0]}"
    return "[" + re.sub("([0-z])-([0-z])", lambda pair: pair[0] if pair[1] <= pair[2] else "", found[1]) + "]"


def _parts(expression: str) -> Iterator[Part]:
    start = next((start for start in STARTS if expression.startswith(start)), "")
    yield from STARTS.get(start, [])
    end = next((end for end in ENDS if expression.endswith(end)), "")
    at, last = len(start), len(expression) - len(end)
    while at < last:
        token = TOKEN.match(expression, at, last)
        if not token:
            raise ValueError("its brackets are not balanced")
        at = token.end()
        if token["folders"]:
            yield FOLDERS
        elif token["dots"]:
            yield Part(DOT, repeated=True)
        elif token["bracket"]:
            yield Part(_class(token["bracket"][1:-1]), optional=token["times"] == "*", repeated=bool(token["times"]))
        else:
            yield Part(Chars(frozenset(_folded(token["escaped"] or token["plain"]))))
    yield from ENDS[end]


def _class(content: str) -> Chars:
    negated = content.startswith("^")
    atoms = re.findall(r"\\?.", content[negated:], re.DOTALL)
    if any(len(atom) > 1 and atom[1].isalnum() for atom in atoms):
        raise ValueError("it has an escape inside a bracket")
    members, at = set[str](), 0
    while at < len(atoms):
        low = high = atoms[at][-1]
        if atoms[at + 1 : at + 2] == ["-"] and at + 2 < len(atoms):
            high = atoms[at + 2][-1]
            at += 2
        if low > high:
            raise ValueError(f"the range {low}-{high} is out of order")
        members.update(_folded(map(chr, range(ord(low), ord(high) + 1))))
        at += 1
    return Chars(frozenset(members), negated)


def _folded(text: Iterable[str]) -> str:
    """Return the text that JavaScript compares when case does not matter: 16-bit units, in upper case where
    that is one unit too.
    """
    if isinstance(text, str) and text.isascii():
        return text.upper()
    return "".join(map(_upper, _units("".join(text))))


def _units(text: str) -> str:
    units = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(units[at] | units[at + 1] << 8) for at in range(0, len(units), 2))


def _upper(unit: str) -> str:
    upper = unit.upper()
    return upper if len(upper) == 1 and (ord(unit) < 128 or ord(upper) >= 128) else unit
