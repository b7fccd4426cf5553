# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an alert may roll a release back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.alert_policy import problems, refusal

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
POLICY = {"younger": "2 h", "cooldown": "6 h", "hours": "08:00-20:00", "zone": "Europe/Berlin"}


def record(minutes: int, kind: str = "deploy", outcome: str = "released") -> dict[str, Any]:
    at = (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    return {"kind": kind, "outcome": outcome, "release": "v2", "finished_at": at}


def test_a_young_release_is_rolled_back_once() -> None:
    assert refusal(POLICY, [record(30)], NOW) == ""
    assert refusal(POLICY, [record(10, "scale", "changed"), record(30)], NOW) == ""
    assert "rolls back once" in refusal(POLICY, [record(5, "rollback", "rolled_back"), record(30)], NOW)


@pytest.mark.parametrize(
    ("policy", "records", "now", "text"),
    [
        ({}, [record(1)], NOW, "rollback_on_alert is not set"),
        (POLICY, [], NOW, "not a good deploy"),
        (POLICY, [record(5, outcome="rolled_back"), record(600)], NOW, "not a good deploy"),
        (POLICY, [record(121)], NOW, "v2 is 2 h old, and rollback_on_alert.younger is 2 h"),
        (POLICY, [{**record(1), "finished_at": "soon"}], NOW, "v2 is of an unknown age"),
        (POLICY, [record(30), record(300, "rollback", "rolled_back")], NOW, "A release was put back 5 h ago"),
        (POLICY, [record(30), record(300, outcome="rolled_back")], NOW, "A release was put back 5 h ago"),
        (POLICY, [record(-540)], NOW.replace(hour=21), "outside of rollback_on_alert.hours"),
        ({**POLICY, "hours": "22:00-06:00"}, [record(30)], NOW, "outside of rollback_on_alert.hours"),
    ],
)
def test_an_alert_that_may_not_roll_back_is_refused_with_the_reason(
    policy: dict[str, Any], records: list[dict[str, Any]], now: datetime, text: str
) -> None:
    assert text in refusal(policy, records, now)


def test_hours_may_pass_midnight_and_an_older_rollback_is_over() -> None:
    assert refusal({**POLICY, "hours": "22:00-06:00"}, [record(-600)], NOW.replace(hour=22)) == ""
    assert refusal(POLICY, [record(30), record(361, "rollback", "rolled_back")], NOW) == ""


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ({"cooldown": "1 h"}, "younger is missing"),
        ({"younger": "2"}, "younger is '2', which has no unit"),
        ({"younger": "0 s"}, "younger is '0 s'"),
        ({"younger": "2 h", "cooldown": "1 day"}, "cooldown is '1 day'"),
        ({"younger": "2 h", "hours": "8-20", "zone": "UTC"}, "hours is '8-20'. Write it as 08:00-20:00"),
        ({"younger": "2 h", "hours": "08:00-25:00", "zone": "UTC"}, "hours is '08:00-25:00'"),
        ({"younger": "2 h", "hours": "08:00-20:00"}, "zone is missing"),
        ({"younger": "2 h", "zone": "Mars/Base"}, "is not a time zone"),
        ({"younger": "2 h", "zone": "../etc"}, "is not a time zone"),
    ],
)
def test_a_policy_that_cannot_be_right_is_refused(policy: dict[str, Any], text: str) -> None:
    (problem,) = problems(policy)
    assert text in problem


def test_a_right_policy_has_no_problem() -> None:
    assert list(problems(POLICY)) == []
