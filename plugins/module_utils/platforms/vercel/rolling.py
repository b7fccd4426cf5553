# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rolling release at Vercel: serve a deployment to a share of the visitors, which grows stage by stage.

Every stage waits for an approval, which this module gives: where the run is killed, the share stays as it is. Vercel
has no operation that aborts one: a rollback to the deployment that the other visitors get does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from ...core.errors import ApiError, ConfigError
from ...core.plan import Plan
from ...core.wait import Outcome
from . import shapes
from .client import Vercel
from .states import Deployment, Project, Status, brief, canary, named, production, share_of, state_of

MOST_STAGES = 9  # before the last one, in which every visitor gets the deployment


class Nothing:
    """The share is reached, or there is nothing live beside which the deployment could be served."""

    def do(self, _client: Vercel) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Roll:
    """``stages`` are the shares in percent; None where Vercel has a rolling release of the deployment under way."""

    project: Project
    release: str | None
    wait: bool
    target: Deployment
    share: float
    stages: Sequence[float] | None

    def do(self, client: Vercel) -> dict[str, Any]:
        target = self.target
        if state_of(target)[0] is not Outcome.READY:
            target = client.wait_ready(self.project, target)
        if self.stages is not None:
            configure(client, self.project, self.stages)
            _post(client, self.project, target["id"], "start")
        reached = advance(client, self.project, target["id"], self.share) if self.wait else self.share
        return {"deployment": named(target, self.release), "share": reached}


def rolled(params: Mapping[str, Any], client: Vercel, project: Project, before: dict[str, Any]) -> Plan:
    """Plan to serve a deployment to O(share) percent of the visitors."""
    share, stages = params["share"], params["stages"]
    _refuse_odd_shares(share, stages)
    target = client.deployment(project, params["deployment"])
    live, release = production(project), client.rolling_release(project)
    now = 100.0 if live and live["id"] == target["id"] else share_of(release, target["id"])
    result = {"deployment": named(target, params["release"]), "share": share if live else None}
    if now is None and live:
        _refuse_unrollable(client, project, target, release)
    elif now is not None and now < 100.0:
        _refuse_other_stages(release, stages)
    if not live or (now or 0.0) >= share:
        return Plan(before, before, Nothing(), {**result, "share": now, "changed": False})
    after = {**before, "rolling": {**brief(target), "share": share}}
    starts = stages if now is None else None
    work = Roll(project, params["release"] or params["ref"], params["wait"], target, share, starts)
    return Plan({**before, "rolling": {**brief(target), "share": now or 0.0}}, after, work, result)


def refuse_plan(client: Vercel, project: Project) -> None:
    """Raise ConfigError where the team's plan has no rolling release for the project."""
    if project.get("rollingRelease"):
        return
    path = f"/v1/projects/{project['id']}/rolling-release/billing"
    found = client.call("GET", path, shape=shapes.ROLLING_BILLING)
    if not found["availableSlots"]:
        raise ConfigError(
            f"Vercel has no rolling release for {project['name']}: {found.get('message') or found.get('reason')}"
            " Change the plan, free a slot at another project, or leave out the stages.",
            code="no_rolling_release",
        )


def configure(client: Vercel, project: Project, stages: Sequence[float]) -> None:
    """Let the project's rolling releases have these stages, each of which waits for an approval."""
    path = f"/v1/projects/{project['id']}/rolling-release/config"
    wanted: list[dict[str, Any]] = [{"targetPercentage": share, "requireApproval": True} for share in stages]
    wanted.append({"targetPercentage": 100})
    known = client.call("GET", path, shape=shapes.ROLLING_CONFIG).get("rollingRelease") or {}
    if _shares(known.get("stages") or []) == _shares(wanted) and all(
        stage.get("requireApproval") for stage in known["stages"][:-1]
    ):
        return
    body = {"enabled": True, "advancementType": "manual-approval", "stages": wanted}
    client.call("PATCH", path, shape=shapes.NOT_SAID, json=body, idempotent=True)


