# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An app's dependencies: installed once per lockfile by the package manager that wrote it, then hard-linked."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from plugins.module_utils.core.errors import ConfigError
from plugins.module_utils.source.shop.packages import Manager, Package, manager_of, read_packages
from plugins.module_utils.source.shop.tree import Tree

from ..package_managers import fetch
from ..state import SandboxError

Log = Callable[[str], None]
Run = Callable[[list[str], Path, Mapping[str, str], Log], Awaitable[None]]

# Files besides the manifests that decide what is installed.
SETTINGS = (".npmrc", "pnpm-workspace.yaml", ".pnpmfile.cjs", ".yarnrc", ".yarnrc.yml")
DEPENDENCIES = (
    *(
        "name",
        "workspaces",
        "dependencies",
        "devDependencies",
        "optionalDependencies",
        "peerDependencies",
        "overrides",
        "resolutions",
        "pnpm",
        "bin",
    ),
    *("packageManager", "dependenciesMeta"),
)
YARN_STATE = Path(".yarn", "install-state.gz")  # yarn refuses to run scripts without it
OFFLINE = {
    "npm_config_update_notifier": "false",
    **{
        "YARN_ENABLE_TELEMETRY": "0",
        "YARN_NODE_LINKER": "node-modules",
        "YARN_IGNORE_PATH": "1",
        "YARN_ENABLE_GLOBAL_CACHE": "true",
    },
    **{
        "TURBO_TELEMETRY_DISABLED": "1",
        "DO_NOT_TRACK": "1",
        "NEXT_TELEMETRY_DISABLED": "1",
        "PRISMA_HIDE_UPDATE_MESSAGE": "1",
    },
}
# npm warns of settings that only pnpm knows.
PNPM = {"npm_config_manage_package_manager_versions": "false", "npm_config_verify_deps_before_run": "false"}


class NoDependencies(Exception):
    """An app's dependencies cannot be installed; the message is for the deployment's owner."""


class Installer:
    """Installs into ``cache``, which other sandboxes may share. ``scripts`` enables the packages' install scripts."""

    def __init__(self, cache: Path, node_bin: Path, scripts: bool = False) -> None:
        self.cache, self.node_bin, self.scripts = cache, node_bin, scripts
        (cache / "installs").mkdir(parents=True, exist_ok=True)

    async def install(self, source: Path, folder: str, node: str, run: Run, log: Log) -> list[Path]:
        """Install the dependencies of the app in a folder of the source and return the folders of its
        programs. Raises NoDependencies.
        """
        package, manager = self._package(source, folder)
        if manager is None:
            return []
        try:
            programs = await asyncio.to_thread(fetch, self.cache, self.node_bin, manager)
        except SandboxError as error:
            raise NoDependencies(str(error)) from None
        paths = [programs] if programs else []
        top = source / manager.folder
        installed = (
            self.cache
            / "installs"
            / _fingerprint(top, manager, [package, *_members(source, package)], f"{node} {self.scripts}")
        )
        if installed.exists():
            log("Restored the dependencies from the cache")
            for modules in _kept(installed):
                await _link(installed / modules, top / modules)
        else:
            argv = self._command(manager)
            log(f"Running {' '.join(argv[:2])}")
            inherited = {
                name: value for name, value in os.environ.items() if name not in ("NODE_ENV", "npm_config_production")
            }
            environment = {**inherited, **self.environment(paths), "CI": "1", "PATH": self.search_path(top, paths)}
            await run(
                [str(programs / argv[0]) if programs else str(self.node_bin / argv[0]), *argv[1:]],
                top,
                environment,
                log,
            )
            await self._keep(top, installed)
        return paths

    def search_path(self, top: Path, programs: list[Path]) -> str:
        modules = [top / "node_modules" / ".bin"]
        return os.pathsep.join([*map(str, [*modules, *programs, self.node_bin]), os.environ.get("PATH", os.defpath)])

    def _package(self, source: Path, folder: str) -> tuple[Package, Manager | None]:
        try:
            packages = read_packages(Tree.of_folder(source))
            package = packages.get(folder)
            if package is None:
                raise NoDependencies("package.json is missing in the root directory of the upload.")
            needed = package.dependencies or package.manager
            return package, manager_of(package) if needed else None
        except ConfigError as error:
            raise NoDependencies(str(error)) from None

    def _command(self, manager: Manager) -> list[str]:
        """Return the command that installs exactly what the lockfile lists."""
        classic = manager.version.startswith("1.")
        quiet = [] if self.scripts else ["--ignore-scripts"]
        if manager.name == "npm":
            flags = [
                "--no-audit",
                "--no-fund",
                "--prefer-offline",
                "--include=dev",
                "--no-update-notifier",
                "--cache",
                str(self.cache / "npm"),
            ]
            return ["npm", "ci", *quiet, *flags]
        if manager.name == "pnpm":
            return [
                "pnpm",
                "install",
                "--frozen-lockfile",
                "--prod=false",
                "--prefer-offline",
                *quiet,
                "--store-dir",
                str(self.cache / "pnpm"),
            ]
        if classic:
            folder = str(self.cache / "yarn-classic")
            return [
                "yarn",
                "install",
                "--frozen-lockfile",
                "--production=false",
                "--prefer-offline",
                "--non-interactive",
                *quiet,
                "--cache-folder",
                folder,
            ]
        return ["yarn", "install", "--immutable", *([] if self.scripts else ["--mode=skip-build"])]

    def environment(self, programs: list[Path]) -> dict[str, str]:
        """Return variables that make package managers use the cache, including when a build command runs them."""
        registry = os.environ.get("npm_config_registry")  # noqa: SIM112  npm reads no other
        return {
            **OFFLINE,
            **{"npm_config_cache": str(self.cache / "npm"), "npm_config_prefer_offline": "true"},
            **{"YARN_CACHE_FOLDER": str(self.cache / "yarn-classic"), "YARN_GLOBAL_FOLDER": str(self.cache / "yarn")},
            "YARN_ENABLE_SCRIPTS": "1" if self.scripts else "0",
            **(
                {**PNPM, "npm_config_store_dir": str(self.cache / "pnpm")}
                if any((folder / "pnpm").exists() for folder in programs)
                else {}
            ),
            **({"YARN_NPM_REGISTRY_SERVER": registry} if registry else {}),
        }

    async def _keep(self, top: Path, installed: Path) -> None:
        """Cache the installation for the next build with the same lockfile."""
        draft = installed.with_name(f".{installed.name}-{os.getpid()}")
        draft.mkdir()
        for modules in _installed(top):
            (draft / modules).parent.mkdir(parents=True, exist_ok=True)
            await _link(top / modules, draft / modules)
        with suppress(OSError):  # another builder has just cached the same
            draft.rename(installed)
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)


