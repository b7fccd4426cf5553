# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The terminal of the controller, and its live line.

Ansible holds Display's lock while it forks a worker. The thread here takes no other lock, so no worker starts with a
lock that is never released.
"""

from __future__ import annotations

import locale
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from .page import USUAL, Page

TICK = 1.0  # seconds between two updates of the live line
EVERY = 30.0  # seconds between two lines where there is no terminal
_PROGRESS = re.compile(r"^\.\. (?P<host>[^:\s]+): (?P<text>.*)$", re.DOTALL)
_SHOWN = re.compile(r"^:: (?P<host>[^:\s]+): (?P<text>.*)$", re.DOTALL)  # a line of a module that stays
_ERASE = "\r\x1b[K"


def interactive(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a line can be overwritten. ansible-runner gives its playbook a terminal too, and records what
    is written there.
    """
    if "AWX_ISOLATED_DATA_DIR" in environment or environment.get("TERM", "dumb") == "dumb":
        return False
    return stream.isatty()


def needs_ascii(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether the locale has only ASCII. Python itself uses UTF-8 for the locale C, and then sets LC_CTYPE."""
    try:
        "·…".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    named = next((environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "")
    plain = ("", "C", "POSIX")
    coerced = named == "C.UTF-8" and not environment.get("LC_ALL") and environment.get("LANG", "") in plain
    return named in plain or coerced or locale.getencoding().upper().replace("-", "") != "UTF8"


def width() -> int:
    return shutil.get_terminal_size((USUAL, 24)).columns


class Live:
    """Keeps the live line and Ansible's Display from writing over each other.

    ``describe(notes, now)`` returns the text of the live line, empty where nothing runs; ``notes`` is the progress that
    modules have reported, by host. ``announce(notes, now)`` returns the lines that are printed every 30 seconds where
    there is no terminal, and ``lasting(host, text)`` those of a module's line that stays on the screen.
    """

    def __init__(
        self,
        display: Any,
        describe: Callable[[Mapping[str, str], float], str],
        announce: Callable[[Mapping[str, str], float], list[str]],
        lasting: Callable[[str, str], list[str]] = lambda _host, text: [text],
        *,
        alive: bool,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.display, self.describe, self.announce, self.alive, self.clock = display, describe, announce, alive, clock
        self.lasting = lasting
        self.stream = stream or sys.stdout
        self.notes: dict[str, str] = {}
        self.pid = os.getpid()
        self._write = display.display
        self._painted = self._lost = False
        self._printed_at = clock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="operator-screen", daemon=True)

    def start(self) -> None:
        self.display.display = self._show
        self._thread.start()

    def stop(self) -> None:
        """Give Ansible its Display back; the live line is gone afterwards."""
        self._stop.set()
        with self.display._lock:
            self._erase()
            self.display.__dict__.pop("display", None)

    def forget(self, host: str) -> None:
        """Drop the progress of a host whose task has started or ended."""
        self.notes.pop(host, None)
        self._printed_at = max(self._printed_at, self.clock() - EVERY)

    def tick(self, now: float) -> None:
        """Update the live line, or print a progress line when it is due."""
        with self.display._lock:
            if self._stop.is_set():
                return
            if self.alive:
                self._paint(now)
            elif now - self._printed_at >= EVERY:
                self._printed_at = now
                for line in self.announce(dict(self.notes), now):
                    self._write(line)

    def _run(self) -> None:
        while not self._stop.wait(TICK):
            try:
                self.tick(self.clock())
            except Exception:  # noqa: S112 - a live line that cannot be drawn is left out: the next one may be
                continue

    def _show(self, msg: str, *args: Any, **options: Any) -> None:
        """Stand in for Display.display in the controller; in a worker it is Ansible's own."""
        if os.getpid() != self.pid:
            self._write(msg, *args, **options)
            return
        with self.display._lock:
            try:
                self._print(msg, *args, **options)
            except OSError as error:
                self._lose(error)

    def _print(self, msg: str, *args: Any, **options: Any) -> None:
        if progress := _PROGRESS.match(msg) if isinstance(msg, str) else None:
            self.notes[progress["host"]] = progress["text"].strip()
            if self.alive:
                self._paint(self.clock())
            return
        shown = _SHOWN.match(msg) if isinstance(msg, str) else None
        self._erase()
        for text in self.lasting(shown["host"], shown["text"]) if shown else [msg]:
            self._write(text, *args, **options)
        self.stream.flush()  # into a file too: what is printed is there when the controller is killed

    def _lose(self, error: OSError) -> None:
        """Continue without output: its reader has gone, or its disk is full. The play must not end for that."""
        if self._lost:  # stderr is lost as well, as on a terminal that was closed
            return
        self._lost, self.alive = True, False
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())
        if not isinstance(error, BrokenPipeError):
            self.display.warning(
                f"The output cannot be written any more ({error.strerror}). The play continues without it; its report"
                " and the ledger have the outcome."
            )

    def _paint(self, now: float) -> None:
        text = self.describe(dict(self.notes), now)
        if not text:
            self._erase()
            return
        self.stream.write(f"{_ERASE}{text}")
        self.stream.flush()
        self._painted = True

    def _erase(self) -> None:
        if self._painted:
            self.stream.write(_ERASE)
            self._painted = False


def page(*, ascii: bool, prefix: str = "") -> Page:
    return Page(width(), ascii, prefix)
