# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment's configuration at Railway, as it is read in one piece and changed by patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...state import Service, Storefront

REGIONS = {"us-west2": "US", "us-east4-eqdc4a": "US", "europe-west4-drams3a": "NL", "asia-southeast1-eqsg3a": "SG"}
HOME = "us-west2"
BUILD = ("buildCommand", "builder", "dockerfilePath", "watchPatterns")


def regions() -> list[dict[str, Any]]:
    return [
        {"country": country, "name": name, "location": name.rpartition("-")[0], "region": name}
        for name, country in REGIONS.items()
    ]


def replicas(service: Service) -> dict[str, dict[str, int]]:
    return service.settings.get("multiRegionConfig") or {HOME: {"numReplicas": 1}}


def config(front: Storefront, decrypted: bool) -> dict[str, Any]:
    return {
        "services": {service.id: _service(service, decrypted) for service in front.services.values()},
        "sharedVariables": {},
        "volumes": {},
    }


def _service(service: Service, decrypted: bool) -> dict[str, Any]:
    deploy = {name: value for name, value in service.settings.items() if name not in (*BUILD, "rootDirectory")}
    source = {**service.source, "rootDirectory": service.settings.get("rootDirectory")} if service.source else {}
    return {
        "source": source,
        "deploy": {**deploy, "multiRegionConfig": replicas(service)},
        "build": {name: service.settings[name] for name in BUILD if name in service.settings},
        "variables": {
            name: {"value": value if decrypted else "encrypted"} for name, value in service.variables.items()
        },
    }


def update(service: Service, wanted: Mapping[str, Any]) -> None:
    """Take over settings as ``serviceInstanceUpdate`` does: one that names no regions puts the service back
    to one replica.
    """
    wanted = dict(wanted)
    if source := wanted.pop("source", None):
        service.source = {key: value for key, value in source.items() if value}
    service.settings.update(wanted)
    if "multiRegionConfig" not in wanted:
        service.settings.pop("multiRegionConfig", None)


def stage(staged: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return a patch with another one merged into it."""
    merged = dict(staged)
    for key, value in more.items():
        there = merged.get(key)
        merged[key] = stage(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
    return merged


def patch(service: Service, wanted: Mapping[str, Any]) -> bool:
    """Merge a patch into a service; None removes a value. Return whether anything changed."""
    before = _service(service, True)
    settings = {**wanted.get("build", {}), **wanted.get("deploy", {})}
    if named := settings.pop("multiRegionConfig", None):
        merged = {**replicas(service), **named}
        settings["multiRegionConfig"] = {
            region: given for region, given in merged.items() if given and given.get("numReplicas")
        }
    service.settings.update(settings)
    for name, given in wanted.get("variables", {}).items():
        if given is None:
            service.variables.pop(name, None)
        else:
            service.variables[name] = given["value"]
    return _service(service, True) != before
