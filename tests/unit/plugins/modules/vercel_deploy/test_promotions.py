# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vercel_deploy promotes, rolls back, cancels and waits for a rolling release."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugins.fake_vercel import FakeVercel
from tests.unit.plugins.vercel_deploys import (
    deploy,
    written,
)
from tests.unit.support import reply


@pytest.mark.parametrize("state", ["promoted", "rolled_back", "canceled"])
def test_a_state_that_is_about_a_deployment_needs_one(account, state):
    assert "missing" in deploy(state)["msg"]
    result = deploy(state, deployment="dpl_9")
    assert "has no deployment dpl_9. Set deployment to one of its ids" in result["msg"]
    assert written(account) == []


def test_a_promotion_ends_when_production_serves_it_and_returns_the_previous_deployment(account):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    result = deploy("promoted", deployment="dpl_2")
    assert result["changed"]
    assert (result["deployment"]["release"], result["previous"]["release"]) == ("v1.1.0", "v1.0.0")
    assert account.project["targets"]["production"]["id"] == "dpl_2"
    assert result["diff"]["before"]["live"]["release"] == "v1.0.0"
    assert result["diff"]["after"]["live"]["release"] == "v1.1.0"


def test_a_second_promotion_changes_nothing(account):
    account.has("v1.1.0")
    deploy("promoted", deployment="dpl_1")
    account.vendor.requests.clear()
    result = deploy("promoted", deployment="dpl_1")
    assert not result["changed"]
    assert result["deployment"]["id"] == result["previous"]["id"] == "dpl_1"
    assert written(account) == []


def test_a_promotion_in_check_mode_writes_nothing(account):
    account.has("v1.1.0")
    result = deploy("promoted", deployment="dpl_1", check=True)
    assert result["changed"]
    assert written(account) == []


@pytest.mark.parametrize(("was", "is_now"), [(False, False), (True, True)])
def test_a_promotion_leaves_auto_assignment_as_it_was(account, was, is_now):
    account.has("v1.1.0")
    account.project["autoAssignCustomDomains"] = was
    deploy("promoted", deployment="dpl_1")
    assert account.project["autoAssignCustomDomains"] is is_now


def test_a_promotion_in_progress_is_waited_for_and_not_requested_again(account):
    account.has("v1.1.0")
    assert deploy("promoted", deployment="dpl_1", wait=False)["changed"]
    result = deploy("promoted", deployment="dpl_1")
    assert not result["changed"]
    assert account.project["targets"]["production"]["id"] == "dpl_1"
    assert len(account.asked("POST /v10/projects/promote")) == 1


def test_a_promotion_waits_for_a_build_in_progress(account):
    account.has("v1.1.0", state="QUEUED")
    assert not deploy("promoted", deployment="dpl_1")["failed"]
    assert account.project["targets"]["production"]["id"] == "dpl_1"


def test_a_failed_promotion_is_requested_again_by_the_next_run(account):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    account.jobs = ["pending", "failed"]
    failed = deploy("promoted", deployment="dpl_2")
    assert "Serving dpl_2 failed for the production domains." in failed["msg"]
    account.jobs = ["pending", "succeeded"]
    assert deploy("promoted", deployment="dpl_2")["changed"]
    assert account.project["targets"]["production"]["id"] == "dpl_2"


def test_production_that_lost_a_domain_to_a_failed_promotion_gets_it_back(account):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    account.project["lastAliasRequest"] = {
        "toDeploymentId": "dpl_2",
        "jobStatus": "failed",
        "requestedAt": 1,
        "type": "promote",
    }
    account.project["autoAssignCustomDomains"] = False
    account.held = []
    account.faults["POST /v1/projects/rollback"] = [lambda answer: _accepted(account, "dpl_1")]
    result = deploy("rolled_back", deployment="dpl_1")
    assert not result["failed"], result
    assert result["changed"]
    assert (result["diff"]["before"]["serving"], result["diff"]["after"]["serving"]) == (
        "not served yet on shop.example",
        "served",
    )
    assert account.project["lastAliasRequest"]["jobStatus"] == "succeeded"


def _accepted(account: FakeVercel, deployment_id: str) -> Any:
    account.project["lastAliasRequest"] = {
        "toDeploymentId": deployment_id,
        "jobStatus": "pending",
        "requestedAt": 2,
        "type": "rollback",
    }
    return reply(201)


