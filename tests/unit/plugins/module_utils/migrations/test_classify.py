# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/classify.py: what old code survives, and what it may not."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations import classify as migration_safety
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.classify import as_findings, classify

COMPATIBLE = [
    "",
    "-- This is an empty migration.",
    (
        "CREATE TABLE n (id int PRIMARY KEY, a int NOT NULL UNIQUE CHECK (a > 0) REFERENCES old (id)); ALTER TABLE n"
        " DROP COLUMN a; DROP TABLE n;"
    ),
    (
        "CREATE TABLE n (id int); CREATE UNIQUE INDEX i ON n (id); ALTER TABLE n ADD CONSTRAINT f FOREIGN KEY (id)"
        " REFERENCES old (id);"
    ),
    "CREATE TABLE n (id int); INSERT INTO n VALUES (1); UPDATE n SET id = 2; DELETE FROM n; TRUNCATE n;",
    "CREATE TABLE n (id int); ALTER TABLE n RENAME TO m; ALTER TABLE m ALTER id SET NOT NULL;",
    "ALTER TABLE old ADD a int",
    "ALTER TABLE old ADD a int NOT NULL DEFAULT 0",
    "ALTER TABLE old ADD a serial NOT NULL",
    "ALTER TABLE old ADD a int GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE old ADD a int REFERENCES other (id)",
    "ALTER TABLE old ADD a int; ALTER TABLE old ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES other (id);",
    "ALTER TABLE old ADD a int; CREATE UNIQUE INDEX i ON old (a);",
    "ALTER TABLE old ADD a int; UPDATE old SET a = 1 WHERE b > 2;",
    "ALTER TABLE old ALTER a SET DEFAULT 1",
    "ALTER TABLE old ALTER a DROP NOT NULL",
    "ALTER TABLE old VALIDATE CONSTRAINT c",
    "CREATE INDEX CONCURRENTLY i ON old (a)",
    "ALTER INDEX i RENAME TO j",
    "CREATE TYPE t AS ENUM ('a'); ALTER TYPE other ADD VALUE 'b';",
    "CREATE VIEW v AS SELECT 1",
    "CREATE EXTENSION IF NOT EXISTS citext",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "INSERT INTO old VALUES (1) ON CONFLICT DO NOTHING",
    "COMMENT ON TABLE old IS 'x'; GRANT SELECT ON old TO reader; SET lock_timeout = '1s'; SELECT 1;",
]
INCOMPATIBLE = {
    "DROP TABLE old": "drops the table old",
    'DROP TABLE IF EXISTS s."Old" CASCADE': "drops the table s.Old",
    "CREATE TABLE n (id int); DROP TABLE n, old": "drops the table n, old",
    "CREATE TABLE IF NOT EXISTS old (id int); DROP TABLE old": "drops the table old",
    "DROP TYPE t": "drops the type t",
    "DROP INDEX i": "drops the index i",
    "DROP FUNCTION f(int)": "drops the function f",
    "ALTER TABLE old RENAME TO new": "renames old to new",
    "ALTER TABLE old RENAME a TO b": "renames old.a to b",
    "ALTER TYPE t RENAME VALUE 'a' TO 'b'": "renames the value a of the type t",
    "ALTER TABLE old DROP COLUMN a": "drops the column old.a",
    "ALTER TABLE old ALTER a TYPE bigint": "changes the type of old.a",
    "ALTER TABLE old ALTER a SET NOT NULL": "makes old.a NOT NULL, which refuses what old code writes",
    "ALTER TABLE old ALTER a DROP DEFAULT": "drops the default of old.a, which old code may leave out",
    "ALTER TABLE old DROP CONSTRAINT c": "drops the constraint old.c",
    "ALTER TABLE old ADD a int NOT NULL": (
        "adds the column old.a, NOT NULL without a default, which old code does not write"
    ),
    "ALTER TABLE old ADD a int DEFAULT 1 UNIQUE": (
        "adds the column old.a, unique with a default that every row of old code gets"
    ),
    "ALTER TABLE old ADD CONSTRAINT c CHECK (a > 0) NOT VALID": (
        "adds a constraint (check) to old, which may refuse what old code writes"
    ),
    "ALTER TABLE old ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES o (id)": (
        "adds a constraint (foreign) to old, which may refuse what old code writes"
    ),
    "ALTER TABLE old ADD a int NOT NULL DEFAULT 0, ADD UNIQUE (a)": (
        "adds a constraint (unique) to old, which may refuse what old code writes"
    ),
    "CREATE UNIQUE INDEX i ON old (a)": "adds a unique index to old",
    "ALTER TABLE old ADD a int; CREATE UNIQUE INDEX i ON old (a) NULLS NOT DISTINCT": "adds a unique index to old",
    "ALTER TABLE old ENABLE ROW LEVEL SECURITY": (
        "alters old (EnableRowSecurity), whose effect on old code is not known"
    ),
    "UPDATE old SET a = 1": "changes rows of old",
    "ALTER TABLE old ADD a int; UPDATE old SET a = b, b = 0": "changes rows of old",
    "DELETE FROM old": "deletes rows of old",
    "TRUNCATE old": "empties old",
    "WITH gone AS (DELETE FROM old RETURNING id) SELECT 1": (
        "holds a statement (Select) whose effect on old code is not known"
    ),
    "CREATE TABLE n (id int); WITH g AS (DELETE FROM o RETURNING 1) INSERT INTO n TABLE g": (
        "holds a statement (Insert) whose effect on old code is not known"
    ),
    "INSERT INTO old VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1": (
        "holds a statement (Insert) whose effect on old code is not known"
    ),
    "SELECT wipe()": "holds a statement (Select) whose effect on old code is not known",
    "DO $$ BEGIN DELETE FROM old; END $$": "holds a statement (Do) whose effect on old code is not known",
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'": (
        "holds a statement (CreateFunction) whose effect on old code is not known"
    ),
    "CREATE OR REPLACE VIEW v AS SELECT 1": "holds a statement (View) whose effect on old code is not known",
    "CREATE TRIGGER t BEFORE INSERT ON old FOR EACH ROW EXECUTE FUNCTION f()": (
        "holds a statement (CreateTrig) whose effect on old code is not known"
    ),
    "REVOKE SELECT ON old FROM shop": "holds a statement (Grant) whose effect on old code is not known",
}


