# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/locks.py: the tables that a statement locks, and what others cannot do to them."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.classify import classify, described
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.locks import locks
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.sql import parse_sql

SCHEMA = """
CREATE TABLE other (id serial PRIMARY KEY);
CREATE TABLE old (id serial PRIMARY KEY, a int, o int CONSTRAINT old_o REFERENCES other (id) ON DELETE CASCADE);
CREATE INDEX old_a ON old (a);
CREATE VIEW v AS SELECT a FROM old;
"""
LOCKS = {
    "CREATE TABLE n (o int REFERENCES old (id), FOREIGN KEY (o) REFERENCES s.far (id))": {
        "old": "write",
        "s.far": "write",
    },
    "CREATE TABLE n (o int)": {},
    "ALTER TABLE old ADD c int": {"old": "read"},
    "ALTER TABLE old ADD c int REFERENCES other (id)": {"old": "read", "other": "write"},
    "ALTER TABLE old ADD FOREIGN KEY (a) REFERENCES other (id) NOT VALID": {"old": "write", "other": "write"},
    "ALTER TABLE old VALIDATE CONSTRAINT c": {},
    "ALTER TABLE old SET (fillfactor = 80)": {},
    "ALTER TABLE old DROP CONSTRAINT old_o": {"old": "read", "other": "read"},
    "ALTER TABLE old DROP COLUMN o": {"old": "read", "other": "read"},
    "ALTER TABLE other ALTER id TYPE bigint": {"other": "read", "old": "read"},
    "ALTER TABLE old DISABLE TRIGGER USER": {"old": "write"},
    "ALTER TABLE old RENAME a TO b": {"old": "read"},
    "ALTER INDEX old_a RENAME TO i": {},
    "ALTER SEQUENCE old_id_seq CACHE 5": {"old": "write"},
    "CREATE INDEX i ON old (a)": {"old": "write"},
    "CREATE INDEX CONCURRENTLY i ON old (a)": {},
    "DROP INDEX old_a": {"old": "read"},
    "DROP INDEX CONCURRENTLY old_a": {},
    "DROP TABLE old": {"old": "read", "other": "read"},
    "TRUNCATE other CASCADE": {"other": "read", "old": "read"},
    "CREATE OR REPLACE VIEW v AS SELECT a FROM old": {"v": "read"},
    "CREATE VIEW w AS SELECT a FROM old": {},
    "LOCK TABLE old IN SHARE MODE": {"old": "write"},
    "LOCK TABLE old IN ROW EXCLUSIVE MODE": {},
    "REINDEX INDEX old_a": {"old": "read"},
    "UPDATE old SET a = 1": {"old": "rows"},
    "UPDATE old SET o = 1": {"old": "rows", "other": "delete"},
    "DELETE FROM other": {"other": "rows", "old": "rows"},
    "INSERT INTO old (o) SELECT id FROM other": {"other": "delete"},
    "INSERT INTO old (o) VALUES (1)": {},
    "SELECT a FROM old FOR UPDATE": {"old": "rows"},
    "SELECT a FROM old": {},
    "COMMENT ON TABLE old IS 'x'": {},
    "GRANT SELECT ON old TO PUBLIC": {},
}


@pytest.mark.parametrize("script", LOCKS)
def test_a_statement_locks(script: str) -> None:
    assert locks(described([SCHEMA]), parse_sql(script)[0].stmt) == LOCKS[script]


def test_a_finding_names_each_table_and_the_line_that_locked_it() -> None:
    (verdict,) = classify(
        ["CREATE TABLE n (o int REFERENCES old (id) ON DELETE CASCADE);\nINSERT INTO n SELECT id FROM old;"], [SCHEMA]
    )
    (reason,) = verdict.reasons
    assert (reason.line, reason.kind, reason.waits) == (2, "long_lock", {"old": "write"})
    assert reason.reason.endswith("meanwhile nobody can write to old, which line 1 locks until the file ends")
