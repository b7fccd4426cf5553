# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/runner_builtin.py: the lock, the row of each file, and what is written down when a file fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import (
    LeaseLost,
    MigrationFailed,
    WaitTimeout,
)
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.migrations import history
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.runner_builtin import LOCK, Builtin
from psycopg2 import errors, extensions

from tests.unit.plugins.fake_postgres import FakePostgres
from tests.unit.support import Clock

ONE = history.Migration("1_one", "CREATE TABLE one (id int);")
TWO = history.Migration("2_two", "ALTER TABLE one ADD two int;")
APART = history.Migration("3_apart", "CREATE INDEX CONCURRENTLY one_two ON one (two);")
TAKE, GIVE_BACK = (f"SELECT pg_advisory_{word}(%s)" for word in ("lock", "unlock"))
BEGIN, FINISH = "INSERT INTO _prisma_migrations", "UPDATE _prisma_migrations SET applied_steps_count"

Migrate = Callable[..., list[str]]


@pytest.fixture
def server() -> FakePostgres:
    """A database without anything in it."""
    return FakePostgres()


@pytest.fixture
def migrate(server: FakePostgres, clock: Clock) -> Migrate:
    def apply(*migrations: history.Migration, lock_retries: int = 3, timeout: float = 900, **waiter: Any) -> list[str]:
        builtin = Builtin(
            server,
            Waiter(timeout=timeout, sleep=clock.sleep, clock=clock, **waiter),
            schema="public",
            settings={"lock_timeout": 5.0, "statement_timeout": 0.0},
            lock_retries=lock_retries,
        )
        return builtin.apply(lambda: history.read_state(server, migrations, "public"))

    return apply


def matching(server: FakePostgres, *beginnings: str) -> list[str]:
    """Which of ``beginnings`` the statements that were sent have, in order."""
    return [beginning for statement in server.sent for beginning in beginnings if statement.startswith(beginning)]


def test_each_file_is_sent_whole_between_the_begin_and_the_end_of_its_row_under_prismas_lock(
    server: FakePostgres, migrate: Migrate
) -> None:
    assert migrate(ONE, TWO) == ["1_one", "2_two"]
    each = [BEGIN, "file", FINISH]
    words = [
        word.replace(ONE.sql, "file").replace(TWO.sql, "file")
        for word in matching(server, TAKE, BEGIN, ONE.sql, TWO.sql, FINISH, GIVE_BACK)
    ]
    assert words == [TAKE, *each, *each, GIVE_BACK]
    assert [(row.name, row.checksum, row.logs) for row in server.table()] == [
        ("1_one", ONE.checksum, None),
        ("2_two", TWO.checksum, None),
    ]
    assert LOCK == 72707369


def test_prismas_table_is_made_before_the_first_migration_and_not_again(server: FakePostgres, migrate: Migrate) -> None:
    migrate(ONE)
    migrate(ONE, TWO)
    assert matching(server, "CREATE TABLE _prisma_migrations", ONE.sql, TWO.sql) == [
        "CREATE TABLE _prisma_migrations",
        ONE.sql,
        TWO.sql,
    ]


def test_a_file_that_fails_keeps_its_row_and_its_logs_and_stops_those_after_it(
    server: FakePostgres, migrate: Migrate
) -> None:
    server.refuses(TWO.sql, errors.UndefinedTable('relation "one" does not exist'))
    with pytest.raises(
        MigrationFailed, match=r'2_two failed \(migration\.sql\): relation "one" does not exist'
    ) as failed:
        migrate(ONE, TWO, APART)
    assert (failed.value.details["code"], failed.value.result["applied"]) == ("P3018", ["1_one"])
    assert server.outcomes() == [("1_one", "applied"), ("2_two", "failed")]
    assert str(server.table()[1].logs).startswith("Migration name: 2_two\n\n")
    assert matching(server, APART.sql, GIVE_BACK) == [GIVE_BACK]


