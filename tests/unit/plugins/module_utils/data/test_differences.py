# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What two streams of rows in the same order differ by."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.data.differences import count, total

Rows = list[tuple[str, str]]


@pytest.mark.parametrize(
    ("live", "other", "counted"),
    [
        ([], [], (0, 0, 0)),
        ([("a", "1")], [], (1, 0, 0)),
        ([], [("a", "1"), ("b", "1")], (0, 0, 2)),
        ([("a", "1"), ("b", "2"), ("d", "4")], [("a", "1"), ("b", "3"), ("c", "4")], (1, 1, 1)),
        ([("a", "a"), ("a", "a"), ("b", "b")], [("a", "a"), ("b", "b")], (1, 0, 0)),  # a row that is there twice
        ([("b", "1")], [("a", "1"), ("b", "1"), ("c", "1")], (0, 0, 2)),
    ],
)
def test_rows_are_told_apart_by_their_key_and_their_content(live: Rows, other: Rows, counted: tuple[int, int, int]) -> None:
    found = count(iter(live), iter(other))
    assert (found["inserted"], found["updated"], found["deleted"]) == counted


def test_the_total_is_that_of_all_tables() -> None:
    assert total({"a": {"inserted": 1, "updated": 2, "deleted": 0}, "b": {"inserted": 0, "updated": 0, "deleted": 4}}) == 7
