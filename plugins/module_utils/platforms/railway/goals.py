# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment that a service at Railway must run: how to recognize it, and how to create it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.errors import ConfigError
from ..common import Goal, decide
from .client import Railway
from .states import Deployment, by_id, live
from .variables import Pins

Params = Mapping[str, Any]
Listed = list[Deployment]
RailwayGoal = Goal[Deployment]


def rolled_back(params: Params, client: Railway, listed: Listed) -> RailwayGoal:
    """The image of the target, by a way that never runs a pinned variable with a value other than today's."""
    target = by_id(listed, params["deployment"]) or client.deployment(params["deployment"])
    pins = Pins(client, params["pinned_variables"])
    differing = pins.differing(target)
    if differing:
        way, run = "redeploy", client.redeploy
    elif target.word == "stopped" and not target.can_rollback:
        way, run = "start", client.start
    else:
        way, run = "rollback", client.roll_back

    def reached_by(deployment: Deployment) -> bool:
        there = deployment.runs(target) if differing else deployment.restores(target)
        return there and not pins.differing(deployment)

    def make() -> Deployment:
        if differing:
            client.waiter.warn(
                f"{client.name} runs the image of {target.shown} with all of today's variables: a rollback would"
                f" restore, or could restore, another value of {', '.join(differing)}."
            )
        made = run(target)
        pins.require(made)
        return made

    predicted = {
        **target.describe(),
        "id": None,
        "status": "success" if params["wait"] else "queued",
        "created_at": None,
    }
    goal = Goal(reached_by, make, predicted, {"way": way, "differing_variables": differing})
    if not decide(listed, goal).found and not _can_run_again(target, way):
        able = ", ".join(
            f"{deployment.id} ({deployment.release or 'unnamed'})" for deployment in listed if deployment.can_rollback
        )
        raise ConfigError(
            f"Railway cannot roll {client.name} back to {target.shown}, which is {target.word}:"
            f" its image is gone, or it never ran. Set deployment to one of: {able or 'none at present'}; or deploy its"
            " release again with state=deployed.",
            code="no_rollback_candidate",
        )
    return goal


def _can_run_again(target: Deployment, way: str) -> bool:
    has_run = target.can_rollback or target.word == "stopped"
    return (has_run or target.is_live) and target.can_redeploy if way == "redeploy" else has_run


def started(params: Params, client: Railway, listed: Listed) -> RailwayGoal:
    """Any deployment that runs, with today's pinned variables."""
    pins = Pins(client, params["pinned_variables"])
    running = [deployment for deployment in listed if deployment.is_live or deployment.in_progress]
    again = [
        deployment
        for deployment in listed
        if deployment.word == "stopped" or (deployment.can_redeploy and deployment.word in ("removed", "crashed"))
    ]
    target = next(iter(running or again), None)
    if target is None:
        raise ConfigError(
            f"{client.name} has no deployment that can be started. Deploy a release first, with state=deployed.",
            code="nothing_to_start",
        )
    differing = pins.differing(target)
    way = "start" if target.word == "stopped" and not differing else "redeploy"

    def make() -> Deployment:
        made = client.start(target) if way == "start" else client.redeploy(target)
        pins.require(made)
        return made

    predicted = {**target.describe(), "id": target.id if way == "start" else None, "status": "success"}
    return Goal(
        lambda deployment: not pins.differing(deployment),
        make,
        predicted,
        {"way": way, "differing_variables": differing},
    )


def restarted(params: Params, client: Railway, listed: Listed) -> RailwayGoal:
    """The running deployment with a new process; an existing process never counts as new."""
    target = live(listed)
    if target is None:
        raise ConfigError(
            f"{client.name} is not running, so it cannot be restarted. Set state to started or deployed.",
            code="nothing_to_restart",
        )
    return Goal(
        lambda deployment: False,
        lambda: client.restart(target),
        {**target.describe(), "status": "success"},
        summary={"restarted": True},
    )
