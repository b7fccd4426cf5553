# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scratch databases on another server have the locale of the original, and a server that lacks it is named
with what to do.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import database_locale
from ansible_collections.storefront.runbook.plugins.module_utils.restore import rehearsal_copy
from ansible_collections.storefront.runbook.plugins.modules import prisma_rehearse

from sandbox.storefront import Sandbox
from tests.integration.newer_postgres import newer_postgres
from tests.integration.restored_shop import Shop
from tests.integration.shop_database import write_migrations
from tests.unit.support import run_module

# With the locale C, lower() leaves É as it is, so the check refuses the row.
CUSTOMER = "CREATE TABLE customer (name text CHECK (lower(name) <> name));"
ROW = "INSERT INTO customer VALUES ('É');"
FILL = f"{CUSTOMER} {ROW}"
ICU = "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LC_COLLATE 'C' LC_CTYPE 'C'"
BUILTIN = {
    name: f"ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE '{name}' LC_COLLATE 'C' LC_CTYPE 'C'"
    for name in ("C.UTF-8", "PG_UNICODE_FAST")
}
NOWHERE = database_locale.Locale("UTF8", "xx_XX.none", "xx_XX.none", "c", None, None)
MIGRATION = "ALTER TABLE customer ADD COLUMN city text;"

Rehearse = Callable[..., dict[str, Any]]


def in_locale(place: Any, folder: Path, clauses: str) -> Shop:
    shop = Shop(place, "test-locale", folder / "store")
    shop.database.drop()
    shop.admin(f'CREATE DATABASE "{shop.name}" TEMPLATE template0 {clauses} OWNER shop')
    return shop.fill(FILL)


@pytest.fixture
def shop(sandbox: Sandbox, tmp_path: Path) -> Iterator[Shop]:
    shop = in_locale(sandbox, tmp_path, ICU)
    shop.back_up(encryption="off")
    yield shop
    shop.drop()


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with newer_postgres(tmp_path_factory.mktemp("newer")) as server:
        yield server


@pytest.fixture
def rehearse(tmp_path: Path) -> Rehearse:
    def call(shop: Shop, migration: str, **options: Any) -> dict[str, Any]:
        shop.database.sql("DROP TABLE IF EXISTS customer, _prisma_migrations")
        shutil.rmtree(tmp_path / "prisma", ignore_errors=True)
        assert shop.database.migrate(write_migrations(tmp_path, a=CUSTOMER))["applied"] == ["a"]
        write_migrations(tmp_path, b=migration)
        return run_module(
            prisma_rehearse,
            {
                "database_url": shop.database.url,
                "copy": "schema",
                "path": str(tmp_path),
                "postgres_bin": shop.bin,
                **options,
            },
        )

    return call


def test_a_scratch_database_has_the_locale_of_the_original(shop: Shop) -> None:
    for options in (
        {"local_server": True, "database_url": None},
        {"scratch_url": shop.url_of("postgres"), "database_url": None, "again": True},
    ):
        proven = shop.prove(backup="first", **options)
        assert not proven["failed"], proven["msg"]
        assert "locale" not in " ".join(proven["proof"]["unproven"])


@pytest.mark.parametrize("name", BUILTIN)
def test_a_locale_that_newer_servers_have_built_in_is_proven_and_rehearsed_there(
    newer: Any, tmp_path: Path, name: str, rehearse: Rehearse
) -> None:
    shop = in_locale(newer, tmp_path, BUILTIN[name])
    try:
        shop.back_up(encryption="off")
        for options in ({"same_server": True}, {"local_server": True, "database_url": None, "again": True}):
            proven = shop.prove(backup="first", **options)
            assert (proven["failed"], proven.get("msg")) == (False, None)
            assert "locale" not in " ".join(proven["proof"]["unproven"])
        done = rehearse(shop, ROW, local_server=True)
        assert (done["failed"], done.get("msg")) == (False, None)
    finally:
        shop.drop()


