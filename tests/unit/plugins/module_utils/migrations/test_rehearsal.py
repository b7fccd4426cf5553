# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/rehearsal.py: what is reported of a rehearsed migration, and what is no copy of production."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, MigrationFailed
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.migrations import history
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.rehearsal import (
    Rehearsal,
    refuse_another_state,
)
from psycopg2 import errors

from tests.unit.plugins.fake_postgres import FakePostgres
from tests.unit.support import Clock

ONE = Migration("1_one", "CREATE TABLE one (id int);")
TWO = Migration("2_two", "UPDATE one SET id = 2;")
ROWS = (1, 0, 5, 0)  # the table's oid, and what was inserted, updated and deleted


@pytest.fixture
def scratch(clock: Clock) -> FakePostgres:
    """A copy with the first migration, where the second takes 3 seconds, locks a table and changes 5 rows."""
    database = FakePostgres(ONE)
    counted = iter([[(7,)], [(0,)]])

    def run() -> list[tuple[object, ...]]:
        clock.sleep(3)
        return [
            (1, "RowExclusiveLock", None, None, None),
            (99, "AccessExclusiveLock", None, None, None),
            (ROWS[0], None, *ROWS[1:]),
        ]

    database.answers = {
        TWO.sql: run,
        "relkind IN": lambda: [(1, "public.one")],
        "pg_class.oid, format": lambda: [(1, "public.one", "table")],
        "SELECT count(*) FROM pg_stat_xact": lambda: next(counted),
        "SELECT count(*) FROM public.one": lambda: [(5,)],
    }
    return database


def rehearse(scratch: FakePostgres, clock: Clock, *migrations: Migration) -> Rehearsal:
    waiter = Waiter(sleep=clock.sleep, clock=clock)
    rehearsal = Rehearsal(
        scratch, FakePostgres(), waiter, schema="public", settings={"lock_timeout": 5.0, "statement_timeout": 0.0}
    )
    rehearsal.apply(lambda: history.read_state(scratch, migrations, "public"))
    return rehearsal


def test_a_migration_is_reported_with_its_time_its_locks_and_its_rows(scratch: FakePostgres, clock: Clock) -> None:
    assert rehearse(scratch, clock, ONE, TWO).rehearsed == [
        {
            "name": "2_two",
            "seconds": 3.0,
            "transaction": True,
            # what was not there before is left out
            "locks": [{"relation": "public.one", "kind": "table", "mode": "RowExclusiveLock", "blocks": []}],
            "tables": [
                {"name": "public.one", "rows_before": 5, "rows_after": 5, "inserted": 0, "updated": 5, "deleted": 0}
            ],
        }
    ]
    assert clock.sleeps[0] == 0.1  # until what was counted before is handed on


def test_rows_that_may_be_an_earlier_files_are_not_reported(scratch: FakePostgres, clock: Clock) -> None:
    scratch.answers["SELECT count(*) FROM pg_stat_xact"] = lambda: [(7,)]
    (migration,) = rehearse(scratch, clock, ONE, TWO).rehearsed
    assert [migration["tables"][0][key] for key in ("rows_after", "inserted", "updated", "deleted")] == [
        5,
        None,
        None,
        None,
    ]


def test_a_table_that_takes_too_long_to_count_has_no_number(scratch: FakePostgres, clock: Clock) -> None:
    def refuse() -> list[tuple[int]]:
        raise errors.QueryCanceled("canceling statement due to statement timeout")

    scratch.answers["SELECT count(*) FROM public.one"] = refuse
    (migration,) = rehearse(scratch, clock, ONE, TWO).rehearsed
    assert (migration["tables"][0]["rows_before"], migration["tables"][0]["rows_after"]) == (None, None)


def test_a_failure_says_that_it_was_a_rehearsal(scratch: FakePostgres, clock: Clock) -> None:
    def refuse() -> list[tuple[int]]:
        raise errors.UndefinedTable('relation "one" does not exist')

    scratch.answers[TWO.sql] = refuse
    with pytest.raises(
        MigrationFailed, match=r"^In the rehearsal, which does not change production: The migration 2_two failed"
    ) as failed:
        rehearse(scratch, clock, ONE, TWO)
    assert failed.value.details["message"].startswith("In the rehearsal")
    assert failed.value.result["rehearsed"] == []


def test_a_copy_that_lacks_or_has_more_than_production_is_refused() -> None:
    def state(*applied: Migration) -> history.State:
        return history.inspect(FakePostgres(*applied), [ONE, TWO])

    refuse_another_state(state(ONE), state(ONE))
    with pytest.raises(ConfigError, match=r"it lacks 1_one and has 2_two, as after a rehearsal\. Restore it again"):
        refuse_another_state(state(ONE), state(TWO))
