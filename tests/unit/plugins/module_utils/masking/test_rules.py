# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How rules of a masked copy are read, judged against tables, and what invented values are made of."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.masking import fakes
from ansible_collections.storefront.runbook.plugins.module_utils.masking.catalogue import (
    Catalogue,
    Column,
    ForeignKey,
    Table,
)
from ansible_collections.storefront.runbook.plugins.module_utils.masking.judge import judge
from ansible_collections.storefront.runbook.plugins.module_utils.masking.rules import Rule, read_rules, refuse_bad_key

TEXT = {"base": "text", "limit": None, "shown": "text"}


def table(oid: int, name: str, *columns: Column, schema: str = "public") -> Table:
    return Table(oid, schema, name, False, {column.name: column for column in columns})


def test_rules_are_read_as_an_operator_writes_them() -> None:
    columns = {"a": "keep", "b": None, "c": "null", "d": {"fake": "email"}, "e": {"set": 0}, "f": {"set": False}}
    (rules,) = read_rules([{"table": "User", "columns": columns, "delete": " id = 1 "}])
    assert (rules.table, rules.keeps, rules.delete) == ("User", False, "id = 1")
    assert list(rules.columns.values()) == [
        Rule("keep"),
        Rule("null"),
        Rule("null"),
        Rule("fake", "email"),
        Rule("set", "0"),
        Rule("set", "false"),
    ]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([], "there are none"),
        ([{"table": " "}], "an entry names no table"),
        ([{"table": "a"}], "a has no rule"),
        ([{"table": "a", "keep": "all"}, {"table": "a", "delete": "all"}], "a has 2 entries"),
        ([{"table": "a", "keep": "all", "columns": {"b": "keep"}}], "a has columns and keep: all"),
        ([{"table": "a", "delete": "all", "columns": {"b": "keep"}}], "its columns need no rules"),
        ([{"table": "a", "columns": {"b": "Keep"}}], "a.b: 'Keep' is not a rule (did you mean keep?)"),
        ([{"table": "a", "columns": {"b": True}}], "a.b: True is not a rule"),
        ([{"table": "a", "columns": {"b": {"fake": "e-mail"}}}], "there is no fake e-mail (did you mean email?)"),
        ([{"table": "a", "columns": {"b": {"fake": None}}}], "there is no fake None"),
        ([{"table": "a", "columns": {"b": {"set": None}}}], "is not a rule"),
        ([{"table": "a", "columns": {"b": {"fake": "email", "set": "1"}}}], "is not a rule"),
        ([{"table": "a", "columns": {"b": ["hash"]}}], "is not a rule"),
    ],
)
def test_what_is_not_a_rule_is_named(given: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(problem)):
        read_rules(given)


@pytest.mark.parametrize("key", [None, "", "short", " " * 40])
def test_a_key_that_can_be_guessed_is_refused(key: str | None) -> None:
    with pytest.raises(ConfigError, match="openssl rand -hex 32"):
        refuse_bad_key(key)


def test_a_name_in_two_schemas_and_large_objects_need_a_decision() -> None:
    tables = [table(1, "a", Column("b", **TEXT)), table(2, "a", Column("b", **TEXT), schema="other")]
    rules = read_rules([{"table": "a", "keep": "all"}])
    problems = judge(rules, Catalogue(tables, [], 3), large_objects=None)[1]
    assert problems[0] == "a is in several schemas: write public.a or other.a"
    assert problems[-1] == "3 large objects have no rule: set refresh_large_objects to delete or keep"
    both = read_rules([{"table": "public.a", "keep": "all"}, {"table": "other.a", "keep": "all"}])
    assert judge(both, Catalogue(tables, [], 3), large_objects="keep")[1] == []


def test_a_masked_key_has_the_same_rule_and_type_on_both_sides() -> None:
    short = Column("code", "character varying(40)", "varchar", 40)
    tables = [table(1, "parent", Column("code", **TEXT)), table(2, "child", short)]
    key = ForeignKey("k", "child", "", 2, 1, ("code",), ("code",))
    rules = read_rules([{"table": name, "columns": {"code": "hash"}} for name in ("parent", "child")])
    (problem,) = judge(rules, Catalogue(tables, [key], 0), large_objects=None)[1]
    assert "masked they would differ, so keep both" in problem
    emptied = read_rules(
        [{"table": "parent", "columns": {"code": "hash"}}, {"table": "child", "columns": {"code": None}}]
    )
    assert judge(emptied, Catalogue(tables, [key], 0), large_objects=None)[1] == []


@pytest.mark.parametrize("key", ["k" * 32, "k" * 64, "k" * 65, "schlüssel" * 9])
def test_the_pads_are_those_of_hmac(key: str) -> None:
    inner, outer = fakes.pads(key)
    digest = hashlib.sha256(outer + hashlib.sha256(inner + b"value").digest()).hexdigest()
    assert digest == hmac.new(key.encode(), b"value", hashlib.sha256).hexdigest()


@pytest.mark.parametrize("kind", fakes.POOLS)
def test_invented_values_depend_on_the_key_and_fit_the_column(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = fakes.pool(kind, 16, "k" * 32)
    assert len(values) == fakes.SIZE
    assert all(values)
    monkeypatch.setattr(fakes, "SIZE", 64)
    assert values[:64] == fakes.pool(kind, 16, "k" * 32) != fakes.pool(kind, 16, "j" * 32)
    longest = 20 if kind in fakes.UNIQUE else 16 - fakes.SUFFIX
    assert max(map(len, values)) <= longest
