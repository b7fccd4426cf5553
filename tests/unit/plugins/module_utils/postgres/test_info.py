# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgres/info.py: what is not shown of a statement, and the result of a question that is not answered."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.migrations.migration import Migration
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.info import SHOWN, Inquiry, masked
from ansible_collections.storefront.runbook.plugins.modules.pg_info import QUESTIONS
from psycopg2 import errors

from tests.unit.plugins.fake_postgres import NOW, FakePostgres


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("SELECT * FROM a1 WHERE name = 'O''Brien' AND id=42", "SELECT * FROM a1 WHERE name = ? AND id=?"),
        ("ALTER ROLE shop PASSWORD 'sesame'", "ALTER ROLE shop PASSWORD ?"),
        ("SELECT 'cut off by track_activity_query_si", "SELECT ?"),
        ("DO $do$ BEGIN PERFORM 'x'; END $do$; SELECT 1.5", "DO ?; SELECT ?"),
        ("SELECT $1, $2", "SELECT $?, $?"),
        ('UPDATE "Order2" SET a = b', 'UPDATE "Order2" SET a = b'),
    ],
)
def test_values_are_not_shown(statement: str, shown: str) -> None:
    assert masked(statement) == shown


def test_a_long_statement_is_cut() -> None:
    assert masked("SELECT " + "a, " * 500) == ("SELECT " + "a, " * 500)[:SHOWN] + "…"


class Cancelled(errors.QueryCanceled):
    pgcode = "57014"  # which the server sets


def ask(database: FakePostgres, *subsets: str) -> tuple[dict[str, Any], dict[str, str]]:
    inquiry = Inquiry(database, statement_timeout=15, limit=20, exact=True, interval=0, sleep=lambda seconds: None)
    return inquiry.gather({name: QUESTIONS[name] for name in subsets}), inquiry.unavailable


def test_what_fails_or_takes_too_long_is_reported_as_such_and_the_rest_is_reported() -> None:
    def refuse(error: Exception) -> Any:
        raise error

    database = FakePostgres()
    database.begun(Migration("1_one", "SELECT 1;"), finished_at=NOW)
    database.answers = {
        "pg_blocking_pids": lambda: refuse(errors.InsufficientPrivilege("permission denied for function")),
        "pg_total_relation_size": lambda: refuse(Cancelled("canceling statement due to statement timeout")),
    }
    facts, unavailable = ask(database, "locks", "tables", "migrations")
    assert (facts["locks"], facts["tables"], facts["migrations"]["applied"]) == (None, None, 1)
    assert "permission denied for function" in unavailable["locks"]
    assert unavailable["tables"] == "It took longer than 15 s (statement_timeout), so it was cancelled."


def test_the_session_is_read_only_and_limited_before_anything_is_asked() -> None:
    database = FakePostgres()
    ask(database, "migrations")
    assert database.sent[:2] == [
        "SET default_transaction_read_only = on",
        "SELECT set_config('statement_timeout', %s, false)",
    ]
