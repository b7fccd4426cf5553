# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_backup_info in process, on a folder: what the catalogue says of good backups, of damaged ones, and of
what is none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import pg_backup_info

from tests.unit.plugins.stored_backups import StoredBackups
from tests.unit.support import run_module


@pytest.fixture
def backups(tmp_path: Path) -> StoredBackups:
    return StoredBackups(tmp_path / "store")


@pytest.fixture
def info(tmp_path: Path) -> Any:
    def call(**params: Any) -> dict[str, Any]:
        return run_module(pg_backup_info, {"store": (tmp_path / "store").as_uri(), "store_is_shared": True, **params})

    return call


def test_a_store_without_backups_is_no_failure(info: Any) -> None:
    result = info()
    assert (result["failed"], result["changed"], result["backups"], result["latest"], result["leftovers"]) == (
        False,
        False,
        [],
        None,
        [],
    )


def test_backups_are_listed_from_the_newest_with_what_an_operator_asks_for(info: Any, backups: StoredBackups) -> None:
    backups.add("old", days_ago=2)
    backups.add("new", days_ago=1, encryption="age", recipients=["age1abc"], release="v1.1.0")
    result = info()
    assert [backup["name"] for backup in result["backups"]] == ["new", "old"]
    latest = result["latest"]
    assert (latest["name"], latest["release"], latest["encryption"], latest["recipients"], latest["size"]) == (
        "new",
        "v1.1.0",
        "age",
        ["age1abc"],
        14,
    )
    assert 86400 <= latest["age"] < 86400 + 60
    assert (latest["proof"], latest["proven_at"], latest["recovery_seconds"]) == (
        "checksum",
        latest["finished_at"],
        None,
    )


def test_a_proof_says_how_long_a_restore_takes(info: Any, backups: StoredBackups) -> None:
    proof = {"level": "restore", "at": "2026-02-02T09:10:00+00:00", "duration": 61.5}
    backups.add("proven", proof={**proof, "sha256": "0" * 64})
    latest = info()["latest"]
    assert (latest["proof"], latest["proven_at"], latest["recovery_seconds"]) == (
        "restore",
        "2026-02-02T09:10:00+00:00",
        61.5,
    )


def test_a_proof_of_other_objects_of_this_name_proves_nothing(info: Any, backups: StoredBackups) -> None:
    backups.add(
        "replaced", proof={"level": "restore", "at": "2026-02-02T09:10:00+00:00", "duration": 61.5, "sha256": "1" * 64}
    )
    assert (info()["latest"]["proof"], info()["latest"]["recovery_seconds"]) == ("checksum", None)


def test_a_damaged_backup_is_listed_and_never_the_latest(info: Any, backups: StoredBackups) -> None:
    backups.add("whole", days_ago=2)
    backups.add("cut", days_ago=1)
    backups.write("cut/dump.zst", b"half")
    result = info()
    assert result["backups"][0]["damage"] == "dump.zst has 4 bytes and not 14"
    assert result["latest"]["name"] == "whole"


def test_the_backups_of_one_database_can_be_asked_for(info: Any, backups: StoredBackups) -> None:
    backups.add("mine", days_ago=2)
    backups.add("yours", database="other")
    assert [backup["name"] for backup in info(database="shop")["backups"]] == ["mine"]
    assert info(database="shop")["latest"]["name"] == "mine"


def test_what_is_no_backup_is_listed_apart(info: Any, backups: StoredBackups) -> None:
    backups.write("lost/dump.zst", b"12345", days_ago=2)
    backups.write("killed/.dump.zst.partial", b"123")
    result = info()
    assert result["backups"] == []
    assert [(left["name"], left["key"], left["size"], left["unfinished"]) for left in result["leftovers"]] == [
        ("killed", "backups/killed/dump.zst", None, True),
        ("lost", "backups/lost/dump.zst", 5, False),
    ]
    assert 2 * 86400 <= result["leftovers"][1]["age"] < 2 * 86400 + 60


def test_a_manifest_that_is_not_known_is_warned_of_and_hides_no_other(info: Any, backups: StoredBackups) -> None:
    backups.add("good")
    backups.write("foreign.json", b'{"kind": "tar"}')
    result = info()
    assert [backup["name"] for backup in result["backups"]] == ["good"]
    assert list(result["unreadable"]) == ["foreign"]
    assert "backups/foreign.json" in result["warnings"][0]
