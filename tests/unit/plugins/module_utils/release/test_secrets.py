# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secrets.yml: what is declared, what comes next, and what each unit gets."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ConfigError
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Outcome
from ansible_collections.storefront.runbook.plugins.module_utils.release import secret_rotation, secrets_declared
from ansible_collections.storefront.runbook.plugins.module_utils.release.rotation import ended, refuse_short, rotation

ADMIN_URL = "postgresql://rotator:p@db.internal:5432/shop"
UNITS = [{"name": "api"}, {"name": "worker"}]
DATABASE: dict[str, Any] = {
    "name": "db",
    "kind": "postgres_role",
    "variable": "DATABASE_URL",
    "roles": ["a", "b"],
    "units": ["api", "worker"],
}
JWT: dict[str, Any] = {"name": "jwt", "kind": "random", "variable": "JWT", "previous": "JWT_OLD", "units": ["api"]}


def wanted(*secrets: Any, **asked: Any) -> dict[str, Any]:
    given = {
        "secrets": list(secrets),
        "secret_name": "",
        "secret_step": "",
        "addresses": {"secrets_database_url": ADMIN_URL, "secrets_redis_url": "redis://rotator:p@redis:6379/0"},
        "root_directory": "apps/backend",
        "has_frontend": True,
    }
    return secrets_declared.wanted({**given, **asked}, UNITS)


def test_a_secret_is_chosen_with_its_units() -> None:
    found = wanted(DATABASE, {**JWT, "units": ["api", "frontend"]}, **{"secret_name": "jwt"})
    assert (found["problems"], found["mode"], found["frontend"]) == ([], "rotate", True)
    assert found["units"] == [{"root_directory": "apps/backend", "name": "api"}]
    assert (found["secret"]["overlap"], found["secret"]["length"], found["secret"]["pair"]) == (True, 43, [])
    listed = wanted(DATABASE, JWT)
    assert (listed["mode"], [one["name"] for one in listed["all"]]) == ("list", ["db", "jwt"])
    assert wanted(DATABASE, **{"secret_name": "db"})["secret"]["previous"] == "DATABASE_URL_BEFORE_ROTATION"


@pytest.mark.parametrize(
    ("secrets", "asked", "said"),
    [
        ([], {}, "secrets is empty: declare in the inventory"),
        (["db"], {}, "secrets[0] must be a mapping"),
        ([{}], {}, "secrets[0].name is missing"),
        ([{**DATABASE, "kind": "mysql"}], {}, "secrets.db.kind is mysql; choose from random"),
        ([{**DATABASE, "kind": "postgres_rol"}], {}, "did you mean postgres_role?"),
        ([{**DATABASE, "units": ["apj"]}], {}, "secrets.db.units: there is no unit apj: did you mean api?"),
        ([{**DATABASE, "units": "api"}], {}, "secrets.db.units must be a list"),
        ([{**DATABASE, "roles": ["a", "a"]}], {}, "secrets.db.roles must be two different names"),
        ([{**DATABASE, "roles": "a"}], {}, "secrets.db.roles must be two different names"),
        ([{**DATABASE, "users": ["a", "b"]}], {}, "secrets.db.users is not for the kind postgres_role"),
        ([{**DATABASE, "previous": "OLD"}], {}, "secrets.db.previous is for the kind random only"),
        ([DATABASE], {"addresses": {}}, "secrets_database_url is missing"),
        ([{**JWT, "length": 8}], {}, "secrets.jwt.length is 8: choose 32 to 86"),
        ([{**JWT, "length": "many"}], {}, "secrets.jwt.length is many"),
        ([{**JWT, "variable": "A B"}], {}, "secrets.jwt.variable is 'A B'"),
        ([{**JWT, "previous": "JWT"}], {}, "previous is the variable itself"),
        ([{**JWT, "colour": "red"}], {}, "there is no option colour"),
        ([{**JWT, "previous": "", "units": ["api", "frontend"]}], {}, "the frontend has the new value later"),
        ([JWT, JWT], {}, "jwt is declared twice"),
        ([JWT], {"secret_name": "jwtt"}, "there is no secret jwtt: did you mean jwt?; choose from jwt"),
        ([JWT], {"secret_name": "jwt", "secret_step": "stop"}, "secret_step is stop: choose from rotate, end, undo"),
    ],
)
def test_a_wrong_declaration_is_refused(secrets: list[Any], asked: dict[str, Any], said: str) -> None:
    found = wanted(*secrets, **asked)
    assert any(said in problem for problem in found["problems"]), found["problems"]
    assert found["secret"] == {}


