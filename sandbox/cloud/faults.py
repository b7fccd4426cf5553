# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be made to go wrong on purpose: per vendor, per operation, a number of times."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Any

ANSWERS = {
    "rate_limited",
    "unavailable",
    "reset",
    "timeout",
    "malformed",
    "lost_answer",
    "garbled",
    "hold",
    "stale_read",
    "unknown_state",
    "echo",
}
EFFECTS = {
    "vercel": {"stuck", "build_fails", "alias_fails", "alias_partial", "alias_stays", "queued", "rolls", "no_plan"},
    "railway": {"stuck", "build_fails", "unhealthy", "crashes"},
    "render": {"stuck", "build_fails", "pre_deploy_fails", "unhealthy", "crashes", "queued", "dropped"},
    "cloudflare": {"no_analytics"},
    "github": {"merged"},
    "slack": {"missing_scope"},
    "sentry": set[str](),
    "objects": set[str](),
    "npm": set[str](),
    "stripe": set[str](),
    "mail": {"lost"},
    "edge": {"status", "challenge", "blocked"},
}
# What is asked of the store, the steps of a multipart upload among it, and of which parts of a backup.
PLAIN, UPLOADS = ("get", "put", "delete", "head"), ("unfinished", "begin", "part", "parts", "complete", "abort")
PARTS = ("dump", "globals", "manifest", "proof")
# Names for several operations at once: any step of an upload, and any part of a backup.
FAMILIES = {
    **{f"{verb}_backup": {f"{verb}_{part}" for part in PARTS} for verb in PLAIN},
    **{f"upload_{what}": {f"{step}_{what}" for step in UPLOADS} for what in ("lease", "ledger", "other", *PARTS)},
    "upload_backup": {"unfinished_backup", *(f"{step}_{part}" for step in UPLOADS for part in PARTS)},
}
OPERATIONS = {
    "vercel": {
        *(
            "upload",
            "create",
            "get",
            "list",
            "cancel",
            "promote",
            "rollback",
            "promote_aliases",
            "project",
            "update_project",
            "domains",
        ),
        *(
            "aliases",
            "events",
            "runtime_logs",
            "rolling_release",
            "rolling_billing",
            "rolling_config",
            "configure_rolling",
            "start_rolling",
            "approve_rolling",
            "complete_rolling",
            "user",
            "team",
            "list_env",
            "get_env",
            "upsert_env",
            "update_env",
            "delete_env",
        ),
    },
    "railway": {
        *(
            "up",
            "projectToken",
            "me",
            "project",
            "environment",
            "service",
            "serviceInstance",
            "deployments",
            "deployment",
            "buildLogs",
        ),
        *(
            "deploymentLogs",
            "variables",
            "deploymentRollback",
            "deploymentStop",
            "deploymentRestart",
            "deploymentRedeploy",
        ),
        *(
            "deploymentRemove",
            "deploymentCancel",
            "serviceInstanceDeploy",
            "serviceInstanceDeployV2",
            "serviceInstanceRedeploy",
        ),
        *("serviceInstanceUpdate", "variableUpsert", "variableCollectionUpsert", "variableDelete"),
        *("deploymentSnapshot", "serviceInstanceAutoDeployStatus", "serviceInstanceAutoDeployUpdate", "serviceConnect"),
        *(
            "environmentPatchCommit",
            "environmentStageChanges",
            "environmentPatchCommitStaged",
            "environmentStagedChanges",
        ),
        *("httpMetricsGroupedByStatus", "regions"),
    },
    "render": {
        *(
            "list_services",
            "http_requests",
            "service",
            "update",
            "deploys",
            "create",
            "deploy",
            "cancel",
            "rollback",
            "suspend",
            "resume",
            "restart",
            "scale",
        ),
        *("instances", "list_env", "replace_env", "get_env", "upsert_env", "delete_env", "logs", "owners"),
    },
    "objects": {
        f"{verb}_{what}"
        for verb in (*PLAIN, *UPLOADS, "list", "upload")
        for what in ("lease", "ledger", "backup", "other", *PARTS)
    },
    "cloudflare": {
        *("purge", "list_zones", "zone", "setting", "update_setting", "verify_token", "analytics"),
        *("upload_worker", "worker_settings", "list_routes", "create_route", "delete_route"),
    },
    "github": {
        *(
            "repository",
            "commit",
            "combined_status",
            "commit_statuses",
            "create_commit_status",
            "check_runs",
            "rate_limit",
        ),
        *("pulls_of_commit", "pull_reviews", "workflow_run", "run_approvals"),
        *("list_deployments", "create_deployment", "deployment", "deployment_statuses", "create_deployment_status"),
    },
    "slack": {"post_message", "update_message", "replies", "auth_test", "api_test", "webhook"},
    "sentry": {
        "list_projects",
        "list_releases",
        "create_release",
        "release",
        "update_release",
        "list_deploys",
        "create_deploy",
        "event_counts",
        "list_issues",
        "session_counts",
    },
    "npm": {"advisories"},
    "stripe": {"create_payment", "payment", "confirm_payment", "cancel_payment"},
    "mail": {"receive", "list_messages", "delete_messages"},
    "edge": {"request"},
}
# The operations that may miss a write that went before them, and the fields in which a vendor reports a state.
READS = {
    "vercel": {"get", "list", "promote_aliases", "project", "domains", "aliases", "list_env"},
    "railway": {"project", "environment", "service", "serviceInstance", "deployments", "deployment", "variables"},
    "render": {"list_services", "service", "deploys", "deploy", "instances", "list_env", "get_env"},
    "cloudflare": {"zone", "list_zones", "setting", "list_routes"},
    "github": {
        *("combined_status", "commit_statuses", "check_runs", "pulls_of_commit", "pull_reviews", "run_approvals"),
        *("list_deployments", "deployment", "deployment_statuses"),
    },
    "slack": {"replies"},
    "sentry": {
        *("list_projects", "list_releases", "release", "list_deploys", "event_counts"),
        *("list_issues", "session_counts"),
    },
}
STATES = {
    "vercel": {"readyState", "readySubstate", "state", "status", "jobStatus"},
    "railway": {"status"},
    "render": {"status"},
    "cloudflare": {"status"},
    "github": {"state", "status", "conclusion"},
    "sentry": {"status"},
}

