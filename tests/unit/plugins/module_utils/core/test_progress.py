# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress lines: one line each, without secrets and without what steers a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import progress

from tests.unit.support import Clock


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that were shown."""
    lines: list[str] = []
    monkeypatch.setattr(progress, "sink", lines.append)
    monkeypatch.setattr(progress, "secrets", {"tok-s3cr3t"})
    return lines


def test_an_ordinary_module_shows_nothing() -> None:
    assert progress.sink is None
    progress.report("nobody sees this")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("uploading", "uploading"),
        ("two\nlines\r\nand\ta tab", "two lines  and a tab"),
        ("\x1b[2J\x07cleared\x9b1m", "?[2J?cleared?1m"),
        ("left\u202eto right\u200b \u2028 next", "left?to right? ? next"),
        ("token tok-s3cr3t at postgresql://shop:hunter2@db/x", "token ******** at postgresql://shop:********@db/x"),
        ("  grün 🎉 ", "grün 🎉"),
        ("a lone \udce4 surrogate", "a lone ? surrogate"),
        ("x" * 1000, "x" * 297 + "..."),
    ],
)
def test_a_line_is_one_line_and_harmless(shown: list[str], text: str, line: str) -> None:
    progress.report(text)
    assert shown == [line]


def test_a_line_that_stays_is_marked_harmless_and_longer(shown: list[str]) -> None:
    progress.show("tok-s3cr3t \x1b[2J " + "x" * 3000)
    (line,) = shown
    assert line.startswith(f"{progress.LASTING}******** ?[2J x")
    assert len(line) == 1 + progress.LONGEST_SHOWN
    progress.report(f"{progress.LASTING}forged")
    assert shown[-1] == "?forged"


def test_a_transfer_shows_bytes_and_rate(shown: list[str], clock: Clock) -> None:
    transfer = progress.Transfer("Upload", 10_000_000, clock)
    transfer.add(1_000_000)
    clock.now += 2
    transfer.add(3_000_000)
    assert shown == ["Upload: 1.0 of 10.0 MB", "Upload: 4.0 of 10.0 MB, 2.0 MB/s"]


def test_a_transfer_of_unknown_size_shows_no_total(shown: list[str], clock: Clock) -> None:
    progress.Transfer("Upload", clock=clock).add(1_500_000)
    assert shown == ["Upload: 1.5 MB"]


def test_a_file_that_is_sent_is_counted(shown: list[str], tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"x" * 2_000_000)
    with progress.CountedFile(tmp_path / "archive", "Upload") as file:
        pieces = [file.read(1_500_000), file.read(1_500_000), file.read(), file.read(None)]
    assert [len(piece) for piece in pieces] == [1_500_000, 500_000, 0, 0]
    assert shown[:2] == ["Upload: 1.5 of 2.0 MB", "Upload: 2.0 of 2.0 MB"]
