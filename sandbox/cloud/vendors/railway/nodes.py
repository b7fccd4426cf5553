# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Railway's objects as its GraphQL schema shows them."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import UTC, datetime
from typing import Any

from ...state import Service, Storefront, UnitDeployment
from .jobs import runs
from .settings import config, replicas

Node = dict[str, Any]
USER = {"id": "sandbox", "email": "sandbox@shop.example", "name": "Sandbox", "username": "sandbox", "avatar": None}


def iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def connection(
    nodes: list[Node],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    **_: Any,
) -> Node:
    """Return a page of ``nodes``; a cursor is a node's place in the list."""
    start, end = int(after) + 1 if after else 0, int(before) if before else len(nodes)
    if first is not None:
        end = min(end, start + first)
    if last is not None:
        start = max(start, end - last)
    edges = [{"cursor": str(place), "node": node} for place, node in list(enumerate(nodes))[start:end]]
    info = {"hasNextPage": end < len(nodes), "hasPreviousPage": start > 0}
    return {
        "edges": edges,
        "pageInfo": {
            **info,
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }


def _later(make: Callable[[], Any]) -> Callable[..., Any]:
    """Defer a nested node until a query asks for it: the objects point at each other."""
    return lambda info, **arguments: make()


def _page(make: Callable[[], list[Node]]) -> Callable[..., Node]:
    return lambda info, **arguments: connection(make(), **arguments)


class Nodes:
    def __init__(self, readable: Callable[[UnitDeployment], bool], running: Container[str]) -> None:
        """``readable`` returns whether a deployment is visible yet. ``running`` holds the ids of
        deployments whose process runs.
        """
        self.readable, self.running = readable, running

    def deployments(self, front: Storefront, services: list[Service]) -> list[Node]:
        """Return the deployments of some services, the newest first."""
        pairs = [
            (service, item) for service in services for item in service.deployments.values() if self.readable(item)
        ]
        return [self.deployment(front, *pair) for pair in sorted(pairs, key=lambda pair: -pair[1].created)]

    def deployment(self, front: Storefront, service: Service, deployment: UnitDeployment) -> Node:
        running = deployment.id in self.running
        return {
            **{
                "id": deployment.id,
                "status": deployment.status,
                "createdAt": iso(deployment.created),
                "updatedAt": iso(deployment.changed),
            },
            **{
                "statusUpdatedAt": iso(deployment.changed),
                "projectId": front.project,
                "environmentId": front.environment,
            },
            **{
                "serviceId": service.id,
                "canRedeploy": bool(deployment.image),
                "canRollback": self.can_roll_back(service, deployment),
            },
            **{
                "deploymentStopped": deployment.served and not running,
                "snapshotId": None,
                "suggestAddServiceDomain": False,
            },
            **{"meta": _meta(service, deployment), "creator": USER, "url": _host(service), "staticUrl": _host(service)},
            **{
                "instances": (
                    [{"id": deployment.id, "status": "RUNNING" if running else "STOPPED"}] if deployment.served else []
                )
            },
            **{
                "environment": _later(lambda: self.environment(front)),
                "service": _later(lambda: self.service(front, service)),
            },
        }

    def can_roll_back(self, service: Service, deployment: UnitDeployment) -> bool:
        """It served once, its image is kept, and it is not what runs now."""
        return deployment.served and not runs(service, deployment)

    def instance(self, front: Storefront, service: Service) -> Node:
        nodes = self.deployments(front, [service])
        settings = {
            "restartPolicyType": "ON_FAILURE",
            "restartPolicyMaxRetries": 10,
            "watchPatterns": [],
            **service.settings,
        }
        settings["numReplicas"] = sum(region["numReplicas"] for region in replicas(service).values())
        domain = {
            **{
                "id": service.id,
                "domain": _host(service),
                "environmentId": front.environment,
                "projectId": front.project,
                "serviceId": service.id,
            },
            **{"syncStatus": "ACTIVE", "createdAt": iso(service.created), "updatedAt": iso(service.created)},
        }
        return {
            **settings,
            **{
                "id": service.id,
                "serviceId": service.id,
                "serviceName": service.name,
                "environmentId": front.environment,
                "isUpdatable": True,
            },
            **{
                "createdAt": iso(service.created),
                "updatedAt": iso(service.created),
                "source": {"image": service.source.get("image"), "repo": service.source.get("repo")},
            },
            **{
                "latestDeployment": nodes[0] if nodes else None,
                "service": _later(lambda: self.service(front, service)),
            },
            **{"activeDeployments": [node for node in nodes if node["id"] in self.running]},
            **{"domains": {"customDomains": [], "serviceDomains": [domain] if service.port else []}},
        }

    def service(self, front: Storefront, service: Service) -> Node:
        return {
            **{"id": service.id, "name": service.name, "projectId": front.project, "isRestricted": False},
            **{
                "createdAt": iso(service.created),
                "updatedAt": iso(service.created),
                "project": _later(lambda: self.project(front)),
            },
            **{
                "deployments": _page(lambda: self.deployments(front, [service])),
                "serviceInstances": _page(lambda: [self.instance(front, service)]),
            },
        }

    def environment(self, front: Storefront) -> Node:
        services = list(front.services.values())
        return {
            **{
                "id": front.environment,
                "name": "production",
                "projectId": front.project,
                "canAccess": True,
                "isEphemeral": False,
            },
            **{"createdAt": iso(front.created), "updatedAt": iso(front.created), "unmergedChangesCount": 0},
            "config": lambda info, decryptVariables=False: config(front, bool(decryptVariables)),
            **{"deployments": _page(lambda: self.deployments(front, services))},
            **{"serviceInstances": _page(lambda: [self.instance(front, service) for service in services])},
        }

    def project(self, front: Storefront) -> Node:
        services = list(front.services.values())
        return {
            **{
                "id": front.project,
                "name": front.name,
                "description": None,
                "isPublic": False,
                "isTempProject": False,
                "prDeploys": False,
                "subscriptionType": "hobby",
            },
            **{
                "createdAt": iso(front.created),
                "updatedAt": iso(front.created),
                "primaryEnvironmentId": front.environment,
                "workspaceId": "sandbox",
            },
            **{
                "environments": _page(lambda: [self.environment(front)]),
                "services": _page(lambda: [self.service(front, item) for item in services]),
            },
            **{"deployments": _page(lambda: self.deployments(front, services))},
        }

    def snapshot(self, front: Storefront, service: Service, deployment: UnitDeployment) -> Node:
        """The settings that a deployment was created with."""
        times = {"createdAt": iso(deployment.created), "updatedAt": iso(deployment.created)}
        return {
            "id": f"{deployment.id}-snapshot",
            **times,
            "variables": {**deployment.variables, **own_variables(front, service)},
        }

    def staged(self, front: Storefront) -> Node:
        """The changes to an environment that wait for a commit."""
        times = {"createdAt": iso(front.created), "updatedAt": iso(front.created)}
        kept = {"id": f"{front.environment}-staged", "environmentId": front.environment, "status": "STAGED"}
        return {
            **kept,
            **times,
            "environment": _later(lambda: self.environment(front)),
            "patch": lambda info, decryptVariables=False: front.staged,
        }

    def project_token(self, front: Storefront) -> Node:
        return {
            **{
                "id": front.project,
                "name": "sandbox",
                "displayToken": front.project_token[:4] + "****",
                "createdAt": iso(front.created),
            },
            **{"projectId": front.project, "environmentId": front.environment},
            **{"project": _later(lambda: self.project(front)), "environment": _later(lambda: self.environment(front))},
        }

    def log(self, front: Storefront, service: Service, deployment: UnitDeployment, at: int, message: str) -> Node:
        tags = {
            "projectId": front.project,
            "environmentId": front.environment,
            "serviceId": service.id,
            "deploymentId": deployment.id,
        }
        return {
            "timestamp": iso(at),
            "message": message,
            "severity": "error" if message.startswith("Error:") else "info",
            "tags": tags,
            "attributes": [],
        }


def own_variables(front: Storefront, service: Service) -> dict[str, str]:
    """The variables that the vendor sets itself."""
    return {"RAILWAY_PROJECT_ID": front.project, "RAILWAY_SERVICE_NAME": service.name}


def _host(service: Service) -> str | None:
    return f"127.0.0.1:{service.port}" if service.port else None


def _meta(service: Service, deployment: UnitDeployment) -> Node:
    """What the vendor keeps of a deployment beside its fields; the keys are those that its own CLI shows."""
    return {
        **{
            "reason": deployment.reason,
            "rootDirectory": None,
            "buildOnly": False,
            "logsV2": True,
            "runtime": "V2",
            "fileServiceManifest": {},
        },
        **deployment.meta,
        **({"cliMessage": deployment.message} if deployment.message else {}),
        **({"imageDigest": f"sha256:{deployment.image}"} if deployment.image else {}),
        "serviceManifest": {"build": {"builder": "RAILPACK"}, "deploy": dict(service.settings)},
    }