@pytest.mark.parametrize("script", COMPATIBLE)
def test_old_code_keeps_working(script: str) -> None:
    (verdict,) = classify([script])
    assert verdict.breaking == ()
    assert verdict.classes[0] == "expand"


@pytest.mark.parametrize("script", INCOMPATIBLE)
def test_old_code_may_break(script: str) -> None:
    (verdict,) = classify([script])
    assert [reason.reason for reason in verdict.breaking] == [INCOMPATIBLE[script]]
    assert verdict.classes[0] == "contract"


def test_what_cannot_be_read_is_not_compatible_and_says_where() -> None:
    (verdict,) = classify(["CREATE TABLE ok (id int);\n\nCREATE TABEL no (id int);"])
    assert (verdict.reasons[0].line, verdict.atomic) == (3, None)
    assert "cannot read it: syntax error" in verdict.reasons[0].reason


def test_lines_are_those_of_the_statements_whatever_letters_come_before() -> None:
    (verdict,) = classify(["-- ünïcödé €\nSELECT 1;\n\n-- then\n/* and */ DROP TABLE old;\nDROP TABLE other;"])
    assert [reason.line for reason in verdict.reasons] == [5, 6]
    assert [reason["file"] for reason in as_findings(verdict.reasons, "m/migration.sql")] == ["m/migration.sql"] * 2


def test_a_table_made_by_an_earlier_pending_migration_is_new_too() -> None:
    verdicts = classify(["CREATE TABLE n (id int);", "ALTER TABLE n ALTER id SET NOT NULL;"])
    assert [verdict.backward_compatible for verdict in verdicts] == [True, True]
    assert not classify(["ALTER TABLE n ALTER id SET NOT NULL;"])[0].backward_compatible


