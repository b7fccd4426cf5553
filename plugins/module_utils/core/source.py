# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a release: a folder, or what a git repository holds at a ref."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import CommandFailed, ConfigError
from .ignore import Ignored, nothing_ignored
from .process import run

# Python 3.11.4 brought the filters; git itself refuses names that lead out of the folder.
EXTRACTION: dict[str, Any] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
# What neither vendor's own client ever uploads from a folder; a ref holds only what was committed.
NEVER_UPLOADED = frozenset({".git", ".hg", ".svn", "node_modules", ".next", ".vercel", ".DS_Store", ".env", ".env.local", "__pycache__"})
SMALL = 1 << 20  # bytes; a file below that is read at once


@dataclass(frozen=True)
class Source:
    """``root`` holds the files; ``commit`` is the full SHA they come from, None for a plain folder. ``top`` stands for the top of the commit's tree, and is
    ``root`` or above it."""

    root: Path
    commit: str | None
    top: Path | None = None


@dataclass(frozen=True)
class SourceFile:
    """``path`` is relative, with slashes; ``size`` in bytes; ``executable`` as git knows it."""

    path: str
    absolute: str
    size: int
    executable: bool

    def open(self) -> BufferedReader:
        return open(self.absolute, "rb")  # noqa: PTH123 a Path for each of thousands of files takes longer than all else about them

    def read(self) -> bytes:
        with self.open() as stream:
            return stream.read()

    def sha1(self) -> str:
        if self.size < SMALL:
            return hashlib.sha1(self.read(), usedforsecurity=False).hexdigest()
        with self.open() as stream:
            return hashlib.file_digest(stream, "sha1").hexdigest()


def resolve(path: Path | str, ref: str) -> str:
    """Return the full commit SHA of ``ref`` in the repository at ``path``. Raises ConfigError."""
    try:
        return run(["git", "-C", str(path), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]).stdout.strip()
    except CommandFailed:
        repository = run(["git", "-C", str(path), "rev-parse", "--git-dir"], check=False)
    if repository.returncode != 0:
        raise ConfigError(
            f"{path} is not a git repository that can be read, so it has no release {ref!r}. Set source_path to the shop's checkout. "
            f"Git says: {repository.stderr.strip()}",
            code="no_repository",
        )
    raise ConfigError(
        f"The release {ref!r} is unknown in {path}: no tag, branch or commit has that name. Fetch the tags (git fetch --tags) or correct the release.",
        code="unknown_release",
    )


@contextmanager
def checkout(path: Path | str, ref: str | None = None, subdirectory: str = "", ignore_file: str = "") -> Iterator[Source]:
    """Give the files of ``subdirectory``: of the folder ``path`` itself, or with ``ref`` of that commit, in a folder that lasts as long as the block.

    The work tree and its uncommitted changes are never read when a ref is given. Of the folders above ``subdirectory`` only the commit's files of the name
    ``ignore_file`` are there. Raises ConfigError when there is nothing in it.
    """
    inside = PurePosixPath(subdirectory or ".")
    if inside.is_absolute() or ".." in inside.parts:
        raise ConfigError(f"root_directory {subdirectory!r} must be a folder inside of the source, without a leading slash or '..'.")
    if ref is None:
        root = Path(path, subdirectory)
        if not root.is_dir():
            raise ConfigError(f"The source folder {root} does not exist. Correct source_path or root_directory.", code="no_source")
        _refuse_empty(root, str(root))
        yield Source(root.resolve(), None)
        return
    commit = resolve(path, ref)
    tree = f"{commit}:{'' if str(inside) == '.' else inside}"
    with tempfile.TemporaryDirectory(prefix="storefront-") as folder:
        top, root = Path(folder), Path(folder, inside)
        root.mkdir(parents=True, exist_ok=True)
        _extract(str(path), tree, root, f"{subdirectory or '.'} of {ref}")
        _refuse_empty(root, f"{subdirectory or '.'} of {ref} in {path}")
        for above in inside.parents if ignore_file else ():
            said = run(["git", "-C", str(path), "show", f"{commit}:{above / ignore_file}"], check=False)
            if said.returncode == 0:
                (top / above / ignore_file).write_text(said.stdout, encoding="utf-8")
        yield Source(root, commit, top)


