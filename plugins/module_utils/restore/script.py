# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore by pg_restore and psql, for a server that does not know a setting which this pg_restore begins with.

From version 17 on pg_restore sets transaction_timeout, which servers up to 16 refuse. There pg_restore writes its
script without connecting, the statement is taken out of it, and the psql of the same version runs it: one connection,
so slower than pg_restore with jobs.
"""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from threading import Thread
from typing import IO, Any, cast

from ..backup.dump import paced
from ..core.errors import CommandFailed
from ..core.process import kill, spawn
from ..core.redact import redact
from ..postgres.connection import BEAT_INTERVAL
from ..postgres.sql_states import restore_advice
from ..store.base import CHUNK

STATEMENT = b"\nSET transaction_timeout = 0;\n"
BEGINNING = 1 << 16  # bytes of a script among which the statement stands
PSQL = ("--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-")


def without_timeout(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Take the statement out of the beginning of a script."""
    beginning = b""
    waiting = True
    for piece in pieces:
        if not waiting:
            yield piece
            continue
        beginning += piece
        if STATEMENT in beginning or len(beginning) >= BEGINNING:
            waiting = False
            yield beginning.replace(STATEMENT, b"\n", 1)
    if waiting:
        yield beginning.replace(STATEMENT, b"\n", 1)


def load_script(
    reading: Sequence[str],
    running: Sequence[str],
    heartbeat: Callable[[], None],
    access: Mapping[str, Any],
    *,
    what: str,
    secrets: Iterable[str],
) -> None:
    """Let psql run what pg_restore writes. Raises CommandFailed, and whatever ``heartbeat`` raises."""
    with ExitStack() as stack:
        stderr = stack.enter_context(tempfile.TemporaryFile())
        reader = spawn(reading, **access, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr)
        stack.callback(kill, reader)
        runner = spawn(running, **access, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=stderr)
        copying = Thread(target=_copy, args=(reader, runner))
        copying.start()
        stack.callback(copying.join)
        stack.callback(kill, runner)  # which ends the thread
        tick = paced(heartbeat)
        while runner.poll() is None:
            tick()
            with suppress(subprocess.TimeoutExpired):
                runner.wait(BEAT_INTERVAL)
        failed = runner.returncode or reader.wait()
        if failed:
            stderr.seek(0)
            words = redact(stderr.read()[-2000:].decode(errors="replace").strip(), secrets)
            failure = CommandFailed(f"{what} ended with exit code {failed}: {words}", code=str(failed))
            if more := restore_advice(words):
                failure.advise(more)
            raise failure


def _copy(reader: subprocess.Popen[bytes], runner: subprocess.Popen[bytes]) -> None:
    """Copy the script. psql gets its end only where pg_restore wrote all of it: else what is there so far
    would be committed.
    """
    source, target = cast(io.BufferedReader, reader.stdout), cast(IO[bytes], runner.stdin)
    with suppress(BrokenPipeError), source:
        for piece in without_timeout(iter(lambda: source.read1(CHUNK), b"")):
            target.write(piece)
        target.flush()
        if reader.wait() != 0:
            kill(runner)
    with suppress(BrokenPipeError):
        target.close()
