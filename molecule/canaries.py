# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches what a run has left for the secrets that it was given: as they are, encoded, in part, compressed. It knows
nothing of the redactor's forms.
"""

from __future__ import annotations

import base64
import html
import json
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

from sandbox.beside import beside

PART = 12  # characters of a secret's end that give it away
PAUSE = 0.05  # seconds between two readings of all processes


def forms(secret: str) -> set[bytes]:
    """Return the forms in which a secret may appear."""
    data = secret.encode()
    encoded = {secret, secret[-PART:], quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
    encoded |= {data.hex(), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    for before in range(3):  # base64 of a longer text differs by where the secret begins in it
        text = base64.b64encode(bytes(before) + data).decode()
        piece = text[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        encoded |= {piece, piece.translate(str.maketrans("+/", "-_"))}
    return {form.encode() for form in encoded}


def contents(path: Path) -> Iterator[bytes]:
    """Yield a file's name and what is in it; of a database of SQLite (ARA's) also each cell that is compressed."""
    data = path.read_bytes()
    yield str(path).encode() + data
    if data.startswith(b"SQLite format 3"):
        with closing(sqlite3.connect(path)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608
                    for cell in filter(lambda cell: isinstance(cell, bytes), row):
                        with suppress(zlib.error):
                            yield zlib.decompress(cell)


@dataclass
class Canaries:
    """The secrets of a run by name; of an address with a password it is the password.

    ``of_processes`` are those that the shop's own processes, which stand for those at the vendors, and PostgreSQL's
    programs take from their environment. No other process has a secret, and none has one in its arguments.
    """

    secrets: Mapping[str, str]
    of_processes: tuple[str, ...] = ("database_url",)
    _processes: set[tuple[str, str, bytes]] = field(default_factory=set)

    def __post_init__(self) -> None:
        values = {name: urlsplit(value).password or value for name, value in self.secrets.items()}
        assert all(len(value) > PART for value in values.values()), "a secret that is found by chance proves nothing"
        self._forms = {name: forms(value) for name, value in values.items()}

    def within(self, content: bytes, but: Iterable[str] = ()) -> list[str]:
        """Return the names of the secrets that are in it."""
        return [name for name, each in self._forms.items() if name not in but and any(form in content for form in each)]

    def below(self, folder: Path) -> list[str]:
        """Return which file below a folder has which secret, in its name or in its content."""
        return [
            f"{path.relative_to(folder)}: {name}"
            for path in folder.rglob("*")
            if path.is_file()
            for content in contents(path)
            for name in self.within(content)
        ]

    def knowing(self, secrets: Mapping[str, str]) -> Canaries:
        """What was seen, searched for other secrets, such as one that was generated meanwhile."""
        return Canaries(secrets, self.of_processes, self._processes)

    @contextmanager
    def watching_processes(self) -> Iterator[None]:
        """Read the arguments and the environment of every process until the end of the block."""
        with beside(self._watch):
            yield

    def _watch(self, stop: threading.Event) -> None:
        while not stop.wait(PAUSE):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):  # it has ended
                    arguments = (process / "cmdline").read_bytes()
                    program = Path(arguments.split(b"\0")[0].decode(errors="replace")).name
                    self._processes.add((program, "arguments", arguments))
                    self._processes.add((program, "environment", (process / "environ").read_bytes()))

    @property
    def seen(self) -> set[str]:
        """Which program had which secret, in its arguments or its environment."""
        return {
            f"{program}, {where}: {name}"
            for program, where, content in self._processes.copy()
            for name in self.within(content, but=self.of_processes if where == "environment" else ())
        }
