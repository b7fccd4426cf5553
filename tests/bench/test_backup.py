# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_backup beside pg_dump and gzip, and beside the usual module: how long each takes and how much it
keeps, in one run on one database.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any
from unittest import mock

import boto3
import pyrage
import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.storefront.runbook.plugins.module_utils.backup.reader import open_backup
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.modules import pg_backup

from sandbox.process import wait_until
from sandbox.storefront import BUCKET, Sandbox
from tests.integration.shop_database import Database
from tests.unit.support import run_module

ROUNDS = 3
SHORT_ROUNDS = 9  # of what takes half a second at the size small, where other work on the machine would count
SCALES = {"small": 1, "medium": 10, "large": 100}  # small is a database of about 80 MB
SIZE = os.environ.get("SIZE", "small")
PREFIX = "bench-backup"
IDENTITY = pyrage.x25519.Identity.generate()
OFF = {"encryption": "off", "recipients": []}
OURS: dict[str, dict[str, Any]] = {
    "pg_backup": {},
    "pg_backup, encryption: off": OFF,
    "pg_backup, encryption: off, verify: none": {**OFF, "verify": "none"},
    "pg_backup, verify: decode": {"verify": "decode", "identity": str(IDENTITY)},
    "pg_backup, format: directory, jobs: 2": {"jobs": 2},
}
PEERS = {"folder": "pg_dump | gzip", "S3": "pg_dump | gzip, then boto3 upload_file"}
USUAL = {f"community.postgresql.postgresql_db, {ending}": ending for ending in (".sql.gz", ".pgc")}
MISSING = (
    "community.postgresql is not installed (ansible-galaxy collection install community.postgresql -p"
    " .ansible/collections), so it has no row."
)
MEMORY = """
import json, pathlib, re, sys
sys.path[:] = json.loads(sys.argv[1])
from ansible_collections.storefront.runbook.plugins.modules import pg_backup
from tests.unit.support import run_module
def peak():  # ru_maxrss would be that of the process that started this one
    return int(re.search("VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
before = peak()
result = run_module(pg_backup, json.load(sys.stdin))
print(json.dumps([result["failed"], before, peak()]))
"""
FILL = """
CREATE TABLE product (id int PRIMARY KEY, name text NOT NULL, description text NOT NULL, price numeric(10,2) NOT NULL);
CREATE TABLE customer (id int PRIMARY KEY, email text UNIQUE NOT NULL, name text NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE "order" (id int PRIMARY KEY, customer_id int REFERENCES customer, status text NOT NULL, token text NOT NULL, placed_at timestamptz NOT NULL);
CREATE TABLE order_line (order_id int REFERENCES "order", product_id int REFERENCES product, quantity int NOT NULL, price numeric(10,2) NOT NULL);
INSERT INTO product SELECT n, 'Product ' || n, repeat('Made of ' || md5(n::text) || ', for every day. ', 6), n % 900 / 10.0 FROM generate_series(1, 10000) n;
INSERT INTO customer SELECT n, 'customer' || n || '@shop.example', initcap(substr(md5(n::text), 1, 9)), '2025-01-01'::timestamptz + n * interval '7 min'
    FROM generate_series(1, {scale} * 50000) n;
INSERT INTO "order" SELECT n, 1 + n * 7919::bigint % ({scale} * 50000), (ARRAY['paid', 'sent', 'returned'])[1 + n % 3], md5(n::text) || md5(n || 'x'),
    '2025-06-01'::timestamptz + n * interval '83 sec' FROM generate_series(1, {scale} * 250000) n;
INSERT INTO order_line SELECT 1 + n / 3, 1 + n * 104729::bigint % 10000, 1 + n % 4, n % 900 / 10.0 FROM generate_series(1, {scale} * 600000) n;
"""  # noqa: E501


