# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The closed forms of a watch, against the published values."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.watch.statistics import (
    critical,
    newcombe,
    slower,
    wilson,
)

Z95 = 1.959963984540054


@pytest.mark.parametrize(
    ("failed", "asked", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_rate_is_that_of_newcombe_1998(failed, asked, low, high) -> None:
    assert wilson(failed, asked, Z95) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("new", "old", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((0, 10), (0, 20), -0.1611, 0.2775),
    ],
)
def test_the_interval_of_a_difference_is_method_10_of_newcombe_1998(new, old, low, high) -> None:
    assert newcombe(new, old, Z95) == pytest.approx((low, high), abs=5e-5)


def test_nothing_is_known_of_a_side_that_was_not_asked() -> None:
    assert newcombe((0, 0), (1, 2), Z95) == (-1.0, 1.0)
    assert wilson(0, 0, Z95) == (0.0, 1.0)


def test_the_rank_sum_test_agrees_with_a_published_example() -> None:
    # males and females of the documentation of scipy.stats.mannwhitneyu: U = 17, asymptotic two-sided p = 0.1113
    assert slower([19, 22, 16, 29, 24], [20, 11, 17, 12]) == pytest.approx(1.592168, abs=1e-5)


def test_ties_count_half_and_equal_times_are_no_difference() -> None:
    assert slower([5] * 30, [5] * 30) == 0.0
    assert slower([], [1, 2]) == 0.0
    assert slower([1, 2, 3], [7, 8, 9]) == -slower([7, 8, 9], [1, 2, 3]) < 0
    # by hand: pooled 1 2 2 3, the ranks of [2, 3] are 2.5 and 4, U = 3.5; the variance is 4/12 * (5 - 6/12) = 1.5
    assert slower([2, 3], [1, 2]) == pytest.approx((3.5 - 2 - 0.5) / 1.5**0.5)


def test_several_comparisons_share_the_level() -> None:
    assert critical(1) == pytest.approx(2.3263, abs=1e-4)
    assert critical(5) == pytest.approx(2.8782, abs=1e-4)
