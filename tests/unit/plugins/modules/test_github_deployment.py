# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""github_deployment in process, against a repository kept in memory."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import github_deployment

from tests.unit.support import Answer, FakeVendor, Request, reply, run_module

BASE = {"api_token": "gh-token", "repository": "acme/shop", "ref": "v1.0.0"}


class Repository:
    def __init__(self) -> None:
        self.vendor = FakeVendor(self.answer)
        self.deployments: list[dict[str, Any]] = []
        self.statuses: dict[int, list[dict[str, Any]]] = {}

    def answer(self, request: Request) -> Answer:
        parts = request.path.removeprefix("/repos/acme/shop/deployments").strip("/").split("/")
        if parts == [""] and request.method == "GET":
            wanted = {key: request.query[key] for key in ("ref", "task", "environment")}
            return reply(200, [one for one in self.deployments if wanted.items() <= one.items()])
        if parts == [""]:
            made = {
                "id": len(self.deployments) + 1,
                "url": "https://x",
                "sha": "a" * 40,
                "created_at": "2026-01-05T09:00:00Z",
                **request.json(),
            }
            self.deployments.insert(0, made)
            return reply(201, made)
        statuses = self.statuses.setdefault(int(parts[0]), [])
        if request.method == "POST":
            statuses.insert(0, request.json())
            return reply(201, request.json())
        return reply(200, statuses[:1])

    def written(self) -> list[str]:
        return [request.path.rpartition("/")[2] for request in self.vendor.requests if request.method == "POST"]


@pytest.fixture
def repository() -> Any:
    repository = Repository()
    with repository.vendor.installed():
        yield repository


def deploy(*, check: bool = False, **params: Any) -> dict[str, Any]:
    return run_module(github_deployment, {**BASE, **params}, check=check)


def test_check_mode_predicts_and_writes_nothing(repository: Repository) -> None:
    predicted = deploy(state="in_progress", check=True)
    assert repository.written() == []
    assert predicted["deployment"] == {
        **{
            "id": None,
            "url": None,
            "status": "in_progress",
            "release": "v1.0.0",
            "commit": None,
            "created_at": None,
            "environment": "production",
        },
    }
    done = deploy(state="in_progress")
    assert (done["changed"], done["diff"]) == (predicted["changed"], predicted["diff"]) == (True, done["diff"])
    assert done["diff"]["after"] == {
        "repository": "acme/shop",
        "ref": "v1.0.0",
        "environment": "production",
        "state": "in_progress",
    }


def test_a_second_run_changes_nothing_and_a_new_state_adds_a_status(repository: Repository) -> None:
    assert deploy(state="in_progress")["changed"]
    assert not deploy(state="in_progress")["changed"]
    assert deploy(state="success")["changed"]
    assert repository.written() == ["deployments", "statuses", "statuses"]
    assert repository.statuses[1][0] == {"state": "success", "auto_inactive": True}


def test_without_a_state_only_the_deployment_is_created(repository: Repository) -> None:
    assert deploy()["deployment"]["status"] is None
    assert repository.written() == ["deployments"]
    assert not deploy()["changed"]


def test_a_new_description_of_the_same_state_is_a_change_and_a_missing_one_is_not(repository: Repository) -> None:
    deploy(state="in_progress", status_description="backing up")
    assert not deploy(state="in_progress")["changed"]
    assert deploy(state="in_progress", status_description="migrating")["changed"]


def test_a_long_description_is_truncated_and_a_second_run_changes_nothing(repository: Repository) -> None:
    deploy(state="failure", status_description="x" * 500)
    kept = repository.statuses[1][0]["description"]
    assert (len(kept), kept[-1]) == (140, "…")
    assert not deploy(state="failure", status_description="x" * 500)["changed"]


@pytest.mark.parametrize(
    "other", [{"environment": "staging"}, {"ref": "v1.1.0"}, {"task": "rollback"}, {"payload": {"record": "2"}}]
)
def test_another_environment_or_payload_is_another_deployment(repository: Repository, other: dict[str, Any]) -> None:
    deploy(state="success")
    assert deploy(state="success", **other)["deployment"]["id"] == 2


def test_a_state_that_github_does_not_have_is_refused(repository: Repository) -> None:
    assert "value of state must be one of" in deploy(state="done")["msg"]
    assert repository.vendor.requests == []
