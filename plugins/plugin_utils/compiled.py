# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports the files of this collection as Python imports any other: compiled once, then read from ``__pycache__``.

Ansible's own loader of collections compiles every file in every run. Call ``read_compiled`` before the other imports.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from typing import Any

ANSIBLES = "_AnsibleCollectionFinder"  # the class that finds collections
PLUGINS = __name__.rpartition(".plugin_utils.")[0] + "."


class CompiledOnce(MetaPathFinder):
    """Finds the files below ``prefix``, a package's name that ends in a dot."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._folders: dict[str, FileFinder] = {}

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        """Return where a file is; None leaves the search to the finders that follow."""
        for folder in (path or ()) if fullname.startswith(self.prefix) else ():
            if folder not in self._folders:
                self._folders[folder] = FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES))
            spec = self._folders[folder].find_spec(fullname)
            if spec and spec.loader:  # a folder without a file of its own has none
                return spec
        return None

    def invalidate_caches(self) -> None:
        for finder in self._folders.values():
            finder.invalidate_caches()


def read_compiled() -> None:
    """Search here before Ansible's own finder does, and change nothing before that one: ansible-test forbids it."""
    if any(isinstance(finder, CompiledOnce) for finder in sys.meta_path):
        return
    names = [type(finder).__name__ for finder in sys.meta_path]
    place = names.index(ANSIBLES) if ANSIBLES in names else len(names)
    sys.meta_path.insert(place, CompiledOnce(PLUGINS))
