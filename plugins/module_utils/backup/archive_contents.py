# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of contents of an archive of pg_dump: what each entry is called, whose it is, and which statement makes it.

Its shape is in PostgreSQL's sources, src/bin/pg_dump: pg_backup_archiver.c (ReadHead, ReadToc), pg_backup_custom.c and
pg_backup_directory.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

with suppress(ImportError):  # postgres.py reports it
    from psycopg2.extensions import encodings

from .archive_layout import CUSTOM, KNOWN, UnknownShape

CUSTOM_FORMAT, DIRECTORY_FORMAT = 1, 3  # a folder says that it is a tar
MOST = 1 << 30  # bytes of a text, or a number of entries, which nothing but damage exceeds


@dataclass(frozen=True)
class Item:
    """An entry. ``kind`` is pg_dump's word, such as TABLE or ACL; ``makes`` and ``drops`` are SQL, which
    may be empty.
    """

    number: int
    kind: str
    schema: str
    name: str
    owner: str
    makes: str
    drops: str
    tablespace: str = ""


class Items:
    """The entries of an archive, read again from its file each time: the SQL of a whole database is never
    held at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = sum(1 for _item in self)  # which finds out whether the shape is known

    def __iter__(self) -> Iterator[Item]:
        with _opened(self._path) as file:
            yield from _Reader(file).items()

    def __len__(self) -> int:
        return self._count


@dataclass(frozen=True)
class Contents:
    """``server`` and ``dumper`` are major versions: of the server that was dumped, and of the pg_dump that did it."""

    server: int
    dumper: int
    items: Items | tuple[Item, ...]

    def names(self, kind: str) -> list[str]:
        return [item.name for item in self.items if item.kind == kind]


def read_contents(path: str) -> Contents:
    """Read the table of contents of an archive: a file, or a folder of the format directory. Raises
    UnknownShape and OSError.
    """
    found = Path(path, "toc.dat") if Path(path).is_dir() else Path(path)
    with _opened(found) as file:
        server, dumper = _Reader(file).versions()
    return Contents(server, dumper, Items(found))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        file.seek(0)  # a name below /dev/fd may share its position
        try:
            yield file
        finally:
            file.seek(0)


class _Reader:
    """Reads an archive from its first byte on."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._size_of_number, self._size_of_position, self._encoding = file, 0, 0, "utf-8"
        self._minor = self._form = 0

    def versions(self) -> tuple[int, int]:
        """Return (of the server, of pg_dump)."""
        if self._bytes(len(CUSTOM)) != CUSTOM:
            raise UnknownShape
        major, minor, _revision, self._size_of_number, self._size_of_position, form = self._bytes(6)
        if major != 1 or minor not in KNOWN or form not in (CUSTOM_FORMAT, DIRECTORY_FORMAT):
            raise UnknownShape
        self._minor, self._form = minor, form
        self._bytes(1 if minor >= 15 else 1 + self._size_of_number)  # how it is compressed
        for _part in range(7):  # when it was made
            self._number()
        self._text()  # the name of the database
        server, dumper = self._text(), self._text()
        return _major(server), _major(dumper)

    def items(self) -> Iterator[Item]:
        self.versions()
        yield from self._items(self._number(), self._minor, self._form)

    def _items(self, count: int, minor: int, form: int) -> Iterator[Item]:
        for _item in range(count):
            item = self._item(minor)
            if form == CUSTOM_FORMAT:
                self._bytes(1 + self._size_of_position)
            else:
                self._text()
            if item.kind == "ENCODING":  # SET client_encoding = 'UTF8';
                self._encoding = encodings.get(item.makes.split("'")[1], "utf-8")
            yield item

    def _item(self, minor: int) -> Item:
        number = self._number()
        self._number()  # whether it has data
        self._text()
        self._text()
        name, kind = self._text(), self._text()
        self._number()  # its section
        makes, drops = self._text(), self._text()
        self._text()  # how it is copied
        schema = self._text()
        tablespace = self._text()
        if minor >= 14:
            self._text()  # its access method
        if minor >= 16:
            self._number()  # its kind of relation
        owner = self._text()
        self._text()  # whether it has OIDs
        while self._raw() is not None:  # what it depends on
            pass
        return Item(number, kind, schema, name, owner, makes, drops, tablespace)

    def _bytes(self, size: int) -> bytes:
        found = self._file.read(size)
        if len(found) != size:
            raise UnknownShape
        return found

    def _number(self) -> int:
        sign, *digits = self._bytes(1 + self._size_of_number)
        number = int.from_bytes(bytes(digits), "little")
        if number > MOST:
            raise UnknownShape
        return -number if sign else number

    def _raw(self) -> bytes | None:
        size = self._number()
        return self._bytes(size) if size >= 0 else None

    def _text(self) -> str:
        return (self._raw() or b"").decode(self._encoding, errors="replace")


def _major(version: str) -> int:
    digits = version.split(".", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    return int(digits) if digits.isdigit() else 0
