# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""prisma_migrate against a real PostgreSQL: what it applies, what it refuses, and what is left when it is stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations import classify, resolve, runner_builtin
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import connection as postgres

from sandbox.process import wait_until
from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database, write_migrations

BASE = "CREATE TABLE item (id int PRIMARY KEY);"


@pytest.fixture
def database(sandbox: Sandbox) -> Iterator[Database]:
    """An empty database."""
    database = Database(sandbox, "test-migrate")
    yield database
    database.drop()


@pytest.fixture
def shop(sandbox: Sandbox) -> dict[str, Any]:
    """Options that name the example shop's migrations."""
    return {"path": sandbox.state["shop"]["repository"], "root_directory": "apps/backend"}


def test_pending_migrations_are_reported_then_applied_and_then_there_are_none(
    database: Database, shop: dict[str, Any]
) -> None:
    predicted = database.migrate(**shop, ref="v1.0.0", check=True)
    assert predicted["changed"]
    assert predicted["applied"] == []
    assert 'CREATE TABLE "Product"' in predicted["diff"]["after"]
    assert database.tables() == []

    names = [migration["name"] for migration in predicted["pending"]]
    assert len(names) >= 3
    done = database.migrate(**shop, ref="v1.0.0")
    assert (done["changed"], done["applied"], done["backward_compatible"]) == (True, names, True)
    assert database.outcomes() == [(name, "applied") for name in names]
    assert "Product" in database.tables()

    again = database.migrate(**shop, ref="v1.0.0")
    assert (again["changed"], again["applied"], again["pending"]) == (False, [], [])


def test_a_new_release_brings_only_what_it_adds_and_an_older_one_afterwards_nothing(
    database: Database, shop: dict[str, Any]
) -> None:
    old = database.migrate(**shop, ref="v1.0.0")["applied"]
    added = database.migrate(**shop, ref="v1.1.0")
    assert added["applied"]
    assert not set(added["applied"]) & set(old)
    assert added["backward_compatible"]

    back = database.migrate(**shop, ref="v1.0.0")
    assert not back["changed"]
    assert [warning for warning in back["warnings"] if added["applied"][0] in warning and "does not know" in warning]


def test_a_migration_that_takes_something_away_is_not_backward_compatible(
    database: Database, shop: dict[str, Any]
) -> None:
    database.migrate(**shop, ref="v1.1.0")
    predicted = database.migrate(**shop, ref="v2.0.0", check=True)
    assert predicted["backward_compatible"] is False
    (reason,) = [reason for migration in predicted["pending"] for reason in migration["reasons"]][:1]
    assert reason["line"] >= 1
    assert reason["reason"].startswith(("drops", "renames"))


def test_the_module_reports_whether_an_older_release_could_be_put_back(
    database: Database, shop: dict[str, Any]
) -> None:
    expanding = database.migrate(**shop, ref="v1.1.0")["applied"][-1]
    (migration,) = database.migrate(**shop, ref="v1.0.0", known_from="v1.1.0", check=True)["unknown_to_release"]
    assert (migration["name"], migration["backward_compatible"]) == (expanding, True)

    contracting = database.migrate(**shop, ref="v2.0.0")["applied"]
    later = database.migrate(**shop, ref="v1.1.0", known_from="v2.0.0", check=True)
    assert later["missing"] == contracting
    assert False in [entry["backward_compatible"] for entry in later["unknown_to_release"]]
    assert database.migrate(**shop, ref="v1.1.0", check=True)["unknown_to_release"][0]["backward_compatible"] is None


@pytest.mark.own_process
def test_without_pglast_nothing_counts_as_backward_compatible(
    database: Database, shop: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classify, "PGLAST_ERROR", "No module named 'pglast'")
    predicted = database.migrate(**shop, ref="v1.0.0", check=True)
    assert predicted["backward_compatible"] is False
    assert {reason["reason"] for migration in predicted["pending"] for reason in migration["reasons"]} == {
        "pglast is not installed, so the file was not read"
    }


