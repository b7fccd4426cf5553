# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module vercel_env, against a project kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import LeaseLost
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.variables import digest
from ansible_collections.storefront.runbook.plugins.modules import vercel_env

from tests.unit.plugins.fake_vercel import FakeVercel
from tests.unit.support import answer_lost, reply, run_module

KEY = "a-key-for-digests"


@pytest.fixture
def account() -> Iterator[FakeVercel]:
    account = FakeVercel()
    account.project["customEnvironments"] = [{"id": "env_qa", "slug": "qa"}]
    with account.vendor.installed():
        yield account


def has(account: FakeVercel, key: str, value: str, *target: str, kind: str = "encrypted", **more: Any) -> None:
    account.variables.create(
        account.site, {"key": key, "value": value, "type": kind, "target": list(target), **more}, upsert=False
    )


def state(account: FakeVercel) -> dict[tuple[str, ...], str]:
    """The values by name and places."""
    return {
        (item["key"], *item["target"], *item.get("customEnvironmentIds", [])): item["value"]
        for item in account.site.variables
    }


def env(*, check: bool = False, **params: Any) -> dict[str, Any]:
    common = {
        "api_token": "sesame-token",
        "api_url": "https://api.test",
        "team": "team_1",
        "project": "shop",
        "digest_key": KEY,
    }
    return run_module(vercel_env, {**common, **params}, check=check)


def writes(account: FakeVercel) -> list[str]:
    return [FakeVercel.operation(request) for request in account.vendor.requests if request.method != "GET"]


def test_variables_are_added_updated_and_removed_and_a_second_run_changes_nothing(account):
    has(account, "OLD", "1", "production")
    has(account, "COLOUR", "blue", "production")
    has(account, "STAYS", "as it is", "production")
    wanted: dict[str, Any] = {
        "variables": {"COLOUR": "red-value", "NEW": "new-value"},
        "absent": ["OLD", "NEVER_THERE"],
    }
    foretold = env(check=True, **wanted)
    assert writes(account) == []
    result = env(**wanted)
    for outcome in (foretold, result):
        assert (outcome["changed"], outcome["added"], outcome["updated"], outcome["removed"]) == (
            True,
            ["NEW"],
            ["COLOUR"],
            ["OLD"],
        )
    assert state(account) == {
        ("STAYS", "production"): "as it is",
        ("COLOUR", "production"): "red-value",
        ("NEW", "production"): "new-value",
    }
    account.vendor.requests.clear()
    again = env(**wanted)
    assert (again["changed"], writes(account)) == (False, [])
    assert again["variable_digests"] == result["variable_digests"] == foretold["variable_digests"]


def test_no_value_is_shown_but_keyed_digests_are(account):
    has(account, "COLOUR", "blue-value", "production")
    result = env(variables={"COLOUR": "red-value"})
    assert result["diff"]["before"] == {
        "COLOUR": {"digest": digest(KEY, "COLOUR", "blue-value"), "environments": ["production"], "sensitive": False}
    }
    assert (
        result["diff"]["after"]["COLOUR"]["digest"]
        == result["variable_digests"]["COLOUR"]
        == digest(KEY, "COLOUR", "red-value")
    )
    shown = str({key: value for key, value in result.items() if key != "invocation"})
    assert not [secret for secret in ("red-value", "blue-value", KEY, "sesame-token") if secret in shown]
    assert "red-value" not in str(result.get("invocation"))


def test_the_other_environments_of_a_shared_variable_keep_their_value(account):
    has(account, "COLOUR", "blue", "production", "preview", customEnvironmentIds=["env_qa"])
    env(variables={"COLOUR": "red"}, environments=["production"])
    assert state(account) == {("COLOUR", "preview", "env_qa"): "blue", ("COLOUR", "production"): "red"}
    env(absent=["COLOUR"], environments=["preview"])
    assert state(account) == {("COLOUR", "env_qa"): "blue", ("COLOUR", "production"): "red"}


def test_a_correct_shared_variable_stays_shared(account):
    has(account, "COLOUR", "blue", "production", "preview")
    assert not env(variables={"COLOUR": "blue"})["changed"]


def test_several_environments_get_one_variable_even_where_they_had_different_ones(account):
    has(account, "COLOUR", "blue", "production")
    has(account, "COLOUR", "red", "preview")
    result = env(variables={"COLOUR": "red"}, environments=["production", "preview", "qa"])
    assert (result["changed"], result["updated"]) == (True, ["COLOUR"])
    assert state(account) == {("COLOUR", "production", "preview", "env_qa"): "red"}
    assert result["diff"]["after"]["COLOUR"]["environments"] == ["preview", "production", "qa"]


def test_exclusive_removes_unlisted_variables_of_the_environments_only(account):
    has(account, "A", "1", "production")
    has(account, "B", "2", "production", "preview")
    has(account, "C", "3", "preview")
    assert env(variables={"A": "1"}, exclusive=True)["removed"] == ["B"]
    assert state(account) == {("A", "production"): "1", ("B", "preview"): "2", ("C", "preview"): "3"}


