# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frontend: the one package that is a site. Its framework exports it as files, or Next.js serves it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...core.errors import ConfigError
from .obstacle import Obstacle
from .packages import Package, manager_of
from .scripts import build_script
from .services import read_vercel
from .tree import Tree, join
from .variables import example

NEXT_CONFIGS = tuple(f"next.config.{ending}" for ending in ("ts", "mts", "js", "mjs", "cjs"))
EXPORT = re.compile(r"""\boutput["']?\s*:\s*["'`]export["'`]""")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
# Frameworks whose build writes static files, and the folder of these files.
STATIC = {"astro": "dist", "react-scripts": "build", "gatsby": "public", "@11ty/eleventy": "_site", "vite": "dist"}
SERVED = ("nuxt", "@remix-run/react", "@sveltejs/kit", "@angular/core")
SETTINGS = ("package", "build", "output")


@dataclass(frozen=True)
class Frontend:
    """``root`` is the folder that is uploaded, ``package`` the site's own folder in the repository, where ``build``
    runs. ``output`` is the folder of the built files inside it, empty where Next.js serves the site. ``obstacle`` is
    why the sandbox cannot serve it.
    """

    package: str
    root: str
    build: str
    output: str
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    obstacle: Obstacle | None = None


def frontend_packages(tree: Tree, packages: Mapping[str, Package]) -> list[str]:
    """Return the folders of the packages that are sites."""
    return [folder for folder, package in packages.items() if not package.is_workspace and _framework(tree, package)]


def read_frontend(tree: Tree, packages: Mapping[str, Package], given: Mapping[str, str]) -> Frontend | None:
    """Return the frontend; None where there is none. Raises ConfigError for two frontends, or for one that
    cannot be run.
    """
    if unknown := given.keys() - set(SETTINGS):
        raise ConfigError(
            f"frontend has no setting {sorted(unknown)[0]!r}. Use one of {', '.join(SETTINGS)}.", code="setting"
        )
    folder = given.get("package")
    if folder == "none":
        return None
    found = frontend_packages(tree, packages) if folder is None else [join(folder)]
    if len(found) > 1:
        count = "two" if len(found) == 2 else len(found)
        raise ConfigError(
            f"There are {count} frontends: {' and '.join(packages[one].file for one in found)}. A storefront has one. "
            f"Choose it: frontend.package={found[0] or '.'}, for example.",
            code="two_frontends",
            file=packages[found[0]].file,
        )
    if not found:
        return None
    if found[0] not in packages:
        raise ConfigError(
            f"There is no {join(found[0], 'package.json')}. Correct frontend.package.",
            code="no_package",
            file=join(found[0], "package.json"),
        )
    package = packages[found[0]]
    vercel = read_vercel(tree, package.folder)
    output = given.get("output") or vercel.get("outputDirectory")
    return Frontend(
        package=package.folder,
        root=manager_of(package).folder,
        build=given.get("build") or vercel.get("buildCommand") or _build(tree, package, packages),
        output=output or _output(tree, package),
        variables=example(tree, package),
        obstacle=None if output else _obstacle(tree, package),
    )


def _framework(tree: Tree, package: Package) -> str:
    """Return the framework of a site; empty for a package that needs a framework only for tests or as a peer."""
    scripts = " ".join(package.scripts.values())
    if "next" in package.dependencies and (
        re.search(r"\bnext (?:build|start|dev)\b", scripts)
        or any(join(package.folder, name) in tree for name in NEXT_CONFIGS)
    ):
        return "next"
    for name in (*SERVED, *STATIC):
        built = name != "vite" or (join(package.folder, "index.html") in tree and "vite build" in scripts)
        if name in package.dependencies and built:
            return name
    return ""


def _output(tree: Tree, package: Package) -> str:
    framework = _framework(tree, package)
    if framework in STATIC:
        return STATIC[framework]
    configs = (tree.text(join(package.folder, name)) for name in NEXT_CONFIGS)
    return "out" if any(EXPORT.search(COMMENT.sub(" ", text)) for text in configs) else ""


def _obstacle(tree: Tree, package: Package) -> Obstacle | None:
    framework = _framework(tree, package)
    if framework not in SERVED:
        return None
    cause = (
        f"{package.file} is a site of {framework}, and the sandbox can serve only Next.js and sites that are built as"
        " static files"
    )
    remedy = "Leave it out with frontend.package=none, or name the folder of its static build: frontend.output=FOLDER."
    return Obstacle(package.file, cause, remedy, "framework")


def _build(tree: Tree, package: Package, packages: Mapping[str, Package]) -> str:
    """Return the build command, which runs in the package's own folder."""
    command = build_script(tree, package, packages)
    up = (
        "/".join(".." for _unused in package.folder[len(package.root) :].strip("/").split("/"))
        if package.folder != package.root
        else ""
    )
    return f"cd {up} && {command}" if up and command else command
