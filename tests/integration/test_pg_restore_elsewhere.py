# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_restore with swap: url against a real PostgreSQL: the shop moves to another database, no write is lost
in the one that is left, and it moves back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from sandbox.storefront import Sandbox
from tests.integration.restored_shop import Shop, killed
from tests.integration.shop_database import Database, write_migrations

URL: dict[str, Any] = {"swap": "url"}
OWNER = "test-elsewhere-owner"
LATE = 'INSERT INTO item VALUES (5000, 1, $$late$$); DELETE FROM "order" WHERE id = 17'
LOST = {
    'public."order"': {"inserted": 0, "updated": 0, "deleted": 1},
    "public.item": {"inserted": 1, "updated": 0, "deleted": 0},
}


@pytest.fixture(scope="module")
def template(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(sandbox, "test-elsewhere-origin", tmp_path_factory.mktemp("store") / "store").fill()
    shop.back_up("first", encryption="off")
    yield shop
    shop.drop()


@pytest.fixture
def shop(template: Shop, tmp_path: Path) -> Iterator[Shop]:
    """A shop with writes that came after its backup."""
    copy = template.copied("test-elsewhere", tmp_path / "store")
    copy.database.sql(LATE)
    yield copy
    copy.drop()


@pytest.fixture
def other(sandbox: Sandbox) -> Iterator[Database]:
    """An empty database by another name, as it would be on another server."""
    other = Database(sandbox, "elsewhere-target")
    yield other
    other.drop()


@contextmanager
def owned_by_another(shop: Shop) -> Iterator[None]:
    shop.admin(
        f'CREATE ROLE "{OWNER}"; ALTER DATABASE "{shop.name}" OWNER TO "{OWNER}"; GRANT ALL ON DATABASE "{shop.name}"'
        " TO shop"
    )
    try:
        yield
    finally:
        shop.admin(f'ALTER DATABASE "{shop.name}" OWNER TO shop')
        shop.admin(f'DROP OWNED BY "{OWNER}"; DROP ROLE "{OWNER}"', database=shop.name)


def items(shop: Shop, name: str) -> list[int]:
    """The ids of the late items, as the shop's role reads them."""
    with closing(psycopg2.connect(shop.url_of(name))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM item WHERE id >= 5000 ORDER BY 1")
        return [number for (number,) in cursor.fetchall()]


def write(shop: Shop, name: str, number: int) -> bool:
    """Write as the shop's role, as a service would, and return whether that was possible."""
    try:
        with closing(psycopg2.connect(shop.url_of(name))) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute("INSERT INTO item VALUES (%s, 1, 'new')", [number])
            return True
    except psycopg2.errors.ReadOnlySqlTransaction:
        return False


def test_who_may_not_rename_moves_to_another_name_and_back(shop: Shop) -> None:
    session = shop.database.connect()
    with owned_by_another(shop):
        planned = shop.restore(check=True, swap="auto")
        assert not planned["failed"], planned["msg"]
        predicted = planned["restore"]
        assert predicted["swap"] == "url"
        assert "the ownership of test-elsewhere" in predicted["swap_reason"]
        staged = shop.restore("staged", swap="auto")["restore"]
        assert (staged["losses"], shop.family(), write(shop, shop.name, 5001)) == (LOST, ["incoming"], True)

        moved = shop.restore(swap="auto")
        restore = moved["restore"]
        assert (moved["changed"], restore["lost_rows"], restore["kept"]) == (True, 3, shop.name)
        assert (restore["serves"].partition("-2")[0], shop.family()) == (f"{shop.name}@restored", ["restored"])
        assert (items(shop, restore["serves"]), items(shop, shop.name)) == ([], [5000, 5001])
        # nobody stays connected to what was left
        with pytest.raises(psycopg2.OperationalError), session.cursor() as cursor:
            cursor.execute("SELECT 1")
        session.close()
        assert (write(shop, shop.name, 5002), write(shop, restore["serves"], 5003)) == (False, True)

        again = shop.restore(swap="auto")
        assert (again["changed"], again["restore"]["already"], again["restore"]["serves"]) == (
            False,
            True,
            restore["serves"],
        )
        shop.back_up("second", encryption="off")
        assert shop.restore(swap="auto", backup="second")["error"]["code"] == "left"
        assert shop.restore(swap="rename")["error"]["code"] == "left"
        assert shop.restore("dropped")["dropped"] == []

        undone = shop.restore("undone", swap="auto")["restore"]
        assert (undone["serves"], undone["losses"]["public.item"]["inserted"]) == (shop.name, 1)
        assert (write(shop, shop.name, 5004), write(shop, restore["serves"], 5005)) == (True, False)
        again = shop.restore("undone", swap="auto")
        assert (again["changed"], again["restore"]["swap"], again["restore"]["kept"]) == (
            False,
            "url",
            restore["serves"],
        )


def test_no_migration_is_applied_to_the_database_that_was_left(shop: Shop, tmp_path: Path) -> None:
    assert shop.restore(swap="url")["restore"]["serves"] != shop.name
    path = write_migrations(tmp_path, a="CREATE TABLE lost (id int);")
    for state in ("applied", "baselined"):
        refused = shop.database.migrate(path, state=state)
        assert refused["error"]["code"] == "left", refused["msg"]


def test_it_is_undone_by_the_url_of_what_serves_as_well(shop: Shop) -> None:
    served = shop.restore(**URL)["restore"]["serves"]
    undone = shop.restore("undone", swap="auto", database_url=shop.url_of(served), approve=served)
    assert not undone["failed"], undone["msg"]
    assert undone["restore"]["serves"] == shop.name
    assert write(shop, shop.name, 5004)


def test_a_backup_is_restored_into_an_empty_database_that_was_named(shop: Shop, other: Database) -> None:
    target: dict[str, Any] = {"target_url": other.url}
    predicted = shop.restore(check=True, **target)["restore"]
    assert (predicted["swap"], predicted["swap_reason"], other.tables()) == (
        "url",
        "target_url names another database",
        [],
    )
    moved = shop.restore(**target)["restore"]
    assert (moved["serves"], moved["losses"], moved["verified"]["compared"]) == (
        other.name,
        LOST,
        moved["verified"]["tables"],
    )
    assert (write(shop, shop.name, 5002), write(shop, other.name, 5003)) == (False, True)
    assert shop.restore(**target)["restore"]["already"] is True
    assert shop.restore("undone", **target)["restore"]["losses"] == {
        **LOST,
        "public.item": {"inserted": 1, "updated": 0, "deleted": 1},
    } | {'public."order"': {"inserted": 1, "updated": 0, "deleted": 0}}
    assert (write(shop, shop.name, 5002), write(shop, other.name, 5003)) == (True, False)
    assert other.password not in repr(moved)


def test_the_vendors_instance_is_adopted_without_a_backup(shop: Shop, template: Shop) -> None:
    instance = Database(shop.sandbox, "elsewhere-instance", template.name)
    target: dict[str, Any] = {"target_url": instance.url, "adopt": True, "backup": None, "store": None}
    try:
        assert shop.restore("staged", **target)["restore"]["losses"] == LOST
        shop.admin(f'ALTER DATABASE "{instance.name}" OWNER TO CURRENT_USER')  # so that no note can be left on it
        moved = shop.restore(**target)["restore"]
        assert (moved["backup"], moved["serves"], moved["verified"]["rows"]) == ("adopted", instance.name, 6204)
        assert (write(shop, shop.name, 5002), shop.restore(**target)["restore"]["already"]) == (False, True)
        assert shop.restore("undone", **target)["restore"]["serves"] == shop.name
    finally:
        instance.drop()


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("itself", "scratch_is_production", "target_url leads to the production database by another address"),
        ("not empty", "not_empty", "has public.stranger"),
        ("not owned", "no_rights", "does not own the database in target_url"),
    ],
)
def test_an_unfit_target_is_refused_before_anything_changes(
    shop: Shop, other: Database, target: str, code: str, words: str
) -> None:
    url = other.url
    if target == "itself":
        url = shop.database.url.replace("127.0.0.1", "localhost")
    elif target == "not empty":
        other.sql("CREATE TABLE stranger (id int)")
    else:
        shop.admin(f'ALTER DATABASE "{other.name}" OWNER TO CURRENT_USER')
    refused = shop.restore(check=True, target_url=url)
    assert refused["error"]["code"] == code
    assert words in refused["msg"]
    assert write(shop, shop.name, 5001)


@pytest.mark.parametrize("step", ["!@restored-", "!SET default_transaction_read_only TO"])
def test_killed_at_any_step_of_a_move_the_next_run_finishes(shop: Shop, step: str) -> None:
    shop.restore("staged", **URL)
    assert killed(shop.parameters("restored", **URL), step)
    again = shop.restore(**URL)
    assert not again["failed"], again["msg"]
    assert (again["restore"]["losses"], shop.family()) == (LOST, ["restored"])
    assert (write(shop, shop.name, 5002), write(shop, again["restore"]["serves"], 5003)) == (False, True)


@pytest.mark.parametrize("step", ['!"state": "loading"', "!pg_restore', '--exit"])
def test_killed_while_it_restores_into_a_named_database_the_next_run_finishes(
    shop: Shop, other: Database, step: str
) -> None:
    assert killed(shop.parameters("restored", target_url=other.url), step)
    again = shop.restore(target_url=other.url)
    assert not again["failed"], again["msg"]
    assert (again["restore"]["losses"], write(shop, shop.name, 5002), write(shop, other.name, 5003)) == (
        LOST,
        False,
        True,
    )
