# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup, restore and proof on PostgreSQL 18, and from the sandbox's older server to it: what is kept, and what is refused before anything changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.storefront import Sandbox
from tests.integration.newer_postgres import newer_postgres
from tests.integration.restored_shop import FILL, Shop

TRIGRAMS = ("CREATE EXTENSION pg_trgm;", "CREATE INDEX note_text ON note USING gin (text gin_trgm_ops);")  # the package has no contrib modules
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
    assert (moved["serves"], moved["losses"]) == (shop.name, {"public.note": {"inserted": 0, "updated": 0, "deleted": 3}})
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
