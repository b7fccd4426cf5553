# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that were made for the shop's sessions, by database or by role, on a real PostgreSQL: none of
them reaches the runbook's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import pg_info, prisma_migrate, prisma_rehearse

from sandbox.storefront import Sandbox
from tests.integration.newer_postgres import newer_postgres
from tests.integration.restored_shop import Shop
from tests.integration.shop_database import write_migrations
from tests.unit.support import run_module

FILL = """
CREATE TABLE item (id int PRIMARY KEY, price float8, at timestamptz, span interval, data bytea, "order" text);
INSERT INTO item SELECT n, n / 7.0, '2026-01-13'::timestamptz + n * interval '1 h', n * interval '1 min', '\\xc0ffee', 'größe €' FROM generate_series(1, 500) n;
CREATE VIEW cheap AS SELECT * FROM item WHERE price < 10;
"""  # noqa: E501
SETTINGS = {
    "rights": {
        "default_transaction_read_only": "on",
        "default_transaction_isolation": "serializable",
        "default_transaction_deferrable": "on",
        "row_security": "off",
        "search_path": "pg_catalog",
    },
    "time": {
        "statement_timeout": "'1ms'",
        "lock_timeout": "'1ms'",
        "idle_in_transaction_session_timeout": "'50ms'",
        "idle_session_timeout": "'300ms'",
        "transaction_timeout": "'50ms'",
    },
    "form": {
        "DateStyle": "'SQL, DMY'",
        "IntervalStyle": "sql_standard",
        "bytea_output": "escape",
        "extra_float_digits": "-15",
        "TimeZone": "'Asia/Kolkata'",
        "client_encoding": "latin1",
        "xmloption": "document",
    },
    "text": {"standard_conforming_strings": "off", "quote_all_identifiers": "on", "client_min_messages": "debug5"},
    "means": {
        "temp_tablespaces": "''",
        "work_mem": "'64kB'",
        "maintenance_work_mem": "'1MB'",
        "synchronous_commit": "off",
    },
}


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with newer_postgres(tmp_path_factory.mktemp("settings")) as server:
        yield server


@pytest.fixture
def shop(newer: Any, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(newer, "test-settings", tmp_path / "store").fill(FILL)
    yield shop
    shop.drop()


def run_all(shop: Shop, folder: Path) -> dict[str, dict[str, Any]]:
    """Everything that reads or writes the database, in one order; by its name the result."""
    url = shop.database.url.replace("schema=public", "schema=moved")
    files = str(write_migrations(folder, a='CREATE TABLE "ware" (id int PRIMARY KEY);'))
    copy = {"copy": "schema", "same_server": True, "same_server_limit": 1 << 30, "postgres_bin": shop.bin}
    gather = ["server", "connections", "locks", "tables", "bloat", "migrations", "counts"]
    shop.back_up("first", encryption="off", verify="decode")
    return {
        "proof": shop.prove(same_server=True, backup="first"),
        "info": run_module(pg_info, {"database_url": shop.database.url, "gather": gather, "exact_counts": True}),
        "rehearse": run_module(prisma_rehearse, {"database_url": url, "path": files, **copy}),
        "staged": shop.restore("staged"),
        "restored": shop.restore(),
        "undone": shop.restore("undone"),
        "migrate": run_module(
            prisma_migrate, {"database_url": url, "path": files, "runner": "builtin", "state": "applied"}
        ),
    }


@pytest.mark.parametrize("scope", ["database", "role"])
@pytest.mark.parametrize("kind", SETTINGS)
def test_no_setting_of_the_database_or_the_role_stops_or_changes_what_is_done(
    shop: Shop, tmp_path: Path, kind: str, scope: str
) -> None:
    whose = f'DATABASE "{shop.name}"' if scope == "database" else "ROLE shop"
    for setting, value in SETTINGS[kind].items():
        shop.admin(f"ALTER {whose} SET {setting} TO {value}")
    try:
        properties = shop.properties()
        done = run_all(shop, tmp_path)
        assert {name: result.get("msg") for name, result in done.items() if result["failed"]} == {}
        assert (done["restored"]["restore"]["losses"], done["restored"]["restore"]["verified"]["compared"]) == ({}, 1)
        assert done["info"]["unavailable"] == {}
        assert shop.properties() == properties, "the database keeps its settings"
    finally:
        shop.admin(f"ALTER {whose} RESET ALL")


def test_a_setting_by_which_damaged_rows_would_be_left_out_is_refused(shop: Shop) -> None:
    shop.admin(f'ALTER DATABASE "{shop.name}" SET zero_damaged_pages TO on')
    with pytest.raises(AssertionError, match=r"zero_damaged_pages is on in test-settings.*Reset it"):
        shop.back_up("first", encryption="off")


def test_a_role_that_acts_as_another_learns_which_right_that_one_lacks(shop: Shop) -> None:
    if not shop.admin("SELECT 1 FROM pg_roles WHERE rolname = 'acting'"):
        shop.admin("CREATE ROLE acting")
    shop.admin("GRANT acting TO shop; ALTER ROLE shop SET role TO acting")
    try:
        with pytest.raises(
            AssertionError,
            match=r"acting, as whom shop acts .* may not read public\.item .*GRANT pg_read_all_data TO acting",
        ):
            shop.back_up("first", encryption="off")
    finally:
        shop.admin("ALTER ROLE shop RESET role")


def test_a_user_learns_which_rights_it_lacks_for_a_swap(shop: Shop) -> None:
    """As credentials are given out for an hour: the role that owns the database is set for the login."""
    shop.admin(
        "DROP ROLE IF EXISTS token; CREATE ROLE token LOGIN PASSWORD 'secret-of-token' IN ROLE shop; ALTER ROLE token"
        " SET role TO shop"
    )
    url = shop.database.url.replace("shop:secret-of-shop@", "token:secret-of-token@")
    shop.back_up("first", encryption="off", database_url=url)
    refused = shop.restore(database_url=url)
    assert refused["error"]["code"] == "no_rights"
    assert (
        "the right to end the sessions of token, as whom shop logs in (GRANT pg_signal_backend TO shop)"
        in refused["msg"]
    )
    shop.admin("GRANT pg_signal_backend TO shop")
    try:
        assert shop.restore(database_url=url)["restore"]["losses"] == {}
    finally:
        shop.admin("REVOKE pg_signal_backend FROM shop")


def test_a_sandbox_of_an_older_version_connects_without_the_settings_that_it_does_not_know(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    older = Shop(sandbox, "test-settings-older", tmp_path / "store").fill(FILL)
    try:
        older.back_up("first", encryption="off")
        assert older.restore()["restore"]["losses"] == {}
    finally:
        older.drop()
