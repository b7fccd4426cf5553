# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the pages: everything that is wrong with those of a run is refused at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.release import page_options

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHOP = {"frontend_project": "prj", "backend_units": [{"name": "api"}, {"name": "worker"}]}


def problems(playbook: str, **values: Any) -> list[str]:
    return list(page_options.problems(playbook, {**SHOP, **values}, "shop", NOW))


def test_a_run_of_logs_is_refused_for_everything_at_once() -> None:
    found = problems(
        "logs",
        unit="apii, web",
        since="yesterday",
        until="25:00",
        limit=0,
        grep="(",
        follow=9999,
        preflight_timezone="UTC",
    )
    begins = (
        "unit is 'apii'",
        "unit is 'web'",
        "since is 'yesterday'",
        "until is '25:00'",
        "limit is 0.",
        "grep is '('",
    )
    assert [begin for begin in (*begins, "follow is 9999.", "follow waits") if begin not in " ".join(found)] == []
    assert len(found) == len(begins) + 2
    assert "did you mean api?" in found[0]
    assert "Its units are frontend, api, worker." in found[1]


@pytest.mark.parametrize(
    ("playbook", "values", "words"),
    [
        ("logs", {"since": "1h", "until": "2h"}, "since (1h) is not before until (2h)"),
        ("logs", {"since": "5m", "until": "5m"}, "is not before until"),
        ("logs", {"until": "2h"}, "since (1h) is not before until (2h)"),
        ("logs", {"since": "2026-03-02"}, "in the future"),
        ("logs", {"since": "-5m"}, "which is not a time"),
        ("logs", {"since": 15}, "since is '15', which is not a time"),
        ("logs", {"follow": -1}, "follow is -1."),
        ("logs", {"follow": 5, "until": "1m"}, "Leave one of them out."),
        ("logs", {"limit": 5001}, "limit is 5001."),
        ("logs", {"limit": 0}, "Set it to 1 to 5000 lines."),
        ("logs", {"unit": ["api", "database"]}, "unit is 'database'"),
        ("logs", {"grep": "(a+)+$"}, "grep"),
        ("status", {"preflight_timezone": "Mars/Base"}, "preflight_timezone 'Mars/Base' is not known"),
        ("status", {"desk_timeout": 0}, "desk_timeout is 0."),
        ("diagnose", {"desk_timeout": 61}, "desk_timeout is 61."),
        ("diagnose", {"database_backup_max_age": -1}, "database_backup_max_age is -1."),
        ("releases", {"compare": "v1.0.0"}, "compare is 'v1.0.0'."),
        ("redis", {"flush": "*"}, "flush is '*', which has no literal"),
        ("redis", {"redis_biggest": 1001}, "redis_biggest is 1001."),
        ("redis", {"redis_interval": 61}, "redis_interval is 61."),
    ],
)
def test_what_a_page_cannot_use_is_refused(playbook: str, values: dict[str, Any], words: str) -> None:
    (found,) = problems(playbook, **values)
    assert words in found


@pytest.mark.parametrize(
    ("playbook", "values"),
    [
        ("logs", {}),
        (
            "logs",
            {"since": "15m", "until": "5m", "unit": "api,frontend", "limit": "20", "grep": "GET", "level": "error"},
        ),
        ("logs", {"since": " ", "until": "", "unit": "", "grep": None, "limit": None, "follow": ""}),
        ("logs", {"limit": "many", "follow": "long"}),  # the argument spec's to refuse
        ("status", {"since": "yesterday", "preflight_timezone": "", "desk_timeout": None}),
        ("redis", {"flush": "product:*", "redis_biggest": 10, "redis_interval": 0}),
        ("redis", {"flush": " "}),
        ("releases", {"compare": "v1.0.0..v1.1.0"}),
        ("deploy", {"preflight_timezone": "Mars/Base"}),  # what a deploy reads of it is its check's to judge
    ],
)
def test_a_right_option_and_one_that_the_page_does_not_read_pass(playbook: str, values: dict[str, Any]) -> None:
    assert problems(playbook, **values) == []


@pytest.mark.parametrize("text", ["v1.0.0", "..v1", "v1..", "a..b..c", "", "v1...v2"])
def test_what_is_no_pair_of_releases_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        page_options.two_releases(text)


def test_a_maintenance_is_refused_for_everything_at_once() -> None:
    found = problems("maintenance", maintenance_state="maybe", maintenance_minutes=0, maintenance_until="soon")
    assert [text.partition(" is ")[0] for text in found] == [
        "maintenance_state",
        "maintenance_until",
        "maintenance_minutes",
    ]
    ahead = {"maintenance_state": True, "maintenance_until": "2026-03-01T13:00Z", "maintenance_minutes": "20"}
    assert problems("maintenance", **ahead) == []
    for state in ("off", "status", False):
        assert problems("maintenance", maintenance_state=state, maintenance_minutes=0) == []
    assert problems("maintenance", maintenance_minutes="", maintenance_until=None) == []


def test_a_longer_name_of_an_option_is_refused() -> None:
    found = page_options.misnamed("logs", {"request_id", "request", "redis_url", "colour", "unitary"})
    assert list(found) == ["request_id"]
    assert found["request_id"].startswith("request_id is not a variable of this collection: did you mean request?")
    assert page_options.misnamed("status", {"request_id"}) == {}, "not an option of this page"
    assert page_options.misnamed("deploy", {"release_manager"}) == {}, "no page"


def test_several_faults_are_one_error() -> None:
    def wrong(text: str) -> None:
        raise ConfigError(text, code="bad_time")

    with pytest.raises(ConfigError, match=r"^One\. Two\.$"):
        page_options.refuse([lambda: wrong("One."), lambda: None, lambda: wrong("Two.")])
    with pytest.raises(ConfigError) as one:
        page_options.refuse([lambda: wrong("One.")])
    assert one.value.details["code"] == "bad_time"
    page_options.refuse([])
