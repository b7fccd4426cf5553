# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render's background jobs: as at Railway, but from a commit, with a pre-deploy command and several instances."""

from __future__ import annotations

import asyncio
import random
import secrets
import string
from collections import defaultdict

from ...builds import BuildFailed
from ...context import Context
from ...faults import effect
from ...state import Service, Storefront, UnitDeployment, now
from ...units import Unit
from ..railway.jobs import UNFINISHED, RailwayJobs, runs
from .source import Commit

# How the stages of a deployment are called at Render; the rest follows from its state: see status().
WORDS = {
    "QUEUED": "created",
    "INITIALIZING": "queued",
    "BUILDING": "build_in_progress",
    "DEPLOYING": "update_in_progress",
    "SUCCESS": "live",
}
_ALPHABET = string.ascii_lowercase + string.digits


def identifier(prefix: str, length: int = 20) -> str:
    return prefix + "".join(secrets.choice(_ALPHABET) for _unused in range(length))


def status(service: Service, deployment: UnitDeployment) -> str:
    """Return Render's word for the state of a deploy."""
    if deployment.status == "CRASHED" and service.live == deployment.id:
        return "live"  # Render starts it again and again, and the deploy keeps its word
    if deployment.status in ("FAILED", "CRASHED"):
        return (
            "pre_deploy_failed"
            if deployment.effect == "pre_deploy_failed"
            else "update_failed"
            if deployment.image
            else "build_failed"
        )
    if deployment.status in ("REMOVING", "REMOVED"):
        return "deactivated" if deployment.served else "canceled"
    return "pre_deploy_in_progress" if deployment.status == "PREPARING" else WORDS[deployment.status]


