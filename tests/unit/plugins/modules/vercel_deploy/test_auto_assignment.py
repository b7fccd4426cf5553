# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vercel_deploy and the automatic assignment of the public domains."""

from __future__ import annotations

import pytest

from tests.unit.plugins.vercel_deploys import (
    deploy,
    stage,
    written,
)


def test_staging_in_a_project_whose_pushes_are_served_is_refused_and_the_setting_is_named(account, shop):
    account.is_linked()
    for check in (True, False):
        result = stage(shop, check=check)
        assert result["error"]["code"] == "push_serves_production"
        assert "A push to main of acme/shop reaches production without any check" in result["msg"]
        assert "'Auto-assign Custom Production Domains'" in result["msg"]
    assert written(account) == []


def test_staging_turns_the_serving_of_pushes_off_when_requested_and_reports_it(account, shop):
    account.is_linked()
    result = stage(shop, auto_assign_domains=False)
    assert not result["failed"], result
    assert written(account)[0] == "PATCH /v9/projects"
    assert result["auto_assign_domains"] == {"before": True, "after": False}
    assert stage(shop)["auto_assign_domains"] == {"before": False, "after": False}


def test_a_staged_build_cannot_be_served_at_once(account, shop):
    assert "serve a staged build as soon as it is built" in stage(shop, auto_assign_domains=True)["msg"]
    assert written(account) == []


def test_a_promotion_turns_auto_assignment_off_before_it_waits(account):
    account.has("v1.1.0")
    account.project["autoAssignCustomDomains"] = False
    deploy("promoted", deployment="dpl_1", wait=False)
    assert written(account) == ["POST /v10/projects/promote", "PATCH /v9/projects"]
    assert account.project["autoAssignCustomDomains"] is False


@pytest.mark.parametrize("wait", [True, False])
def test_a_rollback_can_turn_auto_assignment_on_again(account, wait):
    account.serves(account.has("v1.0.0"))
    account.serves(account.has("v1.1.0"))
    wanted = {"deployment": "dpl_1", "auto_assign_domains": True, "wait": wait}
    assert deploy("rolled_back", **wanted, check=True)["auto_assign_domains"] == {"before": True, "after": True}
    result = deploy("rolled_back", **wanted)
    assert account.project["autoAssignCustomDomains"] is True
    assert result["warnings"] == []
    assert written(account) == ["POST /v1/projects/rollback", "PATCH /v9/projects"]


def test_auto_assignment_is_set_after_a_finished_rollback(account):
    account.serves(account.has("v1.0.0"))
    account.project["autoAssignCustomDomains"] = False
    result = deploy("rolled_back", deployment="dpl_1", auto_assign_domains=True)
    assert (result["changed"], result["auto_assign_domains"]) == (True, {"before": False, "after": True})
    assert written(account) == ["PATCH /v9/projects"]
    assert not deploy("rolled_back", deployment="dpl_1", auto_assign_domains=True)["changed"]
