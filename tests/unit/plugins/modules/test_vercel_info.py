# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module vercel_info, against a project kept in memory."""

from __future__ import annotations

from typing import Any

from ansible_collections.storefront.runbook.plugins.modules import vercel_info

from tests.unit.plugins.fake_vercel import FakeVercel, vercel_error
from tests.unit.support import run_module


def info(account: FakeVercel) -> dict[str, Any]:
    with account.vendor.installed():
        return run_module(vercel_info, {"api_token": "sesame-token", "api_url": "https://api.test", "team": "acme", "project": "shop"})


def test_it_tells_what_is_live_and_what_can_be_gone_back_to_the_newest_first():
    account = FakeVercel()
    for release in ("v1.0.0", "v1.1.0", "v1.2.0"):
        account.serves(account.has(release))
    account.has("v1.3.0")
    result = info(account)
    assert result["live"]["release"] == "v1.2.0"
    assert [candidate["release"] for candidate in result["candidates"]] == ["v1.1.0", "v1.0.0"]
    assert not result["changed"]
    assert {request.method for request in account.vendor.requests} == {"GET"}


def test_a_project_that_serves_nothing_yet_has_nothing_live():
    result = info(FakeVercel())
    assert result["live"] is None
    assert result["candidates"] == []
    assert result["project"] == {
        "id": "prj_shop",
        "name": "shop",
        "auto_assign_domains": True,
        "domains": ["shop.example"],
        "root_directory": None,
        "git": None,
    }


def test_it_tells_which_git_repository_can_build_for_production():
    account = FakeVercel()
    account.is_linked(deployHooks=[{"url": "https://hook.test/secret"}])
    result = info(account)
    assert result["project"]["git"] == {"type": "github", "repository": "acme/shop", "production_branch": "main"}
    assert result["project"]["auto_assign_domains"] is True
    assert "secret" not in str(result)


def test_a_wrong_token_is_named_without_being_shown():
    account = FakeVercel()
    account.faults["GET /v9/projects"] = [lambda answer: vercel_error(403, "forbidden", "Not authorized")]
    result = info(account)
    assert result["failed"]
    assert "403 forbidden: Not authorized. Check the token" in result["msg"]
    assert "sesame-token" not in str({key: value for key, value in result.items() if key != "invocation"})
