# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator's levers are asked for, refuse and report."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.release import (
    ledger,
    levers,
    options,
    restart,
    scale,
    seed,
    settling,
    variable_changes,
)
from ansible_collections.storefront.runbook.plugins.module_utils.release.ledger_rules import refuse_contradictions

UNITS = [
    {"name": "api", "service": "s-1", "kind": "web"},
    {"name": "worker", "service": "s-2", "kind": "worker"},
    {"name": "nightly", "service": "s-3", "kind": "cron"},
]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("3", "scale must map units to numbers"),
        ({}, "scale must map units to numbers"),
        (["api"], "scale must map units to numbers"),
        ({"apj": 2}, "no unit apj: did you mean api?"),
        ({"api": 0}, "scale.api is 0, since a unit with none would be stopped"),
        ({"api": -1}, "scale.api is -1. Set it to 1 or more"),
        ({"api": "3"}, "scale.api must be a whole number without quotes, and is '3'"),
        ({"api": 2.5}, "scale.api must be a whole number"),
        ({"api": True}, "scale.api must be a whole number"),
        ({"api": None}, "scale.api must be a whole number"),
        ({"api": {}}, "scale.api names no region"),
        ({"api": {"us-west2": -2}}, "scale.api.us-west2 is -2. Set it to 0 or more"),
        ({"api": {"us-west2": "two"}}, "scale.api.us-west2 must be a whole number"),
        ({"nightly": 2}, "nightly is a cron"),
        ({" ": 2}, "scale: a unit has an empty name; choose from api"),
        ({"api": {"": 2}}, "scale.api: a region has an empty name"),
    ],
)
def test_an_impossible_scale_is_refused_before_anything_is_asked(given: Any, said: str) -> None:
    found = scale.wanted(given, UNITS)
    assert said in " ".join(found["problems"])
    assert found["wanted"] == []


def test_a_limit_that_the_platform_cannot_have_agreed_to_is_refused() -> None:
    assert "backend_replicas_limit is 0. Set it" in scale.wanted({"api": 2}, UNITS, 0)["problems"][0]
    assert scale.wanted({"api": 2}, UNITS, 60)["problems"] == []


def test_units_are_scaled_by_number_or_by_region() -> None:
    found = scale.wanted({"api": 3, "worker": {"us-west2": 2, "eu": 0}}, UNITS)
    assert found["wanted"] == [
        {"name": "api", "service": "s-1", "replicas": 3},
        {"name": "worker", "service": "s-2", "regions": {"us-west2": 2, "eu": 0}},
    ]


def result(before: int, after: int, **more: Any) -> dict[str, Any]:
    limit = {"plan": "hobby", "replicas": 6}
    settings = {
        name: {"regions": {"eu": count}} for name, count in (("previous_settings", before), ("settings", after))
    }
    return {"backend_unit": UNITS[0], "limit": limit, **settings, **more}


def test_the_plans_limit_is_shown_before() -> None:
    planned = scale.planned([result(1, 3), {"backend_unit": UNITS[1], "failed": True, "msg": "No such region."}])
    assert planned["lines"] == ["api: eu 1 -> 3 (the plan hobby allows 6)"]
    assert planned["problems"] == ["scale.worker: No such region."]
    assert planned["moves"]
    assert not scale.planned([result(3, 3)])["moves"]
    assert scale.message({"api": {"eu": 1}}, {"api": {"eu": 3}}).startswith("api: eu 1 -> 3.")


LEFT = {"since": "2026-01-31T12:00:00Z", "done": ["api"]}
NOON = 1769860800.0


