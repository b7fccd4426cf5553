# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendors' state, saved to a file so that a killed double can resume."""

from __future__ import annotations

import secrets
import string
import time
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

_ALPHABET = string.ascii_letters + string.digits


def identifier(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_ALPHABET) for _unused in range(24))


class _Clock:
    last = 0


def now() -> int:
    """Return the time in milliseconds, never the same twice: lists are ordered and paged by it."""
    _Clock.last = max(_Clock.last + 1, time.time_ns() // 1_000_000)
    return _Clock.last


@dataclass
class SiteDeployment:
    """A deployment on Vercel. ``files`` maps paths to entries (SHA-1 digest, mode); times are in milliseconds."""

    id: str
    name: str
    port: int
    created: int
    target: str | None
    files: dict[str, str]
    variables: dict[str, str]
    settings: dict[str, Any]
    meta: dict[str, str]
    source: str = "cli"
    effect: str = ""
    state: str = "QUEUED"
    building: int | None = None
    ready: int | None = None
    build: str = ""  # key in the build cache
    error: str = ""
    log: list[list[Any]] = field(default_factory=list)  # [time, line]
    promoted: bool = False  # it has served production
    alias_assigned: int | None = None
    alias_error: dict[str, str] | None = None
    environment: str = ""  # the slug of a custom one
    auto_assign: bool = True  # where the project's own setting allows it
    git: dict[str, Any] | None = None  # the commit that it was built from, as the API's gitSource

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass
class Site:
    """A project on Vercel. ``aliases`` says which deployment each of the production domains serves."""

    id: str
    name: str
    team: str
    domains: list[str]
    variables: list[dict[str, Any]]
    created: int
    deployments: dict[str, SiteDeployment] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    live: str | None = None
    auto_assign: bool = True
    alias_request: dict[str, Any] | None = None
    alias_results: list[dict[str, str]] = field(default_factory=list)
    rollback_target: dict[str, Any] | None = None
    rolling: dict[str, Any] | None = None  # the rolling release that is on or was last, in the API's shape
    rolling_config: dict[str, Any] | None = None  # the stages of its rolling releases; None while they are off
    environments: list[dict[str, Any]] = field(default_factory=list)  # the custom ones, in the API's shape
    git: dict[str, str] | None = None  # repository (a path) and production_branch


@dataclass
class UnitDeployment:
    """A deployment on Railway or Render. ``image`` is its key in the build cache once it is built,
    ``commit`` what Render was asked to build.
    """

    id: str
    created: int
    files: dict[str, str]
    variables: dict[str, str]
    message: str | None = None
    reason: str = "deploy"
    effect: str = ""
    image: str = ""
    commit: dict[str, str] = field(default_factory=dict)  # at Render: id, message, createdAt
    status: str = "QUEUED"
    changed: int = 0
    served: bool = False
    stopped: bool = False
    log: list[list[Any]] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)  # what the repository says of the commit


@dataclass
class Service:
    """A service on Railway or Render."""

    id: str
    name: str
    created: int
    variables: dict[str, str]
    settings: dict[str, Any]
    port: int | None = None  # of its domain
    live: str | None = None
    deployments: dict[str, UnitDeployment] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)  # repo and branch, where it is connected to any
    repository: str = ""  # the folder that stands for it
    auto_deploy: bool = False
    answered: dict[str, dict[str, int]] = field(default_factory=dict)  # minute → status → requests
    kind: str = ""  # web, worker or cron
    port_variable: str = "PORT"
    # more for builds; equal in all sandboxes, since they are part of the cache key
    build_variables: dict[str, str] = field(default_factory=dict)


@dataclass
class Storefront:
    """One shop's things at the vendors. Its ``backend`` is at Railway or at Render."""

    name: str
    site: Site
    project: str
    environment: str
    project_token: str
    services: dict[str, Service]
    zone: str
    edge_ports: dict[str, int]
    created: int
    development_mode: str = "off"
    routes: list[dict[str, Any]] = field(default_factory=list)  # to Workers, in the API's shape
    backend: str = "railway"
    # changes to the environment at Railway that nobody has committed yet
    staged: dict[str, Any] = field(default_factory=dict)
    github: dict[str, Any] = field(default_factory=dict)
    slack: dict[str, Any] = field(default_factory=dict)
    sentry: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, data: dict[str, Any]) -> Storefront:
        data = deepcopy(data)
        site, services = data.pop("site"), data.pop("services")
        site["deployments"] = {key: SiteDeployment(**value) for key, value in site["deployments"].items()}
        for service in services.values():
            service["deployments"] = {key: UnitDeployment(**value) for key, value in service["deployments"].items()}
        return cls(site=Site(**site), services={key: Service(**value) for key, value in services.items()}, **data)

    def dump(self) -> dict[str, Any]:
        return asdict(self)

    def ids(self) -> set[str]:
        """Return the ids of all that belongs to this storefront."""
        deployments = set(self.site.deployments).union(*(service.deployments for service in self.services.values()))
        desks = {self.slack[key] for key in ("channel", "key") if key in self.slack}
        return {self.site.id, self.project, self.environment, self.zone, *self.services} | deployments | desks

    @property
    def web(self) -> Service | None:
        """The service behind the public API's domain; None for a shop without a backend."""
        return next((service for service in self.services.values() if service.port is not None), None)

    def service(self, name: str) -> Service:
        return next(
            service for service in self.services.values() if name in (service.name, service.settings.get("unit"))
        )

    def public(self) -> dict[str, Any]:
        """Return what the storefront's owner may know, in the shape of the sandbox's state."""

        def url(port: int | None) -> str:
            return f"http://127.0.0.1:{port}"

        services = {service.settings.get("unit", service.name): service.id for service in self.services.values()}
        ids = {
            "project": self.project,
            "environment": self.environment,
            "services": services,
            "project_token": self.project_token,
        }
        return {
            "frontend_url": url(self.edge_ports["frontend"]),
            "backend_url": url(self.edge_ports["backend"]),
            "frontend_origin_url": f"http://{self.site.domains[0]}",
            "backend_origin_url": url(self.web.port) if self.web else "",
            "vercel": {"project": self.site.id, "project_name": self.site.name, "team": self.site.team},
            "backend": self.backend,
            self.backend: ids if self.backend == "railway" else {"services": services},
            "cloudflare": {"zone": self.zone, "zone_name": f"{self.name}.example"},
            "github": {"repository": self.github.get("repository")},
            "slack": {key: self.slack.get(key) for key in ("channel", "webhook")},
            "sentry": {"organization": self.sentry.get("organization"), "project": self.name},
        }
