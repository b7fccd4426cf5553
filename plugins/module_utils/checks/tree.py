# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a commit, as git has them: the work tree of the checkout is never read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from ..core.process import run
from ..source.changed_paths import changed_files
from ..source.checkout import resolve
from .check import Context

HEADING = re.compile(r"^\s*#")


def read(context: Context, file: str) -> str | None:
    """Return a file of the release; None when it has none of that name."""
    return read_at(context, context.need_commit(), file)


def read_at(context: Context, commit: str, file: str) -> str | None:
    resolve(context.need_path(), commit)
    shown = run(["git", "-C", context.path, "show", f"{commit}:{file}"], check=False)
    is_file = (
        run(["git", "-C", context.path, "cat-file", "-t", f"{commit}:{file}"], check=False).stdout.strip() == "blob"
    )
    return shown.stdout if is_file else None


def names(context: Context) -> list[str]:
    """Return the path of every file of the release."""
    path, commit = context.need_path(), resolve(context.need_path(), context.need_commit())
    return run(["git", "-C", path, "ls-tree", "-r", "-z", "--name-only", commit]).stdout.split("\0")[:-1]


def changed(context: Context) -> list[str]:
    """Return the files that differ between the live release and this one."""
    return changed_files(context.need_path(), context.live_commit, context.need_commit())


def matching(files: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return the files that a pattern matches; * stands for anything, slashes too."""
    wanted = list(patterns)
    return [file for file in files if any(fnmatchcase(file, pattern) for pattern in wanted)]


def section(text: str, heading: re.Pattern[str]) -> str | None:
    """Return what stands below the first heading that matches, down to the next one of its rank; None where
    there is no such heading.
    """
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if heading.search(line)), None)
    if start is None:
        return None
    rank = len(lines[start]) - len(lines[start].lstrip().lstrip("#")) if HEADING.match(lines[start]) else 0
    below = []
    for line in lines[start + 1 :]:
        if HEADING.match(line) and (len(line.lstrip()) - len(line.lstrip().lstrip("#")) <= rank or not rank):
            break
        below.append(line)
    return "\n".join(below).strip()
