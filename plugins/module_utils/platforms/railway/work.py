# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out a plan of railway_service: change settings, stop the service, or follow the course to a goal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ..common import Course
from .client import Railway
from .states import Deployment


class Work(Protocol):
    def do(self, client: Railway) -> dict[str, Any]:
        """Carry it out; return the fields that the module's result gets in addition to the plan."""


@dataclass(frozen=True)
class Change:
    """``change`` changes settings, and returns the deployment that Railway creates for it, if any."""

    wait: bool
    change: Callable[[], Deployment | None]

    def do(self, client: Railway) -> dict[str, Any]:
        made = self.change()
        return {"deployment": _awaited(client, made, self.wait).describe()} if made else {}


@dataclass(frozen=True)
class End:
    """``state`` is stopped or removed; ``coming`` are the deployments under way, which would serve afterwards."""

    wait: bool
    state: str
    coming: list[Deployment]

    def do(self, client: Railway) -> dict[str, Any]:
        client.cancel(self.coming)
        client.end(self.state, wait=self.wait)
        return {}


@dataclass(frozen=True)
class Reach:
    wait: bool
    course: Course[Deployment]

    def do(self, client: Railway) -> dict[str, Any]:
        goal = self.course.goal
        deployment, made = self.course.follow(client.cancel, client.deployments)
        described = _awaited(client, deployment, self.wait).describe(goal.predicted.get("release"))
        return {"deployment": described, "changed": not self.course.is_complete, **(goal.details if made else {})}


def _awaited(client: Railway, deployment: Deployment, wait: bool) -> Deployment:
    return client.wait_healthy(deployment) if wait else deployment
