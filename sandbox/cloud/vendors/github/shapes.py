# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitHub's objects as its API shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...state import Storefront

Kept = dict[str, Any]


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _node(kind: str, key: Any) -> str:
    return f"{kind}_{key}"


def user(base: str, login: str = "sandbox", kind: str = "User") -> Kept:
    own = f"{base.partition('/repos/')[0]}/users/{login}"
    links = (
        "followers",
        "following",
        "gists",
        "starred",
        "subscriptions",
        "organizations",
        "repos",
        "events",
        "received_events",
    )
    return {
        **{
            "login": login,
            "id": 1,
            "node_id": "U_1",
            "avatar_url": f"{own}/avatar",
            "gravatar_id": "",
            "url": own,
            "html_url": own,
        },
        **{f"{name}_url": f"{own}/{name}" for name in links},
        **{"type": kind, "site_admin": False},
    }


def deployment(base: str, kept: Kept) -> Kept:
    own, at = f"{base}/deployments/{kept['id']}", _time(kept["at"])
    return {
        **{
            "url": own,
            "id": kept["id"],
            "node_id": _node("DE", kept["id"]),
            "sha": kept["sha"],
            "ref": kept["ref"],
            "task": kept["task"],
        },
        **{"payload": kept["payload"], "original_environment": kept["environment"], "environment": kept["environment"]},
        **{
            "description": kept["description"],
            "creator": user(base),
            "created_at": at,
            "updated_at": at,
            "statuses_url": f"{own}/statuses",
        },
        **{
            "repository_url": base,
            "transient_environment": kept["transient"],
            "production_environment": kept["production"],
        },
        "performed_via_github_app": None,
    }


def deployment_status(base: str, kept: Kept, one: Kept) -> Kept:
    own, at = f"{base}/deployments/{kept['id']}", _time(one["at"])
    return {
        **{
            "url": f"{own}/statuses/{one['id']}",
            "id": one["id"],
            "node_id": _node("DES", one["id"]),
            "state": one["state"],
            "creator": user(base),
        },
        **{
            "description": one["description"],
            "environment": kept["environment"],
            "target_url": one["log_url"],
            "log_url": one["log_url"],
        },
        **{
            "environment_url": one["environment_url"],
            "created_at": at,
            "updated_at": at,
            "deployment_url": own,
            "repository_url": base,
        },
        "performed_via_github_app": None,
    }


def status(base: str, kept: Kept) -> Kept:
    at = _time(kept["at"])
    return {
        **{
            "url": f"{base}/statuses/{kept['sha']}",
            "avatar_url": None,
            "id": kept["id"],
            "node_id": _node("SC", kept["id"]),
            "state": kept["state"],
        },
        **{
            "description": kept["description"],
            "target_url": kept["target_url"],
            "context": kept["context"],
            "created_at": at,
            "updated_at": at,
        },
        "creator": user(base),
    }


def combined(base: str, front: Storefront, sha: str) -> Kept:
    newest: dict[str, Kept] = {}
    for kept in reversed(front.github["statuses"]):
        if kept["sha"] == sha:
            newest[kept["context"]] = kept
    states = {kept["state"] for kept in newest.values()}
    overall = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    shown = [{key: value for key, value in status(base, kept).items() if key != "creator"} for kept in newest.values()]
    own = f"{base}/commits/{sha}"
    return {
        **{
            "state": overall,
            "statuses": shown,
            "sha": sha,
            "total_count": len(shown),
            "repository": minimal_repository(base, front),
        },
        **{"commit_url": own, "url": f"{own}/status"},
    }


def check_run(base: str, kept: Kept) -> Kept:
    own, at = f"{base}/check-runs/{kept['id']}", _time(kept["at"])
    output = dict.fromkeys(("title", "summary", "text")) | {
        "annotations_count": 0,
        "annotations_url": f"{own}/annotations",
    }
    return {
        **{
            "id": kept["id"],
            "head_sha": kept["sha"],
            "node_id": _node("CR", kept["id"]),
            "external_id": None,
            "url": own,
            "html_url": own,
        },
        **{
            "details_url": own,
            "status": kept["status"],
            "conclusion": kept["conclusion"],
            "started_at": at,
            "name": kept["name"],
        },
        **{
            "completed_at": at if kept["status"] == "completed" else None,
            "output": output,
            "check_suite": None,
            "app": None,
            "pull_requests": [],
        },
    }


def pull_request(base: str, front: Storefront, kept: Kept) -> Kept:
    own, at = f"{base}/pulls/{kept['number']}", _time(kept["at"])
    issue = f"{base}/issues/{kept['number']}"
    links = {
        name: {"href": own}
        for name in ("comments", "commits", "statuses", "html", "issue", "review_comments", "review_comment", "self")
    }
    ends = {
        name: {"label": f"sandbox:{ref}", "ref": ref, "repo": repository(base, front), "sha": sha, "user": user(base)}
        for name, ref, sha in (("head", f"change-{kept['number']}", kept["head"]), ("base", kept["base"], kept["head"]))
    }
    return {
        **{
            "url": own,
            "id": kept["number"],
            "node_id": _node("PR", kept["number"]),
            "html_url": own,
            "diff_url": own,
            "patch_url": own,
        },
        **{
            "issue_url": issue,
            "commits_url": own,
            "review_comments_url": own,
            "review_comment_url": own,
            "comments_url": issue,
            "statuses_url": own,
        },
        **{
            "number": kept["number"],
            "state": "closed" if kept["merged"] else "open",
            "locked": False,
            "title": "A change",
            "body": None,
            "labels": [],
        },
        **{
            "user": user(base, kept["author"]),
            "milestone": None,
            "assignee": None,
            "created_at": at,
            "updated_at": at,
            **ends,
            "_links": links,
        },
        **{
            "closed_at": at if kept["merged"] else None,
            "merged_at": at if kept["merged"] else None,
            "merge_commit_sha": kept["merge_commit"],
        },
        **{"author_association": "MEMBER", "auto_merge": None, "draft": False},
    }


