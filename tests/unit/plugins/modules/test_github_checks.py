# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""github_checks in process, against a repository that is kept in memory and pages its lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import github_checks, preflight_checks

from tests.unit.support import Answer, FakeVendor, Request, reply, run_module

SHA, HEAD, OLD = "a" * 40, "b" * 40, "c" * 40


@dataclass
class Repository:
    runs: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    more: int = 0  # items that it counts and does not give
    sha: str = SHA
    broken: int = 0

    def answer(self, request: Request) -> Answer:
        if self.broken:
            return reply(self.broken, {"message": "no"})
        size, page = int(request.query["per_page"]), int(request.query["page"])
        items = {"check-runs": self.runs, "status": self.statuses, "pulls": self.pulls, "reviews": self.reviews}[
            request.path.rpartition("/")[2]
        ]
        shown = items[(page - 1) * size :][:size]
        if items is self.runs:
            return reply(200, {"total_count": len(items) + self.more, "check_runs": shown})
        if items is self.statuses:
            return reply(200, {"total_count": len(items), "statuses": shown, "sha": self.sha, "state": "pending"})
        return reply(200, shown)

    def run(self, name: str, word: str = "success", **more: Any) -> None:
        going = word in ("queued", "in_progress", "waiting", "requested", "pending")
        state = {"status": word, "conclusion": None} if going else {"status": "completed", "conclusion": word}
        number = len(self.runs) + 1
        began = f"2026-03-03T10:{number % 60:02}:00Z"
        made = {
            "id": number,
            "name": name,
            "head_sha": self.sha,
            "started_at": began,
            "html_url": f"https://github.example/runs/{number}",
            "app": {"slug": "ci"},
        }
        self.runs.append({**made, **state, **more})

    def pull(self, **more: Any) -> None:
        main = {"ref": "main", "repo": {"default_branch": "main"}}
        made = {
            "number": 7,
            "merged_at": "2026-03-03T09:00:00Z",
            "merge_commit_sha": SHA,
            "user": {"login": "alice"},
            "head": {"sha": HEAD},
            "base": main,
        }
        self.pulls.append({**made, **more})

    def review(self, by: str | None = "bob", state: str = "APPROVED", commit: str = HEAD, **more: Any) -> None:
        made = {
            "state": state,
            "commit_id": commit,
            "user": {"login": by, "type": "User"} if by else None,
            "author_association": "MEMBER",
        }
        self.reviews.append({**made, **more})


@pytest.fixture
def repository() -> Iterator[Repository]:
    """A repository in which everything is well."""
    repository = Repository()
    repository.run("build")
    repository.run("unit")
    repository.pull()
    repository.review()
    with FakeVendor(repository.answer).installed():
        yield repository


def ask(**params: Any) -> dict[str, Any]:
    return run_module(github_checks, {"api_token": "gh-token", "repository": "acme/shop", "commit": SHA, **params})


def said(result: dict[str, Any], identity: str) -> tuple[str, str]:
    return next((one["outcome"], one["answered"]) for one in result["answers"] if one["id"] == identity)


def test_a_commit_that_ci_passed_and_somebody_else_approved_is_go(repository: Repository) -> None:
    result = ask(tests=["unit"], required=["build"])
    assert (result["failed"], result["verdict"], result["summary"]) == (False, "go", "3 passed")
    assert said(result, "C2") == ("passed", "#7 was approved by bob")
    assert result["answers"][0]["facts"]["runs"][0] == {
        "name": "build",
        "state": "success",
        "url": "https://github.example/runs/1",
    }
    assert {one["commit"] for one in result["answers"]} == {SHA}


@pytest.mark.parametrize(
    ("word", "answered"),
    [
        ("failure", '"e2e" failed'),
        ("queued", '"e2e" is still queued'),
        ("in_progress", '"e2e" is still in progress'),
        ("waiting", '"e2e" is still waiting'),
        ("requested", '"e2e" is still requested'),
        ("pending", '"e2e" has not ended'),
        ("cancelled", '"e2e" was cancelled'),
        ("timed_out", '"e2e" was timed out'),
        ("action_required", '"e2e" has the result action required'),
        ("stale", '"e2e" has the result stale'),
        ("startup_failure", '"e2e" has the result startup failure'),
        ("a_word_of_tomorrow", '"e2e" has the result a word of tomorrow'),
    ],
)
def test_a_run_that_did_not_succeed_is_a_no(repository: Repository, word: str, answered: str) -> None:
    repository.run("e2e", word)
    result = ask()
    assert said(result, "C1") == ("failed", answered)
    assert result["failed"]
    assert "https://github.example/runs/3" in result["msg"]


