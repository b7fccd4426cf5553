# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/follow.py and its parts: the schema that files describe, and what of it is forgotten."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.classify import classify, described

TABLE = """
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE TABLE old (id serial PRIMARY KEY, a varchar(20) NOT NULL DEFAULT 'x', b int, mood mood);
CREATE INDEX old_b ON old (b);
CREATE UNIQUE INDEX old_a ON old (a);
"""
# What earlier files did besides, and what the pending file is then.
CONTRACT_AFTER = {
    "an index that became unique": (
        "DROP INDEX old_b; CREATE UNIQUE INDEX old_b ON old (b);",
        "DROP INDEX old_b",
        True,
    ),
    "an index that is not unique": ("", "DROP INDEX old_b", False),
    "an index that was renamed": ("ALTER INDEX old_b RENAME TO i;", "DROP INDEX i", False),
    "an index of a renamed table": ("ALTER TABLE old RENAME TO t;", "DROP INDEX old_b", False),
    "an index by its schema": ("", "DROP INDEX public.old_b", False),
    "an index of a table that was created again": (
        "DROP TABLE old; CREATE TABLE old (id int);",
        "DROP INDEX old_b",
        True,
    ),
    "a table that a DO block names": ("DO $$ BEGIN ALTER TABLE old ADD z int; END $$;", "DROP INDEX old_b", True),
    "a DO block that may name any": ("DO $$ BEGIN EXECUTE format('x'); END $$;", "DROP INDEX old_b", True),
    "a DO block that names another": ("DO $$ BEGIN CREATE TYPE z AS ENUM (''); END $$;", "DROP INDEX old_b", False),
    "a function that takes its name": ("SELECT create_hypertable('old', 'a');", "DROP INDEX old_b", True),
    "a table that moved to another schema": ("ALTER TABLE old SET SCHEMA s;", "DROP INDEX old_b", True),
    "a column whose type was widened": (
        "ALTER TABLE old ALTER a TYPE varchar(50);",
        "ALTER TABLE old ALTER a TYPE varchar(30)",
        True,
    ),
    "a column that was renamed": ("ALTER TABLE old RENAME a TO c;", "ALTER TABLE old ALTER c TYPE varchar(30)", False),
    "a column that is NOT NULL": ("", "ALTER TABLE old ALTER a SET NOT NULL", False),
    "a column that lost NOT NULL": (
        "ALTER TABLE old ALTER a DROP NOT NULL;",
        "ALTER TABLE old ALTER a SET NOT NULL",
        True,
    ),
    "a column without its default": (
        "ALTER TABLE old ALTER a DROP DEFAULT;",
        "ALTER TABLE old ALTER a DROP DEFAULT",
        False,
    ),
    "a check": ("ALTER TABLE old ADD CONSTRAINT k CHECK (b > 0);", "ALTER TABLE old DROP CONSTRAINT k", False),
    "a check that was renamed": (
        "ALTER TABLE old ADD CONSTRAINT k CHECK (b > 0), ADD z int; ALTER TABLE old RENAME CONSTRAINT k TO m;",
        "ALTER TABLE old DROP CONSTRAINT m",
        False,
    ),
    "a type that was renamed": ("ALTER TYPE mood RENAME TO feeling;", "ALTER TYPE feeling RENAME TO mood", True),
    "a type of a table that is new": (
        "",
        "CREATE TYPE n AS ENUM ('x'); CREATE TABLE t (n n); DROP TABLE t; DROP TYPE n",
        False,
    ),
    "a file that cannot be read": ("CREATE TABEL x;", "DROP INDEX old_b", True),
}


@pytest.mark.parametrize("name", CONTRACT_AFTER)
def test_a_file_is_judged_by_what_earlier_files_did(name: str) -> None:
    earlier, pending, contract = CONTRACT_AFTER[name]
    (verdict,) = classify([pending], [TABLE, earlier])
    assert verdict.backward_compatible is not contract, verdict.reasons


def test_an_alter_table_of_several_parts_is_followed_part_by_part() -> None:
    schema = described(
        [
            TABLE,
            (
                "ALTER TABLE old ADD c int NOT NULL DEFAULT 1, DROP COLUMN b, ALTER c DROP DEFAULT, ADD CONSTRAINT u"
                " UNIQUE (c)"
            ),
        ]
    )
    table = schema.named("old")
    assert list(table.columns) == ["id", "a", "mood", "c"]
    assert (table.column("c").not_null, table.column("c").default, table.keys["u"].columns) == (True, False, ("c",))


def test_foreign_keys_follow_the_names_of_tables_and_columns() -> None:
    schema = described(
        [
            TABLE,
            (
                "CREATE TABLE n (id int, o int CONSTRAINT f REFERENCES old (id)); ALTER TABLE old RENAME TO t; ALTER"
                " TABLE t RENAME id TO key;"
            ),
        ]
    )
    ((table, key),) = schema.pointing_at(schema.named("t"))
    assert (table.name, key.to_columns, key.on_delete) == ("n", ("key",), "a")
