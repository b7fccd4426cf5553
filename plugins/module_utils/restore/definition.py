# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the SQL in an archive needs and how its foreign keys are checked best, read one object at a time:
never all of it at once.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO

from ..backup.archive import Archive
from ..backup.archive_needs import NOBODY, Needs, needs_of
from ..core.errors import CommandFailed, ConfigError
from ..postgres.programs import Tool
from .program import run_program

_BEGINNING = b"-- Name: "  # of the comment above each object in a script of pg_restore
_NAME = r'("(?:[^"]|"")+"|[\w$]+)'
_TABLE = re.compile(r"^CREATE (?:UNLOGGED )?TABLE (.+?) \((.*?)^\)", re.MULTILINE | re.DOTALL)
_SORTED_FAST = re.compile(rf"^    {_NAME} (?:smallint|integer|bigint|uuid|numeric|oid|date|timestamp)\b", re.MULTILINE)
_FOREIGN_KEY = re.compile(
    r"^ALTER TABLE (?:ONLY )?(.+)\n    ADD CONSTRAINT .+ FOREIGN KEY \((.+?)\) REFERENCES ", re.MULTILINE
)
_VIEW = re.compile(r"^CREATE MATERIALIZED VIEW ", re.MULTILINE)
_EXTENSION = re.compile(rf"^CREATE EXTENSION (?:IF NOT EXISTS )?{_NAME}", re.MULTILINE)
_OWNER = re.compile(rf"^ALTER .* OWNER TO {_NAME};$", re.MULTILINE)
_GRANTED = re.compile(rf"^(?:GRANT|REVOKE) .* (?:TO|FROM) {_NAME}(?: WITH GRANT OPTION)?;$", re.MULTILINE)
_DEFAULTS = re.compile(rf"^ALTER DEFAULT PRIVILEGES FOR ROLE {_NAME} .* (?:TO|FROM) {_NAME}", re.MULTILINE)
_POLICY = re.compile(r"^CREATE POLICY .*? TO (.+?)(?: USING| WITH CHECK|;$)", re.MULTILINE)


def needs(archive: Archive, tool: Tool, heartbeat: Callable[[], None]) -> Needs:
    """Find out what an archive takes for granted. Raises ConfigError when it cannot be read."""
    contents = archive.contents
    return needs_of(contents) if contents else read_needs(_script(archive, tool, heartbeat))


def statements(archive: Archive, tool: Tool, heartbeat: Callable[[], None]) -> Iterator[str]:
    """Give the SQL of each object in an archive. Raises ConfigError when it cannot be read."""
    contents = archive.contents
    return (item.makes for item in contents.items) if contents else _script(archive, tool, heartbeat)


def _script(archive: Archive, tool: Tool, heartbeat: Callable[[], None]) -> Iterator[str]:
    """Give the same from what pg_restore writes, for an archive whose shape is not known here."""
    with tempfile.TemporaryFile() as out:
        argv = [tool.path, "--schema-only", "--file=-", archive.path]
        try:
            run_program(argv, heartbeat, {"pass_fds": archive.descriptors, "stdout": out}, "Reading the archive")
        except CommandFailed as error:
            raise ConfigError(
                f"The backup {archive.manifest['name']} cannot be read by pg_restore {tool.version}: {error}",
                code="damaged",
            ) from None
        out.seek(0)
        yield from split(out)


def split(script: IO[bytes]) -> Iterator[str]:
    """Give the objects of a script of pg_restore one by one."""
    lines: list[bytes] = []
    for line in script:
        if line.startswith(_BEGINNING):
            yield b"".join(lines).decode(errors="replace")
            lines = []
        lines.append(line)
    yield b"".join(lines).decode(errors="replace")


def read_needs(texts: Iterable[str]) -> Needs:
    """Find out what SQL as pg_restore writes it takes for granted."""
    extensions: set[str] = set()
    owners: set[str] = set()
    others: set[str] = set()
    for text in texts:
        extensions.update(_EXTENSION.findall(text))
        owners.update(_OWNER.findall(text))
        others.update(role for found in _POLICY.findall(text) for role in re.findall(_NAME, found))
        others.update(_GRANTED.findall(text))
        others.update(role for pair in _DEFAULTS.findall(text) for role in pair)
    return Needs(_names(extensions), _names(owners), _names(others))


def _names(found: Iterable[str]) -> frozenset[str]:
    plain = {name[1:-1].replace('""', '"') if name.startswith('"') else name for name in found}
    return frozenset(plain - NOBODY)


def sorts_fast(texts: Iterable[str]) -> bool:
    """Whether all foreign keys in SQL as pg_restore writes it are of types that sort fast. Not where it
    fills views too, whose queries are not known.
    """
    fast: set[tuple[str, str]] = set()
    keys: set[tuple[str, str]] = set()
    for text in texts:
        if _VIEW.search(text):
            return False
        fast.update(
            (table, column) for table, columns in _TABLE.findall(text) for column in _SORTED_FAST.findall(columns)
        )
        keys.update((table, column) for table, columns in _FOREIGN_KEY.findall(text) for column in columns.split(", "))
    return keys <= fast
