# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The replicas of a service at Railway in each region."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...core.errors import ApiError, ConfigError
from . import graphql
from .client import Railway
from .settings import Settings, read_settings, region_config
from .states import Deployment, live

Regions = dict[str, int]


def scaled(
    params: Mapping[str, Any], client: Railway
) -> tuple[dict[str, Regions], dict[str, Regions], Callable[[], Deployment | None]]:
    """Return the replicas before, the replicas after, and the function that changes them. Raises
    ConfigError for an impossible number.
    """
    settings = read_settings(client)
    after = _regions(client, settings, params["regions"])

    def change() -> Deployment | None:
        made = _scale(client, settings, after)
        if (now := read_settings(client).regions) != after:
            raise ApiError(
                f"Railway accepted the change, but reports {now} as the replicas of {client.service}. Check the service"
                " in its dashboard.",
                code="not_scaled",
            )
        return made

    return {"regions": settings.regions}, {"regions": after}, change


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
            f"{client.service} would have no replica left. Keep at least one, or use state=stopped.", code="no_replicas"
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
