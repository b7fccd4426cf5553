# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Render service's settings that cause no deploy: auto-deploy, maintenance mode, the number of instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.amounts import number
from ...core.errors import ConfigError
from .client import Render
from .states import auto_deploys, is_suspended, maintenance, replicas
from .work import Work

Shown = dict[str, Any]
MOST = 100  # instances of a service


def changes(
    client: Render, *, auto_deploy: bool | None = None, mode: bool | None = None, uri: str | None = None
) -> dict[str, Any]:
    """Return the changes to send to Render for these settings; empty when the service has them. None leaves
    a setting as it is.
    """
    sent: dict[str, Any] = {}
    if auto_deploy and client.service.get("imagePath"):
        raise ConfigError(
            f"{client.service['name']} runs an image, which a push cannot deploy. Leave auto_deploy out, or set it to"
            " false.",
            code="no_auto_deploy",
        )
    if auto_deploy is not None and auto_deploy != auto_deploys(client.service):
        sent["autoDeploy"] = "yes" if auto_deploy else "no"
    if mode is not None or uri is not None:
        now = maintenance(client.service)
        if now is None:
            raise ConfigError(
                f"{client.service['name']} is not a web service, so it has no maintenance mode. Stop it instead, with"
                " state=stopped.",
                code="no_maintenance_mode",
            )
        wanted = {"enabled": now["enabled"] if mode is None else mode, "uri": now["uri"] if uri is None else uri}
        if wanted != now:
            sent["serviceDetails"] = {"maintenanceMode": wanted}
    return sent


def settings_summary(service: Mapping[str, Any]) -> dict[str, Any]:
    """Return a service's settings as modules return them."""
    details = service.get("serviceDetails") or {}
    commands = details.get("envSpecificDetails") or {}
    names = {"repository": "repo", "branch": "branch", "image": "imagePath", "root_directory": "rootDir"}
    return {
        **{
            "source": {ours: service.get(name) or None for ours, name in names.items()},
            "auto_deploy": auto_deploys(service),
        },
        **{"suspended": is_suspended(service), "replicas": replicas(service), "maintenance_mode": maintenance(service)},
        **{
            "pre_deploy_command": commands.get("preDeployCommand") or "",
            "start_command": commands.get("startCommand") or commands.get("dockerCommand") or None,
        },
        "healthcheck_path": details.get("healthCheckPath") or None,
    }


def configured(params: Mapping[str, Any], client: Render, before: Shown, after: Shown, work: Work) -> None:
    """Plan the maintenance mode."""
    settings = changes(
        client, auto_deploy=params["auto_deploy"], mode=params["maintenance_mode"], uri=params["maintenance_uri"]
    )
    now = maintenance(client.service)
    before["maintenance_mode"] = now
    after["maintenance_mode"] = settings.get("serviceDetails", {}).get("maintenanceMode", now)
    work.settings = settings


def scaled(params: Mapping[str, Any], client: Render, before: Shown, after: Shown, work: Work) -> None:
    """Plan the number of instances."""
    details, name = client.service.get("serviceDetails") or {}, client.service["name"]
    autoscaling = details.get("autoscaling") or {}
    wanted = _wanted(params, name, details.get("region") or "its region")
    if wanted < 1:
        raise ConfigError(
            f"replicas is {wanted}, but Render runs at least one instance. Use state=stopped to run none.",
            code="no_replicas",
        )
    if replicas(client.service) is None:
        raise ConfigError(
            f"{name} is a {client.service.get('type')}, whose number of instances cannot be set. Leave replicas out.",
            code="no_replicas",
        )
    if autoscaling.get("enabled"):
        raise ConfigError(
            f"Render scales {name} automatically, between {autoscaling.get('min')} and {autoscaling.get('max')}"
            " instances, and ignores a fixed number. Turn autoscaling off in its dashboard, or change these limits"
            " there.",
            code="autoscaling",
        )
    limit = _limit(details, params["replicas_limit"])
    if wanted > limit["replicas"]:
        raise ConfigError(
            f"{name} would have {number(wanted, 'instance')}, and Render allows {limit['replicas']} of a service"
            f" {limit['plan']}. Ask for at most {limit['replicas']}, or change the plan. Where Render has agreed to"
            " more, set backend_replicas_limit (replicas_limit).",
            code="over_limit",
        )
    before["replicas"], after["replicas"] = replicas(client.service), wanted
    if wanted != replicas(client.service):
        work.replicas = wanted


def scaling(client: Render, before: Shown, after: Shown, agreed: int | None) -> Shown:
    """Return the instances before and after, and the limit, as the modules of all platforms return them."""
    details = client.service.get("serviceDetails") or {}
    region = details.get("region") or "its region"
    return {
        "settings": {"regions": {region: after["replicas"]}},
        "previous_settings": {"regions": {region: before["replicas"]}},
        "limit": _limit(details, agreed),
    }


def _wanted(params: Mapping[str, Any], name: str, region: str) -> int:
    """Return the wanted instances. Render runs a service in one region, which regions may name."""
    regions = params["regions"] or {}
    if (params["replicas"] is None) == (not regions):
        raise ConfigError("state=scaled needs replicas or regions, and not both. Set one of them.", code="no_replicas")
    if unknown := sorted(set(regions) - {region}):
        raise ConfigError(
            f"{name} runs in {region} at Render, which cannot move it to {', '.join(unknown)}. Set regions to {region},"
            " or set replicas.",
            code="unknown_region",
        )
    wanted = regions.get(region, params["replicas"])
    if isinstance(wanted, bool) or not str(wanted).removeprefix("-").isdecimal():
        raise ConfigError(
            f"regions has {wanted!r} for {region}: give it a whole number of instances.", code="bad_regions"
        )
    return int(wanted)


def _limit(details: Mapping[str, Any], agreed: int | None) -> Shown:
    """Return the plan in words and the most instances: render.com/docs/scaling, and render.com/docs/free."""
    plan = details.get("plan") or "of an unknown plan"
    if details.get("disk"):
        return {"plan": f"{plan} with a disk", "replicas": 1}
    return {"plan": plan, "replicas": agreed or (1 if plan == "free" else MOST)}


def restarted(params: Mapping[str, Any], client: Render, before: Shown, after: Shown, work: Work) -> None:
    """Plan the restart of the running service."""
    if not before["live"]:
        raise ConfigError(
            f"{client.service['name']} is not running, so it cannot be restarted. Start it with state=started, or"
            " deploy a release.",
            code="nothing_to_restart",
        )
    before["instances"], after["instances"] = "as they are", "new ones of the same deploy"
    work.restart = True
