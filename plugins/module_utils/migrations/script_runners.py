# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which other commands a command runs: by a script of package.json, a target, or a file, with every runner
that is in use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from .script_sources import Project

PACKAGE_MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun", "yarnpkg", "bunx"})
MANY = frozenset({"npm-run-all", "npm-run-all2", "run-s", "run-p"})  # each word a pattern of scripts
TASKS = frozenset({"turbo", "nx", "lerna", "wsrun", "ultra", "lage", "rush", "rushx", "moon"})
MAKES = frozenset({"make", "gmake", "just"})
CONCURRENT = frozenset({"concurrently", "conc"})
SHORT = re.compile(r"(?:npm|yarn|pnpm|bun|node|deno):(.+)")  # concurrently "npm:migrate-*"
INSTALLS = frozenset({"install", "i", "ci", "clean-install"})
HOOKS = ("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare")
ALIASES = {"t": "test", "tst": "test"}
WORKSPACE = re.compile(
    r"-r$|-w$|-C$|-F$|--(?:recursive|filter|workspace|workspaces|prefix|dir|cwd|ws)\b.*|workspaces?$|foreach$|m$"
)


class Run(NamedTuple):
    """A command that is run: what to call where it is written, and its text. ``code`` is the text of a
    program, not of a shell.
    """

    place: str
    text: str
    code: bool = False


def runs_of(word: str, rest: Sequence[str], project: Project) -> Iterator[Run]:
    """What the word of a command runs, given the words after it."""
    program = word.rpartition("/")[2].removesuffix(".cmd").partition("@")[0] or word
    words = [each for each in rest if not each.startswith("-")]
    if program in PACKAGE_MANAGERS:
        yield from _by_package_manager(program, rest, words, project)
    elif program in MANY:
        patterns = [each.split()[0] for each in words if each.split()]
        yield from _scripts(
            [name for name in project.names() if any(_matches(name, pattern) for pattern in patterns)], project
        )
    elif program in TASKS:
        yield from _by_tasks(rest, project)
    elif program in CONCURRENT:
        patterns = [found[1].split()[0] for each in words if (found := SHORT.match(each))]
        yield from _scripts(
            [name for name in project.names() if any(fnmatchcase(name, pattern) for pattern in patterns)], project
        )
    elif program in MAKES:
        targets = [each for each in words if each in project.rules] or list(project.rules)[:1]
        yield from (
            Run(f"the target {target} of the Makefile", text) for target in targets for text in project.rules[target]
        )
    elif program in ("node", "deno"):
        named = [
            each.partition("=")[2] or following
            for each, following in zip(rest, [*rest[1:], ""], strict=True)
            if each.partition("=")[0] == "--run"
        ]
        named += words[1:2] if program == "deno" and words[:1] == ["task"] else []
        yield from _scripts(named, project, hooks=False)
    file = project.text_of(word)
    if file:
        yield Run(f"the file {word.removeprefix('./')}", file[0], code=not file[1])


def _by_package_manager(program: str, rest: Sequence[str], words: Sequence[str], project: Project) -> Iterator[Run]:
    if INSTALLS & set(words[:1]) or (program in ("yarn", "yarnpkg") and not words):
        yield from _scripts(HOOKS, project, hooks=False)
    runs = next((place for place, each in enumerate(words, 1) if each in ("run", "run-script", "rum", "urn")), 0)
    named = [ALIASES.get(each, each) for each in words[runs:]]
    known = set(project.names())
    workspace = any(WORKSPACE.match(each) for each in rest)
    yield from _scripts(next(([each] for each in named if each in known), []), project, workspace=workspace)
    if program in ("pnpm", "bun") and runs and named and named[0].startswith("/"):  # pnpm run "/^migrate:/"
        pattern = re.compile(
            re.escape(named[0].strip("/")).replace(r"\^", "^").replace(r"\.\*", ".*").replace(r"\$", "$")
        )
        yield from _scripts([name for name in project.names() if pattern.search(name)], project, workspace=workspace)


def _by_tasks(rest: Sequence[str], project: Project) -> Iterator[Run]:
    known, wanted = {*project.names(), *project.depends}, []
    for each in rest:
        for part in re.split(r"[=,]", each):
            wanted += [
                name
                for name in (part, part.rpartition("#")[2], part.partition(":")[2], part.rpartition(":")[2])
                if name in known
            ]
    for name in wanted:  # grows as dependencies are found
        needs = [need.lstrip("^").rpartition("#")[2] for need in project.depends.get(name, [])]
        wanted += [need for need in needs if need not in wanted]
    yield from _scripts(list(dict.fromkeys(wanted)), project, workspace=True)


def _scripts(names: Sequence[str], project: Project, *, workspace: bool = False, hooks: bool = True) -> Iterator[Run]:
    for name in names:
        for script in [f"pre{name}", name, f"post{name}"] if hooks else [name]:
            yield from (
                Run(f"the script {script} of package.json", text)
                for text in project.script(script, workspace=workspace)
            )


def _matches(name: str, pattern: str) -> bool:
    """As npm-run-all: * is one part between colons, ** is any number of them."""
    expression = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^:]*").replace(r"\?", "[^:]")
    return re.fullmatch(expression, name) is not None
