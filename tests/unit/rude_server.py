# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on 127.0.0.1 that treats its clients badly: it drips, floods, stalls, or sends a bomb."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator

Behaviour = Callable[[socket.socket], None]
DRIP = 0.02  # seconds between two bytes
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def rude_server(behave: Behaviour) -> Iterator[str]:
    """Serve each connection in a thread of its own with ``behave``; give the server's address."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            behave(connection)

    def accept() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    over.set()
    with contextlib.suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    accepting.join(5)


def drip(connection: socket.socket, data: bytes) -> None:
    for number in range(len(data)):
        connection.sendall(data[number : number + 1])
        time.sleep(DRIP)


def silence(connection: socket.socket) -> None:
    connection.recv(65536)
    while connection.recv(65536):
        pass


def slow_body(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(OK + b"Content-Length: 100000\r\n\r\n")
    drip(connection, b"1" * 100_000)


def slow_headers(connection: socket.socket) -> None:
    connection.recv(65536)
    drip(connection, OK + b"X-More: yes\r\n" * 10_000)


def slow_chunks(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    drip(connection, b"1\r\n1\r\n" * 10_000)


def continues(connection: socket.socket) -> None:
    connection.recv(65536)
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)


def slow_reader(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    while connection.recv(1):
        time.sleep(DRIP)


def flood(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(OK + b"\r\n")
    while True:
        connection.sendall(b"[" * 65536)


def bomb(encoding: str) -> Behaviour:
    """A GiB of zeros that is a MiB on its way."""
    window = {"gzip": 31, "deflate": 15}[encoding]

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK + b"Content-Encoding: " + encoding.encode() + b"\r\n\r\n")
        packer, zeros = zlib.compressobj(1, zlib.DEFLATED, window), bytes(1 << 20)
        for _unused in range(1024):
            connection.sendall(packer.compress(zeros))
        connection.sendall(packer.flush())

    return behave


def answer(body: bytes, headers: bytes = b"") -> Behaviour:
    """An answer as it should be, to each request of a connection."""

    def behave(connection: socket.socket) -> None:
        while connection.recv(65536):
            connection.sendall(OK + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    return behave
