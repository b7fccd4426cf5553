# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds a second migrator: a unit whose start or pre-deploy command runs Prisma's migrations."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path

from ..core.errors import ConfigError
from .script_runners import runs_of
from .script_sources import Project, declared, read_project

MIGRATES = frozenset({("migrate", "deploy"), ("migrate", "dev"), ("migrate", "reset"), ("db", "push")})
PRISMA = re.compile(r"(?:.*/)?prisma(?:@\S+)?(?:/build/index\.js)?(?:\.cmd)?")
ASSIGNED = re.compile(r"\b([A-Z_][A-Z0-9_]*)=(?:'[^']*'|\"[^\"]*\"|\S)*")
PASSWORD = re.compile(r"(?<=postgres)((?:ql)?://)\S*@|//[^/@\s]*@")
# In a program: execSync("npx prisma migrate deploy"), spawn("prisma", ["migrate", "deploy"]).
IN_CODE = re.compile(
    r"""\bprisma\b["'`\]\s,\[]{1,20}(?:(migrate)["'`\s,]{1,9}(deploy|dev|reset)|(db)["'`\s,]{1,9}(push))\b"""
)
INNER = re.compile(r"(?<=[^\s;&|()])#")  # no comment: api#migrate


def second_migrator(
    commands: Iterable[str], scripts: Mapping[str, str] | None = None, project: Project | None = None
) -> str | None:
    """Return why one of ``commands`` would migrate too, None when none of them does. ``scripts`` are those of
    package.json, which commands may run; ``project`` is all that a release has of them.
    """
    project = project or Project(own={name: [text] for name, text in (scripts or {}).items()})
    for command in commands:
        for way in _ways(command, project, set()):
            return f"the command {shown(command)} runs {way}"
    return None


def shown(command: str) -> str:
    """A command in quotes, without what it assigns to variables and without the passwords of URLs."""
    return repr(PASSWORD.sub(lambda found: f"{found[1] or '//'}…@", ASSIGNED.sub(r"\1=…", command)))


def refuse_second_migrator(commands: Sequence[str], runner: str, files: Path) -> None:
    """Raise ConfigError where a unit would migrate besides ``runner``, and with the runner platform where
    none would. ``files`` are the release's.
    """
    project = read_project(files)
    other = second_migrator(commands, project=project)
    for name, command in declared(files) if not other else ():
        other = other or next(
            (
                f"{name} of the release, whose command {shown(command)} runs {way}"
                for way in _ways(command, project, set())
            ),
            None,
        )
    if other and runner != "platform":
        raise ConfigError(
            f"Two would migrate the database: this play (runner: {runner}), and {other}, unclassified and without a"
            " backup. Take it out of that command, or set the runner to platform.",
            code="second_migrator",
        )
    if not other and runner == "platform":
        raise ConfigError(
            "Nothing would migrate the database: the runner is platform, and none of the commands"
            f" ({', '.join(map(shown, commands)) or 'there are none'}) runs prisma migrate deploy. Set it as the"
            " pre-deploy command of one unit, or use another runner.",
            code="no_migrator",
        )


def _ways(command: str, project: Project, seen: set[str]) -> Iterator[str]:
    """How a command comes to migrate. What is in ``seen`` was followed already, so that scripts that call
    each other end.
    """
    for words in _simple_commands(command):
        for position, word in enumerate(words):
            rest = list(islice(words, position + 1, None))
            # an option may have a value before them
            pairs = sorted(MIGRATES.intersection(pairwise(each for each in rest if not each.startswith("-"))))
            if PRISMA.fullmatch(word) and pairs:
                yield f"prisma {' '.join(pairs[0])}"
                continue
            if any(space in word for space in " \t\n"):  # sh -c "…"
                yield from _ways(word, project, seen)
                continue
            for place, text, code in runs_of(word, rest, project):
                if place + text not in seen:
                    seen.add(place + text)
                    yield from (
                        f"{way}, by {place}" for way in (_ways_of_code(text) if code else _ways(text, project, seen))
                    )


def _ways_of_code(text: str) -> Iterator[str]:
    for found in IN_CODE.finditer(text):
        yield " ".join(["prisma", *(word for word in found.groups() if word)])


def _simple_commands(command: str) -> Iterator[list[str]]:
    command = INNER.sub("\0", command.replace("\\\n", " "))
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|()\n")
        lexer.whitespace, lexer.whitespace_split = " \t\r", True
        words = list(lexer)  # a comment ends with its line, which ends a command
    except ValueError:  # an unclosed quote: better one word too many than one too few
        words = command.split()
    simple: list[str] = []
    for word in words:
        if word.strip(";&|()\n"):
            simple.append(word.replace("\0", "#"))
        elif simple:
            yield simple
            simple = []
    if simple:
        yield simple
