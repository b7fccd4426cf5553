# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where on a line things stand: label, text and time in columns, each line with its storefront's name where
several are on the screen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .text import clean, columns, cut, one_line, pad, plain, wrap

NARROWEST, WIDEST, USUAL = 40, 120, 100
LABEL = 23
TIME = 9
SHORTEST = 30  # columns for a text beside its label
NARROW = 50  # columns: label, text and time do not fit beside each other
_OPTION, _GLUE = re.compile(r"(?<= )(-e|-i|--limit|--vault-id|--vault-password-file) "), "\u00a0"
_WIDE_GAP = re.compile(" {4,}")  # between two cells of a row
GOOD, ATTENTION, BAD = "green", "yellow", "red"


@dataclass(frozen=True)
class Line:
    """What is to be printed: ``label`` and ``text`` beside each other, ``time`` at the right edge.

    Without a label the text begins ``indent`` columns from the left, and ``hang`` more where it continues on another
    line. ``cells`` are the columns of a table, which move together where the line is too narrow. ``verbatim`` text is
    cut where the line ends instead of continuing on the next. A ``command`` that needs several lines has a backslash at
    the end of each but the last, so that it can be copied.
    """

    text: str = ""
    label: str = ""
    time: str = ""
    colour: str = ""
    indent: int = 0
    hang: int = 0
    cells: bool = False
    verbatim: bool = False
    command: bool = False
    broad: int = LABEL  # columns of the label


@dataclass(frozen=True)
class Page:
    """``width`` is the terminal's; ``prefix`` the storefront's name, padded, where several are on the screen."""

    width: int = USUAL
    ascii: bool = False
    prefix: str = ""

    @property
    def room(self) -> int:
        return min(max(self.width, NARROWEST), WIDEST) - columns(self.prefix)

    def lines(self, line: Line) -> list[str]:
        """Return one line as the lines of the screen that it needs."""
        if self.ascii:
            line = replace(line, text=plain(line.text), label=plain(line.label), time=plain(line.time))
        return [
            f"{self.prefix}{text}".rstrip()
            for text in (self._row(line) if line.label or line.time or line.command else self._block(line))
        ]

    def _block(self, line: Line) -> list[str]:
        limit, margin = self.room - line.indent, " " * line.indent
        if line.verbatim:
            return [margin + self._cut(row, limit) for row in clean(line.text).split("\n")]
        text = clean(line.text)
        if line.cells and columns(text) > limit:
            text = text[: line.hang] + _WIDE_GAP.sub("   ", text[line.hang :])
        first, *more = wrap(text, limit)
        rest = wrap(text[len(first) :].lstrip(" "), limit - line.hang) if line.hang and more else more
        return [margin + first, *(f"{margin}{' ' * line.hang}{row}" for row in rest)]

    def _row(self, line: Line) -> list[str]:
        label = one_line(line.label)
        if line.command:
            return self._command(label, one_line(line.text), line.broad)
        start = 2 + max(line.broad, columns(label)) + 1 if label else line.indent
        broad = max(TIME, columns(line.time)) if line.time else 0
        limit = self.room - start - (broad + 1 if broad else 0)
        if label and (limit if self.room < NARROW else self.room - start) < min(columns(line.text), SHORTEST):
            return self._below(label, line)
        # the time gets a line of its own
        if line.time and limit < (min(columns(line.text), SHORTEST) if label else columns(line.text)):
            return [*self._row(replace(line, time="")), *wrap(line.time, self.room)]
        first, *more = wrap(one_line(line.text), limit)
        head = pad(f"  {label}" if label else "", start) + first
        if line.time:
            head = pad(head, self.room - broad) + line.time.rjust(TIME)
        return [head, *(" " * start + row for row in more)]

    def _below(self, label: str, line: Line) -> list[str]:
        """Return the text below its label: the terminal is too narrow for both beside each other."""
        head = f"  {label}"
        if line.time and columns(head) + columns(line.time) < self.room:
            head = pad(head, self.room - columns(line.time)) + line.time
        elif line.time:
            return [*self._below(label, replace(line, time="")), line.time]
        return [head, *(f"    {row}" for row in wrap(one_line(line.text), self.room - 4))]

    def _command(self, label: str, text: str, broad: int) -> list[str]:
        start = 2 + broad + 1
        if columns(text) <= self.room - start:
            return [pad(f"  {label}", start) + text]
        whole = _OPTION.sub(r"\1" + _GLUE, text)  # an option stays with its value
        broken = wrap(whole, self.room - 8, break_words=False)  # a backslash needs two columns
        first, *more = (row.replace(_GLUE, " ") for row in broken)
        rows = [f"    {first}", *(f"      {row}" for row in more)]
        return [*([f"  {label}"] if label else []), *(f"{row} \\" for row in rows[:-1]), rows[-1]]

    def live(self, text: str) -> str:
        """Return what fits on one line that is written over: the last column stays free, or some terminals continue on
        the next line.
        """
        whole = clean(text).replace("\n", " ")
        shown = plain(whole) if self.ascii else whole
        return self._cut(f"  {shown}", min(max(self.width, NARROWEST), WIDEST) - 1)

    def _cut(self, text: str, limit: int) -> str:
        if not self.ascii:
            return cut(text, limit)
        return text if len(text) <= limit else text[: limit - 3] + "..."
