# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files an ignore file such as .gitignore or .vercelignore leaves out of an upload."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol, TypeAlias

from ..core.errors import ConfigError
from .ignore_git import GitRules

Ignored: TypeAlias = Callable[[str, bool], bool]


class Rules(Protocol):
    """``verdict`` of a path relative to the rules' folder: left out (True), included again (False), or not matched
    (None).

    Where ``marks_folders`` is set, a folder's path always ends with a slash. Otherwise a folder is matched twice:
    without the slash, and with it, as for the files inside.
    """

    marks_folders: bool

    def verdict(self, path: str) -> bool | None: ...


# Returns the rules that apply to the files in a folder, the strongest first, each with its own folder.
Layer: TypeAlias = Callable[[Path], Iterable[tuple[Path, Rules]]]


def nothing_ignored(path: str, is_folder: bool) -> bool:
    return False


def ignored(layers: Sequence[Layer], never: frozenset[str] = frozenset()) -> Ignored:
    """Return ``predicate(path, is_folder)`` for absolute paths: whether the path is left out.

    A later layer overrides an earlier one, so defaults come first. Names in ``never`` are always left out. A file in a
    folder that is left out cannot be included again: the caller does not descend into such a folder.
    """

    @cache
    def rules_for(folder: str) -> list[tuple[int, Rules]]:
        """Return the rules, each with the length of the prefix to remove from an absolute path."""
        found = [item for layer in reversed(layers) for item in layer(Path(folder))]
        return [(len(str(above).rstrip("/")) + 1, rules) for above, rules in found]

    def left_out(path: str, folder: str, is_folder: bool, slash: bool) -> bool:
        for start, rules in rules_for(folder):
            verdict = rules.verdict(path[start:] + ("/" if slash or (is_folder and rules.marks_folders) else ""))
            if verdict is not None:
                return verdict
        return False

    def predicate(path: str, is_folder: bool) -> bool:
        folder, _slash, name = path.rpartition("/")
        if name in never:
            return True
        return left_out(path, folder or "/", is_folder, False) or (
            is_folder and left_out(path, folder or "/", is_folder, True)
        )

    return predicate


def constant(folder: Path, rules: Rules) -> Layer:
    """Return a layer of rules that do not come from a file."""
    return lambda below: [(folder, rules)]


def in_each_folder(top: Path, name: str, parse: Callable[[str], Rules] = GitRules) -> Layer:
    """Return the layer of the files with this name in ``top`` and in every folder below it. A deeper file
    overrides those above it.
    """

    @cache
    def rules_of(folder: Path) -> Rules | None:
        text = read_patterns(folder / name)
        return None if text is None else parse(text)

    def layer(folder: Path) -> Iterator[tuple[Path, Rules]]:
        for above in (folder, *folder.parents):
            rules = rules_of(above)
            if rules:
                yield above, rules
            if above == top:
                return

    return layer


def read_patterns(file: Path) -> str | None:
    """Return the text of an ignore file; None where there is none. Raises ConfigError."""
    if not file.is_file():
        return None
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            return stream.read()
    except (OSError, ValueError) as problem:
        raise ConfigError(
            f"The ignore file {file} cannot be read: {problem}. Correct it.", code="ignore_file"
        ) from None
