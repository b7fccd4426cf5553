# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of YAML have at most 120 columns, also those in the documentation of modules. ruff checks lines of Python."""

from __future__ import annotations

from conftest import ROOT

MOST = 120
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder, pattern in (
        ("playbooks", "*.yml"),
        ("roles", "*.yml"),
        ("inventories", "*.yml"),
        ("plugins/filter", "*.yml"),
        ("plugins/modules", "*.py"),
        ("plugins/doc_fragments", "*.py"),
        ("molecule/default", "*.yml"),
        ("meta", "*.yml"),
    )
    for path in (ROOT / folder).rglob(pattern)
)


def long_lines(text: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), start=1) if len(line) > MOST]


def test_no_line_is_too_long() -> None:
    assert [f"{path}:{number}" for path in FILES for number in long_lines((ROOT / path).read_text())] == []


def test_a_long_line_is_found() -> None:
    assert long_lines("a: " + "b" * 117 + "\na: " + "b" * 118 + "\n") == [2]
