# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what a shop's installation or build downloads besides npm packages; a machine without access to it
cannot build the shop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .packages import Package, needs, read_packages
from .prisma import CONFIGS
from .shop import Shop
from .tree import Tree, join

# Packages whose install script downloads a program: the first release that ships it in its npm package, and a
# replacement.
PROGRAMS: dict[str, tuple[int | None, str]] = {
    "bcrypt": (6, "Use bcrypt 6 or later, whose programs are in its npm package, or bcryptjs."),
    "better-sqlite3": (None, "Use the shop's PostgreSQL."),
    "sqlite3": (None, "Use the shop's PostgreSQL."),
    "canvas": (None, "Use @napi-rs/canvas, whose programs are npm packages."),
    "node-sass": (None, "Use sass."),
    "puppeteer": (None, "Use puppeteer-core with the machine's own Chromium."),
}
JS_ENGINE = re.compile(r"""\bengine["']?\s*:\s*["']js["']""")
SOURCE = (".ts", ".tsx", ".js", ".jsx", ".mjs")


@dataclass(frozen=True)
class Download:
    """The file that causes a download, a description of it, and how to avoid it."""

    file: str
    description: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.description} {self.remedy}"


def downloads(tree: Tree, shop: Shop) -> list[Download]:
    """Return what the shop downloads besides npm packages."""
    return [*_programs(tree, shop), *_engine(tree, shop), *_fonts(tree, shop)]


def _used(tree: Tree, shop: Shop) -> list[Package]:
    packages = read_packages(tree)
    parts = [
        packages[folder]
        for folder in [unit.package for unit in shop.units] + ([shop.frontend.package] if shop.frontend else [])
    ]
    return list({one.folder: one for part in parts for one in (part, *needs(part, packages))}.values())


def _programs(tree: Tree, shop: Shop) -> Iterator[Download]:
    for package in _used(tree, shop):
        for name, asked in package.dependencies.items():
            since, remedy = PROGRAMS.get(name, (0, ""))
            major = re.search(r"\d+", asked)
            if remedy and (since is None or (major and int(major[0]) < since)):
                yield Download(package.file, f"the install script of {name} {asked} downloads a program.", remedy)


def _engine(tree: Tree, shop: Shop) -> Iterator[Download]:
    if shop.database and shop.database.native:
        remedy = (
            'Set engineType = "client" in its generator and use the adapter @prisma/adapter-pg (Prisma 6.16 or later).'
        )
        yield Download(shop.database.schema, "Prisma's client downloads a native query engine.", remedy)
    for package in _used(tree, shop):
        asked = package.dependencies.get("prisma", "")
        major = re.search(r"\d+", asked)
        if major and int(major[0]) >= 7:
            yield Download(package.file, f"Prisma {asked} downloads its schema engine.", "Use Prisma 6.19.")
        elif asked and not any(JS_ENGINE.search(tree.text(join(package.folder, name))) for name in CONFIGS):
            remedy = 'Set engine: "js" and an adapter in prisma.config.ts (Prisma 6.19).'
            yield Download(package.file, f"Prisma {asked} downloads its schema engine.", remedy)


def _fonts(tree: Tree, shop: Shop) -> Iterator[Download]:
    folder = shop.frontend.package if shop.frontend else None
    for path in sorted(tree.paths) if folder is not None else ():
        if (
            path.endswith(SOURCE)
            and (not folder or path.startswith(f"{folder}/"))
            and "next/font/google" in tree.text(path)
        ):
            yield Download(
                path, "next/font/google downloads fonts at build time.", "Use next/font/local with the fonts' files."
            )
            return
