# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Railway's background jobs: build, start, health check, switch of the domain, end of the old process."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

from ...builds import BuildFailed, Recipe
from ...context import Context
from ...faults import effect
from ...start import start_command
from ...state import Service, Storefront, UnitDeployment, now
from ...units import Unit

UNFINISHED = ("QUEUED", "INITIALIZING", "BUILDING", "DEPLOYING")
DEFAULT_TIMEOUT = 300  # seconds for a health check; the vendor's own
# by how they begin; a build that held secrets or ports could not be kept by content
BUILD_VARIABLES = ("NODE_ENV", "NEXT_PUBLIC_")


class RailwayJobs:
    """What a deployment goes through; the double of Render goes by it too, under other words: see render_jobs.py."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.running: dict[str, Unit] = {}  # by deployment
        self._starting: dict[str, Unit] = {}
        self._pipelines: dict[str, asyncio.Task[None]] = {}

    def log_file(self, deployment: UnitDeployment) -> Path:
        return self.context.folder / "units" / f"{deployment.id}.log"

    def deploy(
        self, front: Storefront, service: Service, files: dict[str, str], *, message: str | None, reason: str, image: str = "",  # noqa: E501
        variables: dict[str, str] | None = None, meta: dict[str, str] | None = None,
    ) -> UnitDeployment:  # fmt: skip
        """Add a deployment with the service's variables of this moment, or with ``variables``, and start
        its pipeline.
        """
        kept = dict(service.variables if variables is None else variables)
        deployment = UnitDeployment(
            str(uuid.uuid4()), now(), files, kept, message, reason, effect.get(), image, changed=now(), meta=meta or {}
        )
        service.deployments[deployment.id] = deployment
        self.context.save()
        self._begin(front, service, deployment)
        return deployment

    def redeploy(
        self, front: Storefront, service: Service, original: UnitDeployment, reason: str = "redeploy"
    ) -> UnitDeployment:
        """Deploy the files of ``original`` again, with the current variables."""
        return self.deploy(
            front,
            service,
            original.files,
            message=original.message,
            reason=reason,
            image=original.image,
            meta=original.meta,
        )

    async def cancel(self, deployment: UnitDeployment) -> None:
        if task := self._pipelines.get(deployment.id):
            task.cancel()
        self._status(deployment, "REMOVED")
        if unit := self._starting.pop(deployment.id, None):
            await self.context.units.stop(unit, drain=0)

    async def stop(self, deployment: UnitDeployment) -> None:
        """Stop a deployment's process; the deployment stays what the service's domain points at."""
        deployment.stopped = True
        self.context.save()
        if unit := self.running.pop(deployment.id, None):
            await self.context.units.stop(unit)

    async def remove(self, service: Service, deployment: UnitDeployment) -> None:
        """Take a deployment out of service; its image is kept."""
        if service.live == deployment.id:
            service.live = None
        await self.cancel(deployment)
        await self.stop(deployment)

    def restart(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        """Start a deployment's process again, as it was; a running one is stopped once the new one is healthy."""
        self._status(deployment, "DEPLOYING")
        self._pipelines[deployment.id] = self.context.spawn(front.name, self._serve(front, service, deployment))

    async def resume(self, front: Storefront) -> None:
        """Restart the processes that should run, and resume unfinished jobs."""
        revived = []
        for service in front.services.values():
            for deployment in service.deployments.values():
                if deployment.status in UNFINISHED and deployment.effect != "stuck":
                    self._begin(front, service, deployment)
                elif deployment.status == "REMOVING":
                    self._status(deployment, "REMOVED")
                elif runs(service, deployment) and deployment.id not in self.running:
                    revived.append(self._revive(front, service, deployment))
        await asyncio.gather(*revived)

    async def stop_units(self, front: Storefront, keep: set[str]) -> None:
        """Stop the processes of a storefront but for those of the deployments in ``keep``."""
        ids = [key for service in front.services.values() for key in service.deployments]
        units = [self._starting.pop(key) for key in ids if key in self._starting]
        units += [self.running.pop(key) for key in ids if key in self.running and key not in keep]
        await asyncio.gather(*(self.context.units.stop(unit, drain=1, grace=2) for unit in units))

    def _begin(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        self._pipelines[deployment.id] = self.context.spawn(front.name, self._pipeline(front, service, deployment))

    async def _pipeline(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        await self._step(deployment, "INITIALIZING")
        if not deployment.image:
            await self._step(deployment, "BUILDING")
            if deployment.effect == "stuck":
                return
            try:
                if deployment.effect == "build_fails":
                    raise BuildFailed('Command "npm run build" exited with 1')
                kept = {
                    name: value for name, value in deployment.variables.items() if name.startswith(BUILD_VARIABLES)
                } | service.build_variables
                deployment.log.clear()
                recipe = Recipe(deployment.files, kept, service.settings.get("buildCommand") or "")
                deployment.image = await self.context.builder.build(recipe, lambda line: self._log(deployment, line))
            except BuildFailed as failure:
                self._fail(deployment, failure)
                return
        await self._step(deployment, "DEPLOYING")
        try:
            await self._before(front, service, deployment)
        except BuildFailed as failure:
            self._fail(deployment, failure)
            return
        if deployment.effect != "stuck":
            await self._serve(front, service, deployment)

    async def _before(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        """Run the pre-deploy commands in the new image, with its variables. Raises BuildFailed for one that does."""
        app = self.context.builder.folder(deployment.image)
        for command in service.settings.get("preDeployCommand") or ():
            env = {
                "HOME": str(self.context.folder),
                "PATH": self.context.builder.search_path(app),
                **deployment.variables,
                **self._provided(front, service, deployment),
            }
            await self.context.builder.run(
                ["/bin/sh", "-c", command], app, env, lambda line: self._log(deployment, line)
            )

    def _fail(self, deployment: UnitDeployment, failure: BuildFailed) -> None:
        self._log(deployment, f"Error: {failure}")
        self._status(deployment, "FAILED")

    async def _serve(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        """Start the process; let the domain point at it once it is healthy, and only then end the one
        before. A cron job starts no process.
        """
        if service.kind == "cron":
            before, service.live, deployment.served = service.live, deployment.id, True
            self._status(deployment, "SUCCESS")
            if before and before != deployment.id:
                self._status(service.deployments[before], "REMOVED")
            return
        unit = self._starting[deployment.id] = await self._start(front, service, deployment)
        seconds = (
            0
            if deployment.effect in ("unhealthy", "crashes")
            else service.settings["healthcheckTimeout"] or DEFAULT_TIMEOUT
        )
        healthy = await self.context.units.healthy(unit, service.settings["healthcheckPath"], seconds)
        if not healthy:
            status = "CRASHED" if deployment.effect == "crashes" or not unit.running else "FAILED"
            ended = (
                "The process ended."
                if status == "CRASHED"
                else f"{service.settings['healthcheckPath']} did not answer 200 within {seconds} s."
            )
            self._log(deployment, f"1/1 replicas never became healthy! Healthcheck failed: {ended}")
            self._status(deployment, status)
            del self._starting[deployment.id]
            await self.context.units.stop(unit, drain=0)
            return
        del self._starting[deployment.id]
        order = list(service.deployments)
        if service.live in order and order.index(service.live) > order.index(deployment.id):
            self._status(deployment, "REMOVED")  # a newer one went live meanwhile
            await self.context.units.stop(unit, drain=0)
            return
        before, old = service.live, self.running.get(service.live or "")
        self.running[deployment.id], service.live = unit, deployment.id
        deployment.served, deployment.stopped = True, False
        self._status(deployment, "SUCCESS")
        if before and before != deployment.id:
            await self._retire(service.deployments[before])
        elif old:
            await self.context.units.stop(old)

    async def _retire(self, deployment: UnitDeployment) -> None:
        self._status(deployment, "REMOVING")
        await self.stop(deployment)
        self._status(deployment, "REMOVED")

    async def _revive(self, front: Storefront, service: Service, deployment: UnitDeployment) -> None:
        unit = self.running[deployment.id] = await self._start(front, service, deployment)
        await self.context.units.healthy(unit, service.settings["healthcheckPath"], 20)

    async def _start(self, front: Storefront, service: Service, deployment: UnitDeployment) -> Unit:
        app = self.context.builder.folder(deployment.image)

        def ended(unit: Unit) -> None:
            if self.running.get(deployment.id) is unit:
                del self.running[deployment.id]
                current = self.context.storefronts[front.name].services[service.id].deployments[deployment.id]
                self._status(current, "CRASHED")

        return await self.context.units.start(
            f"{front.name}-{service.name}",
            start_command(service.settings["startCommand"], app, self.context.builder.search_path(app)),
            variables={**deployment.variables, **self._provided(front, service, deployment)},
            log=self.log_file(deployment),
            ended=ended,
            port_variable=service.port_variable,
        )

    def _provided(self, front: Storefront, service: Service, deployment: UnitDeployment) -> dict[str, str]:
        """The variables that the vendor sets itself."""
        return {
            **{
                "RAILWAY_PROJECT_ID": front.project,
                "RAILWAY_ENVIRONMENT_ID": front.environment,
                "RAILWAY_ENVIRONMENT_NAME": "production",
            },
            **{
                "RAILWAY_SERVICE_ID": service.id,
                "RAILWAY_SERVICE_NAME": service.name,
                "RAILWAY_DEPLOYMENT_ID": deployment.id,
            },
        }

    async def _step(self, deployment: UnitDeployment, status: str) -> None:
        await asyncio.sleep(self.context.delays.railway)
        self._status(deployment, status)

    def _status(self, deployment: UnitDeployment, status: str) -> None:
        deployment.status, deployment.changed = status, now()
        self.context.save()

    def _log(self, deployment: UnitDeployment, line: str) -> None:
        deployment.log.append([now(), line])


def runs(service: Service, deployment: UnitDeployment) -> bool:
    """Return whether this deployment's process should run."""
    return (
        service.live == deployment.id
        and not deployment.stopped
        and deployment.status == "SUCCESS"
        and service.kind != "cron"
    )
