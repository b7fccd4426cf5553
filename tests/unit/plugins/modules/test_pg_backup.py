# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_backup in process, on a folder, with a database and a pg_dump that are faked: what is refused,
predicted, made and kept to itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyrage
import pytest
import zstandard
from ansible_collections.storefront.runbook.plugins.module_utils.backup import create, job
from ansible_collections.storefront.runbook.plugins.module_utils.backup import dump as backup
from ansible_collections.storefront.runbook.plugins.module_utils.backup import reader as backup_reader
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration
from ansible_collections.storefront.runbook.plugins.module_utils.release import lease
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store
from ansible_collections.storefront.runbook.plugins.modules import deploy_lease, pg_backup

from tests.unit.plugins.fake_postgres import FakePostgres
from tests.unit.support import run_module

URL = "postgresql://shop:hunter22@db.example/shop"
UNKNOWN = {
    "tables",
    "estimates",
    "invalid_indexes",
    "raw_size",
    "size",
    "sha256",
    "objects",
    "finished_at",
    "duration",
    "bytes_per_second",
}  # before it is made
RECIPIENT = "age14epm67jzfeupyztl7sxnp5k2yeethfmnygyft79ch8txwahh834q6p6h7c"
SECRET_KEY = "AGE-SECRET-KEY-137QRQWQ40L7ZFTFSC5Q2D4DR60LJR5FTEP2DKUTMXUS3NM50YU9SDXNGJ7"
OTHER = "age1etp3m7jvefxnhs0etxsms5mz9je9tpfjwzz0fxsf22u75vjvjd6sjes7ec"

Back = Callable[..., dict[str, Any]]


def unpack(content: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(content)


def files(folder: Path) -> list[str]:
    """All that is in a folder, at any depth."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where backups are kept."""
    return tmp_path / "store" / "backups"


@pytest.fixture
def pg_dump(tmp_path: Path) -> Callable[[str], None]:
    """Says what pg_dump does; version 15.20 at any rate."""
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()

    def does(script: str) -> None:
        program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) 15.20" && exit\n{script}\n')
        program.chmod(0o700)

    does("echo the whole shop")
    return does


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    return {"store": (tmp_path / "store").as_uri(), "store_is_shared": True}


