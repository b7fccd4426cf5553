# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a swap replaces is counted or named: tables of an extension, sequences, and what is no table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.integration.newer_postgres import newer_postgres
from tests.integration.restored_shop import Shop

CONTROL = "default_version = '1.0'\nrelocatable = false\nsuperuser = false\n"
# A table that the extension fills and pg_dump leaves alone; one that users fill; one that both fill, distinguished by a
# condition; and one that is closed.
SCRIPT = """
CREATE TABLE built_in (id int PRIMARY KEY); INSERT INTO built_in VALUES (1), (2);
CREATE TABLE configured (id int PRIMARY KEY); SELECT pg_catalog.pg_extension_config_dump('configured', '');
CREATE TABLE reference (id int PRIMARY KEY); INSERT INTO reference VALUES (1);
SELECT pg_catalog.pg_extension_config_dump('reference', 'WHERE id > 100');
CREATE TABLE closed (id int);
GRANT SELECT, INSERT ON built_in, configured, reference TO PUBLIC;
GRANT UPDATE ON configured TO PUBLIC;
"""
FILL = """
CREATE TABLE item (id serial PRIMARY KEY); INSERT INTO item DEFAULT VALUES;
CREATE UNLOGGED TABLE basket (id int); INSERT INTO basket VALUES (1);
CREATE SEQUENCE backwards INCREMENT -1; SELECT nextval('backwards');
CREATE SEQUENCE untouched; CREATE MATERIALIZED VIEW items AS SELECT count(*) FROM item;
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("extension")
    extension = folder / "share" / "extension"
    extension.mkdir(parents=True)
    (extension / "runbook_test.control").write_text(CONTROL)
    (extension / "runbook_test--1.0.sql").write_text(SCRIPT)
    (folder / "server").mkdir()
    with newer_postgres(folder / "server", extension_control_path=f"$system:{folder / 'share'}") as running:
        yield running


@pytest.fixture
def shop(server: Any, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(server, "test-uncounted", tmp_path / "store").fill(FILL)
    shop.admin("CREATE EXTENSION runbook_test; CREATE EXTENSION IF NOT EXISTS plpgsql", database=shop.name)
    shop.database.sql("INSERT INTO configured VALUES (1); INSERT INTO reference VALUES (101)")
    yield shop
    shop.drop()


def test_rows_of_an_extension_that_came_after_the_backup_are_counted(shop: Shop) -> None:
    shop.back_up("first", encryption="off")
    shop.database.sql(
        "INSERT INTO built_in VALUES (3); INSERT INTO configured VALUES (2), (3); INSERT INTO reference VALUES (2),"
        " (102)"
    )
    shop.database.sql("INSERT INTO basket VALUES (2)")
    one = {"inserted": 1, "updated": 0, "deleted": 0}
    two = {**one, "inserted": 2}
    losses = {"public.basket": one, "public.built_in": one, "public.configured": two, "public.reference": two}
    staged = shop.restore("staged")["restore"]
    assert (staged["losses"], staged["lost_rows"], staged["left_out"]) == (
        losses,
        6,
        ["rows of extensions: public.built_in"],
    )
    restored = shop.restore()["restore"]
    assert restored["losses"] == losses
    assert restored["not_counted"] == {
        "materialized_views": ["public.items"],
        "closed_tables": ["public.closed"],
        "unheld_tables": ["public.built_in", "public.reference"],
    }


def test_numbers_that_would_be_given_out_again_are_named(shop: Shop) -> None:
    shop.back_up("first", encryption="off")
    shop.database.sql("SELECT nextval('item_id_seq'), nextval('item_id_seq'), nextval('backwards')")
    restored = shop.restore()["restore"]
    assert (restored["lost_rows"], restored["sequences"]) == (
        0,
        {"public.item_id_seq": {"live": 3, "other": 1}, "public.backwards": {"live": -2, "other": -1}},
    )


def test_an_index_of_a_partitioned_table_that_the_live_one_has_unfinished_too_is_as_it_was(shop: Shop) -> None:
    parts = (
        "CREATE TABLE part (a int) PARTITION BY RANGE (a); CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO"
        " (10);"
    )
    shop.database.sql(f"{parts} CREATE INDEX part_a ON ONLY part (a)")
    shop.back_up("first", encryption="off")
    assert shop.prove(same_server=True)["failed"] is False
    assert shop.restore()["restore"]["losses"] == {}
    ((valid,),) = shop.database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'part_a'::regclass")
    assert valid is False


MANY = 700


def test_many_tables_are_backed_up_compared_and_swapped_with_few_locks(tmp_path: Path) -> None:
    """pg_dump locks each table once, so that is what the server has to have room for; not each index and
    each sequence.
    """
    (tmp_path / "server").mkdir()
    with newer_postgres(
        tmp_path / "server",
        max_connections="12",
        max_worker_processes="0",
        autovacuum="off",
        max_locks_per_transaction="30",
    ) as server:
        shop = Shop(server, "test-many", tmp_path / "store")
        for start in range(0, MANY, 20):
            shop.database.sql(
                ";".join(
                    f"CREATE TABLE t{n} (id serial PRIMARY KEY, a int, b int); CREATE INDEX ON t{n} (a); CREATE INDEX"
                    f" ON t{n} (b); INSERT INTO t{n} VALUES (1)"
                    for n in range(start, start + 20)
                )
            )
        with pytest.raises(psycopg2.errors.OutOfMemory):
            shop.database.sql("; ".join(f"SELECT count(*) FROM t{n}" for n in range(MANY)))
        shop.back_up("first", encryption="off")
        shop.database.sql("INSERT INTO t7 VALUES (2)")
        restored = shop.restore()
        assert (restored["failed"], restored.get("msg")) == (False, None)
        assert restored["restore"]["losses"] == {"public.t7": {"inserted": 1, "updated": 0, "deleted": 0}}
        assert restored["restore"]["verified"]["compared"] == MANY
        shop.admin('CREATE DATABASE "test-many-target" OWNER shop')
        moved = shop.restore(target_url=shop.url_of("test-many-target"), swap="url")
        assert (moved["failed"], moved.get("msg")) == (False, None)
