# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rate-limit headers of each answer. The double counts but never refuses; only the fault ``rate_limited`` does."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass
class Window:
    """So many requests in so many seconds, counted again when they are over."""

    limit: int
    seconds: int
    used: int = 0
    began: float = 0.0

    def take(self) -> tuple[int, int]:
        """Count a request; return how many are left, and in how many seconds the window ends."""
        if time.time() - self.began >= self.seconds:
            self.began, self.used = time.time(), 0
        self.used += 1
        return max(1, self.limit - self.used), max(1, round(self.began + self.seconds - time.time()))


def headers(vendor: str, window: Window) -> dict[str, str]:
    """Return a vendor's headers with the remaining requests."""
    left, reset = window.take()
    at = str(int(time.time()) + reset)
    if vendor in ("vercel", "railway"):
        return {"x-ratelimit-limit": str(window.limit), "x-ratelimit-remaining": str(left), "x-ratelimit-reset": at}
    if vendor == "github":
        counts = {"limit": window.limit, "remaining": left, "used": window.used, "reset": at, "resource": "core"}
        return {f"x-ratelimit-{name}": str(value) for name, value in counts.items()}
    if vendor == "sentry":
        counts = {
            "limit": window.limit,
            "remaining": left,
            "reset": at,
            "concurrentlimit": 25,
            "concurrentremaining": 24,
        }
        return {f"x-sentry-rate-limit-{name}": str(value) for name, value in counts.items()}
    if vendor == "render":
        return {"ratelimit-limit": str(window.limit), "ratelimit-remaining": str(left), "ratelimit-reset": str(reset)}
    if vendor == "cloudflare":
        return {
            "ratelimit": f'"default";r={left};t={reset}',
            "ratelimit-policy": f'"default";q={window.limit};w={window.seconds}',
        }
    return {}  # Slack reports it only when it is too late, in Retry-After


# Requests and seconds. Where a vendor's limit differs by endpoint or plan, that of its most asked one.
WINDOWS = {
    "vercel": (100, 60),
    "railway": (10_000, 3600),
    "render": (400, 60),
    "cloudflare": (1200, 300),
    "github": (5000, 3600),
    "sentry": (40, 1),
}


def window(vendor: str) -> Window:
    return Window(*WINDOWS.get(vendor, (1000, 60)))
