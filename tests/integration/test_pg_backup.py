# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_backup against a real PostgreSQL, S3 and a folder: what is restored, and what is left when something breaks on the way."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import zstandard
from ansible_collections.storefront.runbook.plugins.module_utils.data import lease, stream
from ansible_collections.storefront.runbook.plugins.module_utils.data.store import Store, open_store
from ansible_collections.storefront.runbook.plugins.module_utils.data.store_s3 import S3Store
from ansible_collections.storefront.runbook.plugins.modules import pg_backup
from botocore.awsrequest import AWSResponse, HeadersDict

from sandbox.process import wait_until
from sandbox.storefront import BUCKET, Sandbox
from tests.integration.shop_database import Database
from tests.unit.support import run_module

PREFIX = "test-backup"
FILL = """
CREATE TABLE item (id int PRIMARY KEY, price numeric(10,2) NOT NULL, name text);
CREATE INDEX item_name ON item (lower(name)) WHERE name IS NOT NULL;
CREATE VIEW cheap AS SELECT * FROM item WHERE price < 10;
CREATE SEQUENCE ticket START 42;
INSERT INTO item SELECT n, n / 100.0, md5(n::text) || md5((n * 7)::text) FROM generate_series(1, 300000) n;
"""


class Backups:
    """A database with 300,000 rows and the store that it is backed up to."""

    def __init__(self, database: Database, options: dict[str, Any]) -> None:
        self.database, self.options = database, options
        self.store: Store = open_store(options)

    def run(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        return run_module(pg_backup, self.parameters(**options), check=check)

    def parameters(self, **options: Any) -> dict[str, Any]:
        binaries = self.database.sandbox.state["postgres"]["bin"]
        return {"database_url": self.database.url, "postgres_bin": binaries, **self.options, **options}

    def keys(self) -> list[str]:
        return [entry.key for entry in self.store.list()]

    def unfinished(self) -> list[str]:
        return [key for key, _handle in stream.unfinished(self.store, "backups/")]

    def clear(self) -> None:
        for key, handle in stream.unfinished(self.store, "backups/"):
            stream.discard(self.store, key, handle)
        for key in self.keys():
            self.store.delete(key)

    def restored(self, key: str) -> tuple[list[str], Any]:
        """What is in a dump, restored into another database: (schema, a digest of the rows)."""
        other = Database(self.database.sandbox, "test-restored")
        try:
            dump = zstandard.ZstdDecompressor().decompressobj().decompress(b"".join(stream.read(self.store, key)))
            program = Path(self.parameters()["postgres_bin"], "pg_restore")
            subprocess.run([program, "--exit-on-error", "--dbname", other.url.partition("?")[0]], input=dump, check=True)
            return other.schema(), contents(other)
        finally:
            other.drop()


def contents(database: Database) -> Any:
    return database.sql("SELECT count(*), md5(string_agg(item::text, ',' ORDER BY id)), (SELECT last_value FROM ticket) FROM item")


@pytest.fixture(scope="module")
def database(sandbox: Sandbox) -> Iterator[Database]:
    database = Database(sandbox, "test-backup")
    database.sql(FILL)
    yield database
    database.drop()


@pytest.fixture
def in_folder(database: Database, tmp_path: Path) -> Backups:
    return Backups(database, {"store": (tmp_path / "store").as_uri(), "store_is_shared": True})


@pytest.fixture
def in_s3(database: Database) -> Iterator[Backups]:
    settings = database.sandbox.state["s3"]
    backups = Backups(database, {"store": f"s3://{BUCKET}/{PREFIX}", **{f"store_{key}": settings[key] for key in settings}})
    backups.clear()
    yield backups
    backups.clear()
    backups.store.close()


@pytest.fixture(params=["in_folder", "in_s3"])
def backups(request: pytest.FixtureRequest) -> Backups:
    return request.getfixturevalue(request.param)


def test_a_backup_is_predicted_then_made_and_holds_the_whole_database(backups: Backups) -> None:
    predicted = backups.run(release="v1.1.0", check=True)
    assert predicted["changed"]
    assert (predicted["backup"]["sha256"], predicted["backup"]["size"]) == (None, None)
    assert predicted["backup"]["database_size"] > 10_000_000
    assert backups.keys() == []

    made = backups.run(release="v1.1.0")
    backup = made["backup"]
    assert made["changed"]
    assert backups.keys() == [backup["key"], backup["key"].replace(".dump.zst", ".json")]
    manifest, _etag = backups.store.get(backups.keys()[1]) or (b"", "")
    assert json.loads(manifest) == {"schema": 1, **backup}
    content = b"".join(stream.read(backups.store, backup["key"]))
    assert zstandard.get_frame_parameters(content).has_checksum
    assert (len(content), hashlib.sha256(content).hexdigest()) == (backup["size"], backup["sha256"])
    assert backup["raw_size"] > backup["size"] > stream.part_size(0)  # so that S3 got more than one part
    assert (backup["release"], backup["verified"], backup["migrations"]) == ("v1.1.0", "checksum", {"count": 0, "last": None})
    assert backups.restored(backup["key"]) == (backups.database.schema(), contents(backups.database))

    assert backups.run(release="v1.1.0")["changed"]  # a backup of now is another one than that of a while ago
    assert len(backups.keys()) == 4


def test_a_backup_that_has_a_name_is_made_once(backups: Backups) -> None:
    first = backups.run(name="before-the-sale")
    again = backups.run(name="before-the-sale")
    assert (first["changed"], again["changed"]) == (True, False)
    assert again["backup"] == {"schema": 1, **first["backup"]}


def test_a_named_backup_whose_dump_was_cut_off_is_told_and_not_taken_for_one(in_folder: Backups, tmp_path: Path) -> None:
    key = in_folder.run(name="cut")["backup"]["key"]
    with (tmp_path / "store" / key).open("r+b") as dump:
        dump.truncate(1000)
    refused = in_folder.run(name="cut")
    assert refused["failed"]
    assert "damaged" in refused["msg"]


def fake_pg_dump(folder: Path, real: str, then: str) -> dict[str, Any]:
    """Options that put a program in place of pg_dump: it prints the first 3 MB of a real dump, then does something else."""
    folder.mkdir()
    program = folder / "pg_dump"
    program.write_text(f'#!/bin/sh\ncase "$1" in --version) exec {real}/pg_dump --version;; esac\n{real}/pg_dump "$@" | head -c 3000000\n{then}\n')
    program.chmod(0o700)
    return {"postgres_bin": str(folder)}


@pytest.mark.parametrize("then", ["echo connection lost >&2; exit 1", "kill -9 $$"])
def test_a_dump_that_breaks_off_is_no_backup(backups: Backups, tmp_path: Path, then: str) -> None:
    failed = backups.run(**fake_pg_dump(tmp_path / "bin", backups.parameters()["postgres_bin"], then))
    assert failed["error"]["kind"] == "command_failed"
    assert "so there is no backup" in failed["msg"]
    assert (backups.keys(), backups.unfinished()) == ([], [])


def test_a_dump_whose_session_is_ended_is_no_backup(backups: Backups) -> None:
    with locked(backups.database), worker(backups) as running:
        assert wait_until(lambda: waiting(backups.database) == 1, 30)
        backups.database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
        out, _err = running.communicate(timeout=60)
    failed = json.loads(out)
    assert "terminating connection due to administrator command" in failed["msg"]
    assert (backups.keys(), backups.unfinished()) == ([], [])


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes S3 answer 503 to every request of one operation of the module."""

    def fail(operation: str) -> None:
        def answer(request: Any, **_: Any) -> AWSResponse:
            class Body:
                def stream(self, **_: Any) -> Iterator[bytes]:
                    yield b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"

            body: Any = Body()  # botocore's annotations ask for urllib3's response; all that is read of it is the stream
            return AWSResponse(request.url, 503, HeadersDict(), body)

        def opened(params: Any) -> Store:
            store = open_store(params)
            assert isinstance(store, S3Store)
            store.client.meta.events.register(f"before-send.s3.{operation}", answer)
            return store

        monkeypatch.setattr(pg_backup, "open_store", opened)

    return fail


@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "GetObject", "PutObject"])
def test_a_store_that_fails_on_the_way_gets_no_manifest(in_s3: Backups, failing: Callable[[str], None], operation: str) -> None:
    failing(operation)
    failed = in_s3.run(name="broken")
    assert (failed["error"]["code"], failed["error"]["retryable"]) == ("SlowDown", True)
    assert in_s3.unfinished() == []
    left = ["backups/broken.dump.zst"] if operation in ("GetObject", "PutObject") else []
    assert in_s3.keys() == left

    failing("Nothing")
    again = in_s3.run(name="broken")
    assert again["changed"]
    assert [key for key in left if key not in "".join(again["warnings"])] == []
    assert in_s3.keys() == ["backups/broken.dump.zst", "backups/broken.json"]


def test_a_full_disk_leaves_nothing_behind(in_folder: Backups, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync, refused = os.fsync, list[int]()

    def full(descriptor: int) -> None:
        if os.fstat(descriptor).st_size > 1_000_000:
            refused.append(descriptor)
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    failed = in_folder.run()
    assert "No space left on device" in failed["msg"]
    assert refused  # by the dump itself
    monkeypatch.undo()
    assert (in_folder.keys(), in_folder.unfinished()) == ([], [])


def test_an_object_that_reads_back_changed_is_no_backup(backups: Backups, monkeypatch: pytest.MonkeyPatch) -> None:
    read = stream.read

    def flipped(store: Store, key: str) -> Iterator[bytes]:
        for number, piece in enumerate(read(store, key)):
            yield bytes([piece[0] ^ 1]) + piece[1:] if number == 2 else piece

    monkeypatch.setattr(stream, "read", flipped)
    failed = backups.run()
    assert failed["error"]["code"] == "checksum"
    assert len(backups.keys()) == 1  # the dump, which has no manifest


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """A table held so that pg_dump waits for it."""
    with closing(database.connect()) as connection:
        connection.autocommit = False
        connection.cursor().execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
        yield


def waiting(database: Database) -> int:
    ((count,),) = database.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
    return count


SCRIPT = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from ansible_collections.storefront.runbook.plugins.modules import pg_backup
from tests.unit.support import run_module
print(json.dumps(run_module(pg_backup, json.load(sys.stdin))))
"""


@contextmanager
def worker(backups: Backups, **options: Any) -> Iterator[subprocess.Popen]:
    """The module in a process of its own, which does not outlive the test."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT, json.dumps(sys.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin
        running.stdin.write(json.dumps(backups.parameters(**options)))
        running.stdin.close()
        running.stdin = None
        try:
            yield running
        finally:
            running.kill()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_killed_run_leaves_no_backup_and_no_pg_dump_and_the_next_one_clears_up(backups: Backups) -> None:
    with locked(backups.database), worker(backups, name="killed") as running:
        assert wait_until(lambda: waiting(backups.database) == 1, 30)
        (dump,) = children(running.pid)
        running.kill()
        assert wait_until(lambda: not Path(f"/proc/{dump}/exe").exists(), 10)
    assert backups.keys() == []
    assert backups.unfinished() == ["backups/killed.dump.zst"]

    again = backups.run(name="killed")
    assert again["changed"]
    assert "backups/killed.dump.zst" in "".join(again["warnings"])
    assert backups.unfinished() == []
    assert backups.keys() == ["backups/killed.dump.zst", "backups/killed.json"]


def test_no_process_shows_the_password_while_it_runs(in_folder: Backups) -> None:
    secret = in_folder.database.password.encode()
    with locked(in_folder.database), worker(in_folder) as running:
        assert wait_until(lambda: waiting(in_folder.database) == 1, 30)
        (dump,) = children(running.pid)
        environment = Path(f"/proc/{dump}/environ").read_bytes()
        (descriptor,) = re.findall(rb"PGPASSFILE=/dev/fd/(\d+)\0", environment)
        passfile = Path(f"/proc/{dump}/fd/{descriptor.decode()}")
        assert secret in passfile.read_bytes()
        assert passfile.stat().st_mode & 0o777 == 0o600
        assert passfile.stat().st_nlink == 0  # so that nothing is left of it whatever becomes of the run
        for pid in (running.pid, dump):
            assert secret not in Path(f"/proc/{pid}/cmdline").read_bytes()
            assert secret not in Path(f"/proc/{pid}/environ").read_bytes()


def test_no_result_holds_the_password(in_folder: Backups) -> None:
    assert in_folder.database.password not in json.dumps(in_folder.run())


def test_a_lease_that_was_taken_over_stops_it_before_it_writes(in_s3: Backups) -> None:
    held, _loser = lease.take(in_s3.store, holder="this run")
    lease.take(in_s3.store, holder="another run", reason="a test")
    before = in_s3.keys()
    stopped = in_s3.run(lease=held.token)
    assert stopped["error"]["kind"] == "lease_lost"
    assert (in_s3.keys(), in_s3.unfinished()) == (before, [])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"postgres_bin": "/nonexistent"}, "no_tool", "there is no pg_dump here in /nonexistent"),
        ({"store": "s3://no-such-bucket/shop"}, "NoSuchBucket", "no-such-bucket"),
        ({"store": "ftp://elsewhere"}, "bad_store", "s3://bucket/prefix"),
        ({"level": 99}, None, "from 1 to 19"),
        ({"name": "../outside"}, None, "cannot name a backup"),
        ({"database_url": "postgresql://shop:pw@127.0.0.1:1/shop"}, "connection", "Nothing listens there"),
    ],
)
def test_what_cannot_work_is_refused_in_check_mode_already(in_s3: Backups, options: dict[str, Any], code: str | None, words: str) -> None:
    refused = in_s3.run(**options, check=True)
    assert refused["failed"]
    assert refused["error"].get("code") == code
    assert words in refused["msg"]


def test_a_server_newer_than_every_pg_dump_is_refused_with_both_versions(in_folder: Backups, tmp_path: Path) -> None:
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    program.chmod(0o700)
    refused = in_folder.run(postgres_bin=str(tmp_path))
    server = refused["msg"].split()[4]
    assert "the newest pg_dump here is 9.6.24" in refused["msg"]
    assert f"postgresql-client-{server}" in refused["msg"]
