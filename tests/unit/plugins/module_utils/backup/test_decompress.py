# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zstd unpacked: whole or not at all, and in little memory however much comes out of it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from ansible_collections.storefront.runbook.plugins.module_utils.backup import dump as backup
from ansible_collections.storefront.runbook.plugins.module_utils.backup.decompress import END, NotWhole, unpack
from ansible_collections.storefront.runbook.plugins.module_utils.backup.manifest import write_manifest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import nothing
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore

from tests.unit.plugins.module_utils.backup.test_archive_layout import archive, number, text
from tests.unit.plugins.module_utils.backup.test_reader import FACTS, IDENTITY

CONTENT = {
    "rows": b"a row of the shop\n" * 30_000,
    "noise": random.Random(1).randbytes(300_000),
    "a few bytes": b"shop",
    "what the end is known by": END,
    "nothing": b"",
}
MOST = 48 << 10  # KB that reading may take beside what Python has before
READ = """
import json, pathlib, re, sys
sys.path[:] = json.loads(sys.argv[1])
from ansible_collections.storefront.runbook.plugins.module_utils.backup.archive import fetch
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore
def peak():
    return int(re.search("VmHWM:\\\\s+(\\\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
before = peak()
with fetch(FolderStore(sys.argv[2]), "zeros", "backups/", sys.stdin.read(), lambda: None, frozen=True) as found:
    print(json.dumps([pathlib.Path(found.path).stat().st_size, peak() - before]))
"""


def cut(content: bytes, step: int = 1000) -> Iterator[bytes]:
    return (content[at : at + step] for at in range(0, len(content), step))


def pack(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(content)


@pytest.mark.parametrize("content", CONTENT.values(), ids=CONTENT)
def test_it_comes_out_as_it_went_in_of_one_frame_or_of_several(content: bytes) -> None:
    packed = pack(content)
    assert b"".join(unpack(cut(packed))) == content
    assert b"".join(unpack(cut(packed * 2))) == content * 2


@pytest.mark.parametrize("content", CONTENT.values(), ids=CONTENT)
def test_what_is_cut_or_changed_is_not_whole(content: bytes) -> None:
    packed = pack(content)
    for size in (1, 2, 5, len(packed) // 2, len(packed) - 5, len(packed) - 1):
        with pytest.raises(NotWhole):
            list(unpack(cut(packed[:size])))
    with pytest.raises(NotWhole):
        list(unpack(cut(packed + b"more")))


def test_what_stops_the_reading_is_raised_as_it_is() -> None:
    def stopped() -> Iterator[bytes]:
        yield pack(CONTENT["noise"])[:1000]
        raise LeaseLost("taken over")

    with pytest.raises(LeaseLost, match="taken over"):
        list(unpack(stopped()))


def rows(megabytes: int) -> Iterator[bytes]:
    piece = text(b"1\t" + b"0" * 90 + b"\n") * 10_000
    yield b"\1" + number(10)
    for _unused in range(megabytes * 1_000_000 // len(piece)):
        yield piece
    yield number(0) + b"\3" + number(5) + number(0)


def large_object(megabytes: int) -> Iterator[bytes]:
    piece = text(bytes(16 << 10)) * 60
    yield b"\1" + number(10) + number(0) + b"\3" + number(5) + number(4711)
    for _unused in range(megabytes * 1_000_000 // len(piece)):
        yield piece
    yield number(0) * 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="its memory is read from /proc")
@pytest.mark.parametrize("blocks", [rows, large_object])
def test_a_restore_takes_little_memory_however_small_the_backup_is_packed(
    blocks: Callable[[int], Iterator[bytes]], tmp_path: Path
) -> None:
    head = archive([[]], {})[: -2 * (1 + 5 + 5)]  # without its two empty blocks

    def dump() -> Iterator[bytes]:
        yield head
        yield from blocks(300)

    store = FolderStore(str(tmp_path / "store"))
    target = backup.Target(store, "backups/zeros/", 1, [IDENTITY.to_public()], nothing, backup.Progress())
    objects = [target.put("dump", dump(), nothing)]
    assert objects[0]["size"] < objects[0]["raw_size"] / 1000
    facts = {
        **dict.fromkeys(FACTS),
        "database": "shop",
        "sha256": "0" * 64,
        "format": "custom",
        "encryption": "age",
        "verified": "none",
    }
    recipients = [str(IDENTITY.to_public())]
    write_manifest(
        store,
        {
            **facts,
            "recipients": recipients,
            "objects": objects,
            "schema": 1,
            "name": "zeros",
            "finished_at": "2026-02-02T09:00:00+00:00",
        },
    )
    argv = [sys.executable, "-c", READ, json.dumps(sys.path), str(tmp_path / "store")]
    done = subprocess.run(argv, input=str(IDENTITY), capture_output=True, text=True, check=True)
    size, taken = json.loads(done.stdout)
    assert size > 100_000_000
    assert taken < MOST, f"{taken} KB"
