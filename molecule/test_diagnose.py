# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runbook's troubleshooting: one shop, broken in each way and mended again; the first finding names it."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
import requests
from ansible_collections.storefront.runbook.plugins.module_utils.desk.findings import health

from conftest import COLLECTIONS, ROOT
from molecule import desk
from molecule.conftest import Shop, back_to
from sandbox import customer
from sandbox.beside import beside
from sandbox.process import wait_until
from tests.integration.redis_server import server as redis_server

NOWHERE = "http://127.0.0.1:1"
PLAIN = '{"name": "site", "version": "1.0.0", "private": true}'
NOT_AT_ALL = "20260601080000_note"
LEAK = "node --max-old-space-size=24 -e 'const a=[]; for(;;) a.push(new Array(1e5).fill(1))'"


@pytest.fixture(scope="module")
def live(released: None, sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """v1.1.0 is live over v1.0.0."""
    back_to(sandbox, "released")
    yield Shop(sandbox, "shop", tmp_path_factory.mktemp("diagnose"))
    back_to(sandbox, "released")


def first(shop: Shop, **other: Any) -> dict[str, Any]:
    found = desk.diagnosis(shop, **other)
    assert found, "nothing was found"
    return found[0]


@contextmanager
def admin(shop: Shop) -> Iterator[Any]:
    """A session of the server's administrator in the shop's database."""
    address = shop.sandbox.state["postgres"]["url"].rpartition("/")[0] + "/" + shop.name
    with closing(psycopg2.connect(address)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def test_a_shop_that_is_well_has_no_finding_that_matters(live: Shop) -> None:
    assert [one["id"] for one in desk.diagnosis(live) if one["id"] != "no_statements"] == []


@pytest.mark.parametrize(
    ("name", "files", "command"),
    [
        ("build_npm", {"package.json": PLAIN}, "npm run build:nothing"),
        (
            "build_node_version",
            {"package.json": '{"name": "site", "engines": {"node": ">=99"}}', ".npmrc": "engine-strict=true"},
            "npm install",
        ),
        ("build_typescript", {"package.json": PLAIN}, "echo 'src/app.ts(3,7): error TS2322: not a number' && exit 2"),
        ("build_memory", {"package.json": PLAIN}, LEAK),
    ],
)
def test_a_build_that_fails(live: Shop, name: str, files: dict[str, str], command: str) -> None:
    body = {
        "name": "shop",
        "project": live.at["vercel"]["project"],
        "target": "production",
        "files": [{"file": file, "data": text} for file, text in files.items()],
        "meta": {"release": "v9.9.9"},
        "projectSettings": {"buildCommand": command, "rootDirectory": None, "framework": None},
    }
    made = desk.vercel(live, "POST", "/v13/deployments?forceNew=1&skipAutoDetectionConfirmation=1", json=body)
    path = f"/v13/deployments/{made['id']}"
    assert wait_until(lambda: desk.vercel(live, "GET", path)["readyState"] == "ERROR", 120)
    found = first(live)
    assert (found["id"], found["section"]) == (name, "T1"), found
    assert "v1.1.0" in found["advice"], "customers are still served"


def test_the_database_is_down_full_of_sessions_or_locked(live: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    back_to(live.sandbox, "released")
    nowhere = {"url": "postgresql://shop:hidden-password@127.0.0.1:1/shop"}
    found = first(live, database=nowhere)
    assert found["id"] == "database_down"
    assert "hidden-password" not in str(found)
    with admin(live) as cursor:
        cursor.execute("ALTER ROLE shop CONNECTION LIMIT 0")
        try:
            assert first(live)["id"] == "database_connections"
        finally:
            cursor.execute("ALTER ROLE shop CONNECTION LIMIT -1")
    monkeypatch.setattr(health, "LOCKED_SECONDS", 0.0)
    with admin(live) as holder, admin(live) as waiter:
        holder.execute('BEGIN; LOCK TABLE "Order" IN ACCESS EXCLUSIVE MODE')
        thread = threading.Thread(target=waiter.execute, args=('SELECT count(*) FROM "Order"',))
        thread.start()
        try:
            assert wait_until(lambda: _waits(live), 30)
            found = first(live)
        finally:
            holder.execute("ROLLBACK")
            thread.join()
    assert found["id"] == "database_locked"
    assert "pg_terminate_backend(" in found["advice"]


@contextmanager
def _no_room(shop: Shop, size: int) -> Iterator[None]:
    """Let no file of PostgreSQL grow beyond ``size`` bytes, as on a disk that is full. Files of the log of changes are
    smaller, so that the server itself continues.
    """
    server = shop.sandbox.state["processes"]["postgres"]["pid"]
    with admin(shop) as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        sessions = [pid for (pid,) in cursor.fetchall()]
    hard = resource.prlimit(server, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server, resource.RLIMIT_FSIZE, (size, hard))  # first: later sessions inherit it
    for pid in sessions:
        with suppress(ProcessLookupError):  # it has ended
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(server, resource.RLIMIT_FSIZE, (hard, hard))


def test_the_disk_of_the_database_is_full(live: Shop) -> None:
    """Each page of the table is full, so that it has to grow for a new customer; the API logs that it could not."""
    with admin(live) as cursor:
        cursor.execute("""
            ALTER TABLE "User" SET (autovacuum_enabled = false), ALTER COLUMN name SET STORAGE PLAIN;
            INSERT INTO "User" (email, name, "passwordHash")
              SELECT n || '@full.example', repeat('x', 8000), '' FROM generate_series(1, 2300) n;
            DO $$ DECLARE before bigint := pg_relation_size('"User"'); number int := 0; BEGIN
              WHILE pg_relation_size('"User"') = before LOOP
                INSERT INTO "User" (email, name, "passwordHash") VALUES (number, '', '');
                number := number + 1;
              END LOOP;
              INSERT INTO "User" (email, name, "passwordHash") VALUES ('last', repeat('x', 7990), '');
            END $$;
            SELECT pg_relation_size('"User"')
        """)
        (size,) = cursor.fetchone()
    assert size > 16 * 1024 * 1024, "a file of the log of changes has 16 MB"

    with _no_room(live, size):
        assert wait_until(partial(_fails, live), 30)
        assert wait_until(lambda: first(live)["id"] == "database_full", 30)
        found = first(live)
    assert (found["section"], "could not extend file" in found["evidence"]) == ("T3", True), found
    back_to(live.sandbox, "released")
    for log in (Path(live.sandbox.state["root"]) / "cloud/units").glob("*.log"):
        os.truncate(log, 0)  # else what follows finds the disk full, too
    assert "database_full" not in {one["id"] for one in desk.diagnosis(live)}


def _fails(shop: Shop) -> bool:
    """Whether a customer cannot buy."""
    try:
        customer.buy(shop.at)
    except RuntimeError as error:
        return "answered 500" in str(error)
    return False


def _waits(shop: Shop) -> bool:
    with admin(shop) as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


def test_redis_is_down_full_or_evicts(live: Shop, tmp_path: Path) -> None:
    assert first(live, redis={"url": "redis://:hidden-password@127.0.0.1:1/0"})["id"] == "redis_down"
    with redis_server(tmp_path, "maxmemory 3mb", "maxmemory-policy noeviction") as port:
        there = {"redis": {"url": f"redis://127.0.0.1:{port}/0"}}
        with redis.Redis("127.0.0.1", port) as client:
            with pytest.raises(redis.OutOfMemoryError):
                for number in range(10_000):
                    client.set(f"key:{number}", "x" * 10_000)
            assert first(live, **there)["id"] == "redis_full"
            client.config_set("maxmemory-policy", "allkeys-lru")
            with beside(partial(_write, port)):
                assert first(live, **there)["id"] == "redis_evicting"


def _write(port: int, stop: threading.Event) -> None:
    with redis.Redis("127.0.0.1", port) as client:
        number = 0
        while not stop.wait(0.005):
            number += 1
            client.set(f"other:{number}", "x" * 10_000)


@pytest.fixture
def repository(live: Shop, tmp_path: Path) -> Iterator[Path]:
    """A clone of the shop's repository, in which releases may be tagged."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", live.sandbox.state["shop"]["repository"], clone], check=True)
    yield clone
    shutil.rmtree(clone)


def _failed(shop: Shop, name: str, logs: str, sql: str = "") -> None:
    """Record that a migration, whose file is ``sql``, began and failed."""
    row = 'INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at, applied_steps_count, logs)'
    with admin(shop) as cursor:
        cursor.execute(
            f"{row} VALUES (gen_random_uuid()::text, %s, %s, now(), 0, %s)",
            [hashlib.sha256(sql.encode()).hexdigest(), name, logs],
        )


def _next_release(repository: Path, tag: str, migration: str, sql: str) -> None:
    """Tag a release with one more migration."""
    folder = repository / "apps/backend/prisma/migrations" / migration
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text(sql)
    git = ["git", "-C", str(repository), "-c", "user.name=shop", "-c", "user.email=shop@shop.example"]
    for words in (["add", "."], ["commit", "-qm", migration], ["tag", tag]):
        subprocess.run([*git, *words], check=True)


def test_a_migration_failed_half_or_not_at_all(live: Shop, repository: Path) -> None:
    back_to(live.sandbox, "released")
    name, sql = NOT_AT_ALL, 'CREATE TABLE "Note" ("id" TEXT PRIMARY KEY);\n'
    _next_release(repository, "v9.0.0", name, sql)
    _failed(live, name, "ERROR: canceling statement due to lock timeout", sql)
    found = first(live, path=str(repository))
    assert (found["id"], found["section"], found["target"]) == ("migration_failed", "T2", name)
    assert found["resolve"] == "rolled-back"
    resolved = live.play("diagnose.yml", remedy="resolve", source_path=str(repository))
    assert resolved.rc == 0, resolved.stdout
    assert "T2" not in [one["section"] for one in desk.diagnosis(live)]
    again = live.play("diagnose.yml", remedy="resolve")
    assert again.rc == 2
    assert "none failed" in again.text
    back_to(live.sandbox, "released")
    half = "20260601090000_half"
    _next_release(repository, "v9.1.0", half, 'CREATE INDEX CONCURRENTLY "half" ON "Order" ("id");\nSELECT 1;\n')
    _failed(live, half, "ERROR: deadlock detected")  # of another file than the one that is here
    found = first(live, path=str(repository))
    assert (found["id"], found["target"]) == ("migration_half_applied", half)
    live.forget_requests()
    refused = live.play("diagnose.yml", remedy="resolve", source_path=str(repository))
    assert refused.rc == 2
    assert "Nothing was changed." in refused.text
    assert first(live, path=str(repository))["id"] == "migration_half_applied"
    back_to(live.sandbox, "released")


def test_a_variable_is_missing(live: Shop) -> None:
    api = live.at["railway"]["services"]["api"]
    place = {"projectId": live.at["railway"]["project"], "environmentId": live.at["railway"]["environment"]}
    document = (
        "query($p: String!, $e: String!, $s: String!) { variables(projectId: $p, environmentId: $e, serviceId: $s) }"
    )
    given = desk.railway(live, document, p=place["projectId"], e=place["environmentId"], s=api)["variables"]
    kept = {name: value for name, value in given.items() if name != "JWT_SECRET" and not name.startswith("RAILWAY_")}
    change = "mutation($i: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $i) }"
    desk.railway(live, change, i={**place, "serviceId": api, "variables": kept, "replace": True, "skipDeploys": True})
    found = first(live)
    assert (found["id"], found["target"]) == ("variable_missing", "api")
    assert "JWT_SECRET" in found["what"]
    back_to(live.sandbox, "released")


def test_an_index_was_dropped(live: Shop) -> None:
    with admin(live) as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE 'CREATE INDEX%' LIMIT 1"
        )
        (name,) = cursor.fetchone()
        cursor.execute(f'DROP INDEX "{name}"')
    found = first(live)
    assert (found["id"], found["target"]) == ("index_missing", name)
    assert "CREATE INDEX CONCURRENTLY" in found["advice"]
    back_to(live.sandbox, "released")


def test_rows_are_asked_for_one_by_one(live: Shop) -> None:
    with admin(live) as cursor:
        cursor.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'")
        if not cursor.fetchone()[0]:
            pytest.skip("this PostgreSQL has no pg_stat_statements")
        cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    with beside(partial(_loop, live.at["database_url"].partition("?")[0])):
        found = first(live)
    assert (found["id"], found["section"]) == ("n_plus_one", "T6"), found
    back_to(live.sandbox, "released")


def _loop(address: str, stop: threading.Event) -> None:
    """Do what a shop does that loads the reviews of each product alone."""
    with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
        while not stop.wait(0.001):
            cursor.execute('SELECT id FROM "Product" ORDER BY id LIMIT 20')
            for number in range(20):
                cursor.execute('SELECT * FROM "Review" WHERE "productId" = %s', [str(number)])


def test_the_edge_shows_an_old_page_until_exactly_that_is_purged(live: Shop) -> None:
    listed = desk.vercel(live, "GET", "/v7/deployments")["deployments"]
    old = next(one["uid"] for one in listed if one["meta"].get("release") == "v1.0.0")
    for path in ("/", "/products"):
        for _twice in range(2):
            requests.get(live.at["frontend_url"] + path, timeout=10)
    desk.vercel(live, "POST", "/v1/projects/{project}/rollback/" + old)
    assert wait_until(lambda: "edge_old_page" in [one["id"] for one in desk.diagnosis(live)], 60)
    found = first(live)
    assert (found["id"], found["remedy"]) == ("edge_old_page", "purge_stale")
    played = live.play("diagnose.yml", remedy="purge_stale")
    assert played.rc == 0, played.stdout
    assert "edge_old_page" not in [one["id"] for one in desk.diagnosis(live)]
    back_to(live.sandbox, "released")


def test_a_stopped_unit_is_started_and_a_bad_release_is_rolled_back(live: Shop) -> None:
    desk.stop_worker(live)
    found = first(live)
    assert (found["id"], found["target"], found["remedy"]) == ("unit_stopped", "worker", "restart")
    played = live.play("diagnose.yml", remedy="restart", unit="worker")
    assert played.rc == 0, played.stdout
    assert desk.status(live)["drift"] == [], "what our own remedy did"
    assert "unit_stopped" not in [one["id"] for one in desk.diagnosis(live)]
    played = live.play("diagnose.yml", "-e remedy=rollback")
    assert played.rc == 0, played.stdout
    assert live.live() == {"frontend": "v1.0.0", "backend": "v1.0.0"}
    back_to(live.sandbox, "released")


def _sentry(shop: Shop, minutes: int, sessions: dict[str, Any]) -> dict[str, Any]:
    """Let Sentry have an issue that is new so many minutes after the release, and return how it is asked."""
    state, at = shop.sandbox.state, shop.at["sentry"]
    live = desk.status(shop)["surfaces"]["frontend"]["live"]["created_at"]
    first_seen = (datetime.fromisoformat(live) + timedelta(minutes=minutes)).isoformat()
    issue = {"title": "TypeError: null", "count": 214, "first_seen": first_seen, "environment": "production"}
    shop.sandbox.cloud("PUT", f"/storefronts/{shop.name}/sentry", {"issues": [issue], "sessions": sessions})
    where = {"organization": at["organization"], "environment": "production"}
    return {"sentry": {**where, "api_token": state["tokens"]["sentry"], "api_url": state["cloud"]["sentry_url"]}}


def test_errors_begin_with_the_release_or_later(live: Shop) -> None:
    good, bad = {"healthy": 900, "errored": 4}, {"healthy": 300, "errored": 90, "crashed": 10}
    began = first(live, **_sentry(live, 1, {"v1.0.0": good, "v1.1.0": bad}))
    assert (began["id"], began["remedy"], began["certainty"]) == ("errors_with_release", "rollback", "sure")
    assert "TypeError: null" in began["evidence"]
    later = first(live, **_sentry(live, 90, {"v1.0.0": good, "v1.1.0": good}))
    assert (later["id"], later["section"]) == ("errors_without_release", "T5")
    assert "would not help" in later["advice"]
    back_to(live.sandbox, "released")


def paste(shop: Shop, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that a page printed as somebody does who has copied it."""
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "SANDBOX_NAME": shop.sandbox.name,
    }
    return subprocess.run(
        ["bash", "-c", command],
        env=environment,
        cwd=shop.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def printed(shop: Shop) -> list[str]:
    """The commands of the diagnosis, as the playbook prints them on the screen."""
    screen = re.sub(r" \\\n +", " ", shop.play("diagnose.yml", fail_on="never").stdout)
    return re.findall(r"ansible-playbook .*", screen)


def test_a_printed_command_runs_when_it_is_copied_and_pasted(live: Shop) -> None:
    with admin(live) as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE 'CREATE INDEX%' LIMIT 1"
        )
        cursor.execute(f'DROP INDEX "{cursor.fetchone()[0]}"')
    desk.stop_worker(live)
    commands = printed(live)
    assert len(commands) >= 3, commands
    assert any("remedy=restart -e unit=worker" in command for command in commands), commands
    for command in commands:
        done = paste(live, command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert "unit_stopped" not in [one["id"] for one in desk.diagnosis(live)]
    back_to(live.sandbox, "released")


def test_it_works_when_half_of_the_systems_are_down(live: Shop) -> None:
    played = live.play(
        "diagnose.yml",
        output="json",
        store_endpoint_url=NOWHERE,
        edge_api_url=NOWHERE,
        database_url="postgresql://shop:hidden-password@127.0.0.1:1/shop",
    )
    assert played.rc == 2
    assert '"id": "database_down"' in played.stdout
    assert "hidden-password" not in played.stdout
