# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_backup against a real PostgreSQL, S3 and a folder: what is restored, and what is left when something
breaks on the way.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pyrage
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup import create, job
from ansible_collections.storefront.runbook.plugins.module_utils.backup.reader import open_backup
from ansible_collections.storefront.runbook.plugins.module_utils.backup.row_counts import snapshot
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import connect, parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.globals import database_statements
from ansible_collections.storefront.runbook.plugins.module_utils.release import lease
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import Store, unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder_files import FolderWriter
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3 import S3Store
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3_streams import part_size
from ansible_collections.storefront.runbook.plugins.modules import pg_backup, pg_backup_info, pg_backup_prune
from botocore.awsrequest import AWSResponse, HeadersDict

from sandbox.process import wait_until
from sandbox.storefront import BUCKET, Sandbox
from tests.integration.shop_database import Database
from tests.unit.support import run_module

PREFIX = "test-backup"
IDENTITY = pyrage.x25519.Identity.generate()
SECRET_KEY, PUBLIC_KEY = str(IDENTITY), str(IDENTITY.to_public())
OFF: dict[str, Any] = {"encryption": "off", "recipients": []}
FILL = """
CREATE TABLE item (id int PRIMARY KEY, price numeric(10,2) NOT NULL, name text);
CREATE INDEX item_name ON item (lower(name)) WHERE name IS NOT NULL;
CREATE VIEW cheap AS SELECT * FROM item WHERE price < 10;
CREATE SEQUENCE ticket START 42;
CREATE DOMAIN rating AS int CHECK (VALUE BETWEEN 1 AND 5);
CREATE TABLE review (item_id int REFERENCES item, stars rating, gross numeric GENERATED ALWAYS AS (stars * 1.19) STORED);
ALTER TABLE review ENABLE ROW LEVEL SECURITY;
CREATE POLICY good ON review USING (stars > 2);
CREATE PUBLICATION changes FOR TABLE item;
SELECT lo_from_bytea(4242, repeat('a picture', 10000)::bytea);
INSERT INTO item SELECT n, n / 100.0, md5(n::text) || md5((n * 7)::text) FROM generate_series(1, 60000) n;
"""  # noqa: E501


