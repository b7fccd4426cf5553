# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vercel's API: uploads, deployments, promotion and rollback, projects and their variables."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Router

from ... import git
from ...builds import entry
from ...context import Context
from ...exchanges import OWN_CLIENT
from ...faults import Fault, effect
from ...server import free_port
from ...state import Site, SiteDeployment, Storefront, identifier, now
from ...vendor import Refusal, Vendor, json_body
from . import git as vercel_git
from . import rolling
from .jobs import STAGES, UNFINISHED, VercelJobs
from .variables import Variables

USER = {"id": "developer", "email": "developer@shop.example", "name": "A Developer", "username": "developer"}
DEPLOYMENT_KEYS = {
    *(
        "name",
        "project",
        "target",
        "files",
        "meta",
        "deploymentId",
        "gitMetadata",
        "projectSettings",
        "customEnvironmentSlugOrId",
    ),
    *("gitSource", "monorepoManager", "withLatestCommit"),
}
SETTINGS = {
    *(
        "buildCommand",
        "commandForIgnoringBuildStep",
        "devCommand",
        "framework",
        "installCommand",
        "nodeVersion",
        "outputDirectory",
    ),
    *("rootDirectory", "serverlessFunctionRegion", "skipGitConnectDuringLink", "sourceFilesOutsideRootDirectory"),
}


