# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long others wait while a migration runs on two million rows, beside what the migration is judged to be."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.classify import classify

from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database

ROWS = int(os.environ.get("MIGRATION_ROWS", "2000000"))
SCHEMA = """
CREATE TABLE orders (id serial PRIMARY KEY, note varchar(20), qty int NOT NULL);
CREATE TABLE customers (id serial PRIMARY KEY, name text);
"""
NOTES = "CREATE TABLE notes (id serial PRIMARY KEY, order_id int NOT NULL REFERENCES orders (id) ON DELETE CASCADE);"
COPY = "INSERT INTO notes (order_id) SELECT id FROM orders;"
CHECK = "ALTER TABLE orders ADD c int; ALTER TABLE orders ADD CONSTRAINT k CHECK (c > qty) NOT VALID;"
CASES = {
    "a new table with a foreign key, filled in the same file": [NOTES + COPY],
    "a new table with a foreign key, filled in a second file": [NOTES, COPY],
    "NOT VALID and VALIDATE in one file": [CHECK + "ALTER TABLE orders VALIDATE CONSTRAINT k"],
    "NOT VALID and VALIDATE in two files": [CHECK, "ALTER TABLE orders VALIDATE CONSTRAINT k"],
    "a column and its backfill in one file": ["ALTER TABLE orders ADD c int; UPDATE orders SET c = qty"],
    "an index": ["CREATE INDEX i ON orders (qty)"],
    "an index, concurrently": ["CREATE INDEX CONCURRENTLY i ON orders (qty)"],
    "int to bigint": ["ALTER TABLE orders ALTER qty TYPE bigint"],
    "varchar(20) to varchar(200)": ["ALTER TABLE orders ALTER note TYPE varchar(200)"],
}
ACTS = {
    "read": "SELECT id, note, qty FROM orders WHERE id = 7",
    "write": "INSERT INTO orders (note, qty) VALUES ('new', 1)",
}


@dataclass
class Longest:
    """The longest that each act took, in seconds."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(ACTS, 0.0))
    done: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACTS, 0))


@pytest.fixture
def database(sandbox: Sandbox) -> Iterator[Database]:
    database = Database(sandbox, "bench-migrations")
    database.sql(SCHEMA)
    database.sql("INSERT INTO orders (note, qty) SELECT 'note ' || i %% 1000, i FROM generate_series(1, %s) i", ROWS)
    database.sql("VACUUM ANALYZE orders")
    yield database
    database.drop()


@contextmanager
def live_client(database: Database) -> Iterator[Longest]:
    """A client that reads in one session and writes in another, again and again, until the end."""
    longest, ended = Longest(), threading.Event()

    def repeat(kind: str) -> None:
        with closing(database.connect()) as connection, connection.cursor() as cursor:
            while not ended.is_set():
                began = time.monotonic()
                cursor.execute(ACTS[kind])
                longest.seconds[kind] = max(longest.seconds[kind], time.monotonic() - began)
                longest.done[kind] += 1
                ended.wait(0.005)

    threads = [threading.Thread(target=repeat, args=(kind,)) for kind in ACTS]
    for thread in threads:
        thread.start()
    try:
        yield longest
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("name", CASES)
def test_how_long_others_wait(database: Database, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    scripts = CASES[name]
    kinds = {kind for verdict in classify(scripts, [SCHEMA]) for kind in verdict.classes}
    with live_client(database) as longest:
        began = time.monotonic()
        for script in scripts:
            database.sql(script)
        seconds = time.monotonic() - began
    with capsys.disabled():
        waits = ", ".join(f"longest {kind} {longest.seconds[kind]:5.2f} s" for kind in ACTS)
        print(f"\n{ROWS} rows: {name:58} {seconds:6.2f} s, {waits}; {', '.join(sorted(kinds))}")
    assert all(longest.done.values())
