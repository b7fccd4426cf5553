# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is posted about a run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.release.notices import Run, notified, texts

LINKS = [{"name": "errors", "url": "https://errors.example"}]


@pytest.mark.parametrize(
    ("run", "good", "headline"),
    [
        (
            {"kind": "deploy", "outcome": "released", "release": "v1.1.0"},
            True,
            ":white_check_mark: *production*: deploy of v1.1.0 is live.",
        ),
        (
            {"kind": "deploy", "outcome": "rolled_back", "release": "v1.1.0"},
            False,
            ":x: *production*: deploy of v1.1.0 was rolled back.",
        ),
        (
            {"kind": "rollback", "outcome": "rolled_back", "by": "alice"},
            True,
            ":white_check_mark: *production*: rollback by alice succeeded.",
        ),
        (
            {"kind": "deploy", "outcome": "incomplete"},
            False,
            ":x: *production*: deploy is INCOMPLETE: somebody has to act now.",
        ),
        ({"kind": "restore", "outcome": "restored"}, True, ":white_check_mark: *production*: restore succeeded."),
        (
            {"kind": "maintenance", "outcome": "closed", "release": "on"},
            True,
            ":white_check_mark: *production*: maintenance on succeeded.",
        ),
    ],
)
def test_a_headline_says_what_ran_and_how_it_ended(run: dict[str, Any], good: bool, headline: str) -> None:
    described = Run(environment="production", **run)
    assert (described.good, texts(described)["headline"]) == (good, headline)


def test_the_end_of_a_bad_run_says_whom_to_call() -> None:
    run = Run(
        "production",
        "deploy",
        outcome="incomplete",
        message=" a <b> & c ",
        log_url="https://ci.example/1",
        links=LINKS,
        contacts=["Ada, 555 1234"],
    )
    head, links, message, log, call = texts(run)["ended"].split("\n")
    assert (links, message, log, call) == (
        "Dashboards: <https://errors.example|errors>",
        "a &lt;b&gt; &amp; c",
        "https://ci.example/1",
        "Call: Ada, 555 1234",
    )
    assert head.startswith(":x:")


def test_the_end_of_a_good_run_calls_nobody() -> None:
    run = Run("production", "deploy", outcome="released", contacts=["Ada, 555 1234"])
    assert texts(run)["ended"] == texts(run)["headline"]


@pytest.mark.parametrize(("outcome", "mark"), [("ok", ":heavy_check_mark:"), ("failed", ":x:")])
def test_a_step_is_posted_with_its_seconds(outcome: str, mark: str) -> None:
    run = Run("production", "deploy", last_step={"name": "verify.public", "outcome": outcome, "seconds": 7})
    assert texts(run)["step"] == f"{mark} verify.public in 7 s"


def test_the_end_of_a_run_links_its_report() -> None:
    run = Run("production", "deploy", outcome="released", report_url="https://reports.example/shop/1.html")
    assert texts(run)["ended"].endswith("\n<https://reports.example/shop/1.html|Report of this run>")


EVERY_RECEIVER = {
    "file": "/tmp/report.json",
    "slack": ["token", ""],
    "github": ["token"],
    "github_ref": "",
    "sentry": ["token"],
    "events": ["", "", "https://otlp.example"],
}


@pytest.mark.parametrize(
    ("kind", "change", "services"),
    [
        ("deploy", {}, ["file", "slack", "github", "sentry", "events"]),
        ("rollback", {}, ["file", "slack", "github", "sentry", "events"]),
        ("migrate", {}, ["file", "slack", "github", "events"]),
        ("restore", {}, ["file", "slack", "events"]),
        ("restore", {"github_ref": "main"}, ["file", "slack", "github", "events"]),
        ("deploy", {"github": [""], "github_ref": "main"}, ["file", "slack", "sentry", "events"]),
        ("deploy", {"slack": ["", "https://hooks.example"]}, ["file", "slack", "github", "sentry", "events"]),
        ("deploy", {"slack": ["", ""], "sentry": [""]}, ["file", "github", "events"]),
        ("deploy", {"file": "", "events": ["", "", ""]}, ["slack", "github", "sentry"]),
    ],
)
def test_a_run_is_reported_to_each_service_that_has_a_token_and_can_show_it(
    kind: str, change: dict[str, Any], services: list[str]
) -> None:
    given = {**EVERY_RECEIVER, **change}
    assert notified(given, kind) == services
    assert notified(given, kind, begins=True) == [service for service in services if service != "sentry"]
    assert notified(given, kind, checks_only=True) == []


def test_nobody_is_notified_where_nothing_was_configured() -> None:
    assert notified({}, "deploy") == []
