# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/resolve.py: what is marked, and what is refused because the database says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError, MigrationFailed
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.notes import with_note
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.resolve import marks_for, write
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.schema_evidence import take
from psycopg2 import errors

from tests.unit.plugins.fake_postgres import FakePostgres

ONE = Migration("1_one", "CREATE TABLE one (id int);")
TWO = Migration("2_two", "BEGIN; CREATE TABLE two (id int); COMMIT; ALTER TABLE one ADD two int;")
THREE = Migration("3_three", "CREATE TABLE three (id int);")
TWO_IS_THERE = {"the table two": True, "the column one.two": True}

Resolve = Callable[..., list[str]]


@pytest.fixture
def database() -> FakePostgres:
    """A database that has the first migration, and the table that it makes."""
    server = FakePostgres(ONE)
    server.there = {"the table one": True}
    server.tables = ["one"]
    return server


@pytest.fixture
def resolve(database: FakePostgres) -> Resolve:
    def mark(state: str, name: str | None = None, *migrations: Migration, reason: str | None = None) -> list[str]:
        return write(
            database,
            lambda: marks_for(
                database, migrations or [ONE, TWO, THREE], "public", state=state, name=name, reason=reason
            ),
        )

    return mark


def noted(database: FakePostgres, migration: Migration) -> dict[str, Any]:
    """The state as it is now, as it is noted before a migration."""
    return {"checksum": migration.checksum, **(take(database, migration.sql) or {})}


class TestApplied:
    def test_what_was_completed_by_hand_is_marked_and_its_failed_row_ends(
        self, database: FakePostgres, resolve: Resolve
    ) -> None:
        database.begun(TWO, logs=with_note("gone", noted(database, TWO)))
        database.there |= TWO_IS_THERE
        assert resolve("resolved_applied", "2_two") == ["2_two"]
        assert database.outcomes() == [("1_one", "applied"), ("2_two", "rolled back"), ("2_two", "applied")]
        assert resolve("resolved_applied", "2_two") == []

    def test_what_is_there_proves_nothing_where_the_state_before_was_not_noted(
        self, database: FakePostgres, resolve: Resolve
    ) -> None:
        database.begun(TWO, logs="gone")
        database.there |= TWO_IS_THERE
        for state in ("resolved_applied", "resolved_rolled_back"):
            with pytest.raises(ConfigError, match="the state before it was not noted"):
                resolve(state, "2_two")
        assert resolve("resolved_applied", "2_two", reason="Completed by hand, see the journal of 2 February") == [
            "2_two"
        ]
        assert database.outcomes() == [("1_one", "applied"), ("2_two", "rolled back"), ("2_two", "applied")]

    def test_what_was_made_by_hand_before_any_try_is_marked(self, database: FakePostgres, resolve: Resolve) -> None:
        database.there |= TWO_IS_THERE
        assert resolve("resolved_applied", "2_two") == ["2_two"]

    def test_what_is_only_half_there_is_refused(self, database: FakePostgres, resolve: Resolve) -> None:
        database.begun(TWO, logs="gone")
        database.there["the table two"] = True
        with pytest.raises(ConfigError, match=r"the column one\.two is not as it leaves it") as refused:
            resolve("resolved_applied", "2_two")
        assert refused.value.details["code"] == "contradicted"
        assert database.outcomes()[1:] == [("2_two", "failed")]

    def test_what_postgresql_undid_is_refused_whatever_is_there(self, database: FakePostgres, resolve: Resolve) -> None:
        database.begun(THREE, logs="relation three already exists")
        database.there["the table three"] = True
        with pytest.raises(ConfigError, match="PostgreSQL ran the file as one transaction and undid it"):
            resolve("resolved_applied", "3_three")

    def test_a_name_that_the_release_lacks_is_refused(self, resolve: Resolve) -> None:
        with pytest.raises(
            ConfigError, match=r"no migration '2_tow'\. Its last ones are 1_one, 2_two, 3_three"
        ) as refused:
            resolve("resolved_applied", "2_tow")
        assert refused.value.details["code"] == "P3017"


