# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""T4: visitors see an old page: the release at the edge against the one that the platform serves."""

from __future__ import annotations

from collections.abc import Iterator

from .finding import BROKEN, DEGRADED, LIKELY, SURE, Finding, View

CACHED = ("HIT", "STALE", "UPDATING", "REVALIDATED")


def old_page(view: View) -> Iterator[Finding]:
    """Compare the pages' release with that of the live deployment."""
    live = dict(view.units()).get("frontend", {}).get("live") or {}
    serves = live.get("release")
    checks = [one for one in view.fact("site:frontend").value or [] if one["release"]]
    old = [one for one in checks if serves and one["release"] != serves]
    if not old:
        return
    cached = [one for one in old if str(one["cf_cache_status"]).upper() in CACHED]
    shown = ", ".join(f"{one['url']} shows {one['release']}" for one in (cached or old)[:3])
    if cached:
        yield Finding(
            "edge_old_page",
            "T4",
            f"The edge shows {cached[0]['release']}, and Vercel serves {serves}",
            f"{shown} (cf-cache-status {cached[0]['cf_cache_status']})",
            "pages of the release before are still cached",
            SURE,
            DEGRADED,
            do=view.remedy("purge_stale"),
            advice="Only these pages are purged.",
            remedy="purge_stale",
        )
    else:
        yield Finding(
            "domain_old_page",
            "T4",
            f"The public site shows {old[0]['release']}, and Vercel serves {serves}",
            shown,
            "the domain still points to another deployment, or another cache is in front",
            LIKELY,
            BROKEN,
            do=view.command("deploy", f"-e release={serves}", "-e surfaces=frontend,edge"),
            advice="The deploy promotes it again and verifies the public site.",
        )


def unserved(view: View) -> Iterator[Finding]:
    """Say that Vercel could not move all domains."""
    moved = dict(view.units()).get("frontend", {}).get("moved") or {}
    if moved.get("status") == "failed":
        yield Finding(
            "promotion_failed",
            "T4",
            f"Vercel's {moved.get('type') or 'promotion'} failed",
            f"requested {moved.get('at')}, from {moved.get('from')} to {moved.get('to')}",
            "a domain could not be moved",
            SURE,
            BROKEN,
            do=view.command("rollback"),
            advice="Check the project's domains at Vercel.",
        )


def stale_urls(view: View) -> list[str]:
    """Return the URLs of the pages that the edge shows of another release."""
    live = dict(view.units()).get("frontend", {}).get("live") or {}
    return [
        one["url"]
        for one in view.fact("site:frontend").value or []
        if one["release"] and live.get("release") and one["release"] != live["release"]
    ]


RULES = (old_page, unserved)
