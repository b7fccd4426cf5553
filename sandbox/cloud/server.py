# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners on 127.0.0.1 that come and go in one event loop, and connections that can be broken on purpose."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..state import PORTS, available

Ends = tuple[tuple[str, int] | None, tuple[str, int | None] | None]

_transports: dict[Ends, asyncio.Transport] = {}


class _Protocol(H11Protocol):
    """Keeps its transport findable by the two ends of the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _transports[self.client, self.server] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _transports.pop((self.client, self.server), None)
        super().connection_lost(exc)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.closing = asyncio.Event()

    async def main_loop(self) -> None:
        await self.closing.wait()  # instead of polling ten times a second for each listener

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.connections or self.server_state.tasks:
            return await super().shutdown(sockets)
        for listening in (*self.servers, *(sockets or ())):  # nobody is connected: there is nothing to give time to
            listening.close()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the process has one handler for all its listeners


async def break_connection(request: Request) -> Response:
    """Reset the connection of ``request``. The returned answer is never sent; its status is for the record."""
    transport = _transports[request.scope["client"], request.scope["server"]]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response(status_code=499)


_handed_out: deque[int] = deque(maxlen=1000)


def free_port() -> int:
    """Return a port that nothing listens on, outside the range that Linux gives to outgoing connections.

    It differs from the last thousand that this process was given, and from all that other processes were given: their
    users may not listen yet.
    """
    port = next(
        port for port in iter(lambda: random.choice(PORTS), None) if port not in _handed_out and available(port)
    )
    _handed_out.append(port)
    return port


class Listeners:
    """The open listeners by port."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[_Server, asyncio.Task[None]]] = {}

    async def open(self, app: ASGIApp, port: int) -> None:
        """Serve ``app`` on ``port``. Raises OSError when the port is taken."""
        # asyncio turns Nagle's algorithm off, which costs 40 ms an answer, only where the protocol is named.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
            listening.listen(512)
        except OSError:
            listening.close()
            raise
        settings: dict[str, Any] = {
            "lifespan": "off",
            "ws": "none",
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "date_header": False,
        }
        server = _Server(
            uvicorn.Config(app, http=_Protocol, timeout_keep_alive=75, timeout_graceful_shutdown=3, **settings)
        )
        task = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not task.done():
            await asyncio.sleep(0.002)
        self._open[port] = server, task

    async def close(self, *ports: int) -> None:
        """Close listeners once the requests that they are answering have ended."""
        closing = [self._open.pop(port) for port in ports if port in self._open]
        for server, _unused in closing:
            server.closing.set()
        await asyncio.gather(*(task for _unused, task in closing), return_exceptions=True)

    async def close_all(self) -> None:
        await self.close(*self._open)
