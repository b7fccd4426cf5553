# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line at a time on how far a module is, while it runs."""

from __future__ import annotations

import io
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from .redact import redact

PREFIX = ".. "  # every progress line on the screen starts with it: by which the stdout callback recognizes it
SHOWN = ":: "  # and so does every line that stays on the screen
LASTING = "\x1e"  # begins such a line on its way out of the module; no text can contain it
LONGEST = 300  # characters of a line
LONGEST_SHOWN = 2000  # and of one that stays

# takes each line; None in an ordinary module, which can show nothing before it ends
sink: Callable[[str], None] | None = None
secrets: Iterable[str] = ()  # what no line may show; core/module.py sets it


def report(text: str) -> None:
    """Show how far the module is: one line, without secrets and without control characters."""
    if sink:
        sink(one_line(redact(text, secrets)))


def show(text: str) -> None:
    """Show a line that stays, such as one of a log that is followed. No such line is left out."""
    if sink:
        sink(LASTING + one_line(redact(text, secrets), LONGEST_SHOWN))


class Transfer:
    """Reports how much of something has been transferred: ``add`` takes bytes, from any thread. A ``total``
    of 0 is not known.
    """

    def __init__(self, what: str, total: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._total, self._clock = what, total, clock
        self._began, self._done, self._lock = clock(), 0, threading.Lock()

    def add(self, size: int) -> None:
        with self._lock:
            self._done += size
        if sink:
            report(self.summary())

    def summary(self) -> str:
        seconds = self._clock() - self._began
        of = f" of {self._total / 1e6:.1f}" if self._total else ""
        rate = f", {self._done / seconds / 1e6:.1f} MB/s" if seconds >= 1 else ""
        return f"{self._what}: {self._done / 1e6:.1f}{of} MB{rate}"


class CountedFile(io.FileIO):
    """A file that is sent: what is read of it is reported."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(path)
        self._transfer = Transfer(what, path.stat().st_size)

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(-1 if size is None else size)
        self._transfer.add(len(piece))
        return piece


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return ``text`` on one line of at most ``longest`` characters, each character that steers a terminal replaced."""
    line = "".join(
        (
            " "
            if character in "\t\r\n"
            else "?"
            if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
            else character
        )
        for character in text
    )
    line = line.strip()
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
