# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Vercel project that is linked to Git: what the API shows of the link and of its builds."""

from __future__ import annotations

from typing import Any

from ...state import Site

ORGANISATION, REPOSITORY, REPOSITORY_ID = "shop-example", "shop", 100_200_300


def link(site: Site) -> dict[str, Any]:
    """Return what a project says of its link; nothing without one."""
    if not site.git:
        return {}
    return {
        "link": {
            **{"type": "github", "org": ORGANISATION, "repo": REPOSITORY, "repoId": REPOSITORY_ID, "repoOwnerId": 1},
            **{
                "gitCredentialId": "cred_sandbox",
                "productionBranch": site.git["production_branch"],
                "deployHooks": [],
                "createdAt": site.created,
            },
        }
    }


def git_source(site: Site, commit: str) -> dict[str, Any]:
    assert site.git
    return {
        "type": "github",
        "repoId": REPOSITORY_ID,
        "ref": site.git["production_branch"],
        "sha": commit,
        "prId": None,
    }


def names_the_link(wanted: dict[str, Any]) -> bool:
    """Return whether a creation's gitSource is the repository that the projects are linked to."""
    named = (wanted.get("org"), wanted.get("repo")) == (ORGANISATION, REPOSITORY) or str(wanted.get("repoId")) == str(
        REPOSITORY_ID
    )
    return wanted.get("type") == "github" and named


def git_meta(source: dict[str, Any], subject: str) -> dict[str, str]:
    """Return what Vercel itself notes in the meta of a deployment that it builds from GitHub."""
    return {
        **{
            "githubDeployment": "1",
            "githubCommitSha": source["sha"],
            "githubCommitRef": source["ref"],
            "githubCommitMessage": subject,
        },
        **{
            "githubOrg": ORGANISATION,
            "githubCommitOrg": ORGANISATION,
            "githubRepo": REPOSITORY,
            "githubCommitRepo": REPOSITORY,
        },
        **{
            "githubRepoId": str(REPOSITORY_ID),
            "githubCommitRepoId": str(REPOSITORY_ID),
            "githubRepoOwnerType": "Organization",
        },
        **{"githubCommitAuthorName": "The Shop", "githubCommitAuthorLogin": "the-shop"},
    }
