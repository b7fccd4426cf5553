# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""prisma_rehearse in process, on databases that are faked: what is refused and predicted, and that
production is only read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations import project
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import Database
from ansible_collections.storefront.runbook.plugins.module_utils.restore import rehearsal
from ansible_collections.storefront.runbook.plugins.modules import prisma_rehearse

from tests.unit.plugins.fake_postgres import FakePostgres
from tests.unit.support import run_module

ONE, TWO = Migration("1_one", "CREATE TABLE one (id int);"), Migration("2_two", "ALTER TABLE one ADD two int;")
URL = "postgresql://shop:hunter22@db.example/shop"
SCRATCH = "postgresql://shop:hunter23@scratch.example/copy"


class Servers(dict[str, FakePostgres]):
    """The two databases by their names."""

    def connect(self, database: Database) -> FakePostgres:
        return self[database.name]

    def sent(self) -> list[str]:
        return [statement for server in self.values() for statement in server.sent]


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    """Production has the first migration, and so has its copy."""
    made = Servers(shop=FakePostgres(ONE), copy=FakePostgres(ONE))
    for server in made.values():
        server.answers = {
            "pg_is_in_recovery": lambda: [(False,)],
            "pg_try_advisory_lock": lambda: [(True,)],
            "SELECT count(*) FROM pg_stat_xact": lambda: [(0,)],
            "pg_class.oid": list,
            TWO.sql: list,
        }
    for user in (rehearsal, project):
        monkeypatch.setattr(user, "connect", made.connect)
    for name in ("DATABASE_URL", "DIRECT_URL"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def release(tmp_path: Path) -> Path:
    for migration in (ONE, TWO):
        path = tmp_path / "prisma" / "migrations" / migration.name / "migration.sql"
        path.parent.mkdir(parents=True)
        path.write_text(migration.sql)
    return tmp_path


def rehearse(path: Path, *, check: bool = False, **params: Any) -> dict[str, Any]:
    given = {"database_url": URL, "scratch_url": SCRATCH, "path": str(path), **params}
    return run_module(prisma_rehearse, {key: value for key, value in given.items() if value is not None}, check=check)


def test_check_mode_predicts_and_writes_nowhere(servers: Servers, release: Path) -> None:
    predicted = rehearse(release, check=True)
    assert (predicted["changed"], predicted["pending"], predicted["rehearsed"]) == (True, ["2_two"], [])
    assert predicted["scratch"] == "copy on scratch.example:5432 as shop"
    assert predicted["diff"]["after"] == f"1_one\n2_two\n{TWO.sql}\n"
    assert all(statement.startswith("SELECT") for statement in servers.sent())


def test_only_the_copy_is_migrated(servers: Servers, release: Path) -> None:
    done = rehearse(release)
    assert [entry["name"] for entry in done["rehearsed"]] == ["2_two"]
    assert servers["copy"].outcomes() == [("1_one", "applied"), ("2_two", "applied")]
    assert servers["shop"].outcomes() == [("1_one", "applied")]
    assert all(statement.startswith("SELECT") for statement in servers["shop"].sent)


def test_production_by_another_name_is_refused(servers: Servers, release: Path) -> None:
    servers["copy"].answers["pg_try_advisory_lock"] = lambda: [(False,)]
    assert rehearse(release)["error"]["code"] == "scratch_is_production"
    assert TWO.sql not in "".join(servers.sent())


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"scratch_url": None}, "copy is given but all of the following are missing: scratch_url"),
        ({"scratch_url": URL}, "scratch_url is the production database itself"),
        ({"scratch_url": "postgresql://db.example/shop"}, "scratch_url lacks its user"),
        ({"scratch_url": f"{SCRATCH}?pgbouncer=true"}, "Give the server's own address as scratch_url"),
        ({"database_url": f"{URL}?pgbouncer=true"}, "Give the server's own address as direct_url"),
        ({"migrations": "nowhere"}, "no folder of migrations at"),
    ],
)
def test_bad_input_is_refused_before_a_database_is_asked(
    servers: Servers, release: Path, params: dict[str, Any], said: str
) -> None:
    result = rehearse(release, **params)
    assert result["failed"]
    assert said in result["msg"]
    assert "hunter2" not in repr(result)
    assert servers.sent() == []
