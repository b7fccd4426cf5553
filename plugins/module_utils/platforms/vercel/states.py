# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meaning of Vercel's answers: states, shapes, and the deployment that production serves. Pure: no calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from ...core.wait import Outcome

STATES = {
    "QUEUED": Outcome.PENDING,
    "INITIALIZING": Outcome.PENDING,
    "BUILDING": Outcome.PENDING,
    "READY": Outcome.READY,
    "ERROR": Outcome.FAILED,
    "CANCELED": Outcome.FAILED,
    "DELETED": Outcome.FAILED,
    "BLOCKED": Outcome.FAILED,  # by the team's rules, until a person approves the build
}
# States of the request that moves the production domains, and of each of its aliases.
JOBS = {
    "pending": Outcome.PENDING,
    "in-progress": Outcome.PENDING,
    "succeeded": Outcome.READY,
    "completed": Outcome.READY,
    "skipped": Outcome.READY,
    "failed": Outcome.FAILED,
}
# The remedy for each failed state, in lower case as state_of() returns it.
ADVICE = {
    "error": "Correct the error in the log and deploy again.",
    "canceled": "A person or a newer build canceled it: check at Vercel who did, then deploy again.",
    "deleted": "It was deleted at Vercel: deploy again.",
    "blocked": (
        "A rule of the team blocks it: let an authorized member approve the build in Vercel's dashboard, or check the"
        " commit's author, the team's seats and its spend limit, then deploy again."
    ),
}

ROLLING = "in a rolling release"
BESIDE = "served beside"

LOOPBACK = re.compile(r"(127(\.\d+){3}|localhost)(:\d+)?")

Deployment = Mapping[str, Any]
Project = Mapping[str, Any]
UNKNOWN: Deployment = {}  # stands for a new deployment that a read did not find yet
Status: TypeAlias = "tuple[Outcome | None, str]"


def parse_error(response: Any) -> tuple[str | None, str | None]:
    """Return Vercel's (code, message)."""
    try:
        error = response.json()["error"]
        return error.get("code"), error.get("message")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None, None


def polling(waited: float) -> float:
    """Return the seconds until the next read: as in Vercel's own client, but shorter at first, since a
    small site is built within five seconds.
    """
    return min(1.0, 0.1 + waited / 6) if waited < 15 else 5.0 if waited < 60 else 15.0 if waited < 300 else 30.0


def state_of(deployment: Deployment) -> Status:
    """Return the outcome of a deployment's own state, and Vercel's word for the state in lower case."""
    if deployment is UNKNOWN:
        return Outcome.PENDING, "not known yet"
    word = deployment.get("readyState") or deployment.get("state") or "unknown"
    return STATES.get(word), word.lower()


def deployment_url(host: str | None) -> str | None:
    """Return the URL of a deployment's host: https, or http for a host on this machine."""
    if not host:
        return None
    return f"{'http' if LOOPBACK.fullmatch(host) else 'https'}://{host}"


def timestamp(milliseconds: float | None) -> str | None:
    """Return a time of Vercel in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds") if milliseconds else None


def describe(deployment: Deployment) -> dict[str, Any]:
    """Return a deployment as modules return it, from any shape of Vercel's answers."""
    meta = deployment.get("meta") or {}
    made = deployment.get("createdAt") or deployment.get("created")
    return {
        "id": deployment.get("id") or deployment.get("uid"),
        "url": deployment_url(deployment.get("url")),
        "status": state_of(deployment)[1],
        "release": meta.get("release"),
        "commit": meta.get("commit") or pushed_commit(deployment),
        "created_at": timestamp(made),
    }


def brief(deployment: Deployment | None) -> dict[str, Any]:
    """Return the fields of a deployment that the diff shows."""
    return (
        {key: value for key, value in describe(deployment).items() if key in ("id", "release", "status")}
        if deployment
        else {}
    )


def named(deployment: Deployment, release: str | None) -> dict[str, Any]:
    """Return a deployment as the module's result. Builds that Vercel started itself have no release name,
    so it is added.
    """
    described = describe(deployment)
    return {**described, "release": described["release"] or release}


def pushed_commit(deployment: Deployment) -> str | None:
    """Return the commit that Vercel recorded: under a name for each Git host, or that of a clean checkout
    that a client uploaded.
    """
    meta = deployment.get("meta") or {}
    clean = meta.get("gitCommitSha") if meta.get("gitDirty") != "1" else None
    return next(
        (meta[key] for key in ("githubCommitSha", "gitlabCommitSha", "bitbucketCommitSha") if meta.get(key)), clean
    )


def production(project: Project) -> Deployment | None:
    """Return the deployment that the production domains serve; None before the first promotion."""
    target = (project.get("targets") or {}).get("production")
    return target if target and target.get("readySubstate") != "STAGED" else None


