# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers outside of their bounds are refused, and so is what is not a number."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.bounds import refuse_outside, refuse_time_limit
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError


@pytest.mark.parametrize("value", [1, 10, 10.0])
def test_a_number_within_its_bounds_passes(value: float) -> None:
    refuse_outside("limit", value, 1, 10, "lines")
    refuse_time_limit("timeout", value, 10.0)


@pytest.mark.parametrize("value", [0, -1, 11, float("nan"), float("inf"), float("-inf")])
def test_any_other_is_refused_with_the_right_ones(value: float) -> None:
    with pytest.raises(ConfigError, match=f"limit is {value}. Set it to 1 to 10 lines."):
        refuse_outside("limit", value, 1, 10, "lines")
    with pytest.raises(ConfigError, match=r"Set it to more than 0 and at most 10 seconds\."):
        refuse_time_limit("timeout", value, 10.0)
