# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a deploy could be put back, according to what is known of each unit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.checks import rollback
from ansible_collections.storefront.runbook.plugins.module_utils.checks.check import Context

NOW = Context(now=datetime(2026, 3, 3, 12, tzinfo=UTC))


def unit(name: str = "api", **more: Any) -> dict[str, Any]:
    return {
        **{key: spec.get("default") for key, spec in rollback.UNIT.items()},
        "name": name,
        "live": "v1.0.4",
        "possible": True,
        **more,
    }


def ask(*units: dict[str, Any], **more: Any) -> tuple[str, str]:
    answer = rollback.ask(NOW, {"units": list(units), "schema_is": "unchanged", "schema_why": None, **more})
    return answer.outcome, answer.answered


def test_every_unit_and_the_schema_are_reported() -> None:
    units = (
        unit("api", kept_until="2026-03-08T00:00:00Z"),
        unit("frontend", how="instant rollback"),
        unit("worker", live=None, possible=False),
    )
    assert ask(*units, schema_is="safe") == (
        "passed",
        (
            "api: rollback to v1.0.4 (kept until 2026-03-08) · frontend: instant rollback to v1.0.4 · worker: nothing"
            " is live · schema: safe"
        ),
    )


@pytest.mark.parametrize(
    ("platform", "plan", "kept"),
    [
        ("railway", None, " (its image is kept for 24 h after the deploy at least)"),
        ("railway", "pro", " (its image is kept for 120 h after the deploy)"),
        ("render", None, " (kept among the last 2 builds at least)"),
        ("vercel", None, ""),
    ],
)
def test_the_limit_of_the_platform_is_reported(platform: str, plan: str | None, kept: str) -> None:
    answered = f"api: rollback to v1.0.4{kept} · schema: unchanged"
    assert ask(unit(platform=platform), plan=plan) == ("passed", answered)


@pytest.mark.parametrize(
    ("more", "answered"),
    [
        (
            {"possible": False, "why_not": "the plan keeps no older deployment"},
            "api: the plan keeps no older deployment",
        ),
        ({"possible": False}, "api: it cannot be rolled back"),
        ({"kept_until": "2026-03-03T12:00:00Z"}, "api: its image was kept until 2026-03-03T12:00:00Z"),
        ({"kept_until": "2026-03-02"}, "api: its image was kept until 2026-03-02"),
        ({"variables_differ": ["STRIPE_KEY"]}, "api: STRIPE_KEY would come back with an older value"),
    ],
)
def test_a_unit_that_cannot_be_put_back_is_a_no(more: dict[str, Any], answered: str) -> None:
    assert ask(unit(**more), unit("worker")) == ("failed", answered)


def test_a_schema_that_the_live_release_does_not_run_on_is_a_no_unless_that_was_accepted() -> None:
    assert ask(unit(), schema_is="unsafe", schema_why="20260504 drops price") == (
        "failed",
        "schema: 20260504 drops price",
    )
    assert ask(unit(), schema_is="accepted") == (
        "passed",
        "api: rollback to v1.0.4 · schema: not to be put back, which was accepted",
    )


def test_a_first_deploy_has_nothing_to_go_back_to() -> None:
    assert ask(unit(live=None, possible=False))[0] == "not_applicable"


def test_without_units_it_is_not_configured_and_a_wrong_time_is_refused() -> None:
    assert rollback.missing({"units": []})
    assert rollback.wrong({"units": [unit(kept_until="soon")]}, NOW) == ["kept_until of api is not a time: 'soon'"]