@pytest.mark.parametrize(
    ("script", "atomic"),
    [
        ("CREATE TABLE n (id int); DROP TABLE n;", True),
        ("BEGIN; CREATE TABLE n (id int); COMMIT;", True),
        ("BEGIN; CREATE TABLE n (id int); COMMIT; DROP TABLE n;", False),
        ("CREATE INDEX CONCURRENTLY i ON n (id)", False),
        ("DROP INDEX CONCURRENTLY i", False),
        ("REINDEX TABLE CONCURRENTLY n", False),
        ("REINDEX TABLE n", True),
        ("VACUUM n", False),
        ("ANALYZE n", True),
        ("ALTER TABLE n DETACH PARTITION p CONCURRENTLY", False),
        ("CALL p()", False),
    ],
)
def test_a_file_is_atomic_unless_it_leaves_its_transaction(script: str, atomic: bool) -> None:
    assert classify([script])[0].atomic is atomic


def test_without_the_parser_nothing_is_compatible_or_known_to_be_atomic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration_safety, "PGLAST_ERROR", "No module named 'pglast'")
    (verdict,) = classify(["SELECT 1"])
    assert not verdict.backward_compatible
    assert verdict.atomic is None
    assert "pglast is not installed" in verdict.reasons[0].reason


@pytest.mark.parametrize(
    ("script", "classes"),
    [
        ("CREATE TABLE n (id int)", ["expand"]),
        ("ALTER TABLE old ADD a int", ["expand"]),
        ("CREATE INDEX i ON old (a)", ["expand", "long_lock"]),
        ("CREATE INDEX CONCURRENTLY i ON old (a)", ["expand", "not_transactional"]),
        ("ALTER TABLE old ADD a int; UPDATE old SET a = 1", ["expand", "long_lock"]),
        ("ALTER TABLE old RENAME a TO b", ["contract"]),
        ("DROP TABLE old", ["contract", "destructive"]),
        ("ALTER TABLE old ALTER a TYPE int", ["contract", "destructive", "long_lock"]),
        ("BEGIN; DELETE FROM old; COMMIT", ["contract", "destructive", "long_lock"]),
        ("BEGIN; DELETE FROM old; COMMIT; SELECT 1", ["contract", "destructive", "long_lock", "not_transactional"]),
        ("DO $$ BEGIN DELETE FROM old; END $$", ["contract", "unknown"]),
        ("DO $$ BEGIN DELETE FROM old; COMMIT; END $$", ["contract", "not_transactional", "unknown"]),
        ("DORP TABLE old", ["contract", "unknown"]),
    ],
)
def test_a_migration_has_every_class_that_one_of_its_statements_has(script: str, classes: list[str]) -> None:
    assert classify([script])[0].classes == classes


def test_a_finding_names_the_statement_as_sql_does() -> None:
    (verdict,) = classify(["DROP TABLE old;\nCREATE UNIQUE INDEX i ON other (a);\nALTER TABLE other DROP COLUMN b;"])
    assert [(reason.line, reason.statement, reason.kind) for reason in verdict.reasons] == [
        (1, "DROP TABLE", "destructive"),
        (2, "CREATE INDEX", "contract"),
        (2, "CREATE INDEX", "long_lock"),
        (3, "ALTER TABLE", "destructive"),
    ]


def test_what_an_earlier_pending_migration_made_keeps_nobody_waiting() -> None:
    verdicts = classify(["CREATE TABLE n (id int);", "CREATE INDEX i ON n (id); DROP TABLE n;"])
    assert [verdict.classes for verdict in verdicts] == [["expand"], ["expand"]]


def test_a_table_that_an_earlier_line_locked_is_reported_with_what_takes_long() -> None:
    (verdict,) = classify(
        [
            "ALTER TABLE old ADD a int;\nALTER TABLE old ADD b int;\nCREATE INDEX i ON other (c);\nCREATE TABLE n (id"
            " int);"
        ]
    )
    (reason,) = verdict.reasons
    assert reason.line == 3
    assert reason.reason.endswith("; meanwhile nobody can read or write old, which line 1 locks until the file ends")


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE n (id int); ALTER TABLE n ADD a int; CREATE INDEX i ON other (c);",
        "ALTER TABLE old VALIDATE CONSTRAINT c; CREATE INDEX i ON other (c);",
        "BEGIN; ALTER TABLE old ADD a int; COMMIT; CREATE INDEX i ON other (c);",
        "CREATE INDEX i ON other (c); ALTER TABLE old ADD a int;",
    ],
)
def test_no_table_is_locked_meanwhile(script: str) -> None:
    assert not any("meanwhile nobody" in reason.reason for reason in classify([script])[0].reasons)
