# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_proof on another server: the scratch database has the locale of the original, and a server that lacks it says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import databases

from sandbox.storefront import Sandbox
from tests.integration.restored_shop import Shop

# In the locale C the letters of a name are all bytes, and "Émile" is not in lower case what ICU makes of it.
FILL = "CREATE TABLE customer (name text CHECK (lower(name) <> name)); INSERT INTO customer VALUES ('É')"
ICU = "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LC_COLLATE 'C' LC_CTYPE 'C'"


@pytest.fixture
def shop(sandbox: Sandbox, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(sandbox, "test-locale", tmp_path / "store")
    shop.database.drop()
    shop.admin(f'CREATE DATABASE "{shop.name}" TEMPLATE template0 {ICU} OWNER shop')
    shop.fill(FILL).back_up(encryption="off")
    yield shop
    shop.drop()


def test_a_scratch_database_has_the_locale_of_the_original(shop: Shop) -> None:
    for options in ({"local_server": True, "database_url": None}, {"scratch_url": shop.url_of("postgres"), "database_url": None, "again": True}):
        proven = shop.prove(backup="first", **options)
        assert not proven["failed"], proven["msg"]
        assert "locale" not in " ".join(proven["proof"]["unproven"])


def test_a_server_that_lacks_the_locale_says_that_it_is_not_the_backup(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = databases.Locale("UTF8", "xx_XX.none", "xx_XX.none", "c", None, None)
    monkeypatch.setattr("ansible_collections.storefront.runbook.plugins.module_utils.restore.proof.locale_of", lambda _found: elsewhere)
    failed = shop.prove(backup="first", scratch_url=shop.url_of("postgres"), database_url=None)
    assert failed["failed"]
    assert "this server lacks xx_XX.none (libc, UTF8)" in failed["msg"]
    assert "says nothing against the backup" in failed["msg"]
    assert shop.family() == []


def test_what_needs_no_locale_is_proven_without_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.database.sql("ALTER TABLE customer DROP CONSTRAINT customer_name_check")
    shop.back_up("second", encryption="off")
    elsewhere = databases.Locale("UTF8", "xx_XX.none", "xx_XX.none", "c", None, None)
    monkeypatch.setattr("ansible_collections.storefront.runbook.plugins.module_utils.restore.proof.locale_of", lambda _found: elsewhere)
    proof = shop.prove(backup="second", scratch_url=shop.url_of("postgres"), database_url=None)["proof"]
    assert proof["unproven"] == ["the locale xx_XX.none (libc, UTF8), which this server lacks"]


def test_a_backup_from_before_records_no_locale() -> None:
    assert databases.locale_of({"database": {"encoding": "UTF8", "collate": "C", "ctype": "C"}}) is None
