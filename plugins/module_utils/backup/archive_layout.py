# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive that pg_dump wrote into a pipe, laid out for ``pg_restore --jobs`` on its way into a file.

Into a pipe pg_dump cannot go back to record where a table's data begins, so each connection of pg_restore steps through
all data before its table; and without compression each row is a piece of its own, to be read, sent and received one by
one. Here rows are joined, and the table of contents records where tables begin. It stays the same archive otherwise,
and one of a shape that is not known here stays as it is. Its shape is in PostgreSQL's sources, src/bin/pg_dump:
pg_backup_archiver.c (ReadHead, ReadToc) and pg_backup_custom.c.

Rows can also be asked to be loaded frozen, as VACUUM would leave them: else the first query that reads a table writes
all of it again. The server refuses that but for a table that was made or emptied in the same transaction, as
``pg_restore --jobs`` empties each that it has made itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import IO

CUSTOM = b"PGDMP"  # how an archive in PostgreSQL's custom format begins
KNOWN = range(12, 17)  # minor versions of the format 1, which PostgreSQL 9.0 to 18 write
SIZES_AND_FORMAT = bytes((4, 8, 1))  # bytes of a number without its sign, bytes of a position, custom
DATA, LARGE_OBJECTS = 1, 3  # kinds of blocks
NO_POSITION, POSITION = 1, 2  # whether a position follows
NUMBER = 5  # bytes: the sign, and four, the least first
NOTHING = bytes(NUMBER)
MOST = 1 << 28  # bytes of a text in the table of contents, which is held as a whole; nothing but damage exceeds it
WINDOW = 1 << 16  # bytes of rows that are joined: the server works on them while the next ones are on their way
# What COPY writes as text holds no zero byte, and each of its rows ends with a newline: so this is the end of a row and
# the length of the next.
BETWEEN_ROWS = re.compile(rb"\n\0.{4}", re.DOTALL)

PLAIN = re.compile(rb"[a-z_][a-z0-9_]*")  # a name that is quoted only where all are, or where it is a keyword
COPIED, COPIED_FROZEN = b" FROM stdin;\n", b" FROM stdin WITH (FREEZE);\n"


class UnknownShape(Exception):
    """The rest of an archive is better left as it is."""


def lay_out(pieces: Iterable[bytes], file: IO[bytes], *, frozen: bool = False) -> None:
    """Write an archive to an empty file. Raises what ``pieces`` raises.

    ``frozen`` is for ``pg_restore --jobs`` with more than one, of all the archive.
    """
    source = _Source(pieces)
    began: dict[int, int] = {}
    try:
        contents = _Contents(source)
        contents.read()
        positions = contents.write(file, frozen=frozen)
        while source.has(1):
            _copy_block(source, file, began)
    except UnknownShape:  # what is written by now is the same archive up to here
        source.copy_rest(file)
        return
    for number in positions.keys() & began.keys():
        file.seek(positions[number])
        file.write(bytes([POSITION]) + began[number].to_bytes(8, "little"))
    file.seek(0, 2)


