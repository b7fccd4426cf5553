# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shop's files, from which its settings are read: in a folder, a commit, or a test's dictionary. Errors
name the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ...core.errors import ConfigError
from ...core.json_text import loads

try:
    import yaml
except ImportError:
    HAS_YAML = False
    NOT_READABLE: tuple[type[Exception], ...] = (ValueError, RecursionError)
else:
    HAS_YAML = True
    NOT_READABLE = (ValueError, RecursionError, yaml.YAMLError)

LARGEST = 32 << 20  # bytes of a file that is read; the largest lockfiles have some megabytes
LEFT_OUT = frozenset({".git", "node_modules", ".next", ".turbo"})


@dataclass(frozen=True)
class Tree:
    """The paths of a shop's files below its top, and the function that reads one of them."""

    paths: frozenset[str]
    read: Callable[[str], str]

    @classmethod
    def of(cls, files: Mapping[str, str]) -> Tree:
        """Return a tree of texts by path."""
        return cls(frozenset(files), files.__getitem__)

    @classmethod
    def of_folder(cls, folder: Path | str) -> Tree:
        """Return the tree of a folder, without the files of git and the package managers. Raises
        ConfigError when there is no such folder.
        """
        top = Path(folder)
        if not top.is_dir():
            raise ConfigError(f"There is no folder {top}. Give the top of the shop's repository.", code="no_source")
        paths = []
        for here, folders, names in os.walk(top):
            folders[:] = [name for name in folders if name not in LEFT_OUT]
            # no broken links
            paths += [Path(here, name).relative_to(top).as_posix() for name in names if Path(here, name).is_file()]
        return cls(frozenset(paths), lambda path: _read(top, path))

    def __contains__(self, path: str) -> bool:
        return path in self.paths

    def named(self, *names: str) -> list[str]:
        """Return the paths of the files with these names, those nearest to the top first."""
        found = [
            path
            for path in self.paths
            if PurePosixPath(path).name in names and not LEFT_OUT.intersection(PurePosixPath(path).parts)
        ]
        return sorted(found, key=lambda path: (path.count("/"), path))

    def text(self, path: str) -> str:
        """Return a file's text, empty where there is no such file."""
        return self.read(path) if path in self.paths else ""

    def json(self, path: str) -> dict[str, Any]:
        """Return the object in a JSON file, empty where there is no such file. Raises ConfigError."""
        return self._parsed(path, loads, "JSON")

    def toml(self, path: str) -> dict[str, Any]:
        """Return the table in a TOML file, empty where there is no such file. Raises ConfigError."""
        return self._parsed(path, tomllib.loads, "TOML")

    def yaml(self, path: str) -> dict[str, Any]:
        """Return the mapping in a YAML file, empty where there is no such file. Raises ConfigError."""
        if path in self.paths and not HAS_YAML:
            raise ConfigError(
                f"Reading {path} needs the Python package PyYAML. Install it: pip install PyYAML.",
                code="missing_library",
            )
        return self._parsed(path, lambda text: yaml.safe_load(text) or {}, "YAML")

    def _parsed(self, path: str, parse: Callable[[str], Any], form: str) -> dict[str, Any]:
        if path not in self.paths:
            return {}
        try:
            content = parse(self.read(path))
        except NOT_READABLE as error:
            raise ConfigError(
                f"{path} is not valid {form}: {' '.join(str(error).split())[:200]}. Correct the file.",
                code="bad_file",
                file=path,
            ) from None
        if not isinstance(content, dict):
            raise ConfigError(
                f"{path} does not hold a {form} mapping at its top. Correct the file.", code="bad_file", file=path
            )
        return content


def _read(top: Path, path: str) -> str:
    """Return a file's text. Raises ConfigError for a link that leads out of the folder, and for a file that cannot be
    read. Editors on Windows begin a file with a mark, which is left out.
    """
    file = Path(top, path)
    if not file.resolve().is_relative_to(top.resolve()):
        raise ConfigError(
            f"{path} is a link that leads out of the shop's folder, so it is not read. Replace it by the file itself.",
            code="bad_file",
            file=path,
        )
    try:
        size = file.stat().st_size
        text = file.read_text(encoding="utf-8-sig", errors="replace") if size <= LARGEST else ""
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}. Give this account the right to read it.",
            code="bad_file",
            file=path,
        ) from None
    if size > LARGEST:
        raise ConfigError(
            f"{path} has {size >> 20} MB and is not read above {LARGEST >> 20}. Correct the file.",
            code="bad_file",
            file=path,
        )
    return text


def join(folder: str, *names: str) -> str:
    """Return a path below a folder of the tree, whose top is the empty string."""
    path = PurePosixPath(folder or ".", *names).as_posix()
    return "" if path == "." else path


def nearest(folder: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that is the folder itself or the nearest one above it."""
    above = {join(str(path)) for path in (PurePosixPath(folder or "."), *PurePosixPath(folder or ".").parents)}
    return max((candidate for candidate in candidates if candidate in above), key=len, default=None)
