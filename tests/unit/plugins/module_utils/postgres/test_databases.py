# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How databases that belong to a live one are named, marked and found again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.postgres import databases
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import parse_url

NOW = datetime(2026, 2, 2, 9, tzinfo=UTC)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The rows (oid, name, accepts connections, comment) of a server's databases."""
    rows: list[tuple[Any, ...]] = []
    monkeypatch.setattr(databases, "query", lambda connection, statement: rows)
    return rows


def test_a_name_shows_its_owner_its_kind_and_its_time() -> None:
    assert databases.label("shop", "before", NOW) == "shop@before-20260202T090000Z"


@pytest.mark.parametrize("live", ["s" * 63, "ü" * 31])
def test_a_long_name_is_cut_to_what_postgresql_takes_and_is_found_anyway(
    live: str, server: list[tuple[Any, ...]]
) -> None:
    name = databases.label(live, "incoming", NOW)
    assert len(name.encode()) <= 63
    server += [(1, live, True, None), (2, name, True, None)]
    present, related = databases.family(None, live)
    assert (present and present.oid, [entry.name for entry in related]) == (1, [name])


def test_only_what_this_collection_made_of_this_database_belongs_to_it_the_newest_first(
    server: list[tuple[Any, ...]],
) -> None:
    note = databases.noted({"live": 7, "backup": "sale"})
    server += [
        (1, "shop", False, "the shop's"),
        (2, "shop@before-20260101T000000Z", True, note),
        (3, "shop@undone-20260103T000000Z", True, "storefront.runbook {broken"),
        (4, "shop@base", True, None),
        (5, "shop2@before-20260101T000000Z", True, note),
        (6, "shop@incoming-20260102T000000Z-x", True, None),
    ]
    present, related = databases.family(None, "shop")
    assert present == databases.DatabaseRow(1, "shop", False, "the shop's", {})
    assert [(entry.oid, entry.kind, entry.note) for entry in related] == [
        (3, "undone", {}),
        (2, "before", {"live": 7, "backup": "sale"}),
    ]
    assert databases.family(None, "none") == (None, [])


def test_another_database_of_the_server_is_reached_as_the_same_user() -> None:
    live = parse_url("postgresql://shop:hunter22@db.example:6000/shop?sslmode=require")
    other = databases.beside(live, "postgres")
    assert other.describe() == "postgres on db.example:6000 as shop"
    assert (other.password, other.settings) == ("hunter22", {"sslmode": "require"})


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("public.item", ("public", "item")),
        ('public."order"', ("public", "order")),
        ('"a.b"."c ""d"""', ("a.b", 'c "d"')),
        ('public."system_user"', ("public", "system_user")),
    ],
)
def test_a_name_is_the_same_however_it_is_quoted(name: str, parts: tuple[str, str]) -> None:
    assert databases.unquoted(name) == parts
