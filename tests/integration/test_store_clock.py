# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's clock against that of a real service: the Date of its answers is shifted, missing or nonsense."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import deploy_lease, release_info, release_record

from tests.integration.object_service import dated_by
from tests.unit.support import run_module


def shifted(seconds: float) -> Callable[[], str]:
    return lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.fixture
def behind(s3_options: dict[str, Any]):
    """Runs a module against the service behind one whose answers have another Date."""

    def call(module: Any, date: Callable[[], str | None], *, check: bool = False, **params: Any) -> dict[str, Any]:
        with dated_by(date)(s3_options["store_endpoint_url"]) as url:
            return run_module(module, {**s3_options, "store_endpoint_url": url, **params}, check=check)

    return call


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("apart", [-600, 600])
def test_a_clock_that_is_ten_minutes_off_takes_no_lease_and_both_times_are_said(behind, s3_options, apart, check):
    held = run_module(deploy_lease, {**s3_options, "state": "held"})
    refused = behind(deploy_lease, shifted(apart), state="held", break_lease="it seems to have run out", check=check)
    assert refused["error"]["code"] == "clock"
    assert "at most 60 s are allowed" in refused["msg"]
    assert refused["msg"].count("Z") == 2
    assert run_module(deploy_lease, {**s3_options, "state": "held", "token": held["token"]})["failed"] is False


def test_half_a_minute_is_no_trouble(behind):
    taken = behind(deploy_lease, shifted(30), state="held")
    assert (taken["failed"], taken["warnings"]) == (False, [])


def test_an_emergency_takes_the_lease_by_the_stores_clock_and_warns(behind):
    taken = behind(deploy_lease, shifted(600), state="held", tolerate_clock=True)
    assert "differ by 600 s" in taken["remarks"][0] or "differ by 599 s" in taken["remarks"][0]
    assert taken["warnings"] == taken["remarks"]
    assert abs(
        datetime.fromisoformat(taken["lease"]["acquired_at"]) - datetime.now(UTC) - timedelta(seconds=600)
    ) < timedelta(seconds=30)


@pytest.mark.parametrize("date", [lambda: None, lambda: "soon", lambda: ""])
def test_a_store_that_does_not_report_the_time_is_named_and_used(behind, date):
    taken = behind(deploy_lease, date, state="held")
    assert taken["failed"] is False
    assert "gives no time" in taken["remarks"][0]


def test_a_record_of_a_controller_that_was_ahead_is_named_and_stands_where_it_was_written(behind, s3_options):
    facts = {"storefront": "shop", "started_at": "2026-01-01T12:00:00Z", "units": {"frontend": {"id": "dpl_1"}}}
    ahead = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    run_module(
        release_record, {**s3_options, **facts, "outcome": "released", "release": "v1.0.0", "finished_at": ahead}
    )
    run_module(release_record, {**s3_options, **facts, "outcome": "released", "release": "v1.1.0"})
    info = run_module(release_info, s3_options)
    assert (info["live"]["release"], info["target"]["release"]) == ("v1.1.0", "v1.0.0")
    assert "the clock of its controller was ahead" in info["remarks"][0]
    assert info["warnings"] == info["remarks"]
