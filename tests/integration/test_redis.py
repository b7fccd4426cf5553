# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""redis_info and redis_flush against real servers: alone, behind TLS, with users, with Sentinel, and a cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from ansible_collections.storefront.runbook.plugins.modules import redis_flush, redis_info

from sandbox.beside import beside
from sandbox.process import wait_until
from tests.integration.redis_server import behind_tls, server
from tests.unit.rude_server import rude_server, silence
from tests.unit.support import run_module
from tests.unit.tls_server import Authority

PASSWORD = "a-Password/with#signs"
ENCODED = "a-Password%2Fwith%23signs"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with server(tmp_path_factory.mktemp("redis"), f"requirepass {PASSWORD}", "maxmemory-policy allkeys-lru") as port:
        yield port


@pytest.fixture
def shop(port: int) -> Iterator[redis.Redis]:
    """The database with 1,500 products, 20 sessions and a cart that is big."""
    with redis.Redis("127.0.0.1", port, password=PASSWORD) as client:
        client.flushall()
        client.mset({f"product:v1.0.0:{number}": "{}" for number in range(1500)})
        client.mset({f"session:{number}": "{}" for number in range(20)})
        client.rpush("cart:1", *["a long item" * 50] * 100)
        client.expire("cart:1", 3600)
        yield client


def url(port: int, login: str = f":{ENCODED}@", scheme: str = "redis") -> str:
    return f"{scheme}://{login}127.0.0.1:{port}/0"


def info(address: str, **options: Any) -> dict[str, Any]:
    return run_module(redis_info, {"url": address, "interval": 0, **options})


def flush(address: str, pattern: str, check: bool = False, **options: Any) -> dict[str, Any]:
    return run_module(redis_flush, {"url": address, "pattern": pattern, **options}, check=check)


def test_a_server_says_how_it_is(port: int, shop: redis.Redis) -> None:
    found = info(url(port), patterns=["product:*", "nothing:*"], biggest=2)
    assert not found["failed"], found
    assert (found["mode"], found["role"], found["changed"]) == ("standalone", "master", False)
    assert found["ping_ms"] > 0
    assert found["keys"] == {"db0": {"keys": 1521, "expires": 1}}
    assert found["memory"]["policy"] == "allkeys-lru"
    assert found["memory"]["share"] is None
    assert found["patterns"]["product:*"]["count"] == 1500
    assert found["patterns"]["product:*"]["complete"]
    assert len(found["patterns"]["product:*"]["sample"]) == 10
    assert found["patterns"]["nothing:*"]["count"] == 0
    first = found["biggest"][0]
    assert (first["key"], first["type"]) == ("cart:1", "list")
    assert first["bytes"] > 10_000
    assert 3500 < first["ttl"] <= 3600
    assert len(found["biggest"]) == 2
    assert found["unavailable"] == {}


def test_statistics_are_what_was_counted_meanwhile(port: int, shop: redis.Redis) -> None:
    def customers(stop: threading.Event) -> None:
        while not stop.wait(0.001):
            shop.get("session:1")
            shop.get("missing")

    with beside(customers):
        found = info(url(port), interval=0.5)
    assert found["stats"]["since"] == "interval"
    assert found["stats"]["seconds"] == 0.5
    assert found["stats"]["hit_rate"] == pytest.approx(0.5, abs=0.1)
    assert found["stats"]["evicted"] == 0


def test_a_scan_stops_at_its_limit_and_says_so(port: int, shop: redis.Redis) -> None:
    found = info(url(port), patterns=["*"], scan_limit=500)["patterns"]["*"]
    assert not found["complete"]
    assert found["count"] < 1521


def test_only_the_keys_of_the_pattern_are_removed(port: int, shop: redis.Redis) -> None:
    checked = flush(url(port), "product:*", check=True)
    assert (checked["changed"], checked["count"], shop.dbsize()) == (True, 1500, 1521)
    done = flush(url(port), "product:*")
    assert (done["changed"], done["count"], done["complete"], shop.dbsize()) == (True, 1500, True, 21)
    again = flush(url(port), "product:*")
    assert (again["changed"], again["count"]) == (False, 0)


@pytest.mark.parametrize("pattern", ["*", "", "**", "?*", "[a-z]*", "[^x]*", "*:*", "a*", "??:*", "[ab", "_*"])
def test_a_pattern_without_a_literal_is_refused(port: int, shop: redis.Redis, pattern: str) -> None:
    for check in (True, False):
        refused = flush(url(port), pattern, check=check)
        assert refused["failed"]
        assert refused["error"]["code"] == "no_literal"
    assert shop.dbsize() == 1521


def test_an_escaped_wildcard_is_a_literal(port: int, shop: redis.Redis) -> None:
    shop.set("**", "1")
    shop.set("*ab", "1")
    assert flush(url(port), r"\*ab")["count"] == 1
    assert shop.exists("**")


