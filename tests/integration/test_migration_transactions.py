# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/transactions.py held to what PostgreSQL does with a file that is sent whole: what stays when
it fails, and what cannot run at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.certain_failures import impossible_in
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.enums import Early
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.transactions import shape_of

from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database, write_migrations


@pytest.fixture(scope="module")
def server(sandbox: Sandbox) -> Iterator[Database]:
    """A database to run files in."""
    database = Database(sandbox, "test-transactions")
    database.sql(
        "CREATE TABLE item (id int); CREATE INDEX item_idx ON item (id); CREATE TABLE p (id int) PARTITION BY RANGE"
        " (id);"
    )
    database.sql("CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9); CREATE TYPE mood AS ENUM ('ok');")
    database.sql("CREATE PROCEDURE half() LANGUAGE plpgsql AS 'BEGIN CREATE TABLE a (i int); COMMIT; PERFORM 1/0; END'")
    database.sql("CREATE PROCEDURE whole() LANGUAGE plpgsql AS 'BEGIN CREATE TABLE a (i int); PERFORM 1/0; END'")
    yield database
    database.drop()


A, B, FAIL = "CREATE TABLE a (i int);", "CREATE TABLE b (i int);", "SELECT 1/0;"
# Each file fails. What stays of it, and whether it is known before that all of it or nothing stays.
FILES = {
    f"{A} {B} {FAIL}": ("", True),
    f"BEGIN; {A} {FAIL} COMMIT;": ("", True),
    f"{A} BEGIN; {B} {FAIL} COMMIT;": ("", True),
    f"START TRANSACTION; {A} {FAIL} END;": ("", True),
    f"BEGIN ISOLATION LEVEL SERIALIZABLE; {A} {FAIL} COMMIT;": ("", True),
    f"{A} COMMIT; {B} {FAIL}": ("a", False),
    f"BEGIN; {A} COMMIT; {B} {FAIL}": ("a", False),
    f"{A} BEGIN; {B} COMMIT; {FAIL}": ("ab", False),
    f"BEGIN; {A} COMMIT; BEGIN; {B} {FAIL} COMMIT;": ("a", False),
    f"BEGIN; {A} COMMIT AND CHAIN; {B} {FAIL} COMMIT;": ("a", False),
    f"{A} ROLLBACK; {B} {FAIL}": ("", True),
    f"BEGIN; {A} ROLLBACK; {FAIL}": ("", True),
    f"BEGIN; SAVEPOINT s; {A} RELEASE s; {B} {FAIL} COMMIT;": ("", True),
    f"BEGIN; {A} SAVEPOINT s; {FAIL} ROLLBACK TO s; COMMIT;": ("", True),
    f"{A} SAVEPOINT s; {B}": ("", True),
    f"BEGIN; {A}": ("", True),
    f"DO $$ BEGIN {A} PERFORM 1/0; END $$;": ("", True),
    f"DO $$ BEGIN {A} COMMIT; PERFORM 1/0; END $$;": ("a", False),
    f"{B} DO $$ BEGIN {A} COMMIT; PERFORM 1/0; END $$;": ("", True),
    "CALL half();": ("a", False),
    "CALL whole();": ("", False),
    f"{B} CALL half();": ("", True),
    f"BEGIN; {B} CALL half(); COMMIT;": ("", True),
    f"{A} CREATE INDEX CONCURRENTLY i ON item (id);": ("", True),
    f"{A} COMMIT; CREATE INDEX CONCURRENTLY i ON item (id);": ("a", False),
    f"CREATE INDEX CONCURRENTLY i ON item (id); {A}": ("", True),
    f"{A} ALTER TYPE mood ADD VALUE 'sad'; {FAIL}": ("", True),
    f"{A} REFRESH MATERIALIZED VIEW CONCURRENTLY nothing;": ("", True),
    f"{A} LOCK TABLE item; {FAIL}": ("", True),
    f"{A} ANALYZE item; {FAIL}": ("", True),
    # refused where max_prepared_transactions is 0, which the file does not say
    f"BEGIN; {A} PREPARE TRANSACTION 'x'; {FAIL}": ("", False),
}


@pytest.mark.parametrize("script", FILES)
def test_what_stays_of_a_file_that_fails(server: Database, script: str) -> None:
    server.sql("DROP TABLE IF EXISTS a, b")
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(script)
        except psycopg2.Error:
            pass
        else:
            # left open, so undone with the connection
            assert connection.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_IDLE
    stays, atomic = FILES[script]
    assert [table for table in server.tables() if table in "ab"] == list(stays)
    shape = shape_of(script)
    assert shape
    assert shape.atomic == atomic


