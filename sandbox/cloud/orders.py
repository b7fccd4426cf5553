# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site and the units that a new storefront consists of; by default those of the example shop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .state import Service

Order = Mapping[str, Any]
EXAMPLE: list[dict[str, Any]] = [
    {"name": "api", "kind": "web", "start": "npm start", "health": "/health"},
    {"name": "worker", "kind": "worker", "start": "npm run worker", "health": ""},
]
HEALTH_SECONDS = 6  # until a unit of the example shop counts as unhealthy
OTHER_HEALTH_SECONDS = 40  # the same for other shops, which may start more slowly


def units_of(wanted: Order) -> list[dict[str, Any]]:
    return EXAMPLE if wanted.get("units") is None else wanted["units"]


def settings_of(wanted: Order, unit: Mapping[str, Any]) -> dict[str, Any]:
    """Return a unit's settings under Railway's names."""
    return {
        "startCommand": unit["start"],
        "healthcheckPath": unit.get("health") or None,
        "healthcheckTimeout": HEALTH_SECONDS if wanted.get("units") is None else OTHER_HEALTH_SECONDS,
        **({"buildCommand": unit["build"]} if unit.get("build") else {}),
        **({"preDeployCommand": [unit["pre_deploy"]]} if unit.get("pre_deploy") else {}),
    }


def service_of(
    wanted: Order, unit: Mapping[str, Any], variables: Mapping[str, str], *, key: str, name: str, created: int
) -> Service:
    """Return a service that runs a unit."""
    own = {**variables, **unit.get("variables", {})}
    more = {
        "kind": unit["kind"],
        "port_variable": unit.get("port") or "PORT",
        "build_variables": unit.get("build_variables") or {},
    }
    return Service(key, name, created, own, settings_of(wanted, unit), **more)


def configure(services: Mapping[str, Service], wanted: Order) -> list[str]:
    """Give services the settings of an order with the same units. If the units differ, change nothing and
    return the names that differ.
    """
    units = {unit["name"]: unit for unit in units_of(wanted)}
    named = {service.settings.get("unit", service.name): service for service in services.values()}
    if units.keys() != named.keys():
        return sorted(units.keys() ^ named.keys())
    for name, unit in units.items() if wanted.get("units") is not None else ():
        settings = settings_of(wanted, unit)
        commands = settings.pop("preDeployCommand", None)
        pre_deploy = commands if "unit" not in named[name].settings else (commands or [""])[0]  # Render takes one
        named[name].settings.update({"buildCommand": "", **settings, "preDeployCommand": pre_deploy})
        named[name].port_variable = unit.get("port") or "PORT"
    return []
