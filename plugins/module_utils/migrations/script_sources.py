# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a release keeps commands: scripts of every package.json, targets of make and nx, files that a
command names, and what it makes its platform run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..core.json_text import loads

try:
    import yaml

    YAML_ERROR: str | None = None
except ImportError as error:  # reported by core.module.run through missing_required_lib
    YAML_ERROR = str(error)

try:
    import tomllib
except ImportError:  # Python 3.10 and older: its platform then knows more than is read here
    tomllib = None  # type: ignore[assignment]

LARGEST = 65536  # bytes of a file that is read
MOST = 300  # files of one name
MAKEFILES = ("Makefile", "makefile", "GNUmakefile", "justfile", "Justfile")
SHELL = re.compile(r"#!.*\b(?:ba|da|z|k)?sh\b")
RULE = re.compile(r"^@?([\w./:-]+)[^\S\n]*[^\n:=]*:(?!=)([^\n]*)\n((?:[ \t]+[^\n]*\n|\n)*)", re.MULTILINE)
COMMANDS = (
    "startCommand",
    "preDeployCommand",
    "buildCommand",
    "dockerCommand",
    "initialDeployHook",
    "cmd",
    "cmds",
    "release_command",
    "postdeploy",
)


@dataclass
class Project:
    """``own`` are the scripts of the release's package.json, ``others`` those of other packages of its
    workspace, each name with every text it has there.
    """

    own: dict[str, list[str]] = field(default_factory=dict)
    others: dict[str, list[str]] = field(default_factory=dict)
    rules: dict[str, list[str]] = field(default_factory=dict)
    depends: dict[str, list[str]] = field(default_factory=dict)
    files: Path | None = None

    def script(self, name: str, *, workspace: bool) -> list[str]:
        """The texts of a script: the package's own, and where another package may be meant, theirs too."""
        own, others = self.own.get(name, []), self.others.get(name, [])
        return [*own, *others] if workspace or not own else own

    def names(self) -> list[str]:
        return [*self.own, *(name for name in self.others if name not in self.own)]

    def text_of(self, word: str) -> tuple[str, bool] | None:
        """The text of a file of the release that a command names, and whether it is a shell script."""
        if self.files is None or not re.fullmatch(r"[\w./@-]+", word) or "node_modules" in word:
            return None
        path = (self.files / word).resolve()
        if not path.is_relative_to(self.files.resolve()) or not path.is_file() or path.stat().st_size > LARGEST:
            return None
        text = path.read_text(errors="replace")
        return text, path.suffix in (".sh", ".bash") or bool(SHELL.match(text))


def read_project(files: Path) -> Project:
    """Read what a release has of scripts. Raises ConfigError for a package.json that is not JSON."""
    package = files / "package.json"
    try:
        own = loads(package.read_text()) if package.is_file() else {}
    except ValueError:
        raise ConfigError(
            "The release's package.json is not JSON, so its scripts cannot be read. Correct it.", code="bad_package"
        ) from None
    project = Project(files=files, own=_scripts(own))
    for path in _found(files, "package.json"):
        if path != package:
            _add(project.others, _scripts(_json(path)))
    for path in _found(files, "project.json"):
        _add(project.others, _targets(_json(path)))
    for path in _found(files, "turbo.json"):
        tasks = _json(path)
        for name, task in _mapping(tasks.get("tasks") or tasks.get("pipeline")).items():
            project.depends.setdefault(name.rpartition("#")[2], []).extend(
                map(str, _mapping(task).get("dependsOn") or [])
            )
    for name in MAKEFILES:
        if (files / name).is_file():
            for target, needs, recipe in RULE.findall((files / name).read_text(errors="replace") + "\n"):
                lines = [line.strip().lstrip("@-") for line in recipe.splitlines()]
                project.rules.setdefault(target, []).append(
                    "\n".join([*(f"make {need}" for need in needs.split()), *lines])
                )
    return project


def _found(files: Path, name: str) -> Iterator[Path]:
    count = 0
    for path in sorted(files.glob(f"**/{name}")):
        if "node_modules" not in path.parts and count < MOST:
            count += 1
            yield path


def _json(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return _mapping(loads(path.read_text()))
    return {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _add(to: dict[str, list[str]], scripts: Mapping[str, Sequence[str]]) -> None:
    for name, texts in scripts.items():
        to.setdefault(name, []).extend(texts)


def _scripts(package: Mapping[str, Any]) -> dict[str, list[str]]:
    scripts = {name: [text] for name, text in _mapping(package.get("scripts")).items() if isinstance(text, str)}
    for name, each in _mapping(package.get("wireit")).items():
        needs = [
            need.get("script", "") if isinstance(need, dict) else str(need)
            for need in _mapping(each).get("dependencies") or []
        ]
        runs = [f"npm run {need.partition(':')[2] if need.startswith('.') else need}" for need in needs]
        scripts.setdefault(name, []).append("\n".join([*runs, str(_mapping(each).get("command") or "")]))
    return scripts


def _targets(project: Mapping[str, Any]) -> dict[str, list[str]]:
    targets: dict[str, list[str]] = {}
    for name, target in _mapping(project.get("targets")).items():
        options = _mapping(target.get("options"))
        commands = [
            target.get("command"),
            options.get("command"),
            options.get("script") and f"npm run {options['script']}",
            *(options.get("commands") or []),
        ]
        needs = [
            f"nx {each.get('target', '') if isinstance(each, dict) else each.lstrip('^')}"
            for each in target.get("dependsOn") or []
        ]
        texts = [each.get("command", "") if isinstance(each, dict) else str(each) for each in commands if each]
        targets.setdefault(name, []).append("\n".join([*needs, *texts]))
    return targets


def declared(files: Path) -> list[tuple[str, str]]:
    """What the release's own files make a platform run, as (the file, the command)."""
    found: list[tuple[str, str]] = []
    for name in (
        "Procfile",
        "Dockerfile",
        "railway.json",
        "app.json",
        "railway.toml",
        "nixpacks.toml",
        "fly.toml",
        "render.yaml",
    ):
        path = files / name
        if path.is_file() and path.stat().st_size <= LARGEST:
            text = path.read_text(errors="replace")
            with suppress(ValueError, yaml.YAMLError):
                found.extend((name, command) for command in _commands(name, text))
    return found


def _commands(name: str, text: str) -> Iterator[str]:
    if name == "Procfile":
        yield from (
            line.partition(":")[2].strip() for line in text.splitlines() if ":" in line and not line.startswith("#")
        )
    elif name == "Dockerfile":
        yield from _of_docker(text)
    elif name.endswith(".json"):
        yield from _inside(loads(text))
    elif name.endswith(".toml") and tomllib:
        yield from _inside(tomllib.loads(text))
    elif name.endswith(".yaml"):
        yield from _inside(yaml.safe_load(text))


def _of_docker(text: str) -> Iterator[str]:
    """The last ENTRYPOINT and the last CMD, which are what a container runs."""
    last: dict[str, str] = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        word, _space, rest = line.strip().partition(" ")
        if word.upper() in ("CMD", "ENTRYPOINT"):
            last[word.upper()] = rest.strip()
        elif word.upper() == "FROM":
            last = {}
    for rest in last.values():
        try:
            yield shlex.join(loads(rest))
        except (ValueError, TypeError):
            yield rest


def _inside(value: Any) -> Iterator[str]:
    for each in value if isinstance(value, list) else ():
        yield from _inside(each)
    for key, each in _mapping(value).items():
        if key in COMMANDS:
            yield from (
                str(command) for command in (each if isinstance(each, list) else [each]) if isinstance(command, str)
            )
        else:
            yield from _inside(each)
