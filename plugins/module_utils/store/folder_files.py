# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a store in a folder: readable only by the owner, named when complete, and synced to disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from .base import Permit

LOCK_TIMEOUT = 30.0  # seconds; a write takes milliseconds, so a lock held for longer belongs to a stopped process
WRITE = LOCK_TIMEOUT + 5.0  # seconds of a write, including the wait for the lock
PARTIAL = ".partial"


class FolderWriter:
    """A hidden file that gets its name when it is complete and on disk."""

    def __init__(self, path: Path, permit: Permit, named_errors: Callable[[str], AbstractContextManager[None]]) -> None:
        permit(WRITE)
        self._path, self._permit, self._named_errors = path, permit, named_errors
        self._partial = self._path.with_name(f".{self._path.name}{PARTIAL}")
        with named_errors("write"):
            make_folder(self._path.parent)
            self._stream = os.fdopen(os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

    def write(self, data: bytes) -> None:
        with self._named_errors("write"):
            self._stream.write(data)

    def complete(self) -> None:
        self._permit(WRITE)
        with self._named_errors("write"):
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._partial.replace(self._path)
            sync(self._path.parent)

    def abort(self) -> None:
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self._partial.unlink()


def make_folder(folder: Path) -> None:
    """Create ``folder`` with its parents, accessible only to the owner, and sync them to disk."""
    if folder.is_dir():
        return
    if folder != folder.parent:
        make_folder(folder.parent)
    folder.mkdir(0o700, exist_ok=True)
    sync(folder.parent)


def sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
