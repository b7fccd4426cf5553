# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of PostgreSQL when TLS with it fails: libpq itself speaks to a server that gets no further
than the handshake.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import RunbookError
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import connect, parse_url

from tests.unit.rude_server import rude_server
from tests.unit.tls_server import DAY, NOW, Authority, context_of


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path)


def without_tls(connection: socket.socket, _context: ssl.SSLContext) -> None:
    connection.recv(8)
    connection.sendall(b"N")
    connection.recv(8)


def closes(connection: socket.socket, _context: ssl.SSLContext) -> None:
    connection.recv(8)
    connection.sendall(b"S")
    connection.recv(65536)


def garbles(connection: socket.socket, _context: ssl.SSLContext) -> None:
    connection.recv(8)
    connection.sendall(b"S")
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection.recv(65536)


def greets(connection: socket.socket, context: ssl.SSLContext) -> None:
    connection.recv(8)
    connection.sendall(b"S")
    with context.wrap_socket(connection, server_side=True) as sock:
        sock.recv(8)


FULL = "?sslmode=verify-full&sslrootcert={root}"
Issue = Callable[[Authority], Path]
CASES: dict[str, tuple[Callable[..., None], Issue, str, str, str]] = {
    "no TLS": (without_tls, lambda a: a.issue("127.0.0.1"), "?sslmode=require", "tls", "offers no TLS"),
    "closed": (closes, lambda a: a.issue("127.0.0.1"), "?sslmode=require", "tls_closed", "try again"),
    "not TLS": (garbles, lambda a: a.issue("127.0.0.1"), "?sslmode=require", "tls", "does not speak TLS"),
    "wrong name": (greets, lambda a: a.issue("db.example"), FULL, "tls", '"db.example"'),
    "self-signed": (greets, lambda a: a.self_signed("127.0.0.1"), FULL, "tls", "sslcert"),
    "expired": (greets, lambda a: a.issue("127.0.0.1", begins=NOW - 9 * DAY, ends=NOW - DAY), FULL, "tls", "clock"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_failure_of_tls_is_distinguished(case: str, authority: Authority) -> None:
    behave, issue, query, code, word = CASES[case]
    context = context_of(issue(authority))
    with rude_server(lambda connection: behave(connection, context)) as address:
        url = (
            address.replace("http://", "postgresql://shop:hunter2-secret@")
            + "/shop"
            + query.format(root=authority.file)
        )
        with pytest.raises(RunbookError) as caught:
            connect(parse_url(url))
    assert caught.value.details["code"] == code
    assert word in str(caught.value)
    assert "hunter2-secret" not in str(caught.value)