@pytest.fixture
def back_up(
    store: dict[str, Any], pg_dump: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Back:
    monkeypatch.setattr(
        job,
        "connect",
        lambda database: FakePostgres(Migration("1_init", "SELECT 1;"), Migration("2_rating", "SELECT 2;")),
    )
    counted = {"tables": {"public.item": 3}, "estimates": {}, "invalid_indexes": []}
    scope = ["--snapshot=00000003-0000001B-1"]
    seen = SimpleNamespace(connection=FakePostgres(), scope=lambda: scope, stay=lambda: None, count=lambda: counted)
    pg_restore = tmp_path / "bin" / "pg_restore"
    pg_restore.write_text('#!/bin/sh\necho "pg_restore (PostgreSQL) 15.20"\n')
    pg_restore.chmod(0o700)
    monkeypatch.setattr(create, "snapshot", lambda *_: nullcontext(seen))
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def call(*, check: bool = False, **params: Any) -> dict[str, Any]:
        given = {"database_url": URL, "postgres_bin": str(tmp_path / "bin"), "encryption": "off", **store, **params}
        return run_module(pg_backup, {key: value for key, value in given.items() if value is not None}, check=check)

    return call


def test_check_mode_returns_all_that_is_known_and_writes_nothing(
    back_up: Back, store: dict[str, Any], folder: Path
) -> None:
    predicted = back_up(name="sale", release="v1.1.0", check=True)
    facts = predicted["backup"]
    location = f"{store['store']}/backups/sale/"
    assert predicted["changed"] is True
    assert predicted["diff"] == {
        "before": {},
        "after": {"backup": location, "database_size": 4000, "format": "custom", "encryption": "off"},
    }
    assert {key for key, value in facts.items() if value is None} == UNKNOWN
    assert (facts["location"], facts["release"], facts["server_version"], facts["pg_dump_version"]) == (
        location,
        "v1.1.0",
        "15.20",
        "15.20",
    )
    assert facts["migrations"] == {"count": 2, "last": "2_rating"}
    assert not folder.exists()


def test_a_backup_is_a_dump_what_is_not_in_it_and_a_manifest_with_their_checksums(back_up: Back, folder: Path) -> None:
    predicted = back_up(name="sale", check=True)["backup"]
    made = back_up(name="sale")["backup"]
    dump, rest = made["objects"]
    content = (folder / "sale" / "dump.zst").read_bytes()
    assert unpack(content) == b"the whole shop\n"
    assert dump == {
        "source": "dump",
        "file": "dump.zst",
        "size": len(content),
        "raw_size": 15,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert json.loads(unpack((folder / "sale" / rest["file"]).read_bytes()))["database"] == {
        "name": "shop",
        "owner": "shop",
    }
    assert (made["size"], made["raw_size"]) == (dump["size"] + rest["size"], dump["raw_size"] + rest["raw_size"])
    assert made["bytes_per_second"] > 0
    assert json.loads((folder / "sale.json").read_text()) == made
    moving = {*UNKNOWN, "started_at"}
    assert {key: value for key, value in made.items() if key not in moving} == {
        key: predicted[key] for key in predicted if key not in moving
    }


def test_an_encrypted_backup_opens_with_the_secret_key_alone(back_up: Back, folder: Path) -> None:
    made = back_up(name="sale", encryption=None, recipients=[RECIPIENT])["backup"]
    assert (made["encryption"], made["recipients"]) == ("age", [RECIPIENT])
    assert sorted(path.name for path in (folder / "sale").iterdir()) == ["dump.zst.age", "globals.json.zst.age"]
    content = (folder / "sale" / "dump.zst.age").read_bytes()
    assert hashlib.sha256(content).hexdigest() == made["objects"][0]["sha256"]
    assert unpack(pyrage.decrypt(content, [pyrage.x25519.Identity.from_str(SECRET_KEY)])) == b"the whole shop\n"


def test_a_directory_is_stored_as_one_object_for_each_of_its_files(
    back_up: Back, pg_dump: Callable[[str], None], folder: Path, tmp_path: Path
) -> None:
    pg_dump(
        "for option; do case $option in --file=*) to=${option#--file=};; esac; done; mkdir $to; echo rows > $to/1.dat;"
        " echo toc > $to/toc.dat"
    )
    (tmp_path / "scratch").mkdir()
    made = back_up(name="sale", jobs=2, scratch_dir=str(tmp_path / "scratch"))["backup"]
    assert (made["format"], made["jobs"]) == ("directory", 2)
    assert {item["source"] for item in made["objects"]} == {"1.dat", "toc.dat", "globals.json"}
    assert unpack((folder / "sale" / "1.dat.zst").read_bytes()) == b"rows\n"
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_name_is_made_of_the_database_the_time_and_the_release(back_up: Back) -> None:
    name = back_up(release="v1.1.0/hot fix", check=True)["backup"]["name"]
    assert name.startswith("shop-20")
    assert name.endswith("Z-v1.1.0_hot_fix")


def test_a_backup_that_has_a_name_is_made_once(back_up: Back, pg_dump: Callable[[str], None]) -> None:
    first = back_up(name="sale")
    pg_dump("exit 1")
    again = back_up(name="sale")
    assert (again["failed"], again["changed"]) == (False, False)
    assert again["backup"] == first["backup"]


def test_a_damaged_backup_is_not_taken_for_one(back_up: Back, folder: Path) -> None:
    back_up(name="sale")
    (folder / "sale" / "dump.zst").write_bytes(b"half")
    refused = back_up(name="sale")
    assert (refused["error"]["kind"], refused["error"]["code"]) == ("config", "damaged")
    assert "The backup sale is damaged: dump.zst has 4 bytes" in refused["msg"]


def test_a_pg_dump_that_fails_leaves_no_backup_and_its_words_are_masked(
    back_up: Back, pg_dump: Callable[[str], None], folder: Path
) -> None:
    pg_dump("echo half; echo no luck with hunter22 >&2; exit 4")
    failed = back_up()
    assert (failed["error"]["kind"], failed["error"]["code"]) == ("command_failed", "4")
    assert "no luck with ********" in failed["msg"]
    assert "hunter22" not in repr(failed)
    assert files(folder) == []


def test_an_object_that_reads_back_other_than_it_was_written_gets_no_manifest(
    back_up: Back, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FolderStore, "read", lambda store, key, tick: iter([b"other"]))
    assert back_up(name="sale")["error"]["code"] == "checksum"
    assert files(folder) == ["sale/dump.zst", "sale/globals.json.zst"]
    assert back_up(name="trusted", verify="none")["backup"]["verified"] == "none"


def test_what_failed_runs_left_is_named_and_removed_under_its_own_name_alone(back_up: Back, folder: Path) -> None:
    for name in ("lost/dump.zst", "sale/old.dat.zst", "sale/.dump.zst.partial"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    result = back_up(name="sale")
    (warning,) = result["warnings"]
    assert "backups/lost/dump.zst, backups/sale/dump.zst, backups/sale/old.dat.zst" in warning
    assert files(folder) == ["lost/dump.zst", "sale.json", "sale/dump.zst", "sale/globals.json.zst"]


def test_a_backup_that_takes_too_long_is_discarded(back_up: Back, pg_dump: Callable[[str], None], folder: Path) -> None:
    pg_dump("exec sleep 600")
    assert back_up(wait_timeout=0)["error"]["kind"] == "wait_timeout"
    assert files(folder) == []


def test_a_decoded_backup_was_read_by_pg_restore(
    back_up: Back, pg_dump: Callable[[str], None], folder: Path, tmp_path: Path
) -> None:
    reader = tmp_path / "bin" / "pg_restore"
    reader.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "pg_restore (PostgreSQL) 15.20" && exit\necho "$@" >'
        f" {tmp_path}/asked; cat > {tmp_path}/read\n"
    )
    reader.chmod(0o700)
    made = back_up(name="sale", verify="decode", recipients=[RECIPIENT], encryption="age", identity=SECRET_KEY)
    assert made["backup"]["verified"] == "decode"
    assert (tmp_path / "read").read_text() == "the whole shop\n"
    assert (tmp_path / "asked").read_text() == "--file=/dev/null\n"
    assert SECRET_KEY not in repr(made)
    reader.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "pg_restore (PostgreSQL) 15.20" && exit\necho not an archive >&2;'
        " exit 1\n"
    )
    failed = back_up(name="second", verify="decode")
    assert failed["error"]["code"] == "damaged"
    assert "pg_restore 15.20 cannot read it: not an archive" in failed["msg"]
    assert not (folder / "second.json").exists()


def test_the_identity_may_be_in_a_file_with_comments(back_up: Back, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"# created: 2026-02-02\n# public key: {RECIPIENT}\n{SECRET_KEY}\n")
    (tmp_path / "bin" / "pg_restore").unlink()
    refused = back_up(verify="decode", recipients=[RECIPIENT], encryption="age", identity_file=str(tmp_path / "key"))
    assert refused["error"]["code"] == "no_tool"  # so that the key was not what it lacked: there is no pg_restore here


def test_a_machine_that_could_not_restore_the_backup_is_named_and_cannot_verify_it_by_decoding(
    back_up: Back, tmp_path: Path
) -> None:
    (tmp_path / "bin" / "pg_restore").unlink()
    (warning,) = back_up(name="sale")["warnings"]
    assert "The programs on this machine cannot restore this backup." in warning
    assert "postgresql-client-15" in warning
    assert back_up(name="second", verify="decode")["error"]["code"] == "no_tool"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"database_url": None}, "missing required arguments: database_url"),
        ({"store": None}, "missing required arguments: store"),
        ({"store": "ftp://elsewhere"}, "neither s3://bucket/prefix nor file:///path"),
        ({"store_is_shared": False}, "set store_is_shared: true"),
        ({"database_url": f"{URL}?pgbouncer=true"}, "Give the server's own address as database_url"),
        ({"database_url": "mysql://shop:hunter22@db.example/shop"}, "not with postgresql://"),
        ({"encryption": None}, "No encryption recipients were given. Set recipients"),
        ({"encryption": "age"}, "No encryption recipients were given"),
        ({"encryption": "age", "recipients": []}, "No encryption recipients were given"),
        ({"recipients": [RECIPIENT]}, "encryption is off, and recipients are given"),
        ({"encryption": None, "recipients": ["age1nonsense"]}, "'age1nonsense' in recipients is not a public key"),
        ({"encryption": None, "recipients": [SECRET_KEY]}, "recipients holds a secret key of age"),
        (
            {"encryption": None, "recipients": [RECIPIENT], "verify": "decode"},
            "needs a secret key, as identity or identity_file",
        ),
        (
            {"encryption": None, "recipients": [RECIPIENT], "verify": "decode", "identity": "hunter22"},
            "identity holds no secret key of age",
        ),
        (
            {"encryption": None, "recipients": [RECIPIENT], "verify": "decode", "identity_file": "/nonexistent"},
            "/nonexistent cannot be read: No such file",
        ),
        (
            {"encryption": None, "recipients": [OTHER], "verify": "decode", "identity": SECRET_KEY},
            "identity is not the secret key of any of the recipients",
        ),
        ({"format": "custom", "jobs": 2}, "jobs applies to the format directory"),
        ({"jobs": 0}, "jobs is 0"),
        ({"scratch_dir": "/nonexistent"}, "The folder /nonexistent does not exist"),
        ({"level": 0}, "level is 0. Give a level from 1 to 19"),
        ({"level": 20}, "level is 20"),
        ({"name": "../lease"}, "'../lease' cannot name a backup"),
        ({"verify": "twice"}, "value of verify must be one of: decode, checksum, none"),
        ({"postgres_bin": "/nonexistent"}, "there is no pg_dump here in /nonexistent"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    back_up: Back, folder: Path, params: dict[str, Any], said: str
) -> None:
    result = back_up(**params)
    assert result["failed"]
    assert said in result["msg"]
    assert "hunter22" not in repr(result)
    assert SECRET_KEY not in repr(result)
    assert not folder.exists()


