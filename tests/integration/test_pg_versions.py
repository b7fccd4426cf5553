# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup, restore and proof on every version of the server with every version of its programs that is available, and
from an older server to a newer one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.storefront import Sandbox
from tests.integration.newer_postgres import MORE, PACKAGES, newer_postgres, programs
from tests.integration.restored_shop import FILL, Shop

# the package has no contrib modules
TRIGRAMS = ("CREATE EXTENSION pg_trgm;", "CREATE INDEX note_text ON note USING gin (text gin_trgm_ops);")
PLAIN = FILL.replace(TRIGRAMS[0], "").replace(TRIGRAMS[1], "")


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with newer_postgres(tmp_path_factory.mktemp("newer")) as server:
        yield server


@pytest.fixture
def shop(newer: Any, tmp_path: Path) -> Iterator[Shop]:
    """A shop on PostgreSQL 18, with its backup."""
    shop = Shop(newer, "test-newer", tmp_path / "store").fill(PLAIN)
    shop.back_up("first", encryption="off")
    yield shop
    shop.drop()


@pytest.fixture
def older(sandbox: Sandbox, tmp_path: Path) -> Iterator[Shop]:
    """A shop on the sandbox's server, which is older."""
    older = Shop(sandbox, "test-older", tmp_path / "older")
    yield older
    older.drop()


def test_every_kind_of_object_comes_back_on_postgresql_18(shop: Shop) -> None:
    backed_up, properties = shop.contents(), shop.properties()
    shop.database.sql("UPDATE item SET price = 7 WHERE id = 3; ALTER TABLE note ADD COLUMN late int")
    restored = shop.restore()["restore"]
    assert (restored["verified"]["compared"], restored["verified"]["tables"]) == (6, 6)
    assert restored["losses"] == {"public.item": {"inserted": 0, "updated": 1, "deleted": 0}}
    assert (shop.contents(), shop.properties(), shop.family()) == (backed_up, properties, ["before"])
    assert shop.prove(same_server=True)["proof"]["server_version"].startswith("18.")


def test_a_shop_moves_from_the_older_server_to_the_newer_one_and_back(older: Shop, shop: Shop) -> None:
    older.fill(PLAIN)
    older.back_up("first", encryption="off")
    backed_up = older.contents()
    older.database.sql("DELETE FROM note")
    shop.database.drop()
    shop.admin(f'CREATE DATABASE "{shop.name}" OWNER shop')
    target: dict[str, Any] = {"target_url": shop.database.url, "postgres_bin": shop.bin}
    moved = older.restore(**target)["restore"]
    assert (moved["serves"], moved["losses"]) == (
        shop.name,
        {"public.note": {"inserted": 0, "updated": 0, "deleted": 3}},
    )
    assert {**shop.contents(), "schema": None} == {**backed_up, "schema": None}
    assert older.restore("undone", **target)["restore"]["serves"] == older.name


def test_an_extension_that_the_other_server_lacks_is_named_before_anything_changes(older: Shop, shop: Shop) -> None:
    older.fill()
    older.back_up("first", encryption="off")
    refused = older.prove(scratch_url=shop.url_of("postgres"), postgres_bin=shop.bin)
    assert refused["error"]["code"] == "no_extension"
    assert "extensions that this server does not offer: pg_trgm" in refused["msg"]
    assert shop.family() == []


def test_a_backup_of_the_newer_server_is_not_for_the_older_one(older: Shop, shop: Shop) -> None:
    refused = older.prove(**shop.store, backup="first", same_server=True, postgres_bin=shop.bin)
    assert refused["error"]["code"] == "older_server"
    assert "is of PostgreSQL 18, and this server is" in refused["msg"]


def test_a_pg_dump_that_is_older_than_the_server_is_refused_with_both_versions(older: Shop, shop: Shop) -> None:
    with pytest.raises(AssertionError, match=r"The server is PostgreSQL 18 and the newest pg_dump here is [\d.]+ in /"):
        shop.back_up("second", encryption="off", postgres_bin=older.bin)


