# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the command with which an app fills its database with example data."""

from __future__ import annotations

import shlex
import shutil
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
    downloaded for. Raises ConfigError, also for a program that does not exist.
    """
    project = work_tree / root_directory
    if not project.is_dir():
        raise ConfigError(
            f"{project}, the folder of the app, does not exist. Correct source_path (path) or database_root_directory"
            " (root_directory).",
            code="no_folder",
        )
    if given is None:
        prisma = runner_cli.find(work_tree, root_directory, project, "name another seed_command")
        return [prisma.node, str(prisma.script), "db", "seed"]
    words = _words(given)
    if not words or not words[0]:
        raise ConfigError(
            "seed_command (command) is empty. Name the program and its arguments, such as [npm, run, 'db:seed'], or"
            " leave it out for prisma db seed.",
            code="no_command",
        )
    if any(redact(word) != word for word in words):
        raise ConfigError(
            "seed_command (command) has a password in a URL, which other users of this machine could read. The command"
            " gets the address of the database as DATABASE_URL.",
            code="secret_in_command",
        )
    if not shutil.which(str(project / words[0]) if "/" in words[0] else words[0]):
        raise ConfigError(
            f"seed_command (command) runs {words[0]}, and there is no such program"
            f" {f'in {project}' if '/' in words[0] else 'on PATH'}. Install it, or name another one.",
            code="no_program",
        )
    return words


def _words(given: Sequence[str]) -> list[str]:
    if len(given) != 1:
        return [str(word) for word in given]
    try:
        return shlex.split(given[0])
    except ValueError:
        raise ConfigError(
            "seed_command (command) has a quote without its end. Write it as a list, such as [npm, run, 'db:seed'].",
            code="no_command",
        ) from None


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
