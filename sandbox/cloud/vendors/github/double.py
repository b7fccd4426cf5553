# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitHub's API: deployments and their statuses, commit statuses and check-runs of a storefront's repository."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Router

from ...faults import Fault, effect
from ...state import Storefront, now
from ...vendor import Refusal, Vendor, json_body
from .shapes import (
    check_run,
    combined,
    commit,
    deployment,
    deployment_status,
    pull_request,
    repository,
    review,
    run_approval,
    status,
    workflow_run,
)

DOCUMENTATION = "https://docs.github.com/rest"


DEPLOYMENT_STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")
COMMIT_STATES = ("error", "failure", "pending", "success")


class GitHub(Vendor):
    name = "github"

    def app(self) -> Router:
        repo = "/repos/{owner}/{repo}"
        one = f"{repo}/deployments/{{id:int}}"
        return Router(
            [
                self.route("GET", repo, "repository", self.repository),
                self.route("GET", f"{repo}/commits/{{ref}}", "commit", self.commit),
                self.route("GET", f"{repo}/commits/{{ref}}/status", "combined_status", self.combined_status),
                self.route("GET", f"{repo}/commits/{{ref}}/statuses", "commit_statuses", self.commit_statuses),
                self.route("GET", f"{repo}/commits/{{ref}}/check-runs", "check_runs", self.check_runs),
                self.route("GET", f"{repo}/commits/{{ref}}/pulls", "pulls_of_commit", self.pulls_of_commit),
                self.route("GET", f"{repo}/pulls/{{number:int}}/reviews", "pull_reviews", self.pull_reviews),
                self.route("GET", f"{repo}/actions/runs/{{id:int}}", "workflow_run", self.workflow_run),
                self.route("GET", f"{repo}/actions/runs/{{id:int}}/approvals", "run_approvals", self.run_approvals),
                self.route("POST", f"{repo}/statuses/{{ref}}", "create_commit_status", self.create_commit_status),
                self.route("GET", f"{repo}/deployments", "list_deployments", self.list_deployments),
                self.route("POST", f"{repo}/deployments", "create_deployment", self.create_deployment),
                self.route("GET", one, "deployment", self.deployment),
                self.route("GET", f"{one}/statuses", "deployment_statuses", self.deployment_statuses),
                self.route("POST", f"{one}/statuses", "create_deployment_status", self.create_deployment_status),
                self.route("GET", "/rate_limit", "rate_limit", self.rate_limit),
            ]
        )

    def refusal(self, status: int, code: str, message: str, **more: Any) -> Refusal:
        return Refusal(status, {"message": message, "documentation_url": DOCUMENTATION, "status": str(status), **more})

    def rate_limited(self, fault: Fault) -> Response:
        """The primary limit is a 403 or a 429; which one is up to the fault."""
        answer = self.refusal(
            403 if fault.status == 403 else 429, "", "API rate limit exceeded for user ID 1."
        ).response
        answer.headers["x-ratelimit-remaining"] = "0"
        return answer

    def authorize(self, request: Request) -> None:
        if self.bearer(request) != self.context.tokens["github"]:
            raise self.refusal(401, "", "Bad credentials" if self.bearer(request) else "Requires authentication")

    def forbidden(self, request: Request, operation: str) -> Refusal:
        return self.refusal(403, "", "Resource not accessible by personal access token")

    def _front(self, request: Request) -> Storefront:
        wanted = "{owner}/{repo}".format(**request.path_params)
        for front in self.context.storefronts.values():
            if front.github["repository"] == wanted:
                return front
        raise self.refusal(404, "", "Not Found")

    def _base(self, request: Request) -> str:
        return f"http://{request.headers['host']}/repos/{{owner}}/{{repo}}".format(**request.path_params)

    async def _sha(self, ref: str) -> str | None:
        """Resolve a ref in the shop's repository; a full SHA stands for itself."""
        if re.fullmatch(r"[0-9a-f]{40}", ref):
            return ref
        folder = self.context.repository
        if folder is None or not Path(folder).is_dir() or ref.startswith("-"):
            return None
        argv = ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"]
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        git = await asyncio.create_subprocess_exec(
            *argv, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        out, _unused = await git.communicate()
        return out.decode().strip() or None

    async def _commit(self, request: Request) -> tuple[Storefront, str]:
        front, ref = self._front(request), request.path_params["ref"]
        sha = await self._sha(ref)
        if sha is None:
            raise self.refusal(422, "", f"No commit found for SHA: {ref}")
        return front, sha

    def _page(self, request: Request, items: list[Any], field: str = "", **more: Any) -> Response:
        """Return a page of ``items``, with the links to its neighbours: a list, or an object that has it in
        ``field`` beside ``more``.
        """
        query = request.query_params
        size, page = min(100, int(query.get("per_page", 30))), int(query.get("page", 1))
        shown = items[(page - 1) * size :][:size]
        answer = JSONResponse({**more, "total_count": len(items), field: shown} if field else shown)
        last = max(1, -(-len(items) // size))
        links = [
            f'<{request.url.include_query_params(page=number)}>; rel="{rel}"'
            for rel, number in (("next", page + 1), ("last", last))
            if page < last
        ]
        if links:
            answer.headers["link"] = ", ".join(links)
        return answer

    # Repository and commits

    async def repository(self, request: Request) -> Response:
        return JSONResponse(repository(self._base(request), self._front(request)))

    async def commit(self, request: Request) -> Response:
        _unused, sha = await self._commit(request)
        return JSONResponse(commit(self._base(request), sha))

    async def combined_status(self, request: Request) -> Response:
        front, sha = await self._commit(request)
        whole = combined(self._base(request), front, sha)
        return self._page(request, whole.pop("statuses"), "statuses", **whole)

    async def commit_statuses(self, request: Request) -> Response:
        front, sha = await self._commit(request)
        return self._page(
            request, [status(self._base(request), kept) for kept in front.github["statuses"] if kept["sha"] == sha]
        )

    async def create_commit_status(self, request: Request) -> Response:
        front, sha = await self._commit(request)
        body = await json_body(request, self)
        self._one_of(body.get("state"), COMMIT_STATES, "Status", "state")
        kept = {
            "id": now(),
            "sha": sha,
            "state": body["state"],
            "context": body.get("context") or "default",
            "at": now(),
        }
        kept.update({key: body.get(key) for key in ("description", "target_url")})
        front.github["statuses"].insert(0, kept)
        self.context.save()
        return JSONResponse(status(self._base(request), kept), 201)

    async def check_runs(self, request: Request) -> Response:
        front, sha = await self._commit(request)
        wanted = request.query_params.get("check_name")
        runs = [
            check_run(self._base(request), kept)
            for kept in front.github["check_runs"]
            if kept["sha"] == sha and wanted in (None, kept["name"])
        ]
        return self._page(request, runs, "check_runs")

    async def pulls_of_commit(self, request: Request) -> Response:
        front, sha = await self._commit(request)
        pulls = [
            one for one in front.github.get("pulls", []) if sha in (one["head"], one["merge_commit"], *one["commits"])
        ]
        return self._page(request, [pull_request(self._base(request), front, one) for one in pulls])

    async def pull_reviews(self, request: Request) -> Response:
        front = self._front(request)
        for pull in front.github.get("pulls", []):
            if pull["number"] == request.path_params["number"]:
                return self._page(request, [review(self._base(request), pull, one) for one in pull["reviews"]])
        raise self.refusal(404, "", "Not Found")

    # Workflows

    def _run(self, request: Request) -> tuple[Storefront, dict[str, Any]]:
        front = self._front(request)
        for run in front.github.get("workflow_runs", []):
            if run["id"] == request.path_params["id"]:
                return front, run
        raise self.refusal(404, "", "Not Found")

    async def workflow_run(self, request: Request) -> Response:
        front, run = self._run(request)
        return JSONResponse(workflow_run(self._base(request), front, run))

    async def run_approvals(self, request: Request) -> Response:
        _unused, run = self._run(request)
        return JSONResponse([run_approval(self._base(request), run, one) for one in run["approvals"]])

    # Deployments

    async def list_deployments(self, request: Request) -> Response:
        front, query = self._front(request), request.query_params
        found = [
            kept
            for kept in front.github["deployments"]
            if all(query.get(key) in (None, kept[key]) for key in ("sha", "ref", "task", "environment"))
        ]
        return self._page(request, [deployment(self._base(request), kept) for kept in found])

    async def create_deployment(self, request: Request) -> Response:
        front, body = self._front(request), await json_body(request, self)
        if not isinstance(body.get("ref"), str):
            raise self._invalid("Deployment", "ref", "missing_field")
        if effect.get() == "merged":
            return JSONResponse({"message": f"Auto-merged main into {body['ref']} on deployment."}, 202)
        sha = await self._sha(body["ref"])
        if sha is None:
            raise self.refusal(422, "", f"No ref found for: {body['ref']}")
        # Without required_contexts the vendor takes all the contexts that the commit has.
        contexts = {kept["context"]: kept["state"] for kept in reversed(front.github["statuses"]) if kept["sha"] == sha}
        required = body["required_contexts"] if "required_contexts" in body else list(contexts)
        if unmet := [name for name in required if contexts.get(name) != "success"]:
            errors = [
                {
                    "resource": "Deployment",
                    "field": "required_contexts",
                    "code": "invalid",
                    "contexts": [{"context": name} for name in unmet],
                }
            ]
            raise self.refusal(409, "", f"Conflict: Commit status checks failed for {body['ref']}.", errors=errors)
        environment = body.get("environment") or "production"
        kept = {
            **{
                "id": now(),
                "sha": sha,
                "ref": body["ref"],
                "task": body.get("task") or "deploy",
                "payload": body.get("payload") or {},
            },
            **{"environment": environment, "description": body.get("description"), "at": now(), "statuses": []},
            **{
                "transient": bool(body.get("transient_environment")),
                "production": body.get("production_environment", environment == "production"),
            },
        }
        front.github["deployments"].insert(0, kept)
        self.context.save()
        return JSONResponse(deployment(self._base(request), kept), 201)

    def _deployment(self, request: Request) -> tuple[Storefront, dict[str, Any]]:
        front = self._front(request)
        for kept in front.github["deployments"]:
            if kept["id"] == request.path_params["id"]:
                return front, kept
        raise self.refusal(404, "", "Not Found")

    async def deployment(self, request: Request) -> Response:
        return JSONResponse(deployment(self._base(request), self._deployment(request)[1]))

    async def deployment_statuses(self, request: Request) -> Response:
        _unused, kept = self._deployment(request)
        return self._page(request, [deployment_status(self._base(request), kept, one) for one in kept["statuses"]])

    async def create_deployment_status(self, request: Request) -> Response:
        front, kept = self._deployment(request)
        body = await json_body(request, self)
        self._one_of(body.get("state"), DEPLOYMENT_STATES, "DeploymentStatus", "state")
        if len(body.get("description") or "") > 140:
            raise self._invalid(
                "DeploymentStatus", "description", "custom", "description is too long (maximum is 140 characters)"
            )
        made = {
            "id": now(),
            "at": now(),
            "state": body["state"],
            **{key: body.get(key) or "" for key in ("description", "log_url", "environment_url")},
        }
        if body["state"] == "success" and body.get("auto_inactive", True) and not kept["transient"]:
            for other in front.github["deployments"]:
                if (
                    other is not kept
                    and other["environment"] == kept["environment"]
                    and other["statuses"]
                    and other["statuses"][0]["state"] == "success"
                ):
                    other["statuses"].insert(0, {**other["statuses"][0], "id": now(), "at": now(), "state": "inactive"})
        kept["statuses"].insert(0, made)
        self.context.save()
        return JSONResponse(deployment_status(self._base(request), kept, made), 201)

    async def rate_limit(self, request: Request) -> Response:
        window = self.window
        rate = {
            "limit": window.limit,
            "used": window.used,
            "remaining": window.limit - window.used,
            "reset": int(window.began + window.seconds),
        }
        return JSONResponse({"resources": {"core": rate, "search": rate}, "rate": rate})

    def _one_of(self, word: Any, known: tuple[str, ...], resource: str, field: str) -> None:
        if word not in known:
            raise self._invalid(resource, field, "custom", f"{field} is not included in the list")

    def _invalid(self, resource: str, field: str, code: str, message: str = "") -> Refusal:
        error = {"resource": resource, "field": field, "code": code, **({"message": message} if message else {})}
        return self.refusal(422, "", "Validation Failed", errors=[error])
