# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""release_record and release_info on both kinds of store: what is written is what is read."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.modules import deploy_lease, release_info, release_record

from tests.unit.support import run_module


@pytest.fixture
def record(store_options: dict[str, Any]):
    def call(
        release: str, day: int, outcome: str = "released", *, check: bool = False, **params: Any
    ) -> dict[str, Any]:
        facts = {
            "storefront": "shop",
            "release": release,
            "outcome": outcome,
            "started_at": f"2026-01-{day:02}T12:00:00Z",
            "finished_at": f"2026-01-{day:02}T12:05:00Z",
            "units": {"frontend": {"platform": "vercel", "id": f"dpl_{release}", "release": release}},
        }
        return run_module(release_record, {**store_options, **facts, **params}, check=check)

    return call


def keys(options: dict[str, Any]) -> list[str]:
    store = open_store(options)
    found = [entry.key for entry in store.list("ledger/")]
    store.close()
    return found


def test_check_mode_then_written_then_unchanged(record, store_options):
    predicted = record("v1.0.0", 1, check=True)
    assert (predicted["changed"], keys(store_options)) == (True, [])
    written = record("v1.0.0", 1)
    assert written["record"] == predicted["record"]
    assert record("v1.0.0", 1)["changed"] is False
    assert keys(store_options) == [f"ledger/f00000000-0001-deploy-released-{written['record']['id']}.json"]


def test_a_rollback_finds_its_target_in_what_was_recorded(record, store_options):
    assert run_module(release_info, store_options)["target"] is None
    record("v1.0.0", 1)
    record("v1.1.0", 2)
    record("v1.2.0", 3, "rolled_back")
    info = run_module(release_info, store_options)
    assert (info["live"]["release"], info["target"]["release"], info["changed"]) == ("v1.1.0", "v1.0.0", False)
    record("v1.0.0", 4, "rolled_back", kind="rollback", withdrawn="v1.1.0")
    again = run_module(release_info, store_options)
    assert (again["live"]["release"], again["target"]["release"]) == ("v1.0.0", "v1.0.0")
    assert "-e to=<release>" in again["message"]
    assert (
        run_module(release_info, {**store_options, "release": "v1.1.0"})["target"]["units"]["frontend"]["id"]
        == "dpl_v1.1.0"
    )


def test_a_run_that_lost_its_lease_records_nothing(record, store_options):
    token = run_module(deploy_lease, {**store_options, "state": "held"})["token"]
    assert record("v1.0.0", 1, lease=token)["changed"]
    run_module(deploy_lease, {**store_options, "state": "held", "break_lease": "the site is down"})
    assert record("v1.1.0", 2, lease=token)["error"]["kind"] == "lease_lost"
    assert len(keys(store_options)) == 1