@pytest.mark.parametrize(
    ("unit", "left", "after", "names", "done"),
    [
        ("", {}, 0, ["api", "worker"], []),
        ("worker, api", {}, 0, ["api", "worker"], []),
        (["nightly"], {}, 0, ["nightly"], []),
        ("", LEFT, 60, ["worker"], ["api"]),
        ("api", LEFT, 60, ["api"], []),
        ("", LEFT, 7200, ["api", "worker"], []),
    ],
)
def test_a_restart_continues_what_a_killed_one_has_left(
    unit: Any, left: dict[str, Any], after: float, names: list[str], done: list[str]
) -> None:
    found = restart.wanted(unit, UNITS, left, NOON + after)
    assert [one["name"] for one in found["wanted"]] == names
    assert (found["done"], found["problems"]) == (done, [])


def test_a_unit_that_does_not_come_up_stops_the_restart() -> None:
    for unit, said in (("api,,worker", "unit has an empty name"), (["api", "api"], "unit names api 2 times")):
        assert said in " ".join(restart.wanted(unit, UNITS, {}, NOON)["problems"])
    assert restart.wanted("apj", UNITS, {}, NOON)["problems"] == [
        "unit: there is no unit apj: did you mean api?; choose from api, worker, nightly"
    ]
    said = restart.message(UNITS, ["api"], failed="worker")
    assert said.startswith(
        "worker did not come up after its restart. Restarted and healthy: api. Not restarted: nightly."
    )


CONTROLS = "\0\n\r\v\f\x1b\x1e\x7f\x85\u2028\u2029"


def asked(**given: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"unit": "api", "variable_values": {}, "from_env": [], "unset": [], "compare_with": ""}
    place = {"has_frontend": True, "storefronts": ["staging"], "root_directory": "apps/backend"}
    environ = {"STRIPE_KEY": "sk", "EMPTY": ""}
    return variable_changes.wanted({**usual, **place, **given}, UNITS, environ)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"variable_values": {"": "x"}}, "an empty name"),
        ({"variable_values": {"1ST": "x"}}, "'1ST' is not a valid name"),
        ({"variable_values": {"A-B": "x"}}, "'A-B' is not a valid name"),
        ({"variable_values": {"A=B": "x"}}, "'A=B' is not a valid name"),
        ({"variable_values": {"A": "x\ny"}}, "A has a line break"),
        ({"variable_values": {"A": "x\r"}}, "A has a line break"),
        *(({"variable_values": {"A": f"x{one}y"}}, "A has a line break or another control") for one in CONTROLS),
        ({"variable_values": {"A": 3}}, "the value of A is not text"),
        ({"variable_values": {"A": None}}, "the value of A is not text"),
        ({"variable_values": ["A"]}, "variable_values must map names to values"),
        ({"variable_values": {"A": "x"}, "unset": "A"}, "A: given a value and named in unset"),
        ({"variable_values": {"A": "x"}, "unit": ""}, "unit is missing"),
        ({"variable_values": {"A": "x"}, "unit": "frontent"}, "did you mean frontend?"),
        ({"variable_values": {"A": "x"}, "compare_with": "example"}, "compare_with changes nothing"),
        ({"from_env": "NOT_THERE"}, "the environment has no NOT_THERE"),
        ({"from_env": "EMPTY"}, "or it is empty"),
        ({"from_env": "STRIPE_KEY,"}, "from_env has an empty name"),
        ({"from_env": "STRIPE_KEY=hunter2"}, "from_env has something that is not a valid name"),
        ({"from_env": {"A": "STRIPE_KEY"}}, "from_env has something that is not a valid name"),
        ({"from_env": "STRIPE_KEY,STRIPE_KEY"}, "from_env names STRIPE_KEY 2 times"),
        ({"unset": "OLD,OLD"}, "unset names OLD 2 times"),
        ({"unset": {"A": 1}}, "unset: \"{'A': 1}\" is not a valid name"),
        ({"unit": "api,api", "unset": "OLD"}, "unit names api 2 times"),
        ({"unit": ["api", ""], "unset": "OLD"}, "unit has an empty name"),
        ({"from_env": ["STRIPE_KEY"], "variable_values": {"STRIPE_KEY": "x"}}, "in variable_values and in from_env"),
        ({"unset": ["A", ""]}, "an empty name"),
        ({"compare_with": "stagin"}, "no storefront stagin: did you mean staging?"),
    ],
)
def test_a_wrong_change_of_variables_is_refused_without_its_values(given: dict[str, Any], said: str) -> None:
    found = asked(**given)
    assert said in " ".join(found["problems"])
    assert "hunter2" not in str(found)
    assert (found["values"], found["unset"]) == ({}, [])


