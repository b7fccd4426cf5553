# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a TLS connection, or of a proxy, that came to nothing: of API clients, probes and the
store alike, with real sockets.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import deadline
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.site.checks import Check
from ansible_collections.storefront.runbook.plugins.module_utils.site.probe import Prober
from ansible_collections.storefront.runbook.plugins.module_utils.store.open import open_store

from tests.unit.rude_server import answer, rude_server, silence
from tests.unit.support import Clock
from tests.unit.tls_server import DAY, NOW, Authority, context_of, proxy, tls_server

FINE = answer(b'{"ok": true}')


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def _trusted(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.file))
    for name in (
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def closes(connection: socket.socket) -> None:
    connection.recv(65536)


def resets(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def plain_http(connection: socket.socket) -> None:
    began = connection.recv(65536)
    connection.sendall(
        b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        % (b"200 OK" if began.startswith(b"HEAD") else b"400 Bad Request")
    )


def ssh(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
    connection.recv(65536)


def alert(number: int) -> Any:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(bytes([21, 3, 3, 0, 2, 2, number]))
        connection.recv(65536)

    return behave


def old_tls(file: Path) -> ssl.SSLContext:
    context = context_of(file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("PSK-AES128-CBC-SHA")  # without a shared key there is no such connection
    return context


def served(case: str, authority: Authority, held: ExitStack) -> str:
    """Start the server of a case and return its address."""
    if case in RUDE:
        return held.enter_context(rude_server(RUDE[case])).replace("http://", "https://")
    context = {
        "fine": lambda: context_of(authority.issue("127.0.0.1")),
        "wrong name": lambda: context_of(authority.issue("shop.example", "www.shop.example")),
        "expired": lambda: context_of(authority.issue("127.0.0.1", begins=NOW - 9 * DAY, ends=NOW - 2 * DAY)),
        "not yet valid": lambda: context_of(authority.issue("127.0.0.1", begins=NOW + 2 * DAY, ends=NOW + 9 * DAY)),
        "self-signed": lambda: context_of(authority.self_signed("127.0.0.1")),
        "unknown authority": lambda: context_of(Authority.made(authority.folder / "..").issue("127.0.0.1")),
        "nothing in common": lambda: old_tls(authority.issue("127.0.0.1")),
    }[case]()
    return held.enter_context(tls_server(context, FINE))


RUDE = {
    "closed": closes,
    "reset": resets,
    "plain HTTP": plain_http,
    "not TLS": ssh,
    "alert of the version": alert(70),
    "alert of the name": alert(112),
    "alert of the certificate": alert(116),
    "alert of the server": alert(80),
}
DATE = "%Y-%m-%d %H:%M UTC"
CASES = {
    "closed": ("tls_closed", ["closed before it was complete", "Try again"]),
    "reset": ("tls_closed", ["closed before it was complete"]),
    "plain HTTP": ("tls_plain_http", ["the port speaks plain HTTP"]),
    "not TLS": ("tls_none", ["does not speak TLS"]),
    "wrong name": ("tls_wrong_name", ["for shop.example, www.shop.example, not for 127.0.0.1"]),
    "expired": ("tls_expired", [f"expired on {(NOW - 2 * DAY).strftime(DATE)}", "This machine's clock says"]),
    "not yet valid": (
        "tls_not_yet_valid",
        [f"not valid before {(NOW + 2 * DAY).strftime(DATE)}", "This machine's clock says"],
    ),
    "self-signed": ("tls_unknown_authority", ["self-signed", "{bundle}"]),
    "unknown authority": ("tls_unknown_authority", ["does not trust", "{bundle}"]),
    "nothing in common": ("tls_version", ["no TLS version or cipher in common"]),
    "alert of the version": ("tls_version", ["no TLS version or cipher in common"]),
    "alert of the name": ("tls_wrong_name", ["knows no site named 127.0.0.1"]),
    "alert of the certificate": ("tls_client_certificate", ["asks for a client certificate"]),
    "alert of the server": ("tls_closed", ["tlsv1_alert_internal_error"]),
}
RETRIED = {"closed", "reset"}


def by_client(address: str, method: str = "POST", clock: Clock | None = None) -> RunbookError:
    now = clock or Clock()
    client = ApiClient(
        "Vendor",
        address,
        headers={"Authorization": "Bearer tok_4711secret"},
        timeout=5,
        deadline=3,
        sleep=now.sleep,
        clock=now,
    )
    with pytest.raises(RunbookError) as caught:
        client.request(method, "/things")
    return caught.value


@pytest.mark.parametrize("case", CASES)
def test_a_client_says_what_was_wrong_and_tries_again_only_what_may_pass(
    case: str, authority: Authority, held: ExitStack
) -> None:
    code, words = CASES[case]
    clock = Clock()
    error = by_client(served(case, authority, held), clock=clock)
    assert (error.kind, error.details["code"], error.details["retryable"]) == ("unreachable", code, case in RETRIED)
    assert bool(clock.sleeps) == (case in RETRIED)  # a POST that never left is sent again
    for word in words:
        assert word.format(bundle="REQUESTS_CA_BUNDLE") in str(error)


@pytest.mark.parametrize("case", CASES)
def test_a_probe_says_the_same(case: str, authority: Authority, held: ExitStack, clock: Clock) -> None:
    prober = Prober(Waiter(timeout=0, interval=1, sleep=clock.sleep, clock=clock))
    (result,) = prober.run([Check("Home", served(case, authority, held))])
    assert result.outcome == "unreachable"
    for word in CASES[case][1]:
        assert word.format(bundle="REQUESTS_CA_BUNDLE") in result.reasons[0]


@pytest.mark.parametrize("case", ["closed", "plain HTTP", "wrong name", "expired", "self-signed"])
def test_the_store_says_the_same(
    case: str, authority: Authority, held: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    keys = {"store_access_key": "a" * 20, "store_secret_key": "s" * 40, "store_region": "eu-west-1"}
    store = open_store({"store": "s3://bucket/shop", "store_endpoint_url": served(case, authority, held), **keys})
    with pytest.raises(RunbookError) as caught:
        store.get("lease.json")
    assert caught.value.details["code"] == CASES[case][0]
    for word in CASES[case][1]:
        assert word.format(bundle="AWS_CA_BUNDLE") in str(caught.value)


def test_a_handshake_without_end_is_reported_by_its_name(held: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "CONNECTING", 0.2)
    address = held.enter_context(rude_server(silence)).replace("http://", "https://")
    error = by_client(address)
    assert (error.details["code"], error.details["retryable"]) == ("tls_timeout", True)


def test_a_good_server_answers(authority: Authority, held: ExitStack) -> None:
    client = ApiClient("Vendor", served("fine", authority, held), headers={})
    assert client.json("GET", "/", shape={"ok": bool}) == {"ok": True}


def test_a_connection_that_breaks_after_the_handshake_is_no_trouble_of_tls(
    authority: Authority, held: ExitStack
) -> None:
    asked = threading.Event()

    def breaks(connection: socket.socket) -> None:
        connection.recv(65536)
        asked.set()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    address = held.enter_context(tls_server(context_of(authority.issue("127.0.0.1")), breaks))
    clock = Clock()
    error = by_client(address, clock=clock)
    assert asked.is_set()
    assert (error.details["code"], clock.sleeps) == ("connection", [])  # the POST may have been done


PROXIES = {
    b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n": (
        "proxy_login",
        ["asks for a user and a password (407)", "HTTPS_PROXY"],
        False,
    ),
    b"HTTP/1.1 403 Forbidden\r\n\r\n": ("proxy_refused", ["does not allow api.test:443 (403)", "NO_PROXY"], False),
    b"HTTP/1.1 503 Service Unavailable\r\n\r\n": ("proxy_failed", ["could not connect to api.test:443 (503)"], True),
}


@pytest.mark.parametrize("said", PROXIES)
def test_a_proxy_that_refuses_is_distinguished(said: bytes, held: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "HTTPS_PROXY", held.enter_context(rude_server(proxy(said))).replace("http://", "http://user:s3cret-word@")
    )
    code, words, retried = PROXIES[said]
    error = by_client("https://api.test")
    assert (error.details["code"], error.details["retryable"]) == (code, retried)
    for word in words:
        assert word in str(error)
    assert "s3cret-word" not in str(error)


@pytest.mark.parametrize(("scheme", "behave"), [("https", plain_http), ("https", closes)])
def test_the_tls_of_a_proxy_itself_is_distinguished(
    scheme: str, behave: Any, held: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", held.enter_context(rude_server(behave)).replace("http://", f"{scheme}://"))
    error = by_client("https://api.test")
    assert error.details["code"] == "proxy_tls"
    assert "HTTPS_PROXY" in str(error)


def test_the_tls_behind_a_proxy_is_the_servers(
    authority: Authority, held: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(authority.issue("shop.example"))

    def through(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as sock:
            sock.recv(65536)

    monkeypatch.setenv("HTTPS_PROXY", held.enter_context(rude_server(through)))
    error = by_client("https://api.test")
    assert error.details["code"] == "tls_wrong_name"
    assert "not for api.test" in str(error)
