# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentry's objects as its API shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ...state import Storefront

PAGE = 100
Kept = dict[str, Any]

# fmt: off
_HAS = (
    "Feedbacks", "Flags", "MinifiedStackTrace", "Monitors", "NewFeedbacks", "Profiles", "Replays", "Sessions", "InsightsHttp", "InsightsDb",  # noqa: E501
    "InsightsAssets", "InsightsAppStart", "InsightsScreenLoad", "InsightsVitals", "InsightsCaches", "InsightsQueues", "InsightsAgentMonitoring",  # noqa: E501
    "InsightsMCP", "Logs", "TraceMetrics", "UserReports",
)
# fmt: on


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def deploy(kept: Kept) -> Kept:
    return {key: kept[key] for key in ("id", "environment", "dateStarted", "dateFinished", "name", "url")}


def release(front: Storefront, kept: Kept) -> Kept:
    """Projects are numbered by their place in the organization."""
    commits, deploys, version = kept["commits"], kept["deploys"], kept["version"]
    emails = dict.fromkeys(item["email"] for item in commits if item["email"])
    slugs = front.sentry["projects"]
    projects = [
        {
            "id": slugs.index(slug) + 1,
            "slug": slug,
            "name": slug,
            "newGroups": 0,
            "platform": "node",
            "platforms": ["node"],
            "hasHealthData": False,
        }
        for slug in kept["projects"]
    ]
    last = commits[0] if commits else None
    return {
        **{
            "id": kept["id"],
            "version": version,
            "shortVersion": version,
            "status": "open",
            "newGroups": 0,
            "data": {},
            "projects": projects,
        },
        **{
            "ref": kept["ref"],
            "url": kept["url"],
            "dateReleased": kept["dateReleased"],
            "dateCreated": _time(kept["created"]),
            "owner": None,
        },
        **{"lastCommit": {"id": last["id"], "message": last["message"]} if last else None, "commitCount": len(commits)},
        **{
            "lastDeploy": {**deploy(deploys[-1]), "name": deploys[-1]["name"] or ""} if deploys else None,
            "deployCount": len(deploys),
            "firstEvent": None,
            "lastEvent": None,
        },
        **{
            "authors": [{"name": None, "email": email} for email in emails],
            "userAgent": None,
            "currentProjectMeta": None,
        },
        "versionInfo": {"package": None, "version": {"raw": version}, "description": version, "buildHash": None},
    }


def issue(front: Storefront, number: int, kept: Kept) -> Kept:
    """``kept`` has title, count, first_seen and environment."""
    slug, organization = front.sentry["projects"][0], front.sentry["organization"]
    nothing = dict.fromkeys(
        (
            *("shareId", "logger", "priorityLockedAt", "seerFixabilityScore", "seerAutofixLastTriggered"),
            *("seerExplorerAutofixLastTriggered", "assignedTo", "subscriptionDetails", "filtered"),
            *("matchingEventId", "matchingEventEnvironment"),
        )
    )
    never = dict.fromkeys(("isPublic", "isBookmarked", "isSubscribed", "hasSeen", "latestEventHasAttachments"), False)
    seen = {
        "count": str(kept["count"]),
        "userCount": 1,
        "firstSeen": kept["first_seen"],
        "lastSeen": kept["first_seen"],
    }
    derived = {
        **{"blocker": "none", "progress": "none", "status": "open", "viewCount": 0, "hasOpenFixPr": False},
        **{"isAssigned": False, "hasRootCause": False, "lastCompletedAutofixStep": "none", "lastProgressedAt": None},
    }
    return {
        **nothing,
        **never,
        **seen,
        **{
            "id": str(number),
            "shortId": f"{slug.upper()}-{number}",
            "title": kept["title"],
            "culprit": "GET /products",
        },
        **{"permalink": f"https://{organization}.sentry.example/issues/{number}/", "level": "error", "type": "error"},
        **{"status": "unresolved", "statusDetails": {}, "substatus": "new", "platform": "node", "priority": "high"},
        **{
            "project": {"id": "1", "name": slug, "slug": slug, "platform": "node"},
            "metadata": {"title": kept["title"]},
        },
        **{"issueType": "error", "issueCategory": "error", "numComments": 0, "annotations": [], "isUnhandled": True},
        **{"derivedData": derived, "stats": {}, "lifetime": dict(seen), "sessionCount": 0},
        "inbox": {"reason": 0, "reason_details": None, "date_added": kept["first_seen"]},
        "owners": {"type": "suspectCommit", "owner": "user:1", "date_added": kept["first_seen"]},
        **{"integrationIssues": [], "sentryAppIssues": []},
    }


def project(front: Storefront, slug: str) -> Kept:
    team = {"id": "1", "slug": front.name, "name": front.name}
    versions = list(front.sentry["releases"])
    return {
        **{
            "id": str(front.sentry["projects"].index(slug) + 1),
            "slug": slug,
            "name": slug,
            "platform": "node",
            "platforms": ["node"],
            "team": team,
        },
        **{
            "teams": [team],
            "dateCreated": _time(front.created),
            "isBookmarked": False,
            "isMember": True,
            "features": [],
            "firstEvent": None,
        },
        **{
            "firstTransactionEvent": False,
            "access": ["project:read", "project:releases"],
            "hasAccess": True,
            "environments": [],
        },
        **{"latestRelease": {"version": versions[-1]} if versions else None, **{f"has{name}": False for name in _HAS}},
    }
