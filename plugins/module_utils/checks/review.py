# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody else approved what the commit brings in: the pull request that merged it, as it was when
it was merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ..core.amounts import number
from . import github_runs
from .answer import Answer, failed, passed
from .check import Context, Options

OPTIONS: dict[str, dict[str, Any]] = {
    **github_runs.OPTIONS,
    "approvals": {"type": "int", "default": 1},
    "branch": {"type": "str"},
}
MEMBERS = ("OWNER", "MEMBER", "COLLABORATOR")  # whose approval counts; anybody may review a public pull request
OPINIONS = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")  # a later comment changes none of them
missing = github_runs.missing
Pull = dict[str, Any]


def wrong(options: Options, context: Context) -> list[str]:
    few = (
        []
        if options["approvals"] >= 1
        else [f"approvals is {options['approvals']}: give 1 or more, or waive the check"]
    )
    return [*github_runs.wrong(options, context), *few]


def ask(context: Context, options: Options) -> Answer:
    sha = context.need_commit()
    asked = f"did somebody else approve the pull request that brought {sha[:7]} into {options['repository']}?"
    with closing(github_runs.client(options)) as github:
        pulls = github.pulls_of(sha)
        merged = brought_in(pulls, sha, options["branch"])
        reviews = {pull["number"]: github.reviews(pull["number"]) for pull in merged}
    if not merged:
        waiting = ", ".join(f"#{pull['number']}" for pull in pulls if not pull["merged_at"])
        why = f"no merged pull request brought {sha[:7]} in" + (
            f"; {waiting} has it and is not merged" if waiting else ""
        )
        return failed(
            why,
            "Merge it by a pull request that is approved, or have an emergency approved",
            asked=asked,
            facts={"pulls": []},
        )
    judged = [judge_reviews(pull, reviews[pull["number"]], options["approvals"]) for pull in merged]
    more: dict[str, Any] = {
        "asked": asked,
        "url": merged[0].get("html_url") or "",
        "facts": {"pulls": [one.facts for one in judged]},
    }
    problems = [one.problem for one in judged if one.problem]
    if problems:
        return failed("; ".join(problems), "Have somebody else approve its last commit", **more)
    return passed(
        "; ".join(f"#{one.facts['number']} was approved by {', '.join(one.facts['approved_by'])}" for one in judged),
        **more,
    )


def brought_in(pulls: Sequence[Pull], sha: str, branch: str | None) -> list[Pull]:
    """Return the merged pull requests that brought a commit into the branch that releases come from: the
    one whose merge it is, else all that have it.
    """
    merged = [
        pull
        for pull in pulls
        if pull["merged_at"] and pull["base"]["ref"] == (branch or pull["base"]["repo"]["default_branch"])
    ]
    return [pull for pull in merged if sha in (pull["merge_commit_sha"], pull["head"]["sha"])] or merged


@dataclass(frozen=True)
class Reviewed:
    """What the reviews of a pull request amount to; ``problem`` is empty where they suffice."""

    facts: dict[str, Any]
    problem: str = ""


def judge_reviews(pull: Pull, reviews: Sequence[dict[str, Any]], needed: int) -> Reviewed:
    """Count each member's last opinion of the pull request's last commit, its author's left out."""
    head, author = pull["head"]["sha"], _login(pull)
    last: dict[str, dict[str, Any]] = {}
    for review in reviews:
        if review["user"] and review["state"] in OPINIONS:
            last[review["user"]["login"].casefold()] = review
    approvers: list[str] = []
    doubts: list[str] = []
    objections: list[str] = []
    for review in last.values():
        who, doubt = _login(review), _doubt(review, head, author)
        if review["state"] == "CHANGES_REQUESTED" and review["author_association"] in MEMBERS:
            objections.append(f"{who} asks for changes")
        elif review["state"] == "DISMISSED":
            doubts.append(f"the review by {who} was dismissed")
        elif review["state"] == "APPROVED":
            (doubts if doubt else approvers).append(doubt or who)
    facts = {
        "number": pull["number"],
        "head": head,
        "author": author,
        "approved_by": sorted(approvers),
        "not_counted": doubts,
    }
    if objections:
        return Reviewed(facts, f"#{pull['number']}: {', '.join(objections)}")
    if len(approvers) < needed:
        why = f": {', '.join(doubts)}" if doubts else ""
        return Reviewed(facts, f"#{pull['number']} has {len(approvers)} of {number(needed, 'approval')}{why}")
    return Reviewed(facts)


def _doubt(review: dict[str, Any], head: str, author: str) -> str:
    """Say why an approval does not count; empty where it does."""
    who = _login(review)
    if who.casefold() == author.casefold():
        return f"{who} is its author"
    if review["commit_id"] != head:
        return f"{who} approved {str(review['commit_id'])[:7]}, before the last push ({head[:7]})"
    if review["author_association"] not in MEMBERS:
        return f"{who} is not a member of the repository"
    if review["user"].get("type") == "Bot":
        return f"{who} is a bot"
    return ""


def _login(holder: dict[str, Any]) -> str:
    return str((holder.get("user") or {}).get("login") or "a deleted user")