def last_request(project: Project) -> Mapping[str, Any]:
    """Return the newest promotion or rollback: fromDeploymentId, toDeploymentId, jobStatus, requestedAt,
    type; empty before the first.
    """
    return project.get("lastAliasRequest") or {}


def on_its_way(project: Project) -> str | None:
    """Return the id of the deployment to which production is being moved."""
    job = last_request(project)
    return job.get("toDeploymentId") if job and JOBS.get(job.get("jobStatus", "")) in (None, Outcome.PENDING) else None


def rolling(project: Project, release: Mapping[str, Any] | None, deployment_id: str) -> Status | None:
    """Return the progress of a deployment's rolling release, which serves it to a growing share of the
    visitors; None without one.
    """
    release = release or {}
    if release.get("queuedDeploymentId") == deployment_id:
        return Outcome.PENDING, f"{ROLLING}: queued behind that of {(release.get('canaryDeployment') or {}).get('id')}"
    if (release.get("canaryDeployment") or {}).get("id") != deployment_id:
        return None
    if release.get("state") == "ACTIVE":
        stage = release.get("activeStage") or {}
        held = ", until the next stage is approved at Vercel" if stage.get("requireApproval") else ""
        return Outcome.PENDING, f"{ROLLING}: at {stage.get('targetPercentage', '?')} %{held}"
    asked = last_request(project)
    begun_since = (release.get("startedAt") or 0) >= (asked.get("requestedAt") or 0) and asked.get(
        "toDeploymentId"
    ) == deployment_id
    return (Outcome.FAILED, f"{ROLLING}: aborted") if release.get("state") == "ABORTED" and begun_since else None


def canary(release: Mapping[str, Any]) -> str | None:
    """Return the id of the deployment that a rolling release brings to the visitors."""
    return (release.get("canaryDeployment") or {}).get("id")


def share_of(release: Mapping[str, Any], deployment_id: str) -> float | None:
    """Return the share of the visitors, in percent, that a rolling release under way serves a deployment to."""
    if release.get("state") != "ACTIVE" or canary(release) != deployment_id:
        return None
    return float((release.get("activeStage") or {}).get("targetPercentage") or 0.0)


def beside(release: Mapping[str, Any], deployment_id: str) -> Status | None:
    """Return the status of a deployment that a rolling release is replacing; None where there is none."""
    other = canary(release)
    old = (release.get("currentDeployment") or {}).get("id")
    if release.get("state") != "ACTIVE" or old != deployment_id or other == deployment_id:
        return None
    share = share_of(release, str(other)) or 0.0
    return Outcome.PENDING, f"{BESIDE} {other}, which {share:g} % of the visitors get"


def auto_assigns(project: Project) -> bool:
    """Whether Vercel serves a new production build at once."""
    return project.get("autoAssignCustomDomains", True)


def serving(
    project: Project, aliases: Iterable[Mapping[str, Any]], deployment_id: str, stale: int | None = None
) -> Status:
    """Return whether production serves a deployment; READY only means that it is built.

    ``aliases`` are the production domains for which the project does not show whether they serve it: alias, status.
    ``stale`` is the time, in milliseconds, of an older request that an answer may still show after a newer one.
    """
    states = {alias["alias"]: alias["status"] for alias in aliases}
    job = last_request(project)
    if job.get("toDeploymentId") == deployment_id:
        word = job.get("jobStatus") or "unknown"
        outcome = JOBS.get(word)
        if stale and job.get("requestedAt") == stale:
            return Outcome.PENDING, "requested"
        failed = [alias for alias, status in states.items() if JOBS.get(status) is Outcome.FAILED]
        if outcome is Outcome.FAILED or (outcome is Outcome.READY and failed):
            return Outcome.FAILED, f"failed for {', '.join(failed) or 'the production domains'}"
        if outcome is not Outcome.READY:
            return outcome, word
    elif other := on_its_way(project):
        return Outcome.PENDING, f"being moved to {other}"
    target = production(project) or {}
    if target.get("id") != deployment_id:
        return Outcome.PENDING, "not served yet"
    if problem := target.get("aliasError"):
        return (
            Outcome.FAILED,
            (
                f"failed for {', '.join(target.get('alias') or ['the production domains'])} ({problem.get('code')}:"
                f" {problem.get('message')})"
            ),
        )
    if not target.get("aliasAssigned"):
        return Outcome.PENDING, "not served yet"
    waiting = [alias for alias, status in states.items() if JOBS.get(status) is not Outcome.READY]
    return (Outcome.PENDING, f"not served yet on {', '.join(waiting)}") if waiting else (Outcome.READY, "served")
