# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""data/backup.py: what needs no server."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.data import backup, stream
from ansible_collections.storefront.runbook.plugins.module_utils.data.postgres import parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.data.postgres_tools import Tool
from ansible_collections.storefront.runbook.plugins.module_utils.data.store_folder import FolderStore

from tests.unit.support import Clock

DATABASE = parse_url("postgresql://u:hunter22@h/d")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(str(tmp_path / "store"))


def pg_dump(folder: Path, script: str) -> Tool:
    program = folder / "pg_dump"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return Tool(str(program), "15.20")


def test_a_lost_lease_ends_a_silent_pg_dump_and_takes_the_object_back(store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "BEAT_INTERVAL", 0.01)
    tool = pg_dump(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 600")

    def beat() -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            raise LeaseLost("it is gone")

    with pytest.raises(LeaseLost):
        backup.dump(DATABASE, tool, store, "backups/a.dump.zst", level=1, beat=beat)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    assert (store.list(), stream.unfinished(store, "backups/")) == ([], [])


def test_what_pg_dump_says_is_told_without_the_password(store: FolderStore, tmp_path: Path) -> None:
    tool = pg_dump(tmp_path, 'echo "no luck with hunter22" >&2; exit 4')
    with pytest.raises(backup.CommandFailed, match=r"exit code 4.*no luck with") as failed:
        backup.dump(DATABASE, tool, store, "backups/a.dump.zst", level=1, beat=lambda: None)
    assert "hunter22" not in str(failed.value)


def test_a_beat_comes_at_once_and_then_not_again_within_two_seconds(clock: Clock) -> None:
    beats: list[float] = []
    tick = backup.paced(lambda: beats.append(clock()), clock)
    for _unused in range(10):
        tick()
        clock.sleep(0.5)
    assert beats == [1000.0, 1002.0, 1004.0]


def test_the_catalogue_tells_backups_from_what_is_none(store: FolderStore) -> None:
    for key in ("backups/good.dump.zst", "backups/good.json", "backups/orphan.dump.zst", "backups/lost.json"):
        store.put_if_absent(key, b"12345")
    killed = stream.open_writer(store, "backups/killed.dump.zst")
    catalogue = backup.read_catalogue(store, "backups/")
    assert catalogue.complete == {"good": 5, "lost": None}
    assert catalogue.orphans == ["backups/orphan.dump.zst"]
    assert [key for key, _handle in catalogue.unfinished] == ["backups/killed.dump.zst"]
    killed.abort()
