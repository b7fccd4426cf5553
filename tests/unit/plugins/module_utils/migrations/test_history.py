# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrations/history.py: the migrations' folder, and what is said of a migration that failed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.history import explain, read_folder
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration, Row


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations and Prisma's lock file."""
    for name, script in (("2_second", "SELECT 2;"), ("1_first", "SELECT 1;")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "migration.sql").write_text(script)
    (tmp_path / "migration_lock.toml").write_text('# Do not edit\nprovider = "postgresql"\n')
    return tmp_path


def test_migrations_come_in_the_order_of_their_names(folder: Path) -> None:
    assert read_folder(folder, "x") == [Migration("1_first", "SELECT 1;"), Migration("2_second", "SELECT 2;")]


def break_lock(folder: Path) -> None:
    (folder / "migration_lock.toml").write_text('provider = "mysql"\n')


def remove_script(folder: Path) -> None:
    (folder / "1_first" / "migration.sql").unlink()


def make_script_a_folder(folder: Path) -> None:
    remove_script(folder)
    (folder / "1_first" / "migration.sql").mkdir()


def hide_a_statement(folder: Path) -> None:
    (folder / "1_first" / "migration.sql").write_text('SELECT 1;\0DROP TABLE "User";')


def write_latin1(folder: Path) -> None:
    (folder / "1_first" / "migration.sql").write_bytes("-- é".encode("latin-1"))


@pytest.mark.parametrize(
    ("harm", "code", "words"),
    [
        (break_lock, "P3019", "are for mysql"),
        (remove_script, "P3015", "shown/1_first has no migration.sql"),
        (make_script_a_folder, "P3015", "shown/1_first has no migration.sql"),
        (hide_a_statement, "bad_migration", "shown/1_first/migration.sql has a NUL character"),
        (write_latin1, "bad_migration", "shown/1_first/migration.sql is not UTF-8"),
    ],
)
def test_a_folder_that_prisma_would_not_take_is_refused(folder: Path, harm: Any, code: str, words: str) -> None:
    harm(folder)
    with pytest.raises(ConfigError, match=words) as refused:
        read_folder(folder, "shown")
    assert refused.value.details["code"] == code


def test_a_missing_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder of migrations at shown"):
        read_folder(tmp_path / "nowhere", "shown")
    with pytest.raises(ConfigError, match="shown holds no migrations"):
        read_folder(tmp_path, "shown")


def test_line_ends_do_not_make_a_migration_an_edited_one() -> None:
    unix, windows = Migration("a", "SELECT 1;\nSELECT 2;\n"), Migration("a", "SELECT 1;\r\nSELECT 2;\r\n")
    assert unix.fits(windows.checksum)
    assert windows.fits(unix.checksum)
    assert not unix.fits(Migration("a", "SELECT 1;\nSELECT 3;\n").checksum)


def failed(script: str, logs: str | None = None) -> Row:
    return Row("a", hashlib.sha256(script.encode()).hexdigest(), datetime(2026, 2, 2, 9, tzinfo=UTC), None, None, logs)


@pytest.mark.parametrize(
    ("row", "here", "resolve", "words"),
    [
        (failed("DROP TABLE x;", "no such table"), "DROP TABLE x;", "rolled-back", "none of it is applied"),
        (failed("DROP TABLE x;"), "DROP TABLE x;", None, "either all of it is applied or none of it is"),
        (
            failed("BEGIN; COMMIT; SELECT 1/0;", "division by zero"),
            "BEGIN; COMMIT; SELECT 1/0;",
            None,
            "part of it may be applied",
        ),
        (failed("DROP TABLE x;", "no such table"), "DROP TABLE y;", None, "is not the one that is here"),
        (failed("DROP TABLE x;", "no such table"), None, None, "is not the one that is here"),
        (failed("DORP TABLE x;", "syntax error"), "DORP TABLE x;", None, "could not be judged"),
    ],
)
def test_the_resolve_that_is_right_is_named_only_where_it_is_sure(
    row: Row, here: str | None, resolve: str | None, words: str
) -> None:
    explanation = explain(row, Migration("a", here) if here else None)
    assert explanation["resolve"] == resolve
    assert words in explanation["explanation"]
    assert "prisma migrate resolve --rolled-back a" in explanation["explanation"]
    assert ("--applied a" in explanation["explanation"]) == (resolve is None)
