# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A credential that reaches further than its storefront is flagged, and never shown."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.wide_credentials import wide_credentials

NARROW: dict[str, Any] = {
    "environment_role": "production",
    "surfaces": ["database", "backend", "frontend", "edge"],
    "backend_platform": "railway",
    "backend_token": "0e8e9f6c-a1b2",
    "backend_token_type": "project",
    "notify_github_token": "github_pat_11AAAA",
    "notify_sentry_token": "a1b2c3d4",
    "notify_slack_token": "xoxb-1-2",
    "edge_token": "v1.0-abc",
    "database_url": "postgresql://shop:a%40b@db.example/shop",
    "redis_url": "rediss://reader:secret@cache.example/0",
}


def test_narrow_credentials_are_not_flagged() -> None:
    assert wide_credentials(NARROW) == []
    nothing = {name: "" for name in NARROW} | {"surfaces": ["frontend"], "backend_token_type": "account"}
    assert wide_credentials(nothing) == []


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        ({"backend_token_type": "account"}, "backend_token reaches every project"),
        ({"backend_platform": "render"}, "backend_token reaches every workspace"),
        ({"notify_github_token": "ghp_classic"}, "notify_github_token reaches every repository"),
        ({"notify_github_token": "gho_oauth"}, "notify_github_token reaches every repository"),
        ({"notify_sentry_token": "sntryu_of_a_user"}, "notify_sentry_token has the rights of its user"),
        ({"notify_slack_token": "xoxp-of-a-user"}, "notify_slack_token acts as its user"),
        ({"edge_token": "0123456789abcdef0123456789abcdef01234"}, "edge_token looks like"),
        ({"database_url": "postgres://postgres:pw@db.example/shop"}, "database_url logs in as postgres"),
        ({"redis_url": "redis://:pw@cache.example:6379/0"}, "redis_url logs in as the default user"),
        ({"redis_url": "redis://default:pw@cache.example:6379/0"}, "redis_url logs in as the default user"),
        ({"redis_url": "redis://cache.example"}, "redis_url logs in as the default user"),
    ],
)
def test_a_wide_one_is_flagged_without_its_value(given: dict[str, str], begins: str) -> None:
    (line,) = wide_credentials({**NARROW, **given})
    assert line.startswith(begins)
    assert not [value for name, value in given.items() if name.endswith(("token", "url")) and value in line]
    assert wide_credentials({**NARROW, **given, "environment_role": "development"}) == []


def test_an_invalid_address_is_left_to_the_check_of_its_variable() -> None:
    assert wide_credentials({**NARROW, "database_url": "postgresql://[broken", "redis_url": ""}) == []
