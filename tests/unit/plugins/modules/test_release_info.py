# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""release_info in process, on a folder: what the ledger says, and null where it says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import maintenance_record, release_info, release_record

from tests.unit.support import run_module


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    return {"store": (tmp_path / "store").as_uri(), "store_is_shared": True}


@pytest.fixture
def info(store):
    def call(**params: Any) -> dict[str, Any]:
        return run_module(release_info, {**store, **params})

    return call


@pytest.fixture
def ended(store):
    """Record that a deploy ended; each call a day later."""
    days = iter(range(1, 29))

    def call(release: str, outcome: str = "released", **params: Any) -> None:
        day = next(days)
        facts = {
            "storefront": "shop",
            "release": release,
            "outcome": outcome,
            "started_at": f"2026-01-{day:02}T12:00:00Z",
            "finished_at": f"2026-01-{day:02}T12:05:00Z",
            "units": {"frontend": {"platform": "vercel", "id": f"dpl_{release}", "release": release}},
        }
        assert run_module(release_record, {**store, **facts, **params})["changed"]

    return call


def test_an_empty_ledger_is_not_an_error(info):
    result = info()
    assert (result["failed"], result["changed"]) == (False, False)
    assert (result["live"], result["last_verified"], result["target"], result["records"]) == (None, None, None, [])
    assert result["message"] == "The ledger has no verified release."


def test_it_reads_the_maintenance_of_the_shop_and_a_broken_record_does_not_hide_the_ledger(
    info, ended, store, tmp_path
):
    ended("v1.0.0")
    assert info()["maintenance"] == {}
    assert run_module(maintenance_record, {**store, "state": "present", "way": "edge"})["changed"]
    assert info()["maintenance"]["way"] == "edge"
    (tmp_path / "store/maintenance.json").write_text("no JSON")
    result = info()
    assert "maintenance" not in result  # maintenance_record reads it, and reports what is wrong
    assert result["live"]["release"] == "v1.0.0"


def test_the_live_release_and_the_one_before_it_are_returned_with_their_units(info, ended):
    ended("v1.0.0", commit="0" * 40)
    ended("v1.1.0")
    result = info()
    assert (result["live"]["release"], result["last_verified"]["release"], result["message"]) == (
        "v1.1.0",
        "v1.1.0",
        None,
    )
    assert result["target"]["units"] == {"frontend": {"platform": "vercel", "id": "dpl_v1.0.0", "release": "v1.0.0"}}
    assert result["target"]["commit"] == "0" * 40
    assert [record["release"] for record in result["records"]] == ["v1.1.0", "v1.0.0"]


def test_after_a_rolled_back_deploy_the_old_release_is_live(info, ended):
    ended("v1.0.0")
    ended("v1.1.0")
    ended("v1.2.0", "rolled_back")
    assert (info()["live"]["release"], info()["target"]["release"]) == ("v1.1.0", "v1.0.0")


def test_after_an_incomplete_deploy_the_live_release_is_unknown(info, ended):
    ended("v1.0.0")
    ended("v1.1.0", "incomplete")
    result = info()
    assert (result["live"], result["last_verified"]["release"], result["target"]["release"]) == (
        None,
        "v1.0.0",
        "v1.0.0",
    )
    assert "ended with the outcome incomplete" in result["message"]


def test_a_requested_release_is_the_target(info, ended):
    for release in ("v1.0.0", "v1.1.0", "v1.2.0"):
        ended(release)
    assert info(release="v1.0.0")["target"]["units"]["frontend"]["id"] == "dpl_v1.0.0"
    unknown = info(release="v9.9.9")
    assert (unknown["failed"], unknown["target"]) == (False, None)
    assert "The ledger has no verified deploy of v9.9.9" in unknown["message"]


def test_no_more_records_are_read_than_the_limit(info, ended):
    ended("v1.0.0")
    ended("v1.1.0")
    assert [record["release"] for record in info(limit=1)["records"]] == ["v1.1.0"]
    refused = info(limit=0)
    assert refused["failed"]
    assert "Set it to 1 or more" in refused["msg"]


def test_a_record_that_cannot_be_read_is_warned_of(info, ended, tmp_path):
    ended("v1.0.0")
    (tmp_path / "store" / "ledger" / "20270101T000000000Z-x.json").write_text("half a rec")
    result = info()
    assert result["live"]["release"] == "v1.0.0"
    assert "20270101T000000000Z-x.json" in result["warnings"][0]
