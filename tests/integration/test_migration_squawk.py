# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgement of migrations beside squawk's, a linter that reads one statement at a time: each difference
has its reason in squawk_differences.py.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.migration_cases import CASES, Case
from tests.integration.squawk_differences import BREAKS, WAITS
from tests.integration.test_migration_truth import judge, lines

# What squawk's rules are about. Those of style, such as bigint for every key, are left out.
WAITING = {
    "adding-field-with-default",
    "adding-foreign-key-constraint",
    "adding-not-nullable-field",
    "adding-serial-primary-key-field",
    "changing-column-type",
    "constraint-missing-not-valid",
    "disallowed-unique-constraint",
    "require-concurrent-index-creation",
    "require-concurrent-index-deletion",
    "require-concurrent-partition-detach",
    "require-concurrent-reindex",
}
BREAKING = {
    "adding-not-nullable-field",
    "adding-required-field",
    "ban-alter-identity",
    "ban-drop-column",
    "ban-drop-constraint",
    "ban-drop-default",
    "ban-drop-not-null",
    "ban-drop-table",
    "ban-drop-type",
    "ban-drop-view",
    "ban-truncate-cascade",
    "changing-column-type",
    "disallowed-unique-constraint",
    "renaming-column",
    "renaming-object",
    "renaming-table",
}
OPTIONS = ["--reporter", "json", "--assume-in-transaction", "--pg-version", "15", "--no-error-on-unmatched-pattern"]


def squawk(case: Case, folder: Path) -> set[str]:
    """The rules that squawk finds broken by the files of a case."""
    files = [folder / f"{number}.sql" for number, _script in enumerate(case.files)]
    for file, script in zip(files, case.files, strict=True):
        file.write_text(lines(script))
    done = subprocess.run(["squawk", *OPTIONS, *files], capture_output=True, text=True, check=False)
    return {found["rule_name"] for found in json.loads(done.stdout)}


def differences(case: Case, folder: Path) -> dict[str, str]:
    """Who alone says that others wait, and who alone that old code may break: "we" or "squawk"."""
    rules, classes = squawk(case, folder), {kind for verdict in judge(case) for kind in verdict.classes}
    said = {
        "waits": ("long_lock" in classes, bool(rules & WAITING)),
        "breaks": ("contract" in classes, bool(rules & BREAKING)),
    }
    return {what: "we" if ours else "squawk" for what, (ours, theirs) in said.items() if ours != theirs}


def reason(table: dict[tuple[str, str], list[str]], name: str) -> str | None:
    return next((who for (who, _why), names in table.items() if name in names), None)


@pytest.mark.parametrize("case", CASES, ids=[f"{case.kind}: {case.name}" for case in CASES])
def test_squawk_says_the_same_or_there_is_a_reason(case: Case, tmp_path: Path) -> None:
    found = differences(case, tmp_path)
    assert found.get("waits") == reason(WAITS, case.name)
    assert found.get("breaks") == reason(BREAKS, case.name)


def test_each_difference_is_a_case_and_is_listed_once() -> None:
    known = {case.name for case in CASES}
    for table in (WAITS, BREAKS):
        names = [name for listed in table.values() for name in listed]
        assert set(names) <= known
        assert len(names) == len(set(names))