CACHE = {**DATABASE, "name": "cache", "kind": "redis_user", "roles": None, "users": ["a", "b"]}


@pytest.mark.parametrize(
    ("secret", "option", "url"),
    [
        (DATABASE, "database_url", "postgresql://a:p@db:5432/shop"),
        (DATABASE, "database_direct_url", "postgres://%62@/shop?host=/run/postgresql"),
        (DATABASE, "secrets_database_url", "postgresql://b@one:1,two:2/shop"),
        (CACHE, "redis_url", "rediss://a:p@redis/0"),
        (CACHE, "secrets_redis_url", "redis://b:p@redis"),
    ],
)
def test_an_address_of_the_inventory_with_one_of_the_logins_is_refused(
    secret: dict[str, Any], option: str, url: str
) -> None:
    usual = {
        "secrets_database_url": ADMIN_URL,
        "secrets_redis_url": "redis://rotator:p@redis",
        "redis_url": "redis://r",
    }
    found = wanted(secret, **{"addresses": {**usual, option: url}})["problems"]
    assert len(found) == 1
    assert found[0].startswith(f"{option} logs in as ")
    assert f"Give {option} a user of its own" in found[0]
    assert ":p@" not in found[0]
    others = {**usual, "database_url": ADMIN_URL, "redis_url": "redis://:p@redis"}
    assert wanted(secret, **{"addresses": others})["problems"] == []


def seen(unit: str = "api", **report: Any) -> dict[str, Any]:
    usual = {"set": True, "hidden": False, "user": "a", "previous": False, "others": []}
    digests = [{"name": "DATABASE_URL", "digest": "0123456789"}, {"name": "JWT", "digest": "abcdefghij"}]
    return {"backend_unit": {"name": unit}, "rotation": {**usual, **report}, "variables": digests}


def planned(secret: dict[str, Any], *results: Any, step: str = "rotate", **more: Any) -> dict[str, Any]:
    asked = wanted(secret, secret_name=secret["name"], secret_step=step)
    assert asked["problems"] == []
    return secret_rotation.planned(asked, results, **{"left": {}, "nonce": "n", "examples": {}, **more})


def test_the_login_that_nobody_uses_comes_next() -> None:
    plan = planned(DATABASE, seen(), seen("worker"))
    assert (plan["problems"], plan["target"], plan["peer"], plan["resumed"]) == ([], "b", "a", False)
    assert plan["before"]["api DATABASE_URL"] == "a, digest 01234567"
    assert planned(DATABASE, seen(user="b"), seen("worker", user="b"))["target"] == "a"
    after = secret_rotation.after(plan, wanted(DATABASE, **{"secret_name": "db"})["secret"], [seen()])
    assert after == {"api DATABASE_URL": "b, digest 01234567"}


def test_a_unit_that_is_not_named_and_uses_one_of_the_logins_is_refused() -> None:
    alone = {**DATABASE, "units": ["api"]}
    assert wanted(alone, **{"secret_name": "db"})["others"] == ["worker", "frontend"]
    assert wanted(JWT, **{"secret_name": "jwt"})["others"] == []
    site = {"backend_unit": {"name": "frontend"}, "msg": "no token"}
    (problem,) = planned(alone, seen(), seen("worker"), site)["problems"]
    assert problem == "worker logs in as a, too, and is not among the units. Add it to secrets.db.units"
    plan = planned(alone, seen(), seen("worker", user="reader"), site)
    assert (plan["problems"], list(plan["before"]), list(plan["names"])) == ([], ["api DATABASE_URL"], ["api"])


