# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a function in a fork of this process, and returns what a program leaves behind: an exit code, stdout and stderr.

However the fork ends (an exception, a segmentation fault, the kernel's out-of-memory killer), this process lives on and
can say so.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import IO

from . import progress
from .process import die_with_parent

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PATIENCE = 5.0  # seconds that a fork has to clean up after SIGTERM
SHOWN_EVERY = 0.25  # seconds between two progress lines, at first
SHOWN_AT_LEAST = 5.0  # and in the end: a log of an hour should not be made of them
LIVENESS = 1.0  # seconds between two checks of the fork itself: a grandchild may hold its pipes open

_forking = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Ended:
    """``code`` is the exit code, or minus the number of the signal that ended the fork."""

    code: int
    stdout: bytes
    stderr: bytes


@dataclass
class Lines:
    """Passes lines on to ``show``, at most four a second, fewer the longer it takes, and always the last one. A line
    that stays on the screen is always passed on.
    """

    show: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _held: str | None = None
    _next: float = field(default=0.0)
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def add(self, line: str) -> None:
        if line.startswith(progress.LASTING):
            self.show(line)
            return
        self._held = line
        self.turn()

    def turn(self) -> None:
        """Show the line that is held back, if it is time."""
        if self.clock() >= self._next:
            self.flush()

    def flush(self) -> None:
        if self._held is not None:
            now = self.clock()
            self._next = now + min(max(SHOWN_EVERY, (now - self._began) / 20), SHOWN_AT_LEAST)
            line, self._held = self._held, None
            self.show(line)

    @property
    def pause(self) -> float:
        """Seconds until the next turn is due."""
        return LIVENESS if self._held is None else max(0.0, self._next - self.clock())


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a signal that ends this process wait until the block has ended. Use it in the main thread.

    The process in which a task runs sends its lines through the queue of Ansible's controller, under its lock. A
    signal that ended it there would leave the lock taken, and the interrupted controller would wait for it forever.
    """
    came: list[int] = []
    before = {each: signal.signal(each, lambda number, _frame: came.append(number)) for each in ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
        for number in came[:1]:
            os.kill(os.getpid(), number)


def run(work: Callable[[], None], show: Callable[[str], None] | None = None) -> Ended:
    """Call ``work`` in a fork and wait for its end. ``show`` takes its progress lines while it runs; None shows none.

    When this process ends, the fork gets SIGTERM and has its ``finally`` blocks run. An exception here, such as a
    timeout, ends the fork as well.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        reader, writer = _forking.Pipe(duplex=False)
        child = _forking.Process(target=_live, args=(work, os.getpid(), stdout, stderr, writer if show else None))
        child.start()
        try:
            writer.close()
            _follow(child, reader, Lines(show or (lambda line: None)))
        finally:
            _end(child)
            reader.close()
        return Ended(child.exitcode or 0, _content(stdout), _content(stderr))


def _follow(child: multiprocessing.process.BaseProcess, reader: Connection, lines: Lines) -> None:
    """Pass on the lines of the child until it ends."""
    listening: list[Connection | int] = [reader, child.sentinel]
    while child.is_alive():
        if reader in wait(listening, timeout=lines.pause):
            try:
                lines.add(reader.recv_bytes().decode())
            except (EOFError, OSError):  # it has closed its end, and is about to leave or was killed
                listening.remove(reader)
        lines.turn()
    with contextlib.suppress(OSError, EOFError):  # a line of which a killed child sent only the beginning
        while reader.poll():
            lines.add(reader.recv_bytes().decode())
    lines.flush()


def _end(child: multiprocessing.process.BaseProcess) -> None:
    if child.is_alive():
        child.terminate()
        child.join(PATIENCE)
    if child.is_alive():
        child.kill()
    child.join()


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _live(
    work: Callable[[], None], parent: int, stdout: IO[bytes], stderr: IO[bytes], writer: Connection | None
) -> None:
    """Be the fork: its signals, streams and exit handlers are its own. multiprocessing turns what is raised
    into the exit code.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for number in ENDING:
        signal.signal(number, _leave)
    die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
    atexit._clear()  # those of the parent, which would remove the parent's files
    _redirect(stdout, stderr)
    if writer:
        progress.sink = _sender(writer)
    try:
        work()
    finally:
        atexit._run_exitfuncs()


def _leave(number: int, _frame: object) -> None:
    """End by an exception, so that ``finally`` blocks run; further signals cannot interrupt those."""
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _redirect(stdout: IO[bytes], stderr: IO[bytes]) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(stdout.fileno(), 1)
    os.dup2(stderr.fileno(), 2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115


def _sender(writer: Connection) -> Callable[[str], None]:
    """Return what sends a line, from any thread."""
    lock = threading.Lock()

    def send(line: str) -> None:
        with lock, contextlib.suppress(OSError):  # progress never fails the work
            writer.send_bytes(line.encode(errors="replace"))

    return send
