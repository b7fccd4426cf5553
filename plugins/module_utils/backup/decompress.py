# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zstd unpacked in bounded memory: 32 KB of it may hold a gigabyte of zeros."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

try:
    import zstandard

    ZSTANDARD_ERROR: str | None = None
except ImportError as error:  # reported by core.module.run through missing_required_lib
    ZSTANDARD_ERROR = str(error)

AT_ONCE = 1 << 18  # bytes of what is unpacked
# The decoder does not report that its input ends within a frame. So a frame of ours is appended, and its content has to
# be the last that comes out.
END = b"storefront.runbook: the end"


def unpack(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack one or more frames. Raises NotWhole, and what ``pieces`` raises."""
    source: Any = _Source(_with_end(pieces))
    reader = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
    held = b""
    try:
        while piece := reader.read(AT_ONCE):
            held += piece
            whole, held = held[: -len(END)], held[-len(END) :]
            if whole:
                yield whole
    except zstandard.ZstdError:
        raise NotWhole from None
    if held != END:
        raise NotWhole


class NotWhole(Exception):
    """It is cut off or damaged."""


def _with_end(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Add the frame to the last piece: one that begins a piece is taken for a whole one, even where the
    header of another was cut before it.
    """
    held = b""
    for piece in filter(None, pieces):
        if held:
            yield held
        held = piece
    yield held + zstandard.ZstdCompressor(write_checksum=True).compress(END)


class _Source:
    """Pieces as the file that the decoder reads."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int) -> bytes:
        return next(self._pieces, b"")
