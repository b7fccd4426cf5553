# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup on its way to pg_restore: which one, whole or not at all, and nothing of it left on the disk."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zstandard
from ansible_collections.storefront.runbook.plugins.module_utils.backup import archive
from ansible_collections.storefront.runbook.plugins.module_utils.backup.manifest import read_proof
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore

DUMP = b"PGDMP" + bytes(range(256)) * 100
NOW = datetime(2026, 2, 2, 9, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(str(tmp_path / "store"))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def back_up(store: FolderStore, name: str, *, dump: bytes = DUMP, age: int = 0, **other: Any) -> dict[str, Any]:
    """Put a backup of ``dump`` into the store, ``age`` seconds old."""
    packed = zstandard.compress(dump)
    item = {
        "source": "dump",
        "file": "dump.zst",
        "size": len(packed),
        "raw_size": len(dump),
        "sha256": hashlib.sha256(packed).hexdigest(),
    }
    manifest = {
        "schema": 1,
        "name": name,
        "format": "custom",
        "encryption": "off",
        "recipients": [],
        "database": "shop",
        "sha256": name,
        "objects": [item],
    }
    manifest |= {"verified": "none", "finished_at": (NOW - timedelta(seconds=age)).isoformat()}
    manifest |= {
        "release": None,
        "size": len(packed),
        "raw_size": len(dump),
        "database_size": 1,
        "server_version": "15.20",
        "migrations": {"count": 0},
    }
    store.put_if_absent(f"backups/{name}/dump.zst", packed)
    store.put_if_absent(f"backups/{name}.json", json.dumps({**manifest, **other}).encode())
    return {**manifest, **other}


def read(found: archive.Archive) -> bytes:
    return Path(found.path).read_bytes()


def test_the_latest_backup_is_the_newest_one_of_this_database_whatever_it_is_called(store: FolderStore) -> None:
    for name, age, database in (("zzz", 500, "shop"), ("before-the-sale", 100, "shop"), ("other", 50, "warehouse")):
        back_up(store, name, age=age, database=database)
    assert archive.choose(store, "latest", "backups/", "shop")["name"] == "before-the-sale"
    # which is the shop's as well
    assert archive.choose(store, "latest", "backups/", "shop@restored-20260202T090000Z")["name"] == "before-the-sale"
    assert archive.choose(store, "latest", "backups/", None)["name"] == "other"
    assert archive.choose(store, "zzz", "backups/", "shop")["name"] == "zzz"
    for name, database in (("latest", "garden"), ("none", "shop")):
        with pytest.raises(ConfigError, match="has no backup"):
            archive.choose(store, name, "backups/", database)


def test_an_archive_is_whole_and_its_file_has_no_name(store: FolderStore, temporary: Path) -> None:
    back_up(store, "sale")
    with archive.fetch(store, "sale", "backups/", None, nothing) as found:
        assert read(found) == read(found) == DUMP
        assert list(temporary.iterdir()) == []
        assert os.fstat(found.descriptors[0]).st_nlink == 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(found.descriptors[0])


def test_a_damaged_object_is_refused(store: FolderStore, temporary: Path) -> None:
    back_up(store, "sale")
    path = store.path("backups/sale/dump.zst")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunbookError, match="is damaged"), archive.fetch(store, "sale", "backups/", None, nothing):
        pass
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("size", [100, 5_000_000])
def test_a_folder_for_temporary_files_that_is_full_is_named(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    back_up(store, "large", dump=DUMP + bytes(size))
    # each write fails as on a full disk
    monkeypatch.setattr("tempfile.TemporaryFile", partial(Path("/dev/full").open, "r+b"))
    words = r"does not fit into .*: No space left on device\. Make room there, or set TMPDIR"
    with pytest.raises(ConfigError, match=words) as refused, archive.fetch(store, "large", "backups/", None, nothing):
        pass
    assert refused.value.details["code"] == "no_room"


def test_what_is_not_an_archive_is_refused(store: FolderStore) -> None:
    back_up(store, "sql", dump=b"CREATE TABLE item (id int);")
    with (
        pytest.raises(ConfigError, match="not an archive in pg_dump's custom format"),
        archive.fetch(store, "sql", "backups/", None, nothing),
    ):
        pass


def test_a_backup_in_directory_format_is_a_folder_that_goes_away_and_takes_those_of_killed_runs_along(
    store: FolderStore, temporary: Path
) -> None:
    left, alive = temporary / f"{archive.FOLDER}999999999-1", temporary / f"{archive.FOLDER}note"
    for folder in (left, alive):
        folder.mkdir()
    back_up(
        store, "folder", format="directory", objects=[{**back_up(store, "sale")["objects"][0], "source": "toc.dat"}]
    )
    store.path("backups/folder/dump.zst").write_bytes(zstandard.compress(DUMP))
    with archive.fetch(store, "folder", "backups/", None, nothing) as found:
        assert Path(found.path, "toc.dat").read_bytes() == DUMP
        assert Path(found.path).parent.stat().st_mode & 0o777 == 0o700
    assert list(temporary.iterdir()) == [alive]


@pytest.mark.parametrize("packed", [DUMP, zstandard.compress(DUMP)], ids=["plain", "zstd"])
def test_a_file_of_pg_dump_is_an_archive_too(tmp_path: Path, packed: bytes) -> None:
    file = tmp_path / "shop.dump"
    file.write_bytes(packed)
    digest = hashlib.sha256(packed).hexdigest()
    with archive.fetch_file(str(file), digest.upper(), nothing) as found:
        assert (read(found), found.manifest) == (DUMP, {"name": "shop.dump", "sha256": digest})


@pytest.mark.parametrize(
    ("content", "sha256", "words"),
    [
        (None, None, "There is no file"),
        (DUMP, "0" * 64, "is a different file, or it is damaged"),
        (zstandard.compress(DUMP)[:-5], None, "it is cut off"),
        (zstandard.compress(DUMP)[:9] + b"xxxxxxxx", None, "cannot be unpacked"),
        (gzip.compress(DUMP), None, "restore it with gunzip and psql"),
        (b"", None, "not an archive"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_reason(
    tmp_path: Path, content: bytes | None, sha256: str | None, words: str
) -> None:
    file = tmp_path / "shop.dump"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=words), archive.fetch_file(str(file), sha256, nothing):
        pass


def test_proofs_are_kept_for_good_and_belong_to_one_content(store: FolderStore) -> None:
    manifest = back_up(store, "sale")
    first, second = (
        {"backup": "sale", "level": "restore", "sha256": "sale", "at": NOW.isoformat(), "recovery_seconds": seconds}
        for seconds in (1.5, 2.5)
    )
    archive.keep_proof(store, first, "backups/", NOW)
    archive.keep_proof(store, second, "backups/", NOW.replace(hour=10))
    archive.keep_proof(store, {**first, "sha256": "another"}, "backups/", NOW.replace(hour=11))
    store.put_if_absent("backups/sale/proof-20260202T120000Z.json", b"{broken")
    assert archive.proofs(store, manifest, "backups/") == [second, first]
    assert (read_proof(store, "sale") or {})["duration"] == 1.5
