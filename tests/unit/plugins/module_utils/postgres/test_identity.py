# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""postgres/identity.py: two addresses that may be one database."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.connection import parse_url
from ansible_collections.storefront.runbook.plugins.module_utils.postgres.identity import (
    refuse_same_address,
    refuse_same_database,
)

from tests.unit.plugins.fake_postgres import FakePostgres

PRODUCTION = parse_url("postgresql://shop:hunter22@db.example/shop?schema=public")


def server(*, lock_is_free: bool = True, replica: bool = False) -> FakePostgres:
    database = FakePostgres()
    database.answers = {
        "pg_is_in_recovery": lambda: [(replica,)],
        "pg_try_advisory_lock": lambda: [(lock_is_free,)],
        "pg_advisory": lambda: [(None,)],
    }
    return database


@pytest.mark.parametrize(
    "url", ["postgresql://other:pw@db.example:5432/shop", "postgres://shop:hunter22@db.example/shop?schema=scratch"]
)
def test_the_same_address_is_refused_without_asking(url: str) -> None:
    with pytest.raises(ConfigError, match="scratch_url is the production database itself") as refused:
        refuse_same_address(PRODUCTION, parse_url(url))
    assert "hunter22" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://shop:pw@db.example/scratch",
        "postgresql://shop:pw@db.example:6432/shop",
        "postgresql://shop:pw@other/shop",
    ],
)
def test_another_address_has_to_be_asked(url: str) -> None:
    refuse_same_address(PRODUCTION, parse_url(url))


def test_a_lock_that_production_holds_is_free_elsewhere_and_is_given_back() -> None:
    production, scratch = server(), server()
    refuse_same_database(production, scratch)
    assert production.sent[1:] == ["SELECT pg_advisory_lock(%s)", "SELECT pg_advisory_unlock(%s)"]
    assert scratch.sent[1:] == ["SELECT pg_try_advisory_lock(%s)", "SELECT pg_advisory_unlock(%s)"]


def test_a_lock_that_is_not_free_there_proves_that_it_is_production() -> None:
    production = server()
    with pytest.raises(ConfigError, match="by another address"):
        refuse_same_database(production, server(lock_is_free=False))
    assert production.sent[-1] == "SELECT pg_advisory_unlock(%s)"


@pytest.mark.parametrize(("databases", "option"), [((True, False), "database_url"), ((False, True), "scratch_url")])
def test_a_replica_proves_nothing_and_is_refused(databases: Any, option: str) -> None:
    production, scratch = (server(replica=replica) for replica in databases)
    with pytest.raises(ConfigError, match=f"{option} leads to a replica"):
        refuse_same_database(production, scratch)
