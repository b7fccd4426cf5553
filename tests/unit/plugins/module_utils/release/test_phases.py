# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a deploy, in their order."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.phases import (
    ORDER,
    Deploy,
    of_deploy,
    of_migration,
    of_restore,
)

ALL = ["database", "backend", "frontend", "edge"]
END = ["verify.public", "release.record"]
BACKEND = ["backend.release", "verify.backend"]
FRONTEND = ["frontend.stage", "verify.staged", "frontend.promote"]
DATABASE = ["database.backup", "database.prove", "database.rehearse", "database.migrate"]


@pytest.mark.parametrize(
    ("deploy", "expected"),
    [
        ({"surfaces": ["frontend"]}, [*FRONTEND, *END]),
        (
            {"surfaces": ["frontend"], "watched": True},
            ["verify.baseline", *FRONTEND, "verify.public", "verify.watch", "release.record"],
        ),
        (
            {"surfaces": ["frontend"], "watched": True, "stages": 2},
            [
                *("verify.baseline", "frontend.stage", "verify.staged"),
                *("frontend.roll", "verify.rolling", "frontend.roll", "verify.rolling"),
                *("frontend.promote", *END),
            ],
        ),
        (
            {"surfaces": ["backend"], "watched": True, "stages": 2},
            ["verify.baseline", *BACKEND, END[0], "verify.watch", END[1]],
        ),
        ({"surfaces": ["frontend", "edge"]}, [*FRONTEND, "edge.purge", *END]),
        ({"surfaces": ["frontend"], "builds_first": True}, ["frontend.begin", *FRONTEND, *END]),
        ({"surfaces": ["backend"], "builds_first": True}, [*BACKEND, *END]),
        ({"surfaces": ["database"], "idle": ["database.verify"]}, [*DATABASE, *END]),
        ({"surfaces": ["database"], "maintenance": True, "idle": ["database.verify"]}, [*DATABASE, *END]),
        (
            {"surfaces": ["backend"], "maintenance": True},
            ["backend.hold", "backend.release", "backend.unhold", "verify.backend", *END],
        ),
        (
            {"surfaces": ["backend"], "maintenance": True, "edge": True},
            ["edge.hold", "backend.hold", "backend.release", "backend.unhold", "edge.unhold", "verify.backend", *END],
        ),
        ({"surfaces": ["backend"], "maintenance": True, "maintained": True, "edge": True}, [*BACKEND, *END]),
        ({"surfaces": ["backend"], "held": True, "maintained": True}, [*BACKEND, *END]),
        ({"surfaces": ["backend"], "held": True}, ["backend.release", "backend.unhold", "verify.backend", *END]),
        ({"surfaces": ["frontend"], "held": True}, [*FRONTEND, *END]),
        ({"surfaces": ["database"], "idle": [*DATABASE, "database.verify"]}, END),
    ],
)
def test_a_deploy_takes_the_phases_of_what_it_moves(deploy: dict[str, Any], expected: list[str]) -> None:
    assert of_deploy(Deploy(**deploy)) == expected


def test_a_whole_deploy_in_maintenance_takes_every_phase_in_the_order() -> None:
    whole = {"surfaces": ALL, "maintenance": True, "builds_first": True, "edge": True, "due": ["staged", "after"]}
    at_once, rolled = (of_deploy(Deploy(**whole, watched=True, stages=stages)) for stages in (0, 1))
    assert at_once == [phase for phase in ORDER if phase not in ("frontend.roll", "verify.rolling")]
    assert rolled == [phase for phase in ORDER if phase != "verify.watch"]


@pytest.mark.parametrize(
    ("surfaces", "due", "asked"),
    [
        (ALL, [], []),
        (ALL, ["staged"], ["preflight.staged"]),
        (["backend"], ["staged", "after"], ["preflight.after"]),
    ],
)
def test_checks_are_asked_at_their_points_where_they_are_due(surfaces: Any, due: list[str], asked: list[str]) -> None:
    phases = of_deploy(Deploy(surfaces=surfaces, due=due))
    assert [phase for phase in phases if phase.startswith("preflight.")] == asked


def test_nothing_is_served_before_it_is_verified_and_no_migration_runs_before_the_backup() -> None:
    place = list(ORDER).index
    assert (
        place("database.backup")
        < place("database.prove")
        < place("database.rehearse")
        < place("database.migrate")
        < place("backend.release")
    )
    assert place("edge.hold") < place("backend.hold") < place("database.migrate")
    assert place("backend.unhold") < place("edge.unhold") < place("verify.backend")
    assert (
        place("frontend.stage")
        < place("verify.staged")
        < place("frontend.promote")
        < place("edge.purge")
        < place("verify.public")
    )
    assert list(ORDER)[-1] == "release.record"


def test_a_migration_takes_the_steps_that_a_policy_leaves() -> None:
    assert of_migration([]) == DATABASE
    assert of_migration(["database.prove", "database.rehearse"]) == ["database.backup", "database.migrate"]


BOTH = ["database", "backend"]


@pytest.mark.parametrize(
    ("surfaces", "plan", "expected"),
    [
        (BOTH, {}, ["database.safety", "database.stage", "backend.stop", "database.swap"]),
        (["database"], {}, ["database.safety", "database.stage", "database.swap"]),
        (BOTH, {"edge": True}, ["database.safety", "database.stage", "edge.hold", "backend.stop", "database.swap"]),
        (BOTH, {"swap": "url", "edge": True}, ["database.safety", "database.stage", "database.swap"]),
        (BOTH, {"swap": "url"}, ["database.safety", "database.stage", "database.swap"]),
        (BOTH, {"undo": True}, ["backend.stop", "database.swap"]),
        (BOTH, {"undo": True, "swap": "url"}, ["database.swap"]),
        (BOTH, {"already": True}, []),
        (BOTH, {"already": True, "swap": "url"}, ["database.swap"]),
    ],
)
def test_a_restore_takes_the_phases_that_its_swap_needs(
    surfaces: list[str], plan: dict[str, Any], expected: list[str]
) -> None:
    assert of_restore(surfaces, **{"undo": False, "swap": "rename", "already": False, **plan}) == expected
