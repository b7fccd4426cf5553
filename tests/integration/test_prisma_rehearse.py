# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""prisma_rehearse against a real PostgreSQL: what is seen on a scratch copy, and that production is never
taken for one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import pg_backup, prisma_rehearse

from sandbox.process import wait_until
from sandbox.storefront import Sandbox
from tests.integration.restored_shop import killed
from tests.integration.shop_database import Database, write_migrations
from tests.unit.support import run_module

BASE = (
    "CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item SELECT n, 'x' FROM generate_series(1, 100) AS"
    " n; CREATE TABLE old (id int);"
)


@pytest.fixture
def production(sandbox: Sandbox, tmp_path: Path) -> Iterator[Database]:
    """A database with a migration."""
    database = Database(sandbox, "test-rehearse")
    assert database.migrate(write_migrations(tmp_path, a=BASE))["applied"] == ["a"]
    yield database
    database.drop()


@pytest.fixture
def scratch(production: Database) -> Iterator[Database]:
    """A copy of it."""
    copy = Database(production.sandbox, "test-rehearse-scratch", template=production.name)
    yield copy
    copy.drop()


Rehearse = Callable[..., dict[str, Any]]


@pytest.fixture
def rehearse(production: Database, scratch: Database, tmp_path: Path) -> Rehearse:
    def call(*, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {"database_url": production.url, "scratch_url": scratch.url, "path": str(tmp_path), **options}
        return run_module(
            prisma_rehearse, {name: value for name, value in given.items() if value is not None}, check=check
        )

    return call


def test_each_migration_is_reported_with_its_time_its_locks_and_its_rows(
    production: Database, scratch: Database, tmp_path: Path, rehearse: Rehearse
) -> None:
    write_migrations(
        tmp_path,
        b=(
            "ALTER TABLE item ADD rating int;\nUPDATE item SET rating = 1 WHERE id <= 40;\nDELETE FROM item WHERE id >"
            " 90;\nSELECT pg_sleep(0.2); -- no line end"
        ),
        c='CREATE TABLE "New" (id int); INSERT INTO "New" VALUES (1), (2); DROP TABLE old;',
        d="CREATE INDEX item_name ON item (name);",
    )
    predicted = rehearse(check=True)
    assert (predicted["changed"], predicted["pending"], predicted["rehearsed"]) == (True, ["b", "c", "d"], [])
    assert scratch.outcomes() == [("a", "applied")]

    done = rehearse()
    assert not done["failed"], done
    assert done["scratch"].startswith("test-rehearse-scratch on 127.0.0.1")
    b, c, d = done["rehearsed"]
    assert b["seconds"] >= 0.2
    assert {
        "relation": "public.item",
        "kind": "table",
        "mode": "AccessExclusiveLock",
        "blocks": ["reads", "writes"],
    } in b["locks"]
    assert {"relation": "public.item_pkey", "kind": "index", "mode": "RowExclusiveLock", "blocks": []} in b["locks"]
    assert b["tables"] == [
        {"name": "public.item", "rows_before": 100, "rows_after": 90, "inserted": 0, "updated": 40, "deleted": 10}
    ]
    assert [(lock["relation"], lock["mode"]) for lock in c["locks"]] == [("public.old", "AccessExclusiveLock")]
    assert [(table["name"], table["rows_before"], table["rows_after"], table["inserted"]) for table in c["tables"]] == [
        ("public.old", 0, None, 0),
        ('public."New"', None, 2, 2),
    ]
    assert [lock["blocks"] for lock in d["locks"] if lock["mode"] == "ShareLock"] == [["writes"]]
    assert {entry["transaction"] for entry in done["rehearsed"]} == {True}

    assert production.outcomes() == [("a", "applied")]
    assert production.tables() == ["item", "old"]
    assert scratch.outcomes() == [(name, "applied") for name in "abcd"]


def test_a_file_that_is_not_one_transaction_is_watched_while_it_runs(tmp_path: Path, rehearse: Rehearse) -> None:
    write_migrations(
        tmp_path, b="BEGIN; LOCK TABLE item IN SHARE MODE; SELECT pg_sleep(0.3); COMMIT; ALTER TABLE item ADD x int;"
    )
    (migration,) = rehearse()["rehearsed"]
    assert migration["transaction"] is False
    assert {"relation": "public.item", "kind": "table", "mode": "ShareLock", "blocks": ["writes"]} in migration["locks"]
    assert migration["tables"] == [
        {
            "name": "public.item",
            "rows_before": 100,
            "rows_after": 100,
            "inserted": None,
            "updated": None,
            "deleted": None,
        }
    ]


def test_rows_that_a_block_of_code_writes_are_reported_too(tmp_path: Path, rehearse: Rehearse) -> None:
    write_migrations(tmp_path, b="WITH gone AS (DELETE FROM item WHERE id = 1 RETURNING id) SELECT 1;")
    (migration,) = rehearse()["rehearsed"]
    assert [(table["name"], table["deleted"]) for table in migration["tables"]] == [("public.item", 1)]


def test_a_migration_that_fails_there_says_so_and_production_is_untouched(
    production: Database, tmp_path: Path, rehearse: Rehearse
) -> None:
    write_migrations(
        tmp_path, b="ALTER TABLE item ADD x int;", c="ALTER TABLE item ADD CONSTRAINT few CHECK (id < 50);"
    )
    failed = rehearse()
    assert (failed["error"]["kind"], failed["error"]["migration"]) == ("migration_failed", "c")
    assert "In the rehearsal, which does not change production" in failed["msg"]
    assert [entry["name"] for entry in failed["rehearsed"]] == ["b"]
    assert production.outcomes() == [("a", "applied")]


def test_a_second_rehearsal_asks_for_a_new_copy_and_nothing_pending_is_no_change(
    scratch: Database, tmp_path: Path, rehearse: Rehearse
) -> None:
    assert rehearse()["changed"] is False
    write_migrations(tmp_path, b="ALTER TABLE item ADD x int;")
    assert rehearse()["changed"]
    refused = rehearse()
    assert refused["error"]["code"] == "scratch_differs"
    assert "has b, as after a rehearsal. Restore it again" in refused["msg"]
    scratch.sql("DELETE FROM _prisma_migrations")
    assert "lacks a" in rehearse()["msg"]


DISGUISES: list[Callable[[str], str]] = [
    lambda url: url,
    lambda url: url.replace("127.0.0.1", "localhost"),
    lambda url: url.replace("schema=public", "schema=other"),
    lambda url: url.replace("127.0.0.1", "127.0.0.1.") + "&host=127.0.0.1&application_name=x",
]


def test_production_is_refused_as_scratch_by_whatever_address(
    production: Database, tmp_path: Path, rehearse: Rehearse
) -> None:
    write_migrations(tmp_path, b="DROP TABLE item;")
    for disguise in DISGUISES:
        for check in (True, False):
            refused = rehearse(scratch_url=disguise(production.url), check=check)
            assert refused["error"]["code"] == "scratch_is_production"
            assert production.password not in json.dumps(refused)
    assert (
        "Give the server's own address as scratch_url"
        in rehearse(scratch_url=f"{production.url}&pgbouncer=true")["msg"]
    )
    assert production.tables() == ["item", "old"]


def test_the_shops_own_release_is_rehearsed(
    sandbox: Sandbox, scratch: Database, production: Database, rehearse: Rehearse
) -> None:
    for database in (production, scratch):
        database.sql("DROP TABLE item, old, _prisma_migrations")
    repository = sandbox.state["shop"]["repository"]
    options = {"path": repository, "root_directory": "apps/backend"}
    for database in (production, scratch):
        database.migrate(options["path"], ref="v1.1.0", root_directory=options["root_directory"])
    done = rehearse(**options, ref="v2.0.0")
    assert [entry["name"] for entry in done["rehearsed"]] == done["pending"] != []
    assert all(lock["relation"].startswith("public.") for entry in done["rehearsed"] for lock in entry["locks"])


# Copies that are made for it


SAME = {"scratch_url": None, "same_server": True}


def family(production: Database) -> list[str]:
    """What was made of production on its server."""
    return [
        name
        for (name,) in production.sql(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", f"{production.name}@"
        )
    ]


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    return {"store": (tmp_path / "store").as_uri(), "store_is_shared": True}


@pytest.fixture
def backup(production: Database, store: dict[str, Any]) -> str:
    """The name of a backup of production."""
    tools = production.sandbox.state["postgres"]["bin"]
    made = run_module(
        pg_backup, {"database_url": production.url, "postgres_bin": tools, "encryption": "off", "name": "sale", **store}
    )
    assert not made["failed"], made
    return made["backup"]["name"]


def test_a_backup_is_restored_for_it_proven_by_that_and_dropped(
    production: Database, tmp_path: Path, rehearse: Rehearse, backup: str, store: dict[str, Any]
) -> None:
    write_migrations(tmp_path, b="UPDATE item SET name = 'y' WHERE id <= 40;")
    options = {"copy": "backup", "postgres_bin": production.sandbox.state["postgres"]["bin"], **SAME, **store}
    predicted = rehearse(**options, check=True)
    assert (predicted["changed"], predicted["proof"]["rows"]) == (True, None)
    done = rehearse(**options)
    assert not done["failed"], done
    assert done["rehearsed"][0]["tables"][0]["updated"] == 40
    assert done["scratch"].startswith(f"{production.name}@scratch-")
    proofs = [json.loads(path.read_text()) for path in (tmp_path / "store" / "backups" / backup).glob("proof-*.json")]
    assert proofs == [done["proof"]]
    assert done["proof"]["rows"] == 101
    assert production.outcomes() == [("a", "applied")]
    assert family(production) == []

    production.migrate(tmp_path)
    write_migrations(tmp_path, c="DROP TABLE old;")
    refused = rehearse(**options)
    assert refused["error"]["code"] == "scratch_differs"
    assert "Make a new backup" in refused["msg"]


def test_the_schema_alone_shows_whether_a_migration_runs_and_a_failure_leaves_no_copy(
    production: Database, tmp_path: Path, rehearse: Rehearse
) -> None:
    options = {"copy": "schema", "postgres_bin": production.sandbox.state["postgres"]["bin"], **SAME}
    write_migrations(tmp_path, b="ALTER TABLE item ADD rating int; CREATE INDEX item_rating ON item (rating);")
    done = rehearse(**options)
    assert not done["failed"], done
    (migration,) = done["rehearsed"]
    assert (migration["name"], migration["tables"][0]["rows_before"]) == ("b", 0)
    write_migrations(tmp_path, c="ALTER TABLE nothing ADD x int;")
    failed = rehearse(**options)
    assert failed["error"]["migration"] == "c"
    assert "In the rehearsal, which does not change production" in failed["msg"]
    assert production.outcomes() == [("a", "applied")]
    assert family(production) == []


def test_a_server_that_is_started_here_for_it_needs_no_permission(
    production: Database, tmp_path: Path, rehearse: Rehearse
) -> None:
    write_migrations(tmp_path, b="ALTER TABLE item ADD rating int;")
    done = rehearse(
        copy="schema", local_server=True, scratch_url=None, postgres_bin=production.sandbox.state["postgres"]["bin"]
    )
    assert not done["failed"], done
    assert "storefront.runbook-server-" in done["scratch"]
    assert done["rehearsed"][0]["name"] == "b"
    assert family(production) == []


STEPS = ["!CREATE DATABASE", "pg_restore', '--exit", "INSERT INTO _prisma_migrations", "!ADD rating", "DROP DATABASE"]


@pytest.mark.parametrize("step", STEPS)
def test_what_a_rehearsal_that_is_killed_at_any_step_left_is_dropped_by_the_next_one(
    production: Database, tmp_path: Path, rehearse: Rehearse, step: str
) -> None:
    write_migrations(tmp_path, b="ALTER TABLE item ADD rating int;")
    options = {"copy": "schema", "postgres_bin": production.sandbox.state["postgres"]["bin"], "same_server": True}
    assert killed({"database_url": production.url, "path": str(tmp_path), **options}, step, "prisma_rehearse")
    assert len(family(production)) == 1
    assert wait_until(lambda: not production.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"), 10)
    done = rehearse(**options, scratch_url=None)
    assert ([entry["name"] for entry in done["rehearsed"]], len(done["leftovers"])) == (["b"], 1)
    assert (family(production), production.outcomes()) == ([], [("a", "applied")])


def test_a_copy_on_productions_own_server_needs_the_permission_for_that(tmp_path: Path, rehearse: Rehearse) -> None:
    write_migrations(tmp_path, b="DROP TABLE item;")
    for copy in ("schema", "backup"):
        assert rehearse(copy=copy, scratch_url=None, check=True)["failed"]
    assert rehearse(copy="schema", scratch_url=None, check=True)["error"]["code"] == "no_scratch"
