# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that run a script of a package: write them for npm, pnpm and yarn, and parse them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from .packages import Package, manager_of, needs
from .tree import Tree, join

CONTROL = set("&|;<>`(){}\n")  # characters that make a command more than one program
# Options with a value: the package, or the folder.
CHOOSE: dict[str, set[str]] = {"npm": {"-w", "--workspace"}, "pnpm": {"-F", "--filter"}, "yarn": set()}
ENTER = {"npm": {"-C", "--prefix"}, "pnpm": {"-C", "--dir"}, "yarn": {"--cwd"}}


def run_script(package: Package, script: str) -> str:
    """Return the command that runs a script of a package in the folder where its dependencies are
    installed. Raises ConfigError without a lockfile.
    """
    manager = manager_of(package).name
    if package.folder == package.root:
        return f"{manager} start" if (manager, script) == ("npm", "start") else f"{manager} run {script}"
    chosen = shlex.quote(package.name)
    return {
        "npm": f"npm run {script} --workspace {shlex.quote(package.folder[len(package.root) :].lstrip('/'))}",
        "pnpm": f"pnpm --filter {chosen} run {script}",
        "yarn": f"yarn workspace {chosen} run {script}",
        "bun": f"bun run --filter {chosen} {script}",
        "deno": f"deno task --filter {chosen} {script}",
    }[manager]


def build_script(tree: Tree, package: Package, packages: Mapping[str, Package]) -> str:
    """Return the command that builds the workspace packages that a package depends on, then the package;
    empty where nothing is built.
    """
    member = package.folder != package.root
    if member and join(package.root, "turbo.json") in tree and "build" in package.scripts:
        start = {"npm": "npx", "bun": "bunx"}.get(manager_of(package).name, manager_of(package).name)
        return f"{start} turbo run build --filter={shlex.quote(package.name)}"
    return " && ".join(
        run_script(one, "build") for one in (*needs(package, packages), package) if "build" in one.scripts
    )


def script_of(command: str, folder: str, packages: Mapping[str, Package]) -> tuple[Package, str] | None:
    """Return the script, and its package, that a command runs in a folder; None for a command that does
    anything else.
    """
    words = _words(command)
    if not words or words[0] not in CHOOSE:
        return None
    manager, rest = words[0], words[1:]
    chosen, rest = _options(manager, rest)
    if manager == "yarn" and rest[:1] == ["workspace"] and len(rest) > 1:
        chosen, rest = {**chosen, "package": rest[1]}, rest[2:]
    if rest[:1] in (["run"], ["run-script"]):
        rest = rest[1:]
    elif manager == "npm" and rest != ["start"]:
        return None
    package = _chosen(join(folder, chosen.get("folder", "")), chosen.get("package"), packages)
    if package is None or len(rest) != 1 or rest[0] not in package.scripts:
        return None
    if any(f"{hook}{rest[0]}" in package.scripts for hook in ("pre", "post")):
        return None
    return package, rest[0]


def is_plain(script: str) -> bool:
    """Whether a script is one program with its arguments."""
    return not CONTROL & set(script)


def _words(command: str) -> list[str]:
    if not is_plain(command):
        return []
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _options(manager: str, words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the values of the options, and the other words."""
    chosen: dict[str, str] = {}
    rest: list[str] = []
    reader: Iterator[str] = iter(words)
    for word in reader:
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            rest.append(word)
        elif name in CHOOSE[manager]:
            chosen["package"] = value if equals else next(reader, "")
        elif name in ENTER[manager]:
            chosen["folder"] = value if equals else next(reader, "")
        elif word not in ("-s", "--silent", "--if-present"):
            rest.append(word)  # it may change which command runs
    return chosen, rest


def _chosen(folder: str, wanted: str | None, packages: Mapping[str, Package]) -> Package | None:
    if wanted is None:
        return packages.get(folder)
    named = wanted.rstrip(".") if wanted.endswith("...") else wanted
    for package in packages.values():
        if named in (package.name, package.folder, f"./{package.folder}"):
            return package
    unscoped = [package for package in packages.values() if package.name.rpartition("/")[2] == named]
    return unscoped[0] if len(unscoped) == 1 else None
