# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/runner_elsewhere.py: what is read from the table when somebody else migrates."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import MigrationFailed, WaitTimeout
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.history import State, inspect
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.runner_elsewhere import (
    await_applied,
    failure,
)

from tests.unit.plugins.fake_postgres import NOW, FakePostgres
from tests.unit.support import Clock

ONE, TWO = Migration("1_one", "CREATE TABLE one (id int);"), Migration("2_two", "CREATE TABLE two (id int);")


def wait(database: FakePostgres, clock: Clock, timeout: float = 60) -> State:
    return await_applied(
        lambda: inspect(database, [ONE, TWO]), [ONE, TWO], Waiter(timeout=timeout, sleep=clock.sleep, clock=clock)
    )


def test_what_the_platform_applies_meanwhile_is_waited_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    database = FakePostgres(ONE)
    slept = clock.sleep

    def apply_while_sleeping(seconds: float) -> None:
        slept(seconds)
        database.begun(TWO, finished_at=NOW)

    monkeypatch.setattr(clock, "sleep", apply_while_sleeping)
    assert wait(database, clock).applied == ["1_one", "2_two"]
    assert len(clock.sleeps) == 1


def test_what_never_comes_is_named(clock: Clock) -> None:
    with pytest.raises(WaitTimeout, match=r"was still pending from 2_two on after 60 s.*pre-deploy command"):
        wait(FakePostgres(ONE), clock)


def test_what_failed_there_is_a_failed_migration_with_what_to_do(clock: Clock) -> None:
    database = FakePostgres(ONE)
    database.begun(TWO, logs="Database error code: 42P07")
    with pytest.raises(
        MigrationFailed, match=r"2_two failed.*undid it.*The other migrator wrote: Database error code: 42P07"
    ) as failed:
        wait(database, clock)
    assert failed.value.details["code"] == "P3018"
    assert failed.value.result["unresolved"][0]["resolve"] == "rolled-back"
    assert clock.sleeps == []


def test_a_lock_that_did_not_come_is_distinguished_from_a_broken_migration() -> None:
    database = FakePostgres(ONE)
    database.begun(TWO, logs="Database error code: 55P03\n\nDatabase error: canceling statement due to lock timeout")
    error = failure(inspect(database, [ONE, TWO]), [ONE, TWO], "Prisma")
    assert error.details["code"] == "lock_timeout"
    assert "state: resolved_rolled_back" in str(error)