def advance(client: Vercel, project: Project, deployment_id: str, share: float) -> float:
    """Approve stages until a deployment has its share, and return that."""
    approved: set[Any] = set()

    def fetch() -> Mapping[str, Any]:
        release = client.rolling_release(project)
        following = release.get("nextStage") or {}
        short = (share_of(release, deployment_id) or share) < share
        index = following.get("index")
        if short and following and index not in approved:
            approved.add(index)
            _post(client, project, deployment_id, "approve-stage", nextStageIndex=index)
            release = client.rolling_release(project)
        return release

    release = client.waiter.wait_for(
        fetch,
        lambda release: _reached(release, deployment_id, share),
        what=f"Serving {deployment_id} to {share:g} % of the visitors",
        check_next="the rolling release in the project's dashboard at Vercel",
    )
    return share_of(release, deployment_id) or share


def complete(client: Vercel, project: Project, deployment_id: str) -> None:
    """Let all visitors have a deployment that a rolling release serves to some."""
    _post(client, project, deployment_id, "complete")


def _post(client: Vercel, project: Project, deployment_id: str, verb: str, **more: Any) -> None:
    """Send a request that an earlier try may have sent already: Vercel then answers with a conflict."""
    path = f"/v1/projects/{project['id']}/rolling-release/{verb}"
    body = {**more, "canaryDeploymentId": deployment_id}
    try:
        client.call("POST", path, shape=shapes.ROLLING_RELEASE, json=body, idempotent=True)
    except ApiError as error:
        if error.status not in (HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
            raise
        if not _has_moved(client, project, deployment_id, verb, more.get("nextStageIndex")):
            raise


def _has_moved(client: Vercel, project: Project, deployment_id: str, verb: str, index: Any) -> bool:
    release = client.rolling_release(project)
    if canary(release) != deployment_id:
        return False
    if verb == "complete":
        return release.get("state") == "COMPLETE"
    stage = release.get("activeStage") or {}
    return release.get("state") == "ACTIVE" and (index is None or stage.get("index", -1) >= index)


def _reached(release: Mapping[str, Any], deployment_id: str, share: float) -> Status:
    now, state = share_of(release, deployment_id), release.get("state")
    if now is not None:
        paused = ", paused at Vercel" if release.get("substate") == "PAUSED" else ""
        return (Outcome.READY if now >= share else Outcome.PENDING), f"at {now:g} %{paused}"
    if canary(release) == deployment_id and state == "ABORTED":
        return Outcome.FAILED, "aborted"
    return Outcome.PENDING, "not started yet"


def _refuse_odd_shares(share: float, stages: Sequence[float]) -> None:
    rising = list(stages) == sorted(set(stages)) and all(0 < one < 100 for one in stages)
    if not rising or len(stages) > MOST_STAGES or share not in stages:
        raise ConfigError(
            f"share is {share:g} and stages are {[float(one) for one in stages]}. stages must be at most {MOST_STAGES}"
            " rising percentages above 0 and below 100, and share one of them.",
            code="bad_stages",
        )


def _refuse_unrollable(client: Vercel, project: Project, target: Deployment, release: Mapping[str, Any]) -> None:
    client.refuse_unservable(project, target, "promote")
    refuse_plan(client, project)
    if release.get("state") == "ACTIVE":
        raise ConfigError(
            f"A rolling release serves {canary(release)} to some visitors already, so {target['id']} cannot have one."
            " Complete it (state=promoted, complete=true), or end it (state=rolled_back).",
            code="other_rolling_release",
        )


def _refuse_other_stages(release: Mapping[str, Any], stages: Sequence[float]) -> None:
    known = [share for share in _shares(release.get("stages") or []) if share < 100]
    if known and known != [float(one) for one in stages]:
        raise ConfigError(
            f"The rolling release under way has the stages {known}, and stages asks for others. Set these, or end it"
            " (state=rolled_back).",
            code="other_stages",
        )


def _shares(stages: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(stage["targetPercentage"]) for stage in stages]
