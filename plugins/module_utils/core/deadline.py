# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets with one deadline for a whole exchange: the timeouts of requests and botocore start again with
every byte that arrives.
"""

from __future__ import annotations

import io
import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

with suppress(ImportError):  # core.http reports it to run()
    from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

CONNECTING = 10.0  # seconds at most for the name and the connection, and as many for the TLS handshake
TURN = 1.0  # seconds at most that a read or a write waits before it checks how much time is left
TICK_EVERY = 5.0  # seconds between two calls of ``tick``


def nothing() -> None:
    """Stands for a hook that is not wanted."""


class TooMuch(OSError):
    """More bytes came than ``most``."""


class Deadline:
    """The time of one exchange. ``tick`` is called every few seconds meanwhile, in the thread that waits: it renews the
    lease.

    ``most`` is how many bytes may be ``received``, ``stall`` for how many seconds nothing may be sent or received.
    """

    def __init__(
        self, seconds: float, tick: Callable[[], None] = nothing, most: int | None = None, stall: float | None = None
    ) -> None:
        now = time.monotonic()
        self.end, self.received = now + seconds, 0
        self._tick, self._next = tick, now + TICK_EVERY
        self._most, self._stall, self._moved = most, stall, now

    def left(self) -> float:
        return self.end - time.monotonic()

    def turn(self) -> float:
        """Return the seconds for the next read or write. Raises TimeoutError when the time is over, and
        what ``tick`` raises.
        """
        if time.monotonic() >= self._next:
            self._tick()
            self._next = time.monotonic() + TICK_EVERY
        left = min(self.left(), self._moved + self._stall - time.monotonic() if self._stall else TURN)
        if left <= 0:
            raise TimeoutError("timed out")
        return min(left, TURN)

    def moved(self, received: int = 0) -> None:
        """Note that something was sent or received. Raises TooMuch."""
        self._moved = time.monotonic()
        self.received += received
        if self._most is not None and self.received > self._most:
            raise TooMuch(f"more than {self._most} bytes")


_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(
    seconds: float, tick: Callable[[], None] = nothing, *, most: int | None = None, stall: float | None = None
) -> Iterator[Deadline]:
    """Bound all that this thread does meanwhile over the connections of ``timed_pools``: connecting,
    sending and receiving together.
    """
    limit = Deadline(seconds, tick, most, stall)
    token = _current.set(limit)
    try:
        yield limit
    finally:
        _current.reset(token)


class TimedSocket:
    """A connected socket, plain or TLS, whose reads and writes end with the deadline that holds in the thread."""

    def __init__(self, sock: Any) -> None:
        self.plain, self._timeout = sock, sock.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def settimeout(self, timeout: float | None) -> None:
        """Set what holds where no deadline does."""
        self._timeout = timeout

    def recv(self, *args: Any) -> bytes:
        return self._in_time(self.plain.recv, *args, received=len)

    def recv_into(self, *args: Any) -> int:
        return self._in_time(self.plain.recv_into, *args, received=int)

    def send(self, *args: Any) -> int:
        return self._in_time(self.plain.send, *args, received=lambda _sent: 0)

    def sendall(self, data: Any, *flags: int) -> None:
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self.send(rest, *flags) :]

    def makefile(self, _mode: str = "rb", buffering: int | None = None) -> Any:
        self.plain._io_refs += 1  # as socket.makefile does: the socket outlives its connection until the file is closed
        raw = socket.SocketIO(self, "r")  # type: ignore[arg-type]
        return raw if buffering == 0 else io.BufferedReader(raw)

    def _in_time(self, operation: Callable[..., Any], *args: Any, received: Callable[[Any], int]) -> Any:
        limit = _current.get()
        if limit is None:
            self.plain.settimeout(self._timeout)
            return operation(*args)
        while True:
            self.plain.settimeout(limit.turn())
            try:
                done = operation(*args)
            except TimeoutError:
                continue  # a turn is over; the deadline need not be
            limit.moved(received(done))
            return done


IN_HANDSHAKE, IN_PROXY_HANDSHAKE, IN_TUNNEL = "handshake", "proxy handshake", "tunnel"


@contextmanager
def _marked(phase: Callable[[], str | None]) -> Iterator[None]:
    """Record in an error how far the connection had come: most errors look alike before and after the
    request was sent.
    """
    try:
        yield
    except Exception as error:
        if phase_of(error) is None:
            error.phase = phase()  # type: ignore[attr-defined]
        raise


def phase_of(error: BaseException) -> str | None:
    """Return in which phase of connecting an error was raised; None for one before the connection, or after
    all of them.
    """
    return getattr(error, "phase", None)


class _Timed:
    """What an HTTP connection needs for it. TLS takes the socket that ``_new_conn`` returns, so only what
    it gives back is wrapped.
    """

    sock: Any
    port: Any
    timeout: Any
    _dns_host: str

    def connect(self) -> None:
        with _marked(lambda: IN_HANDSHAKE if self.sock is not None else None):
            super().connect()  # type: ignore[misc]
        if not isinstance(self.sock, TimedSocket):
            self.sock = TimedSocket(self.sock)

    def _new_conn(self) -> socket.socket:
        limit, asked, timeout = _current.get(), self._dns_host, self.timeout
        if limit is None:
            return super()._new_conn()  # type: ignore[misc]
        end = time.monotonic() + min(CONNECTING, limit.left())
        addresses = self._addresses(end)
        try:
            for number, address in enumerate(addresses, 1):
                # one that does not answer must not take the others' time
                share = (end - time.monotonic()) / (len(addresses) - number + 1)
                self._dns_host, self.timeout = address, max(0.001, share)
                try:
                    sock = super()._new_conn()  # type: ignore[misc]
                    break
                except (ConnectTimeoutError, NewConnectionError):
                    if number == len(addresses):
                        raise
        finally:
            self._dns_host, self.timeout = asked, timeout
        try:
            limit.turn()
        except BaseException:
            sock.close()  # the connection does not have it yet, so nobody else closes it
            raise
        # Python's handshake takes that as the time for all of it
        sock.settimeout(max(0.001, min(CONNECTING, limit.left())))
        return sock

    def _addresses(self, end: float) -> list[str]:
        """Return the addresses of the host. A name is asked for in a thread of its own, since nothing ends
        a name server's silence.
        """
        host = self._dns_host
        with suppress(ValueError):
            ipaddress.ip_address(host.strip("[]"))
            return [host]
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=_resolve, args=(host, self.port, answers), daemon=True).start()
        try:
            found = answers.get(timeout=max(0.001, end - time.monotonic()))
        except queue.Empty:
            raise ConnectTimeoutError(self, f"The name {host} was not resolved in time") from None
        if isinstance(found, socket.gaierror):
            raise NameResolutionError(host, self, found)  # type: ignore[arg-type]
        if isinstance(found, Exception) or not found:
            raise NewConnectionError(self, f"The name {host} cannot be resolved: {found}")  # type: ignore[arg-type]
        return found

    def _connect_tls_proxy(self, *args: Any) -> Any:
        with _marked(lambda: IN_PROXY_HANDSHAKE):
            return super()._connect_tls_proxy(*args)  # type: ignore[misc]

    def _tunnel(self) -> None:
        plain, self.sock = self.sock, TimedSocket(self.sock)
        try:
            with _marked(lambda: IN_TUNNEL):
                super()._tunnel()  # type: ignore[misc]
        finally:
            if self.sock is not None:
                self.sock = plain


def _resolve(host: str, port: int, answers: queue.SimpleQueue[Any]) -> None:
    try:
        answers.put(
            list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        )
    except (OSError, UnicodeError) as error:
        answers.put(error)


def timed_pools(http: Any, https: Any) -> dict[str, Any]:
    """Return what ``pool_classes_by_scheme`` of urllib3's manager has to be, made of two classes of pools."""
    return {scheme: _timed_pool(pool) for scheme, pool in (("http", http), ("https", https))}


def _timed_pool(pool: Any) -> Any:
    connection = type(f"Timed{pool.ConnectionCls.__name__}", (_Timed, pool.ConnectionCls), {})
    return type(f"Timed{pool.__name__}", (pool,), {"ConnectionCls": connection})
