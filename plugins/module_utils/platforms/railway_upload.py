# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is uploaded to Railway: one archive, the same bytes for the same files."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from collections.abc import Iterable
from pathlib import Path

from ..core.errors import ConfigError
from ..core.ignore import ignored
from ..core.source import Source, SourceFile, list_files

IGNORE_FILE = ".railwayignore"


def files_of(source: Source, top: Path) -> list[SourceFile]:
    """Return the files to send: of a commit all but what .railwayignore leaves out, of a folder also without what git would not take in.

    ``top`` is the folder whose ignore files count, where a plain folder lies in it.
    """
    top = source.top or top.resolve()
    names = [IGNORE_FILE] if source.commit else [".gitignore", IGNORE_FILE]
    files = list_files(source.root, ignored(top if source.root.is_relative_to(top) else source.root, names))
    if not files:
        raise ConfigError(f"{' and '.join(names)} leave nothing of the source to upload. Correct them, or root_directory.", code="empty_source")
    return files


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
