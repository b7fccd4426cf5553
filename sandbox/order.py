# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the double has to create for a user's own shop, and the inventory that deploys it. Both come from
the shop's files.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plugins.module_utils.core.errors import RunbookError
from plugins.module_utils.source.checkout import checkout, tags
from plugins.module_utils.source.shop.downloads import downloads
from plugins.module_utils.source.shop.frontend import Frontend
from plugins.module_utils.source.shop.shop import Shop, read_shop, refuse_obstacles, settings_of
from plugins.module_utils.source.shop.tree import Tree
from plugins.module_utils.source.shop.units import Unit

from . import tools
from .package_managers import fetch
from .state import CACHE, SandboxError

Order = dict[str, Any]
# the sandbox sets them
OWN = {"PORT", "NODE_ENV", "CORS_ORIGIN", "DATABASE_URL", "REDIS_URL", "MAINTENANCE_MODE", "JWT_SECRET"}
SERVERS = {"DATABASE_URL", "REDIS_URL"}  # a site that serves itself may use them, too
# builds do not connect; with a real address the cached build would fit one sandbox only
NOWHERE = "postgresql://build:build@127.0.0.1:9/build"
DATABASE, REDIS = "{database_url}", "{redis_url}"
SITE_URL, API_URL = (
    re.compile(r"(?:SITE|APP|BASE|WEB|FRONTEND|STORE)_?URL$"),
    re.compile(r"(?:API|BACKEND|SERVER|GRAPHQL)"),
)


def read_order(path: Path, backend: str, settings: Iterable[str] = (), online: bool = False) -> Order:
    """Return the order for the shop in a git repository, from the files of its HEAD. It starts nothing.

    ``settings`` are UNIT.SETTING=VALUE and override the shop's files. With ``online``, installations and builds may
    download programs that npm does not have. Raises SandboxError, which names the file and the remedy.
    """
    try:
        repository = _repository(path)
        with checkout(repository, "HEAD") as source:
            tree = Tree.of_folder(source.root)
            shop = read_shop(tree, backend, settings_of(settings))
            refuse_obstacles(shop)
            refused = [] if online else downloads(tree, shop)
        releases = list(tags(repository).values())
    except RunbookError as error:
        raise SandboxError(str(error)) from None
    if refused:
        lines = "".join(f"\n  {one}" for one in refused)
        raise SandboxError(
            f"{repository} needs more than npm packages:{lines}\nIf this machine can download them, add --online."
        )
    for manager in shop.managers:
        fetch(CACHE, tools.node_bin(), manager)
    return {
        "repository": str(repository),
        "releases": sorted(releases),
        "online": online,
        "shop": _shop_settings(shop),
        "notes": list(_notes(shop)),
    }


def storefront_order(shop: Mapping[str, Any], addresses: Mapping[str, str]) -> dict[str, Any]:
    """Return the double's part of an order, with a storefront's addresses filled in."""
    filled = {f"{{{name}}}": value for name, value in addresses.items()}

    def fill(variables: Mapping[str, str]) -> dict[str, str]:
        return {name: filled.get(value, value) for name, value in variables.items()}

    units = [{**unit, "variables": fill(unit["variables"])} for unit in shop["units"]]
    return {"units": units, "site": shop["site"], "site_variables": fill(shop["site_variables"])}


