# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the platforms' answers mean for the units of a storefront."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import units

API = {"unit": {"name": "api"}}
WORKER = {"unit": {"name": "worker"}}
LIVE = {"id": "d1", "release": "v1.0.0", "status": "SUCCESS"}
NEW = {"id": "d2", "release": "v1.1.0", "status": "SUCCESS"}


def planned(unit: dict[str, Any], **service: Any) -> dict[str, Any]:
    return {
        **unit,
        "deployment": {"id": None},
        "previous": LIVE,
        "service": {"auto_deploy": False, "start_command": "npm start", "pre_deploy_command": None, **service},
    }


@pytest.mark.parametrize(
    ("results", "take_over", "problems", "unguarded"),
    [
        ([planned(API), planned(WORKER)], False, [], []),
        ([planned(API, auto_deploy=True)], False, ["api: a push to its branch deploys it without any check."], ["api"]),
        ([planned(API, auto_deploy=True)], True, [], ["api"]),
        ([{**API, "msg": "no such service"}], False, ["backend: no such service"], []),
        ([{**API, "rc": 1}, planned(WORKER)], False, ["backend: the task gave no message"], []),
    ],
)
def test_a_backend_stops_a_deploy_with_what_is_wrong(
    results: list[Any], take_over: bool, problems: list[str], unguarded: list[str]
) -> None:
    found = units.backend_check(results, take_over=take_over)
    assert [found_one.startswith(problem) for found_one, problem in zip(found["problems"], problems, strict=True)] == [
        True
    ] * len(problems)
    assert found["unguarded"] == unguarded


def test_the_commands_of_all_units_are_listed_once() -> None:
    found = units.backend_check(
        [planned(API, pre_deploy_command="npm run migrate"), planned(WORKER), {**API, "msg": "gone"}], take_over=False
    )
    assert (found["commands"], found["live"]) == (["npm start", "npm run migrate"], [LIVE, LIVE])


def test_a_snapshot_has_every_unit_also_one_with_nothing_live() -> None:
    infos = [{**API, "live": LIVE, "variables": [{"name": "A"}]}, {**WORKER, "live": None, "variables": []}]
    assert units.snapshot(infos, "railway") == {
        "api": {"platform": "railway", "variables": [{"name": "A"}], **LIVE},
        "worker": {"platform": "railway", "variables": [], "id": None, "status": "absent"},
    }


def test_what_was_released_has_its_variables_where_the_platform_reported_them() -> None:
    results = [{**API, "deployment": NEW, "variables": []}, {**WORKER, "deployment": NEW}, {**API, "msg": "failed"}]
    assert units.released(results, "render") == {
        "api": {"platform": "render", "variables": [], **NEW},
        "worker": {"platform": "render", **NEW},
    }


@pytest.mark.parametrize(
    ("target", "result", "variables"),
    [
        ({"variables": ["then"]}, {"variables": ["today"], "way": "redeploy"}, {"variables": ["today"]}),
        ({"variables": ["then"]}, {"variables": ["today"], "way": "rollback"}, {"variables": ["then"]}),
        ({}, {"way": "rollback"}, {}),
        ({"variables": ["then"]}, {"way": "redeploy"}, {}),
    ],
)
def test_a_unit_that_was_put_back_runs_with_the_variables_of_its_way(
    target: dict[str, Any], result: dict[str, Any], variables: dict[str, Any]
) -> None:
    assert units.put_back("api", "railway", target, {**result, "deployment": LIVE}) == {
        "api": {"platform": "railway", **variables, **LIVE}
    }


def test_what_can_run_again_is_listed_by_unit_or_only_the_wanted_release() -> None:
    infos = [{**API, "candidates": [NEW, LIVE]}, {**WORKER, "candidates": [LIVE]}]
    assert [one["id"] for one in units.offered(infos, "railway")["api"]] == ["d2", "d1"]
    assert units.offered(infos, "railway", "v1.1.0") == {"api": [{**NEW, "platform": "railway"}], "worker": []}


def test_what_can_be_put_back_begins_with_the_last_surface_of_a_deploy() -> None:
    both = [{"name": "api"}, {"name": "worker"}]
    assert [item["unit"] for item in units.movable(["database", "backend", "frontend"], both)] == [
        "frontend",
        "api",
        "worker",
    ]
    assert units.movable(["frontend"], both) == [{"role": "frontend", "unit": "frontend"}]
    assert units.movable(["database"], []) == []


