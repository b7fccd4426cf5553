# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of a lockfile of pnpm or Yarn, written as a lockfile of npm: npm's audit service takes names and
versions, whichever program has chosen them.

Each package becomes a dependency of its own, by an alias. One that only the build needs is a devDependency.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import yaml

    YAML_ERROR = None
except ImportError:
    import traceback

    YAML_ERROR = traceback.format_exc()

from ..core.errors import ConfigError
from ..core.json_text import loads

PNPM, YARN = "pnpm-lock.yaml", "yarn.lock"
KINDS = RELEASE, OPTIONAL, BUILD = ("dependencies", "optionalDependencies", "devDependencies")
VERSION = re.compile(r"\d+\.\d+\.\d+(?:[-+][\w.+-]+)?")  # one of a registry; a link, a path or a commit is none
CLASSIC = re.compile(
    r"""^(?P<keys>[^\s#].*):$|^  version "?(?P<version>[^"]+)"?$|^ {4}"?(?P<name>[^"\s]+)"? "?(?P<range>[^"]+)"?$"""
)
Needs = Iterable[tuple[str, str]]  # names, and the version or range that is wanted of each


@dataclass(frozen=True)
class Package:
    """A version of a package. ``builds`` is whether only the build needs it."""

    name: str
    version: str
    builds: bool = False


@dataclass(frozen=True)
class Node:
    """An entry of a lockfile."""

    name: str
    version: str
    needs: Needs = ()


Nodes = Mapping[str, Node]  # by the key that the lockfile gives it


def write_as_npm(folder: Path, file: str) -> None:
    """Write package.json and package-lock.json beside a lockfile of another program. Raises ConfigError."""
    root: dict[str, Any] = {"name": "release", "version": "0.0.0", RELEASE: {}, BUILD: {}}
    entries: dict[str, Any] = {}
    for number, one in enumerate(read(folder, file)):
        root[BUILD if one.builds else RELEASE][f"p{number}"] = f"npm:{one.name}@{one.version}"
        mark = {"dev": True} if one.builds else {}
        entries[f"node_modules/p{number}"] = {"name": one.name, "version": one.version, **mark}
    lock = {"name": "release", "version": "0.0.0", "lockfileVersion": 3, "packages": {"": root, **entries}}
    (folder / "package.json").write_text(json.dumps(root))
    (folder / "package-lock.json").write_text(json.dumps(lock))


def read(folder: Path, file: str) -> list[Package]:
    """Return the packages of a lockfile, each version once. Raises ConfigError for a file that cannot be read."""
    text = (folder / file).read_text(errors="replace")
    try:
        found = _of_pnpm(_mapping(text)) if file == PNPM else _of_yarn(text, folder)
        known = [one for one in found if VERSION.fullmatch(one.version)]
    except (ValueError, AttributeError, TypeError, LookupError) as error:
        raise ConfigError(
            f"{file} is not a lockfile that can be read here: {error}. Create it again with its program, or give the"
            " SARIF of a scanner that reads it.",
            code="bad_lockfile",
        ) from None
    served = {(one.name, one.version) for one in known if not one.builds}
    return [Package(*one, builds=one not in served) for one in sorted({(one.name, one.version) for one in known})]


def _mapping(text: str) -> Mapping[str, Any]:
    if YAML_ERROR:
        raise ConfigError("The Python library PyYAML is not installed. Install it.", code="no_yaml")
    try:
        body = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError("it is not YAML") from None
    if not isinstance(body, Mapping):
        raise ValueError("it is not a mapping")
    return body


def _of_pnpm(body: Mapping[str, Any]) -> list[Package]:
    """Return the packages of pnpm 7 and newer. Up to version 6 of the lockfile each has the mark ``dev``."""
    separator = "/" if str(body["lockfileVersion"]).startswith("5") else "@"
    marked = "snapshots" not in body
    entries = (body.get("packages") if marked else body["snapshots"]) or {}
    nodes = {str(key): _pnpm_node(str(key), entry or {}, separator) for key, entry in entries.items()}
    if marked:
        return [Package(one.name, one.version, bool((entries[key] or {}).get("dev"))) for key, one in nodes.items()]
    wanted = {kind: [need for one in body["importers"].values() for need in _pnpm_needs(one, kind)] for kind in KINDS}
    return _sorted(nodes, wanted)


