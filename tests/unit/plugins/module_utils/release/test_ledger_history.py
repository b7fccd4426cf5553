# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far back the ledger is read: as far as a rollback needs it, with a bounded number of requests."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.ledger import make, target
from ansible_collections.storefront.runbook.plugins.module_utils.release.ledger_history import BATCH, MOST, read
from ansible_collections.storefront.runbook.plugins.module_utils.release.ledger_keys import compose
from ansible_collections.storefront.runbook.plugins.module_utils.release.store_clock import StoreClock

from tests.unit.memory_store import MemoryStore

LIMIT = 20
NOW = "2026-06-01T00:00:00.000Z"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def add(store) -> Callable[..., None]:
    """Write a record as the next one, with a key that orders it, or with that of an earlier version."""
    count = 0

    def call(
        release: str,
        outcome: str = "released",
        kind: str = "deploy",
        *,
        units: tuple[str, ...] = ("api", "frontend"),
        timed: bool = False,
        finished_at: str = NOW,
        **other: str,
    ) -> None:
        nonlocal count
        count += 1
        moved = {name: {"platform": "vercel", "id": f"{name}-{release}", "release": release} for name in units}
        facts = {
            "storefront": "shop",
            "kind": kind,
            "outcome": outcome,
            "release": release,
            "units": moved,
            "id": f"r{count}",
            **other,
        }
        placed = {} if timed else {"fence": count, "number": 1}
        key = f"ledger/20260101T{count:09}Z-r{count}.json" if timed else compose(count, 1, kind, outcome, f"r{count}")
        store.objects[key] = json.dumps({**make(facts), "finished_at": finished_at, **placed}).encode()

    return call


def back_to(store: MemoryStore, release: str | None = None) -> str | None:
    records = read(store, LIMIT, release=release).records
    index, _message = target(records, release)
    return None if index is None else records[index]["release"]


@pytest.mark.parametrize("timed", [False, True])
def test_a_good_release_is_found_behind_twenty_and_more_failed_ones(store, add, timed):
    add("v0.9.0", timed=timed)
    add("v1.0.0", timed=timed)
    for number in range(200):
        add(f"v1.0.{number + 1}", "rolled_back", timed=timed)
    assert back_to(store) == "v0.9.0"
    assert [record["release"] for record in read(store, 3).shown] == ["v1.0.200", "v1.0.199", "v1.0.198"]


def test_a_good_release_is_found_behind_withdrawn_and_incomplete_ones(store, add):
    add("v0.8.0")
    for number in range(60):
        add(f"v0.9.{number}")
        add(f"v0.8.{number}", "incomplete", "rollback", withdrawn=f"v0.9.{number}")
    add("v1.0.0")
    assert back_to(store) == "v0.8.0"


def test_a_unit_that_only_newer_releases_moved_is_looked_for_further_back(store, add):
    add("v0.1.0")
    for number in range(50):
        add(f"v1.0.{number}", units=("api",))
    add("v2.0.0")
    records = read(store, LIMIT).records
    assert any(record["release"] == "v0.1.0" for record in records), "which last moved the frontend before v2.0.0"


def test_a_release_that_is_named_is_found_however_old(store, add):
    add("v0.1.0")
    for number in range(100):
        add(f"v1.0.{number}")
    assert back_to(store, "v0.1.0") == "v0.1.0"


def test_ten_thousand_failed_deploys_after_a_good_one_cost_a_few_requests(store, add):
    add("v0.9.0")
    add("v1.0.0")
    for number in range(10_000):
        add(f"v1.0.{number + 1}", "rolled_back")
    assert back_to(store) == "v0.9.0"
    assert len(store.reads) == LIMIT + 2


@pytest.mark.parametrize("outcome", ["rolled_back", "released"])
def test_ten_thousand_records_without_a_target_are_not_all_read_and_it_is_said(store, add, outcome):
    for _unused in range(10_000):
        add("v1.0.0", outcome, timed=True)
    history = read(store, LIMIT)
    assert history.cut
    assert len(store.reads) <= LIMIT + MOST + BATCH


def test_no_more_is_read_than_is_needed(store, add):
    for number in range(10_000):
        add(f"v1.0.{number}")
    assert not read(store, LIMIT).cut
    assert len(store.reads) == LIMIT


def test_how_the_last_deploy_ended_counts_behind_any_number_of_restores(store, add):
    add("v1.0.0")
    add("v1.1.0")
    add("v1.2.0", "incomplete")
    for _unused in range(30):
        add("v1.1.0", "restored", "restore", units=())
    assert back_to(store) == "v1.1.0"


def test_one_that_cannot_be_read_is_named_and_left_out(store, add):
    add("v1.0.0")
    add("v1.1.0")
    store.objects["ledger/20270101T000000000Z-x.json"] = b"half a rec"
    store.objects["ledger/f00000099-0001-deploy-released-y.json"] = b"[]"
    warnings: list[str] = []
    assert [record["release"] for record in read(store, 5, warn=warnings.append).records] == ["v1.1.0", "v1.0.0"]
    assert len(warnings) == 2


def test_records_from_the_future_are_named(store, add, clock):
    add("v1.0.0")
    for number in range(5):
        add(f"v1.{number}.0", finished_at="2026-06-01T00:10:00.000Z", timed=number == 0)
    clock.now = 1780272000.0  # NOW
    remarks = read(store, LIMIT, clock=StoreClock(store, clock)).remarks
    assert "600 s from now: the clock of its controller was ahead" in remarks[0]
    assert len(remarks) == 4
    assert remarks[-1] == "2 more records have times in the future."
