# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a shop that is well, as the sources gather them; a test changes what is to be wrong."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from ansible_collections.storefront.runbook.plugins.module_utils.desk.diagnosis import find
from ansible_collections.storefront.runbook.plugins.module_utils.desk.findings.finding import Finding, View
from ansible_collections.storefront.runbook.plugins.module_utils.desk.gather import Fact

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DEPLOYED = "2026-03-01T09:00:00+00:00"
LIVE = {"id": "d2", "release": "v1.1.0", "commit": "c2", "status": "success", "created_at": DEPLOYED, "url": None}
OLD = {**LIVE, "id": "d1", "release": "v1.0.0", "commit": "c1", "created_at": "2026-02-20T09:00:00+00:00"}
VARIABLES = [{"name": "DATABASE_URL", "digest": "a" * 64}, {"name": "JWT_SECRET", "digest": "b" * 64}]
PARAMS: dict[str, Any] = {
    "storefront": "shop",
    "timezone": "UTC",
    "contacts": ["on call: +1 555 0100"],
    "dashboards": [{"name": "Sentry", "url": "https://sentry.example"}],
    "frontend": {"project": "prj"},
    "backend": {"platform": "railway", "units": [{"name": "api", "kind": "web"}, {"name": "worker", "kind": "worker"}]},
    "database": {"backup_max_age": 26.0, "migrations": "prisma/migrations", "root_directory": ""},
    "command": {"playbooks": "playbooks", "inventory": ["production"]},
}


def check(name: str, url: str, **other: Any) -> dict[str, Any]:
    usual = {"outcome": "healthy", "status": 200, "latency_ms": 84, "release": "v1.1.0", "cf_cache_status": "HIT"}
    return {"name": name, "url": url, "reasons": [], **usual, **other}


def unit(**other: Any) -> dict[str, Any]:
    usual = {"live": LIVE, "newest": LIVE, "candidates": [OLD], "in_progress": [], "variables": VARIABLES}
    return {**usual, "replicas": 1, "auto_deploy": False, "suspended": False, "maintenance": False, **other}


def database(**other: Any) -> dict[str, Any]:
    server = {"version": "15.6", "connections": 41, "max_connections": 100, "size_bytes": 12_000_000_000}
    usual: dict[str, Any] = {
        "server": {**server, "in_recovery": False},
        "connections": [],
        "locks": [],
        "bloat": {"tables": [], "invalid_indexes": []},
        "slow_queries": [],
        "migrations": {"known": True, "failed": [], "history": [{"name": "1_init", "state": "applied"}]},
        "unavailable": {},
    }
    return {**usual, **other}


def redis(**other: Any) -> dict[str, Any]:
    memory = {"used": 10, "limit": 100, "share": 0.1, "policy": "allkeys-lru"}
    stats = {"hits": 95, "misses": 5, "hit_rate": 0.95, "evicted": 0, "seconds": 1.0, "since": "interval"}
    return {
        "ping_ms": 0.4,
        "version": "7.2",
        "role": "master",
        "memory": memory,
        "stats": stats,
        "unavailable": {},
        **other,
    }


def well() -> dict[str, Any]:
    """Return what each system answers of a shop that is well."""
    recorded = {"api": {**LIVE, "replicas": 1, "variables": VARIABLES}, "worker": {**LIVE}, "frontend": {**LIVE}}
    backup = {"age": 3600, "proof": "restore", "damage": None}
    return {
        "unit:frontend": {
            "live": LIVE,
            "newest": LIVE,
            "candidates": [OLD],
            "building": [],
            "auto_assign": False,
            "moved": None,
            "variables": [],
        },
        "unit:api": unit(http={"requests": 0, "errors_4xx": 0, "errors_5xx": 0}),
        "unit:worker": unit(),
        "site:frontend": [check("homepage", "https://shop.example/")],
        "site:backend": [check("health", "https://api.shop.example/health", cf_cache_status=None)],
        "database": database(),
        "redis": redis(),
        "edge": {
            "zone": "shop.example",
            "status": "active",
            "paused": False,
            "development_mode": None,
            "hit_rate": 0.91,
            "usual_hit_rate": 0.93,
        },
        "ledger": {
            "live": {"units": recorded, "since": "2026-03-01T09:02:00+00:00", "release": "v1.1.0"},
            "records": [],
            "unfit": [],
            "remarks": [],
        },
        "lease": {"state": "free", "journal": {}},
        "backups": {"count": 3, "latest": backup, "proven": backup, "damaged": []},
        "logs:api": {"build": "", "runtime": []},
        "pending": [],
        "needs": {"api": [], "worker": []},
        "indexes": [],
    }


def facts(**changed: Any) -> dict[str, Fact]:
    """Return the facts of a shop that is well but for ``changed``: names with : as __; an Exception is a problem."""
    answers = {**copy.deepcopy(well()), **{name.replace("__", ":"): value for name, value in changed.items()}}
    return {name: value if isinstance(value, Fact) else Fact(value) for name, value in answers.items()}


def down(problem: str, code: str = "", kind: str = "unreachable") -> Fact:
    return Fact(problem=problem, kind=kind, code=code)


def findings(**changed: Any) -> list[Finding]:
    found, wrong = find(View(PARAMS, facts(**changed)))
    assert wrong == []
    return found