def test_a_key_may_be_any_bytes(port: int, shop: redis.Redis) -> None:
    shop.set(b"odd:\xff\xfe", "1")
    assert info(url(port), patterns=["odd:*"])["patterns"]["odd:*"]["sample"] == ["odd:\\xff\\xfe"]
    assert flush(url(port), "odd:*")["count"] == 1


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("redis://127.0.0.1:{port}/0", "NOAUTH", "asks for a password"),
        ("redis://:wrong-password@127.0.0.1:{port}/0", "WRONGPASS", "refuses the password"),
        ("redis://:wrong-password@127.0.0.1:1/0", None, "the connection was refused"),
        ("http://127.0.0.1:{port}/0", "bad_url", "begins with http"),
        ("redis://:wrong-password@127.0.0.1:{port}/shop", "bad_url", "not the number of a database"),
        ("redis://:wrong-password@127.0.0.1:none/0", "bad_url", "cannot be read"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(port: int, address: str, code: str | None, words: str) -> None:
    found = info(address.format(port=port))
    assert found["failed"]
    assert found["error"].get("code") == code, found
    assert words in found["msg"]
    assert "wrong-password" not in str(found)


def test_a_user_without_info_gets_the_rest(port: int, shop: redis.Redis) -> None:
    shop.execute_command("ACL", "SETUSER", "reader", "on", ">reader-password", "~*", "+@all", "-@dangerous")
    found = info(url(port, "reader:reader-password@"), patterns=["session:*"])
    assert not found["failed"], found
    assert found["stats"] is None
    assert "ACL SETUSER" in found["unavailable"]["stats"]
    assert found["patterns"]["session:*"]["count"] == 20
    shop.execute_command("ACL", "SETUSER", "reader", "resetkeys", "-@all", "+ping")
    found = info(url(port, "reader:reader-password@"), patterns=["session:*"])
    assert not found["failed"], found
    assert "keys by pattern" in found["unavailable"]
    refused = flush(url(port, "reader:reader-password@"), "session:*")
    assert (refused["failed"], refused["error"]["code"]) == (True, "NOPERM")


def test_a_server_that_is_full_says_so(port: int, shop: redis.Redis) -> None:
    shop.config_set("maxmemory", shop.info("memory")["used_memory"] + 100_000)
    try:
        found = info(url(port))
        assert 0.5 < found["memory"]["share"] <= 1
    finally:
        shop.config_set("maxmemory", 0)


def test_tls_is_verified(port: int, shop: redis.Redis, tmp_path: Path) -> None:
    authority = Authority.made(tmp_path)
    with behind_tls(port, authority.issue("127.0.0.1")) as secure:
        refused = info(url(secure, scheme="rediss"))
        assert refused["failed"]
        assert "ca_file" in refused["msg"]
        assert info(url(secure, scheme="rediss"), ca_file=str(authority.file))["role"] == "master"


def test_sentinels_name_the_master(port: int, shop: redis.Redis, tmp_path: Path) -> None:
    settings = (f"sentinel monitor shop 127.0.0.1 {port} 1", f"sentinel auth-pass shop {PASSWORD}")
    with server(tmp_path, *settings, sentinel=True) as sentinel:
        address = f"redis://:{ENCODED}@nowhere.invalid:6379/0"
        there: dict[str, Any] = {"sentinels": [f"127.0.0.1:{sentinel}"], "sentinel_service": "shop"}
        assert info(address, **there)["mode"] == "sentinel"
        assert flush(address, "session:*", **there)["count"] == 20
        with rude_server(silence) as silent:
            hung = silent.removeprefix("http://")
            found = info(address, sentinels=[hung, f"127.0.0.1:{sentinel}"], sentinel_service="shop", timeout=9)
            assert found["mode"] == "sentinel", "a Sentinel that never answers leaves the next one its time"
            assert info(address, sentinels=[hung] * 3, sentinel_service="shop", timeout=0.5)["failed"]
        stranger = info(address, sentinels=[f"127.0.0.1:{sentinel}"], sentinel_service="other")
        assert stranger["failed"]
        assert "sentinel_service" in stranger["msg"]
        itself = info(f"redis://127.0.0.1:{sentinel}/0")
        assert (itself["failed"], itself["error"]["code"]) == (True, "is_sentinel")


def test_a_cluster_is_read_and_emptied_as_a_whole(tmp_path: Path) -> None:
    with ExitStack() as stack:
        ports = [stack.enter_context(server(tmp_path, cluster=True)) for _node in range(2)]
        _join(ports)
        with redis.RedisCluster("127.0.0.1", ports[0]) as client:
            for number in range(50):
                client.set(f"product:{number}", "{}")
        found = info(f"redis://127.0.0.1:{ports[1]}/0", patterns=["product:*"], biggest=3)
        assert not found["failed"], found
        assert (found["mode"], found["patterns"]["product:*"]["count"], len(found["biggest"])) == ("cluster", 50, 3)
        assert flush(f"redis://127.0.0.1:{ports[1]}/0", "product:*")["count"] == 50


def _join(ports: list[int]) -> None:
    nodes = [redis.Redis("127.0.0.1", port) for port in ports]
    for node, slots in zip(nodes, (range(8192), range(8192, 16384)), strict=True):
        node.execute_command("CLUSTER", "ADDSLOTS", *slots)
    nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", ports[1])
    ready = [node.execute_command for node in nodes]
    assert wait_until(lambda: all(b"cluster_state:ok" in ask("CLUSTER", "INFO") for ask in ready), 30)
    for node in nodes:
        node.close()
