# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives laid out for many connections: the same to the byte but for how the rows are cut, and where each
table begins.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup.archive_layout import (
    NO_POSITION,
    POSITION,
    WINDOW,
    lay_out,
)

NO_DATA = 3
Objects = dict[int, list[bytes]]  # large objects in their pieces, by OID


def number(value: int) -> bytes:
    return bytes([value < 0]) + abs(value).to_bytes(4, "little")


def text(value: bytes | None) -> bytes:
    return number(-1) if value is None else number(len(value)) + value


def pieces(data: Sequence[bytes]) -> bytes:
    return b"".join(text(piece) for piece in data) + number(0)


def archive(
    tables: Sequence[Sequence[bytes]],
    objects: Objects | None = None,
    *,
    minor: int = 14,
    compressed: int = 0,
    state: int = NO_POSITION,
    loaded: bytes = b"",
    of: int = 1,
) -> bytes:
    """An archive as pg_dump writes it into a pipe: number 1 makes a table, the data of tables have numbers from 10, its
    large objects are number 5.

    ``loaded`` is pg_dump's remark on how the data is loaded, and ``of`` the number of their table.
    """
    head = b"PGDMP" + bytes([1, minor, 0, 4, 8, 1]) + (bytes([compressed]) if minor >= 15 else number(compressed))
    head += b"".join(number(part) for part in (1, 2, 3, 4, 5, 126, 0)) + text(b"shop") + text(b"15.20") + text(b"15.20")
    entries = [(1, NO_DATA), *((index, state) for index in range(10, 10 + len(tables))), (5, state)]
    contents = number(len(entries))
    for index, known in entries:
        contents += (
            number(index)
            + number(1)
            + text(b"0") * 2
            + text(b"item")
            + text(b"TABLE DATA" if index >= 10 else b"TABLE")
        )
        contents += number(3) + text(loaded) + text(None)
        contents += (
            text(b"COPY item FROM stdin;\n") + text(b"public") + text(None) + (text(b"heap") if minor >= 14 else b"")
        )
        contents += (
            (number(114) if minor >= 16 else b"")
            + text(b"shop")
            + text(b"false")
            + text(b"%d" % of)
            + text(b"8")
            + text(None)
        )
        contents += bytes([known]) + bytes(8)
    blocks = [b"\1" + number(index) + pieces(rows) for index, rows in enumerate(tables, 10)]
    large = (
        b"\3" + number(5) + b"".join(number(oid) + pieces(data) for oid, data in (objects or {}).items()) + number(0)
    )
    return head + contents + b"".join(blocks) + large


def laid_out(content: bytes, step: int = 1000, *, frozen: bool = False) -> bytes:
    file = io.BytesIO()
    lay_out((content[at : at + step] for at in range(0, len(content), step)), file, frozen=frozen)
    assert file.tell() == len(file.getvalue())
    return file.getvalue()


class Reader:
    """Reads an archive as pg_restore does, by the positions in its table of contents."""

    def __init__(self, content: bytes) -> None:
        self.file = io.BytesIO(content)
        minor = self.file.read(11)[6]
        self.file.read(1 if minor >= 15 else 5)
        self.skip("nnnnnnnttt")
        self.positions = {}
        for _entry in range(self.number()):
            index = self.number()
            self.skip("nttttntttttt"[: 11 if minor < 14 else 12])
            self.skip("n" if minor >= 16 else "")
            self.skip("tt")
            while self.text() is not None:
                pass
            self.positions[index] = (self.file.read(1)[0], int.from_bytes(self.file.read(8), "little"))

    def number(self) -> int:
        data = self.file.read(5)
        return int.from_bytes(data[1:], "little") * (-1 if data[0] else 1)

    def text(self) -> bytes | None:
        size = self.number()
        return self.file.read(size) if size >= 0 else None

    def skip(self, kinds: str) -> None:
        for kind in kinds:
            self.number() if kind == "n" else self.text()

    def pieces(self) -> Iterator[bytes]:
        while size := self.number():
            yield self.file.read(size)

    def table(self, index: int) -> list[bytes]:
        state, position = self.positions[index]
        assert state == POSITION
        self.file.seek(position)
        assert (self.file.read(1), self.number()) == (b"\1", index)
        return list(self.pieces())

    def objects(self) -> dict[int, bytes]:
        self.file.seek(self.positions[5][1])
        assert (self.file.read(1), self.number()) == (b"\3", 5)
        found = {}
        while oid := self.number():
            found[oid] = b"".join(self.pieces())
        return found


ROWS = [b"%d\tsome words\t\\N\n" % index for index in range(20000)]


@pytest.mark.parametrize("minor", [12, 14, 15, 16])
def test_rows_are_joined_and_the_contents_report_where_each_table_begins(minor: int) -> None:
    tables: list[list[bytes]] = [ROWS, [], ROWS[:1]]
    found = Reader(laid_out(archive(tables, {77: [b"\n\0abcd\n", b"x" * 9 + b"\n"]}, minor=minor)))
    assert [b"".join(found.table(10 + index)) for index in range(3)] == [b"".join(rows) for rows in tables]
    assert len(found.table(10)) < len(ROWS) / 1000
    assert (found.objects(), found.positions[1]) == ({77: b"\n\0abcd\n" + b"x" * 9 + b"\n"}, (NO_DATA, 0))


