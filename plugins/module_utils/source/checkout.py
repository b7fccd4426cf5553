# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a release: a folder, or the files of a git repository at a ref."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..core.errors import CommandFailed, ConfigError
from ..core.process import run

# Python 3.11.4 introduced the filters; git itself refuses names that lead out of the folder.
EXTRACTION: dict[str, Any] = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
NOT_SOURCE = frozenset({".git", "node_modules"})


@dataclass(frozen=True)
class Source:
    """``root`` holds the files; ``commit`` is their full SHA, None for a plain folder. ``top`` stands for the top of
    the commit's tree, and is ``root`` or a folder above it.
    """

    root: Path
    commit: str | None
    top: Path | None = None


def resolve(path: Path | str, ref: str) -> str:
    """Return the full commit SHA of ``ref`` in the repository at ``path``. Raises ConfigError."""
    _refuse_nul(path=str(path), ref=ref)
    try:
        return run(
            ["git", "-C", str(path), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
        ).stdout.strip()
    except CommandFailed:
        repository = run(["git", "-C", str(path), "rev-parse", "--git-dir"], check=False)
    if repository.returncode != 0:
        raise ConfigError(
            f"The release {ref!r} was not found: {path} is not a git repository or cannot be read. Set source_path to"
            f" the shop's checkout. Message of git: {repository.stderr.strip()}",
            code="no_repository",
        )
    raise ConfigError(
        f"The release {ref!r} is unknown in {path}: no tag, branch or commit has that name. Fetch the tags (git fetch"
        " --tags) or correct the release.",
        code="unknown_release",
    )


@contextmanager
def checkout(
    path: Path | str, ref: str | None = None, subdirectory: str = "", ignore_file: str = ""
) -> Iterator[Source]:
    """Yield the files of ``subdirectory``: those of the folder ``path``, or with ``ref`` those of that commit, in a
    folder that is removed after the block.

    With a ref, the work tree and its uncommitted changes are never read. Of the folders above ``subdirectory``, only
    the files named ``ignore_file`` are included. Raises ConfigError when ``subdirectory`` is empty.
    """
    inside = _inside(subdirectory)
    if ref is None:
        root = folder_in(path, subdirectory)
        _refuse_empty(root, str(root))
        yield Source(root, None)
        return
    commit = resolve(path, ref)
    tree = f"{commit}:{'' if str(inside) == '.' else inside}"
    with tempfile.TemporaryDirectory(prefix="storefront-") as folder:
        top, root = Path(folder), Path(folder, inside)
        root.mkdir(parents=True, exist_ok=True)
        _extract(str(path), tree, root, f"{subdirectory or '.'} of {ref}")
        _refuse_empty(root, f"{subdirectory or '.'} of {ref} in {path}")
        for above in inside.parents if ignore_file else ():
            shown = run(["git", "-C", str(path), "show", f"{commit}:{above / ignore_file}"], check=False)
            if shown.returncode == 0:
                (top / above / ignore_file).write_text(shown.stdout, encoding="utf-8")
        yield Source(root, commit, top)


def folder_in(path: Path | str, subdirectory: str = "") -> Path:
    """Return the folder ``subdirectory`` of ``path``, with links resolved. Raises ConfigError when it is
    missing or a link leads out of ``path``.
    """
    _refuse_nul(path=str(path))
    root = Path(path, _inside(subdirectory))
    if not root.is_dir():
        raise ConfigError(
            f"The source folder {root} does not exist. Correct source_path or root_directory.", code="no_source"
        )
    top, here = Path(path).resolve(), Path(path)
    for part in _inside(subdirectory).parts:
        here /= part
        if not here.resolve().is_relative_to(top):
            raise ConfigError(
                f"root_directory {subdirectory!r} leads out of the source {path}: {here} is a link to {here.resolve()}."
                " Set path to the folder that holds the application, or replace the link with the folder.",
                code="link_outside",
            )
    return root.resolve()


def _inside(subdirectory: str) -> PurePosixPath:
    _refuse_nul(root_directory=subdirectory)
    inside = PurePosixPath(subdirectory or ".")
    if inside.is_absolute() or ".." in inside.parts:
        raise ConfigError(
            f"root_directory {subdirectory!r} must be a folder inside the source, without a leading slash or '..'."
        )
    return inside


def _refuse_nul(**options: str) -> None:
    """Programs and file systems do not accept NUL in an argument or a path."""
    for name, value in options.items():
        if "\0" in value:
            raise ConfigError(
                f"{name} {value!r} contains a NUL character, which a path or a release cannot have. Correct {name}.",
                code=f"bad_{name}",
            )


def _extract(repository: str, tree: str, folder: Path, what: str) -> None:
    # on disk, so that memory does not grow with the repository
    with tempfile.TemporaryDirectory(prefix="storefront-") as scratch:
        tar = Path(scratch, "source.tar")
        made = run(["git", "-C", repository, "archive", "--format=tar", f"--output={tar}", tree], check=False)
        if made.returncode != 0:
            raise ConfigError(
                f"There is no folder {what} in {repository}: {made.stderr.strip()}. Correct root_directory.",
                code="no_source",
            )
        with tarfile.open(tar) as archive:
            archive.extractall(folder, **EXTRACTION)  # noqa: S202 git wrote this archive


def _refuse_empty(root: Path, what: str) -> None:
    """Raise ConfigError when the folder is empty, apart from the files of git and npm."""
    for _here, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in NOT_SOURCE]
        if names:
            return
    raise ConfigError(
        f"The source folder {what} is empty, so there is nothing to deploy. Correct source_path, release or"
        " root_directory.",
        code="empty_source",
    )


def tags(path: Path | str) -> dict[str, str]:
    """Return the tag of each tagged commit in the repository at ``path``: the highest version where there
    are several. Raises ConfigError.
    """
    _refuse_nul(path=str(path))
    listed = run(
        [
            "git",
            "-C",
            str(path),
            "for-each-ref",
            "--sort=version:refname",
            "--format=%(objectname) %(*objectname) %(refname:strip=2)",
            "refs/tags",
        ],
        check=False,
    )
    if listed.returncode != 0:
        raise ConfigError(
            f"The releases cannot be listed: {path} is not a git repository or cannot be read. "
            f"Set source_path to the shop's checkout. Message of git: {listed.stderr.strip()}",
            code="no_repository",
        )
    lines = (line.split(" ") for line in listed.stdout.splitlines())
    return {annotated or commit: tag for commit, annotated, tag in lines}
