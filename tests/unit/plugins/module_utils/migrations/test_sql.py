# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/sql.py: what statements are called."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.sql import (
    command_of,
    contains,
    functions_in,
    parse_sql,
    relations_in,
    writes_inside,
)


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("CREATE TABLE n (id int)", "CREATE TABLE"),
        ("CREATE TABLE n AS SELECT 1", "CREATE TABLE AS"),
        ("CREATE UNIQUE INDEX i ON n (id)", "CREATE INDEX"),
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW"),
        ("CREATE TYPE t AS ENUM ('a')", "CREATE TYPE"),
        ("ALTER TYPE t ADD VALUE 'b'", "ALTER TYPE"),
        ("ALTER TABLE n ADD a int", "ALTER TABLE"),
        ("ALTER TABLE n RENAME a TO b", "ALTER TABLE RENAME"),
        ("ALTER TYPE t RENAME TO u", "ALTER RENAME"),
        ("DROP TABLE n", "DROP TABLE"),
        ("DROP MATERIALIZED VIEW v", "DROP MATERIALIZED VIEW"),
        ("DROP INDEX i", "DROP INDEX"),
        ("TRUNCATE n", "TRUNCATE"),
        ("INSERT INTO n VALUES (1)", "INSERT"),
        ("UPDATE n SET a = 1", "UPDATE"),
        ("BEGIN", "BEGIN"),
        ("COMMIT", "COMMIT"),
        ("SET lock_timeout = '1s'", "SET"),
        ("DO $$ BEGIN END $$", "DO"),
        ("CREATE TRIGGER t BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION f()", "CREATE TRIGGER"),
        ("REFRESH MATERIALIZED VIEW v", "REFRESH MATERIALIZED VIEW"),
    ],
)
def test_a_statement_is_called_what_sql_calls_it(script: str, command: str) -> None:
    assert command_of(parse_sql(script)[0].stmt) == command


def test_functions_are_found_at_any_depth() -> None:
    assert functions_in(parse_sql("SELECT (lower(a) || pg_catalog.now()::text) FROM f(random())")[0].stmt) == {
        "lower",
        "now",
        "f",
        "random",
    }


def test_a_write_inside_of_a_query_is_found_and_the_query_itself_is_none() -> None:
    hidden, plain = (
        parse_sql(script)[0].stmt for script in ("WITH gone AS (DELETE FROM n RETURNING id) SELECT 1", "DELETE FROM n")
    )
    assert writes_inside(hidden)
    assert not writes_inside(plain)
    assert not contains(plain, type(plain))


def test_the_relations_of_a_file_are_named_once_and_quoted() -> None:
    script = (
        'UPDATE s."Item" SET a = 1; INSERT INTO b SELECT * FROM c JOIN s."Item" USING (id); DROP TABLE d, s.e; DROP'
        " INDEX f;"
    )
    assert relations_in(script) == ['"b"', '"c"', '"d"', '"s"."Item"', '"s"."e"']
    assert relations_in("not SQL") == []


def test_without_the_parser_everything_can_be_imported_and_nothing_is_known() -> None:
    script = """
import sys
sys.modules["pglast"] = None
from ansible_collections.storefront.runbook.plugins.modules import pg_info, prisma_migrate, prisma_rehearse
from ansible_collections.storefront.runbook.plugins.module_utils.migrations import classify, sql, traces
(verdict,) = classify.classify(["SELECT 1"])
print(verdict.classes, verdict.atomic, sql.relations_in("SELECT 1"), dict(traces.Traces(["SELECT 1"])))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "['contract', 'unknown'] None [] {}\n", done.stderr
