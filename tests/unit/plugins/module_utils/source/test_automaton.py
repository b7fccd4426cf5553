# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns are matched in time that grows with the path alone, whatever they are: counted in steps, not in seconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.source import automaton
from ansible_collections.storefront.runbook.plugins.module_utils.source.ignore import Rules
from ansible_collections.storefront.runbook.plugins.module_utils.source.ignore_git import GitRules
from ansible_collections.storefront.runbook.plugins.module_utils.source.ignore_npm import NpmRules


class Steps:
    def __init__(self) -> None:
        self.taken = 0


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Counts how often a character is held against a place in a pattern."""
    counted, holds = Steps(), automaton.Chars.holds

    def count(chars: automaton.Chars, character: str) -> bool:
        counted.taken += 1
        return holds(chars, character)

    monkeypatch.setattr(automaton.Chars, "holds", count)
    return counted


HOSTILE = [
    "*a" * 30 + "*b",
    "**/" * 30 + "b",
    "*" * 60 + "b",
    "/**/a" * 20 + "/b",
    "[a]*" * 30 + "b",
    "?*" * 30 + "b",
    "a*" * 30 + "/b",
]


@pytest.mark.parametrize("rules", [GitRules, NpmRules])
@pytest.mark.parametrize("pattern", HOSTILE)
def test_a_hostile_pattern_takes_steps_in_proportion_to_the_path(
    steps: Steps, rules: Callable[[str], Rules], pattern: str
) -> None:
    taken = []
    for length in (200, 400):
        for path in ("a" * length, "a/" * (length // 2) + "a"):
            steps.taken = 0
            assert rules(pattern).verdict(path) is None
            taken.append(steps.taken)
    assert max(taken) <= 400 * 2 * len(pattern) * 2
    assert max(taken[2:]) <= 3 * max(taken[:2])


def test_what_was_read_once_is_not_matched_again(steps: Steps) -> None:
    rules = GitRules("*.log\n!keep.log\n/dist")
    assert [
        rules.verdict("src/deep/a.log"),
        rules.verdict("src/keep.log"),
        rules.verdict("dist"),
        rules.verdict("a/dist"),
    ] == [True, False, True, None]
    steps.taken = 0
    assert rules.verdict("src/deep/a.log")
    assert steps.taken == 0


def test_memory_is_bounded_whatever_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automaton, "STATES", 20)
    rules = GitRules("*a??????b\n!*aab")
    paths = [f"{number:b}".replace("0", "a").replace("1", "b") for number in range(1000)]
    first = [rules.verdict(path) for path in paths]
    assert [GitRules("*a??????b\n!*aab").verdict(path) for path in paths] == first
    assert len(rules._automaton._states) <= 20
