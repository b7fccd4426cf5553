# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which folder of migrations a project names itself, as Prisma's CLI finds it: by its configuration, by
package.json, or beside its schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import ConfigError
from ..core.json_text import loads

ENDINGS = ("ts", "mts", "cts", "js", "mjs", "cjs")
CONFIGS = (*(f"prisma.config.{ending}" for ending in ENDINGS), *(f".config/prisma.{ending}" for ending in ENDINGS))
# What a configuration may hold that is read: "a/b", path.join("a", "b"), path.resolve(__dirname, "a/b").
LITERAL = r"""(?:"[^"\n]*"|'[^'\n]*'|`[^`$]*`)"""
VALUE = rf"""(?P<value>{LITERAL}|(?:\w+\.)?(?:join|resolve)\((?:[^()]|\([^()]*\))*\)|[^\s,}}][^\n,}}]*)"""
COMMENTS = re.compile(rf"(?P<kept>{LITERAL})|//[^\n]*|/\*.*?\*/", re.DOTALL)
PATH = re.compile(rf"""\bmigrations["']?\s*:\s*\{{(?:[^{{}}]|\{{[^{{}}]*\}})*?\bpath["']?\s*:\s*{VALUE}""")
SCHEMA = re.compile(rf"""(?<![\w.])schema["']?\s*:\s*{VALUE}""")
HERE = re.compile(r"__dirname|import\.meta\.dirname|process\.cwd\(\)|[\"']\.[\"']")
DATASOURCE = re.compile(r"^\s*datasource\s+\w+\s*\{", re.MULTILINE)


@dataclass(frozen=True)
class Named:
    """``folder`` is where the project has its migrations, ``by`` what says so. None where that cannot be
    read without running it.
    """

    folder: Path | None
    by: str


def named_folder(files: Path) -> Named | None:
    """What the project in ``files`` names; None where it names nothing."""
    for name in CONFIGS:
        if (files / name).is_file():
            return next(_by_config(files, name), None) or _by_default(files)
    try:
        package = loads((files / "package.json").read_text())
        schema = package["prisma"]["schema"]
    except (OSError, ValueError, KeyError, TypeError):
        return _by_default(files)
    return _beside(files / str(schema), "package.json (prisma.schema)")


def _by_config(files: Path, name: str) -> Iterator[Named]:
    text = COMMENTS.sub(lambda found: found["kept"] or " ", (files / name).read_text(errors="replace"))
    base = (files / name).parent
    path, schema = PATH.search(text), SCHEMA.search(text)
    if path:
        literal = _literal(path["value"])
        yield Named(None if literal is None else base / literal, f"{name} (migrations.path)")
    elif schema and (literal := _literal(schema["value"])) is not None:
        beside = _beside(base / literal, f"{name} (schema)")
        if beside:
            yield beside


def _literal(value: str) -> str | None:
    """The path that an expression stands for; None where it takes more than strings."""
    value = value.strip()
    if re.fullmatch(LITERAL, value):
        return value[1:-1]
    call = re.fullmatch(r"(?:\w+\.)?(?:join|resolve)\((.*)\)", value, re.DOTALL)
    if not call:
        return None
    inside = HERE.sub('""', call[1])
    parts = re.findall(LITERAL, inside)
    return (
        "/".join(part[1:-1] for part in parts if part[1:-1])
        if not re.sub(LITERAL, "", inside).strip(" ,\n\t")
        else None
    )


def _by_default(files: Path) -> Named | None:
    for schema in ("prisma/schema.prisma", "schema.prisma", "prisma/schema"):
        if (files / schema).exists():
            return _beside(files / schema, schema)
    return None


def _beside(schema: Path, by: str) -> Named | None:
    """The folder beside the file that has the datasource, where there is one."""
    if schema.is_dir():
        holders = [
            path for path in sorted(schema.glob("**/*.prisma")) if DATASOURCE.search(path.read_text(errors="replace"))
        ]
        schema = holders[0] if holders else schema / "schema.prisma"
    folder = schema.parent / "migrations"
    return Named(folder, by) if folder.is_dir() else None


def refuse_another_folder(files: Path, migrations: str, warn: Callable[[str], None]) -> None:
    """Raise ConfigError where the project has its migrations in another folder than ``migrations``, which
    is then a stale one.
    """
    named = named_folder(files)
    if named is None:
        return
    if named.folder is None:
        warn(
            f"The folder of the migrations is computed in {named.by}, which is not run to find out. Check that it is"
            f" {migrations}."
        )
    elif named.folder.resolve() != (files / migrations).resolve():
        try:
            shown = str(named.folder.resolve().relative_to(files.resolve()))
        except ValueError:
            shown = str(named.folder.name)
        raise ConfigError(
            f"The project has its migrations in {shown}, by {named.by}, and not in {migrations}, which would be"
            f" applied. Set migrations: {shown}, or correct {named.by}.",
            code="another_folder",
        )
