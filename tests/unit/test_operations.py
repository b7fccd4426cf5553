# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which operations of the vendors' APIs a whole run of the tests must have exercised."""

from __future__ import annotations

import pytest

from sandbox.cloud.faults import OPERATIONS
from tests.operations import BESIDE, OTHERS, missing

EVERY = {(vendor, name) for vendor, names in OPERATIONS.items() for name in names}


def test_a_run_that_exercises_all_lacks_nothing() -> None:
    assert missing(EVERY) == []


def test_what_no_test_exercises_is_named() -> None:
    assert missing(EVERY - {("vercel", "promote"), ("render", "scale")}) == ["render scale", "vercel promote"]


@pytest.mark.parametrize(
    ("vendor", "name"), sorted((vendor, name) for vendor, names in OTHERS.items() for name in names)
)
def test_an_exception_is_of_an_operation_that_there_is(vendor: str, name: str) -> None:
    assert name in OPERATIONS[vendor]
    assert vendor not in BESIDE
    assert OTHERS[vendor][name]
