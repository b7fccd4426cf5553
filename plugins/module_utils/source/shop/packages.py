# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of a shop's repository, and the package manager of each. The lockfile of the package or its
workspace decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ...core.errors import ConfigError
from .obstacle import Obstacle
from .tree import Tree, join, nearest

LOCKFILES = {"package-lock.json": "npm", "npm-shrinkwrap.json": "npm", "pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn"}
OTHER_LOCKFILES = {"bun.lock": "bun", "bun.lockb": "bun", "deno.lock": "deno"}  # the sandbox cannot install from them
# The release of a package manager by the format of its lockfile, for a package.json that names none.
PNPM = {"5": "7.33.7", "6": "8.15.9", "9": "10.34.8"}
CLASSIC_YARN = "1.22.22"
BERRY = {"6": "3.8.6", "8": "4.12.0", "9": "4.14.1", "10": "4.18.1"}
VERSION = re.compile(r"(npm|pnpm|yarn|bun|deno)@(\d+\.\d+\.\d+[\w.-]*)(?:\+.*)?")


@dataclass(frozen=True)
class Manager:
    """A package manager of one release; npm is the one on the machine and has no release here. ``lockfile``
    is its path in the repository, ``obstacle`` why the sandbox cannot install with it.
    """

    name: str
    version: str
    lockfile: str
    obstacle: Obstacle | None = None

    @property
    def folder(self) -> str:
        """The folder where it installs: the top of the workspace, or the folder of the only package."""
        return join(self.lockfile.rpartition("/")[0])


@dataclass(frozen=True)
class Package:
    """A folder with a package.json. ``root`` is the folder where its dependencies are installed: its own,
    or the top of its workspace.
    """

    folder: str
    manifest: Mapping[str, Any] = field(hash=False)
    manager: Manager | None
    members: tuple[str, ...] = ()  # of the workspace whose top it is

    @property
    def file(self) -> str:
        return join(self.folder, "package.json")

    @property
    def name(self) -> str:
        return str(self.manifest.get("name") or self.folder or "shop")

    @property
    def root(self) -> str:
        return self.manager.folder if self.manager else self.folder

    @property
    def is_workspace(self) -> bool:
        """Whether it is the top of a workspace, which holds packages and does not run itself."""
        return bool(self.members) and self.folder == self.root

    @cached_property
    def scripts(self) -> dict[str, str]:
        return {name: text for name, text in _texts(self.manifest.get("scripts")).items() if text.strip()}

    @cached_property
    def dependencies(self) -> dict[str, str]:
        return {**_texts(self.manifest.get("devDependencies")), **_texts(self.manifest.get("dependencies"))}


def read_packages(tree: Tree) -> dict[str, Package]:
    """Return the packages by folder. Raises ConfigError when the package manager is ambiguous."""
    manifests = {join(path.rpartition("/")[0]): tree.json(path) for path in tree.named("package.json")}
    managers = _managers(tree, manifests)
    workspaces = {folder: _members(tree, folder, manifests) for folder in manifests}
    packages = {}
    for folder, manifest in manifests.items():
        above = nearest(folder, managers)
        installs = above is not None and (above == folder or folder in workspaces.get(above, ()))
        packages[folder] = Package(
            folder,
            manifest,
            managers[above] if installs and above is not None else None,
            workspaces.get(above or "", ()) if installs else (),
        )
    return packages


def needs(package: Package, packages: Mapping[str, Package]) -> list[Package]:
    """Return the workspace packages that a package depends on, in build order."""
    known = {other.name: other for other in packages.values() if other.manager and other.manager == package.manager}
    found: dict[str, Package] = {}

    def visit(one: Package, path: tuple[str, ...]) -> None:
        for name in one.dependencies:
            if name in known and name not in path:
                visit(known[name], (*path, name))
                found.setdefault(name, known[name])

    visit(package, (package.name,))
    return list(found.values())


def manager_of(package: Package) -> Manager:
    """Return the package manager of a package. Raises ConfigError when it has dependencies and no lockfile."""
    if package.manager:
        return package.manager
    raise ConfigError(
        f"{package.file} has no lockfile: there is no {join(package.folder, 'package-lock.json')}, and no"
        " pnpm-lock.yaml or yarn.lock beside it or at the top of its workspace. Install the dependencies once with"
        " npm, pnpm or yarn, and commit the lockfile.",
        code="no_lockfile",
        file=package.file,
    )


def _managers(tree: Tree, manifests: Mapping[str, Mapping[str, Any]]) -> dict[str, Manager]:
    """Return the package manager of each folder with a lockfile. Raises ConfigError."""
    found: dict[str, list[str]] = {}
    for path in tree.named(*LOCKFILES):
        found.setdefault(join(path.rpartition("/")[0]), []).append(path)
    others = {join(path.rpartition("/")[0]): path for path in tree.named(*OTHER_LOCKFILES)}
    known = {
        folder: _manager(tree, folder, paths, manifests.get(folder, {}))
        for folder, paths in found.items()
        if folder in manifests and not (folder in others and _names_another(manifests[folder]))
    }
    return {**{folder: _other_manager(path) for folder, path in others.items() if folder in manifests}, **known}


