# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module railway_info, against a service kept in memory."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import railway_info

from tests.unit.plugins.fake_railway import PROJECT, FakeRailway
from tests.unit.support import run_module


@pytest.fixture
def railway() -> Any:
    railway = FakeRailway()
    with railway.vendor.installed():
        yield railway


def look(**params: Any) -> dict[str, Any]:
    common = {"api_token": "sesame-token", "api_url": "https://api.test", "project": PROJECT, "environment": "production", "service": "api"}
    return run_module(railway_info, {**common, **params})


def test_it_tells_what_serves_what_comes_and_what_it_can_go_back_to(railway):
    for release in ("v1.0.0", "v1.1.0"):
        railway.has(release)
    railway.has("v1.2.0", "BUILDING")
    railway.steps = ["QUEUED", "BUILDING"]
    result = look()
    assert not result["failed"], result
    assert not result["changed"]
    assert (result["live"]["id"], result["live"]["release"]) == ("deployment-2", "v1.1.0")
    assert [one["release"] for one in result["candidates"]] == ["v1.0.0"]
    assert [one["release"] for one in result["in_progress"]] == ["v1.2.0"]
    assert railway.writes() == []


def test_before_the_first_deployment_nothing_is_live(railway):
    result = look()
    assert (result["live"], result["candidates"], result["in_progress"]) == (None, [], [])


def test_digests_of_variables_need_a_key_and_tell_no_value(railway):
    assert "variable_digests" not in look()
    result = look(digest_key="pepper-pepper")
    expected = hmac.new(b"pepper-pepper", b"postgresql://shop:hunter2@db/shop", hashlib.sha256).hexdigest()
    assert result["variable_digests"] == {"DATABASE_URL": expected}
    assert "hunter2" not in str(result)
    assert "pepper" not in str(result)


def test_another_key_gives_other_digests(railway):
    assert look(digest_key="pepper-pepper")["variable_digests"] != look(digest_key="salt-salt")["variable_digests"]
