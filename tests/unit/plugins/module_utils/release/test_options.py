# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which options a run needs, and which of them are wrong."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import options

SPECS = {"store": {"required": True, "description": "Where backups live."}, "backend_token": {"required": True, "description": "A token."}, "edge_zone": {}}
VALUES = {"store": "s3://bucket/shop", "backend_token": "sesame", "edge_zone": 0}
GOOD: dict[str, Any] = {
    **{"kind": "deploy", "surfaces": ["backend"], "named": ["backend"]},
    **{"release": "v1.1.0", "source_path": "../shop"},
}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["backend", "frontend"], ["backend", "frontend"]),
        ("backend, frontend", ["backend", "frontend"]),
        ("", []),
        (None, []),
        ([" edge "], ["edge"]),
    ],
)
def test_surfaces_are_a_list_or_a_text(given: Any, expected: list[str]) -> None:
    assert options.asked(given) == expected


@pytest.mark.parametrize(
    ("named", "has_edge", "expected"),
    [
        (["frontend", "backend"], True, ["backend", "frontend", "edge"]),
        (["frontend"], False, ["frontend"]),
        (["backend"], True, ["backend"]),
        (["edge", "database"], False, ["database", "edge"]),
        (["frontned"], True, []),
    ],
)
def test_surfaces_move_in_the_order_of_a_deploy_and_the_edge_goes_with_the_frontend(named: list[str], has_edge: bool, expected: list[str]) -> None:
    assert options.moved(named, has_edge) == expected


def test_a_rollback_needs_only_the_options_of_what_it_moves() -> None:
    assert options.roles("deploy", ["database", "backend"]) == ["release", "database", "backend", "verify"]
    assert options.roles("rollback", ["database", "backend", "frontend", "edge"]) == ["backend", "frontend", "verify"]


@pytest.mark.parametrize(
    ("given", "values", "problems"),
    [
        ({}, {}, []),
        ({"named": ["backend", "fronted"]}, {}, ["surfaces: there is no surface fronted; choose from database, backend, frontend, edge"]),
        ({"named": [], "surfaces": []}, {}, ["surfaces is empty: name at least one of database, backend, frontend, edge"]),
        ({"argument_errors": ["missing required arguments: store"]}, {}, ["missing required arguments: store"]),
        ({}, {"store": ""}, ["store is empty: Where backups live."]),
        ({}, {"store": None}, ["store is empty: Where backups live."]),
        ({}, {"edge_zone": ""}, []),  # not required
        ({}, {"store": 0}, []),  # not set: the argument spec says that it is missing
        ({}, {"store": "FILL_IN: the bucket"}, ["store is still to be filled in (FILL_IN: the bucket)"]),
        (
            {},
            {"edge_zone": {"a": ["FILL_IN one", "FILL_IN two"]}},
            ["edge_zone is still to be filled in (FILL_IN one)", "edge_zone is still to be filled in (FILL_IN two)"],
        ),
        ({"release": ""}, {}, ["release is missing: name it with -e release=v1.2.3"]),
        ({"release": "", "source_path": "", "kind": "rollback"}, {}, []),
        ({"source_path": ""}, {}, ["source_path is missing: set it to the checkout of the shop on this controller"]),
        ({"source_path": "", "surfaces": ["edge"]}, {}, []),
        ({"migrate_runner": "platform"}, {}, ["database_migrate_runner is platform, so the backend brings the migrations"]),
        ({"migrate_runner": "platform", "surfaces": ["database", "backend"]}, {}, []),
    ],
)
def test_every_wrong_option_is_named(given: dict[str, Any], values: dict[str, Any], problems: list[str]) -> None:
    found = options.wrong(SPECS, {**VALUES, **values}, **{**GOOD, **given})
    assert [one.startswith(problem) for one, problem in zip(found, problems, strict=True)] == [True] * len(problems)


def test_a_refusal_lists_all_problems() -> None:
    assert options.refusal(["one", "two"], "in the way") == "Nothing was changed. 2 in the way:\n- one\n- two"


def test_a_problem_that_several_surfaces_have_is_named_once() -> None:
    unknown = "The release 'v9' is unknown: no tag has that name."
    assert options.refusal([f"backend: {unknown}", f"frontend: {unknown}", "edge: no zone"], "in the way") == (
        f"Nothing was changed. 2 in the way:\n- backend, frontend: {unknown}\n- edge: no zone"
    )
    assert options.refusal([unknown, f"backend: {unknown}"], "in the way") == f"Nothing was changed. 1 in the way:\n- {unknown}"
    assert options.refusal(["surfaces: there is no surface x"], "to correct") == "Nothing was changed. 1 to correct:\n- surfaces: there is no surface x"
