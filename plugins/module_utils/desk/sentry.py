# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Sentry has of the last day: the issues that are new, and how the sessions of each release went."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from ..core.errors import ApiError
from ..platforms.sentry.client import API_URL, Sentry
from ..release.page_budget import within
from .storefront import Params

HOURS = 24
BAD = ("errored", "crashed", "abnormal")
NO_SESSIONS = (400, 403, 404)  # of an organization or a token without release health


def is_set_up(params: Params) -> bool:
    return bool(params["sentry"].get("api_token") and params["sentry"].get("organization"))


def sentry(params: Params) -> dict[str, Any]:
    """Return {issues, sessions}. Issues have title, events, first_seen and url; sessions, by release, total and bad."""
    given = params["sentry"]
    seconds = within(params["timeout"])
    chosen: dict[str, Any] = {"projects": given["projects"], "environment": given["environment"] or ""}
    url, plain = given["api_url"] or API_URL, given["allow_plain_http"]
    client = Sentry(
        given["api_token"], given["organization"], url, timeout=seconds, deadline=seconds, allow_plain_http=plain
    )
    with closing(client):
        issues = client.issues(HOURS, **chosen)
        try:
            sessions = client.sessions(HOURS, **chosen)
        except ApiError as error:
            if error.status not in NO_SESSIONS:
                raise
            sessions = {}
    return {
        "issues": [
            {
                "title": one["title"],
                "events": int(one["count"]),
                "first_seen": one["firstSeen"],
                "url": one["permalink"],
            }
            for one in issues
        ],
        "sessions": {
            release: {"total": sum(counts.values()), "bad": sum(counts.get(word, 0) for word in BAD)}
            for release, counts in sessions.items()
        },
    }
