# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup/create.py: folders with data in the clear do not outlive their process for long. The rest is in
modules/test_pg_backup.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.backup.create import SCRATCH, scratch_folder, sweep
from ansible_collections.storefront.runbook.plugins.module_utils.backup.request import Shape
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.core.process import started


def test_a_scratch_folder_is_for_its_owner_only_and_gone_afterwards(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), scratch_folder(Shape("directory", 2, 1, tmp_path)) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "dump").write_text("rows")
        raise OSError("full")
    assert list(tmp_path.iterdir()) == []


def test_a_stream_needs_no_folder(tmp_path: Path) -> None:
    with scratch_folder(Shape("custom", 1, 1, tmp_path)):
        assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_reported_with_its_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    message = r"Nothing can be written to .*/file: Not a directory. Name another folder as scratch_dir"
    with pytest.raises(ConfigError, match=message), scratch_folder(Shape("directory", 2, 1, tmp_path / "file")):
        pass


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    mine = f"{SCRATCH}{os.getpid()}-{started(os.getpid())}-abc"
    of_another_with_my_number = f"{SCRATCH}{os.getpid()}-1-abc"
    for name in (mine, of_another_with_my_number, f"{SCRATCH}notes", "storefront"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dump").write_text("rows")
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([mine, f"{SCRATCH}notes", "storefront"])
