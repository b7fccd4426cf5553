# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render's objects as its API shows them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...log_times import timed
from ...state import Service, Storefront, UnitDeployment
from ...units import Unit
from ..railway.nodes import iso
from .jobs import status

Node = dict[str, Any]
OWNER = {"id": "tea-sandbox0000000000000", "name": "Sandbox", "email": "sandbox@shop.example", "type": "team"}


def service_node(front: Storefront, service: Service) -> Node:
    settings = service.settings
    details: Node = {
        **{
            "buildPlan": "starter",
            "plan": "starter",
            "region": "frankfurt",
            "env": "node",
            "runtime": "node",
            "numInstances": settings["numInstances"],
        },
        "envSpecificDetails": {
            **{
                "buildCommand": settings["buildCommand"] or "npm ci && npm run build",
                "startCommand": settings["startCommand"],
            },
            **{"preDeployCommand": settings["preDeployCommand"]},
        },
    }
    if settings["autoscaling"]:
        details["autoscaling"] = settings["autoscaling"]
    if service.port:
        details |= {
            "healthCheckPath": settings["healthcheckPath"] or "",
            "maintenanceMode": settings["maintenanceMode"],
        }
        details |= {"openPorts": [{"port": service.port, "protocol": "TCP"}], "url": f"http://127.0.0.1:{service.port}"}
    return {
        **{
            "id": service.id,
            "name": service.name,
            "slug": service.name,
            "ownerId": OWNER["id"],
            "dashboardUrl": f"https://dashboard.render.com/{service.id}",
        },
        **{
            "autoDeploy": settings["autoDeploy"],
            "branch": settings["branch"],
            "repo": f"file://{settings['repository']}",
            "rootDir": settings["rootDir"],
        },
        **{
            "type": "web_service" if service.port else "background_worker",
            "notifyOnFail": "default",
            "serviceDetails": details,
        },
        **{
            "suspended": "suspended" if settings["suspended"] else "not_suspended",
            "suspenders": ["user"] if settings["suspended"] else [],
        },
        **{"createdAt": iso(service.created), "updatedAt": iso(service.created), "environmentId": front.environment},
    }


def deploy_node(service: Service, deployment: UnitDeployment) -> Node:
    word = status(service, deployment)
    node = {
        **{"id": deployment.id, "status": word, "trigger": deployment.reason, "commit": deployment.commit},
        **{"createdAt": iso(deployment.created), "updatedAt": iso(deployment.changed)},
    }
    if word not in ("created", "queued"):
        node["startedAt"] = iso(deployment.created)
    if not word.endswith(("_in_progress", "created", "queued")):
        node["finishedAt"] = iso(deployment.changed)
    return node


def log_lines(service: Service, file_of: Callable[[UnitDeployment], Path], instances: Mapping[str, Unit]) -> list[Node]:
    """Return the log lines of a service's builds and processes."""
    found = []
    for deployment in service.deployments.values():
        found += [_line(service, at, "build", "", line) for at, line in deployment.log]
        file, instance = file_of(deployment), next(iter(instances), "") if deployment.id == service.live else ""
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        # Each line has a millisecond of its own: the pages of a log go by its times.
        found += [_line(service, at, "app", instance, line) for at, line in timed(lines, deployment.changed)]
    return found


def _line(service: Service, at: int, kind: str, instance: str, message: str) -> Node:
    labels = {
        "resource": service.id,
        "type": kind,
        "level": "error" if message.startswith("Error:") else "info",
        **({"instance": instance} if instance else {}),
    }
    key = hashlib.sha256(f"{service.id} {at} {kind} {message}".encode()).hexdigest()[:20]
    return {
        "id": key,
        "message": message,
        "timestamp": iso(at),
        "labels": [{"name": name, "value": value} for name, value in labels.items()],
    }
