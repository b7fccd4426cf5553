# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiler's cache of Next.js, restored before a build as Vercel restores it: only what changed is compiled."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The folder beside it has what a build has fetched, which belongs to one shop.
COMPILER = Path(".next", "cache", "turbopack")


class NextCache:
    """Keeps the cache of each app's last good build. Turbopack looks up everything by its content, so builds of other
    storefronts and of other releases may use it. Other processes may share the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def restore(self, app: Path, name: str) -> bool:
        """Copy what was kept of the app ``name`` below its folder; False if there is nothing."""
        kept = self._kept(name)
        with _locked(kept, fcntl.LOCK_SH):
            if not kept.exists():
                return False
            shutil.copytree(kept, app / COMPILER, dirs_exist_ok=True)
        return True

    def keep(self, app: Path, name: str) -> None:
        """Move the cache out of a built app, in place of the one that was kept before."""
        if not (app / COMPILER).is_dir():
            return
        kept = self._kept(name)
        old = kept.with_suffix(".old")
        with _locked(kept, fcntl.LOCK_EX):
            shutil.rmtree(old, ignore_errors=True)  # by a process that was killed
            if kept.exists():
                kept.rename(old)
            (app / COMPILER).rename(kept)
            shutil.rmtree(old, ignore_errors=True)

    def _kept(self, name: str) -> Path:
        return self.folder / hashlib.sha256(name.encode()).hexdigest()


@contextmanager
def _locked(kept: Path, how: int) -> Iterator[None]:
    with kept.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, how)
        yield
