# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long and how much the client reads, against servers that give neither an end."""

from __future__ import annotations

import queue
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from ansible_collections.storefront.runbook.plugins.module_utils.core import deadline, transport
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, LeaseLost, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.site.checks import Check
from ansible_collections.storefront.runbook.plugins.module_utils.site.probe import Prober

from tests.unit import rude_server
from tests.unit.support import Clock

BRIEF = 0.3  # seconds of an attempt
LONG = 5.0  # seconds that nothing here takes, on a busy machine either
MORE = 64 << 20  # bytes of memory that nothing here takes: a bomb and a flood have a GiB
SLOW = {
    behave.__name__: behave
    for behave in (
        rude_server.silence,
        rude_server.slow_body,
        rude_server.slow_headers,
        rude_server.slow_chunks,
        rude_server.continues,
    )
}
LARGE: dict[str, rude_server.Behaviour] = {
    "flood": rude_server.flood,
    "gzip": rude_server.bomb("gzip"),
    "deflate": rude_server.bomb("deflate"),
}


def client_of(address: str, **options: Any) -> ApiClient:
    return ApiClient("Acme", address, headers={}, **{"timeout": BRIEF, **options})


def took(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_attempt_ends_with_its_time_whatever_drips(name: str, method: str) -> None:
    with (
        rude_server.rude_server(SLOW[name]) as address,
        pytest.raises(Unreachable, match=r"timed out, with no complete answer within 0\.3 s"),
    ):
        assert took(lambda: client_of(address, deadline=BRIEF).request(method, "/", json={})) < LONG


def test_an_attempt_ends_with_its_time_when_the_vendor_reads_byte_by_byte() -> None:
    with rude_server.rude_server(rude_server.slow_reader) as address, pytest.raises(Unreachable, match="timed out"):
        client_of(address).request("POST", "/", data=bytes(20 << 20))


def test_a_handshake_that_does_not_end_is_given_up() -> None:
    with rude_server.rude_server(rude_server.silence) as address, pytest.raises(Unreachable):
        assert took(lambda: client_of(address.replace("http:", "https:"), deadline=BRIEF).request("GET", "/")) < LONG


def test_a_name_that_is_never_resolved_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: over.wait(30) and [])
    with pytest.raises(Unreachable, match="no connection"):
        client_of("http://shop.example", deadline=BRIEF).request("POST", "/")
    over.set()


def test_of_several_addresses_one_that_is_dead_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with rude_server.rude_server(rude_server.answer(b"{}")) as address:
        port = int(address.rpartition(":")[2])
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.2", "127.0.0.1")]
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *rest, **more: found if host == "shop.example" else real(host, *rest, **more),
        )
        assert client_of(f"http://shop.example:{port}", timeout=LONG).json("GET", "/", shape={}) == {}


def test_all_attempts_together_end_within_six_times_the_timeout(clock: Clock) -> None:
    assert client_of("http://127.0.0.1:1", timeout=5).deadline == 30
    assert client_of("http://127.0.0.1:1", timeout=60).deadline == 180
    with rude_server.rude_server(rude_server.slow_body) as address, pytest.raises(Unreachable):
        assert took(lambda: client_of(address, timeout=0.1).request("GET", "/")) < LONG


@pytest.mark.parametrize("name", LARGE)
def test_no_answer_is_read_without_an_end(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with (
        rude_server.rude_server(LARGE[name]) as address,
        pytest.raises(ApiError, match="larger than any of its API") as caught,
    ):
        client_of(address, timeout=60).json("GET", "/", shape=object)
    assert caught.value.code == "malformed_body"
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MORE


@pytest.mark.parametrize("headers", [b"Content-Encoding: gzip\r\n", b"Content-Encoding: gzip, gzip\r\n"])
def test_a_body_that_is_not_compressed_as_it_says_is_an_error(headers: bytes) -> None:
    with (
        rude_server.rude_server(rude_server.answer(b"{}", headers)) as address,
        pytest.raises(ApiError, match="not compressed as it says"),
    ):
        client_of(address, timeout=LONG).json("GET", "/", shape=object)


def test_a_connection_serves_one_request_after_the_other() -> None:
    connections: list[socket.socket] = []

    def behave(connection: socket.socket) -> None:
        connections.append(connection)
        rude_server.answer(b'{"fine": true}')(connection)

    with rude_server.rude_server(behave) as address:
        client = client_of(address, timeout=LONG)
        assert [client.json("GET", "/", shape={"fine": bool}) for _unused in range(3)] == [{"fine": True}] * 3
    assert len(connections) == 1


def test_the_lease_is_renewed_while_an_answer_drips_and_its_loss_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "TICK_EVERY", 0.05)
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            raise LeaseLost("taken over")

    with rude_server.rude_server(rude_server.slow_body) as address, pytest.raises(LeaseLost):
        client_of(address, timeout=60, tick=tick).request("GET", "/")
    assert len(ticks) == 3


def test_a_connection_that_comes_too_late_for_its_exchange_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "TICK_EVERY", 0.0)  # the first tick comes when the connection stands
    received: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def behave(connection: socket.socket) -> None:
        received.put(connection.recv(65536))

    def tick() -> None:
        raise LeaseLost("taken over")

    with rude_server.rude_server(behave) as address:
        with pytest.raises(LeaseLost) as caught:
            client_of(address, timeout=LONG, tick=tick).request("GET", "/")
        assert received.get(timeout=LONG) == b"", "the server sees the end of the connection"
    assert caught.traceback, "whose frames hold the socket"


def test_a_log_that_never_ends_is_left_with_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(rude_server.OK + b"\r\none\ntwo\n")
        rude_server.drip(connection, b"x" * 100_000)

    with rude_server.rude_server(behave) as address:
        assert client_of(address).lines("/", seconds=0.4)[:2] == ["one", "two"]


@pytest.mark.parametrize("name", [*SLOW, "flood", "gzip"])
def test_a_probe_ends_with_its_time_and_reads_no_more_than_a_page(name: str) -> None:
    prober = Prober(Waiter(timeout=0, interval=0.01), timeout=1.0 if name in LARGE else BRIEF)
    with rude_server.rude_server({**SLOW, **LARGE}[name]) as address:
        (result,) = prober.run([Check("site", address)])
    assert result.outcome in ("unreachable", "unhealthy")
    assert "within" in result.reasons[0] if name in SLOW else "larger than a probe reads" in result.reasons[0]


def test_of_a_redirect_no_body_is_read() -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with rude_server.rude_server(behave) as address, transport.in_time(LONG), transport.make_session({}) as session:
        session.max_redirects = 3
        with pytest.raises(requests.TooManyRedirects):
            session.get(address, stream=True)


def test_over_tls_an_answer_that_drips_ends_as_well(tmp_path: Any) -> None:
    certificate = own_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            rude_server.slow_body(wrapped)

    with rude_server.rude_server(behave) as address:
        client = client_of(address.replace("http://127.0.0.1", "https://localhost"), deadline=1.0, timeout=1.0)
        client._session.verify, client._session.trust_env = str(certificate), False
        with pytest.raises(Unreachable, match="timed out, with no complete answer"):
            client.request("GET", "/")


def own_certificate(folder: Any) -> Any:
    """Make a certificate of localhost by the openssl of the machine."""
    import subprocess

    path = folder / "localhost.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-keyout",
        str(path),
        "-out",
        str(folder / "cert.pem"),
        *names,
    ]
    subprocess.run(made, check=True, capture_output=True)
    path.write_text(path.read_text() + (folder / "cert.pem").read_text())
    return path
