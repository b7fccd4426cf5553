# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switch of the maintenance is refused for, what it reports, and the passes of operators."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import maintenance
from ansible_collections.storefront.runbook.plugins.module_utils.release.operator_pass import operator_pass

NOW = 1_769_828_400.0  # 2026-01-31T03:00:00Z
RECORD = {
    **{"since": "2026-01-31T03:00:00.000Z", "by": "ada", "way": "edge", "units": ["worker"], "reason": None},
    **{"expected_at": "2026-01-31T03:20:00.000Z", "opens_at": None},
}


@pytest.mark.parametrize(
    ("given", "state"),
    [(True, "on"), (False, "off"), ("on", "on"), ("OFF", "off"), ("True", "on"), (" status ", "status"), ("no", "off")],
)
def test_a_state_may_be_a_boolean_since_yaml_makes_them(given: Any, state: str) -> None:
    assert maintenance.state_of(given) == state


@pytest.mark.parametrize("given", ["", "maybe", 1, None, ["on"], "0"])
def test_another_state_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="Set it to on, off or status"):
        maintenance.state_of(given)


def test_what_a_switch_changed_is_what_the_ledger_has() -> None:
    units = [{"name": "api", "kind": "web"}, {"name": "admin", "kind": None}, {"name": "worker", "kind": "worker"}]
    held = {**RECORD, "way": "variable", "had_variable": ["admin"]}
    names = {"api": ["MAINTENANCE_MODE"], "admin": ["MAINTENANCE_MODE"]}
    on = {"api": "closed", "admin": "closed", "worker": "stopped"}
    assert maintenance.change("on", held, units) == {"before": {}, "after": on, "names": names}
    off = {"api": "open", "admin": "open", "worker": "running"}
    kept = {"admin": ["MAINTENANCE_MODE"]}
    assert maintenance.change("off", held, units) == {"before": {}, "after": off, "names": kept}
    assert maintenance.change("on", RECORD, units)["after"] == {"worker": "stopped"}
    assert maintenance.change("off", {}, units)["after"] == {}


def problems(state: str = "on", **seen: Any) -> list[str]:
    whole = {"journal": {}, "chosen": "edge", "until": "", "surfaces": ["backend"], "minutes": 30, "now": NOW, **seen}
    return maintenance.problems(state, **whole)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"until": "2026-01-31T04:00:00Z", "chosen": "variable"}, "does not end automatically"),
        ({"until": "2026-01-31T04:00:00"}, "has no zone"),
        ({"until": "soon"}, "is not a time"),
        ({"until": "2026-01-31T02:00:00Z"}, "is in the past"),
        ({"until": "2026-03-31T02:00:00Z"}, "more than a week"),
        ({"minutes": 0}, "Set it to 1 to"),
        ({"minutes": -1}, "Set it to 1 to"),
        ({"minutes": "²"}, "Set it to 1 to"),
        ({"minutes": "long"}, "Set it to 1 to"),
        ({"chosen": "variable", "surfaces": ["frontend"]}, "Neither the edge nor the backend"),
    ],
)
def test_what_cannot_be_done_is_refused(seen: dict[str, Any], why: str) -> None:
    (problem,) = problems(**seen)
    assert why in problem
    assert problems("status", **seen) == []


def test_what_can_be_done_is_not_refused() -> None:
    assert problems() == problems("off") == problems(until="2026-01-31T04:00:00-05:00") == []
    assert problems(chosen="variable", minutes="45") == []


def test_an_unfinished_deploy_ends_its_own_maintenance() -> None:
    held = {"journal": {"held": True, "release": "v2.0.0"}}
    (problem,) = problems("off", **held)
    assert "The unfinished deploy of v2.0.0 holds the shop" in problem
    assert problems("on", **held) == []


def test_the_messages_say_what_was_done_and_what_is_next() -> None:
    message = maintenance.started_message(RECORD, way="edge", changed=True, stopped=["worker"])
    assert message.startswith("IN MAINTENANCE by a Worker at Cloudflare's edge, expected back at 2026-01-31T03:20")
    assert "Stopped: worker." in message
    assert "already" in maintenance.started_message(RECORD, way="edge", changed=False, stopped=[])
    ends = maintenance.started_message(
        {**RECORD, "opens_at": "2026-01-31T04:00Z"}, way="edge", changed=True, stopped=[]
    )
    assert "opens automatically at 2026-01-31T04:00Z" in ends
    assert maintenance.ended_message(RECORD, changed=True, not_back=[]).endswith("Started again: worker.")
    assert "nothing was changed" in maintenance.ended_message({}, changed=False, not_back=[])
    left = maintenance.ended_message(RECORD, changed=True, not_back=[{"what": "the edge", "why": "no answer."}])
    assert left.startswith("STILL IN MAINTENANCE in part. the edge: no answer.")


def test_the_status_names_who_holds_the_shop() -> None:
    edge = {"maintenance": {"on": True}, "public": {"https://a": "open"}, "not_covered": ["b: not in the zone"]}
    assert maintenance.status_lines({}, {}, {}) == ["OPEN: no maintenance is recorded."]
    assert "since 2026-01-31T03:00:00.000Z by ada" in maintenance.status_lines(RECORD, {}, {})[0]
    assert "unfinished deploy of v2" in maintenance.status_lines({}, {}, {"held": True, "release": "v2"})[0]
    assert maintenance.status_lines({}, {}, {}, "no answer")[0].startswith(
        "NOT KNOWN whether the shop is in maintenance"
    )
    assert maintenance.status_lines({}, edge, {}, "no answer")[1] == "The edge holds the shop."
    lines = maintenance.status_lines({}, edge, {})
    assert "without a record" in lines[1]
    assert lines[2:] == ["https://a: open", "Not covered: b: not in the zone"]
    assert "could not be asked: no" in maintenance.status_lines({}, {"msg": "no"}, {})[-1]


def test_the_first_way_there_is_holds_the_shop() -> None:
    assert maintenance.way(edge=True, platform="render") == "edge"
    assert maintenance.way(edge=False, platform="render") == "platform"
    assert maintenance.way(edge=False, platform="railway") == "variable"


def test_a_pass_names_its_operator_and_its_end() -> None:
    name, expires, signature = operator_pass("key", "shop", "ada", 2, now=NOW).split(".")
    assert (name, int(expires), len(signature)) == ("ada", int(NOW) + 7200, 64)
    assert operator_pass("key", "other", "ada", 2, now=NOW).rpartition(".")[2] != signature


@pytest.mark.parametrize(
    ("name", "hours"), [("", 1), ("a.b", 1), ("a b", 1), ("é", 1), ("x" * 65, 1), ("ada", 0), ("ada", 169)]
)
def test_a_wrong_pass_is_not_made(name: str, hours: float) -> None:
    with pytest.raises(ValueError, match=r"pass"):
        operator_pass("key", "shop", name, hours)


def test_a_run_that_finds_the_shop_in_maintenance_notes_that_it_stays() -> None:
    stays = maintenance.stays_message(RECORD, "deploy")
    assert stays.startswith(f"The shop is in maintenance since {RECORD['since']}, and stays in it until")
    assert maintenance.stays_message(RECORD, "maintenance") == ""
    assert maintenance.stays_message({}, "deploy") == ""
