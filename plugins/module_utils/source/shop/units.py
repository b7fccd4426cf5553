# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's units: from the platform's file, or else from the scripts of the packages. The operator's
settings override both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...core.errors import ConfigError
from .obstacle import Obstacle
from .packages import Package, manager_of
from .scripts import build_script, run_script, script_of
from .services import RENDER, Service, read_services
from .tree import Tree, join, nearest
from .variables import example, port_variable

HEALTH = "/health"  # the runbook's
WORKERS = re.compile(r"worker|job|queue|consumer|cron")
RESERVED = {"frontend", "database", "edge"}
KINDS = ("web", "worker", "cron")
SETTINGS = ("package", "kind", "root", "build", "start", "pre_deploy", "health", "port")
# Files that say how a service of another language, or of any, is built.
FOREIGN = (
    *("Dockerfile", "requirements.txt", "pyproject.toml", "Pipfile", "go.mod", "Cargo.toml", "Gemfile"),
    *("composer.json", "pom.xml", "build.gradle", "build.gradle.kts", "mix.exs"),
)
PLAIN_NAMES = {"", "backend", "server"}
FRAMEWORKS = ("fastify", "express", "koa", "hono", "@nestjs/core", "@hapi/hapi")


@dataclass(frozen=True)
class Unit:
    """``root`` is the folder that is uploaded and in which the commands run, ``package`` the unit's own; ``port`` is
    the variable with its port. ``obstacle`` is why the sandbox cannot run it.
    """

    name: str
    kind: str
    package: str
    root: str
    build: str
    start: str
    pre_deploy: str = ""
    health: str = ""  # path; empty for a unit that does not serve HTTP
    port: str = "PORT"
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    obstacle: Obstacle | None = None


def read_units(
    tree: Tree, packages: Mapping[str, Package], sites: set[str], platform: str, given: Mapping[str, Mapping[str, str]]
) -> tuple[Unit, ...]:
    """Return the units in the order of a deploy: those that serve HTTP first. Raises ConfigError."""
    services = read_services(tree, platform)
    if services:
        found = list(_described(tree, packages, sites, services))
    else:
        found = list(_by_scripts(tree, packages, sites) if packages else _by_languages(tree))
    known = {unit.name for unit in found}
    units = [_with(unit, given.get(unit.name, {}), packages) for unit in found]
    units += [
        _with(_named(tree, packages, name, values), values, packages)
        for name, values in given.items()
        if name not in known
    ]
    for unit in units:
        if not unit.start and not unit.obstacle:
            raise ConfigError(
                f"{join(unit.package, 'package.json')} has no script named start, so the unit {unit.name} has no start"
                f" command. Add the script, or give the command: {unit.name}.start=COMMAND.",
                code="no_start",
                file=join(unit.package, "package.json"),
            )
    _refuse_twice([unit.name for unit in units])
    return tuple(sorted(units, key=lambda unit: KINDS.index(unit.kind)))


def _described(
    tree: Tree, packages: Mapping[str, Package], sites: set[str], services: Sequence[Service]
) -> Iterator[Unit]:
    """Yield the units in the platform's file, without the frontend."""
    backends = [
        folder
        for folder, package in packages.items()
        if folder not in sites and not package.is_workspace and "start" in package.scripts
    ]
    for service in services:
        runs = script_of(service.start or service.build or "", service.folder, packages)
        package = runs[0] if runs else packages.get(nearest(service.folder, packages) or "")
        if package and package.is_workspace and len(backends) == 1:
            package = packages[backends[0]]
        obstacle = service.obstacle
        if package is None or (not runs and service.file not in RENDER and _is_foreign(tree, service.folder)):
            obstacle = obstacle or _no_package(service)
        if package is None or obstacle:
            package = packages.get(service.folder) or Package(service.folder, {}, None)
        if package.folder in sites:
            continue
        name = _plain(service.name) or _name(package)
        kind = service.kind or ("worker" if WORKERS.search(name) else "web")
        base = _foreign(tree, package, name, kind, obstacle) if obstacle else _unit(tree, packages, package, name, kind)
        described = {
            "build": service.build,
            "start": service.start,
            "pre_deploy": service.pre_deploy,
            "health": service.health,
        }
        unit = replace(base, **{key: value for key, value in described.items() if value is not None})  # type: ignore[arg-type]
        yield replace(unit, variables={**unit.variables, **service.variables})


def _by_scripts(tree: Tree, packages: Mapping[str, Package], sites: set[str]) -> Iterator[Unit]:
    """Yield a unit for each package with a start script, and another for its worker."""
    for package in packages.values():
        serves = any(name in package.dependencies for name in FRAMEWORKS)
        if (
            package.folder in sites
            or package.is_workspace
            or not ("start" in package.scripts or (serves and "main" not in package.manifest))
        ):
            continue
        name = _name(package)
        yield _unit(tree, packages, package, name, "worker" if WORKERS.search(name) else "web")
        if "worker" in package.scripts and not WORKERS.search(name):
            worker = "worker" if name == "api" else f"{name}-worker"
            yield replace(_unit(tree, packages, package, worker, "worker"), start=run_script(package, "worker"))