class Backups:
    """A database with 60,000 rows and the store that it is backed up to."""

    def __init__(self, database: Database, options: dict[str, Any]) -> None:
        self.database, self.options = database, options
        self.store: Store = open_store(options, unguarded)

    def run(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        return run_module(pg_backup, self.parameters(**options), check=check)

    def parameters(self, **options: Any) -> dict[str, Any]:
        binaries = self.database.sandbox.state["postgres"]["bin"]
        return {
            "database_url": self.database.url,
            "postgres_bin": binaries,
            "recipients": [PUBLIC_KEY],
            **self.options,
            **options,
        }

    def keys(self) -> list[str]:
        return [entry.key for entry in self.store.list()]

    def unfinished(self) -> list[str]:
        return [left.key for left in self.store.unfinished("backups/")]

    def clear(self) -> None:
        for left in self.store.unfinished("backups/"):
            self.store.discard(left)
        for key in self.keys():
            self.store.delete(key)

    def restored(self, name: str, folder: Path) -> tuple[list[str], Any]:
        """What is in a backup, restored into another database: (schema, a digest of the rows)."""
        other = Database(self.database.sandbox, "test-restored")
        try:
            with open_backup(self.store, name, SECRET_KEY) as backup:
                dump = backup.save(folder)
            program = Path(self.parameters()["postgres_bin"], "pg_restore")
            subprocess.run(
                [program, "--exit-on-error", "--jobs=2", "--dbname", other.url.partition("?")[0], dump], check=True
            )
            return other.schema(), contents(other)
        finally:
            other.drop()


def contents(database: Database) -> Any:
    return database.sql(
        "SELECT count(*), md5(string_agg(item::text, ',' ORDER BY id)), (SELECT last_value FROM ticket),"
        " md5(lo_get(4242)) FROM item"
    )


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
    backups = Backups(
        database, {"store": f"s3://{BUCKET}/{PREFIX}", **{f"store_{key}": settings[key] for key in settings}}
    )
    backups.clear()
    yield backups
    backups.clear()
    backups.store.close()


@pytest.fixture(params=["in_folder", "in_s3"])
def backups(request: pytest.FixtureRequest) -> Backups:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("where", "options"), [("in_folder", {}), ("in_s3", {}), ("in_s3", {"jobs": 2}), ("in_folder", OFF)]
)
def test_a_backup_is_predicted_then_made_and_holds_the_whole_database(
    request: pytest.FixtureRequest, tmp_path: Path, where: str, options: dict[str, Any]
) -> None:
    backups: Backups = request.getfixturevalue(where)
    if where == "in_s3":  # more than one part
        backups.database.sql(
            "CREATE TABLE IF NOT EXISTS bulk AS SELECT md5(n::text) || md5((n * 7)::text) FROM generate_series(1,"
            " 250000) n"
        )
    predicted = backups.run(release="v1.1.0", check=True, **options)
    assert predicted["changed"]
    assert (predicted["backup"]["sha256"], predicted["backup"]["size"]) == (None, None)
    assert predicted["backup"]["database_size"] > 10_000_000
    assert backups.keys() == []

    made = backups.run(release="v1.1.0", **options)
    backup = made["backup"]
    assert made["changed"]
    assert json.loads((backups.store.get(f"backups/{backup['name']}.json") or (b"",))[0]) == backup
    sums = {}
    for item in backup["objects"]:
        content = b"".join(backups.store.read(f"backups/{backup['name']}/{item['file']}"))
        assert content.startswith(b"age-encryption.org/v1\n") == (backup["encryption"] == "age")
        assert (len(content), hashlib.sha256(content).hexdigest()) == (item["size"], item["sha256"])
        sums[item["file"]] = item["sha256"]
    listed = "".join(f"{sums[file]}  {file}\n" for file in sorted(sums))
    assert hashlib.sha256(listed.encode()).hexdigest() == backup["sha256"]
    assert len(backups.keys()) == len(sums) + 1
    assert backup["raw_size"] > backup["size"] > (part_size(0) if where == "in_s3" else 0)
    assert backup["bytes_per_second"] > 1_000_000
    assert (backup["release"], backup["verified"], backup["migrations"]) == (
        "v1.1.0",
        "checksum",
        {"count": 0, "last": None},
    )
    assert backups.restored(backup["name"], tmp_path) == (backups.database.schema(), contents(backups.database))
    backups.database.sql("DROP TABLE IF EXISTS bulk")


def test_two_backups_are_two_and_one_that_has_a_name_is_made_once(in_folder: Backups) -> None:
    names = {in_folder.run(release="v1.1.0")["backup"]["name"] for _unused in range(2)}
    assert len(names) == 2
    first = in_folder.run(name="before-the-sale")
    again = in_folder.run(name="before-the-sale")
    assert (first["changed"], again["changed"]) == (True, False)
    assert again["backup"] == first["backup"]


@pytest.mark.parametrize("options", [{}, {"jobs": 2}])
def test_a_decoded_backup_was_read_as_a_whole_by_pg_restore(in_s3: Backups, options: dict[str, Any]) -> None:
    made = in_s3.run(verify="decode", identity=SECRET_KEY, **options)
    assert made["backup"]["verified"] == "decode"
    assert SECRET_KEY not in json.dumps(made)


