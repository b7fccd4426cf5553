# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/traces.py: what is there, and what is gone, once migrations are applied."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.traces import Traces, look_for

from tests.unit.plugins.fake_postgres import FakePostgres

LEFT = {
    "CREATE TABLE a (id int)": {"the table a": True},
    'CREATE TABLE s."A b" (id int)': {"the table s.A b": True},
    "CREATE VIEW v AS SELECT 1": {"the view v": True},
    "CREATE TYPE t AS ENUM ('x')": {"the type t": True},
    "ALTER TABLE a ADD b int, DROP COLUMN c": {"the column a.b": True, "the column a.c": False},
    "CREATE INDEX i ON s.a (b)": {"the index s.i": True},
    "ALTER TABLE a ADD CONSTRAINT c UNIQUE (b)": {"the constraint a.c": True},
    "ALTER TABLE a DROP CONSTRAINT c": {"the constraint a.c": False},
    "DROP TABLE a, b": {"the table a": False, "the table b": False},
    "DROP INDEX i": {"the index i": False},
    "CREATE TABLE a (id int); CREATE INDEX i ON a (id); ALTER TABLE a ADD b int; DROP TABLE a": {"the table a": False},
    "ALTER TABLE a ADD b int; CREATE INDEX i ON a (b); ALTER TABLE a ADD CONSTRAINT c UNIQUE (b); ALTER TABLE a DROP b": {  # noqa: E501
        "the column a.b": False
    },
    "CREATE TABLE a (id int); ALTER TABLE a RENAME TO b": {"the table a": False, "the table b": True},
    "ALTER TABLE a RENAME b TO c": {"the column a.b": False, "the column a.c": True},
    "ALTER TYPE t RENAME TO u; ALTER TYPE t_new RENAME TO t; DROP TYPE u": {
        "the type t": True,
        "the type u": False,
        "the type t_new": False,
    },
    "ALTER INDEX s.i RENAME TO j": {"the index s.i": False, "the index s.j": True},
    "CREATE TABLE a (id int); DROP TABLE b CASCADE; CREATE TABLE c (id int)": {"the table c": True},
    "CREATE TABLE a (id int); DO $$ BEGIN END $$": {},
    "CREATE TABLE a (id int); SELECT wipe()": {},
    "CREATE TABLE a (id int); SELECT setval('q', (SELECT max(id) FROM a))": {"the table a": True},
    "CREATE TABLE a (id int); INSERT INTO a VALUES (1); UPDATE a SET id = 2": {"the table a": True},
    "CREATE TEMP TABLE a (id int)": {},
    "CREATE TABLE a (id int); ALTER TABLE a SET SCHEMA s; CREATE TABLE b (id int)": {"the table b": True},
    "SET search_path TO s; CREATE TABLE a (id int); CREATE TABLE s.b (id int)": {"the table s.b": True},
    "SELECT set_config('search_path', '', false); CREATE TABLE a (id int); CREATE TABLE s.b (id int)": {
        "the table s.b": True
    },
    "not SQL": {},
}


@pytest.mark.parametrize("script", LEFT)
def test_migrations_leave(script: str) -> None:
    assert {str(trace): there for trace, there in Traces([script]).items()} == LEFT[script]


def test_later_migrations_undo_what_earlier_ones_made() -> None:
    traces = Traces(["CREATE TABLE a (id int); CREATE TABLE b (id int);", "DROP TABLE a;"])
    assert {str(trace): there for trace, there in traces.items()} == {"the table a": False, "the table b": True}


def test_the_catalogue_speaks_for_and_against_and_with_an_invalid_index_both() -> None:
    database = FakePostgres()
    database.there = {"the table a": True, "the index i": None}
    found = look_for(
        database, Traces(["CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE INDEX i ON c (id); DROP TABLE d;"])
    )
    assert [[str(trace) for trace in traces] for traces in found] == [
        ["the table a", "the index i", "the table d"],
        ["the table b", "the index i"],
    ]
    assert look_for(database, Traces([])) == ([], [])
