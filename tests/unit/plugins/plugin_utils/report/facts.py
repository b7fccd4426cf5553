# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of one failed deploy, as roles/notify/vars/main.yml gathers them, with hostile text in many places."""

from __future__ import annotations

from typing import Any

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)> & \"quoted\" 'single'"
BEGAN, ENDED = "2026-03-03T10:42:00Z", "2026-03-03T10:44:00Z"


def failed_deploy(**differs: Any) -> dict[str, Any]:
    report = {
        "storefront": "shop",
        "kind": "deploy",
        "release": "v1.1.0",
        "outcome": "rolled_back",
        "before": {"api": "v1.0.0", "frontend": "v1.0.0", "worker": "nothing"},
        "live": {"api": "v1.0.0", "frontend": "v1.0.0"},
        "urls": {"frontend": "https://shop.example"},
        "notes": [f"note {EVIL}"],
        "steps": [
            {"name": "database.backup", "outcome": "ok", "seconds": 8.2},
            {"name": "database.migrate", "outcome": "ok", "seconds": 1.2},
            {"name": "backend.release", "outcome": "failed", "seconds": 61.0},
        ],
        "record": "2f530c63e5ad",
        "message": f"ROLLED BACK. {EVIL}",
    }
    earlier = {
        "kind": "deploy",
        "outcome": "released",
        "started_at": "2026-03-01T10:00:00Z",
        "finished_at": "2026-03-01T10:03:00Z",
        "steps": [
            {"name": "backend.release", "outcome": "ok", "seconds": 30.0},
            {"name": "database.backup", "outcome": "ok", "seconds": 8.0},
        ],
    }
    checks = [
        {"id": "C1", "name": "ci", "title": "CI", "outcome": "passed", "answered": "yes", "url": "javascript:alert(1)"},
        {"id": "C2", "name": "review", "outcome": "waived", "answered": EVIL, "by": "bob", "reason": "hotfix"},
        {
            "id": "C3",
            "name": "window",
            "outcome": "failed",
            "answered": "closed",
            "advice": "wait",
            "url": "https://ci.example",
        },
    ]
    lock = {"relation": 'public."Product"', "mode": "AccessExclusiveLock", "blocks": ["reads", "writes"]}
    return {
        "report": report,
        "began": BEGAN,
        "record": {"finished_at": ENDED, "commit": "a" * 40},
        "by": "alice",
        "history": [earlier],
        "verdict": "go",
        "checklist": checks,
        "pending": [
            {
                "name": "20260303_contract",
                "backward_compatible": False,
                "classes": ["contract", "long_lock"],
                "reasons": [{"line": 3, "statement": "ALTER TABLE", "reason": "drops the column"}],
            }
        ],
        "migrated": ["20260303_contract"],
        "rehearsed": [{"name": "20260303_contract", "seconds": 2.1, "locks": [lock]}],
        "backup": {
            "name": "shop-1",
            "size": 312_000_000,
            "encryption": "age",
            "verified": "checksum",
            "duration": 18.4,
        },
        "evidence": [{"name": "backup_proof", "answered": "restored in 4 s", "outcome": "proven", "at": ENDED}],
        "probes": {
            "before": {"checks": [{"name": "API", "outcome": "healthy", "status": 200, "latency_ms": 43}]},
            "back": {"checks": [{"name": "API", "outcome": "unhealthy", "reasons": [EVIL]}]},
        },
        "verified": {"uat": {"state": "failed", "summary": f"checkout answered {EVIL}"}},
        "watch": {
            "verdict": "bad",
            "seconds": 600.0,
            "comparisons": [
                {
                    "what": "frontend",
                    "measure": "errors",
                    "against": "at the same time",
                    "old": "0 of 120",
                    "new": "14 of 120",
                    "verdict": "bad",
                    "text": f"frontend: 14 of 120 of the new release failed: {EVIL}",
                }
            ],
            "notes": [],
            "points": [[12, 0, 11, 0], [14, 2, 11, 0], [None, 9, 12, 0]],
        },
        "not_back": [],
        "failure": "backend.release: no replica became healthy",
        "logs": [{"title": "api", "text": "first\n" + "line\n" * 500 + f"\x1b[31m{EVIL}\x1b[0m last"}],
        "contacts": ["DevOps +1 555 0100"],
        "links": [{"name": "Sentry", "url": "https://sentry.example"}],
        **differs,
    }
