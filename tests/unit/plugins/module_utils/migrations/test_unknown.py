# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/unknown.py: whether an older release works on a schema that a newer one made."""

from __future__ import annotations

from typing import Any

from ansible_collections.storefront.runbook.plugins.module_utils.migrations.history import inspect
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.unknown import unknown_to_release

from tests.unit.plugins.fake_postgres import NOW, FakePostgres

OLD = Migration("1_old", "CREATE TABLE item (id int, a int);")
EXPAND = Migration("2_expand", "ALTER TABLE item ADD b int;")
BACKFILL = Migration("3_backfill", "UPDATE item SET b = a;")
CONTRACT = Migration("4_contract", "\nALTER TABLE item DROP COLUMN a;")
WHY_NOT = "it is not in v2 (known_from)"


def ask(
    database: FakePostgres, *newer: Migration, known: bool = True
) -> dict[str, tuple[str, bool | None, list[dict[str, Any]]]]:
    state = inspect(database, [OLD])
    found = unknown_to_release(state, [OLD], [OLD, *newer] if known else None, WHY_NOT)
    return {entry["name"]: (entry["state"], entry["backward_compatible"], entry["reasons"]) for entry in found}


def finding(name: str, line: int | None, reason: str, kind: str, statement: str | None) -> dict[str, Any]:
    return {
        "class": kind,
        "file": f"prisma/migrations/{name}/migration.sql",
        "line": line,
        "statement": statement,
        "reason": reason,
    }


def test_what_a_newer_release_applied_is_judged_by_its_own_files_and_together() -> None:
    database = FakePostgres(OLD, EXPAND, BACKFILL, CONTRACT)
    assert ask(database, EXPAND, BACKFILL, CONTRACT) == {
        "2_expand": ("applied", True, []),
        "3_backfill": ("applied", True, []),  # of a column that the older release does not know
        "4_contract": (
            "applied",
            False,
            [finding("4_contract", 2, "drops the column item.a", "destructive", "ALTER TABLE")],
        ),
    }


def test_a_release_that_knows_all_has_nothing_unknown_however_much_is_pending() -> None:
    assert ask(FakePostgres(OLD), EXPAND) == {}
    assert ask(FakePostgres(), EXPAND) == {}


def test_what_no_file_shows_is_unknown_with_the_reason() -> None:
    database = FakePostgres(OLD, EXPAND, CONTRACT)
    not_known = {
        name: ("applied", None, [finding(name, None, WHY_NOT, "unknown", None)]) for name in ("2_expand", "4_contract")
    }
    assert ask(database, CONTRACT)["2_expand"] == not_known["2_expand"]
    assert ask(database, known=False) == not_known


def test_a_file_that_differs_from_the_applied_one_proves_nothing() -> None:
    state, compatible, (reason,) = ask(FakePostgres(OLD, Migration("2_expand", "DROP TABLE item;")), EXPAND)["2_expand"]
    assert (state, compatible) == ("applied", None)
    assert "edited after it was applied" in reason["reason"]


def test_one_that_failed_counts_by_what_it_may_have_left() -> None:
    database = FakePostgres(OLD)
    undone, half, resolved = (
        Migration("2_undone", "DROP TABLE item; SELECT 1/0;"),
        Migration("3_half", "BEGIN; DROP TABLE item; COMMIT; SELECT 1/0;"),
        EXPAND,
    )
    database.begun(undone, logs="division by zero")
    database.begun(half, logs="gone")
    database.begun(resolved, rolled_back_at=NOW)
    database.begun(CONTRACT, finished_at=NOW, logs="written by hand")
    found = ask(database, undone, half, resolved, CONTRACT)
    assert found["2_undone"] == ("failed", True, [])
    assert found["3_half"][:2] == ("failed", False)
    assert found["4_contract"][:2] == ("applied", False)
    assert set(found) == {"2_undone", "3_half", "4_contract"}


def test_the_older_release_shows_what_existed() -> None:
    widened = Migration("2_widened", "ALTER TABLE item ALTER a TYPE bigint;")
    assert ask(FakePostgres(OLD, widened), widened) == {"2_widened": ("applied", True, [])}