class TestRolledBack:
    def test_what_was_undone_is_marked(self, database: FakePostgres, resolve: Resolve) -> None:
        database.begun(TWO, logs="gone")
        assert resolve("resolved_rolled_back", "2_two") == ["2_two"]
        assert database.outcomes()[1:] == [("2_two", "rolled back")]
        assert resolve("resolved_rolled_back", "2_two") == []

    def test_what_left_something_is_refused(self, database: FakePostgres, resolve: Resolve) -> None:
        database.begun(TWO, logs="gone")
        database.there["the table two"] = True
        with pytest.raises(ConfigError, match="the table two is as it leaves it"):
            resolve("resolved_rolled_back", "2_two")
        assert database.outcomes()[1:] == [("2_two", "failed")]

    def test_what_postgresql_undid_may_have_been_there_before(self, database: FakePostgres, resolve: Resolve) -> None:
        database.begun(THREE, logs="relation three already exists")
        database.there["the table three"] = True
        assert resolve("resolved_rolled_back", "3_three") == ["3_three"]

    @pytest.mark.parametrize(("name", "code"), [("1_one", "P3012"), ("2_two", "P3011")])
    def test_what_is_applied_or_was_never_begun_is_refused(self, resolve: Resolve, name: str, code: str) -> None:
        with pytest.raises(ConfigError) as refused:
            resolve("resolved_rolled_back", name)
        assert refused.value.details["code"] == code

    def test_what_the_release_has_no_file_of_is_judged_by_the_note_of_it(
        self, database: FakePostgres, resolve: Resolve
    ) -> None:
        database.begun(TWO, logs=with_note("gone", noted(database, TWO)))
        assert resolve("resolved_rolled_back", "2_two", ONE) == ["2_two"]

    def test_what_the_release_has_no_file_of_and_nobody_noted_takes_a_reason(
        self, database: FakePostgres, resolve: Resolve
    ) -> None:
        database.begun(TWO, logs="gone")
        with pytest.raises(ConfigError, match="the state before it was not noted") as refused:
            resolve("resolved_rolled_back", "2_two", ONE)
        assert refused.value.details["code"] == "cannot_be_told"
        assert resolve("resolved_rolled_back", "2_two", ONE, reason="the table two is not there") == ["2_two"]


class TestBaselined:
    @pytest.fixture(autouse=True)
    def unknown_to_prisma(self, database: FakePostgres) -> None:
        database.rows = None

    def test_all_migrations_are_marked_or_those_up_to_one(self, database: FakePostgres, resolve: Resolve) -> None:
        database.there |= TWO_IS_THERE
        assert resolve("baselined", "2_two") == ["1_one", "2_two"]
        assert database.outcomes() == [("1_one", "applied"), ("2_two", "applied")]
        assert resolve("baselined", "1_one") == []
        with pytest.raises(ConfigError, match="has a _prisma_migrations already"):
            resolve("baselined")

    def test_a_schema_that_lacks_what_they_make_is_refused(self, database: FakePostgres, resolve: Resolve) -> None:
        with pytest.raises(
            ConfigError, match=r"not what 3_three leaves: the table two, the column one\.two, the table three is not so"
        ):
            resolve("baselined")
        assert database.rows is None

    def test_an_empty_schema_is_refused(self, database: FakePostgres, resolve: Resolve) -> None:
        database.tables = []
        with pytest.raises(ConfigError, match="nothing to baseline"):
            resolve("baselined")


def test_nothing_is_marked_while_somebody_migrates_or_when_a_write_fails(
    database: FakePostgres, resolve: Resolve
) -> None:
    database.begun(TWO, logs="gone")
    database.refuses("SELECT pg_advisory_lock(%s)", errors.LockNotAvailable("canceling statement due to lock timeout"))
    with pytest.raises(MigrationFailed, match="Another migration is running"):
        resolve("resolved_rolled_back", "2_two")
    assert "BEGIN" not in database.sent
    database.scripts.clear()
    database.refuses("COMMIT", errors.AdminShutdown("terminating connection"))
    with pytest.raises(Exception, match="terminating connection"):
        resolve("resolved_rolled_back", "2_two")
    assert "ROLLBACK" in database.sent