def test_a_rerun_continues_with_the_same_login_and_nonce() -> None:
    left: dict[str, Any] = {"since": "now", "data": {"secret": "db", "target": "b", "nonce": "first"}}
    plan = planned(DATABASE, seen(user="b", previous=True), seen("worker"), left=left)
    assert (plan["problems"], plan["target"], plan["nonce"], plan["resumed"]) == ([], "b", "first", True)
    other = planned(JWT, seen(user=None), left=left)
    assert "An earlier run did not finish the secret db" in other["problems"][0]
    assert plan["data"] == {**left["data"], "step": "rotate", "new": False, "ended": False}


@pytest.mark.parametrize(
    ("earlier", "step", "said"),
    [
        ({"step": "end"}, "end", ""),
        ({"step": "end"}, "undo", "has started to end the old value of jwt. Finish it with -e secret_step=end"),
        ({"step": "end"}, "rotate", "has started to end the old value of jwt"),
        ({"step": "rotate"}, "end", "The rotation of jwt has not finished"),
        ({"step": "undo"}, "rotate", ""),
        ({"step": "rotate"}, "undo", ""),
        ({"step": "rotate", "new": True}, "undo", "jwt had no value before"),
        ({"step": "rotate", "ended": True}, "undo", "The old value of jwt has ended already"),
        ({"step": "rotate", "ended": True}, "rotate", ""),
    ],
)
def test_a_step_follows_on_a_run_that_did_not_finish(earlier: dict[str, Any], step: str, said: str) -> None:
    left = {"since": "now", "data": {"secret": "jwt", "target": "", "nonce": "first", **earlier}}
    plan = planned(JWT, seen(user=None, previous=True), step=step, left=left)
    assert (said in " ".join(plan["problems"])) if said else plan["problems"] == []
    kept = {name: earlier.get(name, False) for name in ("new", "ended")}
    assert plan["data"] == {"secret": "jwt", "target": "", "nonce": "first", "step": step, **kept}


def test_a_value_that_the_platform_never_returned_is_not_put_back() -> None:
    alone = {**JWT, "previous": None}
    assert planned(alone, seen(user=None, hidden=True))["one_way"]
    assert not planned(alone, seen(user=None))["one_way"]
    assert planned(alone, seen(user=None, set=False))["one_way"]
    left = {"data": {"secret": "jwt", "step": "rotate"}}
    (problem,) = planned(alone, seen(user=None, hidden=True), step="undo", left=left)["problems"]
    assert problem.startswith("The platform never returned the old value of jwt, so it cannot be put back")


def test_the_end_of_an_overlap_shows_which_unit_still_has_the_old_value() -> None:
    left = {"data": {"secret": "jwt", "step": "end"}}
    before = {True: "set, not shown", False: "not set"}
    for there, shown in before.items():
        assert planned(JWT, seen(user=None, previous=there), step="end", left=left)["before"]["api JWT_OLD"] == shown