effect: ContextVar[str] = ContextVar("effect", default="")  # what befalls the thing that the current request makes


@dataclass
class Fault:
    """``times`` -1 is for ever; ``after`` lets that many pass first. ``host``, ``path`` and ``release`` narrow a fault
    of the edge, ``storefront`` any fault.

    ``header`` is what lets a request pass a challenge, as ``name: value``.
    """

    vendor: str
    kind: str
    operation: str = "request"
    times: int = 1
    after: int = 0
    status: int = 503
    retry_after: float = 1
    seconds: float = 30
    storefront: str | None = None
    host: str | None = None
    path: str | None = None
    release: str | None = None
    header: str | None = None
    word: str = "REALIGNING"  # of unknown_state

    def __post_init__(self) -> None:
        may = {"stale_read": READS, "unknown_state": STATES}.get(self.kind, OPERATIONS)
        for word, known, name in (
            (self.vendor, may, "vendor"),
            (self.operation, (READS if may is READS else OPERATIONS).get(self.vendor, ()), "operation"),
            (self.kind, ANSWERS | EFFECTS.get(self.vendor, set()), "kind"),
        ):
            if word not in known:
                raise ValueError(f"{name} {word!r} is not known: use one of {', '.join(sorted(known))}.")

    @property
    def operations(self) -> set[str]:
        return FAMILIES.get(self.operation, {self.operation})

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
    held: list[dict[str, str | None]] = field(default_factory=list)
    _cleared: asyncio.Event = field(default_factory=asyncio.Event)

    async def hold(self, vendor: str, operation: str, storefront: str | None) -> None:
        """Keep a request until the faults are cleared; it is listed meanwhile, so that a test can act while
        it is under way.
        """
        entry = {"vendor": vendor, "operation": operation, "storefront": storefront}
        self.held.append(entry)
        try:
            await self._cleared.wait()
        finally:
            self.held.remove(entry)

    def clear(self) -> None:
        """Switch all faults off and let go what is held."""
        self.active.clear()
        self._cleared.set()
        self._cleared = asyncio.Event()

    def take(self, vendor: str, operation: str, **place: str | set[str] | None) -> Fault | None:
        """Return the first fault for this operation at this place, used up by one. A place may have several names."""
        for fault in self.active:
            if fault.vendor != vendor or operation not in fault.operations or fault.times == 0:
                continue
            wanted = {key: getattr(fault, key) for key in place}
            if all(
                want is None or want in (here if isinstance(here, set) else {here})
                for want, here in zip(wanted.values(), place.values(), strict=True)
            ):
                if fault.after:
                    fault.after -= 1
                    continue
                fault.times -= fault.times > 0
                return fault
        return None