def _by_languages(tree: Tree) -> Iterator[Unit]:
    """Yield a unit for each folder with a program of another language, in a repository without a package of Node."""
    folders = {join(path.rpartition("/")[0]): path for path in tree.named(*reversed(FOREIGN))}
    for folder, path in folders.items():
        package = Package(folder, {}, None)
        name = _name(package)
        cause = f"{path} is not of a package of Node, and the sandbox can run nothing else"
        obstacle = Obstacle(path, cause, "Give a shop with a package.json and a lockfile.", "no_package")
        yield _foreign(tree, package, name, "worker" if WORKERS.search(name) else "web", obstacle)


def _named(tree: Tree, packages: Mapping[str, Package], name: str, values: Mapping[str, str]) -> Unit:
    """Return a unit that exists only in the operator's settings."""
    folder = join(values.get("package", "."))
    if "package" not in values or folder not in packages:
        units = (
            f"There is no unit {name!r} in the shop's files"
            if "package" not in values
            else f"There is no {join(folder, 'package.json')}"
        )
        raise ConfigError(
            f"{units}. Name the folder of a new unit's package: {name}.package=FOLDER.",
            code="setting",
            file=join(folder, "package.json"),
        )
    return _unit(tree, packages, packages[folder], name, "worker" if WORKERS.search(name) else "web")


def _unit(tree: Tree, packages: Mapping[str, Package], package: Package, name: str, kind: str) -> Unit:
    variables = example(tree, package)
    return Unit(
        name=name,
        kind=kind,
        package=package.folder,
        root=manager_of(package).folder,
        build=build_script(tree, package, packages),
        start=run_script(package, "start") if "start" in package.scripts else "",
        health=HEALTH if kind == "web" else "",
        port=port_variable(variables),
        variables=variables,
    )


def _foreign(tree: Tree, package: Package, name: str, kind: str, obstacle: Obstacle) -> Unit:
    """Return a unit that only its platform can build: it needs neither a lockfile nor a script."""
    variables = example(tree, package)
    health, port = HEALTH if kind == "web" else "", port_variable(variables)
    return Unit(name, kind, package.folder, package.root, "", "", "", health, port, variables, obstacle)


def _is_foreign(tree: Tree, folder: str) -> bool:
    """Whether a folder holds a program of another language."""
    return join(folder, "package.json") not in tree and any(join(folder, name) in tree for name in FOREIGN)


def _no_package(service: Service) -> Obstacle:
    """Return why the sandbox cannot run a service that is not one of Node. Raises ConfigError for a service whose file
    says node: Render could not run it either.
    """
    where = service.folder or "the top folder"
    if service.file in RENDER:
        raise ConfigError(
            f"{service.file}: the service {service.name or service.folder} is in {where}, where there is no"
            " package.json. Correct rootDir.",
            code="no_package",
            file=service.file,
        )
    cause = f"{service.file}: there is no package.json in {where}, and the sandbox can run services of Node only"
    return Obstacle(service.file, cause, "Add the package.json, or remove the file.", "no_package")


def _with(unit: Unit, given: Mapping[str, str], packages: Mapping[str, Package]) -> Unit:
    """Return a unit with the operator's settings applied. Raises ConfigError."""
    if unknown := given.keys() - set(SETTINGS):
        raise ConfigError(
            f"The unit {unit.name} has no setting {sorted(unknown)[0]!r}. Use one of {', '.join(SETTINGS)}.",
            code="setting",
        )
    if given.get("kind", "web") not in KINDS:
        raise ConfigError(f"{unit.name}.kind is {given['kind']!r}: use one of {', '.join(KINDS)}.", code="setting")
    if "package" in given and join(given["package"]) not in packages:
        raise ConfigError(
            f"There is no {join(given['package'], 'package.json')}. Correct {unit.name}.package.",
            code="setting",
            file=join(given["package"], "package.json"),
        )
    if not re.fullmatch(r"[A-Za-z_]\w*", given.get("port", "PORT")):
        raise ConfigError(
            f"{unit.name}.port is {given['port']!r}: give the name of the variable that holds the port, such as"
            " API_PORT.",
            code="setting",
        )
    changed = {key: join(value) if key in ("package", "root") else value for key, value in given.items()}
    unit = replace(unit, **changed)  # type: ignore[arg-type]
    if unit.health and not unit.health.startswith("/"):
        raise ConfigError(
            f"{unit.name}.health is {unit.health!r}: write the path with a leading slash, as /health.", code="setting"
        )
    return unit


def _name(package: Package) -> str:
    last = _plain(package.folder.rpartition("/")[2])
    return "api" if last in PLAIN_NAMES else last


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")


def _refuse_twice(names: list[str]) -> None:
    for name in names:
        if name in RESERVED:
            raise ConfigError(
                f"A unit cannot have the name {name!r}, which a surface has. Give the service another name in"
                " render.yaml, or the file another one: railway.api.json.",
                code="unit_name",
            )
        if names.count(name) > 1:
            raise ConfigError(
                f"Two units have the name {name!r}. Give the services different names in render.yaml, or in the names"
                " of the files: railway.api.json, railway.worker.json.",
                code="two_units",
            )
