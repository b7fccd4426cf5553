# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_backup in process, on a folder, with a database and a pg_dump that are faked: what is refused, predicted, made and kept to itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from ansible_collections.storefront.runbook.plugins.module_utils.data import backup, lease
from ansible_collections.storefront.runbook.plugins.module_utils.data.prisma import Migration
from ansible_collections.storefront.runbook.plugins.module_utils.data.store import open_store
from ansible_collections.storefront.runbook.plugins.modules import deploy_lease, pg_backup

from tests.unit.plugins.fake_postgres import FakePostgres
from tests.unit.support import run_module

URL = "postgresql://shop:hunter22@db.example/shop"
UNKNOWN = {"raw_size", "size", "sha256", "finished_at", "duration"}  # before it is made

Back = Callable[..., dict[str, Any]]


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
def back_up(store: dict[str, Any], pg_dump: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Back:
    monkeypatch.setattr(pg_backup, "connect", lambda database: FakePostgres(Migration("1_init", "SELECT 1;"), Migration("2_rating", "SELECT 2;")))
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def call(*, check: bool = False, **params: Any) -> dict[str, Any]:
        given = {"database_url": URL, "postgres_bin": str(tmp_path / "bin"), **store, **params}
        return run_module(pg_backup, {key: value for key, value in given.items() if value is not None}, check=check)

    return call


def test_check_mode_tells_all_that_is_known_and_writes_nothing(back_up: Back, store: dict[str, Any], folder: Path) -> None:
    predicted = back_up(name="sale", release="v1.1.0", check=True)
    facts = predicted["backup"]
    location = f"{store['store']}/backups/sale.dump.zst"
    assert predicted["changed"] is True
    assert predicted["diff"] == {"before": {}, "after": {"backup": location, "database_size": 4000}}
    assert {key for key, value in facts.items() if value is None} == UNKNOWN
    assert (facts["location"], facts["release"], facts["server_version"], facts["pg_dump_version"]) == (location, "v1.1.0", "15.20", "15.20")
    assert facts["migrations"] == {"count": 2, "last": "2_rating"}
    assert not folder.exists()


def test_a_backup_is_a_dump_and_a_manifest_with_its_checksum(back_up: Back, folder: Path) -> None:
    predicted = back_up(name="sale", check=True)["backup"]
    made = back_up(name="sale")
    dump = (folder / "sale.dump.zst").read_bytes()
    assert zstandard.ZstdDecompressor().decompressobj().decompress(dump) == b"the whole shop\n"
    assert (made["backup"]["sha256"], made["backup"]["size"], made["backup"]["raw_size"]) == (hashlib.sha256(dump).hexdigest(), len(dump), 15)
    assert json.loads((folder / "sale.json").read_text()) == {"schema": 1, **made["backup"]}
    moving = {*UNKNOWN, "started_at", "release"}
    assert {key: value for key, value in made["backup"].items() if key not in moving} == {key: predicted[key] for key in predicted if key not in moving}


def test_a_name_is_made_of_the_database_the_time_and_the_release(back_up: Back) -> None:
    name = back_up(release="v1.1.0/hot fix", check=True)["backup"]["name"]
    assert name.startswith("shop-20")
    assert name.endswith("Z-v1.1.0_hot_fix")


def test_a_backup_that_has_a_name_is_made_once(back_up: Back, pg_dump: Callable[[str], None]) -> None:
    first = back_up(name="sale")
    pg_dump("exit 1")
    again = back_up(name="sale")
    assert (again["failed"], again["changed"]) == (False, False)
    assert again["backup"] == {"schema": 1, **first["backup"]}


def test_a_damaged_backup_is_not_taken_for_one(back_up: Back, folder: Path) -> None:
    back_up(name="sale")
    (folder / "sale.dump.zst").write_bytes(b"half")
    refused = back_up(name="sale")
    assert refused["error"]["kind"] == "config"
    assert "The backup sale is damaged: its dump has 4 bytes" in refused["msg"]


def test_a_pg_dump_that_fails_leaves_no_backup_and_its_words_are_masked(back_up: Back, pg_dump: Callable[[str], None], folder: Path) -> None:
    pg_dump("echo half; echo no luck with hunter22 >&2; exit 4")
    failed = back_up()
    assert (failed["error"]["kind"], failed["error"]["code"]) == ("command_failed", "4")
    assert "no luck with ********" in failed["msg"]
    assert "hunter22" not in repr(failed)
    assert list(folder.iterdir()) == []


def test_an_object_that_reads_back_other_than_it_was_written_gets_no_manifest(back_up: Back, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup.stream, "read", lambda store, key: iter([b"other"]))
    assert back_up(name="sale")["error"]["code"] == "checksum"
    assert [path.name for path in folder.iterdir()] == ["sale.dump.zst"]
    assert back_up(name="trusted", verify="none")["backup"]["verified"] == "none"


def test_what_failed_runs_left_is_named(back_up: Back, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "lost.dump.zst").write_bytes(b"")
    (folder / ".sale.dump.zst.partial").write_bytes(b"")
    result = back_up(name="sale")
    (warning,) = result["warnings"]
    assert "backups/lost.dump.zst, backups/sale.dump.zst" in warning
    assert sorted(path.name for path in folder.iterdir()) == ["lost.dump.zst", "sale.dump.zst", "sale.json"]


def test_a_backup_that_takes_too_long_is_taken_back(back_up: Back, pg_dump: Callable[[str], None], folder: Path) -> None:
    pg_dump("exec sleep 600")
    assert back_up(wait_timeout=0)["error"]["kind"] == "wait_timeout"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"database_url": None}, "missing required arguments: database_url"),
        ({"store": None}, "missing required arguments: store"),
        ({"store": "ftp://elsewhere"}, "neither s3://bucket/prefix nor file:///path"),
        ({"store_is_shared": False}, "set store_is_shared: true"),
        ({"database_url": f"{URL}?pgbouncer=true"}, "Give the server's own address as database_url"),
        ({"database_url": "mysql://shop:hunter22@db.example/shop"}, "not with postgresql://"),
        ({"level": 0}, "level is 0. Give a level from 1 to 19"),
        ({"level": 20}, "level is 20"),
        ({"name": "../lease"}, "'../lease' cannot name a backup"),
        ({"verify": "twice"}, "value of verify must be one of: checksum, none"),
        ({"postgres_bin": "/nonexistent"}, "there is no pg_dump here in /nonexistent"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(back_up: Back, folder: Path, params: dict[str, Any], said: str) -> None:
    result = back_up(**params)
    assert result["failed"]
    assert said in result["msg"]
    assert "hunter22" not in repr(result)
    assert not folder.exists()


def test_nothing_is_written_under_a_lease_that_was_lost(back_up: Back, store: dict[str, Any], folder: Path) -> None:
    token = run_module(deploy_lease, {**store, "state": "held"})["token"]
    assert back_up(lease=token, name="first")["changed"] is True
    run_module(deploy_lease, {**store, "state": "held", "break_lease": "the site is down"})
    assert back_up(lease=token, name="second")["error"]["kind"] == "lease_lost"
    assert sorted(path.name for path in folder.iterdir()) == ["first.dump.zst", "first.json"]


def test_a_lease_that_is_lost_on_the_way_leaves_no_manifest(back_up: Back, store: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, _loser = lease.take(open_store(store), holder="anna")
    monkeypatch.setattr(backup, "verify", lambda *_: lease.take(open_store(store), holder="bob", reason="anna is away"))
    assert back_up(lease=held.token, name="sale", **store)["error"]["kind"] == "lease_lost"
    assert [path.name for path in folder.iterdir()] == ["sale.dump.zst"]
