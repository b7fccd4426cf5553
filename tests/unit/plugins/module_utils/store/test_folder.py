# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder as a store: one winner of each race, private files, nothing half written."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import Conflict
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import LOCK_TIMEOUT, FolderStore

ROUNDS = 20
RIVALS = 8


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "new" / "store"


@pytest.fixture
def store(folder) -> FolderStore:
    return FolderStore(str(folder))


def test_an_object_is_read_as_it_was_written(store):
    etag = store.put_if_absent("ledger/a.json", b"content")
    assert store.get("ledger/a.json") == (b"content", etag)
    assert store.get("ledger/b.json") is None


def test_a_second_object_of_the_same_key_is_refused(store):
    store.put_if_absent("lease.json", b"first")
    with pytest.raises(Conflict):
        store.put_if_absent("lease.json", b"second")
    assert store.get("lease.json")[0] == b"first"


def test_only_what_was_seen_is_replaced(store):
    seen = store.put_if_absent("lease.json", b"first")
    newer = store.put_if_match("lease.json", b"second", seen)
    with pytest.raises(Conflict):
        store.put_if_match("lease.json", b"third", seen)
    assert store.get("lease.json") == (b"second", newer)


def test_an_object_that_is_gone_is_not_replaced(store):
    seen = store.put_if_absent("lease.json", b"first")
    store.delete("lease.json")
    with pytest.raises(Conflict):
        store.put_if_match("lease.json", b"second", seen)
    store.delete("lease.json")
    assert store.get("lease.json") is None


def test_the_list_has_keys_below_a_prefix_in_order_and_none_of_the_stores_own(store, folder):
    for key in ("ledger/b.json", "ledger/a.json", "lease.json"):
        store.put_if_absent(key, b"12345")
    (folder / "ledger" / ".c.json.new").write_bytes(b"half")
    assert [(entry.key, entry.size) for entry in store.list("ledger/")] == [("ledger/a.json", 5), ("ledger/b.json", 5)]
    assert [entry.key for entry in store.list()] == ["lease.json", "ledger/a.json", "ledger/b.json"]


def test_reading_makes_no_folder(store, folder):
    assert store.get("lease.json") is None
    assert store.list() == []
    assert not folder.exists()


def test_others_may_not_read_it(store, folder):
    old = os.umask(0)
    try:
        store.put_if_absent("ledger/a.json", b"content")
    finally:
        os.umask(old)
    modes = {
        path.relative_to(folder.parent).as_posix(): path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]
    }
    assert modes == {"store": 0o700, "store/.lock": 0o600, "store/ledger": 0o700, "store/ledger/a.json": 0o600}


def test_what_a_killed_writer_left_is_overwritten(store, folder):
    folder.mkdir(parents=True)
    (folder / ".lease.json.new").write_bytes(b"half of a much longer docum")
    store.put_if_absent("lease.json", b"whole")
    assert store.get("lease.json")[0] == b"whole"
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "lease.json"]


def test_one_thread_wins_each_race_for_a_new_object(store):
    def write(key: str, start: Barrier, rival: int) -> bool:
        start.wait()
        try:
            store.put_if_absent(key, str(rival).encode())
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(RIVALS) as pool:
        for number in range(ROUNDS):
            start = Barrier(RIVALS)
            wins = list(pool.map(lambda rival, n=number, s=start: write(f"{n}.json", s, rival), range(RIVALS)))
            assert wins.count(True) == 1
            assert store.get(f"{number}.json")[0] == str(wins.index(True)).encode()


def test_no_increment_of_any_process_is_lost(store, folder):
    store.put_if_absent("counter", b"0")
    script = (
        "import sys\n"
        "from ansible_collections.storefront.runbook.plugins.module_utils.store.base import Conflict\n"
        "from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore\n"
        f"store, left = FolderStore(sys.argv[1]), {ROUNDS}\n"
        "while left:\n"
        "    data, etag = store.get('counter')\n"
        "    try:\n"
        "        store.put_if_match('counter', str(int(data) + 1).encode(), etag)\n"
        "        left -= 1\n"
        "    except Conflict:\n"
        "        pass\n"
    )
    path = next(entry for entry in sys.path if (Path(entry) / "ansible_collections" / "storefront").exists())
    rivals = [
        subprocess.Popen([sys.executable, "-c", script, str(folder)], env={**os.environ, "PYTHONPATH": path})
        for _unused in range(4)
    ]
    assert [rival.wait(60) for rival in rivals] == [0, 0, 0, 0]
    assert store.get("counter")[0] == str(4 * ROUNDS).encode()


def test_a_writer_that_hangs_is_named_and_not_waited_for_without_end(folder, clock):
    folder.mkdir(parents=True)
    store = FolderStore(str(folder), sleep=clock.sleep, clock=clock)
    with (folder / ".lock").open("w") as hanging:
        fcntl.flock(hanging, fcntl.LOCK_EX)
        with pytest.raises(Unreachable, match="stayed locked"):
            store.put_if_absent("lease.json", b"")
    assert LOCK_TIMEOUT <= sum(clock.sleeps) <= LOCK_TIMEOUT + 1
    assert store.put_if_absent("lease.json", b"")


def test_a_file_in_the_folders_place_is_named(tmp_path):
    (tmp_path / "store").write_text("a file")
    with pytest.raises(ConfigError, match="is not a folder"):
        FolderStore(str(tmp_path / "store")).put_if_absent("lease.json", b"")


def test_a_folder_of_somebody_else_is_named(store, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(ConfigError, match=r"may not read the store file:///.*: Permission denied"):
        store.get("lease.json")


@pytest.mark.parametrize("key", ["../lease.json", "/etc/passwd", "", "a/../../b"])
def test_no_key_leads_out_of_the_folder(store, key):
    with pytest.raises(ConfigError, match="is not a valid name for an object"):
        store.put_if_absent(key, b"")


def test_the_time_is_that_of_a_file_that_leaves_no_trace(tmp_path):
    store = FolderStore(str(tmp_path / "not" / "there"))
    now = store.time()
    assert now is not None
    assert abs(now - time.time()) < 60
    assert list(tmp_path.iterdir()) == []
    store = FolderStore("/proc/nobody-writes-here")
    assert store.time() is None