class Vercel(Vendor):
    name = "vercel"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.jobs = VercelJobs(context)
        self.resume = self.jobs.resume
        self.variables = Variables(self)

    def app(self) -> Router:
        routes = [
            self.route("POST", "/v2/files", "upload", self.upload),
            self.route("POST", "/v13/deployments", "create", self.create),
            self.route("GET", "/v13/deployments/{id}", "get", self.get),
            self.route("GET", "/v7/deployments", "list", self.list_deployments),
            self.route("GET", "/v6/deployments", "list", self.list_deployments),
            self.route("PATCH", "/v12/deployments/{id}/cancel", "cancel", self.cancel),
            self.route("GET", "/v3/deployments/{id}/events", "events", self.events),
            self.route("GET", "/v3/now/deployments/{id}/events", "events", self.events),
            self.route(
                "GET", "/v1/projects/{project}/deployments/{id}/runtime-logs", "runtime_logs", self.runtime_logs
            ),
            self.route("GET", "/v2/deployments/{id}/aliases", "aliases", self.aliases),
            self.route("POST", "/v10/projects/{project}/promote/{id}", "promote", self.promote),
            self.route("GET", "/v1/projects/{project}/promote/aliases", "promote_aliases", self.promote_aliases),
            self.route("POST", "/v1/projects/{project}/rollback/{id}", "rollback", self.rollback),
            self.route("POST", "/v9/projects/{project}/rollback/{id}", "rollback", self.rollback),
            self.route("GET", "/v1/projects/{project}/rolling-release", "rolling_release", self.rolling_release),
            self.route(
                "GET", "/v1/projects/{project}/rolling-release/billing", "rolling_billing", self.rolling_billing
            ),
            self.route("GET", "/v1/projects/{project}/rolling-release/config", "rolling_config", self.rolling_config),
            self.route(
                "PATCH", "/v1/projects/{project}/rolling-release/config", "configure_rolling", self.configure_rolling
            ),
            *(
                self.route("POST", f"/v1/projects/{{project}}/rolling-release/{verb}", f"{name}_rolling", self.roll)
                for verb, name in (("start", "start"), ("approve-stage", "approve"), ("complete", "complete"))
            ),
            self.route("GET", "/v9/projects/{project}", "project", self.project),
            self.route("PATCH", "/v9/projects/{project}", "update_project", self.update_project),
            self.route("GET", "/v9/projects/{project}/domains", "domains", self.domains),
            self.route("GET", "/v10/projects/{project}/env", "list_env", self.list_env),
            self.route("POST", "/v10/projects/{project}/env", "upsert_env", self.upsert_env),
            self.route("GET", "/v1/projects/{project}/env/{variable}", "get_env", self.get_env),
            self.route("PATCH", "/v9/projects/{project}/env/{variable}", "update_env", self.update_env),
            self.route("DELETE", "/v9/projects/{project}/env/{variable}", "delete_env", self.delete_env),
            self.route("GET", "/v2/user", "user", self.user),
            self.route("GET", "/v2/teams/{team}", "team", self.team),
            self.route("GET", "/teams/{team}", "team", self.team),  # without a version, as Vercel's own client asks
            self.route("GET", "/v1/teams", "team", self.teams),
        ]
        return Router(routes)

    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        return Refusal(status, {"error": {"code": code, "message": message, **more}})

    def rate_limited(self, fault: Fault) -> Response:
        reset = now() + int(fault.retry_after * 1000)
        limit = {"remaining": 0, "reset": reset // 1000, "resetMs": reset, "total": 100}
        return self.refusal(429, "rate_limited", "Rate limit exceeded", limit=limit).response

    def authorize(self, request: Request) -> None:
        if not self.bearer(request):
            raise self.refusal(401, "forbidden", "The request is missing an authentication token", missingToken=True)
        if self.bearer(request) != self.context.tokens["vercel"]:
            raise self.refusal(403, "forbidden", "Not authorized", invalidToken=True)
        team = request.query_params.get("teamId") or request.query_params.get("slug")
        if team not in (None, self.context.team, "sandbox"):
            raise self.refusal(403, "forbidden", "Not authorized: you are not a member of this team")

    # Finding what a request means. Projects belong to the team: without teamId or slug there are none.

    def _fronts(self, request: Request) -> list[Storefront]:
        scoped = "teamId" in request.query_params or "slug" in request.query_params
        return list(self.context.storefronts.values()) if scoped else []

    def _front(self, request: Request, project: str) -> Storefront:
        for front in self._fronts(request):
            if project in (front.site.id, front.site.name):
                return front
        raise self.refusal(404, "not_found", "Project not found")

    def _deployment(self, request: Request) -> tuple[Storefront, SiteDeployment]:
        wanted = request.path_params["id"]
        for front in self._fronts(request):
            for deployment in front.site.deployments.values():
                if wanted in (deployment.id, deployment.url):
                    return front, deployment
        raise self.refusal(404, "not_found", "The deployment could not be found")

    def _of_project(self, request: Request) -> tuple[Storefront, SiteDeployment]:
        front = self._front(request, request.path_params["project"])
        if request.path_params["id"] not in front.site.deployments:
            raise self.refusal(404, "not_found", "The deployment could not be found in this project")
        return front, front.site.deployments[request.path_params["id"]]

    # Deployments

    async def upload(self, request: Request) -> Response:
        body = await request.body()
        digest = request.headers.get("x-vercel-digest") or request.headers.get("x-now-digest") or ""
        if digest != self.context.blobs.put(body):
            raise self.refusal(400, "bad_request", "The digest in x-vercel-digest is not the SHA-1 of the body")
        return JSONResponse({})

    async def create(self, request: Request) -> Response:
        body = await json_body(request, self)
        own_client = request.headers.get("user-agent", "").startswith(OWN_CLIENT)
        self._check(body, own_client)
        front = self._front(request, body.get("project") or body["name"])
        target = None if body.get("target") == "preview" else body.get("target")
        kept: dict[str, Any] = {"target": target, "settings": body.get("projectSettings") or {}, "effect": effect.get()}
        kept["environment"] = self._environment(front.site, body.get("customEnvironmentSlugOrId"))
        kept["auto_assign"] = body.get("autoAssignCustomDomains", True)
        meta = body.get("meta") or {}
        if "gitSource" in body:
            deployment = await self._build_commit(
                front, body["gitSource"], meta, source="api-trigger-git-deploy", **kept
            )
        elif original := body.get("deploymentId"):
            if original not in front.site.deployments:
                raise self.refusal(404, "not_found", "The deployment to redeploy could not be found")
            first = front.site.deployments[original]
            deployment = await self._build(
                front, first.files, {**first.meta, **meta}, source="redeploy", git=first.git, **kept
            )
        else:
            deployment = await self._build(front, self._files(body, own_client), meta, **kept)
        return JSONResponse(self._shape(front.site, deployment))

    def _environment(self, site: Site, wanted: str | None) -> str:
        for known in site.environments:
            if wanted in (known["slug"], known["id"]):
                return known["slug"]
        if wanted:
            raise self.refusal(404, "not_found", "The custom environment could not be found")
        return ""

    async def _build(
        self, front: Storefront, files: dict[str, str], meta: dict[str, str], *, target: str | None, **more: Any
    ) -> SiteDeployment:
        variables = self._build_variables(front.site, target, more.get("environment", ""))
        deployment = SiteDeployment(
            identifier("dpl_"), front.site.name, free_port(), now(), target, files, variables, meta=meta, **{"settings": {}, **more},  # noqa: E501
        )  # fmt: skip
        front.site.deployments[deployment.id] = deployment
        await self.jobs.open(deployment)
        self.context.save()
        self.jobs.build(front, deployment)
        return deployment

    async def _build_commit(
        self, front: Storefront, wanted: dict[str, Any], meta: dict[str, str], **more: Any
    ) -> SiteDeployment:
        """Build a commit of the repository that the project is linked to; only the project's root directory
        is taken from it.
        """
        link = front.site.git
        if not link or not vercel_git.names_the_link(wanted):
            raise self.refusal(400, "incorrect_git_source_info", "The provided GitHub repository can't be found.")
        try:
            commit = await git.resolve(link["repository"], wanted.get("sha") or wanted["ref"])
            files = await git.files(
                link["repository"], commit, front.site.settings.get("rootDirectory") or "", self.context.blobs
            )
        except git.NoCommit:
            message = "The provided GitHub repository does not contain the requested branch or commit reference."
            raise self.refusal(400, "incorrect_git_source_info", message) from None
        source = {**vercel_git.git_source(front.site, commit), "ref": wanted["ref"]}
        git_meta = vercel_git.git_meta(source, await git.subject(link["repository"], commit))
        return await self._build(front, files, {**git_meta, **meta}, git=source, **more)  # pylint: disable=missing-kwoa

    def connect(self, front: Storefront, repository: str | None, wanted: dict[str, Any]) -> None:
        """Link a project to a repository on this machine, to be built in ``root_directory``; without a
        repository, take the link away.
        """
        if repository is None:
            front.site.git = None
            front.site.settings.pop("rootDirectory", None)
            return
        front.site.git = {"repository": repository, "production_branch": str(wanted.get("production_branch", "main"))}
        front.site.settings["rootDirectory"] = str(wanted.get("root_directory", "apps/frontend"))

    async def push(self, front: Storefront, commit: str, repository: str) -> str | None:
        """Build a commit that was pushed to the production branch, and serve it where auto-assignment is
        on; return the deployment's id.
        """
        if not front.site.git or front.site.git["repository"] != repository:
            return None
        wanted = vercel_git.git_source(front.site, commit)
        return (await self._build_commit(front, wanted, {}, source="git", target="production")).id

    def _check(self, body: dict[str, Any], own_client: bool) -> None:
        """Hold a creation against the contract: no unknown keys, the right types. Vercel's own client sends
        more than the contract has.
        """
        settings, meta = body.get("projectSettings") or {}, body.get("meta") or {}
        unknown = set() if own_client else body.keys() - DEPLOYMENT_KEYS
        for wrong, where in ((unknown, "body"), (settings.keys() - SETTINGS, "projectSettings")):
            if wrong:
                raise self.refusal(
                    400,
                    "bad_request",
                    f"Invalid request: {where} should NOT have additional property `{sorted(wrong)[0]}`.",
                )
        if not isinstance(body.get("name"), str):
            raise self.refusal(400, "bad_request", "Invalid request: missing required property `name`.")
        if len(meta) > 100 or not all(isinstance(value, str) for value in meta.values()):
            raise self.refusal(400, "bad_request", "Invalid request: `meta` takes up to 100 strings.")
        if body.get("target") not in (None, "production", "staging", "preview"):
            raise self.refusal(
                400, "bad_request", "Invalid request: `target` should be equal to one of the allowed values."
            )
        if not body.get("files") and not body.get("deploymentId") and "gitSource" not in body:
            raise self.refusal(
                400, "bad_request", "Invalid request: one of `files`, `gitSource` or `deploymentId` is required."
            )

    def _files(self, body: dict[str, Any], own_client: bool) -> dict[str, str]:
        """Return path → entry of the files, the inline ones now stored. Refuses while any is missing."""
        files = {}
        for item in body["files"]:
            name, keys, mode = item.get("file"), item.keys() - ({"mode"} if own_client else set()), item.get("mode")
            well_formed = isinstance(name, str) and (
                mode is None or (isinstance(mode, int) and not isinstance(mode, bool))
            )
            if not well_formed or not (keys <= {"file", "sha", "size", "mode"} or keys <= {"file", "data", "encoding"}):
                raise self.refusal(
                    400, "bad_request", "Invalid request: `files` should match exactly one schema in oneOf."
                )
            if name.startswith("/") or ".." in name.split("/"):
                raise self.refusal(400, "bad_request", f"Invalid file path: {name}")
            if "data" in item:
                try:
                    inline = (
                        base64.b64decode(item["data"]) if item.get("encoding") == "base64" else item["data"].encode()
                    )
                except binascii.Error:
                    raise self.refusal(400, "bad_request", f"Invalid base64 data of {name}") from None
                files[name] = entry(self.context.blobs.put(inline), mode)
            else:
                files[name] = entry(str(item.get("sha")), mode)
        if missing := sorted(
            {digest for kept in files.values() if (digest := kept.partition(" ")[0]) not in self.context.blobs}
        ):
            raise self.refusal(400, "missing_files", "Missing files", missing=missing)
        return files

    async def get(self, request: Request) -> Response:
        front, deployment = self._deployment(request)
        return JSONResponse(self._shape(front.site, deployment))

    async def list_deployments(self, request: Request) -> Response:
        query = request.query_params
        project = query.get("projectId") or query.get("app")
        fronts = [self._front(request, project)] if project else self._fronts(request)
        found = [(front.site, deployment) for front in fronts for deployment in front.site.deployments.values()]
        wanted = [item for item in found if self._wanted(query, *item)]
        wanted.sort(key=lambda item: -item[1].created)
        page = wanted[: int(query.get("limit", 20))]
        more = len(wanted) > len(page)
        pagination = {
            **{"count": len(page), "next": page[-1][1].created if page and more else None},
            **{"prev": page[0][1].created if page else None},
        }
        return JSONResponse({"pagination": pagination, "deployments": [self._item(*item) for item in page]})

    def _wanted(self, query: Any, site: Site, deployment: SiteDeployment) -> bool:
        states = query["state"].upper().split(",") if "state" in query else None
        return (
            (states is None or deployment.state in states)
            and ("target" not in query or (deployment.target or "preview") == query["target"])
            and deployment.created < float(query.get("until", "inf"))
            and deployment.created > float(query.get("since", 0))
            and (query.get("rollbackCandidate") != "true" or _is_candidate(site, deployment))
            and ("sha" not in query or (deployment.git or {}).get("sha") == query["sha"])
            and ("branch" not in query or (deployment.git or {}).get("ref") == query["branch"])
        )

    async def cancel(self, request: Request) -> Response:
        front, deployment = self._deployment(request)
        if deployment.state not in UNFINISHED:
            raise self.refusal(
                400, "bad_request", f"The deployment is {deployment.state} and can no longer be canceled"
            )
        self.jobs.cancel(deployment)
        return JSONResponse(self._shape(front.site, deployment))

    async def events(self, request: Request) -> Response:
        _unused, deployment = self._deployment(request)
        info = {"type": "build", "name": "bld_" + deployment.id[4:], "entrypoint": "."}
        events = [
            {
                **{
                    "type": "stderr" if line.startswith("Error:") else "stdout",
                    "created": at,
                    "date": at,
                    "text": line,
                    "info": info,
                },
                **{"deploymentId": deployment.id, "id": f"{at}{number:06}", "serial": f"{at}{number:06}"},
            }
            for number, (at, line) in enumerate(deployment.log)
        ]
        # as Vercel's own client asks: a line for each, and the end of them when the build ends
        if request.query_params.get("format") == "lines":
            return StreamingResponse(self._follow(deployment, events), media_type="application/stream+json")
        limit = int(request.query_params.get("limit", -1))
        if request.query_params.get("direction") == "backward":
            events.reverse()
        return JSONResponse(events if limit < 0 else events[:limit])

    async def _follow(self, deployment: SiteDeployment, events: list[dict[str, Any]]) -> AsyncIterator[str]:
        for event in events:
            yield json.dumps(event) + "\n"
        while deployment.state in UNFINISHED:
            await asyncio.sleep(0.02)
        state = {
            "type": "deployment-state",
            "created": now(),
            "payload": {"info": {"type": "build", "readyState": deployment.state}},
        }
        yield json.dumps(state) + "\n"

    async def runtime_logs(self, request: Request) -> Response:
        _unused, deployment = self._of_project(request)

        async def stream() -> AsyncIterator[str]:
            for row in self.jobs.hosts.served.get(deployment.id, []):
                yield json.dumps(row) + "\n"
            await asyncio.sleep(0.5)  # the vendor's continues for minutes

        return StreamingResponse(stream(), media_type="application/stream+json")

    async def aliases(self, request: Request) -> Response:
        front, deployment = self._deployment(request)
        created = datetime.fromtimestamp((deployment.alias_assigned or 0) / 1000, UTC).isoformat()
        hosts = [host for host, shown in front.site.aliases.items() if shown == deployment.id]
        return JSONResponse(
            {
                "aliases": [
                    {"uid": uuid.uuid5(uuid.NAMESPACE_URL, host).hex, "alias": host, "created": created}
                    for host in hosts
                ]
            }
        )

    # Promotion and rollback

    async def promote(self, request: Request) -> Response:
        front, deployment = self._of_project(request)
        if deployment.target != "production" or deployment.state != "READY":
            raise self.refusal(400, "bad_request", "Only a production deployment that is READY can be promoted")
        self._refuse_current(front.site, deployment)
        self._request(front, deployment, "promote")
        front.site.auto_assign, front.site.rollback_target = True, None
        self.context.save()
        return Response(status_code=202 if effect.get() in ("queued", "rolls") else 201)

    async def rollback(self, request: Request) -> Response:
        front, deployment = self._of_project(request)
        if not deployment.promoted:
            raise self.refusal(
                422, "unprocessable_entity", "The deployment has not served production: it cannot be rolled back to"
            )
        if not rolling.is_active(front.site):
            self._refuse_current(front.site, deployment)
        rolling.abort(front.site)
        self._request(front, deployment, "rollback")
        front.site.auto_assign = False
        front.site.rollback_target = {
            "toDeploymentId": deployment.id,
            "fromDeploymentId": front.site.live,
            "requestedAt": now(),
        }
        self.context.save()
        return Response(status_code=201)

    def _refuse_current(self, site: Site, deployment: SiteDeployment) -> None:
        moving = site.alias_request and site.alias_request["jobStatus"] in ("pending", "in-progress")
        if site.live == deployment.id and set(site.aliases.values()) == {deployment.id} and not moving:
            raise self.refusal(409, "conflict", "The deployment is already the current production deployment")

    def _request(self, front: Storefront, deployment: SiteDeployment, kind: str) -> None:
        front.site.alias_request = {
            **{"fromDeploymentId": front.site.live or "", "toDeploymentId": deployment.id, "jobStatus": "pending"},
            **{"requestedAt": now(), "type": kind},
        }
        self.jobs.assign(front, deployment, effect.get())

    async def rolling_release(self, request: Request) -> Response:
        return JSONResponse({"rollingRelease": self._front(request, request.path_params["project"]).site.rolling})

    async def rolling_billing(self, request: Request) -> Response:
        self._front(request, request.path_params["project"])
        if effect.get() == "no_plan":
            answer = {"availableSlots": 0, "reason": "plan_not_supported", "message": "Upgrade to Pro."}
        else:
            answer = {"availableSlots": "unlimited", "reason": "unlimited_slots", "message": "Unlimited."}
        return JSONResponse(answer)

    async def rolling_config(self, request: Request) -> Response:
        site = self._front(request, request.path_params["project"]).site
        return JSONResponse({"rollingRelease": site.rolling_config})

    async def configure_rolling(self, request: Request) -> Response:
        site, body = self._front(request, request.path_params["project"]).site, await json_body(request, self)
        self._rolled(rolling.configure, site, body)
        return JSONResponse({"rollingRelease": site.rolling_config})

    async def roll(self, request: Request) -> Response:
        """Start a rolling release, approve its next stage, or complete it."""
        site, body = self._front(request, request.path_params["project"]).site, await json_body(request, self)
        deployment = site.deployments.get(str(body.get("canaryDeploymentId")))
        if deployment is None:
            raise self.refusal(404, "not_found", "The deployment could not be found")
        verb = request.url.path.rpartition("/")[2]
        if verb == "start":
            self._rolled(rolling.start, site, deployment)
        elif verb == "complete":
            self._rolled(rolling.complete, site, deployment.id)
        else:
            self._rolled(rolling.approve, site, deployment.id, body.get("nextStageIndex"))
        return JSONResponse({"rollingRelease": site.rolling})

    def _rolled(self, change: Callable[..., None], *arguments: Any) -> None:
        try:
            change(*arguments)
        except rolling.Rejected as problem:
            raise self.refusal(problem.status, problem.code, str(problem)) from None
        self.context.save()

    async def promote_aliases(self, request: Request) -> Response:
        results = self._front(request, request.path_params["project"]).site.alias_results
        shown = [
            item for item in results if request.query_params.get("failedOnly") != "true" or item["status"] == "failed"
        ]
        return JSONResponse({"aliases": shown, "pagination": {"count": len(shown), "next": None, "prev": None}})

    # Projects, variables, owners

    async def project(self, request: Request) -> Response:
        return JSONResponse(self._project(self._front(request, request.path_params["project"]).site))

    async def update_project(self, request: Request) -> Response:
        site, body = self._front(request, request.path_params["project"]).site, await json_body(request, self)
        if unknown := body.keys() - SETTINGS - {"autoAssignCustomDomains"}:
            raise self.refusal(
                400, "bad_request", f"Invalid request: should NOT have additional property `{sorted(unknown)[0]}`."
            )
        site.auto_assign = body.pop("autoAssignCustomDomains", site.auto_assign)
        site.settings.update(body)
        self.context.save()
        return JSONResponse(self._project(site))

    async def domains(self, request: Request) -> Response:
        site = self._front(request, request.path_params["project"]).site
        domains = [
            {
                **{
                    "name": host,
                    "apexName": host,
                    "projectId": site.id,
                    "verified": True,
                    "redirect": None,
                    "gitBranch": None,
                },
                **{"createdAt": site.created, "updatedAt": site.created},
            }
            for host in site.domains
        ]
        return JSONResponse({"domains": domains, "pagination": {"count": len(domains), "next": None, "prev": None}})

    async def list_env(self, request: Request) -> Response:
        site = self._front(request, request.path_params["project"]).site
        return JSONResponse(self.variables.listing(site, decrypted=request.query_params.get("decrypt") == "true"))

    async def get_env(self, request: Request) -> Response:
        return JSONResponse(self.variables.shown(self._variable(request)[1], decrypted=True))

    async def upsert_env(self, request: Request) -> Response:
        site = self._front(request, request.path_params["project"]).site
        try:
            body = json.loads(await request.body())
            wanted = body if isinstance(body, list) else [body]
            created = [
                self.variables.create(site, item, upsert=request.query_params.get("upsert") == "true")
                for item in wanted
            ]
        except (ValueError, KeyError, TypeError):
            raise self.refusal(
                400, "bad_request", "Invalid request: `key`, `value`, `type` and `target` are required."
            ) from None
        self.context.save()
        return JSONResponse({"created": created if isinstance(body, list) else created[0], "failed": []}, 201)

    def set_variable(self, site: Site, key: str, value: str, target: list[str], kind: str = "plain") -> dict[str, Any]:
        """Set a variable of the project's builds and return it in the API's shape."""
        return self.variables.create(site, {"key": key, "value": value, "target": target, "type": kind}, upsert=True)

    def _variable(self, request: Request) -> tuple[Site, dict[str, Any]]:
        site = self._front(request, request.path_params["project"]).site
        for item in site.variables:
            if item["id"] == request.path_params["variable"]:
                return site, item
        raise self.refusal(404, "not_found", "The variable could not be found")

    async def update_env(self, request: Request) -> Response:
        site, item = self._variable(request)
        changed = self.variables.update(site, item, await json_body(request, self))
        self.context.save()
        return JSONResponse(changed)

    async def delete_env(self, request: Request) -> Response:
        site, item = self._variable(request)
        site.variables.remove(item)
        self.context.save()
        return JSONResponse(self.variables.shown(item, decrypted=False))

    async def user(self, request: Request) -> Response:
        return JSONResponse({"user": {**USER, "avatar": None, "defaultTeamId": self.context.team, "limited": True}})

    async def team(self, request: Request) -> Response:
        if request.path_params["team"] not in (self.context.team, "sandbox"):
            raise self.refusal(404, "not_found", "The team could not be found")
        return JSONResponse(self._team())

    async def teams(self, request: Request) -> Response:
        return JSONResponse({"teams": [self._team()], "pagination": {"count": 1, "next": None, "prev": None}})

    def _team(self) -> dict[str, Any]:
        membership = {
            "confirmed": True,
            "role": "OWNER",
            "createdAt": 0,
            "created": 0,
            "teamId": self.context.team,
            "uid": USER["id"],
        }
        return {
            **{
                "id": self.context.team,
                "slug": "sandbox",
                "name": "Sandbox",
                "avatar": None,
                "description": None,
                "creatorId": USER["id"],
            },
            **{"createdAt": 0, "updatedAt": 0, "stagingPrefix": "sandbox", "membership": membership},
        }

    # Shapes

    def _build_variables(self, site: Site, target: str | None, custom: str) -> dict[str, str]:
        environment = "production" if target == "production" else "preview"
        ids = {item["id"] for item in site.environments if item["slug"] == custom}
        wanted = ids or {environment}
        own = {
            item["key"]: item["value"]
            for item in site.variables
            if wanted & {*item["target"], *item.get("customEnvironmentIds", [])}
        }
        return {**own, "VERCEL": "1", "VERCEL_ENV": environment}

    def _common(self, deployment: SiteDeployment) -> dict[str, Any]:
        times = {"buildingAt": deployment.building, "ready": deployment.ready}
        errors = {"errorCode": "BUILD_FAILED", "errorMessage": deployment.error} if deployment.error else {}
        substate = (
            {"readySubstate": "PROMOTED" if deployment.promoted else "STAGED"}
            if deployment.state == "READY" and deployment.target
            else {}
        )
        return {
            **{"name": deployment.name, "url": deployment.url, "createdAt": deployment.created, "type": "LAMBDAS"},
            **{
                "readyState": deployment.state,
                "target": deployment.target,
                "meta": deployment.meta,
                "source": deployment.source,
            },
            **{"inspectorUrl": None, "aliasError": deployment.alias_error, **errors, **substate},
            **{key: value for key, value in times.items() if value},
        }

    def _shape(self, site: Site, deployment: SiteDeployment) -> dict[str, Any]:
        return {
            **{
                "id": deployment.id,
                "version": 2,
                "public": False,
                "status": deployment.state,
                "aliasAssigned": bool(deployment.alias_assigned),
            },
            **{
                "bootedAt": deployment.created,
                "buildingAt": deployment.created,
                "buildSkipped": False,
                "regions": ["iad1"],
                "routes": None,
            },
            **{
                "build": {"env": []},
                "env": [],
                "projectId": site.id,
                "ownerId": site.team,
                "plan": "pro",
                "createdIn": "iad1",
            },
            **{
                "creator": {"uid": USER["id"], "username": USER["username"]},
                "projectSettings": {**site.settings, **deployment.settings},
            },
            **{
                "isInConcurrentBuildsQueue": False,
                "isInSystemBuildsQueue": False,
                "autoAssignCustomDomains": site.auto_assign,
            },
            **{"alias": [host for host, shown in site.aliases.items() if shown == deployment.id]},
            **({"aliasAssignedAt": deployment.alias_assigned} if deployment.alias_assigned else {}),
            **{
                "project": {"id": site.id, "name": site.name, "framework": None},
                "team": {"id": site.team, "name": "Sandbox", "slug": "sandbox"},
            },
            **({"gitSource": deployment.git} if deployment.git else {}),
            **self._common(deployment),
        }

    def _item(self, site: Site, deployment: SiteDeployment) -> dict[str, Any]:
        return {
            **{"uid": deployment.id, "created": deployment.created, "state": deployment.state, "projectId": site.id},
            **{"creator": {"uid": USER["id"], "email": USER["email"], "username": USER["username"]}},
            **{"aliasAssigned": deployment.alias_assigned, "isRollbackCandidate": _is_candidate(site, deployment)},
            **self._common(deployment),
        }

    def _project(self, site: Site) -> dict[str, Any]:
        live = site.deployments.get(site.live or "")
        targets = {"production": self._target(site, live)} if live else {}
        return {
            **{
                "accountId": site.team,
                "id": site.id,
                "name": site.name,
                "nodeVersion": "22.x",
                "framework": None,
                "directoryListing": False,
            },
            **{
                "autoAssignCustomDomains": site.auto_assign,
                "createdAt": site.created,
                "updatedAt": site.created,
                "live": live is not None,
            },
            **{key: {"functionDefaultRegions": ["iad1"]} for key in ("resourceConfig", "defaultResourceConfig")},
            **{
                "targets": targets,
                "lastAliasRequest": site.alias_request,
                "lastRollbackTarget": site.rollback_target,
                **site.settings,
            },
            **({"rollingRelease": _rolling_config(site)} if site.rolling or site.rolling_config else {}),
            **vercel_git.link(site),
            **({"customEnvironments": site.environments} if site.environments else {}),
        }

    def _target(self, site: Site, live: SiteDeployment) -> dict[str, Any]:
        return {
            **{"id": live.id, "alias": [host for host, shown in site.aliases.items() if shown == live.id]},
            **{
                "aliasAssigned": live.alias_assigned,
                "createdIn": "iad1",
                "deploymentHostname": live.url,
                "plan": "pro",
                "private": True,
            },
            **{
                "creator": {"uid": USER["id"], "email": USER["email"], "username": USER["username"]},
                "userId": USER["id"],
            },
            **self._common(live),
        }


def _rolling_config(site: Site) -> dict[str, Any]:
    return site.rolling_config or {"target": "production", "stages": STAGES}


def _is_candidate(site: Site, deployment: SiteDeployment) -> bool:
    return deployment.promoted and deployment.state == "READY" and deployment.id != site.live