def test_a_failed_migration_stops_those_after_it_and_the_next_run_says_what_to_do(
    database: Database, tmp_path: Path
) -> None:
    folder = write_migrations(
        tmp_path, a=BASE, b="ALTER TABLE item ADD x int;\n\nSELECT * FROM nothing;", c="CREATE TABLE never (id int);"
    )
    failed = database.migrate(folder)
    assert failed["failed"]
    assert failed["applied"] == ["a"]
    assert failed["error"]["code"] == "P3018"
    assert 'b failed (migration.sql line 3): relation "nothing" does not exist' in failed["msg"]
    assert database.outcomes() == [("a", "applied"), ("b", "failed")]
    assert database.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'item'") == [("id",)]

    refused = database.migrate(folder)
    assert refused["error"]["code"] == "P3009"
    (state,) = refused["unresolved"]
    assert (state["name"], state["resolve"]) == ("b", "rolled-back")
    assert "prisma migrate resolve --rolled-back b" in refused["msg"]

    assert database.migrate(folder, state="resolved_applied", migration="b")["error"]["code"] == "contradicted"
    assert database.migrate(folder, state="resolved_rolled_back", migration="b")["resolved"] == ["b"]
    assert not database.migrate(folder, state="resolved_rolled_back", migration="b")["changed"]
    write_migrations(tmp_path, b="ALTER TABLE item ADD x int;")
    assert database.migrate(folder)["applied"] == ["b", "c"]


def test_a_file_with_its_own_commit_may_be_half_applied_and_that_is_said(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path, a="BEGIN; CREATE TABLE half (id int); COMMIT; SELECT 1/0;")
    assert database.migrate(folder)["error"]["code"] == "P3018"
    assert database.tables() == ["half"]
    refused = database.migrate(folder)
    assert "part of it may be applied" in refused["msg"]

    contradicted = database.migrate(folder, state="resolved_rolled_back", migration="a")
    assert "the table half is as it leaves it" in contradicted["msg"]
    database.sql("DROP TABLE half")
    assert (
        "the table half is not as it leaves it"
        in database.migrate(folder, state="resolved_applied", migration="a")["msg"]
    )
    assert database.migrate(folder, state="resolved_rolled_back", migration="a")["changed"]


def test_an_invalid_index_is_neither_applied_nor_undone(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path, a=BASE, b="CREATE UNIQUE INDEX CONCURRENTLY item_idx ON item ((id % 2));")
    database.migrate(write_migrations(tmp_path / "first", a=BASE))
    database.sql("INSERT INTO item VALUES (1), (3)")
    assert "could not create unique index" in database.migrate(folder)["msg"]
    for state in ("resolved_applied", "resolved_rolled_back"):
        assert "the index item_idx" in database.migrate(folder, state=state, migration="b")["msg"]
    database.sql("DROP INDEX item_idx")
    assert database.migrate(folder, state="resolved_rolled_back", migration="b")["changed"]


def test_a_file_that_leaves_its_transaction_open_is_undone_and_failed(database: Database, tmp_path: Path) -> None:
    failed = database.migrate(write_migrations(tmp_path, a="BEGIN; CREATE TABLE lost (id int);"))
    assert "leaves its transaction open" in failed["msg"]
    assert database.tables() == []
    assert database.outcomes() == [("a", "failed")]


def test_an_index_is_built_concurrently_where_that_is_all_the_file_does(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path, a=BASE, b="CREATE INDEX CONCURRENTLY item_idx ON item (id);")
    assert database.migrate(folder)["applied"] == ["a", "b"]
    assert database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'item_idx'::regclass") == [(True,)]


