# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of docs/migrations.md is what the cases are judged to be: UPDATE_DOCS=1 writes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from ansible_collections.storefront.runbook.plugins.module_utils.migrations.classify import BREAKING

from tests.integration.migration_cases import CASES, Case
from tests.integration.test_migration_truth import judge, judged

DOCS = Path(__file__).parents[2] / "docs" / "migrations.md"
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"
WAITING = {
    "read": "nobody can read or write {}",
    "write": "nobody can write to {}",
    "rows": "nobody can change the same rows of {}",
    "delete": "nobody can delete the rows of {} that are pointed at",
}


def classes(case: Case) -> str:
    """The classes of all files of a case together, as they are shown."""
    found = {kind for verdict in judge(case) for kind in verdict.classes}
    if "contract" in found:
        found.discard("expand")
    order = ("expand", "contract", *BREAKING, "long_lock", "not_transactional", "fails")
    return ", ".join(kind for kind in dict.fromkeys(order) if kind in found)


def waiting(case: Case) -> str:
    """What others cannot do while something takes long."""
    waited = judged(judge(case))["waited"].values()
    return ", ".join(dict.fromkeys(WAITING[kind].format(table) for waits in waited for table, kind in waits.items()))


def table() -> Iterator[str]:
    for kind, cases in groupby(
        sorted(CASES, key=lambda case: [each.kind for each in CASES].index(case.kind)), key=lambda case: case.kind
    ):
        yield f"\n| {kind} | judged as | meanwhile |\n|---|---|---|"
        yield from (f"| {case.name} | {classes(case)} | {waiting(case)} |" for case in cases)


def test_the_table_of_the_docs_is_what_is_judged() -> None:
    text = DOCS.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + "\n" + "\n".join(table()) + "\n" + END + after
    if os.environ.get("UPDATE_DOCS"):
        DOCS.write_text(wanted)
    assert text == wanted or os.environ.get("UPDATE_DOCS"), (
        "run this test with UPDATE_DOCS=1 and commit docs/migrations.md"
    )
