# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached processes, each known by its pid and its start time, so that a recycled pid is never touched."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

Record = dict[str, int]  # {"pid", "started"}: the start in clock ticks since boot, field 22 of /proc/PID/stat


def started(pid: int) -> int | None:
    """Return when a process started; None when there is none, or only its zombie."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else int(fields[18])


def is_alive(record: Record | None) -> bool:
    return record is not None and started(record["pid"]) == record["started"]


def launch(argv: Sequence[str], *, log: Path, cwd: Path, keep: Callable[[Record], None]) -> Record:
    """Start a program in a session of its own, with its output in ``log``, and return its record.

    It starts only after ``keep`` has stored the record. If this process is killed before that, the pipe closes
    and the program never starts, so nothing runs that is not recorded.
    """
    gate = ["/bin/sh", "-c", 'cd "$0" && read -r go && exec "$@" </dev/null', str(cwd), *argv]
    hears, word = os.pipe()
    wiring = [
        (os.POSIX_SPAWN_DUP2, hears, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    with os.fdopen(hears, "rb"), os.fdopen(word, "wb") as pipe:
        pid = os.posix_spawn(gate[0], gate, os.environ, file_actions=wiring, setsid=True)
        record = {"pid": pid, "started": started(pid) or 0}
        keep(record)
        pipe.write(b"go\n")
    return record


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def stop(record: Record | None, *, by: signal.Signals = signal.SIGTERM, patience: float = 10) -> bool:
    """Ask a recorded process to end, kill its group after ``patience`` seconds, and return whether it was running."""
    if record is None or not is_alive(record):
        return False
    pid = record["pid"]
    with suppress(ProcessLookupError):
        os.kill(pid, by)
        if not wait_until(lambda: not is_alive(record), patience):
            (os.killpg if os.getpgid(pid) == pid else os.kill)(pid, signal.SIGKILL)
            wait_until(lambda: not is_alive(record), patience)
    return True
