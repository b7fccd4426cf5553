# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens that may do less than the sandbox's own: the token, followed by the names of its scopes.

The names are the vendors' own, of Cloudflare in the form that its permission groups have here: ``zone:read`` is Zone:
Zone: Read. A token of a project at Railway and a token of a team at Vercel are narrow without a list; Render's keys
cannot be narrowed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

MARK = "~"  # no token of the sandbox has it
SCOPES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "cloudflare": {
        "zone:read": frozenset({"list_zones", "zone"}),
        "zone_settings:read": frozenset({"setting"}),
        "analytics:read": frozenset({"analytics"}),
        "cache_purge": frozenset({"purge"}),
        "workers_routes:edit": frozenset({"list_routes", "create_route", "delete_route"}),
        "workers_scripts:edit": frozenset({"upload_worker", "worker_settings"}),
    },
    "github": {
        "checks:read": frozenset({"check_runs"}),
        "statuses:read": frozenset({"combined_status", "commit_statuses"}),
        "pull_requests:read": frozenset({"pulls_of_commit", "pull_reviews"}),
        "actions:read": frozenset({"workflow_run", "run_approvals"}),
        "deployments:write": frozenset(
            {
                "list_deployments",
                "create_deployment",
                "deployment",
                "deployment_statuses",
                "create_deployment_status",
            }
        ),
    },
    "sentry": {
        "project:releases": frozenset(
            {"list_releases", "create_release", "release", "update_release", "list_deploys", "create_deploy"}
        ),
        "org:read": frozenset({"list_projects", "event_counts", "session_counts"}),
        "event:read": frozenset({"list_issues"}),
    },
    "slack": {
        "chat:write": frozenset({"post_message", "update_message"}),
        "channels:history": frozenset({"replies"}),
    },
}
# what any token may ask
FREE: Mapping[str, frozenset[str]] = {
    "cloudflare": frozenset({"verify_token"}),
    "github": frozenset({"rate_limit"}),
    "slack": frozenset({"auth_test", "api_test"}),
}


def narrow(token: str, scopes: Collection[str]) -> str:
    """Return a token that may do only what its scopes name."""
    return MARK.join([token, *sorted(scopes)]) if scopes else f"{token}{MARK}"


def split(token: str) -> tuple[str, frozenset[str] | None]:
    """Return the sandbox's own token and the scopes of this one; None for a token that may do everything."""
    known, mark, rest = token.partition(MARK)
    return known, frozenset(filter(None, rest.split(MARK))) if mark else None


def permits(vendor: str, scopes: frozenset[str] | None, operation: str) -> bool:
    """Whether a token with these scopes may ask for an operation."""
    if scopes is None or operation in FREE.get(vendor, ()):
        return True
    return any(operation in SCOPES.get(vendor, {}).get(scope, ()) for scope in scopes)
