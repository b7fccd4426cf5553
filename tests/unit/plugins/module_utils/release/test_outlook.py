# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight says when nothing is in the way, and what is live after a run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release import outcome, outlook, paths

PHASES = [
    "database.backup",
    "database.migrate",
    "backend.release",
    "verify.backend",
    "frontend.stage",
    "frontend.promote",
    "edge.purge",
    "release.record",
]
SNAPSHOT = {"api": {"id": "one", "release": "v1"}, "frontend": {"id": "dpl", "release": "v1"}}
RELEASED = {"api": {"id": "two", "release": "v2"}, "frontend": {"id": "dpl2", "release": "v2"}}
SHOP, API = "https://shop.internal", "https://api.shop.internal"


def test_the_verdict_lists_what_a_deploy_would_change() -> None:
    seen = outlook.Outlook(
        "shop", "v2", PHASES, ["api", "worker"], [{"release": "v1"}], {"release": "v1"}, [{"name": "1_reviews"}]
    )
    assert outlook.message(seen).split("\n") == [
        "GO: v2 can go out to shop. Nothing was changed; a deploy would",
        "- back up the database",
        "- apply 1 migration: 1_reviews",
        "- release api, worker: v1 now, then v2",
        "- build and serve the frontend: v1 now, then v2",
        "- purge the edge",
    ]


def test_a_first_deploy_changes_nothing_that_is_live() -> None:
    seen = outlook.Outlook("shop", "v1", ["database.migrate", "backend.release", "frontend.promote"], ["api"])
    assert outlook.changes(seen) == [
        "release api: nothing now, then v1",
        "build and serve the frontend: nothing now, then v1",
    ]


@pytest.mark.parametrize(
    ("how", "more", "units"),
    [
        ("released", {}, {"api": "v2", "frontend": "v2"}),
        ("rolled_back", {"target": SNAPSHOT}, {"api": "v1", "frontend": "v1"}),
        ("incomplete", {"target": SNAPSHOT, "not_back": [{"what": "api", "why": "x"}]}, {"frontend": "v1"}),
        ("failed", {}, {"api": "v1", "frontend": "v1"}),
        ("lost", {}, {}),
        ("unsafe", {}, {}),
    ],
)
def test_what_is_live_is_reported_where_it_is_known(how: str, more: dict[str, Any], units: dict[str, str]) -> None:
    known = {"released": RELEASED, "target": {}, "not_back": [], "frontend_url": SHOP, "backend_url": API, **more}
    live = outcome.live_now(SNAPSHOT, outcome=how, **known)
    assert live["units"] == units
    assert live["urls"] == {
        **({"frontend": SHOP} if "frontend" in units else {}),
        **({"backend": API} if "api" in units else {}),
    }


@pytest.mark.parametrize(
    ("path", "inventory", "commanded", "expected"),
    [
        ("../shop", "/ops/production", (), "/ops/shop"),
        ("../shop", "/ops/production", ("source_path",), "/home/shop"),
        ("../shop", "", (), "/home/shop"),
        ("/srv/shop", "/ops", (), "/srv/shop"),
        ("$RELEASES/shop", "/ops", (), "/var/releases/shop"),
    ],
)
def test_a_relative_path_starts_where_it_was_written(
    monkeypatch: pytest.MonkeyPatch, path: str, inventory: str, commanded: Any, expected: str
) -> None:
    monkeypatch.setenv("RELEASES", "/var/releases")
    entries = {"storefront": {"source_path": {"type": "path"}, "store": {"type": "str"}}}
    found = paths.resolved(
        entries, {"source_path": path, "store": "x"}, inventory=inventory, here="/home/me", commanded=commanded
    )
    assert found == {"source_path": expected}
