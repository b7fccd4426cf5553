# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project's link to a Git repository: the builds that Vercel starts after a push, and the request to
build one commit.
"""

from __future__ import annotations

import re
from typing import Any

from ...core.errors import ConfigError, DeploymentFailed
from ...core.wait import Outcome
from .client import Vercel
from .states import ADVICE, Deployment, Project, describe, pushed_commit, state_of

READS = 10  # reads until the build of a new push must be listed: ten seconds at the interval of a wait
SOURCES = {"git", "git-deploy-hook"}  # a build that Vercel itself made from Git; a client's build can claim any commit
# The fields of a request that identify the repository, and where a project's link has them.
NAMES = {
    "github": {"repoId": "repoId"},
    "github-limited": {"repoId": "repoId"},
    "gitlab": {"projectId": "projectId"},
    "bitbucket": {"repoUuid": "uuid", "workspaceUuid": "workspaceUuid"},
}


def git_link(project: Project) -> dict[str, Any] | None:
    """Return type, repository and production_branch of the link; None without a link."""
    link = project.get("link")
    if not link:
        return None
    owner = next((link[key] for key in ("org", "projectNamespace", "owner") if link.get(key)), None)
    name = next((link[key] for key in ("repo", "projectName", "slug") if link.get(key)), None)
    return {
        "type": link["type"],
        "repository": "/".join(filter(None, [owner, name])) or None,
        "production_branch": link.get("productionBranch"),
    }


def full_commit(commit: str) -> str:
    """Return a commit's SHA as git writes it. Raises ConfigError unless it is a full one."""
    if not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", commit.lower()):
        raise ConfigError(
            f"commit {commit!r} is not a full SHA. Set it to what `git rev-parse <tag>` prints.", code="bad_commit"
        )
    return commit.lower()


def git_source(project: Project, commit: str) -> dict[str, Any]:
    """Return the fields of a request that identify one commit. Raises ConfigError where Vercel cannot build it."""
    link = _linked(project)
    names = NAMES.get(link["type"])
    if names is None:
        raise ConfigError(
            f"Vercel's API cannot build a commit of a repository at {link['type']}. Set source to adopt or to upload.",
            code="git_host",
        )
    source = {"type": link["type"], "ref": link.get("productionBranch"), "sha": commit}
    if lacking := [key for key in names.values() if key not in link]:
        raise ConfigError(
            f"Vercel's answer does not identify the repository of the project {project['name']}: {', '.join(lacking)}"
            " is missing. Link the project again in its settings at Vercel, or set source to upload.",
            code="git_link",
        )
    return {**source, **{name: link[key] for name, key in names.items()}}


def own_build(client: Vercel, project: Project, commit: str) -> Deployment:
    """Return the newest production build of exactly this commit that Vercel made after a push, as soon as it is listed.

    Raises ConfigError when there is none, DeploymentFailed when it failed.
    """
    branch = _linked(project).get("productionBranch")
    began = client.waiter.clock()
    for attempt in range(READS):
        if attempt:
            pause = client.waiter.interval
            client.waiter.sleep(pause(client.waiter.clock() - began) if callable(pause) else pause)
        client.waiter.check(f"Vercel's own build of {commit}")
        listed = [
            found
            for found in client.deployments(project, sha=commit)
            if found.get("source") in SOURCES and pushed_commit(found) == commit
        ]
        usable = [found for found in listed if state_of(found)[0] is not Outcome.FAILED]
        if usable:
            return usable[0]
        if listed:
            summary, log = describe(listed[0]), client.build_log(listed[0])
            raise DeploymentFailed(
                f"Vercel's own build {summary['id']} of {commit} failed with the status {summary['status']}."
                f" {ADVICE.get(summary['status'], '')} Redeploy it at Vercel, or set source to"
                f" commit.{f' The end of its log: {log}' if log else ''}",
                state=summary["status"],
            )
    newest = next((found for found in client.deployments(project) if found.get("source") in SOURCES), None)
    instead = (
        f"the newest one is {newest['uid']} of {pushed_commit(newest) or 'an unknown commit'}"
        if newest
        else "there is no other one either"
    )
    raise ConfigError(
        f"Vercel has made no production build of {commit} after a push; {instead}. Push that commit to {branch}, the"
        " branch that Vercel builds for production, or set source to commit to let Vercel build it.",
        code="no_own_build",
    )


def refuse_unguarded(project: Project, auto_assigned: bool, wanted: bool | None) -> None:
    """Raise ConfigError where a push can reach production without the checks, and no option allows to change that."""
    link = git_link(project)
    if wanted:
        raise ConfigError(
            "With auto-assignment, Vercel would serve a staged build as soon as it is built. Leave auto_assign_domains"
            " out, or set it to false.",
            code="auto_assign",
        )
    if auto_assigned and link and wanted is None:
        raise ConfigError(
            f"A push to {link['production_branch']} of {link['repository']} reaches production without any check: the"
            f" project {project['name']} is linked to it and has 'Auto-assign Custom Production Domains' on. Turn that"
            " off in the project's settings at Vercel (Environments, Production), or set auto_assign_domains to false"
            " to turn it off (deploy.yml: -e take_over=true).",
            code="push_serves_production",
        )


def _linked(project: Project) -> dict[str, Any]:
    if not project.get("link"):
        raise ConfigError(
            f"The project {project['name']} is not linked to a Git repository, so Vercel cannot build a commit. Link it"
            " in its settings at Vercel, or set source to upload.",
            code="no_git_link",
        )
    return project["link"]
