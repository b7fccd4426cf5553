# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vercel's background jobs: builds, and the assignment of production domains to a deployment."""

from __future__ import annotations

import asyncio
from typing import Any

from ...builds import BuildFailed, Recipe
from ...context import Context
from ...server import free_port
from ...state import Site, SiteDeployment, Storefront, now
from .hosts import Hosts

STAGES: list[dict[str, Any]] = [{"targetPercentage": 50}, {"targetPercentage": 100}]
PREBUILT = ".vercel/output/"
UNFINISHED = ("QUEUED", "INITIALIZING", "BUILDING")


class VercelJobs:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.hosts = Hosts(context)
        self._builds: dict[str, asyncio.Task[None]] = {}
        self._assignments: dict[str, asyncio.Task[None]] = {}

    async def resume(self, front: Storefront) -> None:
        """Open every deployment's own URL again and resume unfinished jobs."""
        site = front.site
        for deployment in site.deployments.values():
            await self.open(deployment)
            if deployment.state in UNFINISHED and deployment.effect != "stuck":
                self.build(front, deployment)
        request = site.alias_request
        if (
            request
            and request["jobStatus"] in ("pending", "in-progress")
            and request["toDeploymentId"] in site.deployments
        ):
            self.assign(front, site.deployments[request["toDeploymentId"]], "")

    async def open(self, deployment: SiteDeployment) -> None:
        """Serve a deployment at its own URL, at another port where its port has been taken meanwhile."""
        try:
            await self.context.listeners.open(self.hosts.deployment(deployment), deployment.port)
        except OSError:
            deployment.port = free_port()
            await self.context.listeners.open(self.hosts.deployment(deployment), deployment.port)

    def build(self, front: Storefront, deployment: SiteDeployment) -> None:
        self._builds[deployment.id] = self.context.spawn(front.name, self._build(front, deployment))

    def cancel(self, deployment: SiteDeployment) -> None:
        if task := self._builds.pop(deployment.id, None):
            task.cancel()
        deployment.state = "CANCELED"
        self.context.save()

    async def _build(self, front: Storefront, deployment: SiteDeployment) -> None:
        deployment.log.clear()
        for state in ("INITIALIZING", "BUILDING"):
            await asyncio.sleep(self.context.delays.vercel)
            deployment.state = state
            self.context.save()
        deployment.building = now()
        if deployment.effect == "stuck":
            return
        settings = {**front.site.settings, **deployment.settings}
        try:
            if deployment.effect == "build_fails":
                raise BuildFailed('Command "npm run build" exited with 1')
            command, root = settings.get("buildCommand") or "", settings.get("rootDirectory") or ""
            files = deployment.files
            # the same build as of an upload that has only that folder
            if root and all(path.startswith(f"{root}/") for path in files):
                files, root = {path.removeprefix(f"{root}/"): digest for path, digest in files.items()}, ""
            prebuilt = any(path.startswith(PREBUILT) for path in files)
            output = f"{PREBUILT}static" if prebuilt else settings.get("outputDirectory") or "out"
            recipe = Recipe(files, deployment.variables, command, root, output, prebuilt=prebuilt)
            deployment.build = await self.context.builder.build(
                recipe, lambda line: deployment.log.append([now(), line])
            )
        except BuildFailed as failure:
            deployment.log.append([now(), f"Error: {failure}"])
            deployment.state, deployment.error = "ERROR", str(failure)
        else:
            await asyncio.sleep(self.context.delays.vercel)
            deployment.state, deployment.ready = "READY", now()
            if deployment.target == "production" and front.site.auto_assign and deployment.auto_assign:
                self.assign(front, deployment, "")
            else:  # its own URL is all that it is to have
                deployment.alias_assigned = now()
        self.context.save()

    def assign(self, front: Storefront, deployment: SiteDeployment, effect: str) -> None:
        """Begin to point the production domains at a deployment; a later one overtakes an earlier one."""
        if earlier := self._assignments.get(front.name):
            earlier.cancel()
        front.site.alias_results = [
            {"alias": host, "id": deployment.id, "status": "pending"} for host in front.site.domains
        ]
        self._assignments[front.name] = self.context.spawn(front.name, self._assign(front.site, deployment, effect))

    async def _roll(self, site: Site, deployment: SiteDeployment) -> None:
        """Go through a rolling release."""
        stages = [
            {
                "index": index,
                "isFinalStage": stage["targetPercentage"] == 100,
                "requireApproval": False,
                "duration": None,
                **stage,
            }
            for index, stage in enumerate(STAGES)
        ]

        def shape(which: SiteDeployment | None) -> dict[str, Any] | None:
            return (
                None
                if which is None
                else {
                    "id": which.id,
                    "name": which.name,
                    "url": which.url,
                    "createdAt": which.created,
                    "readyState": which.state,
                }
            )

        site.rolling = {
            **{
                "state": "ACTIVE",
                "currentDeployment": shape(site.deployments.get(site.live or "")),
                "canaryDeployment": shape(deployment),
            },
            **{
                "queuedDeploymentId": None,
                "advancementType": "automatic",
                "stages": stages,
                "activeStage": stages[0],
                "nextStage": stages[1],
            },
            **{"startedAt": now(), "updatedAt": now()},
        }
        self.context.save()
        await asyncio.sleep(self.context.delays.promotion * 4)
        site.rolling |= {"state": "COMPLETE", "activeStage": None, "nextStage": None, "updatedAt": now()}

    async def _assign(self, site: Site, deployment: SiteDeployment, effect: str) -> None:
        def set_state(job: str) -> None:
            if site.alias_request and site.alias_request["toDeploymentId"] == deployment.id:
                site.alias_request["jobStatus"] = job
            self.context.save()

        await asyncio.sleep(self.context.delays.promotion)
        set_state("in-progress")
        if effect == "stuck":
            return
        await asyncio.sleep(self.context.delays.promotion)
        if effect == "rolls":
            await self._roll(site, deployment)
        done = {"alias_fails": [], "alias_partial": site.domains[:1], "alias_stays": site.domains[:1]}.get(
            effect, site.domains
        )
        for result in site.alias_results:
            if result["alias"] in done:
                site.aliases[result["alias"]] = deployment.id
            result["status"] = "completed" if result["alias"] in done or effect == "alias_stays" else "failed"
        if effect in ("alias_fails", "alias_partial"):
            failed = ", ".join(result["alias"] for result in site.alias_results if result["status"] == "failed")
            deployment.alias_error = {"code": "alias_assignment_failed", "message": f"Could not assign {failed}."}
            set_state("failed")
            return
        site.live, deployment.alias_error = deployment.id, None
        deployment.promoted, deployment.alias_assigned = True, now()
        set_state("succeeded")
