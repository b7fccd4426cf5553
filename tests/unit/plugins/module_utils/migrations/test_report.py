# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/report.py: the state of each migration."""

from __future__ import annotations

from ansible_collections.storefront.runbook.plugins.module_utils.migrations.history import inspect
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.report import drift, history

from tests.unit.plugins.fake_postgres import NOW, FakePostgres

ONE, TWO, THREE, FOUR, FIVE = (Migration(f"{number}_x", f"CREATE TABLE x{number} (id int);") for number in range(1, 6))


def test_each_migration_has_the_state_that_its_last_row_reports() -> None:
    database = FakePostgres(ONE, Migration("2_x", "CREATE TABLE other (id int);"))
    database.begun(THREE, logs="Database error code: 42P07")
    database.begun(FOUR, rolled_back_at=NOW, logs="undone")
    database.begun(Migration("0_gone", "SELECT 1;"), finished_at=NOW)
    migrations = [ONE, TWO, THREE, FOUR, FIVE]
    state = inspect(database, migrations)
    rows = history(state, migrations)
    assert [(each["name"], each["state"]) for each in rows] == [
        ("1_x", "applied"),
        ("2_x", "edited"),
        ("3_x", "failed"),
        ("4_x", "rolled_back"),
        ("5_x", "pending"),
        ("0_gone", "missing"),
    ]
    assert (rows[0]["started_at"], rows[0]["finished_at"]) == (NOW.isoformat(), NOW.isoformat())
    assert (rows[2]["resolve"], rows[2]["logs"]) == ("rolled-back", "Database error code: 42P07")
    assert "undid it" in rows[2]["explanation"]
    assert rows[4] == {"name": "5_x", "state": "pending"}
    assert drift(state) == {"edited": ["2_x"], "missing": ["0_gone"]}


def test_a_migration_that_was_tried_again_has_the_state_of_the_last_try() -> None:
    database = FakePostgres()
    database.begun(ONE, finished_at=NOW)
    database.begun(ONE, rolled_back_at=NOW)
    assert [each["state"] for each in history(inspect(database, [ONE]), [ONE])] == ["applied"]


def test_one_that_was_undone_and_that_nobody_has_any_more_is_not_reported() -> None:
    database = FakePostgres(ONE)
    database.begun(TWO, rolled_back_at=NOW)
    assert [each["name"] for each in history(inspect(database, [ONE]), [ONE])] == ["1_x"]