@pytest.mark.parametrize(
    ("secret", "results", "step", "said"),
    [
        (DATABASE, [seen(user="b"), seen("worker")], "rotate", "has different users: a, b"),
        (DATABASE, [seen(user="postgres"), seen("worker")], "rotate", "api logs in as postgres, not as a or b"),
        (DATABASE, [seen(user=None), seen("worker")], "rotate", "api has no URL in DATABASE_URL"),
        (DATABASE, [seen(set=False), seen("worker", set=False)], "rotate", "the app does not use this kind of secret"),
        (DATABASE, [seen(), seen("worker", set=False)], "rotate", "DATABASE_URL is not set in worker"),
        (DATABASE, [seen(hidden=True)], "rotate", "its login cannot be replaced"),
        (DATABASE, [seen()], "end", "secret_step=end is for a secret with previous"),
        (DATABASE, [seen(others=["DIRECT_URL"])], "rotate", "api has the login of DATABASE_URL in DIRECT_URL, too"),
        (JWT, [seen(hidden=True)], "rotate", "JWT_OLD cannot get it"),
        (JWT, [seen(previous=True)], "rotate", "the last rotation has not ended"),
        (JWT, [seen()], "end", "no rotation of jwt is under way"),
        (JWT, [seen()], "undo", "no rotation of jwt is under way"),
        (JWT, [{"backend_unit": {"name": "api"}, "msg": "no token"}], "rotate", "api: no token"),
    ],
)
def test_a_state_that_cannot_be_rotated_is_refused(
    secret: dict[str, Any], results: list[Any], step: str, said: str
) -> None:
    found = planned(secret, *results, step=step)["problems"]
    assert any(said in problem for problem in found), found


def test_a_variable_that_the_app_does_not_read_is_refused() -> None:
    examples = {"api": {"JWT": ""}}
    assert "api does not read JWT_OLD" in planned(JWT, seen(user=None), examples=examples)["problems"][0]
    new = {**JWT, "previous": None, "variable": "NEW"}
    assert "api does not read NEW" in planned(new, seen(set=False), examples=examples)["problems"][0]
    plan = planned(new, seen(set=False), examples={"api": {"NEW": ""}})
    assert (plan["problems"], plan["new"]) == ([], True)


def test_a_value_is_the_same_for_the_same_nonce_only() -> None:
    first = secret_rotation.value("token", "nonce", "jwt")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", first)
    assert first == secret_rotation.value("token", "nonce", "jwt")
    others = [("token2", "nonce", "jwt"), ("token", "nonce2", "jwt"), ("token", "nonce", "db")]
    assert len({first, *(secret_rotation.value(*other) for other in others)}) == len(others) + 1
    assert len(secret_rotation.value("token", "nonce", "jwt", 86)) == 86


def test_what_was_done_is_said() -> None:
    secret = wanted(DATABASE, **{"secret_name": "db"})["secret"]
    plan = planned(DATABASE, seen(), seen("worker"))
    assert "They log in as b; the login of a has ended" in secret_rotation.message(secret, "rotate", plan)
    assert "its old value again in api, worker" in secret_rotation.message(secret, "undo", plan)
    overlap = wanted(JWT, **{"secret_name": "jwt"})["secret"]
    assert "-e secret_step=end" in secret_rotation.message(overlap, "rotate", {"new": False})
    assert "JWT_OLD is gone" in secret_rotation.message(overlap, "end", {})
    alone = {**overlap, "overlap": False}
    assert "is not valid any more" in secret_rotation.message(alone, "rotate", {"new": False})
    assert "was generated" in secret_rotation.message(alone, "rotate", {"new": True})
    lines = secret_rotation.listing([secret, overlap], {"api": {"DATABASE_URL": "0123456789", "JWT_OLD": "x"}})
    assert lines[0] == "db (postgres_role, a and b in turn): DATABASE_URL of api digest 01234567, worker not set"
    assert "api has the old value too" in lines[1]
    assert secret_rotation.lines({"before": {"A": "x"}, "after": {}}) == ["A: x -> a new value"]
    results = [{"rotation": {}}, {"msg": "no"}, {}, {"skipped": True}, {"can_login": True, "peer_can_login": False}]
    assert secret_rotation.problems(results, plan) == ["no"]
    undone = secret_rotation.problems(results[-1:], {**plan, "step": "undo"})
    assert undone[0].startswith("The login of a has ended already, so it cannot be put back")


URL = "postgresql://a:old%2F@db.internal:5432/shop?schema=public"
LOGIN = {"user": "b", "password": "new/"}


