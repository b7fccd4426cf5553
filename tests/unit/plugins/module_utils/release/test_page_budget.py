# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One deadline for a page: the questions, and what Ansible needs before and after them, come within it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import page_budget as budget

WHOLE = 10.0


@pytest.mark.parametrize("elapsed", [0.0, 0.5, 1.3, 2.0, 3.0, 4.0, 4.9])
def test_a_page_comes_within_ten_seconds_however_long_ansible_takes_to_start(elapsed: float) -> None:
    """Ansible needs less time to print a page than it needed until the questions."""
    asked = budget.share(budget.ASKED, elapsed)
    assert budget.SHORTEST <= asked <= budget.ASKED
    assert elapsed + asked + max(budget.PRINTED, elapsed * budget.SLOWNESS) <= WHOLE


@pytest.mark.parametrize(
    ("timeout", "elapsed", "share"),
    [
        (6.0, 1.0, 6.0),
        (6.0, 3.0, 5.2),
        (6.0, 8.0, 2.0),  # a system that works still answers
        (30.0, 8.0, 21.2),  # an inventory that sets desk_timeout waits for it
        (1.0, 4.0, 1.0),
        (6.0, 10.0, 6.0),  # of a page at the end of a long run
        (6.0, 600.0, 6.0),
    ],
)
def test_what_is_left_of_the_page_is_for_the_systems(timeout: float, elapsed: float, share: float) -> None:
    assert budget.share(timeout, elapsed) == pytest.approx(share)


@pytest.mark.parametrize("timeout", [1.0, 2.0, 6.0, 60.0])
def test_an_answer_that_fails_is_known_before_the_page_is_due(timeout: float) -> None:
    assert 0 < budget.within(timeout) < timeout


@pytest.mark.parametrize(
    ("given", "storefronts", "forks", "seconds"),
    [
        (None, 1, 5, 5.2),
        ("", 1, 5, 5.2),
        (6, 1, 5, 5.2),
        ("6", 5, 5, 5.2),
        (6, 20, 5, 6.0),  # they take turns
        (0, 1, 5, 0),
        (-1, 1, 5, -1),
        (61, 1, 5, 61),
        ("soon", 1, 5, "soon"),
        ("nan", 1, 5, "nan"),
    ],
)
def test_desk_timeout_is_read_and_a_wrong_one_is_left_to_the_module(
    monkeypatch: pytest.MonkeyPatch, given: Any, storefronts: int, forks: int, seconds: Any
) -> None:
    monkeypatch.setattr(budget, "ansibles_age", lambda: 3.0)
    assert budget.seconds(given, storefronts, forks) == seconds


def test_where_the_start_is_not_known_the_questions_have_their_whole_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "ansibles_age", lambda: None)
    assert budget.seconds(None) == budget.ASKED
