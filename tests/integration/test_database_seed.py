# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""database_seed: the app's command fills a real database, and its failures are shown without secrets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import database_seed

from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database
from tests.unit.support import run_module

FILL = """
import os, psycopg2
with psycopg2.connect(os.environ["DATABASE_URL"].partition("?")[0]) as connection:
    connection.cursor().execute("INSERT INTO item VALUES (1) ON CONFLICT DO NOTHING")
print("one item")
"""
FAIL = "import os, sys; print(os.environ['DATABASE_URL']); sys.exit('no products.json')"


@pytest.fixture
def database(sandbox: Sandbox) -> Iterator[Database]:
    database = Database(sandbox, "test-seed")
    database.sql("CREATE TABLE item (id int PRIMARY KEY)")
    yield database
    database.drop()


def seed(database: Database, folder: Path, program: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    given = {"database_url": database.url, "path": str(folder), "command": [sys.executable, "-c", program]}
    return run_module(database_seed, {**given, **options}, check=check)


def count(database: Database) -> Any:
    return database.sql("SELECT count(*) FROM item")[0][0]


def test_it_fills_the_database_and_may_run_twice(database: Database, tmp_path: Path) -> None:
    checked = seed(database, tmp_path, FILL, check=True)
    assert (checked["changed"], count(database)) == (True, 0)
    for _unused in range(2):
        made = seed(database, tmp_path, FILL)
        assert not made["failed"], made
        assert (made["failed"], made["changed"], made["output"].strip(), count(database)) == (
            False,
            True,
            "one item",
            1,
        )


def test_a_seed_that_fails_says_why_without_the_password(database: Database, tmp_path: Path) -> None:
    failed = seed(database, tmp_path, FAIL)
    assert failed["failed"]
    assert "no products.json" in str(failed)
    assert database.url not in str(failed)


def test_a_seed_that_does_not_end_is_killed(database: Database, tmp_path: Path) -> None:
    failed = seed(database, tmp_path, "import threading; threading.Event().wait()", wait_timeout=0.5)
    assert failed["failed"]
    assert failed["error"]["kind"] == "wait_timeout"
