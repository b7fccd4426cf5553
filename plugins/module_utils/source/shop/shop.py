# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read from a shop's own files how it is built and run: the frontend, the backend's units, the database,
and other needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...core.errors import ConfigError
from .frontend import Frontend, frontend_packages, read_frontend
from .obstacle import Obstacle
from .packages import Manager, Package, read_packages
from .prisma import Database, read_database
from .tree import Tree
from .units import Unit, read_units

REDIS = {"redis", "ioredis", "@redis/client", "bull", "bullmq"}
SETTING = re.compile(r"([a-z][a-z0-9-]*)\.([a-z_]+)=(.*)", re.DOTALL)
Settings = Mapping[str, Mapping[str, str]]  # part (frontend, database, a unit) → setting → value


@dataclass(frozen=True)
class Shop:
    """``managers`` install its packages, ``engines`` is the release of Node that it requires."""

    frontend: Frontend | None
    units: tuple[Unit, ...]
    database: Database | None
    redis: bool
    managers: tuple[Manager, ...]
    engines: str

    @property
    def surfaces(self) -> list[str]:
        """The surfaces that a deploy of this shop moves."""
        parts = {"database": self.database, "backend": self.units, "frontend": self.frontend}
        return [name for name, there in parts.items() if there]

    @property
    def obstacles(self) -> dict[str, Obstacle]:
        """What the sandbox cannot run or install although the platform can, by unit, frontend or lockfile."""
        parts = {unit.name: unit.obstacle for unit in self.units}
        parts["frontend"] = self.frontend.obstacle if self.frontend else None
        parts |= {manager.lockfile: manager.obstacle for manager in self.managers}
        return {name: obstacle for name, obstacle in parts.items() if obstacle}


def read_shop(tree: Tree, platform: str = "railway", settings: Settings | None = None) -> Shop:
    """Return how the shop in ``tree`` is built and run, with its backend at ``platform``. ``settings`` override the
    files.

    Raises ConfigError, with the file and the remedy, when the files leave something open. What only the sandbox cannot
    run is in ``obstacles``.
    """
    given = {part: dict(values) for part, values in (settings or {}).items()}
    packages = read_packages(tree)
    frontend = read_frontend(tree, packages, given.pop("frontend", {}))
    database = _database(tree, packages, given.pop("database", {}))
    units = read_units(tree, packages, set(frontend_packages(tree, packages)), platform, given)
    if not units and not frontend and not packages:
        raise ConfigError(
            "There is no package.json, and no file of a platform with a service: this is not a shop that can be"
            " deployed. Give the top of the shop's repository.",
            code="no_package",
            file="package.json",
        )
    if not units and not frontend:
        raise ConfigError(
            "package.json: there is nothing to run: no package has Next.js or a script named start. Add one, or name a"
            " unit (api.package=FOLDER and api.start=COMMAND) or a site (frontend.package=FOLDER and"
            " frontend.output=FOLDER).",
            code="nothing_to_run",
            file="package.json",
        )
    folders = [unit.package for unit in units] + ([frontend.package] if frontend else [])
    used = [packages[folder] for folder in folders if folder in packages]
    managers = tuple(dict.fromkeys(package.manager for package in used if package.manager))
    return Shop(
        frontend, units, database, any(_uses_redis(package, packages) for package in used), managers, _engines(used)
    )


def refuse_obstacles(shop: Shop) -> None:
    """Refuse what the sandbox cannot run. Raises ConfigError, with the file and the remedy."""
    for obstacle in shop.obstacles.values():
        raise obstacle.refusal()


def settings_of(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return settings that are written as PART.SETTING=VALUE. Raises ConfigError."""
    parsed: dict[str, dict[str, str]] = {}
    for text in texts:
        matched = SETTING.fullmatch(text)
        if not matched:
            raise ConfigError(
                f"The setting {text!r} is not of the form UNIT.SETTING=VALUE, such as api.health=/healthz or"
                " frontend.package=apps/web.",
                code="setting",
            )
        parsed.setdefault(matched[1], {})[matched[2]] = matched[3]
    return parsed


def _database(tree: Tree, packages: Mapping[str, Package], given: Mapping[str, str]) -> Database | None:
    if unknown := given.keys() - {"root"}:
        raise ConfigError(f"database has no setting {sorted(unknown)[0]!r}. Its only setting is root.", code="setting")
    return None if given.get("root") == "none" else read_database(tree, packages, given.get("root"))


def _uses_redis(package: Package, packages: Mapping[str, Package]) -> bool:
    beside = [other for other in packages.values() if other.name in package.dependencies]
    return any(REDIS & one.dependencies.keys() for one in (package, *beside))


def _engines(used: list[Package]) -> str:
    asked = [one.manifest.get("engines") for one in used]
    return next((str(engines["node"]) for engines in asked if isinstance(engines, dict) and engines.get("node")), "")