def test_a_file_that_leaves_its_transaction_open_is_rolled_back_and_failed(
    server: FakePostgres, migrate: Migrate
) -> None:
    server.info.transaction_status = extensions.TRANSACTION_STATUS_INTRANS
    with pytest.raises(MigrationFailed, match="leaves its transaction open"):
        migrate(ONE)
    assert "ROLLBACK" in server.sent
    assert server.outcomes() == [("1_one", "failed")]


def test_a_lock_that_does_not_come_is_tried_for_as_often_as_was_asked_and_each_try_is_noted_as_undone(
    server: FakePostgres, migrate: Migrate
) -> None:
    server.refuses(ONE.sql, errors.LockNotAvailable("canceling statement due to lock timeout"))
    with pytest.raises(MigrationFailed, match="waited 3 times for a lock, each time for 5 s") as failed:
        migrate(ONE, lock_retries=2)
    assert (failed.value.details["code"], failed.value.details["retryable"]) == ("lock_timeout", True)
    assert server.outcomes() == [("1_one", "rolled back")] * 3


def test_a_file_that_may_be_half_applied_is_not_tried_again(server: FakePostgres, migrate: Migrate) -> None:
    server.refuses(APART.sql, errors.LockNotAvailable("canceling statement due to lock timeout"))
    with pytest.raises(MigrationFailed):
        migrate(APART)
    assert server.outcomes() == [("3_apart", "failed")]


def test_somebody_else_who_migrates_is_named_and_nothing_is_changed(server: FakePostgres, migrate: Migrate) -> None:
    server.refuses(TAKE, errors.LockNotAvailable("canceling statement due to lock timeout"))
    with pytest.raises(
        MigrationFailed, match=r"pid 4242 \(prisma, connected since .*pg_terminate_backend\(4242\)"
    ) as refused:
        migrate(ONE)
    assert refused.value.details["code"] == "P1002"
    assert matching(server, BEGIN, ONE.sql) == []


@pytest.mark.parametrize(("migration", "outcome"), [(ONE, "rolled back"), (APART, "failed")])
def test_the_deadline_stops_a_file_and_it_counts_as_undone_only_where_it_is_one_transaction(
    server: FakePostgres, migrate: Migrate, clock: Clock, migration: history.Migration, outcome: str
) -> None:
    def run_for_too_long() -> None:
        server.heartbeat()
        clock.sleep(61)
        server.heartbeat()

    server.scripts[migration.sql] = run_for_too_long
    with pytest.raises(WaitTimeout, match="not done after 60 s"):
        migrate(migration, timeout=60)
    assert server.outcomes() == [(migration.name, outcome)]


def test_a_lost_lease_stops_before_the_next_file(server: FakePostgres, migrate: Migrate) -> None:
    def heartbeat() -> None:
        if ("1_one", "applied") in server.outcomes():
            raise LeaseLost("it is gone")

    with pytest.raises(LeaseLost) as stopped:
        migrate(ONE, TWO, heartbeat=heartbeat)
    assert stopped.value.result["applied"] == ["1_one"]
    assert matching(server, TWO.sql, GIVE_BACK) == [GIVE_BACK]


def test_a_lease_that_is_lost_while_a_file_runs_stops_it(server: FakePostgres, migrate: Migrate) -> None:
    def heartbeat() -> None:
        if server.outcomes():
            raise LeaseLost("it is gone")

    def run_it():
        server.heartbeat()  # set by migrate, so it is looked up only now

    server.scripts[ONE.sql] = run_it
    with pytest.raises(LeaseLost):
        migrate(ONE, heartbeat=heartbeat)
    assert server.outcomes() == [("1_one", "rolled back")]


def test_a_lost_connection_is_not_taken_for_a_failure_of_the_file(server: FakePostgres, migrate: Migrate) -> None:
    def break_off() -> None:
        server.closed = True
        raise errors.AdminShutdown("server closed the connection unexpectedly")

    server.scripts[ONE.sql] = break_off
    with pytest.raises(MigrationFailed, match="not known whether it was applied") as failed:
        migrate(ONE)
    assert failed.value.details["code"] == "connection_lost"
    assert server.table()[0].logs is None
