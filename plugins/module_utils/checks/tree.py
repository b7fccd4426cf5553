# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a commit, as git has them: the work tree of the checkout is never read."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from ..core.errors import ConfigError
from ..core.process import run, spawn
from ..source.changed_paths import changed_files
from ..source.checkout import resolve
from .check import Context

SUBMODULE = "160000"  # the mode of a commit of another repository
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


def extract(
    context: Context, folder: str, target: Path, wanted: Callable[[str], bool] = lambda name: True
) -> list[str]:
    """Write the files of a folder of the release to ``target``, and return their paths below that folder.

    The content is what git has: no filter changes it, and no attribute leaves a file out. A link is a file with its
    target as the content.
    """
    path, commit = context.need_path(), resolve(context.need_path(), context.need_commit())
    listed = run(["git", "-C", path, "ls-tree", "-r", "-z", f"{commit}:{inside(folder)}"], check=False)
    if listed.returncode != 0:
        raise ConfigError(f"The release has no folder {folder!r}. Correct folders.", code="no_folder")
    files = {}
    for line in listed.stdout.split("\0")[:-1]:
        mode, _kind, blob = line.partition("\t")[0].split(" ")
        name = line.partition("\t")[2]
        if ".." in PurePosixPath(name).parts:
            raise ConfigError(f"The release has the file {name!r}, which leads out of it.", code="bad_file")
        if mode != SUBMODULE and wanted(name):
            files[name] = blob
    for name, content in zip(files, _blobs(path, list(files.values())), strict=True):
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return list(files)


def inside(folder: str) -> str:
    """Return a folder of the repository as git writes it. Raises ConfigError where it leads out of it."""
    parts = PurePosixPath(folder).parts
    if PurePosixPath(folder).is_absolute() or ".." in parts or "\0" in folder or ":" in folder:
        raise ConfigError(
            f"The folder {folder!r} is not one of the repository: give it from the top, as in apps/backend.",
            code="bad_folder",
        )
    return "" if not parts else PurePosixPath(folder).as_posix()


def folder_problems(folders: Iterable[str]) -> list[str]:
    """Say which of these are no folders of a repository."""
    problems = []
    for folder in folders:
        try:
            inside(folder)
        except ConfigError as error:
            problems.append(str(error))
    return problems


def _blobs(path: str, names: list[str]) -> Iterator[bytes]:
    """Yield the content of each object, read from one git."""
    with tempfile.TemporaryFile() as output:
        process = spawn(["git", "-C", path, "cat-file", "--batch", "--buffer"], stdin=subprocess.PIPE, stdout=output)
        process.communicate("".join(f"{name}\n" for name in names).encode())
        output.seek(0)
        for name in names:
            header = output.readline().decode().split(" ")
            if len(header) != 3:
                raise ConfigError(
                    f"git cannot read {name} in {path}. Fetch the commit whole, then rerun.", code="no_object"
                )
            yield output.read(int(header[2]))
            output.read(1)


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