class _Source:
    """The pieces as one stream. Of ``buffer`` all before ``at`` is written."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self.buffer, self.at = iter(pieces), b"", 0

    def has(self, size: int) -> bool:
        """Whether ``size`` more bytes are to be written; they are in the buffer then."""
        missing, fresh = size - len(self.buffer) + self.at, []
        while missing > 0 and (piece := next(self._pieces, None)) is not None:
            fresh.append(piece)
            missing -= len(piece)
        if fresh:
            written = self.at
            self.buffer, self.at = b"".join([self.buffer[written:], *fresh]), 0
        return missing <= 0

    def peek(self, size: int) -> bytes:
        if not self.has(size):
            raise UnknownShape
        start, end = self.at, self.at + size
        return self.buffer[start:end]

    def copy(self, file: IO[bytes], size: int) -> None:
        while size > 0:
            if not self.has(1):
                raise UnknownShape
            step = min(size, len(self.buffer) - self.at)
            file.write(self.peek(step))
            self.at += step
            size -= step

    def copy_rest(self, file: IO[bytes]) -> None:
        while self.has(1):
            self.copy(file, len(self.buffer) - self.at)


class _Contents:
    """The table of contents, which is checked before any of it is written."""

    def __init__(self, source: _Source) -> None:
        self._source, self._at = source, 0
        self._positions: dict[int, int] = {}  # by an entry's number, where the position of its data belongs
        self._tables: set[bytes] = set()  # numbers of the tables that it makes, as dependencies name them
        self._all_quoted = False  # then pg_restore does not empty the tables that it has made
        # (the number of the table, where the statement begins that loads it, the statement)
        self._copies: list[tuple[bytes, int, bytes]] = []

    def read(self) -> None:
        if self._bytes(len(CUSTOM)) != CUSTOM:
            raise UnknownShape
        major, minor, _revision = self._bytes(3)
        if major != 1 or minor not in KNOWN or self._bytes(3) != SIZES_AND_FORMAT:
            raise UnknownShape
        if any(self._bytes(1 if minor >= 15 else NUMBER)):  # it is compressed
            raise UnknownShape
        self._skip(numbers=7, texts=3)  # when and of what it was made
        for _entry in range(self._number()):
            self._read_entry(minor)

    def _read_entry(self, minor: int) -> None:
        number = self._number()
        self._skip(numbers=1, texts=3)  # whether it has data; its catalog's and its own OID, its name
        kind = self._text()
        self._skip(numbers=1)  # its section
        made_by = self._text()
        self._skip(texts=1)  # how it is dropped
        begins, copied_by = self._at, self._text()
        schema = self._text()
        self._skip(texts=2 if minor >= 14 else 1)  # tablespace, access method
        self._skip(numbers=1 if minor >= 16 else 0, texts=2)  # kind of relation; owner, and whether it has OIDs
        needed: list[bytes] = []
        while (text := self._text()) is not None:
            needed.append(text)
        if kind == b"TABLE":
            self._tables.add(b"%d" % number)
        # else it is loaded through its parent
        if kind == b"TABLE DATA" and not made_by and needed and copied_by and copied_by.endswith(COPIED):
            self._copies.append((needed[0], begins, copied_by))
            self._all_quoted |= copied_by.startswith(b'COPY "') and PLAIN.fullmatch(schema or b"") is not None
        state = self._bytes(1)[0]
        if state == POSITION:
            raise UnknownShape
        if state == NO_POSITION:
            self._positions[number] = self._at - 1
        self._bytes(8)

    def write(self, file: IO[bytes], *, frozen: bool) -> dict[int, int]:
        """Write it and return by each entry's number where the position of its data belongs."""
        copies = [
            (begins, copied_by)
            for table, begins, copied_by in self._copies
            if frozen and not self._all_quoted and table in self._tables
        ]
        longer = len(COPIED_FROZEN) - len(COPIED)
        written = 0
        for begins, copied_by in copies:
            self._source.copy(file, begins - written)
            file.write(_as_text(copied_by.removesuffix(COPIED) + COPIED_FROZEN))
            written = begins + len(_as_text(copied_by))
            self._source.at += len(_as_text(copied_by))
        self._source.copy(file, self._at - written)
        return {
            number: at + longer * sum(begins < at for begins, _copied_by in copies)
            for number, at in self._positions.items()
        }

    def _bytes(self, size: int) -> bytes:
        if not self._source.has(self._at + size):
            raise UnknownShape
        start = self._source.at + self._at
        end = start + size
        self._at += size
        return self._source.buffer[start:end]

    def _number(self) -> int:
        return _number(self._bytes(NUMBER))

    def _text(self) -> bytes | None:
        size = self._number()
        if size > MOST:
            raise UnknownShape
        return self._bytes(size) if size >= 0 else None

    def _skip(self, *, numbers: int = 0, texts: int = 0) -> None:
        self._bytes(NUMBER * numbers)
        for _text in range(texts):
            self._text()


def _copy_block(source: _Source, file: IO[bytes], began: dict[int, int]) -> None:
    """Copy a table's data, or some large objects."""
    head = source.peek(1 + NUMBER)
    kind, number = head[0], _number(head[1:])
    if kind not in (DATA, LARGE_OBJECTS):
        raise UnknownShape
    began[number] = file.tell()
    source.copy(file, len(head))
    if kind == DATA:
        _copy_pieces(source, file, of_text=True)
        return
    while source.peek(NUMBER) != NOTHING:  # a large object's OID
        source.copy(file, NUMBER)
        _copy_pieces(source, file, of_text=False)
    source.copy(file, NUMBER)


def _copy_pieces(source: _Source, file: IO[bytes], *, of_text: bool) -> None:
    while (head := source.peek(NUMBER)) != NOTHING:
        if head[0]:
            raise UnknownShape
        source.has(WINDOW)
        start, end = source.at, source.at + WINDOW
        window = source.buffer[start:end]
        joined, size = (of_text and _join_rows(window)) or _join(window)
        if joined:
            file.write(_as_text(joined))
            source.at += size
        else:  # a piece that is larger than the window
            source.copy(file, NUMBER + _number(head))
    source.copy(file, NUMBER)


def _join_rows(window: bytes) -> tuple[bytes, int] | None:
    """Return (the rows at the beginning of a window in one piece, how much of the window they were), None
    where they are no rows of text.
    """
    end = window.find(NOTHING, NUMBER)
    if end < 0:
        end = window.rfind(b"\n\0") + 1
    rows = BETWEEN_ROWS.sub(b"\n", window[NUMBER:end])
    # a zero is of a length that is cut, or that does not follow a newline
    return (rows, end) if rows and 0 not in rows else None


def _join(window: bytes) -> tuple[bytes, int]:
    """Do the same one by one, for pieces of any kind; of those alone that are in the window as a whole."""
    pieces, at = [], 0
    while (
        (start := at + NUMBER) <= len(window)
        and (size := _number(window[at:start])) > 0
        and (end := start + size) <= len(window)
    ):
        pieces.append(window[start:end])
        at = end
    return b"".join(pieces), at


def _as_text(data: bytes) -> bytes:
    return b"\0" + len(data).to_bytes(4, "little") + data


def _number(data: bytes) -> int:
    return int.from_bytes(data[1:], "little") * (-1 if data[0] else 1)