SICK = {
    "frontend": {"healthy": False, "summary": "/ answered 500."},
    "backend": {"healthy": True, "summary": "healthy"},
}


@pytest.mark.parametrize(
    ("known", "count"),
    [
        ({"frontend_live": True, "backend_live": True, "accepted": False}, 1),
        ({"frontend_live": False, "backend_live": True, "accepted": False}, 0),  # nothing is served there yet
        ({"frontend_live": True, "backend_live": True, "accepted": True}, 0),
    ],
)
def test_a_live_site_that_is_sick_before_anything_changes_stops_a_deploy(known: dict[str, bool], count: int) -> None:
    problems = units.baseline_problems(SICK, **known)
    assert [problem.startswith("before anything changed: / answered 500. Repair") for problem in problems] == [
        True
    ] * count


def test_a_push_that_vercel_would_serve_says_how_to_turn_that_off() -> None:
    assert units.frontend_problems({"deployment": {}}) == []
    assert units.frontend_problems({"msg": "no project"}) == ["frontend: no project"]
    served = {"msg": "a push is served.", "error": {"code": "push_serves_production"}}
    assert units.frontend_problems(served) == [
        "frontend: a push is served. Or let this deploy turn that off: -e take_over=true"
    ]


@pytest.mark.parametrize(
    ("info", "state"),
    [
        ({}, {}),
        ({"failed": True, "msg": "no project"}, {}),
        ({"live": {"id": "dpl_1"}}, {"frontend": {"platform": "vercel", "id": "dpl_1"}}),
        ({"live": None}, {"frontend": {"platform": "vercel", "id": None, "status": "absent"}}),
    ],
)
def test_the_snapshot_of_the_frontend_is_what_vercel_serves(info: dict[str, Any], state: dict[str, Any]) -> None:
    assert units.frontend_snapshot(info) == state


@pytest.mark.parametrize(
    ("promoted", "state"),
    [
        ({}, {}),  # the release is staged and not promoted yet
        ({"failed": True, "msg": "alias failed"}, {}),
        ({"deployment": {"id": "dpl_2"}}, {"frontend": {"platform": "vercel", "id": "dpl_2"}}),
        ({"skipped": True}, {"frontend": {"platform": "vercel", "id": None}}),  # check mode
    ],
)
def test_the_frontend_serves_what_was_promoted(promoted: dict[str, Any], state: dict[str, Any]) -> None:
    assert units.frontend_served(promoted, {"deployment": {"id": None}}) == state


@pytest.mark.parametrize(
    ("assigned", "turned_off"),
    [
        ({"before": True, "after": False}, True),
        ({"before": False, "after": False}, False),
        ({"before": True, "after": True}, False),
        (None, False),
    ],
)
def test_only_what_was_on_is_recorded_as_turned_off(assigned: dict[str, bool] | None, turned_off: bool) -> None:
    assert units.took_over({"auto_assign_domains": assigned}) is turned_off


def test_a_check_is_asked_for_its_release_as_strictly_as_the_live_site_allows() -> None:
    found = {
        "backend": {"healthy": True, "without_release": ["health"]},
        "frontend": {"healthy": True, "without_release": []},
    }
    reported = units.reported_releases(found, True, True)
    assert reported["silent"] == {"frontend": [], "backend": ["health"]}
    (note,) = reported["notes"]
    assert "the API does not report its release (health): it is verified by its deployment's id" in note
    checks = [{"name": "health", "url": "/health"}, {"name": "ready", "url": "/ready"}]
    assert [one["release_optional"] for one in units.site_checks(checks, "backend", reported["silent"])] == [
        True,
        False,
    ]
    assert [one["release_optional"] for one in units.site_checks(checks, "", reported["silent"])] == [False, False]
    assert units.site_checks(checks, "backend", {})[0] == {
        "name": "health",
        "url": "/health",
        "site": "backend",
    }, "nothing is live to compare with"


def test_what_is_not_live_or_not_healthy_says_nothing_of_its_release() -> None:
    found = {
        "backend": {"healthy": False, "without_release": ["health"]},
        "frontend": {"healthy": True, "without_release": ["homepage"]},
    }
    assert units.reported_releases(found, False, True) == {"silent": {}, "notes": []}