def _members(source: Path, package: Package) -> list[Package]:
    packages = read_packages(Tree.of_folder(source))
    return [
        packages[folder]
        for folder in (package.root, *package.members)
        if folder in packages and folder != package.folder
    ]


def _installed(top: Path) -> Iterator[Path]:
    """Yield the paths of installed dependencies, relative to the top."""
    for here, folders, _names in os.walk(top):
        if "node_modules" in folders:
            yield Path(here, "node_modules").relative_to(top)
        folders[:] = [name for name in folders if name not in ("node_modules", ".git")]
    if (top / YARN_STATE).exists():
        yield YARN_STATE


def _kept(installed: Path) -> Iterator[Path]:
    yield from _installed(installed)


async def _link(source: Path, target: Path) -> None:
    """Copy a folder or a file by hard links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        "cp", "-al", str(source), str(target), stderr=asyncio.subprocess.PIPE
    )
    error = (await process.communicate())[1]
    if process.returncode != 0:
        raise NoDependencies(f"The dependencies could not be copied: {error.decode(errors='replace').strip()}")


def _fingerprint(top: Path, manager: Manager, packages: list[Package], more: str) -> str:
    """Return a digest of everything that decides what is installed. The versions of the app's own packages
    do not count.
    """
    lockfile = (top / Path(manager.lockfile).name).read_text()
    manifests = {package.folder: {key: package.manifest.get(key) for key in DEPENDENCIES} for package in packages}
    settings = {name: (top / name).read_text() for name in SETTINGS if (top / name).exists()}
    patches = {
        str(path.relative_to(top)): path.read_text(errors="replace") for path in sorted(top.glob("patches/**/*.patch"))
    }
    parts = [
        manager.name,
        manager.version,
        _without_versions(lockfile) if manager.name == "npm" else lockfile,
        manifests,
        settings,
        patches,
        more,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _without_versions(lockfile: str) -> Any:
    """Return an npm lockfile without the versions of the app's own packages, which change with each release."""
    try:
        lock = json.loads(lockfile)
    except ValueError as error:
        raise NoDependencies(f"package-lock.json cannot be read: {error}") from None
    lock.pop("version", None)
    for path, entry in lock.get("packages", {}).items():
        if "node_modules/" not in path:
            entry.pop("version", None)
    return lock
