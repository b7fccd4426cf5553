# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pattern of an operator takes no more than its time, and one that could is refused before anything is asked."""

from __future__ import annotations

import re

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.release.log_pattern import compiled, found


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("(a+)+$", 1),
        (r"GET (\w+\s?)+$", 5),
        ("x(?:ab|a|b)*$", 2),
        ("^(([a-z])+.)+[A-Z]$", 2),
        ("([0-9]*)*x", 1),
    ],
)
def test_a_pattern_that_would_go_back_forever_is_refused_with_its_position(text: str, position: int) -> None:
    with pytest.raises(ConfigError, match=f"grep is .*at position {position} can match") as refused:
        compiled(text)
    assert refused.value.details["code"] == "slow_grep"


@pytest.mark.parametrize(("text", "words"), [("ab(", "at position 3"), ("[", "position 1"), ("a" * 501, "at most 500")])
def test_what_is_no_pattern_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        compiled(text)
    assert refused.value.details["code"] == "bad_grep"


@pytest.mark.parametrize("text", [r"(\d+\.)+\d+", "(?i)listening", r"5\d\d .*timeout", r"^.*error.*$", "GET|POST"])
def test_a_pattern_of_every_day_is_taken(text: str) -> None:
    assert compiled(text) == re.compile(text)


def test_lines_are_searched_in_a_process_of_limited_time() -> None:
    assert found(re.compile("b$"), ["ab", "ba", 'quoted "é" b']) == [True, False, True]
    with pytest.raises(ConfigError, match="processor time"):
        found(re.compile("(a|a)+$"), ["a" * 60 + "!"])
