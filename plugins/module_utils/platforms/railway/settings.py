# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a service at Railway: its source, whether pushes deploy it, and its commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...core.errors import ApiError, ConfigError
from . import graphql
from .client import Railway
from .graphql import fields


@dataclass(frozen=True)
class Settings:
    """``auto_deploy`` is whether pushes deploy automatically; ``refused`` is Railway's reason where that
    cannot be turned on.
    """

    repository: str | None
    branch: str | None
    image: str | None
    root_directory: str | None
    auto_deploy: bool
    refused: str | None
    pre_deploy_command: str | None
    start_command: str | None
    healthcheck_path: str | None
    healthcheck_timeout: int | None
    overlap_seconds: int | None
    draining_seconds: int | None
    regions: dict[str, int]
    variable_names: frozenset[str]

    @classmethod
    def of(cls, service_id: str, answer: Mapping[str, Any]) -> Settings:
        instance, status = answer["serviceInstance"], answer["serviceInstanceAutoDeployStatus"]
        config = answer["environment"].get("config", {}).get("services", {}).get(service_id) or {}
        source, kept = instance.get("source", {}), config.get("source", {})
        return cls(
            repository=source.get("repo") or kept.get("repo"),
            branch=kept.get("branch"),
            image=source.get("image") or kept.get("image"),
            root_directory=instance.get("rootDirectory") or kept.get("rootDirectory"),
            auto_deploy=status["enabled"],
            refused=(
                None if status["enabled"] or status.get("canEnable") else status.get("reason") or "it gives no reason"
            ),
            pre_deploy_command=_command(instance.get("preDeployCommand")),
            start_command=instance.get("startCommand") or None,
            healthcheck_path=instance.get("healthcheckPath") or None,
            healthcheck_timeout=instance.get("healthcheckTimeout"),
            overlap_seconds=instance.get("overlapSeconds"),
            draining_seconds=instance.get("drainingSeconds"),
            regions=_replicas(config.get("deploy", {}).get("multiRegionConfig")),
            variable_names=frozenset(config.get("variables", {})),
        )

    def describe(self) -> dict[str, Any]:
        """Return the settings as modules return them."""
        source = {
            "repository": self.repository,
            "branch": self.branch,
            "image": self.image,
            "root_directory": self.root_directory,
        }
        return {
            "source": source,
            "auto_deploy": self.auto_deploy,
            "pre_deploy_command": self.pre_deploy_command,
            "start_command": self.start_command,
            "healthcheck_path": self.healthcheck_path,
            "healthcheck_timeout": self.healthcheck_timeout,
            "overlap_seconds": self.overlap_seconds,
            "draining_seconds": self.draining_seconds,
            "regions": self.regions,
        }


NAMES = (
    "source",
    "auto_deploy",
    "pre_deploy_command",
    "start_command",
    "healthcheck_path",
    "healthcheck_timeout",
    "overlap_seconds",
    "draining_seconds",
)
UNKNOWN: dict[str, Any] = dict.fromkeys((*NAMES, "regions"))
CHANGEABLE = {  # option → Railway's name of it; None for one with its own mutation
    "auto_deploy": None,
    "healthcheck_path": "healthcheckPath",
    "healthcheck_timeout": "healthcheckTimeout",
    "overlap_seconds": "overlapSeconds",
    "draining_seconds": "drainingSeconds",
    "pre_deploy_command": "preDeployCommand",
}
BELONGS = {
    "configured": tuple(CHANGEABLE),
    "scaled": ("regions", "replicas"),
}  # state → the options that only this state has


def refuse_misplaced(params: Mapping[str, Any]) -> None:
    """Refuse an option that another state owns, since this state would ignore it."""
    for state, names in BELONGS.items():
        given = [name for name in names if params[name] not in (None, {})]
        if given and params["state"] != state:
            raise ConfigError(
                f"{', '.join(given)}: only state={state} changes that. Set it in a separate task.",
                code="misplaced_option",
            )
        if not given and params["state"] == state:
            raise ConfigError(
                f"state={state} has nothing to change. Set one of {', '.join(names)}.", code="nothing_to_change"
            )


def _command(command: Any) -> str | None:
    """Return a command as one line; Railway has a list of pre-deploy commands."""
    return (" && ".join(command) if isinstance(command, list) else command) or None


def _replicas(regions: Any) -> dict[str, int]:
    """Return region → replicas of a multiRegionConfig."""
    return {
        region: config["numReplicas"]
        for region, config in sorted((regions or {}).items())
        if config and config.get("numReplicas")
    }


def read_settings(client: Railway) -> Settings:
    """Ask for a service's settings. Raises ApiError."""
    return Settings.of(client.scope["serviceId"], fields(client.api, graphql.SETTINGS, **client.scope))


def settings_summary(client: Railway) -> dict[str, Any]:
    """Return a service's settings as modules return them; UNKNOWN, with a warning, when they cannot be
    read: a rollback must find its target without them.
    """
    try:
        return read_settings(client).describe()
    except ApiError as error:
        client.waiter.warn(
            f"The settings of {client.name} could not be read, so its source is unknown, and whether pushes deploy"
            f" it. {error}"
        )
        return UNKNOWN


def configured(
    params: Mapping[str, Any], client: Railway
) -> tuple[dict[str, Any], dict[str, Any], Callable[[], None], dict[str, Any]]:
    """Return the settings before, the settings after, the function that changes them, and no further details, for the
    given options. Raises ConfigError where Railway refuses.
    """
    settings = read_settings(client)
    if params["auto_deploy"] and settings.refused:
        raise ConfigError(
            f"Railway does not allow pushes to deploy {client.name}: {settings.refused}. Connect the service to a"
            " repository, or set auto_deploy to false.",
            code="no_auto_deploy",
        )
    before = {name: getattr(settings, name) for name in CHANGEABLE if params[name] is not None}
    after = {name: None if params[name] == "" else params[name] for name in before}
    return (
        before,
        after,
        lambda: configure(client, settings, {name: value for name, value in after.items() if value != before[name]}),
        {},
    )


def configure(client: Railway, settings: Settings, wanted: Mapping[str, Any]) -> None:
    """Change settings, given by the names of CHANGEABLE. All but auto-deploy take effect with the next deployment."""
    if "auto_deploy" in wanted:
        client.ask(graphql.AUTO_DEPLOY, input={**client.scope, "enabled": wanted["auto_deploy"]})
    changes = {railways: wanted[name] for name, railways in CHANGEABLE.items() if railways and name in wanted}
    if "preDeployCommand" in changes:
        changes["preDeployCommand"] = [changes["preDeployCommand"]] if changes["preDeployCommand"] else []
    if changes:
        update(client, settings, **changes)


def update(client: Railway, settings: Settings, **changes: Any) -> None:
    """Change settings by Railway's names. The regions are always sent too: an update without them has reset
    services to one replica.
    """
    regions = {"multiRegionConfig": region_config(settings.regions)} if settings.regions else {}
    client.ask(graphql.UPDATE, **client.instance, input={**changes, **regions})


def region_config(regions: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return a multiRegionConfig of region → replicas."""
    return {region: {"numReplicas": count} for region, count in regions.items()}
