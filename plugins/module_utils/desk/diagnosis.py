# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diagnosis: every rule is asked, the findings are ranked, and the page has the next command of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..core.internal import internal
from ..release.pages import worst
from .findings import builds, edge, errors, health, migrations, speed
from .findings.finding import BROKEN, CERTAINTIES, DEGRADED, NOTE, Finding, Rule, View
from .page import ATTENTION, DOWN, LABEL, OK, Row, page
from .status_page import contact_rows

RULES: Sequence[Rule] = (
    *builds.RULES,
    *migrations.RULES,
    *health.RULES,
    *edge.RULES,
    *errors.RULES,
    *speed.RULES,
)
LEVELS = {BROKEN: DOWN, DEGRADED: ATTENTION, NOTE: OK}
GENERAL = (
    "unhealthy",
    "errors_with_release",
    "errors_without_release",
    "slow_site",
    "unit_crashed",
    "slow_query",
    "redis_cold",
)
UNKNOWN = ("errors_unknown",)
ASKED: Mapping[str, tuple[str, ...]] = {  # the facts of each section, by the beginning of their names
    "T1": ("unit:",),
    "T2": ("database",),
    "T3": ("site:", "database", "redis"),
    "T4": ("site:frontend",),
    "T5": ("unit:", "sentry"),
    "T6": ("site:", "database", "redis"),
}
CLEAR = {
    "T1": "builds",
    "T2": "migrations",
    "T3": "health, variables, database and Redis",
    "T4": "pages at the edge",
    "T5": "errors",
    "T6": "speed",
}


def find(view: View, rules: Iterable[Rule] = RULES) -> tuple[list[Finding], list[str]]:
    """Return the findings, the first one first, and what went wrong in a rule: it must not hide the others."""
    found: list[Finding] = []
    wrong: list[str] = []
    for rule in rules:
        try:
            found += rule(view)
        except Exception as error:
            wrong.append(f"{rule.__name__}: {internal(error)}")
    return ranked(found), wrong


def ranked(found: Sequence[Finding]) -> list[Finding]:
    """Sort by how bad it is, how sure it is, and whether it is a cause or only what follows from one."""
    return sorted(
        found,
        key=lambda one: (one.weight, one.id in GENERAL, CERTAINTIES.index(one.certainty)),
    )


def build(view: View, found: Sequence[Finding], wrong: Sequence[str]) -> dict[str, Any]:
    """Return {report, page, lines} of the diagnosis."""
    params = view.params
    level = worst([LEVELS[one.weight] for one in found])
    silent = {name: one.problem for name, one in view.facts.items() if one.problem and one.kind != "absent"}
    report = {
        "level": level,
        "verdict": f"{found[0].what}." if found else "Nothing wrong was found.",
        "findings": [one.described() for one in found],
        "clear": clear(found, view),
        "unreachable": silent,
        "problems": list(wrong),
        "next": [one.do for one in found if one.do],
        "seconds": {name: one.seconds for name, one in view.facts.items() if one.seconds},
        "contacts": params["contacts"] if level != OK else [],
        "dashboards": params["dashboards"] if level != OK else [],
    }
    rows = [row for number, one in enumerate(found, 1) for row in _rows(number, one)]
    rows += [] if found else [Row("Nothing wrong was found.", level=OK)]
    rows += [
        Row(f"{name}: {why}", "" if at else "not asked", ATTENTION, indent=2 + (LABEL if at else 0))
        for at, (name, why) in enumerate(silent.items())
    ]
    rows += [Row(text, "faults", ATTENTION) for text in wrong]
    rows += [Row(", ".join(report["clear"]), "fine")] if report["clear"] else []
    return {"report": report, **page([*rows, *contact_rows(params, level)])}


def clear(found: Sequence[Finding], view: View) -> list[str]:
    """Return what was checked and is fine."""
    touched = {one.section for one in found if one.weight != NOTE or one.id in UNKNOWN}
    return [words for section, words in CLEAR.items() if section not in touched and _asked(view, section)]


def _asked(view: View, section: str) -> bool:
    """Whether anything answered that a section of the runbook judges by."""
    return any(view.fact(name).answered for name in view.facts if name.startswith(ASKED[section]))


def _rows(number: int, one: Finding) -> list[Row]:
    head = f"{number}. {one.what} ({one.certainty})"
    rows = [
        Row(head, level=LEVELS[one.weight], indent=0),
        Row(one.evidence, "evidence", indent=5),
        Row(one.cause, "cause", indent=5),
    ]
    rows += [Row(one.advice.strip(), "advice", indent=5)] if one.advice.strip() else []
    return rows + ([Row(one.do, "do", command=True, indent=5)] if one.do else [])