@pytest.mark.parametrize("word", ["neutral", "skipped"])
def test_a_run_that_was_skipped_is_no_failure_unless_it_is_required_or_a_test(
    repository: Repository, word: str
) -> None:
    repository.run("e2e", word)
    assert said(ask(), "C1")[0] == "passed"
    assert said(ask(required=["e2e"]), "C1")[0] == "failed"
    assert said(ask(tests=["e2e"]), "C12")[0] == "failed"


def test_no_check_at_all_is_a_no(repository: Repository) -> None:
    repository.runs.clear()
    assert said(ask(), "C1") == ("failed", "no check succeeded on aaaaaaa: it has 0 check-runs and statuses")
    repository.run("docs", "skipped")
    assert said(ask(), "C1")[0] == "failed"


def test_a_required_name_that_is_not_there_is_a_no(repository: Repository) -> None:
    assert said(ask(required=["e2e"]), "C1") == ("failed", '"e2e" did not run')
    assert said(ask(tests=["unit", "e2e"]), "C12") == ("failed", '"e2e" did not run')


def test_a_name_that_was_red_and_is_green_after_a_rerun_passes(repository: Repository) -> None:
    repository.run("e2e", "failure")
    repository.run("e2e", "success")
    assert said(ask(required=["e2e"], tests=["e2e"]), "C1")[0] == "passed"
    repository.runs.reverse()  # in whatever order they are listed
    assert said(ask(required=["e2e"], tests=["e2e"]), "C12")[0] == "passed"


@pytest.mark.parametrize("again", ["failure", "queued", "in_progress"])
def test_a_name_that_was_green_and_runs_or_failed_again_is_a_no(repository: Repository, again: str) -> None:
    repository.run("e2e", "success")
    repository.run("e2e", again)
    assert said(ask(), "C1")[0] == "failed"


def test_a_rerun_that_has_not_begun_is_the_newest(repository: Repository) -> None:
    repository.run("e2e", "queued", started_at=None)
    repository.run("e2e", "success")
    assert said(ask(), "C1") == ("failed", '"e2e" is still queued')


def test_the_same_name_of_two_apps_is_two_runs(repository: Repository) -> None:
    repository.run("scan", "failure", app={"slug": "one"})
    repository.run("scan", "success", app={"slug": "two"})
    assert said(ask(), "C1")[0] == "failed"


def test_every_one_of_300_runs_is_read(repository: Repository) -> None:
    for number in range(298):
        repository.run(f"job {number}")
    assert said(ask(), "C1") == ("passed", "300 check-runs and statuses of aaaaaaa ended well")
    repository.runs[299]["conclusion"] = "failure"
    assert said(ask(), "C1") == ("failed", '"job 297" failed')


def test_a_list_that_is_cut_off_proves_nothing(repository: Repository) -> None:
    repository.more = 5
    outcome, answered = said(ask(), "C1")
    assert outcome == "could_not_be_asked"
    assert "GitHub gave 2 items" in answered


def test_a_status_counts_like_a_run(repository: Repository) -> None:
    repository.statuses.append({"context": "ci/deploy", "state": "pending", "target_url": None})
    assert said(ask(), "C1") == ("failed", '"ci/deploy" has not ended')
    repository.statuses[0]["state"] = "error"
    assert said(ask(), "C1") == ("failed", '"ci/deploy" has the result error')
    repository.statuses[0]["state"] = "success"
    assert said(ask(required=["ci/deploy"]), "C1")[0] == "passed"
    repository.runs.clear()
    assert said(ask(), "C1")[0] == "passed"


def test_the_deploys_own_run_can_be_left_out(repository: Repository) -> None:
    repository.run("deploy / production", "in_progress")
    assert said(ask(ignore=["deploy / *"]), "C1")[0] == "passed"
    assert said(ask(ignore=["deploy"]), "C1")[0] == "failed"


def test_a_pattern_stands_for_a_matrix(repository: Repository) -> None:
    repository.run("e2e (20)")
    repository.run("e2e (22)", "failure")
    assert said(ask(tests=["e2e (*)"]), "C12") == ("failed", '"e2e (22)" failed')


def test_evidence_of_another_commit_is_none(repository: Repository) -> None:
    repository.sha = OLD
    repository.runs.clear()
    repository.run("unit")
    outcome, answered = said(ask(), "C1")
    assert outcome == "could_not_be_asked"
    assert "the commit aaaaaaa that was asked about" in answered


@pytest.mark.parametrize(("status", "expected"), [(401, "401"), (404, "404"), (403, "403")])
def test_a_refusal_is_neither_yes_nor_no(repository: Repository, status: int, expected: str) -> None:
    repository.broken = status
    result = ask()
    assert (result["failed"], result["verdict"]) == (True, "inconclusive")
    assert expected in result["msg"]
    assert "gh-token" not in str(result)


def test_without_tests_there_is_nothing_to_ask(repository: Repository) -> None:
    assert said(ask(), "C12") == ("not_configured", "set tests to the names of their check-runs")


