# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is uploaded to Railway: one archive, the same bytes for the same files."""

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
NEVER = frozenset({".git", "node_modules"})  # that Railway's own client leaves out whatever an ignore file says


def files_of(source: Source, top: Path) -> list[SourceFile]:
    """Return the files to send: of a commit all but what .railwayignore leaves out, of a folder also without what git would not take in.

    ``top`` is the folder whose ignore files count, where a plain folder lies in it.
    """
    top = source.top or top.resolve()
    names = [IGNORE_FILE] if source.commit else [".gitignore", IGNORE_FILE]
    layers = [in_each_folder(top, name, GitRules if name == ".gitignore" else _rules) for name in names]
    files = list_files(source.root, ignored(layers, NEVER))
    if not files:
        raise ConfigError(f"{' and '.join(names)} leave nothing of the source to upload. Correct them, or root_directory.", code="empty_source")
    return files


def _rules(text: str) -> GitRules:
    return GitRules(re.sub(r"^(!?)\./", r"\1", text, flags=re.MULTILINE))


def digest(files: Iterable[SourceFile]) -> str:
    """Return one SHA-256 over all paths, contents and executable bits."""
    lines = (f"{file.sha1()} {'x' if file.executable else '-'} {file.path}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def pack(files: Iterable[SourceFile], archive: Path) -> None:
    """Write ``files`` as a tar.gz with ``./`` before each path, as Railway's own client does; memory does not grow with their size."""
    with (
        archive.open("wb") as stream,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for file in files:
            entry = tarfile.TarInfo(f"./{file.path}")
            entry.size = file.size
            entry.mode = 0o755 if file.executable else 0o644
            with file.open() as content:
                tar.addfile(entry, content)
                content.read(1)  # at its end it is checked that nothing was written to it meanwhile
