# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields that are read of Vercel's answers, with their types; see core/shape.py."""

from __future__ import annotations

from ...core.shape import EMPTY, MILLISECONDS, Shape

HASHES = ("gitCommitSha", "githubCommitSha", "gitlabCommitSha", "bitbucketCommitSha")
META = {
    f"{name}?": str
    for name in ("release", "commit", "environment", "redeploy_of", "source_digest", "run", "gitDirty", *HASHES)
}
BUILD = {
    **{
        f"{name}?": str
        for name in (
            "projectId",
            "url",
            "readyState",
            "state",
            "readySubstate",
            "target",
            "source",
            "inspectorUrl",
            "errorMessage",
        )
    },
    **{"createdAt?": MILLISECONDS, "created?": MILLISECONDS, "meta?": META},
    **{"alias?": [str], "aliasAssigned?": (float, bool), "aliasError?": {"code?": str, "message?": str}},
}
DEPLOYMENT = {"id": str, **BUILD}
LISTED = {"uid": str, **BUILD}
MISSING = ({"error": {"missing": [str, ...]}}, {"missing": [str, ...]})
CREATED = (*MISSING, DEPLOYMENT)
LINK = {
    "type": str,
    **{
        f"{name}?": str
        for name in (
            "org",
            "repo",
            "projectNamespace",
            "projectName",
            "owner",
            "slug",
            "productionBranch",
            "uuid",
            "workspaceUuid",
        )
    },
    **{f"{name}?": (int, str) for name in ("repoId", "projectId")},
}
PROJECT = {
    **{
        "id": str,
        "name": str,
        "autoAssignCustomDomains?": bool,
        "rootDirectory?": str,
        "rollingRelease?": object,
        "link?": LINK,
    },
    "targets?": {"production?": DEPLOYMENT},
    "lastAliasRequest?": {
        "requestedAt?": MILLISECONDS,
        **{f"{name}?": str for name in ("fromDeploymentId", "toDeploymentId", "jobStatus", "type")},
    },
    "customEnvironments?": [{"id": str, "slug": str}],
}
DOMAINS = {"domains": [{"name": str, "verified?": bool, "redirect?": str}]}
DEPLOYMENTS = {"deployments": [LISTED]}
MOVED = {"aliases?": [{"alias": str, "status": str}]}
ALIASES = {"aliases": [{"alias": str}]}
ROLLING_STAGE = {"index?": int, "targetPercentage?": float, "requireApproval?": bool}
ROLLING_RELEASE = {
    "rollingRelease?": {
        **{"state?": str, "queuedDeploymentId?": str, "startedAt?": MILLISECONDS, "substate?": str},
        **{"currentDeployment?": {"id": str}, "canaryDeployment?": {"id": str}},
        **{"activeStage?": ROLLING_STAGE, "nextStage?": ROLLING_STAGE, "stages?": [{"targetPercentage": float}]},
    }
}
ROLLING_CONFIG = {
    "rollingRelease?": {"stages?": [{"targetPercentage": float, "requireApproval?": bool}]},
}
ROLLING_BILLING = {"availableSlots": (float, str), "reason?": str, "message?": str}
EVENTS = ([{"created?": float, "text?": str, "payload?": {"text?": str}}], EMPTY, None)
RUNTIME = {
    "timestampInMs?": MILLISECONDS,
    **{f"{name}?": str for name in ("level", "source", "domain", "requestMethod", "requestPath", "message")},
    "responseStatusCode?": int,
}
VARIABLE = {
    **{
        "id": str,
        "key": str,
        "type": str,
        "value?": str,
        "target?": (str, [str]),
        "customEnvironmentIds?": [str],
        "gitBranch?": str,
    },
    **{"system?": bool, "decrypted?": bool, "comment?": str, "createdAt?": float, "updatedAt?": float},
}
VARIABLES = {"envs": [VARIABLE]}
ONE_VARIABLE = {"key": str, "value?": str}
CHANGED = ({"key": str}, [{"key": str}, ...])
MADE = {"created": ([{"key": str}, ...], {"key": str}), "failed?": [{"error": {"code?": str, "message?": str}}]}
NOT_SAID: Shape = (EMPTY, {})  # Vercel's document does not describe the answers to a promotion and a rollback
UPLOADED = {"urls?": [str]}