def test_a_rollback_serves_the_older_one_and_warns_that_auto_assignment_is_off(account):
    account.serves(account.has("v1.0.0"))
    account.serves(account.has("v1.1.0"))
    result = deploy("rolled_back", deployment="dpl_1")
    assert result["changed"]
    assert account.project["targets"]["production"]["id"] == "dpl_1"
    assert (result["previous"]["release"], result["deployment"]["release"]) == ("v1.1.0", "v1.0.0")
    assert result["diff"]["after"]["auto_assign_domains"] is False
    assert [warning for warning in result["warnings"] if "auto-assignment off" in warning]
    assert written(account) == ["POST /v1/projects/rollback"]


def test_a_second_rollback_changes_nothing(account):
    account.serves(account.has("v1.0.0"))
    account.serves(account.has("v1.1.0"))
    deploy("rolled_back", deployment="dpl_1")
    account.vendor.requests.clear()
    assert not deploy("rolled_back", deployment="dpl_1")["changed"]
    assert written(account) == []


def test_a_rollback_to_a_deployment_that_was_never_live_is_refused_before_anything_changes(account):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    result = deploy("rolled_back", deployment="dpl_2")
    assert "it never served production" in result["msg"]
    assert result["error"]["code"] == "no_rollback_candidate"
    assert written(account) == []


def test_a_build_is_canceled_once(account):
    account.steps = ["BUILDING"]
    account.has("v1.1.0", state="BUILDING")
    assert deploy("canceled", deployment="dpl_1", check=True)["deployment"]["status"] == "canceled"
    assert written(account) == []
    result = deploy("canceled", deployment="dpl_1")
    assert (result["changed"], result["deployment"]["status"]) == (True, "canceled")
    assert not deploy("canceled", deployment="dpl_1")["changed"]
    assert len(account.asked("PATCH /v12/deployments/cancel")) == 1


def test_a_finished_build_is_not_canceled(account):
    account.has("v1.1.0")
    result = deploy("canceled", deployment="dpl_1")
    assert (result["changed"], result["deployment"]["status"]) == (False, "ready")


def rolls(percentage: int, **more: Any) -> dict[str, Any]:
    stage = {"targetPercentage": percentage, "requireApproval": False}
    return {
        "state": "ACTIVE",
        "canaryDeployment": {"id": "dpl_2"},
        "activeStage": stage,
        "startedAt": 9_000_000,
        **more,
    }


def test_a_rolling_release_is_waited_for_until_all_visitors_get_it_and_not_requested_again(account):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    account.project["rollingRelease"] = {"target": "production"}
    account.rolling = [rolls(5), rolls(5), rolls(50), rolls(100, state="COMPLETE")]
    served = account.faults["GET /v9/projects"] = [lambda answer: answer()] * 3
    served.append(lambda answer: (account.serves(account.deployments[1]), answer())[1])
    result = deploy("promoted", deployment="dpl_2")
    assert not result["failed"], result
    assert (result["changed"], result["diff"]["before"]["serving"]) == (False, "in a rolling release: at 5 %")
    assert written(account) == []


def test_a_rolling_release_without_approval_times_out_and_reports_the_missing_approval(account):
    account.has("v1.0.0")
    account.has("v1.1.0")
    account.project["rollingRelease"] = {"target": "production"}
    account.rolling = [rolls(5, activeStage={"targetPercentage": 5, "requireApproval": True})] * 99
    result = deploy("promoted", deployment="dpl_2", wait_timeout=20)
    assert "still in a rolling release: at 5 %, until the next stage is approved at Vercel after 20 s" in result["msg"]


def test_a_rolling_release_that_was_aborted_fails_and_an_earlier_one_of_the_same_does_not(account):
    account.has("v1.0.0")
    account.has("v1.1.0")
    account.project["rollingRelease"] = {"target": "production"}
    earlier = rolls(5, state="ABORTED", startedAt=1)
    account.rolling = [earlier, earlier, rolls(50), rolls(50, state="ABORTED")]
    result = deploy("promoted", deployment="dpl_2")
    assert account.rolling == []
    assert 'failed with the status "in a rolling release: aborted"' in result["msg"]
    assert written(account) == ["POST /v10/projects/promote"]