def test_a_value_that_the_list_does_not_contain_is_read_separately(account):
    has(account, "COLOUR", "blue", "production")
    account.decrypts = False
    assert not env(variables={"COLOUR": "blue"})["changed"]
    assert len(account.asked("GET /v1/projects/env")) == 1


def test_a_sensitive_variable_is_compared_by_the_digest_in_its_comment(account):
    has(account, "KEY", "one-secret", "production")
    first = env(variables={"KEY": "one-secret"}, sensitive=True)
    assert (first["changed"], account.site.variables[0]["type"]) == (True, "sensitive")
    assert first["diff"]["before"]["KEY"]["sensitive"] is False
    assert not env(variables={"KEY": "one-secret"}, sensitive=True)["changed"]
    assert not env(variables={"KEY": "one-secret"})["changed"]
    assert env(variables={"KEY": "another-secret"})["changed"]
    assert account.site.variables[0]["type"] == "sensitive"
    assert "secret" not in account.site.variables[0]["comment"]
    assert not env(variables={"KEY": "another-secret"})["changed"]


def test_a_sensitive_variable_that_another_tool_set_is_set_once(account):
    has(account, "KEY", "one-secret", "production", kind="sensitive")
    first = env(variables={"KEY": "one-secret"})
    assert (first["changed"], first["diff"]["before"]["KEY"]["digest"]) == (True, None)
    assert not env(variables={"KEY": "one-secret"})["changed"]


def test_variables_of_branches_and_of_vercel_itself_are_not_changed(account):
    has(account, "COLOUR", "green", "preview", gitBranch="feature")
    account.site.variables[0]["gitBranch"] = "feature"
    has(account, "VERCEL_URL", "", "production", kind="system")
    result = env(environments=["production", "preview"], variables={"A": "1"}, exclusive=True)
    assert (result["added"], result["removed"]) == (["A"], [])


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ({"variables": {"PORT": 3000}}, "The value of PORT in variables is not a string. Put it in quotes."),
        ({"variables": {"A": "1"}, "absent": ["A"]}, "A is in variables and in absent"),
        ({"exclusive": True}, "would remove every variable"),
        (
            {"environments": ["staging"]},
            "has no environment staging. It has: production, preview, development, qa. Correct environments.",
        ),
        ({"environments": []}, "Add one, such as production"),
        ({"environments": ["development"], "sensitive": True}, "no sensitive variables for development"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(account, wrong, remedy):
    assert remedy in env(**wrong)["msg"]
    assert writes(account) == []


def test_nothing_more_is_written_once_the_lease_is_lost_and_the_next_run_does_the_rest(account, monkeypatch):
    class Held:
        writes = 0

        def heartbeat(self) -> None:
            """Held when the task begins."""

        def before_write(self, seconds: float) -> float:
            self.writes += 1
            if self.writes > 1:
                raise LeaseLost("The lease was taken over. Start again.")
            return seconds

    has(account, "OLD", "1", "production")
    wanted: dict[str, Any] = {"variables": {"NEW": "2"}, "absent": ["OLD"]}
    with monkeypatch.context() as patched:
        patched.setattr(vercel_env, "guard", lambda params: Held())
        assert env(**wanted)["error"]["kind"] == "lease_lost"
    assert state(account) == {("OLD", "production"): "1", ("NEW", "production"): "2"}
    env(**wanted)
    assert state(account) == {("NEW", "production"): "2"}


def test_the_old_value_of_a_secret_is_always_in_one_of_the_two_variables(account):
    has(account, "JWT", "old", "production")
    turn = {"variable": "JWT", "previous": "JWT_OLD"}
    env(rotate={**turn, "state": "rotated", "value": "new"})
    assert state(account) == {("JWT", "production"): "new", ("JWT_OLD", "production"): "old"}
    assert writes(account) == ["POST /v10/projects/env", "PATCH /v9/projects/env"]
    account.vendor.requests.clear()
    env(rotate={**turn, "state": "restored"})
    assert state(account) == {("JWT", "production"): "old"}
    assert writes(account) == ["PATCH /v9/projects/env", "DELETE /v9/projects/env"]


def test_a_removed_variable_is_restored_if_its_replacement_cannot_be_set(account):
    has(account, "COLOUR", "blue", "production", "preview")
    account.faults["POST /v10/projects/env"] = [
        lambda answer: reply(500, {"error": {"code": "internal", "message": "Sorry"}})
    ]
    failed = env(variables={"COLOUR": "red"})
    assert (failed["error"]["kind"], state(account)) == ("api", {("COLOUR", "production", "preview"): "blue"})
    assert env(variables={"COLOUR": "red"})["changed"]
    assert state(account) == {("COLOUR", "preview"): "blue", ("COLOUR", "production"): "red"}


def test_a_removal_whose_response_was_lost_succeeds(account):
    has(account, "OLD", "1", "production")
    account.faults["DELETE /v9/projects/env"] = [
        lambda answer: (answer(), answer_lost())[1],
        lambda answer: reply(404, {"error": {"code": "not_found"}}),
    ]
    assert env(absent=["OLD"])["removed"] == ["OLD"]
    assert state(account) == {}