def test_nothing_is_written_under_a_lease_that_was_lost(back_up: Back, store: dict[str, Any], folder: Path) -> None:
    token = run_module(deploy_lease, {**store, "state": "held"})["token"]
    assert back_up(lease=token, name="first")["changed"] is True
    run_module(deploy_lease, {**store, "state": "held", "break_lease": "the site is down"})
    assert back_up(lease=token, name="second")["error"]["kind"] == "lease_lost"
    assert files(folder) == ["first.json", "first/dump.zst", "first/globals.json.zst"]


def test_a_lease_that_is_lost_on_the_way_leaves_no_manifest(
    back_up: Back, store: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, _loser = lease.take(open_store(store, unguarded), holder="anna")
    monkeypatch.setattr(
        backup_reader.OpenBackup,
        "verify",
        lambda *_: lease.take(open_store(store, unguarded), holder="bob", reason="anna is away"),
    )
    assert back_up(lease=held.token, name="sale", **store)["error"]["kind"] == "lease_lost"
    assert "sale.json" not in files(folder)


def test_how_far_it_is_can_be_read_in_the_lease_while_it_runs(
    back_up: Back, store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "NOTE_INTERVAL", 0.0)
    held, _loser = lease.take(open_store(store, unguarded), holder="anna")
    written = backup.Target.put

    def put(*args: Any, **options: Any) -> dict[str, Any]:
        stored = written(*args, **options)
        held.read()
        seen.append((held.document or {})["journal"])
        return stored

    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(backup.Target, "put", put)
    assert back_up(lease=held.token, lease_step="database.backup", name="sale")["changed"]
    assert seen[-1]["step"] == "database.backup"
    assert re.match(r"Backup of shop: 0 MB dumped, 0 MB stored in \d+ s", seen[-1]["progress"])
