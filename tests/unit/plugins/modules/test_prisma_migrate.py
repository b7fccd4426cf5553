# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""prisma_migrate in process, on a database that is faked: what is refused, reported, applied and withheld."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations import project, runner_cli
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration
from ansible_collections.storefront.runbook.plugins.modules import deploy_lease, prisma_migrate
from psycopg2 import errors

from tests.unit.plugins.fake_postgres import NOW, FakePostgres
from tests.unit.support import run_module

URL = "postgresql://shop:hunter22@db.example/shop"
INIT = Migration("1_init", "CREATE TABLE item (id int);")
RATING = Migration("2_rating", "ALTER TABLE item ADD rating int;")
DROP = Migration("3_drop", "\nDROP TABLE item;\n")
DROPS = {
    "class": "destructive",
    "file": "prisma/migrations/3_drop/migration.sql",
    "line": 2,
    "statement": "DROP TABLE",
    "reason": "drops the table item",
}
QUOTED = {**DROPS, "sql": "DROP TABLE item;"}  # of a pending migration

AFTER = f"""\
1_init
2_rating (expand)
{RATING.sql}
3_drop (contract, destructive)
-- line 2: drops the table item (destructive)

DROP TABLE item;
"""

Migrate = Callable[..., dict[str, Any]]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> FakePostgres:
    """A database that has the first migration."""
    server = FakePostgres(INIT)
    monkeypatch.setattr(project, "connect", lambda database: server)
    for name in ("DATABASE_URL", "DIRECT_URL"):
        monkeypatch.delenv(name, raising=False)
    return server


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder with three migrations, the last of which takes something away."""
    for migration in (INIT, RATING, DROP):
        path = tmp_path / "release" / "prisma" / "migrations" / migration.name / "migration.sql"
        path.parent.mkdir(parents=True)
        path.write_text(migration.sql)
    return tmp_path / "release"


@pytest.fixture
def migrate(database: FakePostgres, release: Path) -> Migrate:
    def call(*, check: bool = False, **params: Any) -> dict[str, Any]:
        given = {"database_url": URL, "path": str(release), "runner": "builtin", **params}
        return run_module(
            prisma_migrate, {key: value for key, value in given.items() if value is not None}, check=check
        )

    return call


def names(result: dict[str, Any]) -> list[str]:
    return [migration["name"] for migration in result["pending"]]


def test_check_mode_judges_what_is_pending_shows_its_sql_and_sends_none_of_it(
    database: FakePostgres, migrate: Migrate
) -> None:
    predicted = migrate(check=True)
    assert (predicted["changed"], predicted["applied"], predicted["backward_compatible"]) == (True, [], False)
    assert predicted["pending"] == [
        {
            "name": "2_rating",
            "checksum": RATING.checksum,
            "backward_compatible": True,
            "classes": ["expand"],
            "reasons": [],
        },
        {
            "name": "3_drop",
            "checksum": DROP.checksum,
            "backward_compatible": False,
            "classes": ["contract", "destructive"],
            "reasons": [QUOTED],
        },
    ]
    assert predicted["diff"] == {"before": "1_init\n", "after": AFTER}
    assert all(statement.startswith("SELECT") for statement in database.sent)


def test_what_is_pending_is_applied_and_then_there_is_nothing_to_do(database: FakePostgres, migrate: Migrate) -> None:
    done = migrate()
    assert (done["changed"], done["applied"], names(done)) == (True, ["2_rating", "3_drop"], ["2_rating", "3_drop"])
    assert database.outcomes() == [("1_init", "applied"), ("2_rating", "applied"), ("3_drop", "applied")]
    again = migrate()
    assert (again["changed"], again["applied"], again["pending"], again["backward_compatible"]) == (False, [], [], True)


def test_a_failure_reports_what_was_applied_and_what_was_pending(database: FakePostgres, migrate: Migrate) -> None:
    database.refuses(DROP.sql.strip(), errors.DependentObjectsStillExist("other objects depend on it"))
    failed = migrate()
    assert failed["failed"]
    assert (failed["error"]["kind"], failed["error"]["code"], failed["error"]["migration"]) == (
        "migration_failed",
        "P3018",
        "3_drop",
    )
    assert (failed["applied"], names(failed), failed["backward_compatible"]) == (
        ["2_rating"],
        ["2_rating", "3_drop"],
        False,
    )


def test_a_failure_of_before_is_reported_with_what_to_do_and_nothing_is_applied(
    database: FakePostgres, migrate: Migrate
) -> None:
    database.begun(RATING, logs="Database error code: 42P01")
    refused = migrate()
    assert refused["error"]["code"] == "P3009"
    assert refused["applied"] == []
    (left,) = refused["unresolved"]
    assert (left["name"], left["started_at"], left["logs"], left["resolve"]) == (
        "2_rating",
        NOW.isoformat(),
        "Database error code: 42P01",
        "rolled-back",
    )
    assert database.outcomes() == [("1_init", "applied"), ("2_rating", "failed")]


def test_tables_that_no_migration_made_are_refused(database: FakePostgres, migrate: Migrate) -> None:
    database.rows, database.tables = None, ["customer"]
    refused = migrate(check=True)
    assert (refused["error"]["kind"], refused["error"]["code"]) == ("config", "P3005")
    assert "customer" in refused["msg"]


def test_each_migration_is_reported_with_its_state_before_and_after(database: FakePostgres, migrate: Migrate) -> None:
    def states(result: dict[str, Any]) -> dict[str, str]:
        return {migration["name"]: migration["state"] for migration in result["migrations"]}

    assert states(migrate(check=True)) == {"1_init": "applied", "2_rating": "pending", "3_drop": "pending"}
    assert states(migrate()) == {"1_init": "applied", "2_rating": "applied", "3_drop": "applied"}
    database.begun(Migration("0_older", "SELECT 1;"), finished_at=NOW)
    result = migrate(check=True)
    assert states(result)["0_older"] == "missing"
    assert result["drift"] == {"edited": [], "missing": ["0_older"]}


def test_a_failed_migration_is_resolved_only_when_asked_and_then_applied_again(
    database: FakePostgres, migrate: Migrate
) -> None:
    database.begun(RATING, logs="Database error code: 42P01")
    resolve = {"state": "resolved_rolled_back", "migration": "2_rating"}
    predicted = migrate(check=True, **resolve)
    assert (predicted["changed"], predicted["resolved"]) == (True, ["2_rating"])
    assert predicted["diff"] == {"before": {"2_rating": "failed"}, "after": {"2_rating": "rolled_back"}}
    assert database.outcomes() == [("1_init", "applied"), ("2_rating", "failed")]

    done = migrate(**resolve)
    assert (done["changed"], done["resolved"]) == (True, ["2_rating"])
    assert {
        "name": "2_rating",
        "state": "rolled_back",
        "started_at": NOW.isoformat(),
        "rolled_back_at": NOW.isoformat(),
    } in done["migrations"]
    assert migrate(**resolve)["changed"] is False
    assert migrate()["applied"] == ["2_rating", "3_drop"]


def test_marking_what_postgresql_undid_as_applied_is_refused(database: FakePostgres, migrate: Migrate) -> None:
    database.begun(RATING, logs="Database error code: 42P01")
    refused = migrate(check=True, state="resolved_applied", migration="2_rating")
    assert refused["error"]["code"] == "contradicted"
    assert [migration["state"] for migration in refused["migrations"]] == ["applied", "failed", "pending"]


def test_a_schema_without_a_history_is_baselined(database: FakePostgres, migrate: Migrate) -> None:
    database.rows, database.tables, database.there = (
        None,
        ["item"],
        {"the table item": True, "the column item.rating": True},
    )
    assert migrate(check=True)["error"]["code"] == "P3005"
    assert migrate(state="baselined", migration="2_rating")["resolved"] == ["1_init", "2_rating"]
    assert names(migrate(check=True)) == ["3_drop"]


def test_with_the_platform_it_only_judges_and_verifies(database: FakePostgres, migrate: Migrate) -> None:
    judged = migrate(runner="platform", commands=["npx prisma migrate deploy"])
    assert (judged["changed"], judged["applied"], names(judged)) == (False, [], ["2_rating", "3_drop"])
    assert judged["diff"]["after"] == AFTER
    assert database.outcomes() == [("1_init", "applied")]

    verify = {"state": "verified", "runner": "platform"}
    assert names(migrate(check=True, **verify)) == ["2_rating", "3_drop"]
    late = migrate(**verify, wait_timeout=0)
    assert late["error"]["kind"] == "wait_timeout"
    assert [migration["state"] for migration in late["migrations"]] == ["applied", "pending", "pending"]
    database.begun(RATING, finished_at=NOW)
    database.begun(DROP, finished_at=NOW)
    verified = migrate(**verify)
    assert (verified["failed"], verified["changed"], verified["pending"]) == (False, False, [])
    database.begun(Migration("3_drop", DROP.sql), logs="Database error code: 42P01")
    assert migrate(**verify)["error"]["kind"] == "migration_failed"


def test_an_edited_and_an_unknown_migration_are_warned_of(
    database: FakePostgres, release: Path, migrate: Migrate
) -> None:
    database.begun(Migration("0_older", "SELECT 1;"), finished_at=NOW)
    (release / "prisma" / "migrations" / "1_init" / "migration.sql").write_text("CREATE TABLE item (id bigint);")
    edited, missing = migrate(check=True)["warnings"]
    assert "edited" in edited
    assert "1_init" in edited
    assert "does not know" in missing
    assert "0_older" in missing


@pytest.fixture
def repository(tmp_path: Path, release: Path) -> Path:
    """A git repository whose tags v1 and v2 have one and all three of the migrations."""
    git = ["git", "-C", str(release), "-c", "user.name=shop", "-c", "user.email=shop@example.com"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    for tag, files in (("v1", "prisma/migrations/1_init"), ("v2", "prisma")):
        subprocess.run([*git, "add", files], check=True)
        subprocess.run([*git, "commit", "--quiet", "--message", tag], check=True)
        subprocess.run([*git, "tag", tag], check=True)
    return release


def test_the_migrations_that_an_older_release_does_not_know_show_whether_it_could_be_put_back(
    database: FakePostgres, repository: Path, migrate: Migrate
) -> None:
    migrate(ref="v2")
    older = migrate(check=True, ref="v1", known_from="v2")
    assert (older["changed"], older["missing"]) == (False, ["2_rating", "3_drop"])
    assert older["unknown_to_release"] == [
        {"name": "2_rating", "state": "applied", "backward_compatible": True, "reasons": []},
        {"name": "3_drop", "state": "applied", "backward_compatible": False, "reasons": [DROPS]},
    ]
    assert migrate(check=True, ref="v2")["unknown_to_release"] == []


@pytest.mark.parametrize(
    ("known_from", "why"),
    [(None, "known_from is not set"), ("v9", "'v9' is unknown in"), ("v1", "it is not in v1 (known_from)")],
)
def test_what_is_not_known_of_a_newer_release_is_reported_as_not_known(
    database: FakePostgres, repository: Path, migrate: Migrate, known_from: str | None, why: str
) -> None:
    migrate(ref="v2")
    older = migrate(check=True, ref="v1", known_from=known_from)
    assert not older["failed"]
    assert [entry["backward_compatible"] for entry in older["unknown_to_release"]] == [None, None]
    assert why in older["unknown_to_release"][0]["reasons"][0]["reason"]


def test_a_failed_migration_of_a_newer_release_does_not_hide_what_the_older_one_does_not_know(
    database: FakePostgres, repository: Path, migrate: Migrate
) -> None:
    database.begun(RATING, finished_at=NOW)
    database.begun(DROP, logs="Database error code: 2BP01")
    refused = migrate(check=True, ref="v1", known_from="v2")
    assert refused["error"]["code"] == "P3009"
    assert [
        (entry["name"], entry["state"], entry["backward_compatible"]) for entry in refused["unknown_to_release"]
    ] == [
        ("2_rating", "applied", True),
        ("3_drop", "failed", True),  # it was undone
    ]


def test_an_older_release_is_asked_about_without_its_own_prisma(
    database: FakePostgres, repository: Path, migrate: Migrate
) -> None:
    migrate(ref="v2")
    assert migrate(check=True, ref="v1", known_from="v2", runner="cli")["missing"] == ["2_rating", "3_drop"]


class Cli:
    """The project's Prisma: it applies ``applies``, fails at ``fails``, and ends with ``code``. ``url`` is
    what it was given.
    """

    def __init__(
        self, database: FakePostgres, *applies: Migration, fails: Migration | None = None, code: int = 0
    ) -> None:
        self.database, self.applies, self.fails, self.code, self.url = database, applies, fails, code, ""

    def find(self, work_tree: Path, root_directory: str, files: Path) -> runner_cli.Prisma:
        return runner_cli.Prisma("node", work_tree / "prisma.js", "6.1.0", work_tree / "node_modules")

    def deploy(self, prisma: runner_cli.Prisma, files: Path, url: str, waiter: Any) -> tuple[int, str]:
        self.url = url
        for migration in self.applies:
            self.database.begun(migration, finished_at=NOW)
        if self.fails:
            self.database.begun(self.fails, logs="Database error code: 2BP01")
        return self.code, "what Prisma printed"


@pytest.fixture
def cli(database: FakePostgres, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Cli]:
    def install(*applies: Migration, **options: Any) -> Cli:
        program = Cli(database, *applies, **options)
        monkeypatch.setattr(runner_cli, "find", program.find)
        monkeypatch.setattr(runner_cli, "deploy", program.deploy)
        return program

    return install


def test_the_projects_prisma_is_given_the_direct_url_and_the_limits(cli: Callable[..., Cli], migrate: Migrate) -> None:
    program = cli(RATING, DROP)
    done = migrate(
        runner="cli", database_url=f"{URL}?pgbouncer=true", direct_url="postgresql://shop:hunter22@direct.example/shop"
    )
    assert done["applied"] == ["2_rating", "3_drop"]
    assert program.url.startswith("postgresql://shop:hunter22@direct.example/shop?options=-c%20lock_timeout%3D5000")


def test_what_the_projects_prisma_left_is_read_from_the_table(cli: Callable[..., Cli], migrate: Migrate) -> None:
    cli(RATING, fails=DROP, code=1)
    failed = migrate(runner="cli")
    assert failed["error"]["kind"] == "migration_failed"
    assert (failed["applied"], names(failed)) == (["2_rating"], ["2_rating", "3_drop"])
    assert [(left["name"], left["resolve"]) for left in failed["unresolved"]] == [("3_drop", "rolled-back")]


def test_a_prisma_that_says_success_and_applied_nothing_is_not_believed(
    cli: Callable[..., Cli], migrate: Migrate
) -> None:
    cli()
    failed = migrate(runner="cli")
    assert failed["error"]["kind"] == "command_failed"
    assert "what Prisma printed" in failed["msg"]
    assert failed["applied"] == []


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"database_url": None}, "missing required arguments: database_url"),
        ({"path": None}, "missing required arguments: path"),
        ({"runner": None}, "missing required arguments: runner"),
        ({"runner": "npx"}, "value of runner must be one of: cli, builtin, platform"),
        ({"database_url": "mysql://shop:hunter22@db.example/shop"}, "not with postgresql://"),
        ({"database_url": f"{URL}?pgbouncer=true"}, "Give the server's own address as direct_url"),
        ({"direct_url": f"{URL}?pgbouncer=true"}, "direct_url goes through a connection pooler"),
        ({"state": "resolved_applied"}, "state is resolved_applied but all of the following are missing: migration"),
        ({"commands": ["npx prisma migrate deploy"]}, "Two would migrate the database"),
        ({"commands": ["node server.js"], "runner": "platform"}, "Nothing would migrate the database"),
        ({"migrations": "prisma/nowhere"}, "no folder of migrations at"),
        ({"lease": "token"}, "Set store to s3://bucket/prefix"),
    ],
)
def test_bad_input_is_refused_before_the_database_is_asked(
    database: FakePostgres, migrate: Migrate, params: dict[str, Any], said: str
) -> None:
    result = migrate(**params)
    assert result["failed"]
    assert said in result["msg"]
    assert "hunter22" not in repr(result)
    assert database.sent == []


def test_the_password_is_masked_in_what_the_server_says(database: FakePostgres, migrate: Migrate) -> None:
    database.refuses(RATING.sql, errors.InvalidPassword("no server takes hunter22"))
    failed = migrate()
    assert "no server takes ********" in failed["msg"]
    assert "hunter22" not in repr(failed)


def test_nothing_is_applied_under_a_lease_that_was_lost(
    database: FakePostgres, migrate: Migrate, tmp_path: Path
) -> None:
    store = {"store": (tmp_path / "store").as_uri(), "store_is_shared": True}
    token = run_module(deploy_lease, {**store, "state": "held"})["token"]
    run_module(deploy_lease, {**store, "state": "held", "break_lease": "the site is down"})
    assert migrate(lease=token, **store)["error"]["kind"] == "lease_lost"
    assert database.outcomes() == [("1_init", "applied")]
