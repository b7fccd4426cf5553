# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup/reader.py and backup/verify.py, on a folder: what comes back of a backup, and what is reported of one that
changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyrage
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup import dump
from ansible_collections.storefront.runbook.plugins.module_utils.backup import manifest as backup_catalogue
from ansible_collections.storefront.runbook.plugins.module_utils.backup.reader import open_backup
from ansible_collections.storefront.runbook.plugins.module_utils.backup.verify import decode
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, LeaseLost, RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.programs import Tool
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore

FACTS = ("release", "size", "raw_size", "database_size", "server_version", "migrations")
IDENTITY = pyrage.x25519.Identity.generate()
ROWS = b"rows of the shop\n" * 300_000


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(str(tmp_path / "store"))


def make(store: FolderStore, sources: dict[str, bytes], *, encrypted: bool = True) -> None:
    """Store a backup named sale."""
    target = dump.Target(
        store, "backups/sale/", 1, [IDENTITY.to_public()] if encrypted else [], nothing, dump.Progress()
    )
    objects = [target.put(source, [content], nothing) for source, content in sources.items()]
    facts = {
        "format": "custom" if "dump" in sources else "directory",
        "encryption": "age" if encrypted else "off",
        "verified": "none",
    }
    recipients = [str(IDENTITY.to_public())] if encrypted else []
    manifest = {
        **dict.fromkeys(FACTS),
        "database": "shop",
        "sha256": "0" * 64,
        **facts,
        "recipients": recipients,
        "objects": objects,
    }
    backup_catalogue.write_manifest(
        store, {**manifest, "schema": 1, "name": "sale", "finished_at": "2026-02-02T09:00:00+00:00"}
    )


STREAM = {"dump": ROWS, "globals.json": b'{"roles": []}'}
FOLDER = {"1.dat": ROWS, "toc.dat": b"toc", "globals.json": b'{"roles": []}'}


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_stream_comes_back_in_pieces_and_as_a_file(store: FolderStore, tmp_path: Path, encrypted: bool) -> None:
    make(store, STREAM, encrypted=encrypted)
    with open_backup(store, "sale", str(IDENTITY)) as found:
        assert b"".join(found.pieces()) == ROWS
        path = found.save(tmp_path)
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (ROWS, 0o600)
        assert found.read_globals() == {"roles": []}


def test_a_directory_comes_back_as_a_folder_for_its_owner_only(store: FolderStore, tmp_path: Path) -> None:
    make(store, FOLDER)
    with open_backup(store, "sale", str(IDENTITY)) as found:
        path = found.save(tmp_path)
        assert {file.name: file.read_bytes() for file in path.iterdir()} == {"1.dat": ROWS, "toc.dat": b"toc"}
        assert {path.stat().st_mode & 0o777, *(file.stat().st_mode & 0o777 for file in path.iterdir())} == {
            0o700,
            0o600,
        }
        with pytest.raises(RunbookError, match="is a directory and no stream"):
            found.pieces()


def test_no_file_is_overwritten(store: FolderStore, tmp_path: Path) -> None:
    make(store, STREAM)
    (tmp_path / "sale").write_text("mine")
    with (
        open_backup(store, "sale", str(IDENTITY)) as found,
        pytest.raises(RunbookError, match=r"could not be written to .*: File exists"),
    ):
        found.save(tmp_path)
    assert (tmp_path / "sale").read_text() == "mine"


def test_a_lost_lease_stops_reading(store: FolderStore) -> None:
    make(store, STREAM)

    def heartbeat() -> None:
        raise LeaseLost("it is gone")

    with open_backup(store, "sale", str(IDENTITY), heartbeat=heartbeat) as found, pytest.raises(LeaseLost):
        list(found.pieces())


def test_without_a_key_all_can_be_verified_and_nothing_read(store: FolderStore) -> None:
    make(store, STREAM)
    with open_backup(store, "sale") as found:
        found.verify()
        with pytest.raises(ConfigError, match="is encrypted to age1") as refused:
            list(found.pieces())
    assert refused.value.details["code"] == "no_identity"


def test_a_wrong_key_is_reported_before_anything_is_read(store: FolderStore, tmp_path: Path) -> None:
    make(store, STREAM)
    (tmp_path / "store" / "backups" / "sale" / "dump.zst.age").unlink()
    with (
        pytest.raises(ConfigError, match="The identity cannot open the backup sale") as refused,
        open_backup(store, "sale", str(pyrage.x25519.Identity.generate())),
    ):
        pass
    assert refused.value.details["code"] == "wrong_identity"


def change(tmp_path: Path, file: str, how: str) -> None:
    path = tmp_path / "store" / "backups" / "sale" / file
    content = bytearray(path.read_bytes())
    if how == "flipped":
        content[len(content) // 2] ^= 1
    path.write_bytes(content[: -50 if how == "cut" else None])


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("how", ["flipped", "cut"])
def test_a_change_of_the_stored_bytes_is_reported(
    store: FolderStore, tmp_path: Path, how: str, encrypted: bool
) -> None:
    make(store, STREAM, encrypted=encrypted)
    file = "dump.zst.age" if encrypted else "dump.zst"
    change(tmp_path, file, how)
    with open_backup(store, "sale", str(IDENTITY)) as found:
        for read in (found.verify, lambda: list(found.pieces()), lambda: found.save(tmp_path)):
            with pytest.raises(RunbookError, match=rf"{file} of the backup sale in file://.* is damaged"):
                read()


def test_a_manifest_that_promises_more_than_there_is_is_reported(store: FolderStore, tmp_path: Path) -> None:
    make(store, STREAM)
    path = tmp_path / "store" / "backups" / "sale.json"
    path.write_text(path.read_text().replace(f'"raw_size": {len(ROWS)}', f'"raw_size": {len(ROWS) + 1}'))
    with (
        open_backup(store, "sale", str(IDENTITY)) as found,
        pytest.raises(RunbookError, match=f"it unpacks to {len(ROWS)} bytes and not {len(ROWS) + 1}"),
    ):
        list(found.pieces())


def pg_restore(tmp_path: Path, script: str) -> Any:
    program = tmp_path / "pg_restore"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return Tool(str(program), "15.20")


def test_decoding_lets_pg_restore_read_all_of_it(store: FolderStore, tmp_path: Path) -> None:
    make(store, STREAM)
    with open_backup(store, "sale", str(IDENTITY)) as found:
        decode(found, pg_restore(tmp_path, f"cat > {tmp_path}/read"), tmp_path)
        assert (tmp_path / "read").read_bytes() == ROWS
        with pytest.raises(RunbookError, match=r"pg_restore 15\.20 cannot read it: out of order"):
            decode(found, pg_restore(tmp_path, "echo out of order >&2; exit 1"), tmp_path)


def test_decoding_a_directory_hands_over_the_folder(store: FolderStore, tmp_path: Path) -> None:
    make(store, FOLDER)
    with open_backup(store, "sale", str(IDENTITY)) as found:
        decode(found, pg_restore(tmp_path, f'cp "$2/toc.dat" {tmp_path}/read'), tmp_path)
    assert (tmp_path / "read").read_bytes() == b"toc"


def test_damage_says_more_than_what_pg_restore_makes_of_it(store: FolderStore, tmp_path: Path) -> None:
    make(store, STREAM)
    change(tmp_path, "dump.zst.age", "cut")
    with (
        open_backup(store, "sale", str(IDENTITY)) as found,
        pytest.raises(RunbookError, match=r"dump\.zst\.age of the backup sale"),
    ):
        decode(found, pg_restore(tmp_path, "exit 1"), tmp_path)
