# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module railway_variables, against a service kept in memory."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import wait
from ansible_collections.storefront.runbook.plugins.modules import railway_info, railway_variables

from tests.unit.plugins.fake_railway import PROJECT, FakeRailway, lost, never_arrived, refusal
from tests.unit.support import Clock, run_module

COMMON = {
    "api_token": "sesame-token",
    "api_url": "https://api.test",
    "project": PROJECT,
    "environment": "production",
    "service": "api",
}
NEW_URL = "postgresql://shop:s3cr3t@new/shop"


@pytest.fixture
def railway(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Any:
    """A service that runs with a database's address and a colour."""
    init: Any = wait.Waiter.__init__
    monkeypatch.setattr(
        wait.Waiter, "__init__", lambda self, **options: init(self, **{"sleep": clock.sleep, "clock": clock, **options})
    )
    railway = FakeRailway()
    railway.values["COLOUR"] = "turquoise"
    railway.has("v1.0.0")
    with railway.vendor.installed():
        yield railway


def change(check: bool = False, **params: Any) -> dict[str, Any]:
    return run_module(railway_variables, {**COMMON, **params}, check=check)


def test_variables_are_set_and_removed_without_a_deployment(railway):
    wanted: dict[str, Any] = {
        "variables": {"DATABASE_URL": NEW_URL, "FLAVOUR": "vanilla"},
        "absent": ["COLOUR", "SHAPE"],
    }
    foretold = change(check=True, **wanted)
    assert (foretold["changed"], foretold["added"], foretold["updated"], foretold["removed"]) == (
        True,
        ["FLAVOUR"],
        ["DATABASE_URL"],
        ["COLOUR"],
    )
    assert railway.writes() == []
    result = change(**wanted)
    assert not result["failed"], result
    assert {key: result[key] for key in ("added", "updated", "removed", "variables")} == {
        key: foretold[key] for key in ("added", "updated", "removed", "variables")
    }
    assert railway.values == {"DATABASE_URL": NEW_URL, "FLAVOUR": "vanilla", "RAILWAY_SERVICE_NAME": "api"}
    assert railway.writes() == ["variableCollectionUpsert", "environmentStageChanges", "environmentPatchCommitStaged"]
    assert result["deployment"] is None
    assert not change(**wanted)["changed"]


def test_the_diff_has_names_and_digests_and_no_value(railway):
    before = {variable["name"]: variable["digest"] for variable in run_module(railway_info, COMMON)["variables"]}
    result = change(variables={"DATABASE_URL": NEW_URL}, absent=["COLOUR"])
    after = {variable["name"]: variable["digest"] for variable in run_module(railway_info, COMMON)["variables"]}
    assert result["diff"] == {"before": before, "after": after}
    assert result["variables"] == [{"name": "DATABASE_URL", "digest": after["DATABASE_URL"]}]
    assert not {"hunter2", "s3cr3t", "turquoise"} & set(str(result).replace("'", " ").split())
    assert "hunter2" not in str(result)


def test_the_live_image_is_deployed_once_with_all_changes(railway):
    wanted: dict[str, Any] = {
        "variables": {"DATABASE_URL": NEW_URL, "FLAVOUR": "vanilla"},
        "absent": ["COLOUR"],
        "deploy": True,
    }
    foretold = change(check=True, **wanted)
    assert (foretold["deployment"]["id"], foretold["deployment"]["release"]) == (None, "v1.0.0")
    result = change(**wanted)
    assert (result["deployment"]["id"], result["deployment"]["status"]) == ("deployment-2", "success")
    assert railway.snapshots["deployment-2"] == railway.values
    assert railway.writes().count("deploymentRedeploy") == 1
    again = change(**wanted)
    assert (again["changed"], again["deployment"]) == (False, None)


@pytest.mark.parametrize("changed", [{"DATABASE_URL": NEW_URL}, {"NEW_FLAG": "on"}])
def test_a_run_that_was_killed_before_its_deployment_is_continued(railway, changed):
    wanted: dict[str, Any] = {"variables": changed}
    change(**wanted)
    assert change(check=True, deploy=True, **wanted)["changed"]
    result = change(deploy=True, **wanted)
    assert (result["changed"], result["updated"], result["deployment"]["id"]) == (True, [], "deployment-2")
    assert not change(deploy=True, **wanted)["changed"]


def test_a_deployment_in_progress_with_the_new_values_is_awaited(railway):
    wanted: dict[str, Any] = {"variables": {"DATABASE_URL": NEW_URL}, "deploy": True}
    issued = change(wait=False, **wanted)
    assert issued["deployment"]["status"] in ("queued", "building")
    awaited = change(**wanted)
    assert (awaited["changed"], awaited["deployment"]["id"], awaited["deployment"]["status"]) == (
        False,
        issued["deployment"]["id"],
        "success",
    )
    assert awaited["diff"]["before"]["deployment"]["id"] == awaited["diff"]["after"]["deployment"]["id"]
    assert railway.writes().count("deploymentRedeploy") == 1


def test_nothing_is_deployed_when_nothing_is_live(railway):
    railway.listed.clear()
    result = change(variables={"COLOUR": "blue"}, deploy=True)
    assert (result["changed"], result["deployment"]) == (True, None)


@pytest.mark.parametrize("fault", [lost, never_arrived])
@pytest.mark.parametrize(
    "operation", ["variableCollectionUpsert", "environmentStageChanges", "environmentPatchCommitStaged"]
)
def test_a_lost_response_loses_no_change(railway, operation, fault):
    railway.faults[operation] = [fault]
    result = change(variables={"FLAVOUR": "vanilla"}, absent=["COLOUR"])
    assert not result["failed"], result
    assert ("FLAVOUR" in railway.values, "COLOUR" in railway.values, railway.staged) == (True, False, {})
    if (operation, fault) == ("environmentPatchCommitStaged", lost):
        assert railway.writes().count(operation) == 1  # it was found done


def test_exclusive_keeps_only_the_listed_variables(railway):
    railway.sealed = ["SECRET_KEY"]
    assert change(check=True, variables={"COLOUR": "turquoise"}, exclusive=True)["removed"] == [
        "DATABASE_URL",
        "SECRET_KEY",
    ]
    change(variables={"COLOUR": "turquoise"}, exclusive=True)
    assert (railway.values, railway.sealed) == ({"COLOUR": "turquoise", "RAILWAY_SERVICE_NAME": "api"}, [])


def test_settings_of_railway_that_are_variables_can_be_set_and_are_compared(railway):
    wanted = {"RAILWAY_DOCKERFILE_PATH": "Dockerfile.api", "COLOUR": "turquoise"}
    assert change(variables=wanted)["added"] == ["RAILWAY_DOCKERFILE_PATH"]
    assert not change(variables=wanted)["changed"]
    assert change(check=True, variables={"COLOUR": "turquoise"}, exclusive=True)["removed"] == [
        "DATABASE_URL",
        "RAILWAY_DOCKERFILE_PATH",
    ]


def test_a_reference_is_compared_as_it_was_written(railway):
    railway.values["DATABASE_URL"] = "${{Postgres.DATABASE_URL}}"
    assert not change(variables={"DATABASE_URL": "${{Postgres.DATABASE_URL}}"})["changed"]


def test_a_sealed_variable_is_set_every_time(railway):
    railway.sealed = ["SECRET_KEY"]
    assert change(check=True, variables={"SECRET_KEY": "open-sesame"})["added"] == ["SECRET_KEY"]


def test_staged_changes_of_another_user_are_not_committed(railway):
    railway.staged = {"services": {"other": {}}}
    refused = change(absent=["COLOUR"])
    assert refused["error"]["code"] == "staged_changes"
    assert railway.writes() == []
    assert not change(absent=["SHAPE"])["failed"]  # nothing to remove, nothing to commit
    assert not change(variables={"COLOUR": "blue"})["failed"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"variables": {"PORT": 3000}}, "not text: PORT. Quote them"),
        ({"variables": {"RAILWAY_SERVICE_NAME": "x"}}, "RAILWAY_SERVICE_NAME: Railway sets these itself"),
        ({"absent": ["RAILWAY_SERVICE_NAME"]}, "RAILWAY_SERVICE_NAME: Railway sets these itself"),
        ({"variables": {"COLOUR": "red"}, "absent": ["COLOUR"]}, "COLOUR: both in variables and in absent"),
        ({"exclusive": True}, "would remove every variable"),
        ({"variables": {"COLOUR": "red"}, "service": "cart"}, "Set service to one of: api"),
    ],
)
def test_bad_input_is_refused_before_anything_changes(railway, params, said):
    result = change(**params)
    assert said in result["msg"]
    assert railway.writes() == []