def test_values_are_never_on_the_command_line_itself() -> None:
    (problem,) = variable_changes.on_command_line(["unit=api", '{"variable_values": {"A": "hunter2"}}'])
    assert "on the command line itself" in problem
    assert "hunter2" not in problem
    assert variable_changes.on_command_line(["unit=api", "my_variable_values_x=1"]) == []


def test_values_come_from_a_file_or_from_the_environment() -> None:
    found = asked(variable_values={"A": "x"}, from_env="STRIPE_KEY", unset="OLD, OLDER", unit="api,frontend")
    assert found["values"] == {"A": "x", "STRIPE_KEY": "sk"}
    assert (found["mode"], found["unset"], found["frontend"]) == ("change", ["OLD", "OLDER"], True)
    assert asked(unit="")["mode"] == "list"
    assert asked(compare_with="staging")["mode"] == "compare"


def test_a_change_is_shown_by_digests_and_a_rerun_reports_what_the_first_has_set() -> None:
    api = {"backend_unit": UNITS[0], "added": ["A"], "updated": ["B"], "removed": ["C"], "changed": True}
    api["variables"] = [{"name": "A", "digest": "a" * 64}, {"name": "B", "digest": "c" * 64}]
    infos = {"api": {"B": "b" * 64, "C": None}}
    left = {"data": {"names": {"api": ["FIRST"]}}}
    planned = variable_changes.planned([api], infos, left, ["C", "BB"])
    assert planned["lines"][0] == "api BB: not set: did you mean B?"
    assert planned["before"] == {"api A": "not set", "api B": "digest bbbbbbbb", "api C": "set, not shown"}
    assert planned["after"] == {"api A": "digest aaaaaaaa", "api B": "digest cccccccc", "api C": "not set"}
    assert planned["names"] == {"api": ["A", "B", "C", "FIRST"]}
    assert (planned["problems"], planned["again"]) == ([], ["api"])
    other = variable_changes.planned([{**api, "backend_unit": UNITS[1]}], infos, left)
    assert other["problems"][0].startswith("An earlier run has not finished in api. Run that one again first")
    said = variable_changes.message({"api": ["A", "C"], "frontend": ["A"]}, ["C"], True)
    assert said.startswith("api: set A and removed C (redeployed once); frontend: set A (the next build")


def test_two_environments_are_compared_without_values() -> None:
    here: dict[str, Any] = {"api": {"A": "1", "B": "1", "C": "1", "SENSITIVE": None}}
    there: dict[str, Any] = {"api": {"A": "1", "B": "2", "D": "1", "SENSITIVE": None}}
    lines = variable_changes.compared(here, there, "staging")
    assert lines == [
        "api, compared with staging:",
        "  missing here: D",
        "  only here: C",
        "  another value: B",
        "  the same value: A",
        "  not shown by the platform, so not compared: SENSITIVE",
    ]
    assert "value" not in str(variable_changes.compared(here, there, "example"))
    vercel = {"backend_unit": {"name": "frontend"}, "variable_digests": {"A": "1", "B": "2"}, "sensitive_names": ["B"]}
    assert variable_changes.by_unit([vercel]) == {"frontend": {"A": "1", "B": "2"}}
    assert variable_changes.by_unit([vercel], True) == {"frontend": {"A": "1", "B": None}}, "of another key"
    example = [{"backend_unit": {}, "unit_name": "api", "rc": 0, "stdout": "A=1\n# B=2\nexport C='x'\n"}]
    assert variable_changes.of_example(example) == {"api": {"A": "", "C": ""}}


