# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/table_scans.py and migrations/locks.py against a real PostgreSQL: who waits, and whether a
table is read or rewritten as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.locks import locks
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.schema import Schema
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.sql import parse_sql
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.table_scans import long_work

from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database

TABLES = """
CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1);
CREATE TABLE old (a int, b int); INSERT INTO old VALUES (1, 1);
CREATE UNIQUE INDEX old_b ON old (b);
ALTER TABLE old ADD CONSTRAINT later CHECK (a > 0) NOT VALID;
"""
# Each script with what nobody can do meanwhile.
LONG = {
    "CREATE INDEX i ON old (a)": "write",
    "ALTER TABLE old ALTER a TYPE bigint": "read",
    "ALTER TABLE old ALTER a SET NOT NULL": "read",
    "ALTER TABLE old ADD c uuid DEFAULT gen_random_uuid()": "read",
    "ALTER TABLE old ADD c bigserial": "read",
    "ALTER TABLE old ADD c int GENERATED ALWAYS AS IDENTITY": "read",
    "ALTER TABLE old ADD c int GENERATED ALWAYS AS (b + 1) STORED": "read",
    "ALTER TABLE old ADD c int UNIQUE": "read",
    "ALTER TABLE old ADD c int CHECK (c > 0)": "read",
    "ALTER TABLE old ADD c int DEFAULT 1 REFERENCES other (id)": "read",
    "ALTER TABLE old ADD CONSTRAINT c CHECK (a > 0)": "read",
    "ALTER TABLE old ADD FOREIGN KEY (a) REFERENCES other (id)": "write",
    "ALTER TABLE old ADD PRIMARY KEY (a)": "read",
    "ALTER TABLE old SET UNLOGGED": "read",
}
SHORT = [
    "ALTER TABLE old ADD c int",
    "ALTER TABLE old ADD c int DEFAULT 1",
    "ALTER TABLE old ADD c timestamptz DEFAULT now()",
    "ALTER TABLE old ADD c timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP",
    "ALTER TABLE old ADD c timestamp DEFAULT (now() AT TIME ZONE 'utc')::timestamp",
    "ALTER TABLE old ADD c int REFERENCES other (id)",
    "ALTER TABLE old ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    "ALTER TABLE old ADD FOREIGN KEY (a) REFERENCES other (id) NOT VALID",
    "ALTER TABLE old ADD CONSTRAINT c UNIQUE USING INDEX old_b",
    "ALTER TABLE old DROP COLUMN a",
    "ALTER TABLE old RENAME TO new",
    "ALTER TABLE old ALTER a SET DEFAULT 1",
    "ALTER TABLE old ALTER a SET STATISTICS 500",
    "DROP TABLE old",
]
BLOCKS = {
    "AccessExclusiveLock": "read",
    "ExclusiveLock": "write",
    "ShareRowExclusiveLock": "write",
    "ShareLock": "write",
}
STRENGTH = ("read", "write")


@pytest.fixture(scope="module")
def database(sandbox: Sandbox) -> Iterator[Database]:
    database = Database(sandbox, "test-locks")
    database.sql(TABLES)
    yield database
    database.drop()


def run(database: Database, script: str) -> tuple[bool, str | None]:
    """Run a script, undo it, and return whether the table was read or rewritten as a whole, and what nobody
    could do to it meanwhile.
    """
    with closing(database.connect()) as connection:  # a new one, whose counts are the script's alone
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute("SELECT oid, relfilenode FROM pg_class WHERE oid = 'old'::regclass")
            oid, file = cursor.fetchone()
            cursor.execute(script)
            cursor.execute("SELECT relfilenode FROM pg_class WHERE oid = %s", [oid])
            rewritten = cursor.fetchone() not in (None, (file,))
            cursor.execute("SELECT pg_stat_get_xact_numscans(%s)", [oid])
            ((reads,),) = cursor.fetchall()
            cursor.execute("SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = %s", [oid])
            blocked = {BLOCKS[mode] for (mode,) in cursor.fetchall() if mode in BLOCKS}
        connection.rollback()
    return rewritten or reads > 0, next((what for what in STRENGTH if what in blocked), None)


def reasons(script: str) -> list[str]:
    return [
        reason
        for statement in parse_sql(script)
        for reason, waits_alone in long_work(Schema(), statement.stmt)
        if waits_alone
    ]


@pytest.mark.parametrize("script", LONG)
def test_what_is_reported_to_keep_others_waiting_does(database: Database, script: str) -> None:
    assert run(database, script) == (True, LONG[script])
    (reason,) = reasons(script)
    assert ("nobody can read or write" in reason) == (LONG[script] == "read") or "foreign key" in reason


@pytest.mark.parametrize("script", SHORT)
def test_what_is_not_reported_neither_reads_nor_rewrites_the_table(database: Database, script: str) -> None:
    whole, blocked = run(database, script)
    assert not whole
    assert reasons(script) == []
    assert script.startswith("DROP") or locks(Schema(), parse_sql(script)[0].stmt).get("old") == blocked