class RenderJobs(RailwayJobs):
    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.more: dict[str, list[Unit]] = {}  # the instances of a deploy beside its first
        self._one_at_a_time: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by service

    async def resume(self, front: Storefront) -> None:
        for deployment in (item for service in front.services.values() for item in service.deployments.values()):
            # a deployment in progress starts again
            deployment.status = "BUILDING" if deployment.status == "PREPARING" else deployment.status
        await super().resume(front)

    async def make(
        self,
        front: Storefront,
        service: Service,
        commit: Commit,
        *,
        trigger: str,
        image: str = "",
        variables: dict[str, str] | None = None,
    ) -> UnitDeployment:
        """Deploy a commit, or with ``image`` what was built of it already; deployments in progress are canceled."""
        for other in list(service.deployments.values()):
            if other.status in (*UNFINISHED, "PREPARING"):
                await self.cancel(other)
        kept = dict(service.variables if variables is None else variables)
        deployment = UnitDeployment(
            identifier("dep-"),
            now(),
            commit.files,
            kept,
            commit.message,
            trigger,
            effect.get(),
            image,
            commit.node,
            changed=now(),
        )
        service.deployments[deployment.id] = deployment
        self.context.save()
        self._begin(front, service, deployment)
        return deployment

    def instances(self, service: Service) -> list[tuple[str, Unit]]:
        """Return the units that run for a service with their ids."""
        first = self.running.get(service.live or "")
        units = [*([first] if first else []), *self.more.get(service.live or "", [])]
        return [(f"{service.id}-{unit.process.pid % 10**5:05d}", unit) for unit in units if unit.running]

    def choose(self, service: Service) -> Unit | None:
        units = self.instances(service)
        return random.choice(units)[1] if units else None

    async def suspend(self, service: Service) -> None:
        service.settings["suspended"] = True
        for deployment in list(service.deployments.values()):
            if deployment.status in (*UNFINISHED, "PREPARING"):
                await self.cancel(deployment)
        if service.live:
            await self.stop(service.deployments[service.live])

    def renew(self, front: Storefront, service: Service) -> None:
        """Start the live deploy's processes again; the old ones end once the new ones are healthy."""
        self.context.spawn(front.name, self._renew(front, service, service.deployments[service.live or ""]))

    def fit(self, front: Storefront, service: Service) -> None:
        """Run as many instances as the service is set to."""
        if service.live in self.running:
            self.context.spawn(front.name, self._fit(front, service, service.deployments[service.live]))

    async def stop(self, deployment: UnitDeployment) -> None:
        more = self.more.pop(deployment.id, [])
        await asyncio.gather(super().stop(deployment), *(self.context.units.stop(unit) for unit in more))

    async def stop_units(self, front: Storefront, keep: set[str]) -> None:
        more = [
            unit
            for service in front.services.values()
            for key in service.deployments
            for unit in self.more.pop(key, [])
        ]
        await asyncio.gather(
            super().stop_units(front, keep), *(self.context.units.stop(unit, drain=1, grace=2) for unit in more)
        )

    async def _before(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        command = service.settings.get("preDeployCommand") or ""
        if not command and deployment.effect != "pre_deploy_fails":
            return
        self._status(deployment, "PREPARING")
        app = self.context.builder.folder(deployment.image)
        provided = {
            "HOME": str(self.context.folder),
            "PATH": self.context.builder.search_path(app),
            **self._provided(front, service, deployment),
        }
        try:
            if deployment.effect == "pre_deploy_fails":
                raise BuildFailed("The pre-deploy command exited with 1")
            await self.context.builder.run(
                ["/bin/sh", "-c", command],
                app,
                {**deployment.variables, **provided},
                lambda line: self._log(deployment, line),
            )
        except BuildFailed:
            deployment.effect = "pre_deploy_failed"
            raise
        self._status(deployment, "DEPLOYING")

    def _provided(self, front: Storefront, service: Service, deployment: UnitDeployment) -> dict[str, str]:
        return {
            **{
                "RENDER": "true",
                "RENDER_SERVICE_ID": service.id,
                "RENDER_SERVICE_NAME": service.name,
                "RENDER_GIT_COMMIT": deployment.commit.get("id", ""),
            },
            **{"IS_PULL_REQUEST": "false", "RENDER_SERVICE_TYPE": "web" if service.port else "worker"},
        }

    async def _serve(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        await super()._serve(front, service, deployment)
        if deployment.id == service.live:
            await self._fit(front, service, deployment)

    async def _revive(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        await super()._revive(front, service, deployment)
        await self._fit(front, service, deployment)

    async def _fit(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        async with self._one_at_a_time[service.id]:
            await self._adjust(front, service, deployment)

    async def _adjust(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        if not runs(service, deployment):
            return
        more = self.more.setdefault(deployment.id, [])
        wanted = service.settings["numInstances"] - 1
        while len(more) > wanted:
            await self.context.units.stop(more.pop())
        fresh: list[Unit] = []
        try:
            while len(more) + len(fresh) < wanted:
                fresh.append(await self._start(front, service, deployment))
            await asyncio.gather(
                *(self.context.units.healthy(unit, service.settings["healthcheckPath"], 20) for unit in fresh)
            )
            if runs(service, deployment):  # it may have been stopped or followed by another one meanwhile
                more.extend(fresh)
                fresh = []
        finally:
            await asyncio.gather(*(self.context.units.stop(unit, drain=0) for unit in fresh))

    async def _renew(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        async with self._one_at_a_time[service.id]:
            unit = await self._start(front, service, deployment)
            await self.context.units.healthy(unit, service.settings["healthcheckPath"], 20)
            old = [unit]
            if runs(service, deployment):
                old = [self.running.pop(deployment.id), *self.more.pop(deployment.id, [])]
                self.running[deployment.id] = unit
            await asyncio.gather(*(self.context.units.stop(one) for one in old))
            await self._adjust(front, service, deployment)

    async def _step(self, deployment: UnitDeployment, status: str) -> None:
        await asyncio.sleep(self.context.delays.render)
        self._status(deployment, status)
