# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upload to Railway: one archive, the same bytes for the same files."""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path

from ...core.errors import ConfigError
from ...source.checkout import Source
from ...source.files import SourceFile, list_files
from ...source.ignore import ignored, in_each_folder
from ...source.ignore_git import GitRules

IGNORE_FILE = ".railwayignore"
NEVER = frozenset({".git", "node_modules"})  # names that Railway's own client always leaves out


def files_of(source: Source, top: Path) -> list[SourceFile]:
    """Return the files to send: those that .railwayignore does not leave out; of a plain folder also without those that
    git ignores.

    ``top`` is the folder above a plain folder whose ignore files apply too.
    """
    top = source.top or top.resolve()
    names = [IGNORE_FILE] if source.commit else [".gitignore", IGNORE_FILE]
    layers = [in_each_folder(top, name, GitRules if name == ".gitignore" else _rules) for name in names]
    files = list_files(source.root, ignored(layers, NEVER))
    if not files:
        raise ConfigError(
            f"{' and '.join(names)} leave out every file, so there is nothing to upload. Correct them, or"
            " root_directory.",
            code="empty_source",
        )
    return files


def _rules(text: str) -> GitRules:
    return GitRules(re.sub(r"^(!?)\./", r"\1", text, flags=re.MULTILINE))


def digest(files: Iterable[SourceFile]) -> str:
    """Return the SHA-256 of all paths, contents and executable bits."""
    lines = (f"{file.sha1()} {'x' if file.executable else '-'} {file.path}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def pack(files: Iterable[SourceFile], archive: Path) -> None:
    """Write ``files`` as a tar.gz with ``./`` before each path, like Railway's own client; memory does not
    grow with their size.
    """
    with (
        archive.open("wb") as stream,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for file in files:
            member = tarfile.TarInfo(f"./{file.path}")
            member.size = file.size
            member.mode = 0o755 if file.executable else 0o644
            with file.open() as content:
                tar.addfile(member, content)
                content.read(1)  # the read at the end checks that the file has not changed
