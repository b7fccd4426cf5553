# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_staging against a real database of staging."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.source.checkout import resolve
from ansible_collections.storefront.runbook.plugins.modules import migration_staging

from sandbox.storefront import Sandbox
from tests.integration.shop_database import Database
from tests.unit.support import run_module

REVIEWS = "20260302090000_reviews"


@pytest.fixture
def staging(sandbox: Sandbox) -> Iterator[Database]:
    database = Database(sandbox, "test-staging")
    yield database
    database.drop()


@pytest.fixture
def shop(sandbox: Sandbox) -> dict[str, Any]:
    return {"path": sandbox.state["shop"]["repository"], "root_directory": "apps/backend"}


def ask(shop: dict[str, Any], staging: Database, release: str = "v1.1.0", **more: Any) -> dict[str, Any]:
    commit = resolve(shop["path"], release)
    return run_module(
        migration_staging, {**shop, "release": release, "commit": commit, "staging_url": staging.url, **more}
    )


def outcome(result: dict[str, Any]) -> tuple[str, str]:
    return result["answers"][0]["outcome"], result["answers"][0]["answered"]


def test_migrations_that_ended_in_staging_pass(shop: dict[str, Any], staging: Database) -> None:
    staging.migrate(**shop, ref="v1.1.0")
    result = ask(shop, staging)
    assert outcome(result) == ("passed", "5 migrations ended in staging with the same checksums")
    assert len(result["answers"][0]["facts"]["migrations"][REVIEWS]) == 64
    assert staging.url not in str(result)


def test_one_that_did_not_run_there_is_a_no(shop: dict[str, Any], staging: Database) -> None:
    assert outcome(ask(shop, staging))[0] == "failed"  # staging is empty
    staging.migrate(**shop, ref="v1.0.0")
    result = ask(shop, staging)
    assert outcome(result) == ("failed", f"{REVIEWS} did not run in staging")
    assert result["failed"]
    assert outcome(ask(shop, staging, "v1.0.0"))[0] == "passed"


def test_one_that_failed_was_rolled_back_or_had_another_content_is_a_no(
    shop: dict[str, Any], staging: Database
) -> None:
    staging.migrate(**shop, ref="v1.1.0")
    staging.sql("UPDATE _prisma_migrations SET checksum = repeat('0', 64) WHERE migration_name = %s", REVIEWS)
    assert outcome(ask(shop, staging)) == ("failed", f"{REVIEWS} ran in staging with another content")
    staging.sql("UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = %s", REVIEWS)
    assert outcome(ask(shop, staging)) == ("failed", f"{REVIEWS} failed in staging")
    staging.sql("UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = %s", REVIEWS)
    assert outcome(ask(shop, staging)) == ("failed", f"{REVIEWS} did not run in staging")


def test_more_than_the_release_has_is_no_problem(shop: dict[str, Any], staging: Database) -> None:
    staging.migrate(**shop, ref="v1.1.0")
    assert outcome(ask(shop, staging, "v1.0.0"))[0] == "passed"


def test_a_staging_that_cannot_be_reached_is_neither_yes_nor_no(shop: dict[str, Any], staging: Database) -> None:
    result = ask(shop, staging, staging_url="postgresql://u:secret-pw@127.0.0.1:1/none")
    assert (outcome(result)[0], result["verdict"]) == ("could_not_be_asked", "inconclusive")
    assert "secret-pw" not in str(result)