def _names_another(manifest: Mapping[str, Any]) -> bool:
    """Whether a package names a package manager from which the sandbox cannot install."""
    return str(manifest.get("packageManager")).partition("@")[0] in OTHER_LOCKFILES.values()


def _other_manager(lockfile: str) -> Manager:
    name = OTHER_LOCKFILES[lockfile.rpartition("/")[2]]
    cause = f"{lockfile} is the lockfile of {name}, from which the sandbox cannot install"
    remedy = "Use npm, pnpm or yarn, and commit its lockfile."
    return Manager(name, "", lockfile, Obstacle(lockfile, cause, remedy, "lockfile"))


def _manager(tree: Tree, folder: str, paths: list[str], manifest: Mapping[str, Any]) -> Manager:
    named = VERSION.fullmatch(str(manifest.get("packageManager") or ""))
    if manifest.get("packageManager") and not named:
        raise ConfigError(
            f"{join(folder, 'package.json')}: packageManager is {manifest['packageManager']!r}, which has no release."
            " Write it in the form pnpm@10.34.8.",
            code="package_manager",
            file=join(folder, "package.json"),
        )
    if named and named[1] not in LOCKFILES.values():
        raise ConfigError(
            f"{join(folder, 'package.json')}: the packageManager {named[1]} is not supported. Use npm, pnpm or yarn,"
            " and commit its lockfile.",
            code="package_manager",
            file=join(folder, "package.json"),
        )
    fitting = [path for path in paths if not named or LOCKFILES[path.rpartition("/")[2]] == named[1]]
    if named and not fitting:
        raise ConfigError(
            f"{join(folder, 'package.json')} names {named[1]} as its packageManager, but the lockfile beside it is"
            f" {', '.join(paths)}. Commit the lockfile of {named[1]}, or correct packageManager.",
            code="package_manager",
            file=join(folder, "package.json"),
        )
    if len({LOCKFILES[path.rpartition("/")[2]] for path in fitting}) > 1:
        raise ConfigError(
            f"{' and '.join(fitting)} are lockfiles of two package managers. Remove one of them, or name the package"
            f" manager in {join(folder, 'package.json')} (packageManager).",
            code="two_lockfiles",
            file=fitting[0],
        )
    name = LOCKFILES[fitting[0].rpartition("/")[2]]
    return Manager(name, "" if name == "npm" else named[2] if named else _version(tree, name, fitting[0]), fitting[0])


def _version(tree: Tree, name: str, lockfile: str) -> str:
    """Return the release of a package manager that reads a lockfile. Raises ConfigError for an unknown format."""
    text = tree.text(lockfile)
    if name == "yarn" and "__metadata:" not in text:
        return CLASSIC_YARN
    form = re.search(
        r"""^lockfileVersion: *['"]?(\d+)""" if name == "pnpm" else r"^__metadata:\n +version: (\d+)",
        text,
        re.MULTILINE,
    )
    known = PNPM if name == "pnpm" else BERRY
    if form and form[1] in known:
        return known[form[1]]
    raise ConfigError(
        f"{lockfile} has the format {form[1] if form else '(none)'}. The known formats are {', '.join(known)}. Name the"
        f" release of {name} in package.json, as "
        f'"packageManager": "{name}@{list(known.values())[-1]}".',
        code="lockfile",
        file=lockfile,
    )


def _members(tree: Tree, folder: str, manifests: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the folders of a workspace's members."""
    listed = manifests[folder].get("workspaces")
    if isinstance(listed, dict):
        listed = listed.get("packages")
    globs = [
        *_list(listed, join(folder, "package.json"), "workspaces"),
        *_list(
            tree.yaml(join(folder, "pnpm-workspace.yaml")).get("packages"),
            join(folder, "pnpm-workspace.yaml"),
            "packages",
        ),
    ]
    wanted = [_pattern(str(glob)) for glob in globs if not str(glob).startswith("!")]
    unwanted = [_pattern(str(glob)[1:]) for glob in globs if str(glob).startswith("!")]
    below = (other for other in manifests if other != folder and (not folder or other.startswith(f"{folder}/")))
    inside = {other: other[len(folder) :].lstrip("/") for other in below}
    return tuple(
        sorted(
            other
            for other, path in inside.items()
            if any(one.fullmatch(path) for one in wanted) and not any(one.fullmatch(path) for one in unwanted)
        )
    )


def _list(value: Any, file: str, key: str) -> list[Any]:
    if not isinstance(value, list | None):
        raise ConfigError(
            f"{file}: {key} is not a list of folders. Write it as [apps/*, packages/*].", code="bad_file", file=file
        )
    return value or []


def _pattern(glob: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/?|\*)", glob.strip("/").removeprefix("./"))
    meaning = {"**": ".*", "**/": "(?:.*/)?", "*": "[^/]*"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))


def _texts(value: Any) -> dict[str, str]:
    return dict(_pairs(value))


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    for key, text in value.items() if isinstance(value, dict) else ():
        if isinstance(text, str):
            yield str(key), text
