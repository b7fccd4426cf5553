# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long and how much is read of a bucket, from a service that gives neither an end."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, LeaseLost, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.store import s3_limits
from ansible_collections.storefront.runbook.plugins.module_utils.store.base import unguarded
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore
from ansible_collections.storefront.runbook.plugins.module_utils.store.s3 import S3Store

from tests.unit import rude_server

LONG = 8.0
SLOW = {
    behave.__name__: behave
    for behave in (rude_server.silence, rude_server.slow_body, rude_server.slow_headers, rude_server.slow_chunks)
}


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ATTEMPT": 0.3, "STALL": 0.4, "SMALL": 1 << 20, "ANSWER": 1 << 20}.items():
        monkeypatch.setattr(s3_limits, name, value)
    # the servers' own time continues
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


OPENED: list[S3Store] = []


def bucket(address: str) -> S3Store:
    OPENED.append(
        S3Store(
            "bucket",
            "shop",
            endpoint_url=address,
            access_key="a",
            secret_key="b",
            region="us-east-1",
            before_write=unguarded,
        )
    )
    return OPENED[-1]


WORK: dict[str, Callable[[Any], Any]] = {
    "get": lambda store: store.get("lease.json"),
    "put": lambda store: store.put_if_absent("lease.json", b"{}"),
    "list": lambda store: store.list(),
    "delete": lambda store: store.delete("lease.json"),
}


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("work", WORK)
def test_no_small_read_or_write_lasts_longer_than_its_time(work: str, name: str) -> None:
    began = time.monotonic()
    with rude_server.rude_server(SLOW[name]) as address, pytest.raises(Unreachable):
        WORK[work](bucket(address))
    assert time.monotonic() - began < LONG


@pytest.mark.parametrize("work", WORK)
def test_no_answer_is_read_without_an_end(work: str) -> None:
    with (
        rude_server.rude_server(etagged(rude_server.flood)) as address,
        pytest.raises(ApiError, match="is larger than 1 MiB") as caught,
    ):
        WORK[work](bucket(address))
    assert caught.value.code == "malformed_body"


def etagged(behave: rude_server.Behaviour) -> rude_server.Behaviour:
    """Send an ETag before what ``behave`` does."""

    def flood(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "1"\r\n\r\n')
        while True:
            connection.sendall(b"x" * 65536)

    return flood if behave is rude_server.flood else behave


def test_a_backup_that_stalls_is_given_up_and_says_so() -> None:
    def stalls(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\nETag: "1"\r\n\r\n')
        connection.recv(1)

    with (
        rude_server.rude_server(stalls) as address,
        pytest.raises(Unreachable, match="too slow: nothing arrived within"),
    ):
        list(bucket(address).read("dump"))


def test_a_backup_that_trickles_is_given_up_and_says_how_much_came() -> None:
    with (
        rude_server.rude_server(rude_server.slow_body) as address,
        pytest.raises(Unreachable, match=r"too slow: only \d+ bytes arrived within"),
    ):
        list(bucket(address).read("dump"))


def test_a_backup_that_is_slow_but_moves_is_read_to_its_end_and_renews_the_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(s3_limits, "CHUNK", 4096)
    monkeypatch.setattr(s3_limits, "STEP", 4096)

    def moves(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 40960\r\nETag: "1"\r\n\r\n')
        for _unused in range(10):
            connection.sendall(b"x" * 4096)
            time.sleep(0.05)

    with rude_server.rude_server(moves) as address:
        assert sum(map(len, bucket(address).read("dump"))) == 40960


def test_a_lease_that_is_lost_ends_the_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.storefront.runbook.plugins.module_utils.core.deadline.TICK_EVERY", 0.05)

    def lost() -> None:
        raise LeaseLost("taken over")

    with rude_server.rude_server(rude_server.slow_body) as address, pytest.raises(LeaseLost):
        list(bucket(address).read("dump", lost))


def test_an_upload_that_the_service_does_not_take_is_given_up() -> None:
    began = time.monotonic()
    with rude_server.rude_server(rude_server.silence) as address, pytest.raises(Unreachable):
        bucket(address).put_if_absent("part", bytes(1 << 20))
    assert time.monotonic() - began < LONG


def test_an_object_of_a_folder_that_is_too_large_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.storefront.runbook.plugins.module_utils.store import folder as store_folder

    monkeypatch.setattr(store_folder, "SMALL", 10)
    store = FolderStore(str(tmp_path), before_write=unguarded)
    store.put_if_absent("lease.json", b"x" * 11)
    with pytest.raises(ApiError, match=r"lease\.json in .* is larger than"):
        store.get("lease.json")