def turn(state: str, present: dict[str, str], **more: Any) -> Any:
    written, hidden = more.pop("written", None), more.pop("hidden", ())
    given = {"state": state, "variable": "U", "previous": "U_OLD", "value": None, "user": None, "password": None}
    return rotation({**given, **more}, present, written=written, hidden=hidden)


def test_a_url_gets_another_login_and_keeps_the_rest() -> None:
    found = turn("rotated", {"U": URL}, **LOGIN)
    assert found.values == {"U": "postgresql://b:new%2F@db.internal:5432/shop?schema=public", "U_OLD": URL}
    assert list(found.values) == ["U_OLD", "U"]  # Render sets one after another, and the old value must not get lost
    assert found.report == {
        **{"variable": "U", "set": True, "hidden": False, "user": "a", "previous": False},
        "others": [],
    }
    again = turn("rotated", dict(found.values), **LOGIN)
    assert (again.values, again.report["user"], again.report["previous"]) == ({}, "b", True)
    back = turn("restored", dict(found.values))
    assert (back.values, back.absent) == ({"U": URL}, ["U_OLD"])
    assert turn("restored", {"U": URL}).values == {}
    assert turn("read", {"U": URL}).values == {}
    assert rotation(None, {"U": URL}).report == {}


@pytest.mark.parametrize(
    ("other", "written", "same"),
    [
        (URL.replace("db.internal", "pooler"), {}, True),
        (URL.replace("postgresql", "postgres"), {}, True),
        (URL.replace("old%2F", "another"), {}, False),
        (URL.replace("//a", "//c"), {}, False),
        (URL.replace("postgresql", "redis"), {}, False),
        ("no url", {}, False),
        (URL, {"DIRECT_URL": "${{DATABASE_URL}}"}, False),
    ],
)
def test_another_variable_with_the_same_login_is_reported(other: str, written: dict[str, str], same: bool) -> None:
    report = turn("read", {"U": URL, "U_OLD": URL, "DIRECT_URL": other}, written=written).report
    assert report["others"] == (["DIRECT_URL"] if same else [])


def test_a_reference_is_kept_as_it_is_written() -> None:
    found = turn("rotated", {"U": URL}, written={"U": "${{Postgres.DATABASE_URL}}"}, **LOGIN)
    assert found.values["U_OLD"] == "${{Postgres.DATABASE_URL}}"
    assert "@db.internal:5432/shop" in found.values["U"]


def test_a_random_value_replaces_any_value() -> None:
    assert turn("rotated", {"U": "old"}, value="new").values == {"U": "new", "U_OLD": "old"}
    assert turn("rotated", {}, value="new").values == {"U": "new"}
    hidden = turn("rotated", {}, value="new", hidden={"U"})
    assert (hidden.values, hidden.report["hidden"], hidden.report["set"]) == ({"U": "new"}, True, True)


@pytest.mark.parametrize(
    ("present", "hidden", "said"),
    [
        ({"U": "no url"}, (), "no URL"),
        ({}, (), "not set"),
        ({}, ("U",), "never returns"),
        ({"U": "redis://["}, (), "no URL"),
    ],
)
def test_a_login_needs_a_url(present: dict[str, str], hidden: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        turn("rotated", present, hidden=hidden, **LOGIN)


def test_a_login_ends_once_nobody_uses_it_and_somebody_the_other() -> None:
    assert ended("a", "b", {"a": 2, "b": 1}) == (Outcome.PENDING, "used by 2 sessions")
    assert ended("a", "b", {})[0] is Outcome.PENDING
    assert ended("a", "b", {"a": 0, "b": 1})[0] is Outcome.READY
    assert ended("a", "b", {}, in_use=False)[0] is Outcome.READY
    assert ended("a", "b", {"a": 2}, in_use=False)[0] is Outcome.PENDING
    refuse_short("x" * 32)
    with pytest.raises(ConfigError, match="less than 32"):
        refuse_short("x" * 31)