@pytest.mark.parametrize(
    "rows",
    [
        [b"1\n"] * 30000,  # the newline of each could be a byte of the next one's length
        [b"123456789\n"] * 9000,  # whose length is a newline and zeros
        [b"x" * 2560 + b"\n"] * 200,  # whose length has a newline and a zero in it
        [b"x" * 255 + b"\n"] * 1000,
        [b"x" * (WINDOW * 3) + b"\n", *ROWS[:5], b"y" * WINDOW + b"\n", b"\n", b"\n"],
        [b"INSERT INTO item VALUES (", b"1", b");\n"] * 5000,  # pg_dump --inserts: no piece of these is a row
        [b"no newline"] * 9000,
    ],
    ids=["short", "10 bytes", "2561 bytes", "256 bytes", "long", "inserts", "no rows"],
)
def test_no_row_is_changed_whatever_its_length_is_like(rows: list[bytes]) -> None:
    found = Reader(laid_out(archive([rows, ROWS[:3]])))
    assert b"".join(found.table(10)) == b"".join(rows)
    assert found.table(11) == [b"".join(ROWS[:3])]
    assert len(found.table(10)) < 20


def test_it_does_not_matter_how_the_stream_is_cut_or_what_the_rows_are() -> None:
    chance = random.Random(5)
    rows = [
        chance.choice([b"\n", b"\t\n", b"a", b"\\.\n", b"b" * chance.choice([9, 10, 255, 256, 2559, 70000]) + b"\n"])
        for _row in range(300)
    ]
    objects = {
        oid: [chance.choice([bytes(5), b"\n\0", chance.randbytes(50)]) for _piece in range(30)] for oid in (1, 2, 10)
    }
    content = archive([rows, ROWS[:50]], objects)
    found = Reader(laid_out(content))
    assert b"".join(found.table(10)) == b"".join(rows)
    assert found.objects() == {oid: b"".join(data) for oid, data in objects.items()}
    for step in (1, 7, 65536, len(content)):
        assert b"".join(Reader(laid_out(content, step)).table(10)) == b"".join(rows)


@pytest.mark.parametrize(
    "content",
    [
        archive([ROWS], compressed=6),
        archive([ROWS], minor=15, compressed=1),
        archive([ROWS], minor=11),
        archive([ROWS], minor=17),
        archive([ROWS], state=POSITION),
        archive([ROWS]).replace(bytes((4, 8, 1)), bytes((8, 8, 1)), 1),
        archive([ROWS])[:300],
        b"CREATE TABLE item (id int);\n",
        b"",
    ],
    ids=[
        "gzip",
        "gzip from 16 on",
        "older",
        "newer",
        "seekable",
        "larger numbers",
        "cut in its contents",
        "SQL",
        "empty",
    ],
)
def test_what_is_of_another_shape_stays_as_it_is(content: bytes) -> None:
    assert laid_out(content) == content


def test_what_is_cut_or_odd_in_its_data_stays_readable_as_far_as_it_was() -> None:
    whole = archive([ROWS, ROWS[:2]])
    start = Reader(laid_out(whole)).positions[10][1]
    for missing in (1, 3):
        cut = laid_out(whole[:-missing])
        assert cut[start:].startswith(laid_out(whole)[start:-100])
        assert cut.endswith(whole[-16:-missing])
        assert all(state != POSITION for state, _position in Reader(cut).positions.values())
    odd = whole.replace(b"\1" + number(11), b"\7" + number(11))
    assert laid_out(odd).endswith(odd[odd.index(b"\7" + number(11)) :])
    assert all(state != POSITION for state, _position in Reader(laid_out(odd)).positions.values())


@pytest.mark.parametrize("minor", [12, 14, 15, 16])
def test_rows_are_frozen_where_their_table_is_made_by_the_same_archive(minor: int) -> None:
    plain, frozen = (
        laid_out(archive([ROWS, ROWS[:5]], {7: [b"large"]}, minor=minor), frozen=wanted) for wanted in (False, True)
    )
    assert (plain.count(b"FREEZE"), frozen.count(b"COPY item FROM stdin WITH (FREEZE);\n")) == (0, 2)
    found = Reader(frozen)
    assert [b"".join(found.table(index)) for index in (10, 11)] == [b"".join(ROWS), b"".join(ROWS[:5])]
    assert found.objects() == {7: b"large"}


@pytest.mark.parametrize(
    "how",
    [{"of": 3}, {"loaded": b"-- load via partition root public.event"}],
    ids=["an extension's table", "a partition"],
)
def test_rows_that_the_server_would_not_freeze_are_loaded_as_usual(how: Any) -> None:
    assert laid_out(archive([ROWS], **how), frozen=True) == laid_out(archive([ROWS], **how))


def test_what_the_stream_raises_comes_through() -> None:
    def broken() -> Iterator[bytes]:
        yield archive([ROWS])[:9000]
        raise OSError("lost")

    with pytest.raises(OSError, match="lost"):
        lay_out(broken(), io.BytesIO())
