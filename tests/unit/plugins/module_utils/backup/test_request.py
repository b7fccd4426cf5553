# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup/request.py: what is chosen for a database of this size, and what is refused."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup import request
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError

GIB = 1 << 30


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says how many bytes the disk has free; much at first."""

    def has(free: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))

    has(1 << 50)
    return has


def params(tmp_path: Path, **given: Any) -> dict[str, Any]:
    return {
        "level": None,
        "jobs": None,
        "format": None,
        "scratch_dir": str(tmp_path),
        "release": None,
        "name": None,
        **given,
    }


@pytest.mark.parametrize(
    ("size", "cpus", "expected"),
    [
        (20 << 20, 8, ("custom", 1)),
        (4 * GIB - 1, 8, ("custom", 1)),
        (4 * GIB, 8, ("directory", 2)),
        (4 * GIB, 2, ("custom", 1)),
        (32 * GIB, 4, ("directory", 4)),
        (32 * GIB, 2, ("custom", 1)),
    ],
)
def test_a_large_database_is_dumped_in_parallel_where_there_are_processors_for_it(
    tmp_path: Path, room: Any, size: int, cpus: int, expected: tuple[str, int]
) -> None:
    shape = request.choose_shape(params(tmp_path), size, cpus=cpus)
    assert (shape.format, shape.jobs, shape.level) == (*expected, 1)


def test_a_large_database_is_dumped_as_a_stream_where_there_is_no_disk_for_more(tmp_path: Path, room: Any) -> None:
    room(8 * GIB)
    assert request.choose_shape(params(tmp_path), 3 * GIB, cpus=8).format == "custom"
    assert request.choose_shape(params(tmp_path), 5 * GIB, cpus=8).format == "custom"
    assert request.choose_shape(params(tmp_path, format="directory"), 5 * GIB).format == "directory"
    with pytest.raises(ConfigError, match=r"has 8\.6 GB free, and a dump as a directory needs up to 9\.7 GB"):
        request.choose_shape(params(tmp_path, format="directory"), 9 * GIB)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"jobs": 3}, ("directory", 3)),
        ({"jobs": 1}, ("custom", 1)),
        ({"format": "directory", "jobs": 1}, ("directory", 1)),
        ({"format": "custom"}, ("custom", 1)),
    ],
)
def test_what_was_asked_for_is_done(
    tmp_path: Path, room: Any, given: dict[str, Any], expected: tuple[str, int]
) -> None:
    shape = request.choose_shape(params(tmp_path, level=3, **given), 20 << 20)
    assert (shape.format, shape.jobs, shape.level) == (*expected, 3)


def test_a_name_holds_nothing_that_a_path_could_not(tmp_path: Path) -> None:
    at = datetime(2026, 2, 2, 9, 0, 0, 123000, tzinfo=UTC)
    assert (
        request.choose_name(params(tmp_path, release="v1/hot fix"), "größe", at)
        == "gr_e-20260202T090000.123Z-v1_hot_fix"
    )
    with pytest.raises(ConfigError, match="cannot name a backup"):
        request.choose_name(params(tmp_path, name="größe"), "shop", at)
