# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rollback.yml puts the last verified release back."""

from __future__ import annotations

import pytest

OLD, NEW = "v1.0.0", "v1.1.0"


@pytest.fixture
def shop(released_shop):
    return released_shop


def test_the_last_verified_release_comes_back_without_one_wrong_answer(shop):
    shop.narrow = True
    rows = shop.rows()
    with shop.customers().watching() as customers:
        played = shop.play("rollback.yml")
    assert played.rc == 0, played.stdout
    assert {what for _unused, what in customers.seen} <= {OLD, NEW}
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    assert shop.rows() == rows
    last = shop.ledger()[-1]
    assert (last["kind"], last["release"], last["withdrawn"]) == ("rollback", OLD, NEW)
    assert shop.lease()["state"] == "released"

    records = len(shop.ledger())
    shop.forget_requests()
    played = shop.play("rollback.yml")  # a second one changes nothing, and says how to go further
    assert played.rc == 0, played.stdout
    assert {request["operation"] for request in shop.writes()} <= {"purge"}
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    assert len(shop.ledger()) == records
    assert "-e to=" in played.stdout


def test_an_unknown_release_is_refused_before_anything_changes(shop):
    played = shop.play("rollback.yml", to="v9.9.9")
    assert played.rc == 2
    assert "v9.9.9" in played.message
    assert shop.writes() == []
    assert shop.live() == {"frontend": NEW, "backend": NEW}


def test_one_surface_goes_back_alone_to_a_release_that_is_named(shop):
    played = shop.play("rollback.yml", surfaces=["frontend"], to=OLD)
    assert played.rc == 0, played.stdout
    assert shop.live() == {"frontend": OLD, "backend": NEW}


def test_a_check_changes_nothing(shop):
    played = shop.play("rollback.yml", cmdline="--check --diff")
    assert played.rc == 0, played.stdout
    assert shop.writes() == []
    assert shop.live() == {"frontend": NEW, "backend": NEW}


def test_an_alert_rolls_back_once_and_only_under_the_policy(shop):
    alert, policy = "Sentry: errors of the API", {"younger": "1000 h"}
    refused = shop.play("rollback.yml", alert=alert)
    assert refused.rc == 2
    assert "Nothing was changed" in refused.text
    assert "An alert rolls nothing back, as rollback_on_alert is not set" in refused.text
    assert shop.writes() == []
    played = shop.play("rollback.yml", alert=alert, rollback_on_alert=policy)
    assert played.rc == 0, played.stdout
    assert shop.live() == {"frontend": OLD, "backend": OLD}
    shop.forget_requests()
    again = shop.play("rollback.yml", alert=alert, rollback_on_alert=policy)
    assert again.rc == 2
    assert "An alert rolls back once, and the last run in the ledger is not a good deploy" in again.text
    assert shop.writes() == []