def test_a_server_whose_databases_have_another_provider_gives_the_copy_that_of_the_original(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    shop = Shop(sandbox, "test-locale-of-libc", tmp_path / "store").fill(
        "CREATE TABLE letter (name text CHECK (lower(name) = name))"
    )
    try:
        # which the provider of the other server's databases would refuse
        shop.database.sql("INSERT INTO letter VALUES ('É')")
        shop.back_up(encryption="off")
        with newer_postgres(
            tmp_path, locale=("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--lc-collate=C", "--lc-ctype=C")
        ) as other:
            elsewhere = Shop(other, "test-locale-of-libc", tmp_path / "elsewhere")
            proven = shop.prove(backup="first", scratch_url=elsewhere.url_of("postgres"), postgres_bin=elsewhere.bin)
            assert (proven["failed"], proven.get("msg")) == (False, None)
            assert "locale" not in " ".join(proven["proof"]["unproven"])
    finally:
        shop.drop()


def test_a_rehearsal_on_the_schema_alone_has_the_locale_of_production(shop: Shop, rehearse: Rehearse) -> None:
    done = rehearse(shop, ROW, local_server=True)
    assert (done["failed"], done.get("msg")) == (False, None)
    assert done["rehearsed"][0]["name"] == "b"
    assert "locale" not in " ".join(done.get("warnings", []))


@pytest.mark.own_process
def test_a_server_that_lacks_the_locale_says_that_it_is_not_the_backup(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ansible_collections.storefront.runbook.plugins.module_utils.restore.proof.locale_of", lambda _found: NOWHERE
    )
    failed = shop.prove(backup="first", scratch_url=shop.url_of("postgres"), database_url=None)
    assert (failed["error"]["kind"], failed["error"]["code"]) == ("config", "no_locale")
    assert "lacks the locale xx_XX.none (libc, UTF8) (" in failed["msg"]
    assert f"PostgreSQL at 127.0.0.1:{shop.url_of('postgres').rpartition(':')[2].partition('/')[0]} " in failed["msg"]
    assert "says nothing against the backup" in failed["msg"]
    assert "Install the locale on that server, or set scratch_url" in failed["msg"]
    assert 'violates check constraint "customer_name_check"' in failed["msg"]
    assert shop.family() == []


@pytest.mark.own_process
def test_a_rehearsal_on_a_server_that_lacks_the_locale_says_so(
    shop: Shop, rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal_copy, "locale_like", lambda *_: NOWHERE)
    done = rehearse(shop, MIGRATION, local_server=True)
    assert (done["failed"], done.get("msg")) == (False, None)
    assert (
        "does not show the locale xx_XX.none (libc, UTF8), which this server lacks: the copy has the locale C"
        in " ".join(done["warnings"])
    )
    failed = rehearse(shop, ROW, local_server=True)
    assert failed["error"]["kind"] == "migration_failed"
    assert "lacks the locale xx_XX.none (libc, UTF8)" in failed["msg"]
    assert "so the copy has the locale C, which may be the reason" in failed["msg"]


@pytest.mark.own_process
def test_what_needs_no_locale_is_proven_without_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.database.sql("ALTER TABLE customer DROP CONSTRAINT customer_name_check")
    shop.back_up("second", encryption="off")
    monkeypatch.setattr(
        "ansible_collections.storefront.runbook.plugins.module_utils.restore.proof.locale_of", lambda _found: NOWHERE
    )
    proof = shop.prove(backup="second", scratch_url=shop.url_of("postgres"), database_url=None)["proof"]
    assert proof["unproven"] == ["the locale xx_XX.none (libc, UTF8), which this server lacks"]


def test_a_backup_from_before_records_no_locale() -> None:
    assert database_locale.locale_of({"database": {"encoding": "UTF8", "collate": "C", "ctype": "C"}}) is None
