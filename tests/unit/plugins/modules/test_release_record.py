# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""release_record in process, on a folder: written once, never changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.store.folder import FolderStore
from ansible_collections.storefront.runbook.plugins.modules import deploy_lease, release_record

from tests.unit.support import run_module

FACTS: dict[str, Any] = {
    "storefront": "shop",
    "outcome": "released",
    "release": "v1.1.0",
    "started_at": "2026-01-31T12:00:00Z",
    "units": {"frontend": {"platform": "vercel", "id": "dpl_1", "release": "v1.1.0", "commit": None}},
    "snapshot": {"frontend": {"platform": "vercel", "id": None, "status": "absent"}},
    "steps": [{"name": "frontend.stage", "outcome": "ok", "seconds": 12.5}],
    "migrations": ["20260101000000_init"],
}


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    return {"store": (tmp_path / "store").as_uri(), "store_is_shared": True}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store" / "ledger"


@pytest.fixture
def record(store):
    def call(*, check: bool = False, **params: Any) -> dict[str, Any]:
        return run_module(release_record, {**store, **FACTS, **params}, check=check)

    return call


def test_a_record_has_the_given_values_and_the_end_time(record, folder):
    result = record(finished_at="2026-01-31T13:04:10+01:00")
    assert result["changed"] is True
    assert result["record"]["started_at"] == "2026-01-31T12:00:00.000Z"
    (path,) = folder.iterdir()
    assert path.name == f"f00000000-0001-deploy-released-{result['record']['id']}.json"
    kept = json.loads(path.read_text())
    assert kept == result["record"]
    assert kept["units"] == FACTS["units"]
    assert kept["steps"] == FACTS["steps"]
    assert kept["kind"] == "deploy"


def test_the_digests_of_a_units_variables_are_kept_for_a_rollback(record):
    digests = [{"name": "DATABASE_URL", "digest": "9f86d081" * 8}]
    kept = record(
        units={
            "api": {
                "platform": "render",
                "id": "dep-1",
                "variables": [*digests, {"name": "JWT_SECRET", "digest": "hunter2"}],
                "secret": "hunter2",
            }
        }
    )["record"]["units"]
    assert kept == {"api": {"platform": "render", "id": "dep-1", "variables": digests}}


def test_check_mode_shows_the_record_and_writes_nothing(record, folder):
    result = record(check=True)
    assert result["changed"] is True
    assert result["diff"]["after"]["release"] == "v1.1.0"
    assert not folder.exists()


def test_a_second_run_with_the_same_values_changes_nothing(record, folder):
    first = record()
    again = record()
    assert (again["changed"], again["record"]) == (False, first["record"])
    assert len(list(folder.iterdir())) == 1


def test_another_outcome_of_the_same_deploy_is_another_record(record, folder):
    record()
    assert record(outcome="rolled_back")["changed"] is True
    assert len(list(folder.iterdir())) == 2


def test_a_record_is_never_changed(record, folder):
    record(id="deploy-1")
    refused = record(id="deploy-1", outcome="incomplete")
    assert refused["failed"]
    assert "already has a different record deploy-1, and records are never changed. Set another id" in refused["msg"]
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"started_at": "yesterday"}, "started_at is 'yesterday', which is not a valid time"),
        ({"finished_at": "12:00"}, "finished_at is '12:00'"),
        ({"id": "../lease"}, "id '../lease' cannot be the name of an object"),
        ({"kind": "rollback"}, "Set outcome to rolled_back"),
        ({"units": {"api": "dep_1"}}, "units must map"),
        ({"steps": [{"name": "one"}]}, "missing required arguments: outcome"),
        ({"outcome": "fine"}, "value of outcome must be one of"),
        ({"lease": "token", "store_is_shared": False}, "store_is_shared"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(record, folder, params, said):
    result = record(**params)
    assert result["failed"]
    assert said in result["msg"]
    assert not folder.exists()


def test_nothing_is_recorded_under_a_lease_that_was_lost(record, store, folder):
    token = run_module(deploy_lease, {**store, "state": "held"})["token"]
    assert record(lease=token)["changed"] is True
    run_module(deploy_lease, {**store, "state": "held", "break_lease": "the site is down"})
    refused = record(lease=token, release="v1.2.0")
    assert refused["error"]["kind"] == "lease_lost"
    assert len(list(folder.iterdir())) == 1


def test_a_run_that_was_suspended_between_the_check_and_the_write_removes_its_record(
    record, store, folder, monkeypatch
):
    """And it would not count if it stayed: it stands before those of the next holder."""
    token = run_module(deploy_lease, {**store, "state": "held"})["token"]
    kept: dict[str, Any] = {}

    def stand_still(opened, made):
        run_module(deploy_lease, {**store, "state": "held", "break_lease": "the site is down"})
        record(release="v1.0.0", outcome="rolled_back", kind="rollback", withdrawn="v1.1.0")
        key = write(opened, made)
        kept["order"] = sorted(path.name for path in folder.iterdir())
        return key

    write = release_record.write
    with monkeypatch.context() as patched:
        patched.setattr(
            release_record,
            "write",
            lambda opened, made: write(opened, made) if made["kind"] == "rollback" else stand_still(opened, made),
        )
        patched.setattr(FolderStore, "permit", lambda opened, seconds: seconds)  # the check came before
        refused = record(lease=token)
    assert refused["error"]["kind"] == "lease_lost"
    assert [name[:26] for name in kept["order"]] == ["f00000001-0001-deploy-rele", "f00000002-0001-rollback-ro"]
    assert [path.name[:14] for path in folder.iterdir()] == ["f00000002-0001"]


def test_records_keep_the_order_of_writing_when_clocks_are_wrong(record, folder):
    record(finished_at="2036-01-31T13:00:00Z")
    record(finished_at="2026-01-31T13:00:00Z", release="v1.2.0")
    assert [json.loads(path.read_text())["release"] for path in sorted(folder.iterdir())] == ["v1.1.0", "v1.2.0"]


RESTORE = {
    "swap": "rename",
    "serves": "shop",
    "kept": "shop@before-20260202T090000Z",
    "kept_until": None,
    "lost_rows": 3,
}


def test_a_restore_is_recorded_with_its_details_and_a_deploy_without(record, folder):
    made = record(kind="restore", outcome="restored", backup="shop-20260201", units={}, restore=RESTORE)["record"]
    assert (made["kind"], made["backup"], made["restore"]) == ("restore", "shop-20260201", RESTORE)
    assert "restore" not in record()["record"]
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "restore", "outcome": "restored"},
        {"kind": "deploy", "outcome": "restored"},
        {"kind": "deploy", "outcome": "released", "restore": RESTORE},
        {"kind": "restore", "outcome": "released", "restore": RESTORE},
    ],
)
def test_a_restore_with_another_kind_or_outcome_is_refused(record, folder, params):
    assert record(**params)["error"]["kind"] == "config"
    assert not folder.exists()
