# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statistics of a watch, each a closed form with its source. scipy would be a large library for three formulas.

- Wilson's score interval of one rate, and Newcombe's hybrid interval of the difference of two rates, his method 10
  without correction for continuity: R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872 and 873-890.
- The rank sum test of Mann and Whitney with midranks, the normal approximation, its corrections for ties and for
  continuity: H. B. Mann and D. R. Whitney, Annals of Mathematical Statistics 18 (1947), 50-60.
- Looks before the end count only at three standard errors, so that many looks do not add up to a false alarm: the rule
  of Haybittle (British Journal of Radiology 44 (1971), 793-797) and Peto.
- Several comparisons at the end share the level, by Bonferroni.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

LEVEL = 0.01  # chance of a false alarm of all comparisons at the end, one-sided
DOUBTFUL = 1.2816  # standard errors of a difference that chance alone makes in a tenth of all watches, one-sided
EARLY = 3.29  # standard errors that a look before the end needs: a chance of 0.0005


def critical(comparisons: int) -> float:
    """Return how many standard errors a difference needs at the end, where there are so many comparisons."""
    return NormalDist().inv_cdf(1 - LEVEL / max(1, comparisons))


def wilson(failed: int, asked: int, z: float) -> tuple[float, float]:
    """Return the interval of a rate; the whole range where nothing was asked."""
    if not asked:
        return 0.0, 1.0
    rate, square = failed / asked, z * z
    middle = (rate + square / (2 * asked)) / (1 + square / asked)
    half = z * math.sqrt(rate * (1 - rate) / asked + square / (4 * asked * asked)) / (1 + square / asked)
    return max(0.0, middle - half), min(1.0, middle + half)


def newcombe(new: tuple[int, int], old: tuple[int, int], z: float) -> tuple[float, float]:
    """Return the interval of the new rate minus the old one; each is (failed, asked)."""
    if not new[1] or not old[1]:
        return -1.0, 1.0
    rates = new[0] / new[1], old[0] / old[1]
    (new_low, new_high), (old_low, old_high) = wilson(*new, z), wilson(*old, z)
    difference = rates[0] - rates[1]
    return (
        difference - math.hypot(rates[0] - new_low, old_high - rates[1]),
        difference + math.hypot(new_high - rates[0], rates[1] - old_low),
    )


def slower(new: Sequence[float], old: Sequence[float]) -> float:
    """Return by how many standard errors the new times rank above the old ones; 0 where there is nothing to compare."""
    first, second = len(new), len(old)
    total = first + second
    if not first or not second:
        return 0.0
    counts = Counter([*new, *old])
    ranks, below = {}, 0
    for value in sorted(counts):
        ranks[value] = below + (counts[value] + 1) / 2  # the midrank of equal values
        below += counts[value]
    above = sum(ranks[value] for value in new) - first * (first + 1) / 2 - first * second / 2
    ties = sum(count**3 - count for count in counts.values()) / (total * (total - 1))
    spread = math.sqrt(first * second / 12 * (total + 1 - ties))
    if not spread:
        return 0.0
    return math.copysign(max(abs(above) - 0.5, 0.0), above) / spread
