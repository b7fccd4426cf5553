# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An S3 service of one's own, and one in front of it that ignores conditions, as many do."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from sandbox.cloud.server import free_port

READY_WITHIN = 60.0  # seconds
CONDITIONS = ("if-match", "if-none-match")
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def object_service(folder: Path) -> Iterator[str]:
    """Run moto's server and give its URL."""
    port = free_port()
    log = folder / "moto.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=output, stderr=output
        )
    try:
        give_up = time.monotonic() + READY_WITHIN
        while not _answers(f"http://127.0.0.1:{port}/moto-api/"):
            assert process.poll() is None, f"the S3 server ended: {log.read_text()[-500:]}"
            assert time.monotonic() < give_up, f"the S3 server did not answer: {log.read_text()[-500:]}"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with _opener.open(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def unconditional(url: str) -> AbstractContextManager[str]:
    """Give the URL of the same service without conditional writes: it drops the conditions and takes every write."""
    return in_front_of(url, drop=CONDITIONS)


def dated_by(date: Callable[[], str | None]) -> Callable[[str], AbstractContextManager[str]]:
    """Return what puts a service in front of another whose answers have this Date, or none."""
    return lambda url: in_front_of(url, date=date)


@contextmanager
def in_front_of(url: str, *, drop: Collection[str] = (), date: Callable[[], str | None] | None = None) -> Iterator[str]:
    """Give the URL of the same service behind another one, which drops headers of requests and has its own
    idea of the time.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in drop}
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
            try:
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection") and not (
                    date and name.lower() == "date"
                ):
                    self.send_header(name, value)
            now = date() if date else None
            if now is not None:
                self.send_header("Date", now)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = forward

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