def test_a_refusal_shows_no_value(railway):
    railway.faults["variableCollectionUpsert"] = [lambda _: refusal(f"Invalid value {NEW_URL}")]
    assert "s3cr3t" not in str(change(variables={"DATABASE_URL": NEW_URL}))


def test_a_removal_that_was_only_staged_is_continued(railway):
    railway.faults["environmentPatchCommitStaged"] = [lambda _: refusal("Internal error")]
    assert change(absent=["COLOUR"])["failed"]
    assert railway.staged
    assert change(absent=["COLOUR"])["removed"] == ["COLOUR"]
    assert "COLOUR" not in railway.values


def test_a_removal_that_was_staged_beside_a_change_of_another_user_is_not_committed(railway):
    railway.faults["environmentPatchCommitStaged"] = [lambda _: refusal("Internal error")]
    change(absent=["COLOUR"])
    railway.staged["services"]["other"] = {}
    assert change(absent=["COLOUR"])["error"]["code"] == "staged_changes"


def test_it_is_an_error_that_nothing_was_deployed_when_nothing_runs_any_more(railway):
    railway.faults["variableCollectionUpsert"] = [
        lambda honest: (railway.listed[-1].update(status="HIBERNATING"), honest())[1]
    ]
    failed = change(variables={"DATABASE_URL": NEW_URL}, deploy=True)
    assert (failed["error"]["code"], railway.values["DATABASE_URL"]) == ("nothing_live", NEW_URL)
    railway.listed[-1]["status"] = "SUCCESS"
    assert change(variables={"DATABASE_URL": NEW_URL}, deploy=True)["deployment"]["id"] == "deployment-2"
