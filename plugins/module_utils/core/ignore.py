# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ignore files such as .gitignore and .vercelignore leave out of an upload, by git's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from .errors import ConfigError

# Reported by core.module.run through missing_required_lib. It is imported where there are patterns to read, for most tasks read none.
PATHSPEC_ERROR = None if find_spec("pathspec") else "No module named 'pathspec'"

Ignored: TypeAlias = Callable[[Path, bool], bool]
Rule: TypeAlias = Callable[[str], bool | None]  # of a path relative to the file's folder, a folder's with a slash at its end: left out, kept, or not named


def nothing_ignored(path: Path, is_folder: bool) -> bool:
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

    def predicate(path: Path, is_folder: bool) -> bool:
        layers = [layer for name in reversed(names) for layer in rules(path.parent, name)]
        for folder, lines in [*layers, (root, base)]:
            if lines:
                relative = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
                for rule in lines:
                    said = rule(relative)
                    if said is not None:
                        return said
        return False

    return predicate


def _rules(lines: Iterable[str]) -> list[Rule]:
    """Return the rules of a file's lines, the last line first."""
    return [_rule(line) for line in reversed(list(lines)) if line.strip() and not line.startswith("#")]


def _rule(line: str) -> Rule:
    """A line that names a folder names, to pathspec, all below it too. Here only what a line names itself counts: a folder's files are looked at one by one."""
    from pathspec import GitIgnoreSpec

    pattern: Any = GitIgnoreSpec.from_lines([line]).patterns[0]
    named = line.strip().lstrip("!").rstrip("/")
    depth, of_folders = named.strip("/").count("/"), line.strip().endswith("/")

    def rule(path: str) -> bool | None:
        if of_folders and not path.endswith("/"):
            matches = False
        elif "/" not in named:
            matches = pattern.match_file(path.rstrip("/").rpartition("/")[2] + ("/" if path.endswith("/") else ""))
        elif "**" not in named:
            matches = path.rstrip("/").count("/") == depth and pattern.match_file(path)
        else:
            above = path.rstrip("/").rpartition("/")[0]
            matches = pattern.match_file(path) and (named.endswith("/**") or not (above and pattern.match_file(above + "/")))
        return pattern.include if matches else None

    return rule
