# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling releases at Vercel: a growing share of the visitors gets a deployment, the others the one that was live."""

from __future__ import annotations

from typing import Any

from ...state import Site, SiteDeployment, now

ADVANCEMENTS = ("automatic", "manual-approval")


class Rejected(Exception):
    """What Vercel does not do, with the status and the code of its answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def is_active(site: Site) -> bool:
    return bool(site.rolling) and (site.rolling or {})["state"] == "ACTIVE"


def configure(site: Site, body: dict[str, Any]) -> None:
    """Set the stages of the project's rolling releases. Raises Rejected."""
    if body.get("enabled") is not True:
        site.rolling_config = None
        return
    stages = body.get("stages") or []
    shares = [stage.get("targetPercentage") for stage in stages]
    automatic = body.get("advancementType") == "automatic"
    if body.get("advancementType") not in ADVANCEMENTS or not 2 <= len(stages) <= 10 or shares[-1] != 100:
        raise Rejected(400, "bad_request", "Invalid request: a rolling release has 2 to 10 stages, the last with 100.")
    if shares != sorted(set(shares)) or (automatic and not all(stage.get("duration") for stage in stages[:-1])):
        raise Rejected(400, "bad_request", "Invalid request: the stages must rise, and automatic ones last.")
    kept = [{**stage, "requireApproval": not automatic and stage["targetPercentage"] < 100} for stage in stages]
    site.rolling_config = {"target": "production", "stages": kept}


def start(site: Site, deployment: SiteDeployment) -> None:
    """Let the first share of the visitors have a deployment. Raises Rejected."""
    if not site.rolling_config:
        raise Rejected(400, "bad_request", "Rolling releases are not enabled for this project.")
    if deployment.target != "production" or deployment.state != "READY":
        raise Rejected(400, "bad_request", "Only a production deployment that is READY can be released.")
    if is_active(site) or deployment.id == site.live or not site.live:
        raise Rejected(409, "conflict", "A rolling release is active, or there is no other production deployment.")
    stages = [
        {"duration": None, **stage, "index": index, "isFinalStage": stage["targetPercentage"] == 100}
        for index, stage in enumerate(site.rolling_config["stages"])
    ]
    site.rolling = {
        **{"state": "ACTIVE", "currentDeployment": _shape(site.deployments[site.live])},
        **{"canaryDeployment": _shape(deployment), "queuedDeploymentId": None, "substate": None, "stages": stages},
        **{"advancementType": "manual-approval" if stages[0]["requireApproval"] else "automatic"},
        **{"activeStage": stages[0], "nextStage": stages[1], "startedAt": now(), "updatedAt": now()},
    }


def approve(site: Site, deployment_id: Any, index: Any) -> None:
    """Go to the next stage; the last one completes the release. Raises Rejected."""
    release = _active(site, deployment_id)
    following = release["nextStage"]
    if index != following["index"]:
        raise Rejected(400, "bad_request", "This is not the next stage of the rolling release.")
    if following["isFinalStage"]:
        complete(site, deployment_id)
        return
    release |= {"activeStage": following, "nextStage": release["stages"][index + 1], "updatedAt": now()}


def complete(site: Site, deployment_id: Any) -> None:
    """Let all visitors have the deployment. Raises Rejected."""
    release = _active(site, deployment_id)
    deployment = site.deployments[deployment_id]
    site.live, deployment.alias_error = deployment.id, None
    site.aliases = dict.fromkeys(site.domains, deployment.id)
    deployment.promoted, deployment.alias_assigned = True, now()
    release |= {"state": "COMPLETE", "activeStage": None, "nextStage": None, "updatedAt": now()}


def abort(site: Site) -> None:
    if is_active(site) and site.rolling:
        site.rolling |= {"state": "ABORTED", "activeStage": None, "nextStage": None, "updatedAt": now()}


def chosen(site: Site, visitor: int) -> str | None:
    """Return the deployment that a visitor gets; None where all get the same. Of each hundred visitors in a row a
    stage's share gets the new one, evenly spread.
    """
    release = site.rolling
    if not release or release["state"] != "ACTIVE" or not release["activeStage"]:
        return None
    share = release["activeStage"]["targetPercentage"]
    is_new = (visitor + 1) * share // 100 > visitor * share // 100
    return (release["canaryDeployment"] if is_new else release["currentDeployment"])["id"]


def served(site: Site) -> set[str]:
    """Return the two deployments of a rolling release under way."""
    release = site.rolling or {}
    return {release[side]["id"] for side in ("currentDeployment", "canaryDeployment") if release.get(side)}


def _active(site: Site, deployment_id: Any) -> dict[str, Any]:
    if not is_active(site) or not site.rolling or site.rolling["canaryDeployment"]["id"] != deployment_id:
        raise Rejected(400, "bad_request", "No rolling release of this deployment is active.")
    return site.rolling


def _shape(deployment: SiteDeployment) -> dict[str, Any]:
    return {
        **{"id": deployment.id, "name": deployment.name, "url": deployment.url},
        **{"createdAt": deployment.created, "readyState": deployment.state},
    }