def test_settings_that_a_file_leaves_do_not_reach_the_next_one(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(
        tmp_path,
        a="SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE public.one (id int);",
        b="CREATE TABLE two (id int);",
    )
    assert database.migrate(folder)["applied"] == ["a", "b"]
    assert database.tables() == ["one", "two"]


def test_an_edited_migration_is_reported_and_not_applied_again(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path, a=BASE)
    database.migrate(folder)
    write_migrations(tmp_path, a=BASE + " CREATE TABLE more (id int);")
    again = database.migrate(folder)
    assert not again["changed"]
    assert [warning for warning in again["warnings"] if "edited" in warning]


def test_a_schema_that_prisma_never_migrated_is_refused_untouched(database: Database, tmp_path: Path) -> None:
    database.sql("CREATE TABLE stranger (id int)")
    refused = database.migrate(write_migrations(tmp_path, a=BASE))
    assert refused["error"]["code"] == "P3005"
    assert database.tables() == ["stranger"]
    assert database.sql("SELECT to_regclass('_prisma_migrations')") == [(None,)]


def test_the_tables_of_an_extension_are_not_the_shops(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path, a=BASE)
    admin = database.sandbox.state["postgres"]["url"].rpartition("/")[0] + f"/{database.name}"
    with closing(psycopg2.connect(admin)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE spatial_types (id int); CREATE TABLE topology (id int) PARTITION BY RANGE (id); CREATE"
            " EXTENSION pg_stat_statements"
        )
        connection.commit()
        assert "(spatial_types, topology)" in database.migrate(folder, check=True)["msg"]
        cursor.execute(
            "ALTER EXTENSION plpgsql ADD TABLE spatial_types; ALTER EXTENSION plpgsql ADD TABLE topology; CREATE TABLE"
            " spatial_ref_sys (id int)"
        )
        connection.commit()
    assert database.migrate(folder)["applied"] == ["a"]


def test_a_table_beside_those_of_an_extension_is_a_stranger(database: Database, tmp_path: Path) -> None:
    database.sql("CREATE TABLE spatial_ref_sys (id int); CREATE TABLE stranger (id int)")
    refused = database.migrate(write_migrations(tmp_path, a=BASE))
    assert refused["error"]["code"] == "P3005"
    assert "(stranger)" in refused["msg"]


def test_a_user_without_rights_on_the_database_applies_the_first_migration(database: Database, tmp_path: Path) -> None:
    admin = database.sandbox.state["postgres"]["url"].rpartition("/")[0] + f"/{database.name}"
    with closing(psycopg2.connect(admin)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(
            "DROP ROLE IF EXISTS test_migrator; CREATE ROLE test_migrator LOGIN PASSWORD 'secret-of-migrator'"
        )
        cursor.execute("GRANT ALL ON SCHEMA public TO test_migrator")
        url = f"postgresql://test_migrator:secret-of-migrator@{database.url.rpartition('@')[2]}"
        done = database.migrate(write_migrations(tmp_path, a=BASE), database_url=url)
        refused = database.migrate(tmp_path, database_url=url.replace("schema=public", "schema=new"))
        cursor.execute("DROP OWNED BY test_migrator; DROP ROLE test_migrator")
    assert done["applied"] == ["a"]
    assert "permission denied for database" in refused["msg"]


def test_a_squashed_history_is_marked_and_not_run(database: Database, tmp_path: Path) -> None:
    database.migrate(write_migrations(tmp_path / "old", a=BASE, b="CREATE TABLE more (id int);"))
    squashed = write_migrations(
        tmp_path / "new", a_squashed=f"{BASE} CREATE TABLE more (id int);", b_next="ALTER TABLE more ADD x int;"
    )
    for check in (True, False):
        refused = database.migrate(squashed, check=check)
        assert refused["error"]["code"] == "squashed"
        assert "state: resolved_applied with migration: a_squashed" in refused["msg"]
    assert database.outcomes() == [("a", "applied"), ("b", "applied")]
    assert database.migrate(squashed, state="resolved_applied", migration="a_squashed")["resolved"] == ["a_squashed"]
    assert database.migrate(squashed)["applied"] == ["b_next"]


def test_a_squashed_history_of_a_later_release_asks_for_the_one_before_it(database: Database, tmp_path: Path) -> None:
    database.migrate(write_migrations(tmp_path / "old", a=BASE))
    refused = database.migrate(write_migrations(tmp_path / "new", a_squashed=f"{BASE} CREATE TABLE more (id int);"))
    assert "creates exists yet (the table more): deploy the release before it was squashed first" in refused["msg"]


def test_a_stale_folder_of_migrations_is_refused(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path, a=BASE)
    (tmp_path / "prisma.config.ts").write_text(
        'export default defineConfig({ migrations: { path: "db/migrations" } });'
    )
    refused = database.migrate(folder, check=True)
    assert refused["error"]["code"] == "another_folder"
    assert "Set migrations: db/migrations" in refused["msg"]


def test_no_piece_of_a_raw_password_reaches_the_result(database: Database, tmp_path: Path) -> None:
    for url in (
        "postgresql://shop:hunt@er/secret@127.0.0.1/shop",
        "postgresql://shop:hunt/er#secret@127.0.0.1/shop",
        "postgresql://shop:hunt?er@secret@h/shop",
    ):
        refused = database.migrate(write_migrations(tmp_path, a=BASE), database_url=url, check=True)
        assert refused["error"]["code"] == "bad_url"
        shown = json.dumps({key: value for key, value in refused.items() if key != "invocation"})
        assert not [piece for piece in ("hunt", "secret") if piece in shown]


def test_a_schema_made_without_prisma_gets_a_baseline_and_continues_from_there(
    database: Database, shop: dict[str, Any]
) -> None:
    database.migrate(**shop, ref="v1.0.0")
    database.sql("DROP TABLE _prisma_migrations")
    last = database.migrate(**shop, ref="v1.1.0", state="baselined")
    assert last["error"]["code"] == "contradicted"  # the schema is that of v1.0.0
    predicted = database.migrate(**shop, ref="v1.0.0", state="baselined", check=True)
    assert predicted["changed"]
    assert database.sql("SELECT to_regclass('_prisma_migrations')") == [(None,)]
    assert database.migrate(**shop, ref="v1.0.0", state="baselined")["resolved"] == predicted["resolved"]
    assert not database.migrate(**shop, ref="v1.0.0", state="baselined")["changed"]
    assert len(database.migrate(**shop, ref="v1.1.0")["applied"]) == 1


def test_the_platforms_own_migrations_are_waited_for(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(tmp_path, a=BASE)
    verify: dict[str, Any] = {"runner": "platform", "state": "verified"}
    (pending,) = database.migrate(folder, **verify, check=True)["pending"]
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name ="
        " 'storefront.runbook'"
    )

    def migrate_once_it_is_waited_for() -> None:
        wait_until(lambda: database.sql(waiting) != [(0,)], 30)
        database.sql(runner_builtin.TABLE)
        database.sql(resolve.MARK, "1", pending["checksum"], "a")

    platform = threading.Thread(target=migrate_once_it_is_waited_for)
    platform.start()
    verified = database.migrate(folder, **verify, wait_timeout=30)
    platform.join()
    assert (verified["failed"], verified["pending"], verified["migrations"][0]["state"]) == (False, [], "applied")


def test_a_schema_of_its_own_is_made(database: Database, tmp_path: Path) -> None:
    database.url = database.url.replace("schema=public", "schema=Brand new")
    database.migrate(write_migrations(tmp_path, a=BASE))
    assert database.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'Brand new' ORDER BY 1") == [
        ("_prisma_migrations",),
        ("item",),
    ]


class TestALockThatSomebodyElseHolds:
    @pytest.fixture
    def holder(self, database: Database, tmp_path: Path) -> Iterator[Any]:
        """A session that holds the table which the pending migration alters."""
        assert database.migrate(write_migrations(tmp_path, a=BASE))["applied"] == ["a"]
        write_migrations(tmp_path, b="ALTER TABLE item ADD x int;")
        with closing(database.connect()) as connection:
            connection.autocommit = False
            connection.cursor().execute("LOCK TABLE item")
            yield connection

    def test_is_waited_for_in_short_tries_after_which_nothing_is_left_behind(
        self, database: Database, tmp_path: Path, holder: Any
    ) -> None:
        failed = database.migrate(tmp_path, lock_timeout=0.1, lock_retries=1)
        assert (failed["error"]["code"], failed["error"]["retryable"]) == ("lock_timeout", True)
        assert database.outcomes() == [("a", "applied"), ("b", "rolled back"), ("b", "rolled back")]
        holder.rollback()
        assert database.migrate(tmp_path)["applied"] == ["b"]

    def test_that_goes_in_time_is_only_a_delay(self, database: Database, tmp_path: Path, holder: Any) -> None:
        seen: list[bool] = []

        def let_go_after_the_first_try() -> None:
            seen.append(wait_until(lambda: ("b", "rolled back") in database.outcomes(), 30))
            holder.rollback()

        other = threading.Thread(target=let_go_after_the_first_try)
        other.start()
        assert database.migrate(tmp_path, lock_timeout=0.1, lock_retries=20)["applied"] == ["b"]
        other.join()
        assert seen == [True]

    def test_that_is_prismas_own_stops_it_before_anything_changes(
        self, database: Database, tmp_path: Path, holder: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner_builtin, "LOCK_WAIT", 0.1)
        holder.cursor().execute("SELECT pg_advisory_lock(72707369)")
        refused = database.migrate(tmp_path)
        assert refused["error"]["code"] == "P1002"
        assert f"pg_terminate_backend({holder.info.backend_pid})" in refused["msg"]
        assert database.outcomes() == [("a", "applied")]


SLOW = "CREATE TABLE slow (id int); SELECT pg_sleep(40);"


def sleepers(database: Database) -> int:
    """How many sessions of the database run the slow migration."""
    ((count,),) = database.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query = %s",
        SLOW,
    )
    return count