def test_a_backup_opens_with_the_key_of_one_of_its_recipients_alone(in_folder: Backups) -> None:
    name = in_folder.run()["backup"]["name"]
    with open_backup(in_folder.store, name) as backup:
        backup.verify()  # needs no key
        with pytest.raises(
            ConfigError, match=f"is encrypted to {PUBLIC_KEY}. Give the secret key of one of them as identity"
        ):
            backup.read_globals()
    other = str(pyrage.x25519.Identity.generate())
    with (
        pytest.raises(
            ConfigError, match=f"cannot open the backup {name}, which is encrypted to {PUBLIC_KEY}"
        ) as refused,
        open_backup(in_folder.store, name, other),
    ):
        pass
    assert other not in str(refused.value)


def test_what_a_dump_leaves_out_is_kept_beside_it(in_folder: Backups) -> None:
    database = in_folder.database
    database.sql(f"ALTER DATABASE \"{database.name}\" SET application_name = 'it''s a shop'")
    database.sql(f'GRANT TEMPORARY ON DATABASE "{database.name}" TO pg_monitor')
    try:
        with open_backup(in_folder.store, in_folder.run()["backup"]["name"], SECRET_KEY) as backup:
            found = backup.read_globals()
    finally:
        database.sql(f'REVOKE TEMPORARY ON DATABASE "{database.name}" FROM pg_monitor')
        database.sql(f'ALTER DATABASE "{database.name}" RESET application_name')
    assert [role["name"] for role in found["roles"]] == ["shop"]  # pg_monitor is on every server
    assert "password" not in json.dumps(found)
    other = Database(database.sandbox, "test-restored")
    try:
        for statement in database_statements(found, other.name):
            other.sql(statement)
        assert other.sql("SHOW application_name") == [("it's a shop",)]
        assert other.sql("SELECT has_database_privilege('pg_monitor', current_database(), 'TEMPORARY')") == [(True,)]
    finally:
        other.drop()


def change(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "cut off":
        del content[-1000:]
    else:
        content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("options", [{}, OFF])
@pytest.mark.parametrize("how", ["flipped", "cut off"])
def test_a_changed_object_is_reported_with_and_without_the_key(
    in_folder: Backups, tmp_path: Path, how: str, options: dict[str, Any]
) -> None:
    made = in_folder.run(name="changed", **options)["backup"]
    dump = made["objects"][0]["file"]
    change(tmp_path / "store" / "backups" / "changed" / dump, how)
    with open_backup(in_folder.store, "changed", SECRET_KEY) as backup:
        with pytest.raises(
            RunbookError,
            match=(
                f"{dump} of the backup changed in file://.* is damaged: the store returns other bytes than were written"
            ),
        ):
            backup.verify()
        with pytest.raises(RunbookError, match=f"{dump} of the backup changed in file://.* is damaged"):
            for _unused in backup.pieces():
                pass
    again = in_folder.run(name="changed")
    assert again["failed"] == (how == "cut off")  # a listing shows the size, and all else is for verify


def test_two_objects_that_were_swapped_are_reported(in_folder: Backups, tmp_path: Path) -> None:
    made = in_folder.run(jobs=2)["backup"]
    folder = tmp_path / "store" / "backups" / made["name"]
    first, second = (folder / item["file"] for item in made["objects"][:2])
    first.rename(folder / "third")
    second.rename(first)
    (folder / "third").rename(second)
    with (
        open_backup(in_folder.store, made["name"], SECRET_KEY) as backup,
        pytest.raises(RunbookError, match="the store returns other bytes than were written"),
    ):
        backup.save(tmp_path)


def test_a_manifest_of_another_backup_is_none(in_folder: Backups, tmp_path: Path) -> None:
    in_folder.run(name="mine")
    (tmp_path / "store" / "backups" / "yours.json").write_bytes(
        (tmp_path / "store" / "backups" / "mine.json").read_bytes()
    )
    refused = in_folder.run(name="yours")
    assert refused["error"]["code"] == "bad_manifest"
    assert "is not a manifest of the backup yours" in refused["msg"]


def fake_pg_dump(folder: Path, real: str, then: str) -> dict[str, Any]:
    """Options that put a program in place of pg_dump: it prints the first 3 MB of a real dump, then does
    something else.
    """
    folder.mkdir()
    program = folder / "pg_dump"
    program.write_text(
        f'#!/bin/sh\ncase "$1" in --version) exec {real}/pg_dump --version;; esac\n{real}/pg_dump "$@" | head -c'
        f" 3000000\n{then}\n"
    )
    program.chmod(0o700)
    return {"postgres_bin": str(folder)}


@pytest.mark.parametrize("then", ["echo connection lost >&2; exit 1", "kill -9 $$"])
def test_a_dump_that_breaks_off_is_no_backup(backups: Backups, tmp_path: Path, then: str) -> None:
    failed = backups.run(**fake_pg_dump(tmp_path / "bin", backups.parameters()["postgres_bin"], then))
    assert failed["error"]["kind"] == "command_failed"
    assert "so there is no backup" in failed["msg"]
    assert (backups.keys(), backups.unfinished()) == ([], [])


@pytest.mark.parametrize("options", [{}, {"jobs": 2}])
def test_a_dump_whose_session_is_ended_is_no_backup(in_s3: Backups, options: dict[str, Any]) -> None:
    backups = in_s3
    with locked(backups.database), worker(backups, **options) as running:
        assert wait_until(lambda: waiting(backups.database) == 1, 30)
        backups.database.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname ="
            " current_database()"
        )
        out, _err = running.communicate(timeout=60)
    failed = json.loads(out)
    # libpq may find the connection closed before it has read the server's farewell
    assert any(
        words in failed["msg"]
        for words in (
            "terminating connection due to administrator command",
            "server closed the connection unexpectedly",
        )
    )
    assert (backups.keys(), backups.unfinished()) == ([], [])


