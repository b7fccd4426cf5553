# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every reader of what a store holds, against every way in which a document can be damaged: it is skipped
and named, or refused and named.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup import archive, retention
from ansible_collections.storefront.runbook.plugins.module_utils.backup.listing import list_backups
from ansible_collections.storefront.runbook.plugins.module_utils.backup.manifest import read_manifest, read_proof
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.release import lease_document, ledger, ledger_history
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore
from ansible_collections.storefront.runbook.plugins.modules import pg_backup_info, pg_backup_prune

from tests.unit.plugins.stored_backups import StoredBackups
from tests.unit.support import run_module

NOW = datetime.now(UTC)
WRONG: list[Any] = [
    None,
    True,
    -1,
    0.5,
    10**30,
    "",
    "yesterday",
    "0001-01-01T00:00:00+14:00",
    [],
    [None],
    {},
    {"": None},
    [[]],
    "../x",
]
PROOF = {
    "backup": "newest",
    "level": "restore",
    "at": NOW.isoformat(),
    "sha256": "0" * 64,
    "duration": 1.5,
    "recovery_seconds": 1.5,
}
RECORD = {
    **ledger.make(
        {
            "storefront": "shop",
            "kind": "deploy",
            "outcome": "released",
            "release": "v1.0.0",
            "backup": "newest",
            "units": {"api": {"id": "1"}},
        }
    ),
    "finished_at": "2026-01-01T00:00:00.000Z",
}
LEASE = lease_document.taken_by(None, token="t", holder="anna", release="v1.0.0", ttl=60.0, reason=None, now=1e9)


def manifest_of(root: Path) -> dict[str, Any]:
    return json.loads((root / "backups" / "newest.json").read_text())