class Bench:
    """The database, and the two places that it is backed up to."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.bin = Path(database.sandbox.state["postgres"]["bin"])
        self.settings = database.sandbox.state["s3"]
        self.client = boto3.session.Session().client(
            "s3",
            endpoint_url=self.settings["endpoint_url"],
            aws_access_key_id=self.settings["access_key"],
            aws_secret_access_key=self.settings["secret_key"],
            region_name=self.settings["region"],
        )
        self.usual = usual_module()

    def store(self, target: str) -> dict[str, Any]:
        if target == "S3":
            return {
                "store": f"s3://{BUCKET}/{PREFIX}",
                **{f"store_{key}": value for key, value in self.settings.items()},
            }
        return {"store": (self.folder / "store").as_uri(), "store_is_shared": True}

    def options(self, target: str, how: str) -> dict[str, Any]:
        given = {
            "database_url": self.database.url,
            "postgres_bin": str(self.bin),
            "recipients": [str(IDENTITY.to_public())],
        }
        return {**given, **self.store(target), **OURS[how]}

    def back_up(self, target: str, how: str) -> tuple[float, int]:
        """Back up in one of the ways, see that it is whole, and return (seconds, bytes)."""
        if how in OURS:
            return self._with_our_module(target, how)
        file = self.folder / ("peer.sql.gz" if how == "peer" else f"usual{USUAL[how]}")
        file.unlink(missing_ok=True)
        began = time.perf_counter()
        if how == "peer":
            self._with_a_pipe(target, file)
        else:
            self._with_the_usual_module(file)
        seconds = time.perf_counter() - began
        assert wait_until(lambda: self._is_whole(file), 60)  # the usual module returns before its gzip ended
        return seconds, file.stat().st_size

    def _with_our_module(self, target: str, how: str) -> tuple[float, int]:
        began = time.perf_counter()
        result = run_module(pg_backup, self.options(target, how))
        seconds = time.perf_counter() - began
        assert not result["failed"], result["msg"]
        store = open_store(self.store(target))
        with open_backup(store, result["backup"]["name"], str(IDENTITY)) as backup:
            assert (
                hashlib.sha256(json.dumps(backup.manifest).encode()).digest()
                == hashlib.sha256(json.dumps(result["backup"]).encode()).digest()
            )
            path = backup.save(self.folder / "read")
        self._check_tables(path)
        subprocess.run(["rm", "-r", path], check=True)
        store.close()
        return seconds, result["backup"]["size"]

    def _with_a_pipe(self, target: str, file: Path) -> None:
        url = self.database.url.partition("?")[0]
        subprocess.run(
            ["bash", "-o", "pipefail", "-c", '"$0" "$1" | gzip > "$2"', str(self.bin / "pg_dump"), url, str(file)],
            check=True,
        )
        if target == "S3":
            self.client.upload_file(str(file), BUCKET, f"{PREFIX}/{file.name}")

    def _with_the_usual_module(self, file: Path) -> None:
        assert self.usual
        server = self.database.url.partition("://")[2]
        user, host = server.partition(":")[0], server.rpartition("@")[2].partition("/")[0]
        login = {
            "login_user": user,
            "login_password": self.database.password,
            "login_host": host.partition(":")[0],
            "login_port": int(host.partition(":")[2]),
        }
        folder = self.folder / "usual"
        folder.mkdir(exist_ok=True)
        (folder / "pg_fifo").unlink(missing_ok=True)
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        with mock.patch.object(AnsibleModule, "tmpdir", str(folder)), mock.patch.dict(os.environ, {"PATH": path}):
            result = run_module(self.usual, {"name": self.database.name, "state": "dump", "target": str(file), **login})
        assert not result["failed"], result["msg"]

    def _is_whole(self, file: Path) -> bool:
        if file.suffix == ".pgc":
            self._check_tables(file)
            return True
        with suppress(EOFError):
            return b"-- PostgreSQL database dump complete" in gzip.decompress(file.read_bytes())[-200:]
        return False

    def _check_tables(self, path: Path) -> None:
        listed = subprocess.run(
            [self.bin / "pg_restore", "--list", path], capture_output=True, check=True
        ).stdout.decode()
        assert [
            listed.count(f"TABLE DATA public {table} ") for table in ("product", "customer", "order", "order_line")
        ] == [1, 1, 1, 1]

    def memory(self, target: str, how: str) -> tuple[float, float]:
        """Return the most memory that Python took for a backup, and what it had taken before it, in MB."""
        given = json.dumps(self.options(target, how))
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, json.dumps(sys.path)],
            input=given,
            capture_output=True,
            text=True,
            check=True,
        )
        failed, before, after = json.loads(done.stdout)
        assert not failed
        return after / 1024, before / 1024

    def close(self) -> None:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{PREFIX}/")
        for item in [item for page in pages for item in page.get("Contents", [])]:
            self.client.delete_object(Bucket=BUCKET, Key=item["Key"])
        self.client.close()
        self.database.drop()


def usual_module() -> ModuleType | None:
    """The module that most use, where its collection is installed; it is no requirement of this one, and
    comes with a package of 600 MB or from Galaxy.
    """
    try:
        return importlib.import_module("ansible_collections.community.postgresql.plugins.modules.postgresql_db")
    except ImportError:
        return None


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Iterator[Bench]:
    database = Database(sandbox, PREFIX)
    database.sql(FILL.format(scale=SCALES[SIZE]))
    (tmp_path / "read").mkdir()
    bench = Bench(database, tmp_path)
    yield bench
    bench.close()


def test_a_backup_beside_its_peers(bench: Bench) -> None:
    usual = list(USUAL) if bench.usual else []
    contenders = [
        *(("folder", how) for how in ("peer", *usual, *OURS)),
        *(("S3", how) for how in ("peer", "pg_backup", "pg_backup, format: directory, jobs: 2")),
    ]
    seconds: dict[tuple[str, str], list[float]] = {}
    sizes: dict[tuple[str, str], int] = {}
    for turn in range(ROUNDS):
        for contender in contenders[turn:] + contenders[:turn]:  # nobody always comes first
            took, sizes[contender] = bench.back_up(*contender)
            seconds.setdefault(contender, []).append(took)
    ((database_size,),) = bench.database.sql("SELECT pg_database_size(current_database())")
    print(
        f"\nA shop's database of {database_size / 1e6:.0f} MB, {ROUNDS} rounds; time and size as multiples of the"
        " peer's in its round, the median.\n"
    )
    print(f"{'to':<7}{'by':<48}{'seconds':>8}{'time':>7}{'MB':>8}{'size':>7}")
    for target, how in contenders:
        ratio = median(own / peer for own, peer in zip(seconds[target, how], seconds[target, "peer"], strict=True))
        size, peer_size = sizes[target, how], sizes[target, "peer"]
        name = PEERS[target] if how == "peer" else how
        print(
            f"{target:<7}{name:<48}{median(seconds[target, how]):>8.2f}{ratio:>7.2f}{size / 1e6:>8.1f}{size / peer_size:>7.2f}"  # noqa: E501
        )
    if not usual:
        print(MISSING)
    most, before = bench.memory("S3", "pg_backup")
    print(
        f"\nPython's memory while it backs up to S3: {most:.0f} MB at most, of which {before:.0f} MB were taken before"
        " it began."
    )
    assert most - before < 150  # whatever the size of the database


# As pgbench --initialize makes it: a filler of blanks, so that -Fc has little to write and the compression is most of
# its work.
PACKS_WELL = """
CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84)) WITH (fillfactor = 100);
INSERT INTO pgbench_accounts SELECT n, 1 + n / 100000, 0, '' FROM generate_series(1, {scale} * 600000) n;
ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid);
"""
DUMPS = {"pg_dump | gzip": '"$0" "$1" | gzip > "$2"', "pg_dump -Fc": '"$0" -Fc "$1" > "$2"'}
STEPS = {
    "pg_backup, verify: none": {**OFF, "verify": "none"},
    "pg_backup, its checksum verified": OFF,
    "pg_backup, encrypted and verified": {},
}


@pytest.fixture
def packs_well(sandbox: Sandbox, tmp_path: Path) -> Iterator[Bench]:
    database = Database(sandbox, f"{PREFIX}-packs-well")
    database.sql(PACKS_WELL.format(scale=SCALES[SIZE]))
    bench = Bench(database, tmp_path)
    yield bench
    bench.close()


def test_a_backup_of_a_database_that_packs_well(packs_well: Bench) -> None:
    bench, url = packs_well, packs_well.database.url.partition("?")[0]

    def take(how: str) -> float:
        began = time.perf_counter()
        if how in DUMPS:
            subprocess.run(
                [
                    "bash",
                    "-o",
                    "pipefail",
                    "-c",
                    DUMPS[how],
                    str(bench.bin / "pg_dump"),
                    url,
                    str(bench.folder / "peer"),
                ],
                check=True,
            )
        else:
            result = run_module(pg_backup, {**bench.options("folder", "pg_backup"), **STEPS[how]})
            assert not result["failed"], result["msg"]
        return time.perf_counter() - began

    contenders = [*DUMPS, *STEPS]
    seconds: dict[str, list[float]] = {}
    for turn in range(SHORT_ROUNDS):
        first = turn % len(contenders)
        for how in contenders[first:] + contenders[:first]:
            seconds.setdefault(how, []).append(take(how))
    print(
        f"\nA database of pgbench's tables, {SHORT_ROUNDS} rounds; time as multiples of pg_dump | gzip and of pg_dump"
        " -Fc in the same round, the median.\n"
    )
    print(f"{'by':<48}{'seconds':>8}{'gzip':>7}{'-Fc':>7}")
    for how in contenders:
        to_gzip, to_custom = (
            median(own / peer for own, peer in zip(seconds[how], seconds[other], strict=True)) for other in DUMPS
        )
        print(f"{how:<48}{median(seconds[how]):>8.2f}{to_gzip:>7.2f}{to_custom:>7.2f}")
