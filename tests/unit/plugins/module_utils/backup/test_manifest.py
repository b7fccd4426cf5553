# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup/manifest.py: what is a backup, what is none, and whose manifest it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup import manifest as catalogue
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import Conflict
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore

FACTS = ("release", "size", "raw_size", "database_size", "server_version", "migrations")
OBJECT = {"source": "dump", "file": "dump.zst", "size": 5, "raw_size": 9, "sha256": "0" * 64}


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(str(tmp_path / "store"))


def manifest(name: str = "sale", **other: Any) -> dict[str, Any]:
    times = {"verified": "checksum", "finished_at": "2026-02-02T09:00:00+00:00"}
    facts = dict.fromkeys(FACTS) | {"database": "shop", "sha256": "0" * 64} | times
    return {
        **facts,
        "schema": 1,
        "name": name,
        "format": "custom",
        "encryption": "off",
        "recipients": [],
        "objects": [OBJECT],
        **other,
    }


def test_the_catalogue_distinguishes_backups_from_other_objects(store: FolderStore) -> None:
    for key in (
        "backups/good/dump.zst",
        "backups/good.json",
        "backups/orphan/dump.zst",
        "backups/lost.json",
        "backups/good/proof.json",
    ):
        store.put_if_absent(key, b"12345")
    killed = store.open_writer("backups/killed/dump.zst")
    found = catalogue.read_catalogue(store)
    assert sorted(found.names) == ["good", "lost"]
    assert [(left.name, left.key, left.size) for left in found.leftovers] == [
        ("killed", "backups/killed/dump.zst", None),
        ("orphan", "backups/orphan/dump.zst", 5),
    ]
    assert found.damage("good", manifest("good")) is None
    assert found.damage("lost", manifest("lost")) == "dump.zst has 0 bytes and not 5"
    assert found.damage("good", manifest("good", objects=[{**OBJECT, "size": 6}])) == "dump.zst has 5 bytes and not 6"
    killed.abort()


def test_a_leftover_is_removed_whatever_it_is(store: FolderStore) -> None:
    store.put_if_absent("backups/orphan/dump.zst", b"12345")
    killed = store.open_writer("backups/killed/dump.zst")
    for left in catalogue.read_catalogue(store).leftovers:
        left.remove(store)
    assert catalogue.read_catalogue(store).leftovers == []
    killed.abort()


@pytest.mark.parametrize(
    "foreign",
    [
        b"half a manif",
        b"[]",
        b'"text"',
        json.dumps({"name": "sale"}).encode(),
        json.dumps(manifest(schema=2)).encode(),
        json.dumps(manifest("another")).encode(),
        json.dumps(manifest(format="tar")).encode(),
        json.dumps(manifest(verified="surely")).encode(),
        json.dumps(manifest(finished_at="yesterday")).encode(),
        json.dumps(manifest(finished_at="2026-02-02T09:00:00")).encode(),
        json.dumps({key: value for key, value in manifest().items() if key != "database"}).encode(),
        json.dumps(manifest(objects=[])).encode(),
        json.dumps(manifest(objects=[{**OBJECT, "file": "../lease.json"}])).encode(),
        json.dumps(manifest(objects=[{**OBJECT, "source": "../../.ssh"}])).encode(),
        json.dumps(manifest(objects=[{**OBJECT, "source": "/etc/passwd"}])).encode(),
        json.dumps(manifest(encryption="age", recipients=[])).encode(),
        json.dumps(manifest(encryption="rot13", recipients=["age1"])).encode(),
    ],
)
def test_a_foreign_manifest_is_refused(store: FolderStore, foreign: bytes) -> None:
    store.put_if_absent("backups/sale.json", foreign)
    with pytest.raises(ConfigError, match=r"backups/sale\.json in file://.* is not a manifest of the backup sale"):
        catalogue.read_manifest(store, "sale")


@pytest.mark.parametrize("name", ["missing", "../lease", ""])
def test_a_backup_that_is_not_there_is_reported_with_where_to_look(store: FolderStore, name: str) -> None:
    store.put_if_absent("lease.json", b"{}")
    with pytest.raises(ConfigError, match="pg_backup_info lists those that it has"):
        catalogue.read_manifest(store, name)


def test_a_manifest_is_written_once_and_a_lost_answer_is_no_conflict(store: FolderStore) -> None:
    catalogue.write_manifest(store, manifest())
    catalogue.write_manifest(store, manifest())
    with pytest.raises(Conflict):
        catalogue.write_manifest(store, manifest(format="directory"))
    assert catalogue.read_manifest(store, "sale") == manifest()


def test_a_proof_is_kept_beside_the_backup_and_replaced(store: FolderStore) -> None:
    assert catalogue.read_proof(store, "sale") is None
    catalogue.write_proof(store, "sale", {"level": "decode", "at": "2026-02-02T09:00:00+00:00"})
    catalogue.write_proof(store, "sale", {"level": "restore", "at": "2026-02-03T09:00:00+00:00", "duration": 61.5})
    assert catalogue.read_proof(store, "sale") == {
        "level": "restore",
        "at": "2026-02-03T09:00:00+00:00",
        "duration": 61.5,
    }
    with pytest.raises(RunbookError, match="not a level of proof"):
        catalogue.write_proof(store, "sale", {"level": "sure"})


@pytest.mark.parametrize("broken", [b"half", b"[]", b'{"level": "sure"}'])
def test_a_proof_that_cannot_be_read_proves_nothing(store: FolderStore, broken: bytes) -> None:
    store.put_if_absent("backups/sale/proof.json", broken)
    assert catalogue.read_proof(store, "sale") is None


@pytest.mark.parametrize(("prefix", "key"), [("backups/", "backups/"), ("/a/b", "a/b/"), ("", ""), ("/", "")])
def test_a_prefix_is_a_folder(prefix: str, key: str) -> None:
    assert catalogue.folder(prefix) == key