@pytest.mark.parametrize(
    ("role", "places", "said"),
    [
        ("production", ["staging"], "environment_role is production"),
        ("", ["staging"], "environment_role is not set"),
        ("staging", ["Production"], "the environment is called Production"),
        ("staging", ["staging", "shop", "prod"], "the environment is called prod"),
        ("staging", ["shop-prd"], "the environment is called shop-prd"),
        ("development", ["Production EU"], "the environment is called Production EU"),
        ("staging", ["shop_live"], "the environment is called shop_live"),
    ],
)
def test_production_never_gets_example_data(role: str, places: list[str], said: str) -> None:
    assert said in seed.refused(role, places)[0]


def test_the_role_of_an_environment_comes_from_its_inventory() -> None:
    given = options.Given("seed", ["database"], {"environment_role": "staging"}, commanded=["environment_role"])
    assert "environment_role belongs to the inventory" in " ".join(options.wrong({}, given))
    given = options.Given("seed", ["database"], {"environment_role": "staging"})
    assert "belongs to the inventory" not in " ".join(options.wrong({}, given))


def test_staging_gets_example_data() -> None:
    assert seed.refused("staging", ["staging", "pre-production", "nonprod", "products", "live-nation", ""]) == []
    said = seed.message({"A": 1, "B": 2}, {"A": 1, "B": 5, "C": 1}, "one\ntwo")
    assert said == "B 2 -> 5 rows, C 0 -> 1 row. It printed: two"


def test_a_lever_waits_for_an_unfinished_deploy() -> None:
    result = {"lease": {}, "journal": {"kind": "deploy", "release": "v1.1.0", "snapshot": {}}}
    known: dict[str, Any] = {"movable": [], "release": "", "resolved": True}
    (problem,) = settling.lease_check(result, kind="scale", **known)["problems"]
    assert problem.startswith("The deploy of v1.1.0 did not finish")
    assert settling.lease_check({"lease": {}}, kind="scale", **known)["problems"] == []


def record(kind: str, outcome: str, release: str | None = None, **more: Any) -> dict[str, Any]:
    units = {"api": {"release": release}} if release else {}
    usual = {"commit": None, "withdrawn": None, "id": kind, "finished_at": "2026-01-31T12:00:00Z"}
    return {"kind": kind, "outcome": outcome, "release": release, "units": units, **usual, **more}


CHANGE: dict[str, Any] = {"before": {}, "after": {}, "names": {}}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"kind": "scale", "outcome": "changed", "change": None}, "The option change is for scale"),
        ({"kind": "deploy", "outcome": "released", "release": "v1", "change": CHANGE}, "leave change out"),
        ({"kind": "scale", "outcome": "released", "change": CHANGE}, "The outcome of scale cannot be released"),
        ({"kind": "deploy", "outcome": "changed", "release": "v1", "change": None}, "The outcome changed is for"),
        ({"kind": "deploy", "outcome": "released", "change": None}, "A deploy is of a release"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        refuse_contradictions({"id": None, "release": None, "restore": None, **params})
    refuse_contradictions(
        {"id": None, "release": None, "restore": None, "kind": "seed", "outcome": "incomplete", "change": CHANGE}
    )


def test_a_lever_moves_no_release_and_its_variables_are_held() -> None:
    names = {"names": {"api": ["B"]}}
    records = [
        record("variables", "incomplete", change=names),
        record("scale", "changed", change={"after": {}}),
        record("variables", "changed", change={"names": {"api": ["A"]}}),
        record("deploy", "released", "v1.1.0"),
        record("deploy", "released", "v1.0.0"),
    ]
    assert ledger.target(records) == (4, None)
    assert levers.held_variables(records) == {"api": ["A", "B"]}
