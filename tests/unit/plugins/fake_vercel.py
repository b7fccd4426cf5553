# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project at Vercel, kept in memory: each request for a build or a promotion finds it one step further."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from sandbox.cloud.state import Site
from sandbox.cloud.vendors.vercel.variables import Variables
from tests.unit.support import Answer, FakeVendor, Request, reply

PROJECT = "prj_shop"


def vercel_error(status: int, code: str, message: str = "No.", **more: Any) -> Answer:
    return reply(status, {"error": {"code": code, "message": message, **more}})


class FakeVercel:
    """One project. ``deployments`` has the newest last; ``faults`` are answers that replace the next ones
    of an operation.
    """

    def __init__(self) -> None:
        self.project: dict[str, Any] = {
            "id": PROJECT,
            "name": "shop",
            "autoAssignCustomDomains": True,
            "targets": {},
            "lastAliasRequest": None,
        }
        self.deployments: list[dict[str, Any]] = []
        self.blobs: dict[str, bytes] = {}
        self.aliases: list[dict[str, str]] = []
        self.held = ["shop.example"]
        self.rolling: list[dict[str, Any]] = []
        self.runtime: list[dict[str, Any]] = []
        self.steps = ["QUEUED", "BUILDING", "READY"]
        self.jobs = ["pending", "in-progress", "succeeded"]
        self.faults: dict[str, list[Callable[[Callable[[], Answer]], Answer]]] = {}
        self.clock = 1_000_000
        self.site = Site(PROJECT, "shop", "team_1", [], [], 0)
        self.variables, self.decrypts = Variables(None), True  # type: ignore[arg-type]
        self.vendor = FakeVendor(self.answer)

    def asked(self, operation: str) -> list[Request]:
        """The requests of an operation such as "POST /v13/deployments"."""
        return [request for request in self.vendor.requests if self.operation(request) == operation]

    @staticmethod
    def operation(request: Request) -> str:
        return f"{request.method} {re.sub(r'/(dpl|prj|env)_[^/]+', '', request.path).replace('/shop', '')}"

    def has(
        self,
        release: str,
        *,
        state: str = "READY",
        target: str | None = "production",
        served_once: bool = False,
        **more: Any,
    ) -> dict[str, Any]:
        """Add a deployment."""
        self.clock += 1000
        number = len(self.deployments) + 1
        made = {
            "id": f"dpl_{number}",
            "projectId": PROJECT,
            "url": f"shop-{number}.vercel.app",
            "readyState": state,
            "readySubstate": "PROMOTED" if served_once else "STAGED",
            "target": target,
            "createdAt": self.clock,
            "meta": {"release": release},
            **more,
        }
        self.deployments.append(made)
        return made

    def is_linked(self, **more: Any) -> None:
        """Link the project to a repository at GitHub."""
        self.project["link"] = {
            "type": "github",
            "org": "acme",
            "repo": "shop",
            "repoId": 7,
            "productionBranch": "main",
            "deployHooks": [],
            **more,
        }

    def was_pushed(self, commit: str, **more: Any) -> dict[str, Any]:
        """Add the build that Vercel makes automatically of a commit that was pushed."""
        return self.has("", **{"source": "git", "meta": {"githubCommitSha": commit, "githubCommitRef": "main"}, **more})

    def serves(self, deployment: dict[str, Any]) -> dict[str, Any]:
        """Point production at a deployment."""
        deployment["readySubstate"] = "PROMOTED"
        self.project["targets"] = {"production": {**deployment, "aliasAssigned": self.clock, "alias": ["shop.example"]}}
        return deployment

    def answer(self, request: Request) -> Answer:
        operation = self.operation(request)
        waiting = self.faults.get(operation)
        if waiting:
            return waiting.pop(0)(lambda: self.honest(operation, request))
        return self.honest(operation, request)

    def honest(self, operation: str, request: Request) -> Answer:
        ids = re.findall(r"dpl_[^/]+", request.path)
        if "/env" in request.path:
            return self._environment(request)
        match operation:
            case "GET /v9/projects":
                self._move_job()
                return reply(200, self.project)
            case "PATCH /v9/projects":
                self.project.update(request.json())
                return reply(200, self.project)
            case "GET /v9/projects/domains":
                return reply(200, {"domains": [{"name": "shop.example"}], "pagination": {}})
            case "GET /v7/deployments":
                return reply(200, {"deployments": self._listed(request.query), "pagination": {}})
            case "POST /v13/deployments":
                return self._create(request.json())
            case "POST /v2/files":
                assert hashlib.sha1(request.body).hexdigest() == request.headers["x-vercel-digest"]
                self.blobs[request.headers["x-vercel-digest"]] = request.body
                return reply(200, {})
            case "GET /v3/deployments/events":
                return reply(
                    200,
                    [
                        {"created": 2, "type": "stderr", "text": "Module not found: cart"},
                        {"created": 1, "payload": {"text": "npm run build"}},
                    ],
                )
            case "GET /v1/projects/deployments/runtime-logs":
                return reply(200, text="\n".join(map(json.dumps, self.runtime)))
            case "GET /v1/projects/rolling-release":
                return reply(200, {"rollingRelease": self.rolling.pop(0) if self.rolling else None})
            case "GET /v1/projects/rolling-release/config":
                return reply(200, {"rollingRelease": None})
            case "GET /v1/projects/rolling-release/billing":
                return reply(200, {"availableSlots": 0, "reason": "plan_not_supported", "message": "Upgrade."})
            case "PATCH /v1/projects/rolling-release/config":
                return reply(200, {"rollingRelease": {}})
            case _ if operation.startswith("POST /v1/projects/rolling-release/"):
                return reply(200, {"rollingRelease": self.rolling[0] if self.rolling else None})
            case "GET /v1/projects/promote/aliases":
                return reply(200, {"aliases": self.aliases, "pagination": {}})
            case "GET /v2/deployments/aliases":
                return reply(200, {"aliases": [{"alias": host} for host in self.held]})
        found = next((deployment for deployment in self.deployments if [deployment["id"]] == ids), None)
        if found is None:
            return vercel_error(404, "not_found", "The deployment could not be found.")
        match operation:
            case "GET /v13/deployments":
                self._move_build(found)
                return reply(200, found)
            case "PATCH /v12/deployments/cancel":
                found["readyState"] = "CANCELED"
                return reply(200, found)
            case "POST /v10/projects/promote" | "POST /v1/projects/rollback":
                return self._point(found, operation.rpartition("/")[2])
        raise AssertionError(f"nobody expected {operation}")

    def _environment(self, request: Request) -> Answer:
        named = next((item for item in self.site.variables if item["id"] == request.path.rpartition("/")[2]), None)
        if request.method == "POST":
            created = [
                self.variables.create(self.site, item, upsert=request.query.get("upsert") == "true")
                for item in request.json()
            ]
            return reply(201, {"created": created, "failed": []})
        if named is None:
            return reply(
                200,
                self.variables.listing(self.site, decrypted=request.query.get("decrypt") == "true" and self.decrypts),
            )
        if request.method == "DELETE":
            self.site.variables.remove(named)
        if request.method == "PATCH":
            return reply(200, self.variables.update(self.site, named, request.json()))
        return reply(200, self.variables.shown(named, decrypted=True))

    def _listed(self, query: dict[str, str]) -> list[dict[str, Any]]:
        chosen = [d for d in reversed(self.deployments) if d["target"] == query.get("target", d["target"])]
        if "sha" in query:
            chosen = [d for d in chosen if query["sha"] in d["meta"].values()]
        if query.get("rollbackCandidate") == "true":
            live = self.project["targets"].get("production") or {}
            chosen = [d for d in chosen if d["readySubstate"] == "PROMOTED" and d["id"] != live.get("id")]
        return [
            {**{key: value for key, value in d.items() if key != "id"}, "uid": d["id"], "state": d["readyState"]}
            for d in chosen
        ]

    def _create(self, body: dict[str, Any]) -> Answer:
        target = body.get("target")
        if "deploymentId" in body:
            first = next(d for d in self.deployments if d["id"] == body["deploymentId"])
            return reply(
                200,
                self.has(
                    "", state=self.steps[0], target=target, meta={**first["meta"], **body["meta"]}, source="redeploy"
                ),
            )
        if "gitSource" in body:
            meta = {**body["meta"], "githubCommitSha": body["gitSource"]["sha"]}
            return reply(200, self.has("", state=self.steps[0], meta=meta, source="api-trigger-git-deploy"))
        missing = list(dict.fromkeys(file["sha"] for file in body["files"] if file["sha"] not in self.blobs))
        if missing:
            return vercel_error(400, "missing_files", "Missing files", missing=missing)
        return reply(200, self.has("", state=self.steps[0], target=target, meta=body["meta"]))

    def _point(self, deployment: dict[str, Any], verb: str) -> Answer:
        self.clock += 1000
        if deployment["readyState"] != "READY":
            return vercel_error(400, "bad_request", "The deployment is not ready.")
        if (self.project["targets"].get("production") or {}).get("id") == deployment["id"]:
            return vercel_error(409, "already_current", "This deployment is already the current one.")
        self.project["autoAssignCustomDomains"] = verb == "promote"
        self.project["lastAliasRequest"] = {
            "toDeploymentId": deployment["id"],
            "jobStatus": self.jobs[0],
            "requestedAt": self.clock,
            "type": verb,
        }
        return reply(201)

    def _move_build(self, deployment: dict[str, Any]) -> None:
        if deployment["readyState"] in self.steps[:-1]:
            deployment["readyState"] = self.steps[self.steps.index(deployment["readyState"]) + 1]

    def _move_job(self) -> None:
        job = self.project["lastAliasRequest"]
        if job and job["jobStatus"] in self.jobs[:-1]:
            job["jobStatus"] = self.jobs[self.jobs.index(job["jobStatus"]) + 1]
            if job["jobStatus"] == "succeeded":
                self.serves(next(d for d in self.deployments if d["id"] == job["toDeploymentId"]))
