# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shop's repository, as the pages read it: the migrations of a release, and what differs between two."""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePosixPath
from secrets import token_hex
from typing import Any

from ..core.errors import CommandFailed, ConfigError
from ..core.process import run
from ..source.checkout import resolve


def migration_names(path: str, ref: str, folder: str) -> list[str]:
    """Return the names of the migrations that a release has, in their order. Raises ConfigError."""
    commit = resolve(path, ref)
    listed = _git(path, "ls-tree", "-r", "--name-only", "-z", commit, "--", folder).split("\0")
    return sorted(PurePosixPath(file).parent.name for file in listed if file.endswith("/migration.sql"))


def migration_files(path: str, ref: str, folder: str) -> dict[str, str]:
    """Return the SQL of each migration of a release, by its name."""
    return dict(_files_of(path, resolve(path, ref), folder))


@lru_cache(maxsize=8)
def _files_of(path: str, commit: str, folder: str) -> tuple[tuple[str, str], ...]:
    """Read all files in one run of git: a shop with hundreds of migrations would use up the time of its page."""
    names = migration_names(path, commit, folder)
    wanted = "".join(f"{commit}:{PurePosixPath(folder, name, 'migration.sql')}\n" for name in names)
    mark = f"{token_hex(16)}\n"  # no file has it
    found = _git(path, "cat-file", f"--batch={mark.strip()}", stdin=wanted.encode()).split(mark)[1:]
    return tuple((name, text.removesuffix("\n")) for name, text in zip(names, found, strict=True))


def commits(path: str, old: str, new: str, most: int) -> tuple[list[dict[str, str]], int]:
    """Return the newest ``most`` commits that ``new`` has and ``old`` has not, and how many there are."""
    between = f"{resolve(path, old)}..{resolve(path, new)}"
    count = int(_git(path, "rev-list", "--count", between))
    listed = _git(path, "log", f"--max-count={most}", "--format=%H%x1f%an%x1f%aI%x1f%s", between).splitlines()
    names = ("commit", "author", "at", "subject")
    return [dict(zip(names, line.split("\x1f"), strict=False)) for line in listed], count


def files(path: str, old: str, new: str) -> list[dict[str, Any]]:
    """Return each file that differs: path, status, lines added and removed (None for a binary file)."""
    ends = [resolve(path, old), resolve(path, new)]
    letters = dict(_pairs(_git(path, "diff", "--name-status", "--no-renames", "-z", *ends)))
    found = []
    for line in _git(path, "diff", "--numstat", "--no-renames", "-z", *ends).split("\0")[:-1]:
        added, removed, name = line.split("\t", 2)
        counts = {"added": _count(added), "removed": _count(removed)}
        found.append({"path": name, "status": STATUS.get(letters.get(name, ""), "changed"), **counts})
    return found


STATUS = {"A": "added", "D": "removed"}


def text_of(path: str, ref: str, file: str) -> str | None:
    """Return a file of a release; None where it has none."""
    try:
        return _git(path, "show", f"{resolve(path, ref)}:{file}")
    except ConfigError:
        return None


def size(path: str, ref: str) -> int:
    """Return the bytes of all files of a release."""
    listed = _git(path, "ls-tree", "-r", "-l", resolve(path, ref)).splitlines()
    sizes = (line.split("\t", 1)[0].split()[-1] for line in listed)
    return sum(int(one) for one in sizes if one.isdecimal())


def _pairs(text: str) -> list[tuple[str, str]]:
    parts = text.split("\0")[:-1]
    return [(name, letter) for letter, name in zip(parts[::2], parts[1::2], strict=True)]


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _git(path: str, *words: str, stdin: bytes | None = None) -> str:
    try:
        return run(["git", "-C", path, *words], timeout=30, stdin=stdin).stdout
    except CommandFailed as error:
        raise ConfigError(f"{path} cannot be read as a git repository: {error}", code="no_repository") from None
