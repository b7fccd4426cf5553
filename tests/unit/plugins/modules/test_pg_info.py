# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_info in process, on a database that is faked: what is refused, reported and withheld."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import pg_info
from psycopg2 import errors

from tests.unit.plugins.fake_postgres import FakePostgres
from tests.unit.support import run_module

URL = "postgresql://shop:hunter22@db.example/shop"


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> FakePostgres:
    server = FakePostgres()
    monkeypatch.setattr(pg_info, "connect", lambda database: server)
    for name in ("DATABASE_URL", "DIRECT_URL"):
        monkeypatch.delenv(name, raising=False)
    return server


def inspect(**params: Any) -> dict[str, Any]:
    return run_module(
        pg_info, {key: value for key, value in {"database_url": URL, **params}.items() if value is not None}
    )


def test_only_what_is_asked_for_is_reported(database: FakePostgres) -> None:
    result = inspect(gather=["migrations"])
    assert (result["changed"], result["unavailable"]) == (False, {})
    assert result["migrations"]["known"] is False
    assert "tables" not in result


def test_what_is_unknown_is_a_warning_without_the_password(database: FakePostgres) -> None:
    def refuse() -> Any:
        raise errors.InsufficientPrivilege("shop may not, says hunter22")

    database.answers = {"pg_blocking_pids": refuse}
    result = inspect(gather=["locks"])
    assert (result["failed"], result["locks"]) == (False, None)
    assert result["warnings"][0].startswith("locks: PostgreSQL did not answer")
    assert "hunter22" not in repr(result)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"database_url": None}, "missing required arguments: database_url"),
        ({"database_url": f"{URL}?pgbouncer=true"}, "Give the server's own address as direct_url"),
        ({"gather": ["everything"]}, "value of gather must be one or more of: server, connections"),
        ({"interval": -1}, "interval is -1; it cannot be less than 0"),
        ({"limit": -5}, "limit is -5"),
    ],
)
def test_bad_input_is_refused_before_the_database_is_asked(
    database: FakePostgres, params: dict[str, Any], said: str
) -> None:
    result = inspect(**params)
    assert result["failed"]
    assert said in result["msg"]
    assert "hunter22" not in repr(result)
    assert database.sent == []
