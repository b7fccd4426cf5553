# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a shop's services from the platforms' own files: railway.json and railway.toml, render.yaml, vercel.json."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import ConfigError
from .obstacle import Obstacle
from .tree import Tree, join

RAILWAY = re.compile(r"railway(?:[._-](?P<name>[\w-]+))?\.(?:json|toml)")
RENDER = ("render.yaml", "render.yml")
KINDS = {"web": "web", "pserv": "web", "worker": "worker", "cron": "cron"}


@dataclass(frozen=True)
class Service:
    """A service as a file describes it; a missing setting is None. ``folder`` is that of the file, or its rootDir.
    ``obstacle`` is why the sandbox cannot run it.
    """

    file: str
    name: str
    folder: str
    kind: str | None = None
    build: str | None = None
    start: str | None = None
    pre_deploy: str | None = None
    health: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    obstacle: Obstacle | None = None


def read_services(tree: Tree, platform: str) -> list[Service]:
    """Return the services in the platform's file; without one, those in the other platform's file. Raises
    ConfigError.
    """
    readers = {"railway": _railway, "render": _render}
    order = [platform, *(name for name in readers if name != platform)]
    return next((found for name in order if (found := readers[name](tree))), [])


def read_vercel(tree: Tree, folder: str) -> dict[str, str]:
    """Return the commands and folders of the vercel.json in a folder. Raises ConfigError."""
    content = tree.json(join(folder, "vercel.json"))
    return {key: content[key] for key in ("buildCommand", "outputDirectory") if isinstance(content.get(key), str)}


def _railway(tree: Tree) -> list[Service]:
    found = []
    for path in sorted(tree.paths):
        folder, _slash, name = path.rpartition("/")
        if not (matched := RAILWAY.fullmatch(name)):
            continue
        content = tree.toml(path) if name.endswith(".toml") else tree.json(path)
        build, deploy = _mapping(content, "build", path), _mapping(content, "deploy", path)
        health = _text(deploy, "healthcheckPath")
        kind = "cron" if deploy.get("cronSchedule") else "web" if health else None
        commands = (_text(build, "buildCommand"), _text(deploy, "startCommand"), _text(deploy, "preDeployCommand"))
        obstacle = _dockerfile(path) if str(build.get("builder", "")).upper() == "DOCKERFILE" else None
        name = matched["name"] or ""
        found.append(Service(path, name, join(folder), kind, *commands, health=health, obstacle=obstacle))
    return found


def _render(tree: Tree) -> list[Service]:
    path = next((name for name in RENDER if name in tree), RENDER[0])
    found = []
    for item in _list(tree.yaml(path), "services", path):
        if not isinstance(item, dict):
            raise ConfigError(
                f"{path}: services is not a list of mappings. Correct the file.", code="bad_file", file=path
            )
        kind = KINDS.get(str(item.get("type")))
        runtime = str(item.get("runtime") or item.get("env") or "node")
        if kind is None or runtime == "static":
            continue  # Redis, or a static site, which is the frontend
        values = {
            str(one["key"]): str(one["value"])
            for one in _list(item, "envVars", path)
            if isinstance(one, dict) and {"key", "value"} <= one.keys()
        }
        commands = (_text(item, "buildCommand"), _text(item, "startCommand"), _text(item, "preDeployCommand"))
        root = join(str(item.get("rootDir") or ""))
        found.append(
            Service(
                path,
                str(item.get("name") or kind),
                root,
                kind,
                *commands,
                health=_text(item, "healthCheckPath"),
                variables=values,
                obstacle=None if runtime == "node" else _runtime(path, item.get("name"), runtime),
            )
        )
    return found


def _dockerfile(path: str) -> Obstacle:
    cause = f"{path} builds from a Dockerfile, which the sandbox cannot do"
    return Obstacle(path, cause, "Set build.buildCommand, or remove builder.", "dockerfile")


def _runtime(path: str, name: Any, runtime: str) -> Obstacle:
    cause = f"{path}: the service {name} has the runtime {runtime}, and the sandbox can run node only"
    return Obstacle(path, cause, "Remove the service, or set its runtime to node.", "runtime")


def _mapping(content: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any]:
    value = content.get(key) or {}
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {key} is not a mapping. Correct the file.", code="bad_file", file=path)
    return value


def _list(content: Mapping[str, Any], key: str, path: str) -> list[Any]:
    value = content.get(key) or []
    if not isinstance(value, list):
        raise ConfigError(f"{path}: {key} is not a list. Correct the file.", code="bad_file", file=path)
    return value


def _text(content: Mapping[str, Any], key: str) -> str | None:
    """Return a text; several commands become one."""
    value = content.get(key)
    if isinstance(value, list):
        value = " && ".join(str(one) for one in value)
    return value if isinstance(value, str) and value else None
