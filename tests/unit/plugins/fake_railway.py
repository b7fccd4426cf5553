# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service at Railway, kept in memory: each request for the list finds what is on its way one step further."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.support import Answer, FakeVendor, Request, answer_lost, reply

PROJECT = "11111111-1111-4111-8111-111111111111"
ENVIRONMENT = "22222222-2222-4222-8222-222222222222"
SERVICE = "33333333-3333-4333-8333-333333333333"
SHA = "0123456789abcdef0123456789abcdef01234567"
ON_THE_WAY = ("QUEUED", "BUILDING", "DEPLOYING")


def refusal(message: str, code: str = "INTERNAL_SERVER_ERROR") -> Answer:
    return reply(
        200, {"errors": [{"message": message, "extensions": {"code": code}, "traceId": "trace-1"}], "data": None}
    )


class FakeRailway:
    """One service. ``listed`` has the newest last; ``faults`` are answers that replace the next ones of an
    operation, given the honest one to call.
    """

    def __init__(self) -> None:
        self.listed: list[dict[str, Any]] = []
        self.steps = ["QUEUED", "BUILDING", "DEPLOYING", "SUCCESS"]
        self.hidden = 0  # requests of the list until it shows what was just made
        self.uploads: list[bytes] = []
        self.values = {"DATABASE_URL": "postgresql://shop:hunter2@db/shop", "RAILWAY_SERVICE_NAME": "api"}
        # the variables that each deployment was made with; None where Railway does not report them
        self.snapshots: dict[str, dict[str, str] | None] = {}
        self.sealed: list[str] = []
        self.auto_deploy = {"enabled": False, "canEnable": True, "reason": None}
        self.instance: dict[str, Any] = {"source": {"repo": "example/shop", "image": None}, "startCommand": "npm start"}
        self.config: dict[str, Any] = {"source": {"branch": "main", "rootDirectory": "apps/backend"}}
        self.regions_there = {"us-west2": 1, "europe-west4-drams3a": 1}
        self.staged: dict[str, Any] = {}
        self.log_asked: dict[str, Any] = {}
        self.span = 0.0
        self.logs = {"buildLogs": ["npm ci", ""], "deploymentLogs": ["listening"]}
        self.faults: dict[str, list[Callable[[Callable[[], Answer]], Answer]]] = {}
        self.vendor = FakeVendor(self.answer)
        self._made = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def operations(self) -> list[str]:
        return [self.operation(request) for request in self.vendor.requests]

    def writes(self) -> list[str]:
        """The operations that changed something, or tried to."""
        return [
            self.operation(request)
            for request in self.vendor.requests
            if request.path.endswith("/up") or b'"mutation ' in request.body
        ]

    @staticmethod
    def operation(request: Request) -> str:
        if request.path.endswith("/up"):
            return "up"
        return request.json()["query"].replace("(", " ").split()[1]

    def has(
        self, release: str, status: str = "SUCCESS", *, digest: str = "a" * 12, reason: str = "deploy", **more: Any
    ) -> dict[str, Any]:
        """Add a deployment; the one that served before it is removed when this one serves."""
        self._made += timedelta(minutes=1)
        number = len(self.listed) + 1
        if status == "SUCCESS":
            self._remove_live()
        made = {
            "id": f"deployment-{number}",
            "status": status,
            "deploymentStopped": status in ("REMOVED", "DEPLOYING"),
            "createdAt": self._made.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "staticUrl": "api.up.railway.app",
            "url": "api.up.railway.app",
            "serviceId": SERVICE,
            "environmentId": ENVIRONMENT,
            "canRollback": False,
            "canRedeploy": True,
            "meta": {"cliMessage": f"{release} {SHA} {digest}", "imageDigest": f"sha256:{release}", "reason": reason},
            **more,
        }
        self.listed.append(made)
        self.snapshots[made["id"]] = dict(self.values)
        return made

    def _remove_live(self) -> None:
        for one in self.listed:
            if one["status"] == "SUCCESS":
                one.update(status="REMOVED", deploymentStopped=True, canRollback=True)

    def archive(self) -> dict[str, tarfile.TarInfo]:
        """The files of the newest upload."""
        with tarfile.open(fileobj=io.BytesIO(self.uploads[-1]), mode="r:gz") as tar:
            return {member.name: member for member in tar}

    def answer(self, request: Request) -> Answer:
        operation = self.operation(request)
        if waiting := self.faults.get(operation):
            return waiting.pop(0)(lambda: self.honest(operation, request))
        return self.honest(operation, request)

    def honest(self, operation: str, request: Request) -> Answer:
        if operation == "up":
            self.uploads.append(request.body)
            release, _unused, digest = request.query["message"].split()
            made = self.has(release, "QUEUED", digest=digest)
            made["meta"]["cliMessage"] = request.query["message"]
            return reply(200, {"deploymentId": made["id"], "url": "", "logsUrl": "", "deploymentDomain": ""})
        found = getattr(self, operation)(**request.json().get("variables") or {})
        return reply(200, {"data": found if operation == "settings" else {operation: found}})

    def one(self, key: str) -> dict[str, Any]:
        return next(one for one in self.listed if one["id"] == key)

    def projectToken(self) -> Any:
        return {"projectId": PROJECT, "environmentId": ENVIRONMENT}

    def serviceInstance(self, environmentId: str, serviceId: str) -> Any:
        return {"rootDirectory": None, "domains": {"customDomains": [], "serviceDomains": [{"domain": "api.test"}]}}

    def project(self, id: str) -> Any:
        nodes = {
            "environments": {"production": ENVIRONMENT},
            "services": {"api": SERVICE, "worker": "44444444-4444-4444-8444-444444444444"},
        }
        return {
            "name": "shop",
            "subscriptionType": "hobby",
            **{
                name: {"edges": [{"node": {"id": key, "name": variables}} for variables, key in found.items()]}
                for name, found in nodes.items()
            },
        }

    def deployments(self, input: dict[str, str], first: int) -> Any:
        assert input == {"projectId": PROJECT, "environmentId": ENVIRONMENT, "serviceId": SERVICE}
        for one in self.listed:
            if one["status"] in ON_THE_WAY:
                self._move(one)
        shown = self.listed[:-1] if self.hidden else self.listed
        self.hidden = max(0, self.hidden - 1)
        return {"edges": [{"node": dict(one)} for one in reversed(shown[-first:])]}

    def _move(self, one: dict[str, Any]) -> None:
        after = self.steps[min(self.steps.index(one["status"]) + 1, len(self.steps) - 1)]
        if after == "SUCCESS":
            self._remove_live()
        one.update(status=after, deploymentStopped=after == "DEPLOYING")

    def deployment(self, id: str) -> Any:
        return self.one(id)

    def variables(self, projectId: str, environmentId: str, serviceId: str, unrendered: bool) -> Any:
        return {
            name: value if unrendered else value.replace("${{Postgres.DATABASE_URL}}", "postgresql://filled-in/shop")
            for name, value in self.values.items()
        }

    def variableCollectionUpsert(self, input: dict[str, Any]) -> bool:
        assert (input["serviceId"], input["skipDeploys"], input["replace"]) == (SERVICE, True, False)
        self.values = {**self.values, **input["variables"]}
        return True

    def environmentStagedChanges(self, id: str) -> Any:
        return {"patch": self.staged}

    def environmentStageChanges(self, environmentId: str, input: dict[str, Any]) -> Any:
        self.staged = input
        return {"id": "staged"}

    def environmentPatchCommitStaged(self, environmentId: str, message: str) -> str:
        for name in self.staged["services"][SERVICE]["variables"]:
            self.values.pop(name, None)
            self.sealed = [sealed for sealed in self.sealed if sealed != name]
        self.staged = {}
        return "commit-2"

    def deploymentSnapshot(self, id: str) -> Any:
        variables = self.snapshots[id]
        return {"variables": variables} if variables is not None else None

    def settings(self, projectId: str, environmentId: str, serviceId: str) -> Any:
        empty = dict.fromkeys(
            (
                "rootDirectory",
                "startCommand",
                "preDeployCommand",
                "healthcheckPath",
                "healthcheckTimeout",
                "overlapSeconds",
                "drainingSeconds",
            )
        )
        names = [name for name in [*self.values, *self.sealed] if name != "RAILWAY_SERVICE_NAME"]
        replicas = {region: {"numReplicas": count} for region, count in self.regions_there.items()}
        config = {
            "deploy": {"multiRegionConfig": replicas},
            **self.config,
            "variables": {name: {"value": "encrypted"} for name in names},
        }
        return {
            "serviceInstance": {**empty, **self.instance},
            "serviceInstanceAutoDeployStatus": self.auto_deploy,
            "environment": {"config": {"services": {SERVICE: config}}},
        }

    def serviceInstanceAutoDeployUpdate(self, input: dict[str, Any]) -> Any:
        assert (input["projectId"], input["environmentId"], input["serviceId"]) == (PROJECT, ENVIRONMENT, SERVICE)
        self.auto_deploy["enabled"] = input["enabled"]
        return {"enabled": input["enabled"]}

    def serviceInstanceDeployV2(self, environmentId: str, serviceId: str, commitSha: str | None = None) -> str:
        assert (environmentId, serviceId) == (ENVIRONMENT, SERVICE)
        made = self.has("v", "QUEUED")
        source = {"commitHash": commitSha} if commitSha else {"image": self.instance["source"]["image"]}
        made["meta"] = {"reason": "deploy", "imageDigest": f"sha256:{made['id']}", **source}
        return made["id"]

    def serviceInstanceUpdate(self, environmentId: str, serviceId: str, input: dict[str, Any]) -> bool:
        assert (environmentId, serviceId) == (ENVIRONMENT, SERVICE)
        regions = input.pop("multiRegionConfig", {"us-west2": {"numReplicas": 1}})
        self.regions_there = {region: variables["numReplicas"] for region, variables in regions.items()}
        self.instance.update(input)
        return True

    def environmentPatchCommit(self, environmentId: str, patch: dict[str, Any], message: str) -> str:
        for region, variables in patch["services"][SERVICE]["deploy"]["multiRegionConfig"].items():
            self.regions_there[region] = variables["numReplicas"] if variables else 0
        self.regions_there = {region: count for region, count in self.regions_there.items() if count}
        if live := next((one for one in self.listed if one["status"] == "SUCCESS"), None):
            self.deploymentRedeploy(live["id"])
        return "commit-1"

    def regions(self, projectId: str) -> Any:
        return [{"name": name} for name in ("us-west2", "us-east4-eqdc4a", "europe-west4-drams3a")]

    def deploymentRemove(self, id: str) -> bool:
        self.one(id).update(status="REMOVED", deploymentStopped=True, canRollback=True)
        return True

    def buildLogs(self, **asked: Any) -> Any:
        return self.log("buildLogs", **asked)

    def deploymentLogs(self, **asked: Any) -> Any:
        return self.log("deploymentLogs", **asked)

    def log(self, kind: str, id: str, limit: int, filter: str) -> Any:
        lines = [
            {"message": line, "severity": "info", "timestamp": f"2026-01-31T12:00:{place:02}Z"}
            for place, line in enumerate(self.logs[kind])
        ]
        self.log_asked = {"id": id, "limit": limit, "filter": filter}
        return list(reversed([line for line in lines if filter in line["message"]]))

    def httpMetricsGroupedByStatus(
        self, environmentId: str, serviceId: str, startDate: str, endDate: str, stepSeconds: int
    ) -> Any:
        assert (environmentId, serviceId) == (ENVIRONMENT, SERVICE)
        self.span = (datetime.fromisoformat(endDate) - datetime.fromisoformat(startDate)).total_seconds()
        return [
            {"statusCode": status, "samples": [{"value": 2.0}, {"value": 1.0}]} for status in (200, 301, 404, 429, 503)
        ]

    def deploymentRollback(self, id: str) -> bool:
        target = self.one(id)
        self.values = dict(self.snapshots[id] or {})
        made = self.has("v", "QUEUED")
        made["meta"] = {**target["meta"], "reason": "rollback"}
        return True

    def deploymentRedeploy(self, id: str) -> Any:
        made = self.has("v", "QUEUED")
        made["meta"] = {**self.one(id)["meta"], "reason": "redeploy"}
        return {"id": made["id"]}

    def deploymentRestart(self, id: str) -> bool:
        self.one(id).update(status="DEPLOYING")
        return True

    def deploymentStop(self, id: str) -> bool:
        self.one(id).update(deploymentStopped=True)
        return True

    def deploymentCancel(self, id: str) -> bool:
        self.one(id).update(status="REMOVED")
        return True


# Answers that go wrong; each is given the honest one to call.
def lost(honest: Callable[[], Answer]) -> Answer:
    """The write is done, and its answer never comes."""
    honest()
    return answer_lost()


def never_arrived(honest: Callable[[], Answer]) -> Answer:
    """The connection breaks before the vendor reads the request."""
    return answer_lost()
