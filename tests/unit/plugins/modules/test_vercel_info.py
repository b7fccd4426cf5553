# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module vercel_info, against a project kept in memory."""

from __future__ import annotations

from typing import Any

from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.variables import digest
from ansible_collections.storefront.runbook.plugins.modules import vercel_info

from tests.unit.plugins.fake_vercel import FakeVercel, vercel_error
from tests.unit.support import run_module


def info(account: FakeVercel, **params: Any) -> dict[str, Any]:
    with account.vendor.installed():
        return run_module(
            vercel_info,
            {"api_token": "sesame-token", "api_url": "https://api.test", "team": "acme", "project": "shop", **params},
        )


def test_it_returns_the_live_deployment_and_the_candidates_newest_first():
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


def test_it_returns_the_git_repository_that_can_build_for_production():
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


def test_it_returns_the_logs_of_the_live_or_of_the_named_deployment():
    account = FakeVercel()
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0", state="ERROR", errorMessage="Command exited with 1")
    row = {
        "level": "error",
        "source": "serverless",
        "timestampInMs": 1767225600000,
        "domain": "shop.example",
        "requestMethod": "GET",
        "requestPath": "/cart",
    }
    account.runtime = [
        {"source": "delimiter"},
        {**row, "responseStatusCode": 500, "message": "no reply from postgresql://shop:hunter22@db/shop"},
    ]
    result = info(account, logs=["build", "runtime"])
    assert result["build_log"] == ["npm run build", "Module not found: cart"]
    expected = {
        "at": "2026-01-01T00:00:00+00:00",
        "level": "error",
        "source": "serverless",
        "domain": "shop.example",
        "method": "GET",
        "path": "/cart",
    }
    assert result["runtime_log"] == [
        {**expected, "status": 500, "message": "no reply from postgresql://shop:********@db/shop"}
    ]
    named = info(account, logs=["build"], deployment="dpl_2")
    assert (named["build_log"][0], "runtime_log" in named) == ("Command exited with 1", False)


def test_without_anything_live_the_logs_need_a_deployment():
    assert "Set deployment" in info(FakeVercel(), logs=["build"])["msg"]


def test_it_returns_the_variables_by_keyed_digest_if_a_key_is_given():
    account = FakeVercel()
    account.project["customEnvironments"] = [{"id": "env_qa", "slug": "qa"}]
    for target, value in (("preview", "blue-value"), ("production", "red-value")):
        account.variables.create(
            account.site, {"key": "COLOUR", "value": value, "type": "encrypted", "target": [target]}, upsert=False
        )
    hidden = {
        "key": "KEY",
        "value": "very-secret",
        "type": "sensitive",
        "target": ["production"],
        "customEnvironmentIds": ["env_qa"],
    }
    account.variables.create(account.site, hidden, upsert=False)
    result = info(account, digest_key="a-key")
    expected = [(item["name"], item["environments"], item["digest"], item["sensitive"]) for item in result["variables"]]
    assert expected == [
        ("COLOUR", ["preview"], digest("a-key", "COLOUR", "blue-value"), False),
        ("COLOUR", ["production"], digest("a-key", "COLOUR", "red-value"), False),
        ("KEY", ["production", "qa"], None, True),
    ]
    assert "-value" not in str(result)
    assert "variables" not in info(account)
    assert len(account.asked("GET /v10/projects/env")) == 1
