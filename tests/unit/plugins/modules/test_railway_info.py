# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module railway_info, against a service kept in memory."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import railway_info

from tests.unit.plugins.fake_railway import PROJECT, FakeRailway, refusal
from tests.unit.support import run_module


@pytest.fixture
def railway() -> Any:
    railway = FakeRailway()
    with railway.vendor.installed():
        yield railway


def inspect(**params: Any) -> dict[str, Any]:
    common = {
        "api_token": "sesame-token",
        "api_url": "https://api.test",
        "project": PROJECT,
        "environment": "production",
        "service": "api",
    }
    return run_module(railway_info, {**common, **params})


def test_it_returns_the_live_deployment_those_in_progress_and_the_rollback_candidates(railway):
    for release in ("v1.0.0", "v1.1.0"):
        railway.has(release)
    railway.has("v1.2.0", "BUILDING")
    railway.steps = ["QUEUED", "BUILDING"]
    result = inspect()
    assert not result["failed"], result
    assert not result["changed"]
    assert (result["live"]["id"], result["live"]["release"]) == ("deployment-2", "v1.1.0")
    assert [one["release"] for one in result["candidates"]] == ["v1.0.0"]
    assert [one["release"] for one in result["in_progress"]] == ["v1.2.0"]
    assert railway.writes() == []


def test_before_the_first_deployment_nothing_is_live(railway):
    result = inspect()
    assert (result["live"], result["candidates"], result["in_progress"]) == (None, [], [])


def test_variables_are_returned_by_name_and_digest_and_never_by_value(railway):
    result = inspect(digest_key="pepper-pepper")
    derived = hmac.new(b"pepper-pepper", b"storefront.runbook variables", hashlib.sha256).digest()
    expected = hmac.new(derived, b"DATABASE_URL\0postgresql://shop:hunter2@db/shop", hashlib.sha256).hexdigest()
    assert result["variables"] == [{"name": "DATABASE_URL", "digest": expected}]
    assert "hunter2" not in str(result)
    assert "pepper" not in str(result)


def test_the_token_is_the_default_key_and_another_key_gives_other_digests(railway):
    by_token = inspect()["variables"]
    assert by_token == inspect(digest_key="sesame-token")["variables"] == inspect()["variables"]
    assert by_token != inspect(digest_key="pepper-pepper")["variables"]


def test_two_variables_with_the_same_value_have_different_digests(railway):
    railway.values = {"DATABASE_URL": "postgresql://db/shop", "DIRECT_URL": "postgresql://db/shop"}
    first, second = inspect()["variables"]
    assert first["digest"] != second["digest"]


def test_it_returns_the_source_of_the_code_and_the_commands(railway):
    railway.auto_deploy["enabled"] = True
    railway.instance["preDeployCommand"] = ["npx prisma migrate deploy", "npm run seed"]
    result = inspect()
    assert result["source"] == {
        "repository": "example/shop",
        "branch": "main",
        "image": None,
        "root_directory": "apps/backend",
    }
    assert result["auto_deploy"] is True
    assert (result["pre_deploy_command"], result["start_command"]) == (
        "npx prisma migrate deploy && npm run seed",
        "npm start",
    )


def test_a_service_without_a_repository_has_no_automatic_deployments(railway):
    railway.instance, railway.config = {"source": None}, {}
    railway.auto_deploy = {"enabled": False, "canEnable": False, "reason": "Not connected"}
    result = inspect()
    assert result["source"] == {"repository": None, "branch": None, "image": None, "root_directory": None}
    assert (result["auto_deploy"], result["pre_deploy_command"], result["start_command"]) == (False, None, None)


def test_settings_that_cannot_be_read_are_unknown_and_not_false(railway):
    railway.has("v1.0.0")
    railway.faults["settings"] = [lambda _: refusal("Not Authorized")]
    result = inspect()
    assert not result["failed"], result
    assert (result["auto_deploy"], result["source"]) == (None, None)
    assert result["live"]["release"] == "v1.0.0"
    assert any("whether pushes deploy it" in warning for warning in result["warnings"])


def test_logs_are_read_with_the_oldest_line_first_and_without_passwords(railway):
    railway.has("v1.0.0")
    railway.has("v1.1.0", "BUILDING")
    railway.logs["deploymentLogs"] = ["listening", "cannot reach postgresql://shop:hunter2@db/shop"]
    result = inspect(logs=["runtime"], log_lines=10)
    assert [line["message"] for line in result["logs"]["runtime"]] == [
        "listening",
        "cannot reach postgresql://shop:********@db/shop",
    ]
    assert result["logs"]["runtime"][0] == {"at": "2026-01-31T12:00:00Z", "severity": "info", "message": "listening"}
    assert "build" not in result["logs"]
    assert railway.log_asked == {"id": "deployment-2", "limit": 10, "filter": ""}


def test_logs_are_filtered_and_cut_to_the_last_lines(railway):
    railway.has("v1.0.0")
    railway.has("v1.1.0")
    railway.logs["buildLogs"] = ["Error: 1", "fine", "Error: 2", "Error: 3"]
    result = inspect(logs=["build", "runtime"], log_lines=2, log_filter="Error", log_deployment="deployment-1")
    assert [line["message"] for line in result["logs"]["build"]] == ["Error: 2", "Error: 3"]
    assert result["logs"]["runtime"] == []
    assert railway.log_asked == {"id": "deployment-1", "limit": 2, "filter": "Error"}


def test_without_a_deployment_there_are_no_logs(railway):
    assert inspect(logs=["build"])["logs"] == {"build": []}


def test_responses_are_counted_by_status(railway):
    assert "http" not in inspect()
    assert inspect(http_minutes=15)["http"] == {
        "requests": 15,
        "errors_4xx": 6,
        "errors_5xx": 3,
        "by_status": {"200": 3, "301": 3, "404": 3, "429": 3, "503": 3},
    }
    assert railway.span == 15 * 60


@pytest.mark.parametrize("wrong", [{"log_lines": 0}, {"log_lines": 5001}, {"http_minutes": -1}])
def test_numbers_out_of_range_are_refused(railway, wrong):
    assert "log_lines must be 1 to 5000" in inspect(**wrong)["msg"]


def test_the_log_of_another_service_is_not_read(railway):
    foreign = railway.has("v1.0.0", serviceId="44444444-4444-4444-8444-444444444444")
    assert "belongs to another service" in inspect(logs=["build"], log_deployment=foreign["id"])["msg"]
