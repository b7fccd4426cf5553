# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Old code is never put on a schema that it does not know, and no rollback brings an old database back."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
import requests

from molecule.phases import seen
from sandbox import customer
from sandbox.repository import SOURCES

OLD, NEW, NEXT = "v1.0.0", "v1.1.0", "v2.0.0"


def incompatible_migration() -> str:
    """The name of the migration that only the next release knows."""
    (folder,) = (SOURCES / f"releases/{NEXT}/apps/backend/prisma/migrations").iterdir()
    return folder.name


@pytest.mark.long
def test_after_an_incompatible_migration_the_shop_is_held_until_a_release_that_fits_goes_out(released_shop):
    shop, migration = released_shop, incompatible_migration()
    at = [
        {
            "task": "Begin frontend.stage",
            "fault": {"vendor": "vercel", "operation": "create", "kind": "build_fails", "times": -1},
        }
    ]
    played = shop.play("deploy.yml", at=at, release=NEXT, approve_migration=migration)
    assert played.rc == 2
    assert played.message.startswith("ROLLBACK UNSAFE: schema."), played.message
    for word in ("frontend.stage failed", migration, "in maintenance", "accept_schema", "restore the backup"):
        assert word in played.message
    assert shop.live() == {"frontend": NEW, "backend": NEXT}, "the old code was not put back"
    assert requests.get(shop.at["backend_url"] + "/api/products", timeout=10).status_code == 503
    assert shop.ledger()[-1]["outcome"] == "unsafe"
    seen(
        "frontend.stage: after a migration that old code cannot run on",
        f"backend {NEXT} in maintenance, frontend {NEW}",
        2,
        "ROLLBACK UNSAFE: schema. …",
        "continues",
    )

    shop.clear_faults()
    played = shop.play("deploy.yml", release="v1.1.1")  # which knows as little of it
    assert played.rc == 2
    assert "ROLLBACK UNSAFE: schema" in played.message
    assert f"accept_schema={migration}" in played.message
    played = shop.play("rollback.yml")
    assert played.rc == 2
    assert "ROLLBACK UNSAFE: schema. Nothing was changed." in played.message
    assert shop.live() == {"frontend": NEW, "backend": NEXT}

    played = shop.play("deploy.yml", release=NEXT)
    assert played.rc == 0, played.stdout
    assert shop.live() == {"frontend": NEXT, "backend": NEXT}
    assert requests.get(shop.at["backend_url"] + "/api/products", timeout=10).status_code == 200
    assert shop.lease()["journal"] == {}

    played = shop.play("rollback.yml", to=NEW)
    assert played.rc == 2
    assert f"accept_schema={migration}" in played.message
    assert shop.live() == {"frontend": NEXT, "backend": NEXT}
    played = shop.play("rollback.yml", to=NEW, accept_schema=migration)
    assert played.rc == 0, played.stdout
    assert shop.live() == {"frontend": NEW, "backend": NEW}
    seen(
        "rollback.yml: to a release that cannot run on the schema",
        NEXT,
        2,
        "ROLLBACK UNSAFE: schema. Nothing was changed. …",
        "changes nothing",
    )


def test_a_rollback_writes_to_the_database_of_today(released_shop):
    """The database has moved since the old release ran. A customer orders all along; nothing reaches the old one."""
    shop = released_shop
    old = shop.at["database_url"]
    new = old.replace("/shop?", "/shop_moved?")
    with closing(psycopg2.connect(shop.sandbox.state["postgres"]["url"])) as admin:
        admin.autocommit = True
        cursor = admin.cursor()
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'shop'")
        cursor.execute("DROP DATABASE IF EXISTS shop_moved WITH (FORCE)")
        cursor.execute('CREATE DATABASE shop_moved TEMPLATE "shop" OWNER "shop"')
    for unit in shop.at["railway"]["services"].values():
        shop.set_variable(unit, "DATABASE_URL", new)
    before = customer.rows({"database_url": old})
    played = shop.play("rollback.yml", database_url=new)
    assert played.rc == 0, played.stdout
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    customer.buy(shop.at)
    assert customer.rows({"database_url": old}) == before, "a write reached the old database"
    assert customer.rows({"database_url": new})["Order"] == before["Order"] + 1
