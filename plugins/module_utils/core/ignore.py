# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ignore files such as .gitignore and .vercelignore leave out of an upload, by git's rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from .errors import ConfigError

# Reported by core.module.run through missing_required_lib. It is imported where there are patterns to read, for most tasks read none.
PATHSPEC_ERROR = None if find_spec("pathspec") else "No module named 'pathspec'"

Ignored: TypeAlias = Callable[[str, bool], bool]
Rule: TypeAlias = Callable[[str, str], bool | None]  # of a path relative to the file's folder, and its last part: left out, kept, or not named
PLAIN = re.compile(r"[\w.-]+/?")  # a name that stands for nothing but itself


def nothing_ignored(path: str, is_folder: bool) -> bool:
    return False


def ignored(root: Path, names: Iterable[str], always: Iterable[str] = ()) -> Ignored:
    """Return ``predicate(path, is_folder)`` for absolute paths below ``root``: whether it is left out.

    In ``root`` and each folder below it, a file of one of these ``names`` says what is left out of that folder. Of two files that disagree the one of
    the later name wins, then the deeper one; within a file the later line. ``always`` are patterns that all files may overrule. As with git, what lies
    in a folder that is left out cannot be taken back: whoever walks the tree does not go into such a folder.
    """
    names, base = tuple(names), _rules(always)

    def read(file: Path) -> list[Rule]:
        if not file.is_file():
            return []
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
            return _rules(lines if file.name == ".gitignore" else (line.removeprefix("./") for line in lines))
        except (OSError, ValueError) as problem:
            raise ConfigError(f"{file} cannot be read as patterns of what to leave out: {problem}. Correct it.", code="ignore_file") from None

    @cache
    def rules(folder: Path, name: str) -> list[tuple[Path, list[Rule]]]:
        """The rules of all files of a name that speak of what lies in a folder, those of the folder itself first."""
        return [(folder, read(folder / name)), *(rules(folder.parent, name) if folder != root else [])]

    @cache
    def layers(folder: str) -> list[tuple[int, list[Rule]]]:
        """All rules that speak of what lies in a folder, each file's with the length of what comes before the paths that it names."""
        found = [*(layer for name in reversed(names) for layer in rules(Path(folder), name)), (root, base)]
        return [(len(str(above).rstrip("/")) + 1, lines) for above, lines in found if lines]

    def predicate(path: str, is_folder: bool) -> bool:
        folder, _slash, name = path.rpartition("/")
        slash = "/" if is_folder else ""
        for start, lines in layers(folder or "/"):
            relative = path[start:] + slash
            for rule in lines:
                said = rule(relative, name + slash)
                if said is not None:
                    return said
        return False

    return predicate


def _rules(lines: Iterable[str]) -> list[Rule]:
    """Return the rules of a file's lines, the last line first; one rule for plain names that follow each other."""
    telling = (line for line in reversed(list(lines)) if line.strip() and not line.startswith("#"))
    found: list[Rule] = []
    for plain, group in groupby(telling, lambda line: bool(PLAIN.fullmatch(line))):
        if plain:
            found.append(_plain_rule(group))
        else:
            found.extend(map(_rule, group))
    return found


def _plain_rule(lines: Iterable[str]) -> Rule:
    named = frozenset(lines)
    named |= {f"{name}/" for name in named if not name.endswith("/")}
    return lambda path, name: True if name in named else None


def _rule(line: str) -> Rule:
    """A line that names a folder names, to pathspec, all below it too. Here only what a line names itself counts: a folder's files are looked at one by one."""
    from pathspec import GitIgnoreSpec

    pattern: Any = GitIgnoreSpec.from_lines([line]).patterns[0]
    named = line.strip().lstrip("!").rstrip("/")
    depth, of_folders = named.strip("/").count("/"), line.strip().endswith("/")

    def rule(path: str, name: str) -> bool | None:
        if of_folders and not path.endswith("/"):
            matches = False
        elif "/" not in named:
            matches = pattern.match_file(name)
        elif "**" not in named:
            matches = path.rstrip("/").count("/") == depth and pattern.match_file(path)
        else:
            above = path.rstrip("/").rpartition("/")[0]
            matches = pattern.match_file(path) and (named.endswith("/**") or not (above and pattern.match_file(above + "/")))
        return pattern.include if matches else None

    return rule
