# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The replicas of a service at Railway in each region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...core.amounts import number
from ...core.errors import ApiError, ConfigError
from . import graphql
from .client import Railway
from .settings import Settings, read_settings, region_config
from .states import Deployment, live

Regions = dict[str, int]
Shown = dict[str, Any]
# Replicas of a service by the plans that the API names: the table "Default plan resources" of
# docs.railway.com/pricing/plans, where 0 stands for the one instance that a free service has.
MOST = {"free": 1, "trial": 1, "hobby": 6, "pro": 42}


def scaled(params: Mapping[str, Any], client: Railway) -> tuple[Shown, Shown, Callable[[], Deployment | None], Shown]:
    """Return the replicas before, the replicas after, the function that changes them, and the limit of the plan. Raises
    ConfigError for an impossible number.

    A deployment under way that an earlier run has caused is waited for.
    """
    settings = read_settings(client)
    after = _regions(client, settings, _named(client, settings, params))
    limit = _limit(client, params["replicas_limit"])
    _refuse_more(client, after, limit)
    there = settings.regions == after
    coming = next((one for one in client.deployments() if one.in_progress), None) if there else None

    def change() -> Deployment | None:
        if there:
            return coming
        made = _scale(client, settings, after)
        if (now := read_settings(client).regions) != after:
            raise ApiError(
                f"Railway accepted the change, but reports {now} as the replicas of {client.name}. Check the service"
                " in its dashboard.",
                code="not_scaled",
            )
        return made

    before: Shown = {"regions": settings.regions}
    then: Shown = {"regions": after}
    if coming:
        before["in_progress"], then["in_progress"] = coming.id, None
    return before, then, change, {"limit": limit}


def _named(client: Railway, settings: Settings, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the wanted replicas by region. A single number is for the region in which the service runs."""
    if params["replicas"] is None:
        return params["regions"] or {}
    if params["regions"]:
        raise ConfigError("replicas and regions are both set. Set one of them.", code="both_ways")
    if len(settings.regions) != 1:
        runs = ", ".join(f"{region}: {count}" for region, count in settings.regions.items()) or "no region"
        raise ConfigError(
            f"{client.name} runs in {runs}, so one number does not say where its replicas run. Set the number of"
            " each region in regions.",
            code="several_regions",
        )
    return dict.fromkeys(settings.regions, params["replicas"])


def _limit(client: Railway, agreed: int | None) -> dict[str, Any]:
    """Return the plan and the most replicas that it allows; None where that is not known."""
    plan = client.ask(graphql.PLAN, id=client.scope["projectId"])["subscriptionType"]
    return {"plan": plan, "replicas": agreed or MOST.get(plan)}


def _refuse_more(client: Railway, after: Regions, limit: Mapping[str, Any]) -> None:
    total, most = sum(after.values()), limit["replicas"]
    if most is not None and total > most:
        raise ConfigError(
            f"The service would have {number(total, 'replica')}, and the plan {limit['plan']} at Railway allows {most}."
            f" Ask for at most {most}, or change the plan. Where Railway has agreed to more, set backend_replicas_limit"
            " (replicas_limit).",
            code="over_limit",
        )


def _regions(client: Railway, settings: Settings, wanted: Mapping[str, Any]) -> dict[str, int]:
    """Return the replicas of all regions after those of ``wanted`` are changed. Raises ConfigError for an
    impossible number.
    """
    if bad := {region: count for region, count in wanted.items() if not str(count).isdecimal()}:
        raise ConfigError(
            f"regions has {bad}: give each region a whole number of replicas, or 0 to leave the region.",
            code="bad_regions",
        )
    known = [region["name"] for region in client.ask(graphql.REGIONS, projectId=client.scope["projectId"])]
    if unknown := sorted(set(wanted) - {*known, *settings.regions}):
        raise ConfigError(
            f"Railway has no region {', '.join(unknown)}. Set regions to one or more of: {', '.join(sorted(known))}.",
            code="unknown_region",
        )
    after = {
        region: count
        for region, count in {**settings.regions, **{region: int(count) for region, count in wanted.items()}}.items()
        if count
    }
    if not after:
        raise ConfigError(
            "The service would have no replica left. Keep at least one in a region, or use state=stopped to stop it.",
            code="no_replicas",
        )
    return dict(sorted(after.items()))


def _scale(client: Railway, settings: Settings, after: Mapping[str, int]) -> Deployment | None:
    """Set the replicas of all regions to ``after``. Return the deployment that Railway creates for it; None
    where nothing is live.
    """
    known = {deployment.id: deployment for deployment in client.deployments()}
    patch: dict[str, Any] = {region: None for region in settings.regions if region not in after}
    deploy = {"multiRegionConfig": {**region_config(after), **patch}}
    services = {client.scope["serviceId"]: {"deploy": deploy}}
    client.waiter.settle(
        lambda: client.ask(
            graphql.PATCH,
            environmentId=client.scope["environmentId"],
            patch={"services": services},
            message="storefront.runbook scales",
        ),
        lambda: read_settings(client).regions == after,
    )
    if not live(known.values()):
        return None
    return client.find(lambda listed: next((deployment for deployment in listed if deployment.id not in known), None))
