# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup leaves out, and that a copy is dropped whatever it holds, on a server of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import drop_database
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import connect, parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.drop_database import drop
from ansible_collections.storefront.runbook.plugins.modules import pg_backup

from tests.integration.newer_postgres import newer_postgres
from tests.integration.restored_shop import Shop
from tests.unit.support import run_module

FILL = (
    "CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item SELECT generate_series(1, 9); CREATE PUBLICATION items"
    " FOR TABLE item;"
)
SUBSCRIPTION = (
    "CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1 port=1 dbname=publisher' PUBLICATION items "
    "WITH (connect = false, enabled = false, slot_name = 'slot_of_the_live_one')"
)
WITHOUT_SLOT = SUBSCRIPTION.replace("'slot_of_the_live_one'", "NONE")
COPY = "test-dropping@scratch-20260101T000000Z"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with newer_postgres(
        tmp_path_factory.mktemp("dropping"), wal_level="logical", max_prepared_transactions="5"
    ) as running:
        yield running


@pytest.fixture
def shop(server: Any, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(server, "test-dropping", tmp_path / "store").fill(FILL)
    yield shop
    maintenance = parse_url(shop.url_of("postgres", admin=True))
    with closing(connect(maintenance)) as admin:
        for (name,) in shop.admin("SELECT datname FROM pg_database WHERE starts_with(datname, 'test-dropping')"):
            drop(admin, maintenance, name)


def test_subscriptions_are_left_out_and_named_and_publications_are_kept(shop: Shop, tmp_path: Path) -> None:
    shop.admin(SUBSCRIPTION, database=shop.name)
    shop.admin("SELECT pg_create_logical_replication_slot('of_the_shop', 'pgoutput')", database=shop.name)
    url = shop.url_of(shop.name, admin=True)
    made = run_module(pg_backup, {**shop.backing_up(encryption="off"), "database_url": url})
    assert made["backup"]["not_carried"] == {"subscriptions": ["feed"], "replication_slots": ["of_the_shop"]}
    assert made["warnings"] == ["The backup does not carry subscriptions (feed); replication slots (of_the_shop)."]
    shop.admin("SELECT pg_drop_replication_slot('of_the_shop')")

    proof = shop.prove(same_server=True, database_url=url)
    assert (proof["failed"], shop.family()) == (False, [])
    restored = shop.restore(database_url=url)["restore"]
    assert (restored["losses"], restored["left_out"]) == ({}, ["replication slots: of_the_shop", "subscriptions: feed"])
    assert shop.database.sql("SELECT pubname FROM pg_publication") == [("items",)]
    assert shop.restore("undone", database_url=url)["failed"] is False
    assert shop.admin("SELECT subname FROM pg_subscription") == [("feed",)], (
        "it stays with the database that was replaced"
    )

    by_hand = tmp_path / "by-hand.dump"
    subprocess.run([Path(shop.bin, "pg_dump"), "-Fc", "-f", by_hand, url], check=True)
    staged = shop.restore("restored", backup=None, file=str(by_hand), keep=0, database_url=url)["restore"]
    assert staged["left_out"] == ["subscriptions: feed"]
    dropped = shop.restore("dropped", database_url=url)
    assert "Drop the slots that nothing uses: slot_of_the_live_one" in dropped["warnings"][0]
    assert shop.admin("SELECT count(*) FROM pg_subscription") == [(0,)]


def connected(shop: Shop) -> None:
    shop.held = psycopg2.connect(shop.url_of(COPY, admin=True))  # type: ignore[attr-defined]


HOLD: dict[str, Callable[[Shop], Any]] = {
    "nothing": lambda shop: None,
    "a subscription": lambda shop: shop.admin(SUBSCRIPTION, database=COPY),
    "a subscription without a slot": lambda shop: shop.admin(WITHOUT_SLOT, database=COPY),
    "a prepared transaction": lambda shop: shop.admin(
        "BEGIN; CREATE TABLE half (id int); PREPARE TRANSACTION 'half'", database=COPY
    ),
    "a replication slot": lambda shop: shop.admin(
        "SELECT pg_create_logical_replication_slot('of_the_copy', 'pgoutput')", database=COPY
    ),
    "a session": connected,
    "no connections and a subscription": lambda shop: (
        shop.admin(SUBSCRIPTION, database=COPY),
        shop.admin(f'ALTER DATABASE "{COPY}" ALLOW_CONNECTIONS false'),
    ),
    "settings": lambda shop: (
        shop.admin(SUBSCRIPTION, database=COPY),
        *(
            shop.admin(f'ALTER DATABASE "{COPY}" SET {setting}')
            for setting in ("default_transaction_read_only TO on", "statement_timeout TO '1ms'")
        ),
    ),
    "the mark of a template": lambda shop: shop.admin(f'ALTER DATABASE "{COPY}" IS_TEMPLATE true'),
    "a limit of connections": lambda shop: shop.admin(f'ALTER DATABASE "{COPY}" CONNECTION LIMIT 0'),
    "a drop that was cut off": lambda shop: shop.admin(
        "UPDATE pg_database SET datconnlimit = -2 WHERE datname = %s", COPY
    ),
    "an event trigger": lambda shop: shop.admin(
        "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'; "
        "CREATE EVENT TRIGGER no ON ddl_command_start EXECUTE FUNCTION no()",
        database=COPY,
    ),
}


@pytest.mark.parametrize("what", HOLD)
def test_what_a_killed_run_left_is_dropped_by_the_next_one_whatever_it_holds(shop: Shop, what: str) -> None:
    shop.back_up("first", encryption="off")
    shop.admin(f'CREATE DATABASE "{COPY}" TEMPLATE "{shop.name}" OWNER shop')
    HOLD[what](shop)
    proof = shop.prove(same_server=True, database_url=shop.url_of(shop.name, admin=True))
    assert (proof["failed"], proof.get("msg")) == (False, None)
    assert (proof["leftovers"], shop.family()) == ([COPY], [])


@pytest.mark.own_process
def test_who_is_still_in_a_copy_that_cannot_be_dropped_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drop_database, "PATIENCE", 0.0)
    shop.admin(f'CREATE DATABASE "{COPY}" OWNER shop')
    maintenance = parse_url(shop.url_of("postgres"))
    left = r"could not be dropped and is still there with its data: .* Sessions in it: admin\. End them"
    theirs = closing(psycopg2.connect(shop.url_of(COPY, admin=True)))  # shop may not end a superuser's session
    with theirs, closing(connect(maintenance)) as own, pytest.raises(RunbookError, match=left) as refused:
        drop(own, maintenance, COPY)
    assert refused.value.details["code"] == "not_dropped"
