# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup/dump.py: what needs no server."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup import dump as backup
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import CommandFailed, LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.programs import Tool
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore

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


def target(store: FolderStore, heartbeat: Callable[[], None] = nothing, **options: Any) -> backup.Target:
    return backup.Target(store, "backups/a/", 1, options.get("recipients", []), heartbeat, backup.Progress())


def left(store: FolderStore) -> tuple[list[Any], list[Any]]:
    return store.list(), store.unfinished("backups/")


def test_a_lost_lease_ends_a_silent_pg_dump_and_takes_the_object_back(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "BEAT_INTERVAL", 0.01)
    tool = pg_dump(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 600")

    def heartbeat() -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            raise LeaseLost("it is gone")

    with pytest.raises(LeaseLost):
        backup.dump_stream(DATABASE, tool, target(store, heartbeat), ["--snapshot=1-1"], 0)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    assert left(store) == ([], [])


def test_a_lost_lease_ends_a_pg_dump_that_writes_a_folder(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "BEAT_INTERVAL", 0.01)
    tool = pg_dump(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 600")

    def heartbeat() -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            raise LeaseLost("it is gone")

    with pytest.raises(LeaseLost):
        backup.dump_folder(DATABASE, tool, target(store, heartbeat), ["--snapshot=1-1"], jobs=2, scratch=tmp_path)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    assert left(store) == ([], [])


def test_a_lost_lease_stops_what_is_being_stored_of_a_folder(store: FolderStore, tmp_path: Path) -> None:
    script = (
        "for option; do case $option in --file=*) folder=${option#--file=};; esac; done; mkdir $folder; echo 1 >"
        " $folder/1.dat; echo 2 > $folder/toc.dat"
    )
    beats: list[int] = []

    def heartbeat() -> None:
        beats.append(1)
        if len(beats) > 1:
            raise LeaseLost("it is gone")

    with pytest.raises(LeaseLost):
        backup.dump_folder(
            DATABASE, pg_dump(tmp_path, script), target(store, heartbeat), ["--snapshot=1-1"], jobs=2, scratch=tmp_path
        )
    assert store.unfinished("backups/") == []


def test_a_lost_lease_stops_the_threads_that_store_a_folder(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[str] = []

    def slowly(_self: Any, source: str, _pieces: Any, check: Callable[[], None], *_: Any, **__: Any) -> dict[str, Any]:
        for _turn in range(5000):
            check()
            threading.Event().wait(0.001)
        stored.append(source)
        return {}

    def heartbeat() -> None:
        if threading.active_count() > before:
            raise LeaseLost("it is gone")

    before = threading.active_count()
    monkeypatch.setattr(backup.Target, "put", slowly)
    for name in ("1.dat", "toc.dat"):
        (tmp_path / name).write_text(name)
    with pytest.raises(LeaseLost):
        backup._put_files([tmp_path / "1.dat", tmp_path / "toc.dat"], target(store, heartbeat), 2)
    assert (stored, threading.active_count()) == ([], before)


def test_what_pg_dump_says_is_reported_without_the_password(store: FolderStore, tmp_path: Path) -> None:
    tool = pg_dump(tmp_path, 'echo "no luck with hunter22" >&2; exit 4')
    for dump in (
        lambda: backup.dump_stream(DATABASE, tool, target(store), ["--snapshot=1-1"], 0),
        lambda: backup.dump_folder(DATABASE, tool, target(store), ["--snapshot=1-1"], jobs=2, scratch=tmp_path),
    ):
        with pytest.raises(CommandFailed, match=r"exit code 4.*no luck with") as failed:
            dump()
        assert "hunter22" not in str(failed.value)
    assert left(store) == ([], [])


def test_one_checksum_stands_for_all_objects_in_any_order() -> None:
    objects = [{"file": "b.zst", "sha256": "2" * 64}, {"file": "a.zst", "sha256": "1" * 64}]
    listed = f"{'1' * 64}  a.zst\n{'2' * 64}  b.zst\n"
    assert backup.checksum(objects) == backup.checksum(objects[::-1]) == hashlib.sha256(listed.encode()).hexdigest()


def test_progress_is_reported_in_words_of_an_operator() -> None:
    progress = backup.Progress()
    progress.add(raw=300_000_000, stored=40_000_000)
    progress.add(raw=300_000_000)
    assert progress.described(10) == "600 MB dumped, 40 MB stored in 10 s, 60.0 MB/s"


def test_a_beat_comes_at_once_and_then_not_again_within_two_seconds(clock: Clock) -> None:
    beats: list[float] = []
    tick = backup.paced(lambda: beats.append(clock()), clock)
    for _unused in range(10):
        tick()
        clock.sleep(0.5)
    assert beats == [1000.0, 1002.0, 1004.0]
