# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a program of PostgreSQL to its end, and stops it when there is a reason to."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any

from ..backup.dump import paced
from ..core.errors import CommandFailed
from ..core.process import kill, spawn
from ..core.redact import redact
from ..postgres.connection import BEAT_INTERVAL
from ..postgres.programs import own_environment
from ..postgres.sql_states import restore_advice


def run_program(
    argv: list[str], heartbeat: Callable[[], None], options: Mapping[str, Any], what: str, secrets: Iterable[str] = ()
) -> None:
    """Run a program with more ``options`` of ``spawn``. Raises CommandFailed with its last words, and
    whatever ``heartbeat`` raises.
    """
    with ExitStack() as stack:
        stderr = stack.enter_context(tempfile.TemporaryFile())
        process = spawn(
            argv,
            **{"env": own_environment(), "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **options},
            stderr=stderr,
        )
        stack.callback(kill, process)
        tick = paced(heartbeat)
        while True:
            tick()
            try:
                process.wait(BEAT_INTERVAL)
                break
            except subprocess.TimeoutExpired:
                continue
        if process.returncode != 0:
            stderr.seek(0)
            words = redact(stderr.read()[-2000:].decode(errors="replace").strip(), secrets)
            failure = CommandFailed(
                f"{what} ended with exit code {process.returncode}: {words}", code=str(process.returncode)
            )
            if more := restore_advice(words):
                failure.advise(more)
            raise failure
