# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Railway's API: GraphQL executed on the vendor's own schema, and the upload of a tarball."""

from __future__ import annotations

import json
import time
import uuid
from datetime import datetime
from functools import lru_cache
from inspect import isawaitable
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLResolveInfo,
    OperationDefinitionNode,
    build_schema,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from ...context import Context
from ...faults import OPERATIONS
from ...log_times import timed
from ...orders import EXAMPLE, Order, service_of, units_of
from ...state import Service, Storefront, UnitDeployment
from ...vendor import Refusal, Vendor
from .jobs import UNFINISHED, RailwayJobs
from .nodes import USER, Node, Nodes, connection, iso, own_variables
from .settings import patch as merge
from .settings import regions, stage, update
from .source import NoSource, RailwaySource, below, unpack

SCHEMA = build_schema(Path(__file__).with_name("schema.graphql").read_text())


def _errors(*messages: str, code: str = "INTERNAL_SERVER_ERROR", **more: Any) -> dict[str, Any]:
    trace = uuid.uuid4().int % 10**18
    return {
        "errors": [{"message": text, "extensions": {"code": code}, "traceId": str(trace), **more} for text in messages],
        "data": None,
    }


class Railway(Vendor):
    name = "railway"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.jobs = RailwayJobs(context)
        self.nodes = Nodes(self.readable, self.jobs.running)
        self.running, self.resume, self.stop_units = self.jobs.running, self.jobs.resume, self.jobs.stop_units
        self.source = RailwaySource(self.jobs)
        self.connect_service, self.push = self.source.connect_service, self.source.push

    def app(self) -> Router:
        up = self.route("POST", "/project/{project}/environment/{environment}/up", "up", self.up)
        return Router([Route("/graphql/v2", self.graphql, methods=["POST"]), up])

    def services_for(self, wanted: Order, variables: dict[str, str], created: int) -> list[Service]:
        """Return the services of a new storefront."""
        services = [
            service_of(wanted, unit, variables, key=str(uuid.uuid4()), name=unit["name"], created=created)
            for unit in units_of(wanted)
        ]
        for service in services if wanted.get("units") is None else ():
            service.settings["healthcheckPath"] = EXAMPLE[0]["health"]  # its worker answers there, too
        return services

    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        return Refusal(status, {**_errors(message, code=code.upper()), "message": message})

    def authorize(self, request: Request) -> None:
        if self.fronts(request) is None:
            raise Refusal(
                200 if "graphql" in request.url.path else 401,
                {**_errors("Not Authorized"), "message": "Not Authorized"},
            )

    def writes(self, request: Request, operation: str) -> bool:
        return SCHEMA.query_type is None or operation not in SCHEMA.query_type.fields

    def fronts(self, request: Request) -> list[Storefront] | None:
        """Return the storefronts that the request's token may see: an account's token all, a project's
        token its own.
        """
        fronts = [front for front in self.context.storefronts.values() if front.backend == "railway"]
        if token := request.headers.get("project-access-token"):
            return [front for front in fronts if front.project_token == token] or None
        return fronts if self.bearer(request) == self.context.tokens["railway"] else None

    def readable(self, deployment: UnitDeployment) -> bool:
        return time.time() * 1000 - deployment.created >= self.context.delays.readable * 1000

    async def graphql(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
            document, wrong = _read(body["query"])
        except (ValueError, KeyError, TypeError, GraphQLError) as error:
            return JSONResponse(_errors(f"Syntax Error: {error}", code="GRAPHQL_PARSE_FAILED"), 400)
        if wrong:
            return JSONResponse(_errors(*(error.message for error in wrong), code="GRAPHQL_VALIDATION_FAILED"), 400)
        chosen = get_operation_ast(document, body.get("operationName"))
        if chosen is None:
            return JSONResponse(_errors("Must provide operation name.", code="BAD_REQUEST"), 400)

        async def call() -> Response:
            self.authorize(request)
            return await self._execute(request, document, body)

        return await self.answer(request, _operation(chosen), call)

    async def _execute(self, request: Request, document: DocumentNode, body: dict[str, Any]) -> Response:
        outcome = execute(
            SCHEMA,
            document,
            Resolvers(self, request),
            variable_values=body.get("variables") or {},
            operation_name=body.get("operationName"),
        )
        result: ExecutionResult = await outcome if isawaitable(outcome) else outcome
        if not result.errors:
            return JSONResponse({"data": result.data})
        errors = [
            _errors(error.message)["errors"][0]
            | {
                "path": error.path,
                "locations": [{"line": place.line, "column": place.column} for place in error.locations or ()],
            }
            for error in result.errors
        ]
        return JSONResponse({"errors": errors, "data": result.data})

    async def up(self, request: Request) -> Response:
        for front in self.fronts(request) or ():
            if (front.project, front.environment) == (
                request.path_params["project"],
                request.path_params["environment"],
            ):
                break
        else:
            raise Refusal(404, {"message": "Project or environment not found"})
        service = front.services.get(request.query_params.get("serviceId", ""))
        if service is None:
            raise Refusal(400, {"message": "Service not found: give serviceId"})
        try:
            files = below(
                unpack(self.context.blobs, await request.body(), "r:gz"), service.settings.get("rootDirectory")
            )
        except NoSource as reason:
            raise Refusal(400, {"message": str(reason)}) from None
        deployment = self.jobs.deploy(
            front, service, files, message=request.query_params.get("message"), reason="deploy"
        )
        base = f"http://{request.headers['host']}/project/{front.project}/service/{service.id}?id={deployment.id}"
        domain = f"127.0.0.1:{service.port}" if service.port else None
        return JSONResponse(
            {"deploymentId": deployment.id, "url": base, "logsUrl": f"{base}&logs", "deploymentDomain": domain}
        )


@lru_cache(maxsize=200)
def _read(query: str) -> tuple[DocumentNode, list[GraphQLError]]:
    """Return a query as a document, and what is wrong with it. Clients send the same ones again and again.
    Raises GraphQLError, TypeError.
    """
    document = parse(query)
    return document, validate(SCHEMA, document)


def _operation(chosen: OperationDefinitionNode) -> str:
    """Return the name of the first root field that the double knows: faults and the record of requests go by it."""
    fields = [item.name.value for item in chosen.selection_set.selections if isinstance(item, FieldNode)]
    return next((name for name in fields if name in OPERATIONS["railway"]), "query")


class Resolvers:
    """The root fields of the schema, for one request."""

    def __init__(self, railway: Railway, request: Request) -> None:
        self.railway, self.jobs, self.nodes = railway, railway.jobs, railway.nodes
        self.fronts = railway.fronts(request) or []
        self.by_project_token = "project-access-token" in request.headers

    def _front(self, *, project: str | None = None, environment: str | None = None) -> Storefront:
        for front in self.fronts:
            if project in (None, front.project) and environment in (None, front.environment):
                return front
        raise GraphQLError("Not Authorized")

    def _service(self, key: str | None, environment: str | None = None) -> tuple[Storefront, Service]:
        for front in self.fronts:
            if key in front.services and environment in (None, front.environment):
                return front, front.services[key]
        raise GraphQLError("ServiceInstance not found" if environment else "Service not found")

    def _deployment(self, key: str) -> tuple[Storefront, Service, UnitDeployment]:
        for front in self.fronts:
            for service in front.services.values():
                if key in service.deployments and self.railway.readable(service.deployments[key]):
                    return front, service, service.deployments[key]
        raise GraphQLError("Deployment not found")

    # Queries

    def me(self, info: GraphQLResolveInfo[Any]) -> Node:
        if self.by_project_token:
            raise GraphQLError("Not Authorized")
        rest = {"createdAt": iso(0), "isVerified": True, "has2FA": False, "isAdmin": False}
        return {**USER, **rest}

    def projectToken(self, info: GraphQLResolveInfo[Any]) -> Node:
        if not self.by_project_token:
            raise GraphQLError("Project Token not found")
        return self.nodes.project_token(self._front())

    def project(self, info: GraphQLResolveInfo[Any], id: str) -> Node:
        return self.nodes.project(self._front(project=id))

    def environment(self, info: GraphQLResolveInfo[Any], id: str, projectId: str | None = None) -> Node:
        return self.nodes.environment(self._front(project=projectId, environment=id))

    def service(self, info: GraphQLResolveInfo[Any], id: str) -> Node:
        return self.nodes.service(*self._service(id))

    def serviceInstance(self, info: GraphQLResolveInfo[Any], environmentId: str, serviceId: str) -> Node:
        return self.nodes.instance(*self._service(serviceId, environmentId))

    def deployment(self, info: GraphQLResolveInfo[Any], id: str) -> Node:
        return self.nodes.deployment(*self._deployment(id))

    def deployments(self, info: GraphQLResolveInfo[Any], input: dict[str, Any], **page: Any) -> Node:
        front = self._front(project=input.get("projectId"), environment=input.get("environmentId"))
        services = list(front.services.values())
        if key := input.get("serviceId"):
            front, chosen = self._service(key, input.get("environmentId"))
            services = [chosen]
        status = input.get("status") or {}
        found = [
            node
            for node in self.nodes.deployments(front, services)
            if node["status"] in (status.get("in") or [node["status"]])
            and node["status"] not in (status.get("notIn") or ())
        ]
        return connection(found, **page)

    def deploymentSnapshot(self, info: GraphQLResolveInfo[Any], deploymentId: str) -> Node:
        return self.nodes.snapshot(*self._deployment(deploymentId))

    def buildLogs(
        self, info: GraphQLResolveInfo[Any], deploymentId: str, limit: int = 100, filter: str = "", **_: Any
    ) -> list[Node]:
        front, service, deployment = self._deployment(deploymentId)
        return [self.nodes.log(front, service, deployment, at, line) for at, line in deployment.log if filter in line][
            -limit:
        ]

    def deploymentLogs(
        self, info: GraphQLResolveInfo[Any], deploymentId: str, limit: int = 100, filter: str = "", **_: Any
    ) -> list[Node]:
        front, service, deployment = self._deployment(deploymentId)
        file = self.jobs.log_file(deployment)
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        return [
            self.nodes.log(front, service, deployment, at, line)
            for at, line in timed(lines, deployment.changed)
            if filter in line
        ][-limit:]

    def httpMetricsGroupedByStatus(
        self, info: GraphQLResolveInfo[Any], environmentId: str, serviceId: str, **when: Any
    ) -> list[Node]:
        service = self._service(serviceId, environmentId)[1]
        since, until = (datetime.fromisoformat(when[name]).timestamp() for name in ("startDate", "endDate"))
        found: dict[str, list[Node]] = {}
        for minute, counts in service.answered.items():
            for status, count in counts.items() if since - 60 < int(minute) <= until else ():
                found.setdefault(status, []).append({"ts": int(minute), "value": float(count)})
        return [{"statusCode": int(status), "samples": samples} for status, samples in sorted(found.items())]

    def environmentStagedChanges(self, info: GraphQLResolveInfo[Any], environmentId: str) -> Node:
        return self.nodes.staged(self._front(environment=environmentId))

    def regions(self, info: GraphQLResolveInfo[Any], **_: Any) -> list[Node]:
        return regions()

    def serviceInstanceAutoDeployStatus(
        self, info: GraphQLResolveInfo[Any], environmentId: str, serviceId: str, **_: Any
    ) -> Node:
        service = self._service(serviceId, environmentId)[1]
        able = bool(service.source.get("repo"))
        return {
            "enabled": able and service.auto_deploy,
            "canEnable": able,
            "reason": None if able else "Service is not connected to a repository",
        }

    def variables(
        self, info: GraphQLResolveInfo[Any], projectId: str, environmentId: str, serviceId: str | None = None, **_: Any
    ) -> dict[str, str]:
        front = self._front(project=projectId, environment=environmentId)
        if serviceId is None:
            return {}
        service = self._service(serviceId, environmentId)[1]
        return {**service.variables, **own_variables(front, service)}

    # Mutations

    async def deploymentCancel(self, info: GraphQLResolveInfo[Any], id: str) -> bool:
        deployment = self._deployment(id)[-1]
        if deployment.status not in UNFINISHED:
            raise GraphQLError("Deployment is not in progress")
        await self.jobs.cancel(deployment)
        return True

    def deploymentRollback(self, info: GraphQLResolveInfo[Any], id: str) -> bool:
        front, service, target = self._deployment(id)
        if not self.nodes.can_roll_back(service, target):
            raise GraphQLError("Deployment cannot be rolled back to")
        service.variables = dict(target.variables)
        self.jobs.deploy(
            front,
            service,
            target.files,
            message=target.message,
            reason="rollback",
            image=target.image,
            meta=target.meta,
        )
        return True

    async def deploymentStop(self, info: GraphQLResolveInfo[Any], id: str) -> bool:
        deployment = self._deployment(id)[-1]
        await self.jobs.stop(deployment)
        return True

    def deploymentRestart(self, info: GraphQLResolveInfo[Any], id: str) -> bool:
        front, service, deployment = self._deployment(id)
        if service.live != id:
            raise GraphQLError("Deployment is not active")
        self.jobs.restart(front, service, deployment)
        return True

    async def deploymentRemove(self, info: GraphQLResolveInfo[Any], id: str) -> bool:
        _unused, service, deployment = self._deployment(id)
        await self.jobs.remove(service, deployment)
        return True

    def deploymentRedeploy(self, info: GraphQLResolveInfo[Any], id: str, **_: Any) -> Node:
        front, service, deployment = self._deployment(id)
        return self.nodes.deployment(front, service, self.jobs.redeploy(front, service, deployment))

    def serviceInstanceDeployV2(
        self, info: GraphQLResolveInfo[Any], environmentId: str, serviceId: str, commitSha: str | None = None
    ) -> str:
        front, service = self._service(serviceId, environmentId)
        try:
            if commitSha:
                return self.railway.source.deploy(front, service, commitSha).id
            return (self.railway.source.deploy_image if service.source.get("image") else self._redeploy_latest)(
                front, service
            ).id
        except NoSource as reason:
            raise GraphQLError(str(reason)) from None

    def serviceInstanceDeploy(
        self, info: GraphQLResolveInfo[Any], environmentId: str, serviceId: str, **_: Any
    ) -> bool:
        return bool(self.serviceInstanceDeployV2(info, environmentId, serviceId))

    def serviceInstanceRedeploy(self, info: GraphQLResolveInfo[Any], environmentId: str, serviceId: str) -> bool:
        return bool(self._redeploy_latest(*self._service(serviceId, environmentId)))

    def serviceInstanceUpdate(
        self, info: GraphQLResolveInfo[Any], serviceId: str, input: dict[str, Any], environmentId: str | None = None
    ) -> bool:
        _unused, service = self._service(serviceId, environmentId)
        update(service, input)
        self.railway.context.save()
        return True

    def serviceInstanceAutoDeployUpdate(self, info: GraphQLResolveInfo[Any], input: dict[str, Any]) -> Node:
        _unused, service = self._service(input["serviceId"], input["environmentId"])
        if input["enabled"] and not service.source.get("repo"):
            raise GraphQLError("Service is not connected to a repository")
        service.auto_deploy = input["enabled"]
        self.railway.context.save()
        return {"enabled": service.auto_deploy}

    def serviceConnect(self, info: GraphQLResolveInfo[Any], id: str, input: dict[str, Any]) -> Node:
        front, service = self._service(id)
        service.source = {"repo": input["repo"], "branch": input.get("branch") or "main"} if input.get("repo") else {}
        service.auto_deploy = bool(service.source)
        self.railway.context.save()
        return self.nodes.service(front, service)

    def environmentPatchCommit(
        self, info: GraphQLResolveInfo[Any], environmentId: str, patch: dict[str, Any] | None = None, **_: Any
    ) -> str:
        return self._apply(self._front(environment=environmentId), patch or {}, deploys=True)

    def environmentStageChanges(
        self, info: GraphQLResolveInfo[Any], environmentId: str, input: dict[str, Any], merge: bool = False
    ) -> Node:
        front = self._front(environment=environmentId)
        front.staged = stage(front.staged if merge else {}, input)
        self.railway.context.save()
        return self.nodes.staged(front)

    def environmentPatchCommitStaged(
        self, info: GraphQLResolveInfo[Any], environmentId: str, skipDeploys: bool = False, **_: Any
    ) -> str:
        front = self._front(environment=environmentId)
        if not front.staged:
            raise GraphQLError("No staged changes to commit")
        patch, front.staged = front.staged, {}
        return self._apply(front, patch, deploys=not skipDeploys)

    def _apply(self, front: Storefront, patch: dict[str, Any], *, deploys: bool) -> str:
        for key, wanted in (patch.get("services") or {}).items():
            service = self._service(key, front.environment)[1]
            if merge(service, wanted) and deploys and service.live:
                self.jobs.redeploy(front, service, service.deployments[service.live])
        self.railway.context.save()
        return str(uuid.uuid4())

    def variableUpsert(self, info: GraphQLResolveInfo[Any], input: dict[str, Any]) -> bool:
        return self._set(input, {input["name"]: input["value"]})

    def variableCollectionUpsert(self, info: GraphQLResolveInfo[Any], input: dict[str, Any]) -> bool:
        return self._set(input, input["variables"], replace=input["replace"])

    def variableDelete(self, info: GraphQLResolveInfo[Any], input: dict[str, Any]) -> bool:
        return self._set(input, {}, without=input["name"])

    def _set(self, input: dict[str, Any], values: dict[str, str], *, replace: bool = False, without: str = "") -> bool:
        """Change a service's variables, and redeploy it when anything changed, unless the caller skips that."""
        front, service = self._service(input.get("serviceId"), input["environmentId"])
        before = service.variables
        service.variables = {
            key: value for key, value in {**({} if replace else before), **values}.items() if key != without
        }
        self.railway.context.save()
        if service.variables != before and not input.get("skipDeploys") and service.live:
            self.jobs.redeploy(front, service, service.deployments[service.live])
        return True

    def _redeploy_latest(self, front: Storefront, service: Service) -> UnitDeployment:
        if not service.deployments:
            raise GraphQLError("Service has no deployment to deploy again")
        newest = max(service.deployments.values(), key=lambda deployment: deployment.created)
        return self.jobs.redeploy(front, service, newest)