# Each runs alone and is refused beside others.
ALONE = {
    "CREATE INDEX CONCURRENTLY i ON item (id);": "CREATE INDEX CONCURRENTLY",
    "DROP INDEX CONCURRENTLY IF EXISTS i;": "DROP INDEX CONCURRENTLY",
    "REINDEX TABLE CONCURRENTLY item;": "REINDEX CONCURRENTLY",
    "REINDEX INDEX CONCURRENTLY item_idx;": "REINDEX CONCURRENTLY",
    "REINDEX SCHEMA public;": "REINDEX SCHEMA",
    "VACUUM item;": "VACUUM",
    "VACUUM (FULL, ANALYZE) item;": "VACUUM",
    "CLUSTER;": "CLUSTER",
    "DISCARD ALL;": "DISCARD ALL",
    "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;": "DETACH PARTITION CONCURRENTLY",
    "CREATE DATABASE another;": "CREATE DATABASE",
    "DROP DATABASE IF EXISTS another;": "DROP DATABASE",
    "ALTER SYSTEM SET work_mem = '4MB';": "ALTER SYSTEM",
    "CREATE TABLESPACE t LOCATION '/nowhere';": "CREATE TABLESPACE",
    "DROP TABLESPACE IF EXISTS t;": "DROP TABLESPACE",
    "ALTER DATABASE another SET TABLESPACE pg_default;": "ALTER DATABASE SET TABLESPACE",
    "CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION p;": "CREATE SUBSCRIPTION",
    "ROLLBACK PREPARED 'x';": "ROLLBACK PREPARED",
}
BESIDE = [
    "VACUUM;",
    "REINDEX TABLE item;",
    "CREATE INDEX i ON item (id);",
    "ALTER TYPE mood ADD VALUE 'sad';",
    "ANALYZE item;",
    "CLUSTER item USING item_idx;",
    "ALTER TABLE p DETACH PARTITION p1;",
    "CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false);",
    "CREATE SUBSCRIPTION s CONNECTION 'host=nowhere' PUBLICATION p WITH (create_slot = off, connect = false);",
    "DISCARD PLANS;",
]
REFUSED = "25001"  # active_sql_transaction


@pytest.mark.parametrize("statement", [*ALONE, *BESIDE])
def test_what_cannot_run_beside_others_is_reported_before(sandbox: Sandbox, server: Database, statement: str) -> None:
    beside = f"\nSELECT 1;\n\n{statement}\nSELECT 2;"
    with (
        closing(
            psycopg2.connect(sandbox.state["postgres"]["url"].rpartition("/")[0] + f"/{server.name}")
        ) as connection,
        connection.cursor() as cursor,
    ):
        connection.autocommit = True
        code = ""
        try:
            cursor.execute("BEGIN; SELECT 1; ROLLBACK; " + beside + " ROLLBACK;")
        except psycopg2.Error as error:
            code = error.pgcode or ""
    assert (code == REFUSED) == (statement in ALONE or statement == "VACUUM;"), code
    assert impossible_in(beside) == ((4, ALONE.get(statement, "VACUUM")) if code == REFUSED else None)
    assert impossible_in(statement) is None


def test_a_file_that_is_certain_to_fail_is_refused_in_check_mode_and_never_started(
    server: Database, tmp_path: Path
) -> None:
    folder = write_migrations(
        tmp_path,
        a="CREATE TABLE first (id int);",
        b="CREATE TABLE more (id int);\nCREATE INDEX CONCURRENTLY i ON first (id);",
    )
    server.sql("DROP TABLE IF EXISTS item, p, a, b")
    for check in (True, False):
        refused = server.migrate(folder, check=check)
        assert refused["error"]["code"] == "certain_failure"
        assert "CREATE INDEX CONCURRENTLY (line 2 of prisma/migrations/b/migration.sql)" in refused["msg"]
    assert server.tables() == []
    assert server.sql("SELECT to_regclass('_prisma_migrations')") == [(None,)]


ENUM = "CREATE TYPE feeling AS ENUM ('good'); CREATE TABLE day (feeling feeling);"
EARLY = "ALTER TYPE feeling ADD VALUE IF NOT EXISTS 'bad';\nINSERT INTO day VALUES ('bad');"


@pytest.fixture
def days(server: Database, tmp_path: Path) -> Iterator[Path]:
    server.sql("DROP TABLE IF EXISTS item, p, a, b, first, _prisma_migrations")
    folder = write_migrations(tmp_path, a=ENUM)
    assert server.migrate(folder)["applied"] == ["a"]
    yield folder
    server.sql("DROP TABLE day, _prisma_migrations; DROP TYPE feeling")


def test_a_value_that_is_used_before_it_is_committed_is_refused_in_check_mode_and_never_started(
    server: Database, days: Path
) -> None:
    write_migrations(days, b=EARLY)
    for check in (True, False):
        refused = server.migrate(days, check=check)
        assert refused["error"]["code"] == "certain_failure"
        assert (
            "INSERT (line 2 of prisma/migrations/b/migration.sql) uses the value bad of the type feeling"
            in refused["msg"]
        )
        assert "Move the statement that adds it to a migration of its own before this one" in refused["msg"]
    assert server.outcomes() == [("a", "applied")]


def test_a_value_that_somebody_added_by_hand_is_usable_so_nothing_is_certain(server: Database, days: Path) -> None:
    server.sql("ALTER TYPE feeling ADD VALUE 'bad'")
    write_migrations(days, b=EARLY)
    assert server.migrate(days)["applied"] == ["b"]


def test_what_a_newer_server_accepts_is_certain_to_fail_on_an_older_one_alone(server: Database, days: Path) -> None:
    new = (
        "CREATE TYPE taste AS ENUM ('sweet');\nALTER TYPE taste ADD VALUE 'sour';\nCREATE TABLE meal (taste taste"
        " DEFAULT 'sour');"
    )
    write_migrations(days, b=new)
    assert server.migrate(days, check=True)["error"]["code"] == "certain_failure"
    assert [Early("sour", "taste", made_now=True).fails_on(version) for version in (150000, 160009, 170000)] == [
        True,
        True,
        False,
    ]
    assert Early("sour", "taste", made_now=False).fails_on(180000)
