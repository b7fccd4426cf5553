# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Journeys against a real server: cookies, compressed and chunked bodies, and answers that never end."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import http_journey

from tests.unit.support import run_module

BODY = json.dumps({"items": ["mug"], "note": "für alle"}).encode()


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        getattr(self, f"answer_{self.path.strip('/').replace('-', '_')}")()

    def answer_login(self) -> None:
        self.reply(BODY, ("Set-Cookie", "session=abc123; Path=/; HttpOnly"))

    def answer_cart(self) -> None:
        self.reply(json.dumps({"cookie": self.headers.get("Cookie", "")}).encode())

    def answer_gzip(self) -> None:
        self.reply(gzip.compress(BODY), ("Content-Encoding", "gzip"))

    def answer_deflate(self) -> None:
        self.reply(zlib.compress(BODY), ("Content-Encoding", "deflate"))

    def answer_gzip_chunked(self) -> None:
        self.chunked(gzip.compress(BODY), ("Content-Encoding", "gzip"))

    def answer_chunked(self) -> None:
        self.chunked(BODY)

    def answer_broken_gzip(self) -> None:
        self.reply(b"this is not gzip", ("Content-Encoding", "gzip"))

    def answer_bomb(self) -> None:
        self.reply(gzip.compress(bytes(50_000_000)), ("Content-Encoding", "gzip"))

    def answer_cut_off(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"short")
        self.close_connection = True

    def answer_endless(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not self.server.ended.wait(0.05):  # type: ignore[attr-defined]
            self.wfile.write(b"1\r\nx\r\n")

    def reply(self, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def chunked(self, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(200)
        for name, value in (("Transfer-Encoding", "chunked"), *headers):
            self.send_header(name, value)
        self.end_headers()
        for at in range(0, len(body), 7):
            piece = body[at : at + 7]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    server.ended = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.ended.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    thread.join()


def walk(url: str, *journeys: list[dict[str, Any]], **params: Any) -> dict[str, Any]:
    named = [{"name": f"journey {number}", "steps": steps} for number, steps in enumerate(journeys)]
    return run_module(http_journey, {"journeys": named, "sites": {"shop": url}, **params})


def test_cookies_are_kept_within_a_journey_and_not_between_two(url: str) -> None:
    log_in = {"name": "log in", "request": "/login", "captures": {"session": {"cookie": "session"}}}
    with_it = {
        "name": "cart",
        "request": "/cart",
        "asserts": [{"jsonpath": "$.cookie", "equals": "session=${session}"}],
    }
    without = {"name": "cart", "request": "/cart", "asserts": [{"jsonpath": "$.cookie", "equals": ""}]}
    own = {
        "name": "own",
        "request": {"url": "/cart", "cookies": {"currency": "EUR"}},
        "asserts": [{"jsonpath": "$.cookie", "equals": "currency=EUR"}],
    }
    result = walk(url, [log_in, with_it], [without, own, without | {"name": "again"}])
    assert not result["failed"], result["msg"]


@pytest.mark.parametrize("path", ["/gzip", "/deflate", "/chunked", "/gzip-chunked"])
def test_a_body_is_read_as_it_was_before_it_was_encoded(url: str, path: str) -> None:
    result = walk(url, [{"name": "read", "request": path, "asserts": [{"jsonpath": "$.note", "equals": "für alle"}]}])
    assert not result["failed"], result["msg"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/broken-gzip", "expected an answer, got the body is not compressed as its Content-Encoding header states"),
        ("/bomb", "expected a body of at most 5000000 bytes, got a longer one"),
        ("/cut-off", "expected an answer, got"),
        ("/endless", "expected an answer, got no complete answer within 0.5 s"),
    ],
)
def test_a_body_that_cannot_be_read_fails_its_step(url: str, path: str, words: str) -> None:
    result = walk(url, [{"name": "read", "request": path}], timeout=0.5 if path == "/endless" else 10)
    assert f"step 'read' {words}" in result["msg"]


def test_a_shop_that_is_down_fails_its_step() -> None:
    result = walk("http://127.0.0.1:1", [{"name": "open", "request": "/"}])
    assert "step 'open' expected an answer, got the connection was refused" in result["msg"]
