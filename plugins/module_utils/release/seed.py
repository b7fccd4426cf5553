# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether seed.yml may run, and what it says. Example data never reaches production."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.amounts import number

ROLES = ("staging", "development")
NAMES = ("production", "prod", "prd")
BEFORE = ("pre", "non", "not")  # pre-production is not production

Counts = Mapping[str, Any]  # the rows of each table, None where they are not known


def refused(role: Any, places: Sequence[str], what: str = "seed.yml", option: str = "environment_role") -> list[str]:
    """Return why an environment must not get example or masked data. ``places`` are what the environment is called: its
    host, its name in notifications. ``option`` is the one that ``role`` comes from.
    """
    allowed = " or ".join(ROLES)
    if role not in ROLES:
        given = f"is {role}" if role else "is not set"
        return [
            f"{option} {given}, and {what} runs only where the inventory sets it to {allowed}. Choose the"
            " inventory of such an environment with -i"
        ]
    named = next((place for place in places if is_production(str(place))), "")
    if named:
        return [
            f"{option} is {role}, but the environment is called {named}: one of them is wrong. {what} never"
            f" runs in production. Correct {option}, or choose another inventory with -i"
        ]
    return []


def is_production(name: str) -> bool:
    """Return whether a name says production, such as shop-prod, Production EU or shop-live."""
    words = re.findall(r"[a-z]+", name.lower())
    pairs = zip(["", *words], words, strict=False)
    return words[-1:] == ["live"] or any(word in NAMES and before not in BEFORE for before, word in pairs)


def change(before: Counts, after: Counts) -> dict[str, dict[str, int | None]]:
    """Return the rows of each table before and after, of those whose number changed."""
    moved = [table for table in {**before, **after} if before.get(table) != after.get(table)]
    return {name: {table: rows.get(table) for table in moved} for name, rows in (("before", before), ("after", after))}


def message(before: Counts, after: Counts, output: str) -> str:
    moved = change(before, after)
    lines = [
        f"{table} {moved['before'][table] or 0} -> {number(moved['after'][table] or 0, 'row')}"
        for table in moved["after"]
    ]
    last = output.strip().splitlines()[-1:] if output.strip() else []
    printed = f" It printed: {last[0]}" if last else ""
    return f"{', '.join(lines) or 'No table has another number of rows'}.{printed}"
