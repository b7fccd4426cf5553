# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages, documentation and task names are plain English: none of them has a phrase of tests/phrases.txt."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PHRASES = [
    (re.compile(pattern), instead)
    for pattern, _arrow, instead in (
        line.partition(" => ")
        for line in (ROOT / "tests/phrases.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
]

# The paths that are checked: folders with everything below them, and files.
CLEAN = (
    "plugins/module_utils/platforms",
    "plugins/module_utils/site",
    "plugins/module_utils/source",
    "plugins/module_utils/store",
    "playbooks/tasks",
    *(f"playbooks/{name}.yml" for name in ("backup", "backups", "database", "deploy", "migrate", "preflight", "prove", "restore", "rollback")),  # noqa: E501
    *(f"plugins/module_utils/release/{name}.py" for name in (
        "backup_listing", "database_outcome", "database_outlook", "database_policy", "evidence", "lease", "lease_document",  # noqa: E501
        "ledger", "ledger_history", "ledger_keys", "migrations", "notices", "outcome", "phases", "platforms", "restores",  # noqa: E501
        "results", "rollout", "settling", "store_clock", "target", "units",
    )),
    *(f"docs/{name}.md" for name in ("architecture", "coverage", "deploy", "failure", "faults")),
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
)  # fmt: skip
SUFFIXES = {".md", ".py", ".yml"}


def files() -> list[str]:
    found = [ROOT / path for path in CLEAN]
    below = [file for path in found if path.is_dir() for file in path.rglob("*") if file.suffix in SUFFIXES]
    return sorted(file.relative_to(ROOT).as_posix() for file in [*below, *(path for path in found if path.is_file())])


def texts(path: str) -> Iterator[tuple[int, str]]:
    """Yield what a person reads in a file, with its line: the strings of Python, and the lines of everything else."""
    content = (ROOT / path).read_text()
    if path.endswith(".py"):
        yield from strings(ast.parse(content))
    else:
        yield 1, content


def strings(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the strings below a node. The parts of an f-string are one string, so that a phrase is found
    across them.
    """
    if isinstance(node, ast.JoinedStr):
        yield node.lineno, "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from strings(part.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from strings(child)


def rejected(text: str) -> list[str]:
    """Return each phrase of the list in a text, with what stands around it and what to write instead."""
    line = " ".join(text.split())
    hits = [(hit, instead) for pattern, instead in PHRASES for hit in pattern.finditer(line)]
    return [f"…{line[max(0, hit.start() - 40) : hit.end() + 40]}… → {instead}" for hit, instead in hits]


def test_each_path_exists():
    assert [path for path in CLEAN if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("path", files())
def test_a_file_has_no_rejected_phrase(path):
    assert [f"{path}:{line}: {hit}" for line, text in texts(path) for hit in rejected(text)] == []


@pytest.mark.parametrize(
    "source",
    [
        '"""Whoever holds the lease."""',
        'f"{x} was built, and it goes\\n    on: {y}"',
        "f'{x or f\"{y} told\"}'",
        'raise E(f"it te" f"lls {x}")',
    ],
)
def test_a_phrase_is_found_in_docstrings_and_f_strings(source):
    assert any(rejected(text) for _line, text in strings(ast.parse(source)))


def test_code_is_not_read_as_a_text():
    assert not any(rejected(text) for _line, text in strings(ast.parse("told = shall(anew)  # in vain")))
