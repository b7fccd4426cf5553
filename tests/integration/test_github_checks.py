# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""github_checks at the sandbox, whose answers are held to GitHub's contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import github_checks

from sandbox.storefront import Sandbox
from tests.unit.support import run_module

NAME, SHA, HEAD, OLD = "test-github-checks", "a" * 40, "b" * 40, "c" * 40


class Hub:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.state = sandbox, sandbox.create_storefront(NAME)

    def runs(self, runs: Any) -> None:
        self.sandbox.cloud("PUT", f"/storefronts/{NAME}/check-runs", {"sha": SHA, "runs": runs})

    def pull(self, *reviews: dict[str, Any], **more: Any) -> None:
        self.sandbox.cloud(
            "PUT",
            f"/storefronts/{NAME}/pulls",
            {"pulls": [{"number": 7, "head": HEAD, "merge_commit": SHA, "reviews": list(reviews), **more}]},
        )

    def ask(self, **params: Any) -> dict[str, str]:
        place = {
            "api_token": self.sandbox.state["tokens"]["github"],
            "api_url": self.sandbox.state["cloud"]["github_url"],
        }
        result = run_module(
            github_checks, {**place, "repository": self.state["github"]["repository"], "commit": SHA, **params}
        )
        return {one["id"]: one["outcome"] for one in result["answers"]}


@pytest.fixture(scope="module")
def hub(sandbox: Sandbox) -> Iterator[Hub]:
    hub = Hub(sandbox)
    yield hub
    sandbox.cloud("DELETE", f"/storefronts/{NAME}")


def approved(by: str = "bob", commit: str = HEAD, state: str = "APPROVED") -> dict[str, Any]:
    return {"by": by, "state": state, "commit": commit}


def test_300_runs_over_pages_one_of_which_failed(hub: Hub) -> None:
    hub.pull(approved())
    hub.runs({f"job {number}": "success" for number in range(300)})
    assert hub.ask(tests=["job *"]) == {"C1": "passed", "C2": "passed", "C12": "passed"}
    hub.runs({f"job {number}": "failure" if number == 299 else "success" for number in range(300)})
    assert hub.ask(tests=["job 299"]) == {"C1": "failed", "C2": "passed", "C12": "failed"}


@pytest.mark.parametrize(
    ("runs", "outcome"),
    [
        ([["e2e", "failure"], ["e2e", "success"]], "passed"),
        ([["e2e", "success"], ["e2e", "failure"]], "failed"),
        ([["e2e", "success"], ["e2e", "queued"]], "failed"),
        ([], "failed"),
    ],
)
def test_of_runs_of_one_name_the_newest_counts(hub: Hub, runs: list[list[str]], outcome: str) -> None:
    hub.runs(runs)
    assert hub.ask()["C1"] == outcome


@pytest.mark.parametrize(
    ("reviews", "more", "outcome"),
    [
        ([approved()], {}, "passed"),
        ([approved("alice")], {}, "failed"),
        ([approved(commit=OLD)], {}, "failed"),
        ([approved(state="DISMISSED")], {}, "failed"),
        ([approved()], {"merged": False}, "failed"),
        ([], {}, "failed"),
    ],
)
def test_the_review_of_the_pull_request_that_brought_the_commit_in(
    hub: Hub, reviews: list[Any], more: dict[str, Any], outcome: str
) -> None:
    hub.runs({"unit": "success"})
    hub.pull(*reviews, **more)
    assert hub.ask()["C2"] == outcome
