# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_backup_prune in process, on a folder: what goes, what stays, and what is left when it is stopped on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore
from ansible_collections.storefront.runbook.plugins.modules import (
    deploy_lease,
    pg_backup_info,
    pg_backup_prune,
    release_record,
)

from tests.unit.plugins.stored_backups import StoredBackups
from tests.unit.support import run_module


@pytest.fixture
def backups(tmp_path: Path) -> StoredBackups:
    return StoredBackups(tmp_path / "store")


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    return {"store": (tmp_path / "store").as_uri(), "store_is_shared": True}


@pytest.fixture
def prune(store: dict[str, Any]) -> Any:
    def call(*, check: bool = False, **params: Any) -> dict[str, Any]:
        return run_module(pg_backup_prune, {**store, **params}, check=check)

    return call


def names(result: dict[str, Any]) -> list[str]:
    return [backup["name"] for backup in result["removed"]]


def test_check_mode_lists_what_would_go_and_removes_nothing(prune: Any, backups: StoredBackups) -> None:
    for days in (0, 1, 2):
        backups.add(f"b{days}", days_ago=days)
    before = backups.files()
    predicted = prune(keep_last=2, check=True)
    assert (predicted["changed"], names(predicted), predicted["freed"]) == (True, ["b2"], 14)
    assert predicted["diff"]["before"]["backups"] == ["b0", "b1", "b2"]
    assert predicted["diff"]["after"]["backups"] == ["b0", "b1"]
    assert backups.files() == before
    done = prune(keep_last=2)
    assert (names(done), done["kept"]) == (["b2"], {"b0": ["last", "minimum"], "b1": ["last"]})
    assert backups.files() == ["b0.json", "b0/dump.zst", "b1.json", "b1/dump.zst"]
    assert prune(keep_last=2)["changed"] is False


def test_each_database_has_its_own_rules(prune: Any, backups: StoredBackups) -> None:
    for number, database in enumerate(("shop", "shop", "blog", "shop", "blog")):
        backups.add(f"{database}{number}", days_ago=number, database=database)
    assert sorted(names(prune(keep_last=1))) == ["blog4", "shop1", "shop3"]


def test_the_backup_of_the_live_release_stays_at_any_age(
    prune: Any, backups: StoredBackups, store: dict[str, Any]
) -> None:
    for days in (0, 30, 60):
        backups.add(f"b{days}", days_ago=days)
    facts = {
        "storefront": "shop",
        "release": "v1.0.0",
        "outcome": "released",
        "backup": "b60",
        "units": {"frontend": {"platform": "vercel", "id": "d1"}},
    }
    at = {"started_at": "2026-01-01T12:00:00Z", "finished_at": "2026-01-01T12:05:00Z"}
    assert not run_module(release_record, {**store, **facts, **at})["failed"]
    done = prune(keep_last=1, max_age=10)
    assert (names(done), done["kept"]["b60"]) == (["b30"], ["made for the deploy of v1.0.0"])


def test_the_last_backup_stays_whatever_its_age(prune: Any, backups: StoredBackups) -> None:
    backups.add("only", days_ago=1000)
    assert (prune(max_age=10)["changed"], backups.files()) == (False, ["only.json", "only/dump.zst"])


def test_a_damaged_or_foreign_backup_is_warned_of_and_counts_for_nothing(prune: Any, backups: StoredBackups) -> None:
    backups.add("whole", days_ago=2)
    backups.add("cut", days_ago=1)
    backups.write("cut/dump.zst", b"half")
    backups.write("foreign.json", b"{}")
    result = prune(keep_last=1)
    assert (result["removed"], list(result["kept"])) == ([], ["whole"])
    assert [
        word for word in ("foreign.json", "The backup cut is damaged") if word not in " ".join(result["warnings"])
    ] == []
    assert "cut/dump.zst" in backups.files()


def test_leftovers_go_when_nobody_can_be_writing_them_any_more(prune: Any, backups: StoredBackups) -> None:
    backups.add("good", proof={"level": "restore"})
    backups.write("lost/dump.zst", b"12345", days_ago=2)
    backups.write("killed/.dump.zst.partial", b"123", days_ago=2)
    backups.write("underway/.dump.zst.partial", b"123")
    assert prune(keep_last=1, leftovers_after=0)["changed"] is False
    done = prune(keep_last=1)
    assert (done["leftovers"], done["freed"]) == (["backups/killed/dump.zst", "backups/lost/dump.zst"], 5)
    assert backups.files() == ["good.json", "good/dump.zst", "good/proof.json", "underway/.dump.zst.partial"]


def test_one_that_is_stopped_on_the_way_leaves_no_manifest_of_what_is_gone(
    prune: Any, backups: StoredBackups, store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for days in (0, 1, 2, 3):
        backups.add(f"b{days}", days_ago=days, proof={"level": "decode"})
    delete, deleted = FolderStore.delete, list[str]()

    def cut_off(self: FolderStore, key: str) -> None:
        if len(deleted) == 4:
            raise Unreachable("no answer")
        deleted.append(key)
        delete(self, key)

    monkeypatch.setattr(FolderStore, "delete", cut_off)
    failed = prune(keep_last=1)
    assert failed["error"]["kind"] == "unreachable"
    assert names(failed) == ["b1"]
    monkeypatch.undo()
    listed = run_module(pg_backup_info, store)
    assert [(backup["name"], backup["damage"]) for backup in listed["backups"]] == [("b0", None), ("b3", None)]
    assert {left["name"] for left in listed["leftovers"]} == {"b2"}


def test_nothing_is_removed_under_a_lease_that_was_lost(
    prune: Any, backups: StoredBackups, store: dict[str, Any]
) -> None:
    for days in (0, 1):
        backups.add(f"b{days}", days_ago=days)
    token = run_module(deploy_lease, {**store, "state": "held"})["token"]
    run_module(deploy_lease, {**store, "state": "held", "break_lease": "the site is down"})
    before = backups.files()
    assert prune(keep_last=1, lease=token)["error"]["kind"] == "lease_lost"
    assert backups.files() == before


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "No rule says which backups to keep"),
        ({"keep_last": -1}, "below zero"),
        ({"keep_last": 1, "keep_minimum": 0}, "keep_minimum below 1"),
        ({"keep_last": 1, "store": "ftp://elsewhere"}, "neither s3://bucket/prefix nor file:///path"),
    ],
)
def test_bad_input_is_refused_before_anything_is_removed(
    prune: Any, backups: StoredBackups, params: dict[str, Any], said: str
) -> None:
    backups.add("b0")
    refused = prune(**params)
    assert refused["failed"]
    assert said in refused["msg"]
    assert backups.files() == ["b0.json", "b0/dump.zst"]