@pytest.mark.own_process
def test_a_migration_that_takes_longer_than_it_may_is_cancelled_on_the_server(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "BEAT_INTERVAL", 0.05)
    seen: list[int] = []
    check = runner_builtin.Waiter.check

    def renew_and_check(waiter: Any, what: str) -> None:
        seen.append(sleepers(database))
        check(waiter, what)

    monkeypatch.setattr(runner_builtin.Waiter, "check", renew_and_check)
    stopped = database.migrate(write_migrations(tmp_path, a=SLOW), wait_timeout=0.5)
    assert stopped["error"]["kind"] == "wait_timeout"
    assert 1 in seen
    assert sleepers(database) == 0
    assert database.tables() == []
    assert database.outcomes() == [("a", "rolled back")]


def test_a_statement_that_takes_longer_than_it_may_fails_its_migration(database: Database, tmp_path: Path) -> None:
    failed = database.migrate(write_migrations(tmp_path, a=SLOW), statement_timeout=0.1)
    assert "statement timeout" in failed["msg"]
    assert database.outcomes() == [("a", "failed")]


@pytest.mark.own_process
def test_a_killed_run_does_not_continue_and_the_next_one_says_what_to_look_for(
    database: Database, tmp_path: Path
) -> None:
    folder = write_migrations(tmp_path, a=SLOW)
    script = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1])\n"
        "from ansible_collections.storefront.runbook.plugins.modules import prisma_migrate\n"
        "from tests.unit.support import run_module; run_module(prisma_migrate, json.load(sys.stdin))"
    )
    with subprocess.Popen([sys.executable, "-c", script, json.dumps(sys.path)], stdin=subprocess.PIPE) as worker:
        assert worker.stdin
        worker.stdin.write(
            json.dumps({"database_url": database.url, "path": str(folder), "runner": "builtin"}).encode()
        )
        worker.stdin.close()
        began = wait_until(lambda: sleepers(database) == 1, 30)
        worker.kill()
    assert began
    assert wait_until(lambda: sleepers(database) == 0, 30)
    assert database.tables() == []

    refused = database.migrate(folder)
    assert refused["error"]["code"] == "P3009"
    assert "stopped before it could record the result" in refused["msg"]
    assert database.migrate(folder, state="resolved_applied", migration="a")["error"]["code"] == "contradicted"
    assert database.migrate(folder, state="resolved_rolled_back", migration="a")["resolved"] == ["a"]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (
            lambda url: url.replace("/test-migrate", "/test-nowhere"),
            "no_database",
            "Create it, or correct database_url",
        ),
        (lambda url: url.replace("shop:", "shop:wrong"), "auth_failed", "The user or the password is wrong"),
        (lambda url: url.rpartition(":")[0] + ":1/test-migrate", "connection", "No server listens there"),
        (lambda url: url + "&pgbouncer=true", "pooled_url", "as direct_url"),
    ],
)
def test_a_database_out_of_reach_is_named_with_the_remedy_and_without_the_password(
    database: Database, tmp_path: Path, change: Any, code: str, words: str
) -> None:
    folder = write_migrations(tmp_path, a=BASE)
    refused = database.migrate(folder, database_url=change(database.url), check=True)
    assert refused["error"]["code"] == code
    assert words in refused["msg"]
    assert database.password not in json.dumps(refused)


def test_the_direct_url_is_the_one_that_is_used(database: Database, tmp_path: Path) -> None:
    done = database.migrate(
        write_migrations(tmp_path, a=BASE),
        database_url="postgresql://a:b@pooler.invalid/x?pgbouncer=true",
        direct_url=database.url,
    )
    assert done["applied"] == ["a"]
