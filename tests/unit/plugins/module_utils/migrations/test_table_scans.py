# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/table_scans.py: which statements keep others waiting for as long as a table is big."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.schema import Schema
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.sql import parse_sql
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.table_scans import long_work

LONG = {
    "CREATE INDEX i ON old (a)": "builds an index on old",
    "ALTER TABLE old ALTER a TYPE bigint": "changes the type of old.a",
    "ALTER TABLE old ALTER a SET NOT NULL": "reads all of old",
    "ALTER TABLE old ADD a uuid DEFAULT gen_random_uuid()": (
        "adds the column old.a with a value of its own for each row"
    ),
    "ALTER TABLE old ADD a text DEFAULT (random() * 2)::text": (
        "adds the column old.a with a value of its own for each row"
    ),
    "ALTER TABLE old ADD a bigserial": "adds the column old.a with a value of its own for each row",
    "ALTER TABLE old ADD a int GENERATED ALWAYS AS IDENTITY": (
        "adds the column old.a with a value of its own for each row"
    ),
    "ALTER TABLE old ADD a int GENERATED ALWAYS AS (b + 1) STORED": (
        "adds the column old.a with a value of its own for each row"
    ),
    "ALTER TABLE old ADD a int CHECK (a > 0)": "checks all of old for a constraint",
    "ALTER TABLE old ADD a int UNIQUE": "builds an index on old for a constraint",
    "ALTER TABLE old ADD a int DEFAULT 1 REFERENCES other (id)": "checks all of old for a foreign key",
    "ALTER TABLE old ADD CONSTRAINT c CHECK (a > 0)": "checks all of old for a constraint",
    "ALTER TABLE old ADD FOREIGN KEY (a) REFERENCES s.other (id)": "nobody can write to it or to s.other",
    "ALTER TABLE old ADD PRIMARY KEY (a)": "builds an index on old for a constraint",
    "ALTER TABLE old SET UNLOGGED": "makes old unlogged",
    "ALTER TABLE old SET TABLESPACE fast": "moves old to another tablespace",
    "ALTER TABLE old ATTACH PARTITION p FOR VALUES IN (1)": "attaches a partition to old",
    "UPDATE old SET a = 1": "locks every row of old that it changes",
    "DELETE FROM old WHERE a = 1": "locks every row of old that it changes",
    "LOCK TABLE old, other": "locks old, other until the file ends",
    "REINDEX TABLE old": "rebuilds indexes",
    "CLUSTER old": "nobody can read or write them",
    "VACUUM FULL old": "nobody can read or write them",
    "REFRESH MATERIALIZED VIEW v": "fills v again",
}
SHORT = [
    "CREATE INDEX CONCURRENTLY i ON old (a)",
    "ALTER TABLE old ADD a int",
    "ALTER TABLE old ADD a int DEFAULT 1",
    "ALTER TABLE old ADD a timestamp DEFAULT now()",
    "ALTER TABLE old ADD a timestamp DEFAULT (now() AT TIME ZONE 'utc')::timestamp",
    "ALTER TABLE old ADD a timestamp DEFAULT CURRENT_TIMESTAMP",
    "ALTER TABLE old ADD a int REFERENCES other (id)",
    "ALTER TABLE old ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    "ALTER TABLE old ADD FOREIGN KEY (a) REFERENCES other (id) NOT VALID",
    "ALTER TABLE old ADD CONSTRAINT c UNIQUE USING INDEX i",
    "ALTER TABLE old VALIDATE CONSTRAINT c",
    "ALTER TABLE old DROP COLUMN a",
    "ALTER TABLE old RENAME TO new",
    "DROP TABLE old",
    "REINDEX TABLE CONCURRENTLY old",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
    "VACUUM old",
    "INSERT INTO old VALUES (1)",
]


def waits(script: str) -> list[str]:
    return [
        reason
        for statement in parse_sql(script)
        for reason, waits_alone in long_work(Schema(), statement.stmt)
        if waits_alone
    ]


@pytest.mark.parametrize("script", LONG)
def test_others_wait_for(script: str) -> None:
    (reason,) = waits(script)
    assert LONG[script] in reason


@pytest.mark.parametrize("script", SHORT)
def test_nobody_waits_long_for(script: str) -> None:
    assert waits(script) == []
