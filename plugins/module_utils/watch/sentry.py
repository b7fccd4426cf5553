# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions that Sentry counted for two releases: all of them, and those that were not healthy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.errors import ConfigError
from ..platforms.sentry.client import Sentry
from ..site.journeys.words import nearest
from .judge import Group

HOURS = 24  # of sessions: Sentry counts by the hour; the release of a session is its side


def refuse_missing(given: Mapping[str, Any]) -> None:
    """Raise ConfigError if Sentry has to be compared and is not configured."""
    missing = [name for name in ("api_token", "organization", "projects") if not given.get(name)]
    if missing:
        raise ConfigError(
            f"verify_watch.sentry is true, and Sentry is not configured: {', '.join(missing)} is missing. Set"
            " notify_sentry_token, notify_sentry_organization and notify_sentry_projects.",
            code="bad_watch",
        )


def refuse_strangers(client: Sentry, projects: Sequence[str]) -> None:
    """Raise ConfigError for a project that the organization does not have."""
    known = client.projects()
    for project in projects:
        if project not in known:
            raise ConfigError(
                f"The organization {client.organization} at Sentry has no project {project!r}{nearest(project, known)}."
                f" It has {', '.join(sorted(known)) or 'none that this token may see'}. Correct notify_sentry_projects"
                " or notify_sentry_organization.",
                code="bad_watch",
            )


def compared(
    client: Sentry, projects: Sequence[str], environment: str | None, releases: tuple[str, str]
) -> tuple[Group, Group]:
    """Return the sessions of the new release and of the old one within the last hours."""
    counted = client.sessions(HOURS, projects, environment or "")
    new, old = (_group(counted.get(release, {})) for release in releases)
    return new, old


def _group(statuses: Mapping[str, int]) -> Group:
    asked, healthy = sum(statuses.values()), statuses.get("healthy", 0)
    failed = ", ".join(f"{count} {status}" for status, count in statuses.items() if status != "healthy" and count)
    return Group(asked=asked, failed=asked - healthy, why=failed)