def review(base: str, pull: Kept, kept: Kept) -> Kept:
    own = f"{base}/pulls/{pull['number']}"
    return {
        **{
            "id": kept["id"],
            "node_id": _node("PRR", kept["id"]),
            "user": user(base, kept["by"], kept["type"]),
            "body": "",
            "state": kept["state"],
        },
        **{
            "html_url": own,
            "pull_request_url": own,
            "_links": {"html": {"href": own}, "pull_request": {"href": own}},
            "submitted_at": _time(pull["at"]),
        },
        **{"commit_id": kept["commit"], "author_association": kept["association"]},
    }


def workflow_run(base: str, front: Storefront, kept: Kept) -> Kept:
    own, at = f"{base}/actions/runs/{kept['id']}", _time(kept["at"])
    links = ("jobs", "logs", "check_suite", "cancel", "rerun", "artifacts", "workflow")
    return {
        **{"id": kept["id"], "node_id": _node("WFR", kept["id"]), "name": "Deploy", "display_title": "Deploy"},
        **{"head_branch": "main", "head_sha": kept["sha"], "path": ".github/workflows/deploy.yml", "event": "push"},
        **{"run_number": 1, "run_attempt": 1, "status": "in_progress", "conclusion": None, "workflow_id": 1},
        **{"url": own, "html_url": own, **{f"{link}_url": own for link in links}, "previous_attempt_url": None},
        **{"created_at": at, "updated_at": at, "run_started_at": at, "pull_requests": [], "head_commit": None},
        **{"actor": user(base, kept["by"]), "triggering_actor": user(base, kept["by"])},
        **dict.fromkeys(("repository", "head_repository"), minimal_repository(base, front)),
    }


def run_approval(base: str, run: Kept, kept: Kept) -> Kept:
    name, at = kept["environment"], _time(run["at"])
    place = {"id": 1, "node_id": _node("EN", name), "name": name, "created_at": at, "updated_at": at}
    links = {"url": f"{base}/environments/{name}", "html_url": f"{base}/deployments/{name}"}
    return {
        "state": kept["state"],
        "comment": kept["comment"],
        "user": user(base, kept["by"]),
        "environments": [{**place, **links}],
    }


def commit(base: str, sha: str) -> Kept:
    own = f"{base}/commits/{sha}"
    person = {"name": "Sandbox", "email": "sandbox@shop.example", "date": "2026-01-05T09:00:00Z"}
    verification = {"verified": False, "reason": "unsigned", "payload": None, "signature": None, "verified_at": None}
    tree = {"sha": sha, "url": f"{base}/git/trees/{sha}"}
    inner = {
        "url": f"{base}/git/commits/{sha}",
        "author": person,
        "committer": person,
        "message": "A release",
        "comment_count": 0,
        "tree": tree,
    }
    return {
        **{"url": own, "sha": sha, "node_id": _node("C", sha), "html_url": own, "comments_url": f"{own}/comments"},
        **{"commit": {**inner, "verification": verification}, "author": None, "committer": None, "parents": []},
    }


# fmt: off
_LINKS = (
    "archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits", "compare", "contents", "contributors", "deployments",  # noqa: E501
    "downloads", "events", "forks", "git_commits", "git_refs", "git_tags", "hooks", "issue_comment", "issue_events", "issues", "keys", "labels",  # noqa: E501
    "languages", "merges", "milestones", "notifications", "pulls", "releases", "stargazers", "statuses", "subscribers", "subscription", "tags",  # noqa: E501
    "teams", "trees",
)
# fmt: on
_HAS = {f"has_{name}": True for name in ("issues", "projects", "wiki", "downloads")} | {
    "has_pages": False,
    "has_discussions": False,
}


def minimal_repository(base: str, front: Storefront) -> Kept:
    owner, _unused, name = front.github["repository"].partition("/")
    return {
        **{
            "id": 1,
            "node_id": "R_1",
            "name": name,
            "full_name": f"{owner}/{name}",
            "owner": user(base),
            "private": True,
            "html_url": base,
        },
        **{"description": None, "fork": False, "url": base, **{f"{link}_url": f"{base}/{link}" for link in _LINKS}},
    }


def repository(base: str, front: Storefront) -> Kept:
    at = _time(front.created)
    counts = dict.fromkeys(
        (
            "forks_count",
            "stargazers_count",
            "watchers_count",
            "size",
            "open_issues_count",
            "forks",
            "open_issues",
            "watchers",
        ),
        0,
    )
    return {
        **minimal_repository(base, front),
        **{
            "git_url": base,
            "ssh_url": base,
            "clone_url": base,
            "svn_url": base,
            "mirror_url": None,
            "homepage": None,
            "language": "TypeScript",
            **counts,
        },
        **{
            "default_branch": "main",
            "is_template": False,
            "topics": [],
            **_HAS,
            "archived": False,
            "disabled": False,
            "visibility": "private",
        },
        **{
            "pushed_at": at,
            "created_at": at,
            "updated_at": at,
            "permissions": {"admin": False, "push": True, "pull": True},
            "license": None,
        },
        **{"network_count": 0, "subscribers_count": 0},
    }
