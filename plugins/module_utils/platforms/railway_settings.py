# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a service at Railway is set up: where it gets its code from, whether pushes deploy, what it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import ConfigError
from . import railway_graphql as documents
from .railway import Railway
from .railway_graphql import fields


@dataclass(frozen=True)
class Settings:
    """``auto_deploy`` tells whether pushes deploy by themselves; ``refused`` is Railway's reason where that cannot be turned on."""

    repository: str | None
    branch: str | None
    image: str | None
    root_directory: str | None
    auto_deploy: bool
    refused: str | None
    pre_deploy_command: str | None
    start_command: str | None
    variable_names: frozenset[str]

    @classmethod
    def of(cls, service_id: str, answer: Mapping[str, Any]) -> Settings:
        instance, status = answer["serviceInstance"], answer["serviceInstanceAutoDeployStatus"]
        config = (answer["environment"]["config"].get("services") or {}).get(service_id) or {}
        source, kept = instance["source"] or {}, config.get("source") or {}
        return cls(
            repository=source.get("repo") or kept.get("repo"),
            branch=kept.get("branch"),
            image=source.get("image") or kept.get("image"),
            root_directory=instance["rootDirectory"] or kept.get("rootDirectory"),
            auto_deploy=status["enabled"],
            refused=None if status["enabled"] or status["canEnable"] else status["reason"] or "it gives no reason",
            pre_deploy_command=_command(instance["preDeployCommand"]),
            start_command=instance["startCommand"] or None,
            variable_names=frozenset(config.get("variables") or {}),
        )

    def describe(self) -> dict[str, Any]:
        """Return what modules give back of the settings."""
        source = {"repository": self.repository, "branch": self.branch, "image": self.image, "root_directory": self.root_directory}
        return {
            "source": source,
            "auto_deploy": self.auto_deploy,
            "pre_deploy_command": self.pre_deploy_command,
            "start_command": self.start_command,
        }


UNKNOWN: dict[str, Any] = {"source": None, "auto_deploy": None, "pre_deploy_command": None, "start_command": None}


def _command(told: Any) -> str | None:
    """Return a command as one line; Railway lists the commands that it runs before a deployment."""
    return " && ".join(told) if isinstance(told, list) else told or None


def read_settings(client: Railway) -> Settings:
    """Ask for a service's settings. Raises ApiError."""
    return Settings.of(client.scope["serviceId"], fields(client.api, documents.SETTINGS, **client.scope))


def refuse_auto_deploy(client: Railway, settings: Settings) -> None:
    """Raise ConfigError where pushes cannot deploy the service."""
    if settings.refused:
        raise ConfigError(
            f"Railway does not let pushes deploy {client.service}: {settings.refused}. Connect the service to a repository, or set auto_deploy to false.",
            code="no_auto_deploy",
        )


def set_auto_deploy(client: Railway, enabled: bool) -> None:
    """Say whether pushes to the repository deploy the service by themselves."""
    client.waiter.beat()
    documents.graphql(client.api, documents.AUTO_DEPLOY, input={**client.scope, "enabled": enabled})
