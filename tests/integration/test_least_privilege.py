# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup is created by a role with the rights in docs/rights.md and no others; a right that is missing is named.
Redis is shown, and its keys are removed, by users with those rights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
from ansible_collections.storefront.runbook.plugins.modules import pg_backup, pg_info, redis_flush, redis_info

from sandbox.storefront import Sandbox
from tests.integration.redis_server import server
from tests.integration.shop_database import Database
from tests.rights import FLUSHES, READS, REDIS
from tests.unit.support import run_module

ROLE, PASSWORD = "test_backup_only", "backup-only"
READ = f"GRANT pg_read_all_data TO {ROLE}"


@pytest.fixture
def database(sandbox: Sandbox) -> Iterator[Database]:
    """A database of the shop's role, to which nobody else may connect."""
    database = Database(sandbox, "test-least-privilege")
    database.sql("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1), (2)")
    admin(sandbox, f"DROP ROLE IF EXISTS {ROLE}; CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
    admin(sandbox, f'REVOKE CONNECT ON DATABASE "{database.name}" FROM PUBLIC')
    yield database
    database.drop()
    admin(sandbox, f"DROP ROLE {ROLE}")


def admin(sandbox: Sandbox, statements: str) -> None:
    with closing(psycopg2.connect(sandbox.state["postgres"]["url"])) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in statements.split("; "):
            cursor.execute(statement)


def test_a_role_that_may_only_read_creates_a_backup_and_what_it_lacks_is_named(
    database: Database, tmp_path: Path
) -> None:
    url = f"postgresql://{ROLE}:{PASSWORD}@{database.url.partition('@')[2]}"
    options: dict[str, Any] = {"store": (tmp_path / "store").as_uri(), "store_is_shared": True, "encryption": "off"}
    options |= {"database_url": url, "postgres_bin": database.sandbox.state["postgres"]["bin"]}

    refused = run_module(pg_backup, options)
    assert refused["failed"]
    assert "Grant the user CONNECT on it" in refused["msg"]

    admin(database.sandbox, f'GRANT CONNECT ON DATABASE "{database.name}" TO {ROLE}')
    refused = run_module(pg_backup, options)
    assert refused["error"]["code"] == "no_rights"
    assert READ in refused["msg"]

    admin(database.sandbox, READ)
    made = run_module(pg_backup, options)
    assert (made["failed"], made["changed"]) == (False, True), made
    assert made["backup"]["tables"]["public.item"] == 2
    assert run_module(pg_info, {"database_url": url})["failed"] is False
    assert database.sql("SELECT has_table_privilege(%s, 'item', 'INSERT')", ROLE) == [(False,)]

    database.sql("ALTER TABLE item ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON item USING (false)")
    refused = run_module(pg_backup, options)
    assert refused["error"]["code"] == "no_rights"
    assert f"may not read public.item in {database.name}" in refused["msg"]
    assert f"ALTER ROLE {ROLE} BYPASSRLS" in refused["msg"]
    admin(database.sandbox, f"ALTER ROLE {ROLE} BYPASSRLS")
    again = run_module(pg_backup, options)
    assert (again["failed"], again["backup"]["tables"]) == (False, {"public.item": 2}), again


def test_users_of_redis_with_these_rights_see_everything_and_one_of_them_removes_keys(tmp_path: Path) -> None:
    with server(tmp_path, *(f"user {name} on >a-password {REDIS[name]}" for name in (READS, FLUSHES))) as port:
        with redis.Redis("127.0.0.1", port) as client:
            client.mset({f"product:{number}": "{}" for number in range(20)})
        for name in (READS, FLUSHES):
            url = {"url": f"redis://{name}:a-password@127.0.0.1:{port}/0"}
            found = run_module(redis_info, {**url, "interval": 0, "patterns": ["product:*"], "biggest": 2})
            assert (found["failed"], found["unavailable"]) == (False, {}), found
            assert (found["patterns"]["product:*"]["count"], len(found["biggest"])) == (20, 2)
            removed = run_module(redis_flush, {**url, "pattern": "product:*"})
            assert removed["failed"] is (name == READS), removed
            assert "unlink" in removed["msg"] if name == READS else removed["count"] == 20, removed
