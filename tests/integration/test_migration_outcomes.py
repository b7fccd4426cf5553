# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration left behind, on a real PostgreSQL: the state before it compared with the state after it,
and which resolve is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.notes import note_pending

from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database, write_migrations

BASE = """
CREATE TYPE "Status" AS ENUM ('open', 'paid', 'void');
CREATE TABLE item (id int PRIMARY KEY, y int, status "Status" NOT NULL DEFAULT 'open');
CREATE TABLE other (id int PRIMARY KEY);
CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql AS 'SELECT x * 2';
CREATE SCHEMA apart;
CREATE TABLE apart.item (id int);
CREATE SEQUENCE counter;
CREATE VIEW items AS SELECT id FROM item;
INSERT INTO item VALUES (1), (2);
"""
SWAP = """
BEGIN;
CREATE TYPE "Status_new" AS ENUM ('open', 'paid');
ALTER TABLE item ALTER COLUMN status DROP DEFAULT;
ALTER TABLE item ALTER COLUMN status TYPE "Status_new" USING (status::text::"Status_new");
ALTER TYPE "Status" RENAME TO "Status_old";
ALTER TYPE "Status_new" RENAME TO "Status";
DROP TYPE "Status_old";
ALTER TABLE item ALTER COLUMN status SET DEFAULT 'open';
COMMIT;
"""


@pytest.fixture
def database(sandbox: Sandbox) -> Iterator[Database]:
    """A database that has BASE."""
    database = Database(sandbox, "test-outcomes")
    database.sql(BASE)
    yield database
    database.drop()


@contextmanager
def reader(database: Database, table: str = "item") -> Iterator[Any]:
    """Somebody who reads a table and does not end the transaction."""
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(f"BEGIN; SET LOCAL application_name = 'report'; SELECT 'secret' FROM {table} WHERE id = 4711")
        yield connection


def applied_before(database: Database, path: Path) -> Path:
    """A folder of migrations whose first one the database has."""
    folder = write_migrations(path, a="-- BASE\n")
    database.migrate(folder, state="baselined")
    return folder


def resolved(database: Database, folder: Path, state: str, **options: Any) -> bool:
    """Whether prisma_migrate would accept ``state`` for the migration b."""
    return not database.migrate(folder, state=state, migration="b", check=True, **options)["failed"]


