# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup decoded from end to end: pg_restore reads the whole archive and writes it to nowhere."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from ..core.errors import RunbookError
from ..core.process import kill, spawn
from ..postgres.programs import Tool, own_environment
from .reader import OpenBackup

NOWHERE = "--file=/dev/null"


def decode(backup: OpenBackup, tool: Tool, scratch: Path) -> None:
    """Decrypt and unpack all of a backup, and let pg_restore read it. Raises RunbookError.

    A list of the contents alone (``pg_restore --list``) would prove nothing of the data: it ends well on cut and on
    changed archives too.
    """
    backup.read_globals()
    if backup.format == "directory":
        _read(backup, tool, [str(backup.save(scratch))])
    else:
        _read(backup, tool, [])


def _read(backup: OpenBackup, tool: Tool, archive: Sequence[str]) -> None:
    with tempfile.TemporaryFile() as stderr:
        process = spawn(
            [tool.path, NOWHERE, *archive],
            env=own_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        pipe = cast(IO[bytes], process.stdin)
        try:
            _feed(pipe, [] if archive else backup.pieces())
            with suppress(BrokenPipeError):
                pipe.close()
            while process.poll() is None:
                backup.heartbeat()
                _wait(process)
        finally:
            kill(process)
            with suppress(BrokenPipeError):
                pipe.close()
        stderr.seek(0)
        words = stderr.read()[-1000:].decode(errors="replace").strip()
    if process.returncode != 0:
        raise RunbookError(
            f"The backup {backup.name} is damaged: pg_restore {tool.version} cannot read it: {words}", code="damaged"
        )


def _feed(pipe: IO[bytes], pieces: Iterable[bytes]) -> None:
    """All of it is read, also when pg_restore gave up: what is wrong with the backup says more than its words."""
    for piece in pieces:
        with suppress(BrokenPipeError):
            pipe.write(piece)


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        return
