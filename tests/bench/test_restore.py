# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_restore beside gunzip and psql: how long each takes, in one run on one database, and for how long the
database is shut.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import boto3
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.restore import verify as restore_verify
from ansible_collections.storefront.runbook.plugins.modules import pg_backup, pg_restore

from sandbox.storefront import BUCKET, Sandbox
from tests.bench.test_backup import FILL, ROUNDS, SCALES, SIZE
from tests.integration.shop_database import Database
from tests.unit.support import run_module

PREFIX = "bench-restore"
TARGETS = ("folder", "S3")
PEERS = {"folder": "gunzip | psql", "S3": "boto3 download_file, then gunzip | psql"}
PEER_ANALYZED = "the same, then ANALYZE"
LOADED = "pg_restore until it is loaded, its checksum compared"
VERIFIED = "the same, then analyzed and verified"
COMPARED = "the same, then compared with the live database"
VERIFY = restore_verify.verify
COUNTS = {"product": "product", "customer": "customer", "order": '"order"', "order_line": "order_line"}


class Bench:
    """A database, backed up to two places by pg_backup and by pg_dump | gzip."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.bin = Path(database.sandbox.state["postgres"]["bin"])
        settings = database.sandbox.state["s3"]
        self.stores: dict[str, dict[str, Any]] = {
            "folder": {"store": (folder / "store").as_uri(), "store_is_shared": True},
            "S3": {"store": f"s3://{BUCKET}/{PREFIX}", **{f"store_{key}": value for key, value in settings.items()}},
        }
        self.client = boto3.session.Session().client(
            "s3",
            endpoint_url=settings["endpoint_url"],
            aws_access_key_id=settings["access_key"],
            aws_secret_access_key=settings["secret_key"],
            region_name=settings["region"],
        )
        self.file = folder / "peer.sql.gz"
        argv = [
            "bash",
            "-o",
            "pipefail",
            "-c",
            '"$0" "$1" | gzip > "$2"',
            str(self.bin / "pg_dump"),
            self.url_of(PREFIX),
            str(self.file),
        ]
        subprocess.run(argv, check=True)
        self.client.upload_file(str(self.file), BUCKET, f"{PREFIX}/{self.file.name}")
        for store in self.stores.values():
            self.module(pg_backup, name="first", encryption="off", **store)
        self.rows = self.count(PREFIX)

    def url_of(self, name: str) -> str:
        return f"{self.database.url.rpartition('/')[0]}/{name}"

    def module(self, module: Any, **options: Any) -> dict[str, Any]:
        result = run_module(module, {"database_url": self.database.url, "postgres_bin": str(self.bin), **options})
        assert not result["failed"], result["msg"]
        return result

    def count(self, name: str) -> list[tuple[Any, ...]]:
        statement = " UNION ALL ".join(f"SELECT '{what}', count(*) FROM {table}" for what, table in COUNTS.items())
        done = subprocess.run(
            [self.bin / "psql", "-XAtc", statement, self.url_of(name)], capture_output=True, text=True, check=True
        )
        return sorted(tuple(line.split("|")) for line in done.stdout.splitlines())

    def stage(self, target: str) -> tuple[dict[str, Any], dict[str, float]]:
        """Restore beside the live database, analyze, verify, and compare with the live one. Returns also
        the seconds until each of these was done.
        """
        began, seconds = time.perf_counter(), {}

        def verify(*given: Any) -> dict[str, Any]:
            seconds[LOADED] = time.perf_counter() - began
            found = VERIFY(*given)
            seconds[VERIFIED] = time.perf_counter() - began
            return found

        with mock.patch.object(restore_verify, "verify", verify):
            found = self.module(pg_restore, state="staged", backup="first", **self.stores[target])["restore"]
        return found, {**seconds, COMPARED: time.perf_counter() - began}

    def drop_staged(self) -> None:
        self.module(pg_restore, state="dropped")

    def restore_as_the_peer(self, target: str) -> Database:
        file = self.file
        database = Database(self.database.sandbox, f"{PREFIX}-peer")
        if target == "S3":
            file = self.folder / "downloaded.sql.gz"
            self.client.download_file(BUCKET, f"{PREFIX}/{self.file.name}", str(file))
        script = 'gunzip -c "$2" | "$0" -q -v ON_ERROR_STOP=1 -o /dev/null "$1"'
        subprocess.run(
            ["bash", "-o", "pipefail", "-c", script, str(self.bin / "psql"), self.url_of(database.name), str(file)],
            check=True,
        )
        return database

    def close(self) -> None:
        self.module(pg_restore, state="dropped")
        for item in self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/").get("Contents", []):
            self.client.delete_object(Bucket=BUCKET, Key=item["Key"])
        self.client.close()
        self.database.drop()


@pytest.fixture(scope="module")
def bench(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    database = Database(sandbox, PREFIX)
    database.sql(FILL.format(scale=SCALES[SIZE]))
    bench = Bench(database, tmp_path_factory.mktemp("bench"))
    yield bench
    bench.close()


def test_a_restore_beside_its_peers(bench: Bench) -> None:
    seconds: dict[tuple[str, str], list[float]] = {}
    contenders = [(target, how) for target in TARGETS for how in ("pg_restore", "peer")]
    for turn in range(ROUNDS):
        for target, how in contenders[turn:] + contenders[:turn]:  # nobody always comes first
            if how == "peer":
                began = time.perf_counter()
                database = bench.restore_as_the_peer(target)
                took = {PEERS[target]: time.perf_counter() - began}
                analyze = ["-c", "SET client_min_messages = error", "-c", "ANALYZE"]  # without it queries go astray
                subprocess.run([bench.bin / "psql", "-qX", *analyze, bench.url_of(database.name)], check=True)
                took[PEER_ANALYZED] = time.perf_counter() - began
                assert bench.count(database.name) == bench.rows
                database.drop()
            else:
                found, took = bench.stage(target)
                assert (found["lost_rows"], bench.count(found["staged"])) == (0, bench.rows)
                bench.drop_staged()
            for what, spent in took.items():
                seconds.setdefault((target, what), []).append(spent)
    ((size,),) = bench.database.sql("SELECT pg_database_size(current_database())")
    print(
        f"\nA shop's database of {size / 1e6:.0f} MB, {ROUNDS} rounds; time as a multiple of the peer's in the same"
        " round, the median.\n"
    )
    print(f"{'from':<8}{'by':<56}{'seconds':>8}{'time':>7}")
    for target in TARGETS:
        for what in (PEERS[target], PEER_ANALYZED, LOADED, VERIFIED, COMPARED):
            own = seconds[target, what]
            ratio = median(mine / peer for mine, peer in zip(own, seconds[target, PEERS[target]], strict=True))
            print(f"{target:<8}{what:<56}{median(own):>8.2f}{ratio:>7.2f}")


def test_the_swap_is_short(bench: Bench) -> None:
    held, shut = [], []
    for turn in range(ROUNDS):
        state = {"state": "undone"} if turn % 2 else {"state": "restored", "backup": "first"}
        found = bench.module(pg_restore, approve=PREFIX, **state, **bench.stores["folder"])["restore"]
        held.append(found["held_seconds"])
        shut.append(found["shut_seconds"])
        assert bench.count(PREFIX) == bench.rows
    print(
        f"\nThe swap, {ROUNDS} rounds, the median: writers wait {median(held):.2f} s for the count, and it is shut"
        f" {median(shut):.3f} s of them."
    )
