# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be made to go wrong on purpose: per vendor, per operation, a number of times."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Any

ANSWERS = {"rate_limited", "unavailable", "reset", "timeout", "malformed", "lost_answer"}
EFFECTS = {
    "vercel": {"stuck", "build_fails", "alias_fails", "alias_partial", "alias_stays", "queued"},
    "railway": {"stuck", "build_fails", "unhealthy", "crashes"},
    "render": {"stuck", "build_fails", "pre_deploy_fails", "unhealthy", "crashes", "queued", "dropped"},
    "cloudflare": set[str](),
    "edge": {"status"},
}
OPERATIONS = {
    "vercel": {
        *("upload", "create", "get", "list", "cancel", "promote", "rollback", "promote_aliases", "project", "update_project", "domains"),
        *("aliases", "events", "user", "team", "list_env", "upsert_env", "update_env", "delete_env"),
    },
    "railway": {
        *("up", "projectToken", "me", "project", "environment", "service", "serviceInstance", "deployments", "deployment", "buildLogs"),
        *("deploymentLogs", "variables", "deploymentRollback", "deploymentStop", "deploymentRestart", "deploymentRedeploy"),
        *("deploymentRemove", "deploymentCancel", "serviceInstanceDeploy", "serviceInstanceDeployV2", "serviceInstanceRedeploy"),
        *("serviceInstanceUpdate", "variableUpsert", "variableCollectionUpsert", "variableDelete"),
    },
    "render": {
        *("list_services", "service", "update", "deploys", "create", "deploy", "cancel", "rollback", "suspend", "resume", "restart", "scale"),
        *("instances", "list_env", "replace_env", "get_env", "upsert_env", "delete_env", "logs", "owners"),
    },
    "cloudflare": {"purge", "list_zones", "zone", "setting", "update_setting", "verify_token"},
    "edge": {"request"},
}

effect: ContextVar[str] = ContextVar("effect", default="")  # what befalls the thing that the current request makes


@dataclass
class Fault:
    """``times`` -1 is for ever. ``host``, ``path`` and ``release`` narrow a fault of the edge, ``storefront`` any fault."""

    vendor: str
    kind: str
    operation: str = "request"
    times: int = 1
    status: int = 503
    retry_after: float = 1
    seconds: float = 30
    storefront: str | None = None
    host: str | None = None
    path: str | None = None
    release: str | None = None

    def __post_init__(self) -> None:
        for word, known, name in (
            (self.vendor, OPERATIONS, "vendor"),
            (self.operation, OPERATIONS.get(self.vendor, ()), "operation"),
            (self.kind, ANSWERS | EFFECTS.get(self.vendor, set()), "kind"),
        ):
            if word not in known:
                raise ValueError(f"{name} {word!r} is not known: use one of {', '.join(sorted(known))}.")

    @classmethod
    def parse(cls, wanted: dict[str, Any]) -> Fault:
        """Make a fault of a request's body. Raises ValueError, naming what is wrong with it."""
        names = {item.name for item in fields(cls)}
        if unknown := wanted.keys() - names:
            raise ValueError(f"{', '.join(sorted(unknown))}: not known here; use {', '.join(sorted(names))}.")
        if missing := {"vendor", "kind"} - wanted.keys():
            raise ValueError(f"{', '.join(sorted(missing))}: missing.")
        return cls(**wanted)


@dataclass
class Faults:
    """The faults that are switched on."""

    active: list[Fault] = field(default_factory=list)

    def take(self, vendor: str, operation: str, **place: str | set[str] | None) -> Fault | None:
        """Return the first fault for this operation at this place, used up by one. A place may have several names."""
        for fault in self.active:
            if (fault.vendor, fault.operation) != (vendor, operation) or fault.times == 0:
                continue
            wanted = {key: getattr(fault, key) for key in place}
            if all(want is None or want in (here if isinstance(here, set) else {here}) for want, here in zip(wanted.values(), place.values(), strict=True)):
                fault.times -= fault.times > 0
                return fault
        return None
