# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_info against a real PostgreSQL: what it shows a user without rights."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import connection as postgres
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import statements
from ansible_collections.storefront.runbook.plugins.modules import pg_info

from sandbox import tools
from sandbox.process import wait_until
from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database, write_migrations
from tests.unit.support import run_module


@pytest.fixture(scope="module")
def database(sandbox: Sandbox) -> Iterator[Database]:
    """A database with 3000 items, of which two thirds are dead, and nobody to vacuum it."""
    database = Database(sandbox, "test-info")
    database.sql("CREATE TABLE item (id int PRIMARY KEY, name text) WITH (autovacuum_enabled = off)")
    database.sql("INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 3000) AS n")
    database.sql("DELETE FROM item WHERE id > 1000")
    yield database
    database.drop()


def inspect(database: Database, *gather: str, **options: Any) -> dict[str, Any]:
    result = run_module(
        pg_info, {"database_url": database.url, **({"gather": list(gather)} if gather else {}), **options}
    )
    assert not result["failed"], result
    assert not result["changed"]
    return result


def test_the_server_the_database_and_its_tables_are_reported_by_default(database: Database) -> None:
    result = inspect(database)
    assert (result["server"]["database"], result["server"]["user"], result["server"]["in_recovery"]) == (
        "test-info",
        "shop",
        False,
    )
    assert result["server"]["version"][0].isdigit()
    assert result["server"]["size_bytes"] > 1_000_000
    assert result["server"]["sees_others"] is False
    (item,) = result["tables"]
    assert item["name"] == "public.item"
    assert item["total_bytes"] == item["table_bytes"] + item["index_bytes"]
    assert result["migrations"] == {"known": False, "applied": 0, "last": None, "failed": [], "history": []}
    assert result["unavailable"] == {}
    assert "slow_queries" not in result


def test_only_what_is_asked_for_is_reported(database: Database) -> None:
    result = inspect(database, "server", "connections")
    assert {"server", "connections"} == set(result) - {
        "changed",
        "diff",
        "elapsed",
        "failed",
        "invocation",
        "unavailable",
        "warnings",
    }


def test_sessions_are_counted_by_state_and_application_without_this_one(database: Database) -> None:
    assert inspect(database, "connections")["connections"] == []
    with closing(psycopg2.connect(database.url.partition("?")[0], application_name="shop-api")) as session:
        session.cursor().execute("SELECT 1")
        (api,) = inspect(database, "connections")["connections"]
        assert (api["state"], api["application"], api["user"], api["count"]) == (
            "idle in transaction",
            "shop-api",
            "shop",
            1,
        )
        assert api["longest_transaction"] >= 0


def test_a_waiting_session_is_reported_with_its_blocker_and_without_customers_data(database: Database) -> None:
    with closing(database.connect()) as holder, closing(database.connect()) as waiter:
        holder.autocommit = False
        holder.cursor().execute("UPDATE item SET name = 'mary@example.com' WHERE id = 1234567")
        holder.cursor().execute("LOCK TABLE item")
        other = threading.Thread(
            target=waiter.cursor().execute, args=["SELECT * FROM item WHERE name = 'mary@example.com'"]
        )
        other.start()
        assert wait_until(lambda: database.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != [(0,)], 30)
        result = inspect(database, "locks")
        pids = (waiter.info.backend_pid, holder.info.backend_pid)
        holder.rollback()
        other.join()
    (lock,) = result["locks"]
    assert (lock["pid"], lock["blocked_by"]) == pids
    assert (lock["relation"], lock["mode"], lock["blocker_state"]) == ("item", "AccessShareLock", "idle in transaction")
    assert lock["query"] == "SELECT * FROM item WHERE name = ?"
    assert "mary" not in json.dumps(result)


def test_dead_rows_and_invalid_indexes_are_reported(database: Database) -> None:
    # the statistics come a moment after the writes
    assert wait_until(lambda: inspect(database, "bloat")["bloat"]["tables"] != [], 30)
    database.sql("CREATE TABLE twice AS SELECT 1 AS n UNION ALL SELECT 1")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        database.sql("CREATE UNIQUE INDEX CONCURRENTLY twice_n ON twice (n)")
    result = inspect(database, "bloat")["bloat"]
    database.sql("DROP TABLE twice")
    assert [(table["name"], table["dead_rows"], table["dead_percent"]) for table in result["tables"]] == [
        ("public.item", 2000, 67)
    ]
    assert result["invalid_indexes"] == [{"name": "twice_n", "table": "twice"}]