def test_an_enum_swap_that_waited_without_success_is_undone_and_tried_again(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(applied_before(database, tmp_path), b=SWAP)
    with reader(database):
        failed = database.migrate(folder, lock_timeout=0.3, lock_retries=1)
    assert failed["error"]["code"] == "lock_timeout"
    assert "waited 2 times for a lock" in failed["msg"]
    assert database.sql("SELECT count(*) FROM pg_enum") == [(3,)]
    assert database.migrate(folder)["applied"] == ["b"]
    assert database.sql("SELECT count(*) FROM pg_enum") == [(2,)]


def test_a_column_that_was_there_before_proves_nothing(database: Database, tmp_path: Path) -> None:
    script = "ALTER TABLE item ADD COLUMN IF NOT EXISTS y int; DO $$ BEGIN RAISE 'no'; END $$;"
    folder = write_migrations(applied_before(database, tmp_path), b=script)
    assert database.migrate(folder)["error"]["code"] == "P3018"
    assert not resolved(database, folder, "resolved_applied")
    assert resolved(database, folder, "resolved_rolled_back")


def test_what_waited_without_success_is_not_marked_as_applied_until_it_is(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(applied_before(database, tmp_path), b=SWAP)
    with reader(database):
        assert database.migrate(folder, lock_timeout=0.3, lock_retries=0)["error"]["code"] == "lock_timeout"
    refused = database.migrate(folder, state="resolved_applied", migration="b", force=True, reason="I want to")
    assert refused["error"]["code"] == "contradicted"
    assert "What it names is as it was before it was tried" in refused["msg"]
    database.sql(SWAP)
    assert database.migrate(folder, state="resolved_applied", migration="b")["resolved"] == ["b"]


# What was never begun, what somebody ran by hand, and whether it may be marked as applied.
NEVER_BEGUN = {
    "an enum swap": (SWAP, "", False),
    "an enum swap by hand": (SWAP, SWAP, False),
    "a column that was there before": ("ALTER TABLE part ADD COLUMN IF NOT EXISTS y int;", "", False),
    "rows": ("UPDATE part SET y = 1;", "", False),
    "a DO block": ("DO $$ BEGIN CREATE TABLE z (id int); END $$;", "CREATE TABLE z (id int);", False),
    "a table": ("CREATE TABLE z (id int);", "", False),
    "a table by hand": ("CREATE TABLE z (id int); INSERT INTO z VALUES (1);", "CREATE TABLE z (id int);", True),
    "a column by hand": ("ALTER TABLE part ADD COLUMN z int;", "ALTER TABLE part ADD COLUMN z int;", True),
    "a table that is dropped": ("DROP TABLE part;", "", False),
    "a table that is dropped by hand": ("DROP TABLE part;", "DROP TABLE part;", True),
    "nothing": ("-- This is an empty migration.", "", True),
}


@pytest.mark.parametrize("what", NEVER_BEGUN)
def test_what_was_never_begun_is_marked_as_applied_only_where_the_catalogue_shows_it(
    database: Database, tmp_path: Path, what: str
) -> None:
    script, by_hand, accepted = NEVER_BEGUN[what]
    folder = write_migrations(tmp_path, a=f"{BASE} CREATE TABLE part (id int, y int);")
    database.sql("CREATE TABLE part (id int, y int)")
    assert database.migrate(folder, state="baselined")["resolved"] == ["a"]
    write_migrations(folder, b=script)
    if by_hand:
        database.sql(by_hand)
    assert resolved(database, folder, "resolved_applied") is accepted
    forced = database.migrate(
        folder, state="resolved_applied", migration="b", force=True, reason="I looked", check=True
    )
    assert forced["failed"] == (what in ("a table", "a table that is dropped")), (
        "force does not mark what is known to be otherwise"
    )


@pytest.fixture
def outcome(database: Database, tmp_path: Path) -> Any:
    """Applies a script that fails and returns the folder."""

    def fail(script: str) -> Path:
        folder = write_migrations(applied_before(database, tmp_path), b=script)
        database.migrate(folder, lock_timeout=0.3, lock_retries=0)
        return folder

    return fail


NOTHING = "SELECT 1/0;"
# Each script, and its result: its failure, and whether it counts as undone, applied, partly applied or unknown.
FAILED = {
    "an enum swap, and then an error": (SWAP + NOTHING, "applied or partly"),
    "an enum swap that fails inside": (SWAP.replace("COMMIT;", NOTHING + "COMMIT;"), "undone"),
    "a column that was there before": (f"ALTER TABLE item ADD COLUMN IF NOT EXISTS y int; {NOTHING}", "undone"),
    "DROP of what never existed": (f"DROP TABLE IF EXISTS ghost; DROP INDEX IF EXISTS ghost_idx; {NOTHING}", "undone"),
    "a chain of renames": (
        (
            "ALTER TABLE item RENAME TO swap; ALTER TABLE other RENAME TO item; ALTER TABLE swap RENAME TO other;"
            f" {NOTHING}"
        ),
        "undone",
    ),
    "a committed chain of renames": (
        (
            "BEGIN; ALTER TABLE item RENAME TO swap; ALTER TABLE other RENAME TO item; ALTER TABLE swap RENAME TO"
            f" other; COMMIT; CREATE TABLE z (i int); {NOTHING}"
        ),
        "partly",
    ),
    "COMMIT in the middle": (
        f"BEGIN; CREATE TABLE half (id int); COMMIT; CREATE TABLE rest (id int); {NOTHING}",
        "partly",
    ),
    "COMMIT without BEGIN": (f"CREATE TABLE half (id int); COMMIT; CREATE TABLE rest (id int); {NOTHING}", "partly"),
    "an error before the first COMMIT": (
        f"BEGIN; CREATE TABLE half (id int); {NOTHING} COMMIT; CREATE TABLE rest (id int);",
        "undone",
    ),
    "a ROLLBACK in the middle": (
        f"CREATE TABLE half (id int); ROLLBACK; CREATE TABLE rest (id int); {NOTHING}",
        "undone",
    ),
    "a type that is changed": (
        f"ALTER TABLE item ALTER y TYPE bigint; COMMIT; CREATE TABLE z (i int); {NOTHING}",
        "partly",
    ),
    "a default": (f"ALTER TABLE item ALTER y SET DEFAULT 7; COMMIT; CREATE TABLE z (i int); {NOTHING}", "partly"),
    "NOT NULL": (f"ALTER TABLE item ALTER id DROP NOT NULL; COMMIT; {NOTHING}", "undone"),
    "a function that is replaced": (
        (
            "CREATE OR REPLACE FUNCTION twice(x int) RETURNS int LANGUAGE sql AS 'SELECT x + x'; COMMIT; CREATE TABLE"
            f" z (i int); {NOTHING}"
        ),
        "partly",
    ),
    "a view that is replaced": (
        f"CREATE OR REPLACE VIEW items AS SELECT id, y FROM item; COMMIT; CREATE TABLE z (i int); {NOTHING}",
        "partly",
    ),
    "a grant": (f"GRANT SELECT ON item TO PUBLIC; COMMIT; CREATE TABLE z (i int); {NOTHING}", "partly"),
    "a policy": (f"CREATE POLICY own ON item USING (id > 0); COMMIT; CREATE TABLE z (i int); {NOTHING}", "partly"),
    "a trigger": (
        (
            "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; COMMIT; CREATE TRIGGER g"
            f" BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION t(); {NOTHING}"
        ),
        "partly",
    ),
    "a sequence": (f"CREATE SEQUENCE q; COMMIT; ALTER SEQUENCE q INCREMENT 7; {NOTHING}", "partly"),
    "an enum value": (f"""ALTER TYPE "Status" ADD VALUE 'late'; COMMIT; CREATE TABLE z (i int); {NOTHING}""", "partly"),
    "data alone, committed": (f"UPDATE item SET y = 1; COMMIT; {NOTHING}", "unknown"),
    "data, and then a table": (f"UPDATE item SET y = 1; COMMIT; CREATE TABLE z (i int); {NOTHING}", "unknown"),
    "a DO block that fails beside a table": ("CREATE TABLE z (i int); DO $$ BEGIN RAISE 'no'; END $$;", "undone"),
    "a DO block that commits": ("DO $$ BEGIN UPDATE item SET y = 1; COMMIT; RAISE 'no'; END $$;", "unknown"),
    "an index that is left invalid": ("CREATE UNIQUE INDEX CONCURRENTLY item_idx ON item ((id > 0));", "partly"),
    "an index on nothing": ("CREATE INDEX CONCURRENTLY ghost_idx ON ghost (id);", "undone"),
    "a savepoint": (
        f"BEGIN; SAVEPOINT s; CREATE TABLE half (id int); ROLLBACK TO s; COMMIT; CREATE TABLE z (i int); {NOTHING}",
        "undone",
    ),
    "an extension": (f"CREATE EXTENSION IF NOT EXISTS plpgsql; COMMIT; CREATE TABLE z (i int); {NOTHING}", "undone"),
}
ACCEPTED = {
    "undone": (False, True),
    "applied": (True, False),
    "partly": (False, False),
    "unknown": (False, False),
    "applied or partly": (False, False),
}


@pytest.mark.parametrize("what", FAILED)
def test_what_failed_is_resolved_only_as_it_is(database: Database, outcome: Any, what: str) -> None:
    script, verdict = FAILED[what]
    folder = outcome(script)
    assert (
        resolved(database, folder, "resolved_applied"),
        resolved(database, folder, "resolved_rolled_back"),
    ) == ACCEPTED[verdict]


@pytest.fixture
def killed(database: Database, tmp_path: Path) -> Any:
    """Leaves what a run leaves that is killed while a file runs, once PostgreSQL has applied the file
    (``ran``) or undone it.
    """

    def kill(script: str, *, ran: bool) -> Path:
        folder = write_migrations(applied_before(database, tmp_path), b=script)
        migration = Migration("b", script)
        with closing(database.connect()) as connection:
            assert note_pending(connection, [migration])
        database.sql(
            "INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('b', %s, 'b')", migration.checksum
        )
        if ran:
            database.sql(script)
        return folder

    return kill


BLIND = ("unknown", "unknown")  # the catalogue is the same either way
# Each script, and what is known of it after a kill: when PostgreSQL had undone it, and when it had applied it.
KILLED = {
    "a table": ("CREATE TABLE z (id int);", ("undone", "applied")),
    "a table and rows": ("CREATE TABLE z (id int); INSERT INTO z VALUES (1);", ("undone", "applied")),
    "a column that is new": ("ALTER TABLE item ADD x int; UPDATE item SET x = 1;", ("undone", "applied")),
    "a column that was there before": ("ALTER TABLE item ADD COLUMN IF NOT EXISTS y int;", ("undone", "undone")),
    "a column that was there before, and rows": (
        "ALTER TABLE item ADD COLUMN IF NOT EXISTS y int; UPDATE item SET y = 1;",
        BLIND,
    ),
    "an enum swap": (SWAP, ("undone", "applied")),
    "an enum swap that keeps every value": (
        SWAP.replace("'open', 'paid'", "'open', 'paid', 'void'"),
        ("undone", "undone"),
    ),
    "a chain of renames": (
        "ALTER TABLE item RENAME TO s; ALTER TABLE other RENAME TO item; ALTER TABLE s RENAME TO other;",
        ("undone", "applied"),
    ),
    "DROP of what never existed": ("DROP TABLE IF EXISTS ghost;", ("undone", "undone")),
    "DROP CASCADE": ("DROP TABLE item CASCADE;", ("undone", "applied")),
    "a type that is changed": ("ALTER TABLE item ALTER y TYPE bigint;", ("undone", "applied")),
    "a default": ("ALTER TABLE item ALTER y SET DEFAULT 7;", ("undone", "applied")),
    "NOT NULL": ("UPDATE item SET y = 0; ALTER TABLE item ALTER y SET NOT NULL;", ("unknown", "applied")),
    "a constraint": ("ALTER TABLE item ADD CONSTRAINT c CHECK (id > 0);", ("undone", "applied")),
    "a constraint that is validated": (
        "ALTER TABLE item ADD CONSTRAINT c CHECK (id > 0) NOT VALID; ALTER TABLE item VALIDATE CONSTRAINT c;",
        ("undone", "applied"),
    ),
    "a function": (
        "CREATE OR REPLACE FUNCTION twice(x int) RETURNS int LANGUAGE sql AS 'SELECT x + x';",
        ("undone", "applied"),
    ),
    "an overload of a function": (
        "CREATE FUNCTION twice(x text) RETURNS text LANGUAGE sql AS 'SELECT x || x';",
        ("undone", "applied"),
    ),
    "a function that is dropped": ("DROP FUNCTION twice(int);", ("undone", "applied")),
    "a view": ("CREATE OR REPLACE VIEW items AS SELECT id, y FROM item;", ("undone", "applied")),
    "a grant": ("GRANT SELECT (id) ON item TO PUBLIC;", ("undone", "applied")),
    "a grant on everything": ("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;", ("unknown", "unknown")),
    "a policy": (
        "ALTER TABLE item ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON item USING (id > 0);",
        ("undone", "applied"),
    ),
    "a policy that is dropped IF EXISTS": ("DROP POLICY IF EXISTS ghost ON item;", ("undone", "undone")),
    "a comment": ("COMMENT ON COLUMN item.y IS 'why';", ("undone", "applied")),
    "a schema": ("CREATE SCHEMA s; CREATE TABLE s.t (id int);", ("undone", "applied")),
    "a move to another schema": ("CREATE SCHEMA s; ALTER TABLE other SET SCHEMA s;", ("undone", "applied")),
    "a domain": ("CREATE DOMAIN amount AS int CHECK (value > 0);", ("undone", "applied")),
    "a sequence": ("CREATE SEQUENCE q START 7;", ("undone", "applied")),
    "an index": ("CREATE INDEX CONCURRENTLY item_idx ON item (y);", ("undone", "applied")),
    "a partition": (
        "CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);",
        ("undone", "applied"),
    ),
    "an owner": ("ALTER TABLE other OWNER TO CURRENT_USER;", ("undone", "undone")),
    "statistics": ("CREATE STATISTICS st ON id, y FROM item;", ("undone", "applied")),
    "replica identity": ("ALTER TABLE item REPLICA IDENTITY FULL;", ("undone", "applied")),
    "data alone": ("UPDATE item SET y = 1;", BLIND),
    "TRUNCATE": ("TRUNCATE other;", BLIND),
    "a DO block": ("DO $$ BEGIN UPDATE item SET y = 1; END $$;", BLIND),
    "a search path": (
        "CREATE SCHEMA IF NOT EXISTS public; SET search_path TO pg_temp, public; ALTER TABLE item ADD x int;",
        ("unknown", "applied"),
    ),
    "another search path": ("SET search_path TO apart; ALTER TABLE item ADD x int;", BLIND),
    "a role": ("SET ROLE shop; CREATE TABLE IF NOT EXISTS other (id int);", BLIND),
    "values that are computed in place": ("ALTER TABLE item ALTER y TYPE int USING y + 1;", BLIND),
    "a sequence that starts again": ("ALTER SEQUENCE counter RESTART WITH 100;", BLIND),
    "a comment on a constraint": ("COMMENT ON CONSTRAINT item_pkey ON item IS 'why';", BLIND),
    "storage": ("ALTER TABLE item SET UNLOGGED;", ("undone", "applied")),
    "compression": (
        "ALTER TABLE item ADD z text; ALTER TABLE item ALTER z SET COMPRESSION pglz;",
        ("undone", "applied"),
    ),
    "a rename of a constraint": ("ALTER TABLE item RENAME CONSTRAINT item_pkey TO item_id;", ("undone", "applied")),
    "an attribute of a type": (
        "CREATE TYPE pair AS (a int); ALTER TYPE pair ADD ATTRIBUTE b int;",
        ("undone", "applied"),
    ),
    "a function call": ("SELECT set_config('a.b', '1', false);", BLIND),
    "data and then a table, each committed": (
        "UPDATE item SET y = 1; COMMIT; CREATE TABLE z (id int);",
        ("unknown", "applied"),
    ),
}


@pytest.mark.parametrize("ran", [False, True], ids=["undone", "applied"])
@pytest.mark.parametrize("what", KILLED)
def test_what_was_killed_is_resolved_only_as_it_is(database: Database, killed: Any, what: str, ran: bool) -> None:
    script, verdicts = KILLED[what]
    folder = killed(script, ran=ran)
    assert (
        resolved(database, folder, "resolved_applied"),
        resolved(database, folder, "resolved_rolled_back"),
    ) == ACCEPTED[verdicts[ran]]


def test_an_unknown_state_takes_force_and_a_reason_which_is_recorded(database: Database, killed: Any) -> None:
    folder = killed("UPDATE item SET y = 1;", ran=True)
    refused = database.migrate(folder, state="resolved_applied", migration="b")
    assert refused["error"]["code"] == "cannot_be_told"
    assert "force: true and a reason" in refused["msg"]
    assert database.migrate(folder, state="resolved_applied", migration="b", force=True)["failed"]
    assert database.migrate(folder, state="resolved_applied", migration="b", force=True, reason="every y is 1")[
        "resolved"
    ] == ["b"]
    assert (
        "every y is 1"
        in database.sql("SELECT logs FROM _prisma_migrations WHERE migration_name = 'b' AND finished_at IS NOT NULL")[
            0
        ][0]
    )
    assert database.sql(
        "SELECT col_description('_prisma_migrations'::regclass, attnum) FROM pg_attribute WHERE attname = 'logs'"
    ) == [(None,)]


def test_force_does_not_mark_what_is_known_to_be_otherwise(database: Database, killed: Any) -> None:
    folder = killed("CREATE TABLE z (id int);", ran=False)
    forced = database.migrate(folder, state="resolved_applied", migration="b", force=True, reason="I want to")
    assert forced["error"]["code"] == "contradicted"


def test_a_file_that_was_corrected_is_judged_by_what_was_noted_of_the_one_that_failed(
    database: Database, outcome: Any
) -> None:
    folder = outcome("CREATE TABLE half (id int); COMMIT; SELECT 1/0;")
    write_migrations(folder, b="CREATE TABLE half (id int);")
    assert (
        "the table half is as it leaves it"
        in database.migrate(folder, state="resolved_rolled_back", migration="b")["msg"]
    )
    database.sql("DROP TABLE half")
    assert database.migrate(folder, state="resolved_rolled_back", migration="b")["resolved"] == ["b"]
    assert database.migrate(folder)["applied"] == ["b"]


def test_who_holds_the_lock_is_named_without_the_values_of_the_statement(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(applied_before(database, tmp_path), b="ALTER TABLE item ADD x int;")
    with reader(database) as holder:
        failed = database.migrate(folder, lock_timeout=0.3, lock_retries=0)
        assert f"pid {holder.info.backend_pid} (report, user shop, idle in transaction" in failed["msg"]
    assert "AccessShareLock on item" in failed["msg"]
    assert "WHERE id = ?" in failed["msg"]
    assert "4711" not in str(failed)
    assert "secret" not in failed["msg"]
    assert "Correct the migration" not in failed["msg"]
    assert "Mend" not in failed["msg"]


def test_a_file_that_may_stay_in_part_is_not_tried_again_once_a_part_stayed(database: Database, tmp_path: Path) -> None:
    folder = write_migrations(
        applied_before(database, tmp_path), b="CREATE TABLE half (id int); COMMIT; ALTER TABLE item ADD x int;"
    )
    with reader(database):
        failed = database.migrate(folder, lock_timeout=0.3, lock_retries=2)
    assert failed["error"]["code"] == "lock_timeout"
    assert "A part of it may be applied" in failed["msg"]
    assert database.outcomes() == [("a", "applied"), ("b", "failed")]
    refused = database.migrate(folder)
    assert "the table half" in refused["msg"]
    assert "the column item.x is not as it leaves it" in refused["msg"]
