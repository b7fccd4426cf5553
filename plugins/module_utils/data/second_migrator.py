# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds who migrates besides: a unit whose start or pre-deploy command runs Prisma's migrations by itself."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path

from ..core.errors import ConfigError

MIGRATES = frozenset({("migrate", "deploy"), ("migrate", "dev"), ("migrate", "reset"), ("db", "push")})
PRISMA = re.compile(r"(?:.*/)?prisma(?:@\S+)?(?:/build/index\.js)?(?:\.cmd)?")
ASSIGNED = re.compile(r"\b([A-Z_][A-Z0-9_]*)=(?:'[^']*'|\"[^\"]*\"|\S)*")
PASSWORD = re.compile(r"(?<=postgres)((?:ql)?://)\S*@|//[^/@\s]*@")
# What runs a script of package.json: npm run migrate, pnpm start, yarn migrate.
PACKAGE_MANAGER = frozenset({"npm", "pnpm", "yarn", "bun"})


def second_migrator(commands: Iterable[str], scripts: Mapping[str, str] | None = None) -> str | None:
    """Return why one of ``commands`` would migrate too, None when none of them does. ``scripts`` are those of package.json, which commands may run."""
    for command in commands:
        for way in _ways(command, dict(scripts or {})):
            return f"the command {shown(command)} runs {way}"
    return None


def shown(command: str) -> str:
    """A command in quotes, without what it assigns to variables and without the passwords of URLs."""
    return repr(PASSWORD.sub(lambda found: f"{found[1] or '//'}…@", ASSIGNED.sub(r"\1=…", command)))


def refuse_second_migrator(commands: Sequence[str], runner: str, files: Path) -> None:
    """Raise ConfigError where a unit would migrate besides ``runner``, and with the runner platform where none would. ``files`` are the release's."""
    package = files / "package.json"
    try:
        scripts = json.loads(package.read_text()).get("scripts") if package.is_file() else None
    except ValueError:
        raise ConfigError("The release's package.json is not JSON, so its scripts cannot be read. Correct it.", code="bad_package") from None
    other = second_migrator(commands, scripts)
    if other and runner != "platform":
        raise ConfigError(
            f"Two would migrate the database: this play (runner: {runner}), and {other}, unclassified and without a backup. Take it out of "
            "that command, or set the runner to platform.",
            code="second_migrator",
        )
    if not other and runner == "platform":
        raise ConfigError(
            f"Nobody would migrate the database: the runner is platform, and none of the commands ({', '.join(map(shown, commands)) or 'there are none'}) runs "
            "prisma migrate deploy. Set it as the pre-deploy command of one unit, or use another runner.",
            code="no_migrator",
        )


def _ways(command: str, scripts: Mapping[str, str]) -> Iterator[str]:
    for words in _simple_commands(command):
        for position, word in enumerate(words):
            rest = [each for each in islice(words, position + 1, None) if not each.startswith("-")]
            pairs = sorted(MIGRATES.intersection(pairwise(rest)))  # an option may have a value before them
            if PRISMA.fullmatch(word) and pairs:
                yield f"prisma {' '.join(pairs[0])}"
            elif word.rpartition("/")[2] in PACKAGE_MANAGER and rest:
                runs = next((place for place, each in enumerate(rest, 1) if each in ("run", "run-script")), 0)
                named = rest[runs:]
                name = next((each for each in named if each in scripts), "")
                for script in [f"pre{name}", name, f"post{name}"] if name in scripts else ():
                    others = {key: text for key, text in scripts.items() if key != script}  # one that calls itself ends here
                    yield from (f"{way}, by the script {script} of package.json" for way in _ways(scripts.get(script, ""), others))
            elif any(space in word for space in " \t\n"):  # sh -c "…"
                yield from _ways(word, scripts)


def _simple_commands(command: str) -> Iterator[list[str]]:
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|()\n")
        lexer.whitespace, lexer.whitespace_split = " \t\r", True
        words = list(lexer)
    except ValueError:  # an unclosed quote: better one word too many than one too few
        words = command.split()
    simple: list[str] = []
    for word in words:
        if word.strip(";&|()\n"):
            simple.append(word)
        elif simple:
            yield simple
            simple = []
    if simple:
        yield simple
