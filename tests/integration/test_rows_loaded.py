# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a load that is under way, as the server counts them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import progress
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import direct
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.programs import find_tool
from ansible_collections.storefront.runbook.plugins.module_utils.restore.rows_loaded import rows_loaded

from sandbox.storefront import Sandbox
from tests.integration.in_process import until
from tests.integration.shop_database import Database


@pytest.fixture
def database(sandbox: Sandbox) -> Iterator[Database]:
    """A database with an empty table."""
    database = Database(sandbox, "test-rows")
    database.sql("CREATE TABLE item (id int, name text)")
    yield database
    database.drop()


@pytest.fixture
def loading(database: Database) -> Iterator[subprocess.Popen]:
    """A program that has sent 5000 rows of a table and has not sent its end yet."""
    program = subprocess.Popen(
        [find_tool("psql", 15).path, "-c", "COPY item FROM STDIN", database.url.partition("?")[0]],
        stdin=subprocess.PIPE,
    )
    assert program.stdin
    program.stdin.write(b"".join(b"%d\t%s\n" % (number, b"x" * 100) for number in range(5000)))
    program.stdin.flush()
    yield program
    program.kill()
    program.communicate()


def test_rows_are_reported_while_they_are_loaded(
    database: Database, loading: subprocess.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    beats: list[int] = []
    monkeypatch.setattr(progress, "sink", lines.append)

    def rows() -> int:
        tick()
        return int(lines[-1].partition(": ")[2].partition(" rows")[0].replace(",", ""))

    with rows_loaded(direct(database.url), lambda: beats.append(1)) as tick:
        until(lambda: rows() > 1000, "the server has loaded a thousand of the rows")
    assert lines[-1].endswith("rows in 1 table")
    assert beats


def test_without_a_screen_it_is_the_beat_alone(database: Database) -> None:
    def heartbeat() -> None:
        raise AssertionError

    with rows_loaded(direct(database.url), heartbeat) as tick:
        assert tick is heartbeat