@pytest.mark.own_process
def test_a_dump_whose_session_is_ended_in_the_middle_of_a_table_is_no_backup(
    in_folder: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, ended = FolderWriter.write, list[Any]()

    def end_it(self: FolderWriter, data: bytes) -> None:
        write(self, data)
        if data and not ended:
            ended.extend(
                in_folder.database.sql(
                    "SELECT query FROM pg_stat_activity WHERE query LIKE 'COPY%item%' AND pg_terminate_backend(pid)"
                )
            )

    monkeypatch.setattr(FolderWriter, "write", end_it)
    failed = in_folder.run(**OFF)
    assert ended
    # libpq may find the connection closed before it has read the server's farewell
    assert any(
        words in failed["msg"]
        for words in (
            "terminating connection due to administrator command",
            "server closed the connection unexpectedly",
        )
    )
    assert (in_folder.keys(), in_folder.unfinished()) == ([], [])


SLOW_DOWN = (503, "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>")
TOO_SKEWED = (  # as S3 answers on a machine whose clock is 90 minutes late
    403,
    (
        "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and the current time"
        " is too large.</Message>"
        "<RequestTime>20260131T120000Z</RequestTime><ServerTime>2026-01-31T13:30:00Z</ServerTime></Error>"
    ),
)
WRITES = ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "GetObject", "PutObject")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes S3 answer an error to every request of one operation of the module."""

    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)

    def fail(operation: str, status: int = SLOW_DOWN[0], text: str = SLOW_DOWN[1]) -> None:
        def answer(request: Any) -> AWSResponse:
            class Body:
                def stream(self, **_: Any) -> Iterator[bytes]:
                    yield text.encode()

            # botocore's annotations ask for urllib3's response; all that is read of it is the stream
            body: Any = Body()
            return AWSResponse(request.url, status, HeadersDict(), body)

        def opened(params: Any, permit: Any) -> Store:
            store = open_store(params, permit)
            assert isinstance(store, S3Store)
            events = store.client.meta.events

            def send(request: Any, event_name: str, **_: Any) -> Any:
                return answer(request) if event_name.endswith(f".{operation}") else store._send_in_time(request)

            events.unregister("before-send.s3", store._send_in_time)
            events.register("before-send.s3", send)
            return store

        monkeypatch.setattr(job, "open_store", opened)

    return fail


@pytest.mark.own_process
@pytest.mark.parametrize("operation", ["ListObjectsV2", *WRITES])
def test_a_wrong_clock_is_named_with_both_times_wherever_the_store_notices_it(
    in_s3: Backups, failing: Callable[..., None], operation: str
) -> None:
    failing(operation, *TOO_SKEWED)
    failed = in_s3.run(name="late")
    assert (failed["error"]["kind"], failed["error"]["code"]) == ("config", "RequestTimeTooSkewed")
    assert (
        "it is 2026-01-31 12:00:00 UTC on this machine and 2026-01-31 13:30:00 UTC at the store. Correct the clock of"
        " this machine (NTP)" in failed["msg"]
    )
    assert not any(word in failed["msg"] for word in ("credentials", "access denied"))
    assert in_s3.unfinished() == []
    left = in_s3.keys()
    assert "backups/late.json" not in left


@pytest.mark.own_process
@pytest.mark.parametrize("operation", WRITES)
def test_a_store_that_fails_on_the_way_gets_no_manifest(
    in_s3: Backups, failing: Callable[..., None], operation: str
) -> None:
    failing(operation)
    failed = in_s3.run(name="broken")
    assert (failed["error"]["code"], failed["error"]["retryable"]) == ("SlowDown", True)
    assert in_s3.unfinished() == []
    objects = ["backups/broken/dump.zst.age", "backups/broken/globals.json.zst.age"]
    left = objects if operation in ("GetObject", "PutObject") else []
    assert in_s3.keys() == left

    failing("Nothing")
    again = in_s3.run(name="broken")
    assert again["changed"]
    assert [key for key in left if key not in "".join(again["warnings"])] == []
    assert in_s3.keys() == ["backups/broken.json", *objects]


@pytest.mark.parametrize(
    ("options", "words"),
    [({}, "Could not write the store file://"), ({"jobs": 2}, "pg_dump of test-backup on 127.0.0.1")],
)
def test_a_full_disk_leaves_nothing_behind(
    in_folder: Backups, options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    (tmp_path / "scratch").mkdir()
    with worker(in_folder, limit=1_000_000, scratch_dir=str(tmp_path / "scratch"), **options) as running:
        out, _err = running.communicate(timeout=60)
    failed = json.loads(out)
    assert words in failed["msg"]
    assert (in_folder.keys(), in_folder.unfinished(), list((tmp_path / "scratch").iterdir())) == ([], [], [])


@pytest.mark.own_process
def test_an_object_that_reads_back_changed_is_no_backup(backups: Backups, monkeypatch: pytest.MonkeyPatch) -> None:
    read = type(backups.store).read

    def flipped(store: Store, key: str, *tick: Any) -> Iterator[bytes]:
        for number, piece in enumerate(read(store, key, *tick)):
            yield bytes([piece[0] ^ 1]) + piece[1:] if number == 2 else piece

    monkeypatch.setattr(type(backups.store), "read", flipped)
    failed = backups.run(name="flipped")
    assert failed["error"]["code"] == "checksum"
    assert backups.keys() == ["backups/flipped/dump.zst.age", "backups/flipped/globals.json.zst.age"]  # and no manifest


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """A table held so that pg_dump waits for it."""
    with closing(database.connect()) as connection:
        connection.autocommit = False
        connection.cursor().execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
        yield


def waiting(database: Database) -> int:
    ((count,),) = database.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return count


SCRIPT = """
import json, resource, sys
sys.path[:] = json.loads(sys.argv[1])
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from ansible_collections.storefront.runbook.plugins.modules import pg_backup, pg_backup_info, pg_backup_prune
from tests.unit.support import run_module
print(json.dumps(run_module(pg_backup, json.load(sys.stdin))))
"""


@contextmanager
def worker(backups: Backups, *, limit: int = 0, **options: Any) -> Iterator[subprocess.Popen]:
    """The module in a process of its own, which does not outlive the test; ``limit`` is how large a file it
    may write, in bytes.
    """
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(sys.path), str(limit)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "MODULES_RUN"},
        text=True,
    ) as running:
        assert running.stdin
        running.stdin.write(json.dumps(backups.parameters(**options)))
        running.stdin.close()
        running.stdin = None
        try:
            yield running
        finally:
            running.kill()


def children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


@pytest.mark.parametrize("options", [{}, {"jobs": 2}])
def test_a_killed_run_leaves_no_backup_and_no_pg_dump_and_the_next_one_clears_up(
    in_s3: Backups, options: dict[str, Any], tmp_path: Path
) -> None:
    options = {**options, "name": "killed", "scratch_dir": str(tmp_path / "scratch")}
    (tmp_path / "scratch").mkdir()
    left = [] if "jobs" in options else ["backups/killed/dump.zst.age"]
    with locked(in_s3.database), worker(in_s3, **options) as running:
        assert wait_until(
            lambda: waiting(in_s3.database) >= 1 and in_s3.unfinished() == left and len(children(running.pid)) == 1, 30
        )
        (dump,) = children(running.pid)
        running.kill()
        assert wait_until(lambda: not Path(f"/proc/{dump}/exe").exists(), 10)
    assert in_s3.keys() == []
    assert in_s3.unfinished() == left
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "scratch").iterdir()] == (
        [0o700] if "jobs" in options else []
    )

    again = in_s3.run(**options)
    assert again["changed"]
    assert all(key in "".join(again["warnings"]) for key in left)
    assert (in_s3.unfinished(), list((tmp_path / "scratch").iterdir())) == ([], [])
    assert in_s3.keys()[0] == "backups/killed.json"


@pytest.mark.parametrize("options", [{}, {"jobs": 2}])
def test_no_process_shows_a_secret_while_it_runs(in_folder: Backups, options: dict[str, Any]) -> None:
    secret = in_folder.database.password.encode()
    with locked(in_folder.database), worker(in_folder, identity=SECRET_KEY, verify="decode", **options) as running:
        assert wait_until(lambda: waiting(in_folder.database) >= 1, 30)
        (dump,) = children(running.pid)
        environment = Path(f"/proc/{dump}/environ").read_bytes()
        (descriptor,) = re.findall(rb"PGPASSFILE=/dev/fd/(\d+)\0", environment)
        passfile = Path(f"/proc/{dump}/fd/{descriptor.decode()}")
        assert secret in passfile.read_bytes()
        assert passfile.stat().st_mode & 0o777 == 0o600
        assert passfile.stat().st_nlink == 0  # so that nothing is left of it whatever becomes of the run
        for pid in (running.pid, dump, *children(dump)):
            for hidden in (secret, SECRET_KEY.encode()):
                assert hidden not in Path(f"/proc/{pid}/cmdline").read_bytes()
                assert hidden not in Path(f"/proc/{pid}/environ").read_bytes()


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
        ({"recipients": None}, "no_encryption", "No encryption recipients were given"),
        ({"name": "../outside"}, None, "cannot name a backup"),
        ({"database_url": "postgresql://shop:pw@127.0.0.1:1/shop"}, "connection", "No server listens there"),
    ],
)
def test_what_cannot_work_is_refused_in_check_mode_already(
    in_s3: Backups, options: dict[str, Any], code: str | None, words: str
) -> None:
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


def test_s3_is_cleared_of_what_no_rule_keeps_and_of_what_runs_left(in_s3: Backups) -> None:
    older, newer = (in_s3.run(jobs=jobs)["backup"]["name"] for jobs in (2, 1))
    in_s3.store.open_writer("backups/killed/dump.zst.age")
    listed = run_module(pg_backup_info, in_s3.options)
    assert [(backup["name"], backup["format"]) for backup in listed["backups"]] == [
        (newer, "custom"),
        (older, "directory"),
    ]
    assert [(left["key"], left["unfinished"]) for left in listed["leftovers"]] == [
        ("backups/killed/dump.zst.age", True)
    ]
    assert all(0 <= backup["age"] < 600 for backup in listed["backups"])  # to this S3 every upload began in 2010
    pruned = run_module(pg_backup_prune, {**in_s3.options, "keep_last": 1, "leftovers_after": 1e-9})
    assert [backup["name"] for backup in pruned["removed"]] == [older]
    assert pruned["leftovers"] == ["backups/killed/dump.zst.age"]
    assert in_s3.keys() == [
        f"backups/{newer}.json",
        f"backups/{newer}/dump.zst.age",
        f"backups/{newer}/globals.json.zst.age",
    ]
    assert in_s3.unfinished() == []


@pytest.fixture
def bucket(s3_options: dict[str, Any]) -> Iterator[Any]:
    """A bucket of its own that somebody may open to the world; ``options`` of the module lead there."""
    options = {**s3_options, "store": f"s3://open-{uuid.uuid4()}/shop"}
    store = open_store(options, unguarded)
    assert isinstance(store, S3Store)
    store.client.create_bucket(Bucket=store.bucket)
    yield store.client, store.bucket, options
    store.close()


POLICY = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}


@pytest.mark.parametrize("how", ["policy", "ACL"])
def test_a_publicly_readable_bucket_is_refused_until_public_access_is_blocked(
    in_folder: Backups, bucket: Any, how: str
) -> None:
    client, name, options = bucket
    assert in_folder.run(check=True, **options)["warnings"] == []
    if how == "policy":
        statement = {**POLICY, "Resource": f"arn:aws:s3:::{name}/*"}
        client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    else:
        client.put_bucket_acl(Bucket=name, ACL="public-read")
    refused = in_folder.run(**options)
    assert refused["error"]["code"] == "public_store"
    # The access key of the store is the word "access", so it is masked here.
    assert f"The bucket {name} is public (its {how} allows public ********)" in refused["msg"]
    assert "Contents" not in client.list_objects_v2(Bucket=name)
    blocks = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=blocks)
    assert not in_folder.run(check=True, **options)["failed"]


@pytest.mark.own_process
def test_rows_are_counted_in_the_snapshot_that_is_dumped_however_much_is_written_meanwhile(
    in_folder: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump, database = create.dump_stream, in_folder.database

    def written_meanwhile(*values: Any) -> Any:
        database.sql("INSERT INTO review VALUES (1, 5), (2, 4)")
        with pytest.raises(psycopg2.errors.LockNotAvailable):  # it is held, so that what is counted is what was dumped
            database.sql("SET lock_timeout = '50ms'; TRUNCATE review")
        return dump(*values)

    monkeypatch.setattr(create, "dump_stream", written_meanwhile)
    try:
        made = in_folder.run(name="counted", **OFF)["backup"]
    finally:
        database.sql("TRUNCATE review")
    assert (made["tables"], made["estimates"]) == ({"public.review": 0, "public.item": 60000}, {})


@pytest.mark.parametrize(("limit", "counted"), [(0, set()), (100_000, {"public.review"}), (1 << 32, {"public.review"})])
def test_what_is_too_large_or_locked_is_estimated_and_marked_so(
    in_folder: Backups, limit: int, counted: set[str]
) -> None:
    with closing(in_folder.database.connect()) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
        with snapshot(connect(parse_url(in_folder.database.url)), limit, lambda: None) as seen:
            counts = seen.count()
    assert counts["tables"].keys() == counted
    assert counts["tables"].keys() | counts["estimates"].keys() == {"public.review", "public.item"}
