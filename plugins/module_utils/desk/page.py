# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page as rows: a label, a text, and whether the row is a command that is copied and pasted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

LABEL = 11
OK, ATTENTION, DOWN = "ok", "attention", "down"
WORDS = {OK: "ok", ATTENTION: "ATTENTION", DOWN: "DOWN"}


@dataclass(frozen=True)
class Row:
    text: str
    label: str = ""
    level: str = ""
    command: bool = False
    indent: int = 2

    def described(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "label": self.label,
            "level": self.level,
            "command": self.command,
            "indent": self.indent,
        }

    def line(self) -> str:
        label = f"{self.label:<{LABEL}}" if self.label else ""
        return f"{' ' * self.indent}{label}{self.text}".rstrip()


def page(rows: Iterable[Row]) -> dict[str, Any]:
    """Return the rows for the screen, and as lines for everything else."""
    rows = list(rows)
    return {"page": [row.described() for row in rows], "lines": [row.line() for row in rows]}


def columns(cells: Sequence[Sequence[str]], gap: int = 3) -> list[str]:
    """Return each row of cells as one text, with the cells of a column below each other."""
    wide = [max((len(row[place]) for row in cells if place < len(row)), default=0) for place in range(_most(cells))]
    return [(" " * gap).join(f"{cell:<{wide[place]}}" for place, cell in enumerate(row)).rstrip() for row in cells]


def _most(cells: Sequence[Sequence[str]]) -> int:
    return max((len(row) for row in cells), default=0)
