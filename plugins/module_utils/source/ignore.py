# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ignore files such as .gitignore and .vercelignore leave out of an upload."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol, TypeAlias

from ..core.errors import ConfigError
from .ignore_git import GitRules

Ignored: TypeAlias = Callable[[str, bool], bool]


class Rules(Protocol):
    """``verdict`` of a path relative to the rules' folder: left out, taken back (False), or not named (None).

    Where ``marks_folders`` is set, a folder's path always has a slash at its end. Else the rules are asked about a folder twice: with the slash as what
    lies in it sees it, and without.
    """

    marks_folders: bool

    def verdict(self, path: str) -> bool | None: ...


# Gives the rules that speak of what lies in a folder, the strongest first, each with its own folder.
Layer: TypeAlias = Callable[[Path], Iterable[tuple[Path, Rules]]]


def nothing_ignored(path: str, is_folder: bool) -> bool:
    return False


def ignored(layers: Sequence[Layer], never: frozenset[str] = frozenset()) -> Ignored:
    """Return ``predicate(path, is_folder)`` for absolute paths: whether it is left out.

    A later layer overrules an earlier one, so what is left out by default comes first. Names in ``never`` are left out whatever the layers say. What lies
    in a folder that is left out cannot be taken back: whoever walks the tree does not go into such a folder.
    """

    @cache
    def rules_for(folder: str) -> list[tuple[int, Rules]]:
        """Each with the length of what comes before the paths that it names."""
        found = [item for layer in reversed(layers) for item in layer(Path(folder))]
        return [(len(str(above).rstrip("/")) + 1, rules) for above, rules in found]

    def verdict(path: str, folder: str, is_folder: bool, slash: bool) -> bool:
        for start, rules in rules_for(folder):
            said = rules.verdict(path[start:] + ("/" if slash or (is_folder and rules.marks_folders) else ""))
            if said is not None:
                return said
        return False

    def predicate(path: str, is_folder: bool) -> bool:
        folder, _slash, name = path.rpartition("/")
        if name in never:
            return True
        return verdict(path, folder or "/", is_folder, False) or (is_folder and verdict(path, folder or "/", is_folder, True))

    return predicate


def constant(folder: Path, rules: Rules) -> Layer:
    """Return the layer of rules that are no file's."""
    return lambda below: [(folder, rules)]


def in_each_folder(top: Path, name: str, parse: Callable[[str], Rules] = GitRules) -> Layer:
    """Return the layer of the files of a name in ``top`` and in every folder below it. The deeper file overrules the one above it."""

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
    """Return what an ignore file says; None where there is none. Raises ConfigError."""
    if not file.is_file():
        return None
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            return stream.read()
    except (OSError, ValueError) as problem:
        raise ConfigError(f"{file} cannot be read as patterns of what to leave out: {problem}. Correct it.", code="ignore_file") from None
