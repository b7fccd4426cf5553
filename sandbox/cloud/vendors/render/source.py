# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Render builds from: a commit of the shop's git repository."""

from __future__ import annotations

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...builds import Blobs


@dataclass(frozen=True)
class Commit:
    """A commit with the files below a folder of it, by path with their entries."""

    id: str
    message: str
    created: str
    files: dict[str, str]

    @property
    def node(self) -> dict[str, str]:
        return {"id": self.id, "message": self.message, "createdAt": self.created}


class UnknownCommit(Exception):
    """The repository has no such commit, or no such folder in it."""


def read_commit(repository: Path, revision: str, folder: str, blobs: Blobs) -> Commit:
    """Return a commit of the repository. Raises UnknownCommit."""
    identifier, created, message = (
        _git(repository, "log", "-1", "--format=%H%n%cI%n%B", "--end-of-options", revision).decode().split("\n", 2)
    )
    archive = _git(repository, "archive", "--format=tar", f"{identifier}:{folder}")
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            if kept := blobs.put_member(tar, member):
                files[member.name] = kept
    return Commit(identifier, message.strip(), created, files)


def _git(repository: Path, *words: Any) -> bytes:
    done = subprocess.run(["git", "-C", str(repository), *words], capture_output=True, check=False)
    if done.returncode != 0:
        raise UnknownCommit(done.stderr.decode(errors="replace").strip())
    return done.stdout