def test_rows_are_estimated_and_counted_when_asked(database: Database) -> None:
    assert inspect(database, "counts")["counts"] == {"public.item": None}
    database.sql("ANALYZE item")
    assert inspect(database, "counts")["counts"] == {"public.item": 1000}
    database.sql("INSERT INTO item VALUES (5000, 'new')")
    assert inspect(database, "counts", exact_counts=True)["counts"] == {"public.item": 1001}
    database.sql("DELETE FROM item WHERE id = 5000")


def test_a_query_that_takes_too_long_is_cancelled_and_the_rest_is_reported(database: Database) -> None:
    database.sql("CREATE TABLE slow AS SELECT 1 AS n")
    with closing(database.connect()) as holder:
        holder.autocommit = False
        holder.cursor().execute("LOCK TABLE slow")
        result = inspect(database, "server", "counts", exact_counts=True, statement_timeout=0.2)
        holder.rollback()
    database.sql("DROP TABLE slow")
    assert result["server"]["database"] == "test-info"
    assert (result["counts"]["public.item"], result["counts"]["public.slow"]) == (1000, None)
    assert "longer than 0.2 s" in result["unavailable"]["counts of public.slow"]
    assert "longer than 0.2 s" in result["warnings"][0]


def test_the_migrations_are_reported_as_the_table_has_them(sandbox: Sandbox, tmp_path: Path) -> None:
    database = Database(sandbox, "test-info-migrated")
    database.migrate(write_migrations(tmp_path, a="CREATE TABLE a (id int);", b="SELECT * FROM nothing;"))
    result = inspect(
        database,
        "migrations",
        database_url="postgresql://pooled:sesame-sesame@pooler.invalid/x?pgbouncer=true",
        direct_url=database.url,
    )["migrations"]
    database.drop()
    assert (result["applied"], result["last"], result["failed"]) == (1, "a", ["b"])
    assert [(each["name"], each["state"]) for each in result["history"]] == [("a", "applied"), ("b", "failed")]


class TestSlowQueries:
    def test_are_not_known_without_the_extension_and_that_says_what_to_do(self, database: Database) -> None:
        result = inspect(database, "server", "slow_queries", interval=0)
        assert result["slow_queries"] is None
        assert "CREATE EXTENSION pg_stat_statements" in result["unavailable"]["slow_queries"]
        assert result["server"]["database"] == "test-info"

    @pytest.fixture
    def counting(self, sandbox: Sandbox, database: Database) -> Iterator[None]:
        if not tools.has_library(Path(sandbox.state["postgres"]["bin"]), "pg_stat_statements"):
            pytest.skip("this PostgreSQL comes without its contrib modules")
        admin = sandbox.state["postgres"]["url"].rpartition("/")[0] + "/test-info"
        with closing(psycopg2.connect(admin)) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION pg_stat_statements")
            connection.commit()
        yield
        with closing(psycopg2.connect(admin)) as connection, connection.cursor() as cursor:
            cursor.execute("DROP EXTENSION pg_stat_statements")
            connection.commit()

    def test_are_what_ran_within_the_interval_and_not_what_ran_before(self, counting: None, database: Database) -> None:
        database.sql("SELECT name FROM item WHERE id = 1")

        def meanwhile(seconds: float) -> None:
            assert seconds == 30
            for _time in range(3):
                database.sql("SELECT count(*) FROM item WHERE name <> 'mary@example.com' AND id > 0")

        with closing(postgres.connect(postgres.parse_url(database.url))) as connection:
            result = statements.slow_queries(connection, interval=30, limit=5, sleep=meanwhile)
        (counted,) = [each for each in result if "FROM item" in each["query"]]
        assert (counted["calls"], counted["rows"]) == (3, 3)
        assert counted["total_ms"] > 0
        assert abs(counted["mean_ms"] * 3 - counted["total_ms"]) < 0.01
        assert "mary" not in json.dumps(result)

    def test_are_those_of_all_time_with_an_interval_of_0(self, counting: None, database: Database) -> None:
        database.sql("SELECT max(id) FROM item")
        result = inspect(database, "slow_queries", interval=0, limit=50)
        assert [each["calls"] for each in result["slow_queries"] if each["query"] == "SELECT max(id) FROM item"] == [1]
        assert len(inspect(database, "slow_queries", interval=0, limit=1)["slow_queries"]) == 1
