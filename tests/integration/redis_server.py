# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis servers for a test, each with the settings that it is given, and TLS in front of one."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sandbox import tools
from sandbox.cloud.server import free_port
from sandbox.process import wait_until


@contextmanager
def server(folder: Path, *settings: str, sentinel: bool = False, cluster: bool = False) -> Iterator[int]:
    """Run a server and give its port. A node of a cluster listens 10,000 ports above as well."""
    port = free_port() - (10_000 if cluster else 0)  # the higher of a node's two ports is the one that is reserved
    config = folder / f"{port}.conf"
    lines = ["bind 127.0.0.1", f"port {port}", f"dir {folder}", *([] if sentinel else ['save ""']), *settings]
    lines += ["cluster-enabled yes", f"cluster-config-file {port}.nodes"] if cluster else []
    config.write_text("\n".join(lines) + "\n")
    argv = [str(tools.redis_server()), str(config), *(["--sentinel"] if sentinel else [])]
    with (folder / f"{port}.log").open("w") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: _listens(port), 20), (folder / f"{port}.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@contextmanager
def behind_tls(port: int, certificate: Path) -> Iterator[int]:
    """Speak TLS on another port and pass everything on to ``port``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        threading.Thread(target=_accept, args=(listening, context, port), daemon=True).start()
        yield listening.getsockname()[1]


def _accept(listening: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        try:
            plain, _address = listening.accept()
        except OSError:
            return
        with suppress(OSError):  # a client that refuses the certificate
            secure = context.wrap_socket(plain, server_side=True)
            onward = socket.create_connection(("127.0.0.1", port))
            for source, target in ((secure, onward), (onward, secure)):
                threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.close()
