# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there to be staged, undone or dropped, according to the server's databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.databases import DatabaseRow
from ansible_collections.storefront.runbook.plugins.module_utils.restore.replace_live import Site, expired, undoable

LIVE = parse_url("postgresql://shop:hunter22@db.example/shop")
NOW = datetime(2026, 2, 2, 9, tzinfo=UTC)
LATER, EARLIER = ((NOW + timedelta(hours=hours)).isoformat() for hours in (1, -1))


def site(*related: DatabaseRow) -> Site:
    return Site(LIVE, LIVE, None, DatabaseRow(10, "shop", True, None, {}), list(related), nothing)


def entry(oid: int, kind: str, **note: Any) -> DatabaseRow:
    return DatabaseRow(oid, f"shop@{kind}-20260202T0{oid % 10}0000Z", True, None, note)


def test_a_database_that_is_not_verified_yet_or_holds_another_backup_is_not_staged() -> None:
    loading, other = entry(1, "incoming"), entry(2, "incoming", state="verified", sha256="other")
    right = entry(3, "incoming", state="verified", sha256="this")
    assert site(loading, other).staged("this") is None
    assert site(loading, other, right).staged("this") == right


def test_the_database_is_put_back_that_the_present_one_took_the_place_of() -> None:
    others, kept = entry(1, "before", live=9, kept_until=LATER), entry(2, "before", live=10, kept_until=LATER)
    assert undoable(site(others, kept), NOW) == kept


def test_what_was_undone_is_not_undone_again() -> None:
    assert undoable(site(entry(1, "undone", live=10)), NOW) is None


@pytest.mark.parametrize(
    "related", [[], [entry(1, "before", live=9, kept_until=LATER)], [entry(1, "before", live=10, kept_until=EARLIER)]]
)
def test_without_a_database_that_is_still_kept_there_is_nothing_to_undo(related: list[DatabaseRow]) -> None:
    with pytest.raises(ConfigError, match="nothing to undo"):
        undoable(site(*related), NOW)


def test_what_is_past_its_time_and_what_was_never_swapped_in_may_go_and_nothing_else() -> None:
    old, gone = entry(1, "before", kept_until=EARLIER), entry(2, "undone", kept_until=EARLIER)
    kept, unknown, strange = (
        entry(3, "before", kept_until=LATER),
        entry(4, "before"),
        entry(5, "before", kept_until="soon"),
    )
    staged, scratch = entry(6, "incoming", state="verified"), entry(7, "scratch")
    assert expired(site(old, gone, kept, unknown, strange, staged, scratch), NOW) == [old, gone, staged]