VERSIONS = (13, 14, 15, *PACKAGES)
# an older pg_dump refuses a newer server
PAIRINGS = [(server, client) for server in VERSIONS for client in VERSIONS if client >= server]


def version_of(folder: Path) -> int:
    said = subprocess.run([str(folder / "postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split()[2].split(".")[0])


@pytest.fixture(scope="module")
def folders(sandbox: Sandbox) -> Callable[[int], Path]:
    """Where the programs of a version are; the test is skipped where they are nowhere."""
    known = {
        version_of(folder): folder
        for name in (sandbox.state["postgres"]["bin"], *os.environ.get(MORE, "").split(os.pathsep))
        if (folder := Path(name)).name
    }

    def find(version: int) -> Path:
        if version not in known and version not in PACKAGES:
            pytest.skip(f"There is no PostgreSQL {version} here: name the folder of its programs in {MORE}.")
        return known.get(version) or programs(version)

    return find


@pytest.fixture(scope="module")
def servers(folders: Callable[[int], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Any]]:
    """A server of each version, started when it is first asked for."""
    running: dict[int, Any] = {}
    with ExitStack() as stack:

        def start(version: int) -> Any:
            if version not in running:
                running[version] = stack.enter_context(
                    newer_postgres(tmp_path_factory.mktemp(f"postgres-{version}"), folders(version))
                )
            return running[version]

        yield start


@pytest.mark.parametrize(("server", "client"), PAIRINGS)
def test_what_is_verified_is_restored_to_its_server_by_the_same_programs(
    server: int, client: int, servers: Callable[[int], Any], folders: Callable[[int], Path], tmp_path: Path
) -> None:
    running, bin_ = servers(server), folders(client)
    if not shutil.which("pg_dump", path=str(bin_)):
        pytest.skip(f"The package of PostgreSQL {client} has no pg_dump.")
    state = {**running.state["postgres"], "bin": str(bin_)}
    place: Any = SimpleNamespace(state={"postgres": state}, storefront=running.storefront)
    pair = Shop(place, f"test-{server}-{client}", tmp_path / "store")
    try:
        pair.fill(PLAIN)
        pair.back_up("first", encryption="off", verify="decode")
        backed_up = pair.contents()
        pair.database.sql("DELETE FROM note; INSERT INTO customer (email) VALUES ('late')")
        assert pair.prove(same_server=True)["proof"]["compared"] == 6
        assert pair.restore()["restore"]["lost_rows"] == 4
        assert pair.contents() == backed_up
        target = f"{pair.name}-target"
        pair.admin(f'CREATE DATABASE "{target}" OWNER shop')
        moved = pair.restore("restored", backup="first", target_url=pair.url_of(target), swap="url")
        assert (moved["failed"], moved["restore"]["lost_rows"]) == (False, 0), moved.get("msg")
    finally:
        pair.drop()


def test_a_name_that_is_a_keyword_to_the_newer_server_is_restored_and_compared(older: Shop, shop: Shop) -> None:
    older.fill(
        PLAIN
        + 'CREATE TABLE "system_user" (id int PRIMARY KEY, "system_user" int); INSERT INTO "system_user" VALUES (1, 2);'
    )
    older.back_up("first", encryption="off")
    shop.database.drop()
    shop.admin(f'CREATE DATABASE "{shop.name}" OWNER shop')
    proof = older.prove(scratch_url=shop.url_of("postgres"), postgres_bin=shop.bin)
    assert (proof["failed"], proof.get("msg"), proof["proof"]["compared"]) == (False, None, 7)
    moved = older.restore("staged", target_url=shop.database.url, postgres_bin=shop.bin)["restore"]
    assert (moved["losses"], moved["verified"]["compared"]) == ({}, 7)
