# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two runners held to each other: the project's real Prisma and this collection's own leave the same
table and the same schema.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox import tools
from sandbox.cloud.builds import Blobs, Builder, Recipe
from sandbox.process import wait_until
from sandbox.repository import files_of
from sandbox.state import CACHE
from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database, write_migrations

APP = "apps/backend"
BASE = "CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item VALUES (1, 'one'), (2, 'two');"

# Each script comes after BASE.
APPLIED = {
    "b_only_comments": "-- This is an empty migration.\n",
    "c_concurrently": "CREATE INDEX CONCURRENTLY item_idx ON item (name);",
    "d_own_transactions": (
        "BEGIN; CREATE TABLE own (id int); COMMIT; BEGIN; INSERT INTO own SELECT id FROM item; COMMIT;"
    ),
    "e_function": (
        "CREATE FUNCTION twice(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN x * 2; END; $$;\nCREATE TYPE mood"
        " AS ENUM ('ok', 'sad');"
    ),
    "f_text": (
        "COMMENT ON TABLE item IS 'per cent: 100 % of it; %s, ünïcödé, a back\\slash';\r\nALTER TABLE item ADD COLUMN"
        " mood mood;\r\n"
    ),
}
FAILING = {
    "one_statement": "ALTER TABLE nothing ADD x int;",
    "the_second_of_two": "CREATE TABLE first (id int); ALTER TABLE nothing ADD x int;",
    "after_its_own_commit": "BEGIN; CREATE TABLE half (id int); COMMIT; CREATE TABLE undone (id int); SELECT 1/0;",
    "inside_its_own_transaction": "BEGIN; CREATE TABLE undone (id int); SELECT 1/0; COMMIT;",
}


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example shop's backend with its dependencies, built as the platforms do; kept from run to run."""
    builder = Builder(CACHE, tools.node_bin(), Blobs(tmp_path_factory.mktemp("blobs")))
    files = {
        path.removeprefix(f"{APP}/"): builder.blobs.put(content)
        for path, content in files_of("v1.1.0").items()
        if path.startswith(f"{APP}/")
    }
    return builder.folder(asyncio.run(builder.build(Recipe(files, {}, "", output=""), print)))


@pytest.fixture(autouse=True)
def node_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(tools.node_bin()), os.environ["PATH"]]))


@pytest.fixture
def pair(sandbox: Sandbox) -> Iterator[dict[str, Database]]:
    """A database for each runner."""
    made = {runner: Database(sandbox, f"test-{runner}") for runner in ("builtin", "cli")}
    yield made
    for database in made.values():
        database.drop()


@pytest.fixture
def project(backend: Path, tmp_path: Path) -> Path:
    """A folder with the shop's Prisma and one migration of its own."""
    for name in ("package.json", "package-lock.json", "prisma.config.ts"):
        shutil.copy(backend / name, tmp_path)
    for name in ("prisma", "src"):
        shutil.copytree(backend / name, tmp_path / name)
    shutil.rmtree(tmp_path / "prisma" / "migrations")
    (tmp_path / "node_modules").symlink_to(backend / "node_modules")
    return write_migrations(tmp_path, a_base=BASE)


def migrate_both(pair: dict[str, Database], path: Path, **options: Any) -> dict[str, dict[str, Any]]:
    return {runner: database.migrate(path, runner=runner, **options) for runner, database in pair.items()}


def assert_same(pair: dict[str, Database]) -> None:
    assert pair["builtin"].rows() == pair["cli"].rows()
    assert pair["builtin"].schema() == pair["cli"].schema()


def test_what_both_apply_is_the_same(pair: dict[str, Database], project: Path) -> None:
    write_migrations(project, **APPLIED)
    done = migrate_both(pair, project)
    assert done["cli"]["applied"] == done["builtin"]["applied"] == ["a_base", *APPLIED]
    assert_same(pair)
    assert pair["cli"].sql("SELECT count(*) FROM own") == pair["builtin"].sql("SELECT count(*) FROM own") == [(2,)]

    again = {
        runner: database.migrate(project, runner=other)
        for (runner, database), other in zip(pair.items(), ("cli", "builtin"), strict=True)
    }
    assert [result["changed"] for result in again.values()] == [False, False]  # each finds what the other one wrote


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_leaves_the_same(pair: dict[str, Database], project: Path, name: str) -> None:
    write_migrations(project, **{"b": FAILING[name], "c_never": "CREATE TABLE never (id int);"})
    done = migrate_both(pair, project)
    assert [result["failed"] for result in done.values()] == [True, True]
    assert [result["error"]["code"] for result in done.values()] == ["P3018", "P3018"]
    assert [result["applied"] for result in done.values()] == [["a_base"], ["a_base"]]
    assert_same(pair)

    refused = migrate_both(pair, project)
    assert [result["error"]["code"] for result in refused.values()] == ["P3009", "P3009"]
    assert len({result["unresolved"][0]["explanation"] for result in refused.values()}) == 1


def resolve_by_prisma(database: Database, project: Path, name: str) -> None:
    script = project / "node_modules" / "prisma" / "build" / "index.js"
    environment = {
        **os.environ,
        "DATABASE_URL": database.url,
        "DIRECT_URL": database.url,
        "CI": "1",
        "CHECKPOINT_DISABLE": "1",
    }
    subprocess.run(
        ["node", script, "migrate", "resolve", "--applied", name],
        cwd=project,
        env=environment,
        check=True,
        capture_output=True,
    )


def test_a_failed_migration_that_is_marked_as_applied_has_the_same_rows(
    pair: dict[str, Database], project: Path
) -> None:
    write_migrations(project, b="BEGIN; CREATE TABLE half (id int); COMMIT; CREATE TABLE rest (id int); SELECT 1/0;")
    for database in pair.values():
        database.migrate(project)
        database.sql("CREATE TABLE rest (id int)")
    assert pair["builtin"].migrate(project, state="resolved_applied", migration="b")["resolved"] == ["b"]
    resolve_by_prisma(pair["cli"], project, "b")
    assert_same(pair)