def inventory(shop: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the host variables that deploy a storefront, in addition to those in inventories/development."""
    services = made[made["backend"]]["services"]
    units = [
        {"name": unit["name"], "kind": unit["kind"], "service": services[unit["name"]], "root_directory": unit["root"]}
        for unit in shop["units"]
    ]
    health = next((unit["health"] for unit in shop["units"] if unit["kind"] == "web" and unit["health"]), "")
    return {
        "surfaces": [*shop["surfaces"], "edge"],
        "backend_units": units,
        "backend_root_directory": "",
        **{
            f"{surface}_url": made[f"{surface}_url"] if surface in shop["surfaces"] else ""
            for surface in ("backend", "frontend")
        },
        "frontend_root_directory": shop["frontend_root"],
        "database_url": made["database_url"] if shop["database"] else "",
        "database_root_directory": shop["database"].get("root", ""),
        "database_migrations": shop["database"].get("migrations", "prisma/migrations"),
        "verify_backend_checks": [{"name": "health", "url": health}] if health else [],
        "verify_frontend_checks": [{"name": "homepage", "url": "/"}],
    }


def _repository(path: Path) -> Path:
    """Return the top of the git repository at a path. Raises SandboxError."""
    if not path.is_dir():
        what = f"{path} is a file" if path.exists() else f"There is no folder {path}"
        raise SandboxError(f"{what}. Give --shop the top of the shop's git repository.")
    top = _git(path, "rev-parse", "--show-toplevel")
    if top.returncode != 0:
        raise SandboxError(
            f"{path} is not a git repository that can be read ({top.stderr.strip()}), and a release is a tag, a branch"
            " or a commit. Create one: git init && git add . && git commit -m 'First release'."
        )
    if Path(top.stdout.strip()).resolve() != path.resolve():
        raise SandboxError(
            f"{path} is a folder inside the git repository {top.stdout.strip()}. Give --shop the repository, and the"
            " folder with --set UNIT.package=FOLDER."
        )
    if _git(path, "rev-parse", "--verify", "--quiet", "HEAD").returncode != 0:
        raise SandboxError(
            f"The git repository {path} has no commit yet. Create one: git add . && git commit -m 'First release'."
        )
    return path.resolve()


def _git(path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(path), *words], capture_output=True, text=True, check=False)


def _shop_settings(shop: Shop) -> dict[str, Any]:
    """Return a shop as JSON: what the double creates for it, and what its inventory contains."""
    database = shop.database
    names = database.variables if database else ()
    return {
        "surfaces": shop.surfaces,
        "units": [_unit(unit, names) for unit in shop.units],
        "site": _site(shop.frontend),
        "site_variables": _site_variables(shop.frontend),
        "frontend_root": shop.frontend.root if shop.frontend else "",
        "database": {"root": database.root, "migrations": database.migrations} if database else {},
    }


def _unit(unit: Unit, database_variables: Iterable[str]) -> dict[str, Any]:
    example = {name: _value(name, value) for name, value in unit.variables.items() if name not in {*OWN, unit.port}}
    addresses = dict.fromkeys(database_variables, DATABASE)
    plain = asdict(unit)
    del plain["obstacle"]  # read_order refuses a unit that has one
    return {**plain, "variables": {**example, **addresses}, "build_variables": dict.fromkeys(addresses, NOWHERE)}


def _value(name: str, example: str) -> str:
    """Return a variable's value, derived from its example in .env.example."""
    if example.startswith(("postgres://", "postgresql://")):
        return DATABASE
    if example.startswith(("redis://", "rediss://")):
        return REDIS
    return example or f"sandbox-{name.lower()}-0123456789abcdef0123456789abcdef"


def _site(frontend: Frontend | None) -> dict[str, str]:
    """Return the settings of the Vercel project. A member of a workspace is uploaded with the whole
    workspace and built in its own folder.
    """
    if frontend is None:
        return {}
    inside = frontend.package[len(frontend.root) :].lstrip("/")
    settings = {"rootDirectory": inside, "buildCommand": frontend.build, "outputDirectory": frontend.output}
    return {name: value for name, value in settings.items() if value}


def _site_variables(frontend: Frontend | None) -> dict[str, str]:
    examples = frontend.variables if frontend else {}
    return {name: _site_value(name, value) for name, value in examples.items() if name not in OWN - SERVERS}


def _site_value(name: str, example: str) -> str:
    value = _value(name, example)
    if value in (DATABASE, REDIS):
        return value
    if (example.startswith("http") or name.endswith("URL")) and API_URL.search(name):
        return "{backend_url}"
    return "{frontend_url}" if SITE_URL.search(name) else value


def _notes(shop: Shop) -> Iterator[str]:
    """Yield a line for each part of a shop, so that the user sees a wrong guess before the first deploy."""
    for unit in shop.units:
        asked = f", health at {unit.health}" if unit.health else ""
        yield (
            f"{unit.name} ({unit.kind}) runs {unit.start!r} in {unit.root or 'the top folder'}{asked}, port in"
            f" {unit.port}"
        )
    if shop.frontend:
        how = f"served from {shop.frontend.output}" if shop.frontend.output else "served by next start"
        yield f"frontend is {shop.frontend.package or 'the top folder'}, {how}"
    if shop.database:
        yield f"database has its migrations in {shop.database.root or '.'}/{shop.database.migrations}"
    named = ", ".join(f"{manager.name} {manager.version}".strip() for manager in shop.managers)
    yield f"packages are installed with {named}"
    if shop.engines and (running := _node_differs(shop.engines)):
        yield (
            f"Node {running} runs here, but package.json asks for {shop.engines}. If the build fails, put that release"
            " first in PATH"
        )


def _node_differs(wanted: str) -> str:
    """Return the release of the sandbox's Node if it is outside an npm version range, else an empty string."""
    node = tools.node_bin() / "node"
    semver = (tools.node_bin() / "npm").resolve().parents[1] / "node_modules" / "semver"
    script = (
        "const [path, range] = process.argv.slice(1); process.stdout.write(require(path).satisfies(process.version,"
        " range) ? '' : process.version)"
    )
    done = subprocess.run([str(node), "-e", script, str(semver), wanted], capture_output=True, text=True, check=False)
    return done.stdout.removeprefix("v") if done.returncode == 0 else ""
