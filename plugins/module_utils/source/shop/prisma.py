# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a shop's Prisma project: its folder of migrations, and the variables with the address of its database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import normpath

from ...core.errors import ConfigError
from .packages import Package
from .tree import Tree, join, nearest

LOCK = "migration_lock.toml"  # Prisma writes it into each folder of migrations
ADDRESS = re.compile(r"""^\s*(?:url|directUrl)\s*=\s*env\(\s*["'](\w+)["']\s*\)""", re.MULTILINE)
CONFIGS = tuple(f"prisma.config.{ending}" for ending in ("ts", "mts", "cts", "js", "mjs", "cjs"))
NAMED = re.compile(r"""^\s*schema["']?\s*:\s*["'`]([^"'`$]+)["'`]""", re.MULTILINE)
WITHOUT_ENGINE = re.compile(r"""^\s*engineType\s*=\s*["']client["']""", re.MULTILINE)


@dataclass(frozen=True)
class Database:
    """``root`` is the folder of the Prisma project, ``migrations`` a folder inside it, ``variables`` those
    with the database's address.
    """

    root: str
    migrations: str
    schema: str  # one of its files
    variables: tuple[str, ...]
    native: bool  # whether it needs an engine that Prisma downloads


def read_database(tree: Tree, packages: Mapping[str, Package], wanted: str | None = None) -> Database | None:
    """Return the Prisma project, in the folder ``wanted`` if that is set; None where there is none. Raises
    ConfigError.
    """
    _refuse_without_schema(tree, packages)
    found = {path: join(nearest(path.rpartition("/")[0], packages) or "") for path in tree.named(LOCK)}
    chosen = {path: root for path, root in found.items() if wanted in (None, root)}
    if wanted and not chosen:
        raise ConfigError(
            f"There is no {LOCK} below {wanted}, so there are no migrations in it. Correct database.root.",
            code="no_migrations",
            file=wanted,
        )
    if len(chosen) > 1:
        raise ConfigError(
            f"There are several folders of migrations: {', '.join(chosen)}. "
            f"Choose the Prisma project's folder, for example database.root={next(iter(chosen.values()))}.",
            code="two_schemas",
            file=next(iter(chosen)),
        )
    if not chosen:
        _refuse_without_migrations(tree)
        return None
    path, root = next(iter(chosen.items()))
    provider = str(tree.toml(path).get("provider"))
    if provider != "postgresql":
        raise ConfigError(
            f"{path} names the database provider {provider}. Only postgresql can be deployed. Use PostgreSQL, or leave"
            " the database out: database.root=none.",
            code="provider",
            file=path,
        )
    migrations = path.rpartition("/")[0]
    schema = _schema(tree, root)
    text = tree.text(schema)
    variables = tuple(dict.fromkeys(["DATABASE_URL", *ADDRESS.findall(text)]))
    return Database(root, migrations[len(root) :].lstrip("/"), schema, variables, not WITHOUT_ENGINE.search(text))


def _schema(tree: Tree, root: str) -> str:
    """Return the project's schema file; where it has several, the one with the datasource."""
    below = sorted(
        path for path in tree.paths if path.endswith(".prisma") and (not root or path.startswith(f"{root}/"))
    )
    return next(
        (path for path in below if "datasource" in tree.text(path)),
        below[0] if below else join(root, "prisma", "schema.prisma"),
    )


def _refuse_without_schema(tree: Tree, packages: Mapping[str, Package]) -> None:
    """Refuse a schema that a package names and that is not there; Prisma would fail in the build."""
    for package in packages.values():
        for file, named in _named_schemas(tree, package):
            if named not in tree and not any(path.startswith(f"{named}/") for path in tree.paths):
                raise ConfigError(
                    f"{file} names the schema {named}, which is not in the repository. Commit it, or correct its path.",
                    code="no_schema",
                    file=file,
                )
    using = [package.file for package in packages.values() if "prisma" in package.dependencies]
    if using and not any(path.endswith(".prisma") and "datasource" in tree.text(path) for path in tree.paths):
        raise ConfigError(
            f"{using[0]} depends on prisma, but no schema (*.prisma) with a datasource is in the repository. Commit it,"
            " remove prisma, or leave the database out: database.root=none.",
            code="no_schema",
            file=using[0],
        )


def _named_schemas(tree: Tree, package: Package) -> Iterator[tuple[str, str]]:
    """Yield the paths of schemas that package.json and Prisma's config name, with the file that does."""
    given = package.manifest.get("prisma")
    if isinstance(given, Mapping) and isinstance(given.get("schema"), str):
        yield package.file, normpath(join(package.folder, given["schema"]))
    for name in CONFIGS:
        file = join(package.folder, name)
        for path in NAMED.findall(tree.text(file)):
            yield file, normpath(join(package.folder, path))


def _refuse_without_migrations(tree: Tree) -> None:
    for path in sorted(tree.paths):
        if path.endswith(".prisma") and "datasource" in tree.text(path):
            raise ConfigError(
                f"{path} has no migrations, so a deploy could not create its schema in a database. Create them (prisma"
                " migrate dev) and commit them, or leave the database out: database.root=none.",
                code="no_migrations",
                file=path,
            )
