# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy_lease in process, on a folder: taken, renewed, given back, refused."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import deploy_lease

from tests.unit.support import run_module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def lease(folder: Path):
    def call(state: str = "held", *, check: bool = False, **params: Any) -> dict[str, Any]:
        return run_module(
            deploy_lease, {"store": folder.as_uri(), "store_is_shared": True, "state": state, **params}, check=check
        )

    return call


def document(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "lease.json").read_text())


def run_out(folder: Path) -> None:
    """Put the deadline into the past, as time would."""
    known = document(folder)
    (folder / "lease.json").write_text(json.dumps({**known, "deadline": "2026-01-31T12:00:00.000Z"}))


def test_the_lease_is_taken_renewed_and_released(lease, folder):
    taken = lease(release="v1.1.0", holder="anna@host")
    assert (taken["changed"], taken["taken_over"], taken["journal"]) == (True, None, {})
    assert {name: taken["lease"][name] for name in ("state", "holder", "release", "fence", "ttl")} == {
        "state": "held",
        "holder": "anna@host",
        "release": "v1.1.0",
        "fence": 1,
        "ttl": 300.0,
    }
    assert taken["token"] == document(folder)["token"]

    renewed = lease(token=taken["token"])
    assert renewed["changed"] is False
    assert datetime.fromisoformat(renewed["lease"]["deadline"]) >= datetime.fromisoformat(taken["lease"]["deadline"])

    given = lease("released", token=taken["token"])
    assert (given["changed"], given["lease"]["state"], document(folder)["state"]) == (True, "released", "released")


def test_check_mode_reports_that_the_lease_is_free_and_writes_nothing(lease, folder):
    predicted = lease(release="v1.1.0", check=True)
    assert (predicted["changed"], predicted["token"], predicted["lease"]["release"]) == (True, None, "v1.1.0")
    assert predicted["diff"]["after"]["state"] == "held"
    assert not folder.exists()


def test_check_mode_reports_who_holds_the_lease(lease, folder):
    lease(holder="anna@host", release="v1.1.0")
    before = document(folder)
    refused = lease(check=True)
    assert refused["failed"]
    assert "held by anna@host for the release v1.1.0" in refused["msg"]
    assert refused["error"]["kind"] == "lease_held"
    assert document(folder) == before


def test_a_lease_that_is_held_is_refused_until_a_reason_is_given(lease, folder):
    anna = lease(holder="anna@host", release="v1.1.0")
    assert lease(holder="ben@host")["error"]["holder"] == "anna@host"
    ben = lease(holder="ben@host", break_lease="the site is down")
    assert ben["taken_over"]["holder"] == "anna@host"
    assert ben["lease"]["reason"] == "the site is down"
    lost = lease(token=anna["token"])
    assert lost["error"]["kind"] == "lease_lost"
    assert "taken by ben@host" in lost["msg"]


def test_an_expired_lease_is_taken_over_with_its_journal(lease, folder):
    anna = lease(holder="anna@host", release="v1.1.0")
    lease(token=anna["token"], journal={"step": "backend.release", "snapshot": {"api": {"id": "1"}}})
    run_out(folder)
    ben = lease(release="v1.1.0")
    assert ben["taken_over"]["release"] == "v1.1.0"
    assert ben["journal"] == {"step": "backend.release", "snapshot": {"api": {"id": "1"}}}
    assert lease(token=anna["token"])["error"]["kind"] == "lease_lost"


def test_the_journal_is_merged_and_an_equal_entry_changes_nothing(lease, folder):
    token = lease()["token"]
    assert lease(token=token, journal={"step": "one", "snapshot": {}})["changed"] is True
    again = lease(token=token, journal={"step": "one"})
    assert (again["changed"], again["journal"]) == (False, {"step": "one", "snapshot": {}})


def test_check_mode_with_a_token_renews_nothing(lease, folder):
    token = lease()["token"]
    before = document(folder)
    predicted = lease(token=token, journal={"step": "one"}, check=True)
    assert (predicted["changed"], predicted["journal"]) == (True, {"step": "one"})
    assert document(folder) == before


def test_an_unfinished_deploy_leaves_its_journal_to_the_next(lease):
    token = lease(release="v1.1.0")["token"]
    lease(token=token, journal={"step": "frontend.promote"})
    assert lease("released", token=token, unfinished=True)["journal"] == {"step": "frontend.promote"}
    after = lease()
    assert (after["journal"], after["taken_over"]) == ({"step": "frontend.promote"}, None)
    lease("released", token=after["token"])
    assert lease()["journal"] == {}


def test_releasing_a_lease_that_is_released_or_held_by_another_run_changes_nothing_and_is_reported(lease, folder):
    assert "does not exist" in lease("released", token="nobody")["msg"]
    token = lease()["token"]
    other = lease("released", token="somebody else")
    assert (other["failed"], other["changed"]) == (False, False)
    assert "held by another run" in other["msg"]
    assert document(folder)["state"] == "held"
    lease("released", token=token)
    twice = lease("released", token=token)
    assert (twice["failed"], twice["changed"]) == (False, False)
    assert "was already released" in twice["msg"]


def test_check_mode_does_not_release_the_lease(lease, folder):
    token = lease()["token"]
    assert lease("released", token=token, check=True)["changed"] is True
    assert document(folder)["state"] == "held"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"ttl": 301}, "Set it to 1 to 300"),
        ({"ttl": 0}, "Set it to 1 to 300"),
        ({"break_lease": " "}, "break_lease is empty"),
        ({"journal": {"step": "one"}}, "missing parameter(s) required by 'journal': token"),
        ({"token": "t", "break_lease": "now"}, "mutually exclusive"),
        ({"state": "released"}, "token"),
        ({"store": "ftp://host"}, "Correct store"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(lease, folder, params, said):
    result = lease(**params)
    assert result["failed"]
    assert said in result["msg"]
    assert not folder.exists()


def test_the_holder_is_this_user_host_and_process_unless_named(lease):
    assert "@" in lease()["lease"]["holder"]
    assert "(process " in lease(break_lease="again")["lease"]["holder"]