def texts(whole: dict[str, Any]) -> Iterator[bytes]:
    """Damages of the whole document."""
    text = json.dumps(whole).encode()
    yield from (
        b"",
        b" ",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b'"text"',
        text[: len(text) // 2],
        b"\xff" + text,
        b"[" * 200_000,
        b"[" + text + b"]",
        b"{" + text,
    )


def other_fields(whole: dict[str, Any]) -> Iterator[bytes]:
    """Each field missing, and of each wrong type and value, also in what it holds."""

    def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        if path:
            yield path
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in inner:
            yield from places(item, (*path, key))

    for path in list(places(whole)):
        for wrong in ("missing", *WRONG):
            made = copy.deepcopy(whole)
            holder = made
            for key in path[:-1]:
                holder = holder[key]
            if wrong == "missing":
                del holder[path[-1]]
            else:
                holder[path[-1]] = wrong
            yield json.dumps(made).encode()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with an older backup that is whole, and a newer one."""
    stored = StoredBackups(tmp_path)
    stored.add("older", days_ago=2)
    stored.add("newest", days_ago=1, proof=PROOF)
    return tmp_path


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(str(root))


def info(root: Path) -> dict[str, Any]:
    return run_module(pg_backup_info, {"store": f"file://{root}", "store_is_shared": True})


def test_latest_is_the_newest_backup_that_can_be_read_and_the_other_is_named(root: Path, store: FolderStore) -> None:
    for text in texts(manifest_of(root)):
        (root / "backups" / "newest.json").write_bytes(text)
        said: list[str] = []
        assert archive.choose(store, "latest", "backups/", "shop", said.append)["name"] == "older", text[:50]
        assert [message for message in said if "backups/newest.json" in message], text[:50]
        with pytest.raises(ConfigError, match=r"backups/newest\.json") as caught:
            archive.choose(store, "newest", "backups/", "shop")
        assert caught.value.details["code"] == "bad_manifest"


def test_no_field_of_a_manifest_can_break_a_reader(root: Path, store: FolderStore) -> None:
    for text in other_fields(manifest_of(root)):
        (root / "backups" / "newest.json").write_bytes(text)
        said: list[str] = []
        chosen = archive.choose(store, "latest", "backups/", "shop", said.append)
        assert chosen["name"] == "older" or chosen == json.loads(text), text
        listing = list_backups(store)
        described = [backup.describe(NOW) for backup in listing.backups]
        assert len(described) + len(listing.unreadable) == 2, text
        assert "older" in [backup["name"] for backup in described], text
        rules = retention.Rules(daily=1, weekly=1, monthly=1, max_age=10)
        rules.reasons([backup for backup in listing.backups if not backup.damage], {}, NOW)


def test_a_manifest_of_a_gigabyte_is_not_read(root: Path, store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    os.truncate(root / "backups" / "newest.json", 1 << 30)
    get = FolderStore.get
    monkeypatch.setattr(
        FolderStore,
        "get",
        lambda self, key: pytest.fail("it is read") if key.endswith("newest.json") else get(self, key),
    )
    said: list[str] = []
    assert archive.choose(store, "latest", "backups/", None, said.append)["name"] == "older"
    assert "1073741824 bytes" in said[0]
    with pytest.raises(ConfigError, match="1073741824 bytes"):
        read_manifest(store, "newest")


def test_where_every_backup_is_damaged_the_error_names_them(root: Path, store: FolderStore) -> None:
    for name in ("older", "newest"):
        (root / "backups" / f"{name}.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"no backup of the database shop.* but the damaged newest, older"):
        archive.choose(store, "latest", "backups/", "shop")


def test_a_backup_that_lost_an_object_is_not_the_latest(root: Path, store: FolderStore) -> None:
    (root / "backups" / "newest" / "dump.zst").unlink()
    said: list[str] = []
    assert archive.choose(store, "latest", "backups/", "shop", said.append)["name"] == "older"
    assert "newest is damaged: dump.zst has 0 bytes" in said[0]


def test_info_names_what_it_cannot_read_and_continues(root: Path) -> None:
    (root / "backups" / "newest.json").write_text("null")
    (root / "backups" / "older" / "proof.json").write_text("{")
    result = info(root)
    assert (result["latest"]["name"], list(result["unreadable"])) == ("older", ["newest"])
    assert [
        key
        for key in ("backups/newest.json", "backups/older/proof.json")
        if not any(key in warning for warning in result["warnings"])
    ] == []


def test_prune_removes_nothing_of_what_it_cannot_read(root: Path) -> None:
    StoredBackups(root).add("oldest", days_ago=99)
    for text in [*texts(manifest_of(root)), *other_fields(manifest_of(root))][::23]:
        (root / "backups" / "newest.json").write_bytes(text)
        result = run_module(
            pg_backup_prune,
            {"store": f"file://{root}", "store_is_shared": True, "keep_last": 1, "leftovers_after": 0.0001},
            check=True,
        )
        assert not result["failed"], (result, text)
        assert "newest" not in [backup["name"] for backup in result["removed"]] or read_manifest(
            FolderStore(str(root)), "newest"
        ), text
        assert not [key for key in result["leftovers"] if "newest" in key], text


@pytest.mark.parametrize("damages", [texts, other_fields])
def test_a_proof_that_cannot_be_read_is_named_and_proves_nothing(
    root: Path, store: FolderStore, damages: Callable[[Any], Iterator[bytes]]
) -> None:
    manifest = read_manifest(store, "newest")
    for text in damages(PROOF):
        (root / "backups" / "newest" / "proof.json").write_bytes(text)
        (root / "backups" / "newest" / "proof-20260101T000000Z.json").write_bytes(text)
        said: list[str] = []
        read = read_proof(store, "newest", warn=said.append)
        assert bool(read) is not bool(said), text[:50]
        assert all("backups/newest/proof.json" in message for message in said)
        for proof in archive.proofs(store, manifest, "backups/", said.append):
            assert datetime.fromisoformat(proof["at"])
        assert len(list_backups(store).backups) == 2
        [backup.describe(NOW) for backup in list_backups(store).backups]


@pytest.mark.parametrize("damages", [texts, other_fields])
def test_a_record_that_cannot_be_read_is_named_and_left_out_and_holds_up_every_removal(
    root: Path, store: FolderStore, damages: Callable[[Any], Iterator[bytes]]
) -> None:
    (root / "ledger").mkdir()
    (root / "ledger" / "20250101T000000000Z-0.json").write_text(json.dumps({**RECORD, "id": "0"}))
    for text in damages(RECORD):
        (root / "ledger" / "20260101T000000000Z-1.json").write_bytes(text)
        said: list[str] = []
        records = ledger_history.read(store, 10, warn=said.append).records
        assert len(records) + len(said) == 2, text[:50]
        assert all("20260101T000000000Z-1.json" in message for message in said)
        ledger.target(records)
        [ledger.state_after(records, index) for index in range(len(records))]
        if said:
            with pytest.raises(ConfigError, match="Nothing is removed"):
                retention.depended_on(store)
        else:
            retention.depended_on(store)


@pytest.mark.parametrize("damages", [texts, other_fields])
def test_a_lease_that_cannot_be_read_is_refused_by_name(
    root: Path, store: FolderStore, damages: Callable[[Any], Iterator[bytes]]
) -> None:
    for text in damages(LEASE):
        (root / "lease.json").write_bytes(text)
        try:
            document, _etag = lease_document.read(store) or ({}, "")
        except ConfigError as error:
            assert (error.details["code"], "lease.json" in str(error)) == ("bad_lease", True)
        else:
            lease_document.obstacle(document, store, 1e9)
            lease_document.taken_by(document, token="n", holder="b", release="v1", ttl=1, reason="r", now=1e9)
