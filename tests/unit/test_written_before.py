# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier versions wrote is read as before: the lease and its journal, the ledger, the catalogue of backups, and
the sandbox's state.

The folders in samples/written_before are stores as older commits wrote them: ``first`` by the first one that had a
ledger, ``without-fences`` by the last one whose records were ordered by time alone, ``one-folder`` by the last one
before the utilities got packages by subject.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import lease_document, settling, target
from ansible_collections.storefront.runbook.plugins.modules import (
    deploy_lease,
    pg_backup_info,
    release_info,
    release_record,
)

from sandbox.cloud.state import Storefront
from tests.unit.support import run_module

SAMPLES = Path(__file__).parent / "samples" / "written_before"
STORES = ("first", "without-fences", "one-folder")
RECORDS = [
    ("restore", "v1.0.0", "restored"),
    ("rollback", "v1.0.0", "rolled_back"),
    ("deploy", "v1.2.0", "rolled_back"),
    ("deploy", "v1.1.0", "released"),
    ("deploy", "v1.0.0", "released"),
]
WHY = "the sample is old"


@pytest.fixture(params=STORES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def folder(name: str, tmp_path: Path) -> Path:
    return shutil.copytree(SAMPLES / name, tmp_path / "store")


@pytest.fixture
def store(folder: Path) -> dict[str, Any]:
    return {"store": folder.as_uri(), "store_is_shared": True}


def done(module: Any, **options: Any) -> dict[str, Any]:
    result = run_module(module, options)
    assert not result["failed"], result["msg"]
    return result


def test_the_ledger_reports_what_is_live_and_what_a_rollback_goes_back_to(name: str, store: dict[str, Any]) -> None:
    known = [record for record in RECORDS if name != "first" or record[0] != "restore"]  # a restore had no record yet
    ledger = done(release_info, **store)
    assert [(record["kind"], record["release"], record["outcome"]) for record in ledger["records"]] == known
    assert (ledger["live"]["release"], ledger["live"]["units"]["api"]["id"]) == ("v1.0.0", "dep-1")
    assert "v1.1.0" in ledger["unverified"], "it was withdrawn"
    assert ledger["remarks"] == []
    record = next(record for record in ledger["records"] if record["release"] == "v1.1.0")
    assert (record["units"]["frontend"]["id"], record["snapshot"]["api"]["release"], record["migrations"]) == (
        "dpl_2",
        "v1.0.0",
        ["20260101_rating"],
    )
    assert record["steps"][0] == {"name": "backend.release", "outcome": "ok", "seconds": 12.5}
    assert record["evidence"][0]["answered"] == "Yes"
    live = {unit: {"id": "other", "release": "v1.3.0"} for unit in ("api", "frontend")}
    chosen = target.choose(target.Known(live=live, ledger=ledger))
    assert {unit: state["id"] for unit, state in chosen.units.items()} == {"api": "dep-1", "frontend": "dpl_1"}


def test_a_new_record_is_the_newest_also_beside_older_names(store: dict[str, Any]) -> None:
    token = done(deploy_lease, **store, state="held", break_lease=WHY)["token"]
    unit = {"platform": "railway", "id": "dep-3", "release": "v1.3.0"}
    done(
        release_record,
        **store,
        lease=token,
        storefront="shop",
        outcome="released",
        release="v1.3.0",
        started_at="2026-01-06T00:00:00Z",
        units={"api": unit},
    )
    ledger = done(release_info, **store)
    assert ledger["records"][0]["release"] == "v1.3.0"
    assert ledger["live"]["units"]["api"]["id"] == "dep-3"


def test_the_journal_of_a_deploy_that_did_not_end_is_settled(folder: Path, store: dict[str, Any]) -> None:
    before = json.loads((folder / lease_document.KEY).read_text())
    taken = done(deploy_lease, **store, state="held", break_lease=WHY, release="v1.3.0")
    assert (taken["taken_over"]["holder"], taken["lease"]["fence"]) == (before["holder"], before["fence"] + 1)
    journal = taken["journal"]
    assert (journal["release"], journal["step"], journal["held"], journal["snapshot"]["api"]["id"]) == (
        "v1.3.0",
        "frontend.promote",
        True,
        "dep-2",
    )
    assert settling.runs_forward(journal, "v1.3.0", [])
    assert not settling.runs_forward(journal, "v1.4.0", [])
    back = target.choose(target.Known(live={"api": {"id": "dep-3", "release": "v1.3.0"}}, journal=journal))
    assert back.units["api"]["id"] == "dep-2"


def test_the_holder_of_then_can_give_the_lease_back(folder: Path, store: dict[str, Any]) -> None:
    given = done(
        deploy_lease, **store, state="released", token=json.loads((folder / lease_document.KEY).read_text())["token"]
    )
    assert (given["changed"], given["lease"]["state"], given["journal"]) == (True, "released", {})


def test_the_backups_are_listed_with_their_release_and_what_was_proven(name: str, store: dict[str, Any]) -> None:
    listed = done(pg_backup_info, **store)
    assert listed["leftovers"] == []
    # its form was changed before the first release: it is named, and does not keep the others from being read
    if name == "first":
        assert next(iter(listed["unreadable"].values())).endswith("the other backups are not affected.")
        return
    (backup,) = listed["backups"]
    assert (backup["database"], backup["release"], backup["format"], backup["proof"]) == (
        "oldshop",
        "v1.1.0",
        "custom",
        "checksum",
    )
    assert listed["latest"]["name"] == backup["name"]
    assert listed["unreadable"] == {}


def test_the_sandbox_continues_with_its_state() -> None:
    saved = json.loads((SAMPLES / "sandbox.json").read_text())["storefronts"]["shop"]
    dumped = Storefront.load(saved).dump()
    for service, kept in saved["services"].items():
        dumped["services"][service] = {key: dumped["services"][service][key] for key in kept}
    dumped["site"] = {key: dumped["site"][key] for key in saved["site"]}
    assert {key: dumped[key] for key in saved} == saved, "a field that came later has its default"
