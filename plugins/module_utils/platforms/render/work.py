# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out a plan of render_service: first the settings, then at most one other change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...core.errors import ApiError, Unreachable
from ..common import Course, decide
from . import instances
from .client import Render
from .states import Deploy, is_suspended


@dataclass
class Work:
    """``settings`` are sent first; with ``settings_may_fail`` a refusal is only a warning. ``stop`` are the deploys to
    cancel before the service is stopped. ``replicas`` is a new number of instances, ``course`` leads to a goal.
    """

    wait: bool
    settings: dict[str, Any] = field(default_factory=dict)
    settings_may_fail: bool = False
    stop: list[Deploy] | None = None
    restart: bool = False
    replicas: int | None = None
    course: Course[Deploy] | None = None

    def do(self, client: Render) -> dict[str, Any]:
        """Carry it out; return the fields that the module's result gets in addition to the plan."""
        result = self._change_settings(client)
        if self.stop is not None:
            self._stop(client, self.stop)
        elif self.restart:
            self._restart(client)
        elif self.replicas is not None:
            self._scale(client, self.replicas)
        elif self.course:
            result |= self._follow(client, self.course)
        return result

    def _change_settings(self, client: Render) -> dict[str, Any]:
        if not self.settings:
            return {}
        try:
            client.update(self.settings)
        except (ApiError, Unreachable) as problem:
            if not self.settings_may_fail:
                raise
            client.waiter.warn(
                f"Render still deploys each push to {client.name} automatically, which may undo the rollback. {problem}"
            )
            return {"auto_deploy": True}
        return {}

    def _stop(self, client: Render, coming: list[Deploy]) -> None:
        client.cancel(coming)
        instances.suspend(client)
        if self.wait:
            instances.wait_suspended(client)

    def _restart(self, client: Render) -> None:
        running = instances.instances(client)
        instances.restart(client)
        if self.wait:
            instances.wait_instances(client, gone=running)

    def _scale(self, client: Render, count: int) -> None:
        instances.scale(client, count)
        if self.wait and not is_suspended(client.service):
            instances.wait_instances(client, count)

    def _follow(self, client: Render, planned: Course[Deploy]) -> dict[str, Any]:
        course = planned
        if not planned.found and is_suspended(client.service):
            client.waiter.warn(f"{client.name} was suspended and has been resumed.")
            instances.resume(client)
            course = decide(client.deploys(), planned.goal)
        deploy, made = course.follow(client.cancel, client.deploys)
        if self.wait:
            deploy = client.wait_live(deploy)
        changed = not planned.is_complete or bool(self.settings)
        return {"deployment": deploy.describe(), "changed": changed, **(planned.goal.details if made else {})}