def test_a_baseline_has_the_same_rows(pair: dict[str, Database], project: Path) -> None:
    for database in pair.values():
        database.sql(BASE)
    assert pair["builtin"].migrate(project, state="baselined")["resolved"] == ["a_base"]
    resolve_by_prisma(pair["cli"], project, "a_base")
    assert_same(pair)


WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%rating%' AND datname ="
    " current_database()"
)
COLUMN = "SELECT attname::text FROM pg_attribute WHERE attrelid = 'item'::regclass AND attname = 'rating'"
WAITS = "ALTER TABLE item ADD COLUMN rating int;"


class TestAKilledRunOfTheProjectsPrisma:
    """The module is killed by SIGKILL while its Prisma waits for a lock. The server ends the statement, or applies it
    anyway, as nobody is there.
    """

    @pytest.fixture
    def database(self, pair: dict[str, Database]) -> Database:
        return pair["cli"]

    @pytest.fixture
    def killed(self, database: Database, project: Path) -> Callable[..., None]:
        def kill(*, ran: bool) -> None:
            assert database.migrate(project, runner="cli")["applied"] == ["a_base"]
            write_migrations(project, b=WAITS)
            with closing(database.connect()) as holder:
                holder.autocommit = False
                holder.cursor().execute("SELECT * FROM item")  # a reader
                running = multiprocessing.get_context("fork").Process(
                    target=database.migrate, args=(project,), kwargs={"runner": "cli", "lock_timeout": 60.0}
                )
                running.start()
                assert wait_until(lambda: bool(database.sql(WAITING)), 60)
                running.kill()
                running.join()
                assert (running.exitcode, database.outcomes()) == (
                    -signal.SIGKILL,
                    [("a_base", "applied"), ("b", "failed")],
                )
                if not ran:
                    database.sql(f"SELECT pg_terminate_backend(pid) FROM ({WAITING}) waiting")
                    assert wait_until(lambda: not database.sql(WAITING), 10)
            assert wait_until(lambda: bool(database.sql(COLUMN)) == ran, 10)

        return kill

    @pytest.mark.own_process
    @pytest.mark.parametrize(
        ("ran", "right", "wrong"),
        [(False, "rolled-back", "applied"), (True, "applied", "rolled-back")],
        ids=["undone", "applied"],
    )
    def test_is_judged_by_the_note_that_it_left(
        self, database: Database, project: Path, killed: Callable[..., None], *, ran: bool, right: str, wrong: str
    ) -> None:
        killed(ran=ran)
        for runner in ("cli", "builtin"):
            refused = database.migrate(project, runner=runner)
            (failed,) = [each for each in refused["migrations"] if each["name"] == "b"]
            assert (refused["error"]["code"], failed["state"], failed["resolve"]) == ("P3009", "failed", right)
        resolve: dict[str, dict[str, Any]] = {
            word: {"state": f"resolved_{word.replace('-', '_')}", "migration": "b", "runner": "cli"}
            for word in (right, wrong)
        }
        assert database.migrate(project, **resolve[wrong])["failed"]
        assert database.migrate(project, **resolve[right])["resolved"] == ["b"]
        assert database.migrate(project, runner="cli")["applied"] == ([] if ran else ["b"])
        assert database.sql(COLUMN) == [("rating",)]
        assert database.sql(
            "SELECT col_description('_prisma_migrations'::regclass, attnum) FROM pg_attribute WHERE attname = 'logs'"
        ) == [(None,)]


class TestTheProjectsPrisma:
    @pytest.fixture
    def database(self, pair: dict[str, Database]) -> Database:
        return pair["cli"]

    @pytest.fixture
    def work_tree(self, sandbox: Sandbox, backend: Path, tmp_path: Path) -> Path:
        """A clone of the shop's repository with its dependencies installed."""
        tree = tmp_path / "shop"
        subprocess.run(["git", "clone", "--quiet", sandbox.state["shop"]["repository"], str(tree)], check=True)
        (tree / APP / "node_modules").symlink_to(backend / "node_modules")
        return tree

    def test_applies_the_files_of_the_ref_and_not_of_the_work_tree(self, database: Database, work_tree: Path) -> None:
        write_migrations(work_tree / APP, z_uncommitted="CREATE TABLE uncommitted (id int);")
        options: dict[str, Any] = {"ref": "v1.1.0", "root_directory": APP, "runner": "cli"}
        predicted = database.migrate(work_tree, **options, check=True)
        assert predicted["changed"]
        assert database.tables() == []
        done = database.migrate(work_tree, **options)
        assert done["applied"] == [migration["name"] for migration in predicted["pending"]]
        assert "uncommitted" not in database.tables()
        assert not database.migrate(work_tree, **options)["changed"]

    def test_is_refused_in_another_version_than_the_release_locks(self, database: Database, project: Path) -> None:
        lock = project / "package-lock.json"
        lock.write_text(
            lock.read_text().replace(
                '"node_modules/prisma": {\n      "version": "6.', '"node_modules/prisma": {\n      "version": "5.'
            )
        )
        refused = database.migrate(project, runner="cli")
        assert refused["error"]["code"] == "other_prisma"
        assert "npm ci" in refused["msg"]
        assert database.tables() == []

    def test_is_refused_where_it_is_not_installed(self, database: Database, project: Path) -> None:
        (project / "node_modules").unlink()
        refused = database.migrate(project, runner="cli")
        assert refused["error"]["code"] == "no_prisma"
        assert "npm ci" in refused["msg"]
