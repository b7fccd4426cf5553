# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module render_env, against a service kept in memory."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import wait
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render.variables import digest, digests
from ansible_collections.storefront.runbook.plugins.modules import render_env

from tests.unit.plugins.fake_railway import lost
from tests.unit.plugins.fake_render import SERVICE, SHAS, FakeRender
from tests.unit.support import Clock, reply, run_module


@pytest.fixture
def render(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Any:
    init: Any = wait.Waiter.__init__
    monkeypatch.setattr(
        wait.Waiter, "__init__", lambda self, **options: init(self, **{"sleep": clock.sleep, "clock": clock, **options})
    )
    render = FakeRender()
    with render.vendor.installed():
        yield render


def env(*, check: bool = False, **params: Any) -> dict[str, Any]:
    common = {
        "api_token": "sesame-token",
        "api_url": "https://api.test/v1",
        "service": SERVICE,
        "digest_key": "pepper-pepper",
    }
    return run_module(
        render_env, {key: value for key, value in {**common, **params}.items() if value is not None}, check=check
    )


def test_one_variable_is_set_and_the_others_stay(render):
    result = env(variables={"COLOUR": "green-secret"})
    assert not result["failed"], result
    assert (result["added"], result["updated"], result["removed"]) == (["COLOUR"], [], [])
    assert render.values == {
        "COLOUR": "green-secret",
        "DATABASE_URL": "postgresql://shop:hunter2@db/shop",
        "NODE_ENV": "production",
    }
    assert render.writes() == ["upsert_env"]


def test_the_second_run_changes_nothing(render):
    env(variables={"COLOUR": "green-secret"})
    assert not env(variables={"COLOUR": "green-secret"})["changed"]
    assert render.writes() == ["upsert_env"]


def test_no_value_is_shown_new_or_old(render):
    result = env(variables={"DATABASE_URL": "postgresql://shop:hunter3@db/shop"})
    assert (result["updated"], result["changed"]) == (["DATABASE_URL"], True)
    before, after = (
        digest("pepper-pepper", "DATABASE_URL", f"postgresql://shop:{word}@db/shop") for word in ("hunter2", "hunter3")
    )
    assert result["diff"] == {"before": {"DATABASE_URL": before}, "after": {"DATABASE_URL": after}}
    assert {"name": "DATABASE_URL", "digest": after} in result["variables"]
    for word in ("hunter2", "hunter3", "pepper"):
        assert word not in str(result)


def test_a_short_value_does_not_garble_the_digests(render):
    result = env(variables={"SHARDS": "1"})
    assert result["variables"] == digests(render.values, "pepper-pepper")


def test_the_token_is_the_default_key(render):
    assert env(digest_key=None)["variables"] == digests(render.values, "sesame-token")


def test_check_mode_predicts_the_change_and_writes_nothing(render):
    result = env(variables={"COLOUR": "green-secret"}, absent=["NODE_ENV", "NEVER_THERE"], check=True)
    assert (result["changed"], result["added"], result["removed"]) == (True, ["COLOUR"], ["NODE_ENV"])
    assert render.writes() == []


def test_a_variable_is_removed_once_even_if_the_response_was_lost(render):
    render.faults["delete_env"] = [lost]
    assert env(absent=["NODE_ENV"])["removed"] == ["NODE_ENV"]
    assert not env(absent=["NODE_ENV"])["changed"]
    assert "NODE_ENV" not in render.values


def test_an_exclusive_list_removes_the_others_one_by_one(render):
    result = env(variables={"NODE_ENV": "production"}, exclusive=True)
    assert result["removed"] == ["DATABASE_URL"]
    assert render.values == {"NODE_ENV": "production"}
    assert render.writes() == ["delete_env"]


def test_all_pages_are_compared(render):
    render.values |= {f"NAME_{number:03d}": f"value-{number}" for number in range(150)}
    assert not env(variables={"NAME_149": "value-149", "NODE_ENV": "production"})["changed"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            {"variables": {"MAINTENANCE_MODE": False, "PORT": 3000}},
            "The value of MAINTENANCE_MODE, PORT in variables is not a string. Put it in quotes",
        ),
        ({"variables": {"COLOUR": "green"}, "absent": ["COLOUR"]}, "COLOUR is in variables and in absent"),
        ({"exclusive": True}, "would remove every variable"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(render, params, said):
    assert said in env(**params)["msg"]
    assert render.vendor.requests == []


def test_the_live_commit_is_redeployed_when_requested(render):
    render.has("v1.0.0")
    foretold = env(variables={"COLOUR": "green-secret"}, deploy=True, check=True)
    assert (foretold["deployment"]["id"], foretold["deployment"]["commit"]) == (None, SHAS["v1.0.0"])
    result = env(variables={"COLOUR": "green-secret"}, deploy=True)
    assert (result["deployment"]["id"], result["deployment"]["status"]) == ("dep-2", "live")
    assert render.sent("create") == [{"commitId": SHAS["v1.0.0"]}]
    assert env(variables={"COLOUR": "green-secret"}, deploy=True)["deployment"] is None
    assert render.writes() == ["upsert_env", "create"]


def test_nothing_is_redeployed_when_nothing_is_live(render):
    assert env(variables={"COLOUR": "green-secret"}, deploy=True)["deployment"] is None
    assert render.writes() == ["upsert_env"]


def test_a_name_with_odd_characters_reaches_its_variable(render):
    env(variables={"A/B C": "green-secret"})
    assert render.values["A/B C"] == "green-secret"


@pytest.mark.parametrize("operation", ["create", "delete_env"])
def test_variables_that_were_set_but_not_deployed_are_reported_with_the_remedy(render, operation):
    render.has("v1.0.0")
    render.values["OLD"] = "1"
    render.faults[operation] = [lambda honest: reply(400, {"message": "Sorry"})]
    failed = env(variables={"COLOUR": "green-secret"}, absent=["OLD"], deploy=True)
    assert "storefront.runbook.render_service with state=redeployed" in failed["msg"]
    assert "green-secret" not in failed["msg"]