# The review


def review(**params: Any) -> tuple[str, str]:
    return said(ask(**params), "C2")


def test_an_approval_by_its_author_does_not_count(repository: Repository) -> None:
    repository.reviews.clear()
    repository.review("Alice")
    assert review() == ("failed", "#7 has 0 of 1 approval: Alice is its author")


def test_an_approval_before_the_last_push_does_not_count(repository: Repository) -> None:
    repository.reviews.clear()
    repository.review(commit=OLD)
    assert review() == ("failed", "#7 has 0 of 1 approval: bob approved ccccccc, before the last push (bbbbbbb)")


def test_a_dismissed_approval_does_not_count(repository: Repository) -> None:
    repository.review(state="DISMISSED")
    assert review() == ("failed", "#7 has 0 of 1 approval: the review by bob was dismissed")


def test_an_approval_after_the_dismissal_counts(repository: Repository) -> None:
    repository.review(state="DISMISSED")
    repository.review()
    assert review()[0] == "passed"


@pytest.mark.parametrize("state", ["COMMENTED", "PENDING"])
def test_a_comment_after_an_approval_changes_nothing(repository: Repository, state: str) -> None:
    repository.review(state=state, commit=OLD)
    assert review()[0] == "passed"


def test_a_request_for_changes_is_a_no_whatever_others_approve(repository: Repository) -> None:
    repository.review("carol", "CHANGES_REQUESTED")
    assert review() == ("failed", "#7: carol asks for changes")
    repository.review("carol")
    assert review() == ("passed", "#7 was approved by bob, carol")


@pytest.mark.parametrize("association", ["NONE", "CONTRIBUTOR", "FIRST_TIME_CONTRIBUTOR", "MANNEQUIN"])
def test_an_approval_by_a_stranger_does_not_count(repository: Repository, association: str) -> None:
    repository.reviews.clear()
    repository.review("mallory", author_association=association)
    assert review() == ("failed", "#7 has 0 of 1 approval: mallory is not a member of the repository")


def test_an_approval_by_a_bot_does_not_count(repository: Repository) -> None:
    repository.reviews.clear()
    repository.review("robot", user={"login": "robot", "type": "Bot"})
    assert review() == ("failed", "#7 has 0 of 1 approval: robot is a bot")


def test_a_deleted_user_approves_nothing(repository: Repository) -> None:
    repository.reviews.clear()
    repository.review(None)
    assert review()[0] == "failed"


def test_two_approvals_are_by_two_members(repository: Repository) -> None:
    repository.review("BOB")
    assert review(approvals=2) == ("failed", "#7 has 1 of 2 approvals")
    repository.review("carol")
    assert review(approvals=2)[0] == "passed"


def test_a_commit_that_was_pushed_past_review_is_a_no(repository: Repository) -> None:
    repository.pulls.clear()
    assert review() == ("failed", "no merged pull request brought aaaaaaa in")


def test_a_pull_request_that_is_not_merged_brought_nothing_in(repository: Repository) -> None:
    repository.pulls[0]["merged_at"] = None
    assert review() == ("failed", "no merged pull request brought aaaaaaa in; #7 has it and is not merged")


def test_one_that_was_merged_elsewhere_brought_nothing_in(repository: Repository) -> None:
    repository.pulls[0]["base"] = {"ref": "feature", "repo": {"default_branch": "main"}}
    assert review()[0] == "failed"
    assert review(branch="feature")[0] == "passed"


def test_the_101st_review_is_read(repository: Repository) -> None:
    for number in range(100):
        repository.review(f"member-{number}", "COMMENTED")
    repository.review("carol", "CHANGES_REQUESTED")
    assert review() == ("failed", "#7: carol asks for changes")


@pytest.mark.parametrize(
    ("params", "expected"),
    [({"approvals": 0}, "approvals is 0"), ({"commit": "main"}, "full SHA"), ({"repository": "shop"}, "owner/name")],
)
def test_wrong_options_ask_nothing(repository: Repository, params: dict[str, Any], expected: str) -> None:
    result = ask(**params)
    assert result["failed"]
    assert expected in result["msg"]


def test_the_checklist_asks_the_same_with_a_shared_connection(repository: Repository) -> None:
    repository.run("e2e", "failure")
    systems = {"github": {"api_token": "gh-secret-token", "repository": "acme/shop"}}
    result = run_module(
        preflight_checks,
        {
            "commit": SHA,
            "systems": systems,
            "checks": [{"id": "C12", "options": {"tests": ["unit"]}}],
            "only": ["C1", "C2", "C12"],
        },
    )
    assert [one["outcome"] for one in result["answers"]] == ["failed", "passed", "passed"]
    assert "gh-secret-token" not in str(result)
