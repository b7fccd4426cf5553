# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/types.py: which changes of a type rewrite the table, lose values, or break old code."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.classify import described
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.sql import parse_sql
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.types import (
    BREAKS,
    CUTS,
    NOTHING,
    WIDER,
    Change,
    change_of,
)

CHANGES = {
    ("varchar(20)", "varchar(200)", ""): NOTHING,
    ("varchar(20)", "varchar", ""): NOTHING,
    ("varchar(20)", "text", ""): NOTHING,
    ("text", "varchar", ""): NOTHING,
    ("text", "varchar(20)", ""): BREAKS,
    ("text", "varchar(20)", "a::varchar(20)"): CUTS,
    ("varchar(20)", "varchar(10)", ""): BREAKS,
    ("varchar(20)[]", "varchar(200)[]", ""): WIDER,
    ("varchar(20)", "varchar(200)[]", "ARRAY[a]"): CUTS,
    ("char(5)", "char(9)", ""): WIDER,
    ("char(5)", "text", ""): BREAKS,
    ("smallint", "int", ""): WIDER,
    ("int", "bigint", ""): WIDER,
    ("serial", "bigint", ""): WIDER,
    ("bigint", "int", ""): BREAKS,
    ("int", "numeric", ""): BREAKS,
    ("int", "boolean", "a::boolean"): CUTS,
    ("numeric(10,2)", "numeric(12,2)", ""): NOTHING,
    ("numeric(10,2)", "numeric", ""): NOTHING,
    ("numeric(10,2)", "numeric(12,4)", ""): WIDER,
    ("numeric(10,2)", "numeric(10,4)", ""): BREAKS,
    ("numeric(10,2)", "numeric(12,1)", ""): CUTS,
    ("numeric", "numeric(10,2)", ""): CUTS,
    ("numeric(10,2)", "int", ""): CUTS,
    ("real", "double precision", ""): WIDER,
    ("double precision", "real", ""): CUTS,
    ("bigint", "double precision", ""): CUTS,
    ("timestamp(3)", "timestamp", ""): NOTHING,
    ("timestamp", "timestamp(3)", ""): CUTS,
    ("timestamp(3)", "timestamptz(3)", ""): BREAKS,
    ("timestamptz", "timestamp", ""): CUTS,
    ("uuid", "text", ""): BREAKS,
    ("text", "uuid", "a::uuid"): BREAKS,
    ("text", "text", "left(a, 3)"): CUTS,
    ("text", "mood", "a::mood"): BREAKS,
    ("mood", "other_mood", "a::text::other_mood"): WIDER,
    ("mood", "text", ""): BREAKS,
    ("jsonb", "json", ""): BREAKS,
    ("json", "jsonb", ""): CUTS,
}


@pytest.mark.parametrize(("old", "new", "using"), CHANGES)
def test_a_change_is_judged_by_both_types(old: str, new: str, using: str) -> None:
    schema = described(
        [f"CREATE TYPE mood AS ENUM ('a'); CREATE TYPE other_mood AS ENUM ('a'); CREATE TABLE t (a {old});"]
    )
    (statement,) = parse_sql(f"ALTER TABLE t ALTER a TYPE {new}" + (f" USING {using}" if using else ""))
    assert change_of(schema, schema.named("t").column("a"), statement.stmt.cmds[0]) == CHANGES[old, new, using]


def test_where_the_old_type_is_not_known_only_text_is_known_to_cut_nothing() -> None:
    schema = described([])
    for new, kind in (("text", "contract"), ("bigint", "destructive")):
        (statement,) = parse_sql(f"ALTER TABLE t ALTER a TYPE {new}")
        assert change_of(schema, schema.named("t").column("a"), statement.stmt.cmds[0]) == Change(None, kind)
