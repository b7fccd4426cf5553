# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""performance_check with a real PostgreSQL: suspects of N+1 queries, slow statements, and an absent extension."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from ansible_collections.storefront.runbook.plugins.modules import performance_check

from sandbox import tools
from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database
from tests.unit.support import run_module

ROWS = 8


@pytest.fixture(scope="module")
def database(sandbox: Sandbox) -> Iterator[Database]:
    database = Database(sandbox, "test-performance")
    database.sql("CREATE TABLE category (id int PRIMARY KEY, name text)")
    database.sql(f"INSERT INTO category SELECT n, 'category ' || n FROM generate_series(1, {ROWS}) AS n")
    yield database
    database.drop()


@pytest.fixture
def counted(sandbox: Sandbox, database: Database) -> Iterator[Database]:
    """The database with pg_stat_statements."""
    if not tools.has_library(Path(sandbox.state["postgres"]["bin"]), "pg_stat_statements"):
        pytest.skip("this PostgreSQL has no pg_stat_statements")
    url = sandbox.state["postgres"]["url"].rpartition("/")[0] + "/test-performance"
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("CREATE EXTENSION pg_stat_statements")
        yield database
        cursor.execute("DROP EXTENSION pg_stat_statements")


@pytest.fixture
def url(database: Database) -> Iterator[str]:
    """A shop that asks the database for each row of its list."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with closing(psycopg2.connect(database.url.partition("?")[0])) as connection, connection.cursor() as cursor:
                for row in range(1, ROWS + 1):
                    cursor.execute("SELECT name FROM category WHERE id = %s", (row,))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def measure(url: str, database: Database, **params: Any) -> dict[str, Any]:
    targets = [{"name": "list", "url": url}]
    result = run_module(
        performance_check, {"targets": targets, "samples": 3, "database_url": database.url, "require": "none", **params}
    )
    assert not result["failed"], result["msg"]
    return result


def test_a_statement_for_each_row_is_a_suspect(url: str, counted: Database) -> None:
    result = measure(url, counted)
    (suspect,) = result["suspects"]
    assert (suspect["calls"], suspect["calls_per_request"]) == (3 * ROWS, float(ROWS))
    assert "FROM category WHERE id" in suspect["query"]
    assert "Suspect of N+1 queries: 8 calls for each request" in result["summary"]
    assert result["passed"]


def test_a_slow_statement_is_a_problem_where_a_limit_is_set(url: str, counted: Database) -> None:
    result = measure(url, counted, slow_query_ms=0, calls_per_request=100)
    assert (result["passed"], result["suspects"]) == (False, [])
    assert any("a statement takes" in problem and "category" in problem for problem in result["problems"])


def test_an_absent_extension_is_said_and_the_rest_is_measured(url: str, database: Database) -> None:
    result = measure(url, database)
    assert "CREATE EXTENSION pg_stat_statements" in result["unavailable"]["slow_queries"]
    assert result["measured"]["targets"]["list"]["samples"] == 3
    assert result["slow_queries"] is None
