# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restore.yml replaces the database by a backup while nobody writes, and takes that back."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.modules import pg_backup

from sandbox import customer
from tests.unit.support import run_module

SURFACES = ["database", "backend"]


@pytest.fixture
def shop(shop):
    """The shop with a backup, and an order that came after it."""
    state = shop.sandbox.state
    store = {"store": shop.at["store"], **{f"store_{key}": value for key, value in state["s3"].items()}}
    made = run_module(pg_backup, {"database_url": shop.at["database_url"], "postgres_bin": state["postgres"]["bin"], "encryption": "off", **store})
    assert not made["failed"], made["msg"]
    customer.buy(shop.at)
    yield shop
    with closing(psycopg2.connect(state["postgres"]["url"])) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("SELECT datname FROM pg_database WHERE datname ~ %s", [f"^{shop.name}@(incoming|before|undone|restored)-"])
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def manifests(shop) -> set[str]:
    """The keys of the manifests of what restores have replaced."""
    return {key for key in shop.objects("safety/") if key.endswith(".json") and key.count("/") == 1}


def test_nothing_is_replaced_until_somebody_approved_and_undo_brings_the_orders_back(shop):
    rows, safe = shop.rows(), manifests(shop)
    waiting = shop.play("restore.yml", surfaces=SURFACES, backup="latest")
    assert waiting.rc == 2
    assert '"public.\\"Order\\"": {"inserted": 1' in waiting.message
    assert "-e approve_restore=shop" in waiting.message
    assert (shop.rows(), shop.writes(), shop.lease()["state"]) == (rows, [], "released")

    restored = shop.play("restore.yml", surfaces=SURFACES, backup="latest", approve_restore="shop")
    assert restored.rc == 0, restored.stdout
    assert shop.rows()["Order"] == rows["Order"] - 1
    assert restored.report["outcome"] == "restored"
    record = shop.ledger()[-1]
    assert (record["kind"], record["outcome"], record["release"], record["restore"]["swap"]) == ("restore", "restored", "v1.0.0", "rename")
    assert (record["id"], record["restore"]["kept"].partition("-")[0]) == (restored.report["record"], "shop@before")
    assert shop.live()["backend"] == "v1.0.0"
    assert len(manifests(shop) - safe) == 2

    undone = shop.play("restore.yml", surfaces=SURFACES, undo=True, approve_restore="shop")
    assert undone.rc == 0, undone.stdout
    assert (shop.rows(), shop.live()["backend"], undone.report["outcome"]) == (rows, "v1.0.0", "undone")


def test_a_unit_that_does_not_start_again_is_told_and_the_next_run_starts_it(shop):
    shop.fault(vendor="railway", operation="deploymentRestart", kind="unavailable", times=-1)
    broken = shop.play("restore.yml", surfaces=SURFACES, backup="latest", approve_restore="shop")
    assert broken.rc == 2
    assert "RESTORE INCOMPLETE: the backend" in broken.message
    shop.sandbox.cloud("DELETE", "/faults")

    again = shop.play("restore.yml", surfaces=SURFACES, backup="latest", approve_restore="shop")
    assert again.rc == 0, again.stdout
    assert "and was before this run" in again.report["message"]
    assert shop.live()["backend"] == "v1.0.0"


def orders(shop, name: str) -> int:
    with closing(psycopg2.connect(f"{shop.sandbox.state['postgres']['url'].rpartition('/')[0]}/{name}")) as connection, connection.cursor() as cursor:
        cursor.execute('SELECT count(*) FROM "Order"')
        ((count,),) = cursor.fetchall()
        return count


def test_the_units_get_another_address_where_none_can_be_renamed_and_are_connected_to_it(shop):
    there = orders(shop, "shop")
    moved = shop.play("restore.yml", surfaces=SURFACES, backup="latest", approve_restore="shop", database_restore_swap="url")
    assert moved.rc == 0, moved.stdout
    record = shop.ledger()[-1]["restore"]
    assert (moved.report["outcome"], record["swap"], record["kept"]) == ("restored", "url", "shop")
    assert any(f"{record['serves']} serves" in note for note in moved.report["notes"])
    customer.buy(shop.at)
    assert (orders(shop, "shop"), orders(shop, record["serves"]), shop.live()["backend"]) == (there, there, "v1.0.0")  # one was lost, another one bought

    undone = shop.play("restore.yml", surfaces=SURFACES, undo=True, approve_restore="shop")
    assert undone.rc == 0, undone.stdout
    customer.buy(shop.at)
    assert (orders(shop, "shop"), orders(shop, record["serves"])) == (there + 1, there)


def test_a_unit_that_does_not_get_along_with_the_other_database_brings_all_back(shop):
    there = orders(shop, "shop")
    shop.fault(vendor="railway", operation="deploymentRedeploy", kind="unavailable", times=4)
    broken = shop.play("restore.yml", surfaces=SURFACES, backup="latest", approve_restore="shop", database_restore_swap="url")
    assert broken.rc == 2
    assert "Every unit uses the database from before again" in broken.message
    customer.buy(shop.at)
    assert (orders(shop, "shop"), shop.live()["backend"], shop.ledger()[-1]["kind"]) == (there + 1, "v1.0.0", "deploy")