def _extract(repository: str, tree: str, folder: Path, what: str) -> None:
    with tempfile.TemporaryDirectory(prefix="storefront-") as scratch:  # on disk: memory does not grow with the repository
        tar = Path(scratch, "source.tar")
        made = run(["git", "-C", repository, "archive", "--format=tar", f"--output={tar}", tree], check=False)
        if made.returncode != 0:
            raise ConfigError(f"There is no folder {what} in {repository}: {made.stderr.strip()}. Correct root_directory.", code="no_source")
        with tarfile.open(tar) as archive:
            archive.extractall(folder, **EXTRACTION)  # noqa: S202 git wrote this archive


def _refuse_empty(root: Path, what: str) -> None:
    if next(_walk(root, nothing_ignored), None) is None:
        raise ConfigError(
            f"The source folder {what} is empty, so there is nothing to deploy. Correct source_path, release or root_directory.", code="empty_source"
        )


def list_files(root: Path, ignored: Ignored = nothing_ignored) -> list[SourceFile]:
    """Return every file to upload, sorted by path; links to files are followed, links to folders and out of ``root`` are refused.

    ``ignored`` says what else is left out than what is never uploaded: see core/ignore.py.
    """
    return sorted(_walk(root, ignored), key=lambda file: file.path)


def _refuse_unreadable(path: Path) -> None:
    try:
        path.name.encode()
    except UnicodeEncodeError:
        name = path.name.encode(errors="surrogateescape")
        raise ConfigError(f"{path.parent} has a file whose name is not UTF-8: {name!r}. Rename it, or leave it out.", code="file_name") from None


def _walk(root: Path, ignored: Ignored) -> Iterator[SourceFile]:
    inside, waiting = root.resolve(), [(str(root), "")]
    while waiting:
        folder, below = waiting.pop()
        for entry in _entries(folder):
            is_folder = entry.is_dir()
            if ignored(entry.path, is_folder):
                continue
            if is_folder:
                if entry.is_symlink():
                    raise ConfigError(f"{entry.path} is a link to a folder. Replace it by the folder, or leave it out.", code="link_to_folder")
                waiting.append((entry.path, f"{below}{entry.name}/"))
                continue
            if not entry.name.isascii():
                _refuse_unreadable(Path(entry.path))
            if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(inside):
                raise ConfigError(f"{entry.path} is a link out of the source folder. Replace it by the file, or leave it out.", code="link_outside")
            if entry.is_file():
                stat = entry.stat()
                yield SourceFile(below + entry.name, entry.path, stat.st_size, bool(stat.st_mode & 0o100))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if entry.name not in NEVER_UPLOADED), key=lambda entry: entry.name)
    except OSError as problem:
        raise ConfigError(f"The folder {folder} cannot be read: {problem.strerror}. Correct its rights, or leave it out.", code="unreadable_folder") from None


def tags(path: Path | str) -> dict[str, str]:
    """Return the tag of each tagged commit in the repository at ``path``, of several the highest version. Raises ConfigError."""
    listed = run(
        ["git", "-C", str(path), "for-each-ref", "--sort=version:refname", "--format=%(objectname) %(*objectname) %(refname:strip=2)", "refs/tags"], check=False
    )
    if listed.returncode != 0:
        raise ConfigError(f"{path} is not a git repository that can be read, so it names no releases: {listed.stderr.strip()}.", code="no_repository")
    lines = (line.split(" ") for line in listed.stdout.splitlines())
    return {annotated or commit: tag for commit, annotated, tag in lines}
