# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup and its restore beside pg_dump -Fc, pg_dump -Fd -j2, and pgBackRest where it is installed.

pgBackRest copies the files of the whole server, without its WAL (--no-online), since the server archives none.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from ansible_collections.storefront.runbook.plugins.modules import pg_backup, pg_proof

from sandbox.storefront import Sandbox
from tests.bench.test_backup import FILL, OFF, ROUNDS, SCALES, SIZE
from tests.integration.shop_database import Database
from tests.unit.support import run_module

NAME = "bench-peers"
Timed = Callable[[], object]


class Contenders:
    """Each way to back the database up, and to restore what it made into another database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.bin = Path(database.sandbox.state["postgres"]["bin"])
        self.url = database.url.partition("?")[0]
        self.store = {"store": (folder / "store").as_uri(), "store_is_shared": True}

    def ways(self) -> dict[str, tuple[Timed, Timed]]:
        found: dict[str, tuple[Timed, Timed]] = {
            "pg_dump -Fc, pg_restore": (lambda: self._dump("c"), lambda: self._load("c")),
            "pg_dump -Fd -j2, pg_restore -j2": (lambda: self._dump("d", "-j2"), lambda: self._load("d", "-j2")),
            "pg_backup, pg_proof (restored and verified)": (self._back_up, self._prove),
        }
        if shutil.which("pgbackrest"):
            found["pgBackRest, files of the whole server"] = (self._copy_files, self._put_files)
        return found

    def _dump(self, kind: str, *more: str) -> None:
        target = self.folder / f"dump-{kind}"
        subprocess.run(["rm", "-rf", str(target)], check=True)
        argv = [str(self.bin / "pg_dump"), f"-F{kind}", *more, "-f", str(target), self.url]
        subprocess.run(argv, check=True)

    def _load(self, kind: str, *more: str) -> None:
        other = Database(self.database.sandbox, f"{NAME}-other")
        try:
            target = other.url.partition("?")[0]
            argv = [str(self.bin / "pg_restore"), "--no-owner", *more, "-d", target, str(self.folder / f"dump-{kind}")]
            subprocess.run(argv, check=True)
        finally:
            other.drop()

    def _back_up(self) -> None:
        given = {"database_url": self.database.url, "postgres_bin": str(self.bin), **self.store, **OFF}
        made = run_module(pg_backup, given)
        assert not made["failed"], made["msg"]

    def _prove(self) -> None:
        given = {"database_url": self.database.url, "postgres_bin": str(self.bin), **self.store}
        proven = run_module(pg_proof, {**given, "same_server": True, "again": True})
        assert not proven["failed"], proven["msg"]

    def _pgbackrest(self, data: Path, command: str, *more: str) -> None:
        places = [f"--{name}-path={self.folder / name}" for name in ("log", "lock")]
        argv = ["pgbackrest", "--stanza=bench", f"--pg1-path={data}", f"--repo1-path={self.folder / 'repo'}", *places]
        done = subprocess.run([*argv, *more, command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"

    def _copy_files(self) -> None:
        data = Path(self.database.sandbox.state["root"]) / "postgres/data"
        self._pgbackrest(data, "stanza-create", "--no-online")
        self._pgbackrest(data, "backup", "--no-online", "--force", "--type=full", "--process-max=2")

    def _put_files(self) -> None:
        target = self.folder / "restored"
        subprocess.run(["rm", "-rf", str(target)], check=True)
        target.mkdir(mode=0o700)
        self._pgbackrest(target, "restore", "--type=none", "--process-max=2")


@pytest.fixture
def contenders(sandbox: Sandbox, tmp_path: Path) -> Iterator[Contenders]:
    database = Database(sandbox, NAME)
    database.sql(FILL.format(scale=SCALES[SIZE]))
    yield Contenders(database, tmp_path)
    database.drop()


def test_a_backup_and_a_restore_beside_the_usual_ways(contenders: Contenders) -> None:
    seconds: dict[str, list[tuple[float, float]]] = {}
    for _round in range(ROUNDS):
        for name, (backup, restore) in contenders.ways().items():
            began = time.perf_counter()
            backup()
            between = time.perf_counter()
            restore()
            seconds.setdefault(name, []).append((between - began, time.perf_counter() - between))
    print(f"\nSIZE={SIZE}, {ROUNDS} rounds, the median in seconds\n\n{'':<48}{'backup':>8}{'restore':>9}")
    for name, took in seconds.items():
        backed_up, restored = (median(one[part] for one in took) for part in (0, 1))
        print(f"{name:<48}{backed_up:>8.2f}{restored:>9.2f}")
    if not shutil.which("pgbackrest"):
        print("pgBackRest is not installed (apt install pgbackrest), so it has no row.")
