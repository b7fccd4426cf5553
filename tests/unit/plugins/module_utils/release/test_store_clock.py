# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's clock is compared with the store's."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.release.store_clock import StoreClock, compare

from tests.unit.memory_store import MemoryStore


@pytest.fixture
def store(clock) -> MemoryStore:
    made = MemoryStore()
    made.now = clock.now
    return made


@pytest.mark.parametrize("ahead", [-60, -2, 0, 2, 60])
def test_a_minute_is_not_wrong(store, clock, ahead):
    warnings: list[str] = []
    compared = compare(store, lambda: clock.now + ahead, warn=warnings.append)
    assert warnings == []
    assert abs(compared() - clock.now) <= 2


@pytest.mark.parametrize("ahead", [-61, 61, 600, 10**8])
def test_more_is_refused_with_both_times_and_what_to_do(store, clock, ahead):
    with pytest.raises(ConfigError) as refused:
        compare(store, lambda: clock.now + 1_770_000_000 + ahead - 1_770_000_000)
    message = str(refused.value)
    assert f"differ by {abs(ahead)} s" in message
    assert "1970-01-01T00:16:40.000Z" in message, "the store's"
    assert "NTP" in message


def test_an_emergency_is_warned_and_goes_by_the_stores_time(store, clock):
    warnings: list[str] = []
    compared = compare(store, lambda: clock.now + 600, tolerate=True, warn=warnings.append)
    assert "differ by 600 s" in warnings[0]
    assert compared() == clock.now


def test_a_store_that_does_not_report_the_time_is_named(store, clock):
    store.now = None
    warnings: list[str] = []
    assert compare(store, clock, warn=warnings.append)() == clock.now
    assert "gives no time" in warnings[0]


def test_one_answer_without_a_time_leaves_what_is_known(store, clock):
    compared = StoreClock(store, lambda: clock.now + 30)
    compared.set()
    store.now = None
    compared.set()
    assert compared() == clock.now
