# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's pages on the screen: the rows that a module made, or one JSON document and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .page import ATTENTION, BAD, GOOD, Line

COLOURS = {"ok": GOOD, "attention": ATTENTION, "down": BAD}
LABEL = 11  # columns


def lines(rows: Any) -> list[Line]:
    """Return the rows of a page as lines of the screen."""
    return [_line(row) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _line(row: Mapping[str, Any]) -> Line:
    label, text = str(row.get("label") or ""), str(row.get("text") or "")
    if row.get("command"):
        return Line(text, label or "do", command=True, broad=LABEL - 1)
    indent = int(row.get("indent") or 0)
    whole = f"{label:<{LABEL}}{text}" if label else text
    colour = COLOURS.get(str(row.get("level")), "")
    hang, verbatim = LABEL if label else 2, bool(row.get("verbatim"))
    return Line(whole, colour=colour, indent=indent, hang=hang, cells=bool(label), verbatim=verbatim)


def document(found: Any, page: str, problem: str) -> str:
    """Return the JSON document of a run; without one, why there is none."""
    whole = found if isinstance(found, Mapping) else {"page": page, "level": "refused", "error": problem}
    return json.dumps(whole, ensure_ascii=False, default=str)
