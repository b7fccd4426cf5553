# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render's API: services, deploys, rollback, variables and logs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Router

from ...context import Context
from ...faults import Fault, effect
from ...orders import service_of, units_of
from ...state import Service, Storefront, UnitDeployment, now
from ...vendor import Refusal, Vendor, json_body
from ..railway.jobs import UNFINISHED
from ..railway.nodes import iso
from .jobs import RenderJobs, identifier
from .nodes import OWNER, deploy_node, log_lines, service_node
from .source import Commit, UnknownCommit, read_commit

Body = dict[str, Any]
SETTABLE = {"autoDeploy", "branch", "name", "rootDir"}
SETTABLE_DETAILS = {"maintenanceMode", "preDeployCommand", "healthCheckPath"}


class Render(Vendor):
    name = "render"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.jobs = RenderJobs(context)
        self.running, self.resume, self.stop_units = self.jobs.running, self.jobs.resume, self.jobs.stop_units

    def app(self) -> Router:
        one, env, deploy = "/services/{service}", "/services/{service}/env-vars", "/services/{service}/deploys/{deploy}"
        routes = [
            self.route("GET", "/owners", "owners", self.owners),
            self.route("GET", "/logs", "logs", self.logs),
            self.route("GET", "/metrics/http-requests", "http_requests", self.http_requests),
            self.route("GET", "/services", "list_services", self.list_services),
            self.route("GET", one, "service", self.service),
            self.route("PATCH", one, "update", self.update),
            self.route("GET", f"{one}/deploys", "deploys", self.deploys),
            self.route("POST", f"{one}/deploys", "create", self.create),
            self.route("GET", deploy, "deploy", self.deploy),
            self.route("POST", f"{deploy}/cancel", "cancel", self.cancel),
            self.route("POST", f"{one}/rollback", "rollback", self.rollback),
            self.route("POST", f"{one}/suspend", "suspend", self.suspend),
            self.route("POST", f"{one}/resume", "resume", self.unsuspend),
            self.route("POST", f"{one}/restart", "restart", self.restart),
            self.route("POST", f"{one}/scale", "scale", self.scale),
            self.route("GET", f"{one}/instances", "instances", self.instances),
            self.route("GET", env, "list_env", self.list_env),
            self.route("PUT", env, "replace_env", self.replace_env),
            self.route("GET", f"{env}/{{key}}", "get_env", self.get_env),
            self.route("PUT", f"{env}/{{key}}", "upsert_env", self.upsert_env),
            self.route("DELETE", f"{env}/{{key}}", "delete_env", self.delete_env),
        ]
        return Router([Mount("/v1", routes=routes)])

    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        return Refusal(status, {"id": identifier("err-"), "message": message, "code": code})

    def rate_limited(self, fault: Fault) -> Response:
        answer = self.refusal(429, "rate_limited", "Rate limit exceeded").response
        answer.headers.update(
            {"ratelimit-limit": "400", "ratelimit-remaining": "0", "ratelimit-reset": f"{fault.retry_after:g}"}
        )
        return answer

    def authorize(self, request: Request) -> None:
        if self.bearer(request) != self.context.tokens["render"]:
            raise self.refusal(401, "unauthorized", "Unauthorized")

    # What a storefront has here

    def services_for(self, wanted: Body, variables: dict[str, str], created: int) -> list[Service]:
        """Return the services of a new storefront. Raises KeyError on a missing key."""
        shared: Body = {
            **{
                "repository": wanted["repository"],
                "branch": "main",
                "image": None,
                "buildCommand": "",
                "autoscaling": None,
            },
            **{
                "autoDeploy": "no",
                "suspended": False,
                "numInstances": 1,
                "maintenanceMode": {"enabled": False, "uri": ""},
            },
        }
        services = []
        for unit in units_of(wanted):
            service = service_of(
                wanted,
                unit,
                variables,
                key=identifier("srv-"),
                name=f"{wanted['name']}-{unit['name']}",
                created=created,
            )
            root = unit.get("root", wanted.get("root_directory", "apps/backend"))
            service.settings = {
                **shared,
                **service.settings,
                "unit": unit["name"],
                "rootDir": root,
                "preDeployCommand": unit.get("pre_deploy") or "",
            }
            services.append(service)
        return services

    async def push(self, front: Storefront, revision: str, repository: str = "") -> list[str]:
        """Handle a new commit on the branch, as from Git's webhook, and return the deploys that it starts.
        Each service has its own repository.
        """
        made: list[UnitDeployment] = []
        for service in front.services.values() if front.backend == "render" else ():
            if service.settings["autoDeploy"] == "yes" and not service.settings["suspended"]:
                made.append(
                    await self.jobs.make(front, service, await self._commit(service, revision), trigger="new_commit")
                )
        return [deployment.id for deployment in made]

    # Services

    async def owners(self, request: Request) -> Response:
        return self._page(request, [OWNER], "owner")

    async def list_services(self, request: Request) -> Response:
        names = request.query_params.getlist("name")
        found = [
            service_node(front, service)
            for front in self._fronts()
            for service in front.services.values()
            if not names or service.name in names
        ]
        return self._page(request, found, "service")

    async def service(self, request: Request) -> Response:
        return JSONResponse(service_node(*self._service(request)))

    async def update(self, request: Request) -> Response:
        front, service = self._service(request)
        body = await json_body(request, self)
        details = body.pop("serviceDetails", {})
        for given, known in ((body, SETTABLE), (details, SETTABLE_DETAILS)):
            if unknown := given.keys() - known:
                raise self.refusal(400, "bad_request", f"invalid JSON: unknown field {', '.join(sorted(unknown))}")
        if body.get("autoDeploy", "no") not in ("yes", "no"):
            raise self.refusal(400, "bad_request", "autoDeploy must be yes or no")
        mode = details.get("maintenanceMode", {"enabled": False, "uri": ""})
        if ("maintenanceMode" in details and not service.port) or [
            type(mode.get(key)) for key in ("enabled", "uri")
        ] != [bool, str]:
            raise self.refusal(400, "bad_request", "maintenanceMode needs a web service, enabled and uri")
        if "healthCheckPath" in details:
            details["healthcheckPath"] = details.pop("healthCheckPath") or None
        service.name = body.pop("name", service.name)
        service.settings |= {**body, **details}
        self.context.save()
        return JSONResponse(service_node(front, service))

    async def suspend(self, request: Request) -> Response:
        _unused, service = self._service(request)
        await self.jobs.suspend(service)
        self.context.save()
        return Response(status_code=202)

    async def unsuspend(self, request: Request) -> Response:
        front, service = self._service(request)
        if service.settings["suspended"]:
            service.settings["suspended"] = False
            if last := service.deployments.get(service.live or ""):
                await self.jobs.make(front, service, _source(last), trigger="service_resumed", image=last.image)
        self.context.save()
        return Response(status_code=202)

    async def restart(self, request: Request) -> Response:
        front, service = self._active(request)
        if service.live not in self.jobs.running:
            raise self.refusal(400, "bad_request", "service has no running instance to restart")
        self.jobs.renew(front, service)
        return Response(status_code=200)

    async def scale(self, request: Request) -> Response:
        front, service = self._service(request)
        count = (await json_body(request, self)).get("numInstances")
        if not isinstance(count, int) or count < 1:
            raise self.refusal(400, "bad_request", "numInstances must be a positive integer")
        if not service.settings["autoscaling"]:
            service.settings["numInstances"] = count
            self.jobs.fit(front, service)
        self.context.save()
        return Response(status_code=202)

    async def instances(self, request: Request) -> Response:
        _unused, service = self._service(request)
        return JSONResponse([{"id": key, "createdAt": iso(now())} for key, _unit in self.jobs.instances(service)])

    # Deploys

    async def deploys(self, request: Request) -> Response:
        _unused, service = self._service(request)
        wanted = request.query_params.getlist("status")
        newest = sorted(service.deployments.values(), key=lambda deployment: -deployment.created)
        found = [
            node for node in (deploy_node(service, item) for item in newest) if not wanted or node["status"] in wanted
        ]
        return self._page(request, found, "deploy")

    async def deploy(self, request: Request) -> Response:
        _unused, service = self._service(request)
        return JSONResponse(deploy_node(service, self._deploy(request, service)))

    async def create(self, request: Request) -> Response:
        front, service = self._active(request)
        body = await json_body(request, self)
        if unknown := body.keys() - {"commitId", "imageUrl", "clearCache", "deployMode", "artifactId"}:
            raise self.refusal(400, "bad_request", f"invalid JSON: unknown field {', '.join(sorted(unknown))}")
        if body.get("imageUrl"):
            raise self.refusal(400, "bad_request", "imageUrl is only for image-backed services")
        commit = await self._commit(service, body.get("commitId") or service.settings["branch"])
        if effect.get() in ("queued", "dropped"):
            if effect.get() == "queued":
                self.context.spawn(front.name, self._later(front, service, commit))
            return Response(status_code=202)
        made = await self.jobs.make(front, service, commit, trigger="api")
        return JSONResponse(deploy_node(service, made), 201)

    async def _later(self, front: Storefront, service: Service, commit: Commit) -> None:
        effect.set("")
        await asyncio.sleep(self.context.delays.render * 5)
        await self.jobs.make(front, service, commit, trigger="api")

    async def cancel(self, request: Request) -> Response:
        _unused, service = self._service(request)
        deployment = self._deploy(request, service)
        if deployment.status not in (*UNFINISHED, "PREPARING"):
            raise self.refusal(400, "bad_request", "deploy is not in progress")
        await self.jobs.cancel(deployment)
        return JSONResponse(deploy_node(service, deployment))

    async def rollback(self, request: Request) -> Response:
        front, service = self._active(request)
        target = service.deployments.get(str((await json_body(request, self)).get("deployId")))
        if target is None:
            raise self.refusal(404, "not_found", "deploy not found")
        if not target.served or not target.image:
            raise self.refusal(400, "bad_request", "cannot roll back to this deploy")
        made = await self.jobs.make(
            front, service, _source(target), trigger="rollback", image=target.image, variables=target.variables
        )
        return JSONResponse(deploy_node(service, made), 201)

    # Variables

    async def list_env(self, request: Request) -> Response:
        return self._variables(request, self._service(request)[1])

    async def replace_env(self, request: Request) -> Response:
        _unused, service = self._service(request)
        try:
            wanted = {str(item["key"]): str(item["value"]) for item in json.loads(await request.body())}
        except (ValueError, TypeError, KeyError):
            raise self.refusal(400, "bad_request", "the body must be a list of key and value") from None
        service.variables = wanted
        self.context.save()
        return self._variables(request, service)

    async def get_env(self, request: Request) -> Response:
        _unused, service = self._service(request)
        return JSONResponse(
            {"key": self._key(request, service), "value": service.variables[self._key(request, service)]}
        )

    async def upsert_env(self, request: Request) -> Response:
        _unused, service = self._service(request)
        key, value = request.path_params["key"], (await json_body(request, self)).get("value")
        if not isinstance(value, str):
            raise self.refusal(400, "bad_request", "value must be a string")
        service.variables[key] = value
        self.context.save()
        return JSONResponse({"key": key, "value": value})

    async def delete_env(self, request: Request) -> Response:
        _unused, service = self._service(request)
        del service.variables[self._key(request, service)]
        self.context.save()
        return Response(status_code=204)

    async def logs(self, request: Request) -> Response:
        query = request.query_params
        if query.get("ownerId") != OWNER["id"] or not query.getlist("resource"):
            raise self.refusal(400, "bad_request", "ownerId and resource are required")
        found: list[Body] = []
        for front in self._fronts():
            for service in front.services.values():
                if service.id in query.getlist("resource"):
                    found += log_lines(service, self.jobs.log_file, dict(self.jobs.instances(service)))
        types, texts = query.getlist("type"), query.getlist("text")

        def fits(line: Body) -> bool:
            labels = {label["name"]: label["value"] for label in line["labels"]}
            within = query.get("startTime", "") <= line["timestamp"] <= query.get("endTime", "9")
            return within and (not types or labels["type"] in types) and all(text in line["message"] for text in texts)

        chosen = [
            line
            for line in sorted(found, key=lambda line: line["timestamp"], reverse=query.get("direction") != "forward")
            if fits(line)
        ]
        limit = self._limit(request)
        page, more = chosen[:limit], len(chosen) > limit
        # A page begins with the time of the line after the last: lines of one time differ in theirs.
        last = chosen[limit]["timestamp"] if more else iso(now())
        return JSONResponse(
            {"hasMore": more, "nextStartTime": query.get("startTime", iso(0)), "nextEndTime": last, "logs": page}
        )

    async def http_requests(self, request: Request) -> Response:
        """The requests of a service by their status, a value for each minute that had any."""
        query = request.query_params
        known = (front.services.get(query.get("resource") or "") for front in self._fronts())
        service = next((one for one in known if one), None)
        if service is None or query.get("aggregateBy") != "statusCode":
            raise self.refusal(400, "bad_request", "resource must be a service, and aggregateBy statusCode")
        since, until = (datetime.fromisoformat(query[name]).timestamp() for name in ("startTime", "endTime"))
        series: dict[str, list[Body]] = {}
        for minute, counts in service.answered.items():
            for status, count in counts.items() if since - 60 < int(minute) <= until else ():
                at = datetime.fromtimestamp(int(minute), UTC).isoformat().replace("+00:00", "Z")
                series.setdefault(status, []).append({"timestamp": at, "value": float(count), "unit": "requests"})
        return JSONResponse(
            [
                {
                    "labels": [{"field": "resource", "value": service.id}, {"field": "statusCode", "value": status}],
                    "values": values,
                    "unit": "requests",
                }
                for status, values in sorted(series.items())
            ]
        )

    # How a request is read, and a list answered

    def _fronts(self) -> Iterable[Storefront]:
        return (front for front in self.context.storefronts.values() if front.backend == "render")

    def _service(self, request: Request) -> tuple[Storefront, Service]:
        for front in self._fronts():
            if service := front.services.get(request.path_params["service"]):
                return front, service
        raise self.refusal(404, "not_found", f"not found: {request.path_params['service']}")

    def _active(self, request: Request) -> tuple[Storefront, Service]:
        front, service = self._service(request)
        if service.settings["suspended"]:
            raise self.refusal(400, "bad_request", "service is suspended")
        return front, service

    def _deploy(self, request: Request, service: Service) -> UnitDeployment:
        if deployment := service.deployments.get(request.path_params["deploy"]):
            return deployment
        raise self.refusal(404, "not_found", f"not found: {request.path_params['deploy']}")

    def _key(self, request: Request, service: Service) -> str:
        if request.path_params["key"] in service.variables:
            return request.path_params["key"]
        raise self.refusal(404, "not_found", f"environment variable not found: {request.path_params['key']}")

    async def _commit(self, service: Service, revision: str) -> Commit:
        settings = service.settings
        try:
            return await asyncio.to_thread(
                read_commit, Path(settings["repository"]), revision, settings["rootDir"], self.context.blobs
            )
        except UnknownCommit:
            raise self.refusal(
                400, "bad_request", f"commit {revision} was not found in the repository of {service.name}"
            ) from None

    def _variables(self, request: Request, service: Service) -> Response:
        return self._page(
            request,
            [{"key": key, "value": value} for key, value in sorted(service.variables.items())],
            "envVar",
            lambda item: item["key"],
        )

    def _limit(self, request: Request) -> int:
        limit = request.query_params.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100:
            raise self.refusal(400, "bad_request", "limit must be between 1 and 100")
        return int(limit)

    def _page(
        self, request: Request, items: list[Body], name: str, key: Callable[[Body], str] = lambda item: item["id"]
    ) -> Response:
        """Answer with the page that follows the cursor; the cursor of an item names it."""
        cursor = request.query_params.get("cursor")
        keys = [key(item) for item in items]
        start = keys.index(cursor) + 1 if cursor in keys else 0
        return JSONResponse([{name: item, "cursor": key(item)} for item in items[start : start + self._limit(request)]])


def _source(deployment: UnitDeployment) -> Commit:
    node = deployment.commit
    return Commit(node["id"], node["message"], node["createdAt"], deployment.files)