def _pnpm_node(key: str, entry: Mapping[str, Any], separator: str) -> Node:
    """Return an entry such as /lodash/4.17.21, /lodash@4.17.21 or vite@5.0.0(less@4.2.0)."""
    name, _unused, version = key.partition("(")[0].lstrip("/").rpartition(separator)
    version = version.partition("_")[0] if separator == "/" else version
    return Node(name, version, [*_pnpm_needs(entry, RELEASE), *_pnpm_needs(entry, OPTIONAL)])


def _pnpm_needs(entry: Mapping[str, Any], kind: str) -> Needs:
    for name, one in (entry.get(kind) or {}).items():
        yield name, str(one["version"] if isinstance(one, Mapping) else one)


def _of_yarn(text: str, folder: Path) -> list[Package]:
    """Return the packages of Yarn. Its lockfile does not say what only the build needs: each package.json does."""
    nodes = dict(_berry(_mapping(text)) if "__metadata:" in text else _classic(text))
    wanted: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS}
    for manifest in folder.rglob("package.json"):
        body = loads(manifest.read_text())
        for kind in KINDS:
            wanted[kind] += (body.get(kind) or {}).items()
    return _sorted(nodes, wanted)


def _classic(text: str) -> Iterator[tuple[str, Node]]:
    """Give the entries of Yarn 1 by each of their keys, such as lodash@^4.17.0."""
    if "# yarn lockfile v1" not in text:
        raise ValueError("it is of no version of Yarn")
    entries: list[dict[str, Any]] = []
    for found in filter(None, map(CLASSIC.match, text.splitlines())):
        if found["keys"]:
            entries.append({"keys": re.findall(r'[^,\s"][^,"]*', found["keys"]), "needs": []})
        elif found["version"]:
            entries[-1]["version"] = found["version"]
        else:
            entries[-1]["needs"].append((found["name"], found["range"]))
    for entry in entries:
        for key in entry["keys"]:
            yield key, Node(_name_of(key), entry["version"], entry["needs"])


def _berry(body: Mapping[str, Any]) -> Iterator[tuple[str, Node]]:
    """Give the entries of Yarn 2 and newer by each of their keys, such as lodash@npm:^4.17.0. Those that come from no
    registry, such as the release's own, have no version.
    """
    for keys, entry in body.items():
        if keys != "__metadata":
            name, protocol = _split(str(entry["resolution"]))
            version = str(entry["version"]) if protocol.startswith(("npm:", "patch:")) else ""
            needs = list((entry.get(RELEASE) or {}).items()) if version else []
            for key in str(keys).split(", "):
                yield key, Node(name, version, needs)


def _split(key: str) -> tuple[str, str]:
    """Return the name and the rest of a key such as @scope/name@rest."""
    name, _unused, rest = key[1:].partition("@")
    return key[:1] + name, rest


def _name_of(key: str) -> str:
    """Return the package that a key of Yarn 1 stands for: x@npm:real@^1.0.0 is another name for real."""
    name, rest = _split(key)
    return _split(rest.removeprefix("npm:"))[0] if rest.startswith("npm:") else name


def _sorted(nodes: Nodes, wanted: Mapping[str, Needs]) -> list[Package]:
    """Return the packages. What is not known to serve the build alone is one of the release."""
    served = _reached(nodes, [*wanted[RELEASE], *wanted[OPTIONAL]])
    building = _reached(nodes, wanted[BUILD]) - served
    return [Package(one.name, one.version, key in building) for key, one in nodes.items()]


def _reached(nodes: Nodes, needs: Needs) -> set[str]:
    """Return the keys of everything that is needed, directly or not."""
    found: set[str] = set()
    waiting = list(needs)
    while waiting:
        name, wanted = waiting.pop()
        key = next((one for one in (wanted, f"{name}@{wanted}", f"{name}@npm:{wanted}") if one in nodes), None)
        if key is not None and key not in found:
            found.add(key)
            waiting += nodes[key].needs
    return found
