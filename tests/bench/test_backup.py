# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_backup beside pg_dump and gzip: how long each takes and how much it keeps, in one run on one database."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import boto3
import pytest
import zstandard
from ansible_collections.storefront.runbook.plugins.modules import pg_backup

from sandbox.storefront import BUCKET, Sandbox
from tests.integration.shop_database import Database
from tests.unit.support import run_module

ROUNDS = 3
SCALES = {"small": 1, "medium": 10, "large": 100}  # small is a database of about 80 MB
SIZE = os.environ.get("SIZE", "small")
PREFIX = "bench-backup"
PEERS = {"folder": "pg_dump | gzip", "S3": "pg_dump | gzip, then boto3 upload_file"}
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
"""


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

    def back_up(self, target: str, verify: str) -> dict[str, Any]:
        """Run pg_backup and return what it says of the backup."""
        store = {"store": (self.folder / "store").as_uri(), "store_is_shared": True}
        if target == "S3":
            store = {"store": f"s3://{BUCKET}/{PREFIX}", **{f"store_{key}": value for key, value in self.settings.items()}}
        result = run_module(pg_backup, {"database_url": self.database.url, "postgres_bin": str(self.bin), "verify": verify, **store})
        assert not result["failed"], result["msg"]
        return result["backup"]

    def back_up_as_the_peer(self, target: str) -> Path:
        file, url = self.folder / "peer.sql.gz", self.database.url.partition("?")[0]
        subprocess.run(["bash", "-o", "pipefail", "-c", '"$0" "$1" | gzip > "$2"', str(self.bin / "pg_dump"), url, str(file)], check=True)
        if target == "S3":
            self.client.upload_file(str(file), BUCKET, f"{PREFIX}/{file.name}")
        return file

    def read(self, target: str, key: str) -> bytes:
        if target == "S3":
            return self.client.get_object(Bucket=BUCKET, Key=f"{PREFIX}/{key}")["Body"].read()
        return (self.folder / "store" / key).read_bytes()

    def check(self, target: str, backup: dict[str, Any]) -> None:
        """Assert that a backup is whole: its manifest, its checksum, and that pg_restore finds the rows of every table in it."""
        assert json.loads(self.read(target, backup["key"].replace(".dump.zst", ".json"))) == {"schema": 1, **backup}
        content = self.read(target, backup["key"])
        assert hashlib.sha256(content).hexdigest() == backup["sha256"]
        dump = zstandard.ZstdDecompressor().decompressobj().decompress(content)
        listed = subprocess.run([self.bin / "pg_restore", "--list"], input=dump, capture_output=True, check=True).stdout.decode()
        assert [listed.count(f"TABLE DATA public {table} ") for table in ("product", "customer", "order", "order_line")] == [1, 1, 1, 1]

    def check_the_peer(self, target: str, file: Path) -> None:
        content = self.read(target, file.name) if target == "S3" else file.read_bytes()
        assert b"-- PostgreSQL database dump complete" in gzip.decompress(content)[-200:]

    def close(self) -> None:
        for item in self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{PREFIX}/").get("Contents", []):
            self.client.delete_object(Bucket=BUCKET, Key=item["Key"])
        self.client.close()
        self.database.drop()


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Iterator[Bench]:
    database = Database(sandbox, PREFIX)
    database.sql(FILL.format(scale=SCALES[SIZE]))
    bench = Bench(database, tmp_path)
    yield bench
    bench.close()


def test_a_backup_beside_its_peers(bench: Bench) -> None:
    seconds: dict[tuple[str, str], list[float]] = {}
    sizes: dict[tuple[str, str], int] = {}
    contenders = [(target, how) for target in PEERS for how in ("pg_backup", "pg_backup, verify: none", "peer")]
    for turn in range(ROUNDS):
        for target, how in contenders[turn:] + contenders[:turn]:  # nobody always comes first
            began = time.perf_counter()
            made: Any = bench.back_up_as_the_peer(target) if how == "peer" else bench.back_up(target, "none" if "none" in how else "checksum")
            seconds.setdefault((target, how), []).append(time.perf_counter() - began)
            if how == "peer":
                bench.check_the_peer(target, made)
                sizes[target, how] = made.stat().st_size
            else:
                bench.check(target, made)
                sizes[target, how] = made["size"]
    ((database_size,),) = bench.database.sql("SELECT pg_database_size(current_database())")
    print(f"\nA shop's database of {database_size / 1e6:.0f} MB, {ROUNDS} rounds; time and size as multiples of the peer's in the same round, the median.\n")
    print(f"{'to':<7}{'by':<40}{'seconds':>8}{'time':>7}{'MB':>8}{'size':>7}")
    for target, how in contenders:
        ratio = median(own / peer for own, peer in zip(seconds[target, how], seconds[target, "peer"], strict=True))
        size, peer_size = sizes[target, how], sizes[target, "peer"]
        name = PEERS[target] if how == "peer" else how
        print(f"{target:<7}{name:<40}{median(seconds[target, how]):>8.2f}{ratio:>7.2f}{size / 1e6:>8.1f}{size / peer_size:>7.2f}")
