# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module render_info, against a service kept in memory."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render.variables import digests
from ansible_collections.storefront.runbook.plugins.modules import render_info

from tests.unit.plugins.fake_render import SERVICE, FakeRender
from tests.unit.support import reply, run_module


@pytest.fixture
def render() -> Any:
    render = FakeRender()
    with render.vendor.installed():
        yield render


def inspect(**params: Any) -> dict[str, Any]:
    return run_module(
        render_info, {"api_token": "sesame-token", "api_url": "https://api.test/v1", "service": SERVICE, **params}
    )


def test_it_returns_the_live_deployment_those_in_progress_and_the_rollback_candidates(render):
    for release in ("v1.0.0", "v1.1.0"):
        render.has(release)
    render.has("v1.2.0", "queued")
    result = inspect()
    assert not result["failed"], result
    assert not result["changed"]
    assert result["live"]["id"] == "dep-2"
    assert [one["id"] for one in result["candidates"]] == ["dep-1"]
    assert [one["id"] for one in result["in_progress"]] == ["dep-3"]
    assert render.writes() == []


def test_it_returns_the_settings_of_the_service(render):
    render.service |= {"rootDir": "apps/backend", "autoDeploy": "yes"}
    render.service["serviceDetails"] |= {
        "healthCheckPath": "/health",
        "envSpecificDetails": {"startCommand": "npm start", "preDeployCommand": ""},
    }
    result = inspect()
    assert result["source"] == {
        "repository": "https://git.example/shop",
        "branch": "main",
        "image": None,
        "root_directory": "apps/backend",
    }
    assert {key: result[key] for key in ("auto_deploy", "suspended", "replicas", "maintenance_mode")} == {
        **{"auto_deploy": True, "suspended": False, "replicas": 1, "maintenance_mode": {"enabled": False, "uri": ""}},
    }
    assert (result["start_command"], result["pre_deploy_command"], result["healthcheck_path"]) == (
        "npm start",
        "",
        "/health",
    )


def test_before_the_first_deploy_nothing_is_live(render):
    result = inspect()
    assert (result["live"], result["candidates"], result["in_progress"]) == (None, [], [])


def test_without_a_readable_repository_only_the_release_names_are_missing(render, tmp_path):
    render.has("v1.0.0")
    result = inspect(path=str(tmp_path / "nowhere"))
    assert (result["failed"], result["live"]["release"]) == (False, None)
    assert any("without their releases" in warning for warning in result["warnings"])


def test_variables_are_returned_by_name_and_digest_and_never_by_value(render):
    result = inspect(digest_key="pepper-pepper")
    assert result["variables"] == digests(render.values, "pepper-pepper")
    assert "hunter2" not in str(result)
    assert "pepper" not in str(result)


def test_another_key_gives_other_digests_and_the_token_is_the_default(render):
    assert inspect()["variables"] == digests(render.values, "sesame-token")
    assert inspect(digest_key="pepper-pepper")["variables"] != inspect()["variables"]


def test_the_newest_lines_of_the_log_come_with_the_oldest_of_them_first(render):
    render.said = {"build": [], "app": [f"line {number}" for number in range(5)]}
    assert [line["message"] for line in inspect(log_lines=3)["logs"]] == ["line 2", "line 3", "line 4"]
    assert "logs" not in inspect()


def test_a_log_is_read_page_by_page_and_no_line_twice(render, monkeypatch):
    from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render import logs as render_logs

    monkeypatch.setattr(render_logs, "PAGE", 2)
    render.said = {"build": [], "app": [f"line {number}" for number in range(7)]}
    assert [line["message"] for line in inspect(log_lines=50)["logs"]] == [f"line {number}" for number in range(7)]
    assert render.operations().count("logs") == 4


def test_lines_with_the_same_time_keep_their_order(render):
    entries: list[dict[str, Any]] = [
        {"id": word, "message": word, "timestamp": "2026-01-31T12:00:00.000Z", "labels": []}
        for word in ("third", "second", "first")
    ]
    page = {
        "hasMore": False,
        "nextStartTime": "2026-01-31T12:00:00Z",
        "nextEndTime": "2026-01-31T12:00:00Z",
        "logs": entries,
    }
    render.faults["logs"] = [lambda _: reply(200, page)]
    assert [line["message"] for line in inspect(log_lines=10)["logs"]] == ["first", "second", "third"]


def test_only_the_requested_types_of_lines_are_read_and_passwords_are_masked(render):
    render.said["app"] = ["cannot reach postgresql://shop:hunter2@db/shop"]
    (line,) = inspect(log_lines=10, log_types=["app"])["logs"]
    assert line["type"] == "app"
    assert "hunter2" not in line["message"]
