# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the command with which an app fills its database with example data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ConfigError, RunbookError
from ..core.redact import redact
from ..core.wait import Waiter
from . import runner_cli


class SeedFailed(RunbookError):
    kind = "seed_failed"


def command(given: Sequence[str] | None, work_tree: Path, root_directory: str) -> list[str]:
    """Return the words of the command. Without one it is the project's own ``prisma db seed``, which nothing is
    downloaded for. Raises ConfigError.
    """
    project = work_tree / root_directory
    if not project.is_dir():
        raise ConfigError(
            f"{project}, the folder of the app, does not exist. Correct path or root_directory.", code="no_folder"
        )
    if not given:
        prisma = runner_cli.find(work_tree, root_directory, project)
        return [prisma.node, str(prisma.script), "db", "seed"]
    words = shlex.split(given[0]) if len(given) == 1 else [str(word) for word in given]
    if not words or not words[0]:
        raise ConfigError(
            "command is empty. Name the program and its arguments, such as [npm, run, 'db:seed'].", code="no_command"
        )
    if any(redact(word) != word for word in words):
        raise ConfigError(
            "command has a password in a URL, which other users of this machine could read. The command gets the"
            " address of the database as DATABASE_URL.",
            code="secret_in_command",
        )
    return words


def run(words: Sequence[str], folder: Path, url: str, waiter: Waiter) -> str:
    """Run the seed and return the end of what it printed. Raises SeedFailed, WaitTimeout and LeaseLost, after which it
    does not run any more.
    """
    code, printed = runner_cli.run_program(words, folder, url, waiter)
    if code:
        raise SeedFailed(
            f"The seed ended with the exit code {code}. What it has written before stays, if it uses no transaction."
            f" Correct it and run it again. The end of its output: {printed or 'nothing'}",
            code="seed_failed",
            output=printed,
        )
    return printed
