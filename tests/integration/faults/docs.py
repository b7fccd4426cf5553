# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table in docs/faults.md, which the test of faults writes and holds to what it sees."""

from __future__ import annotations

import os
import re

from conftest import ROOT
from tests.integration.faults.table import COLUMNS

DOCUMENT = ROOT / "docs" / "faults.md"
RULE = "|---|---|---|---|---|\n"


def seen(case: str, write: str, column: str, outcome: str) -> None:
    """Hold a cell of docs/faults.md to what was seen; with UPDATE_DOCS=1 write it there."""
    head, _rule, rows = DOCUMENT.read_text().partition(RULE)
    cells = {
        tuple(row[:2]): row[2:]
        for row in (line.removeprefix("| ").removesuffix(" |").split(" | ") for line in rows.splitlines() if line)
    }
    place = list(COLUMNS).index(column)
    row = cells.setdefault((case, f"`{write}`"), ["?"] * len(COLUMNS))
    if os.environ.get("UPDATE_DOCS"):
        row[place] = outcome
        DOCUMENT.write_text(head + RULE + "".join(f"| {' | '.join([*key, *row])} |\n" for key, row in cells.items()))
    assert row[place] == outcome, (
        f"docs/faults.md says of {case}, {write}, {column}:\n{row[place]}\nand this was seen:\n{outcome}\nUPDATE_DOCS=1"
        " writes it."
    )


def rows() -> list[tuple[str, str]]:
    """Return the cases and writes that the table has."""
    lines = [
        line.removeprefix("| ").removesuffix(" |").split(" | ")
        for line in DOCUMENT.read_text().partition(RULE)[2].splitlines()
        if line
    ]
    return [(line[0], line[1].strip("`")) for line in lines]


def elsewhere() -> dict[str, list[str]]:
    """Return the modules whose faults the page says to be tested elsewhere, and in which files."""
    lines = re.findall(r"^- `(\w+)`: (it .+)$", DOCUMENT.read_text().partition(RULE)[0], re.MULTILINE)
    return {module: re.findall(r"`(tests/[^`]+)`", outcome) for module, outcome in lines}
