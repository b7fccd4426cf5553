# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sentry_release in process: only what Sentry lacks is written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.modules import sentry_release

from tests.unit.support import Answer, FakeVendor, Request, reply, run_module

SHA, OLDER = "a" * 40, "b" * 40
BASE = {"api_token": "sentry-token", "organization": "acme", "projects": ["shop"], "version": "v1.0.0"}
KNOWN = {
    "version": "v1.0.0",
    "projects": [{"slug": "shop"}],
    "lastCommit": {"id": SHA},
    "dateReleased": "2026-01-05T09:00:00Z",
    "ref": None,
    "url": None,
}


class Organization:
    def __init__(self, release: dict[str, Any] | None, deploys: list[dict[str, Any]] | None = None) -> None:
        self.vendor, self.release, self.deploys = FakeVendor(self.answer), release, deploys or []

    def answer(self, request: Request) -> Answer:
        if request.method == "GET" and request.path.endswith("/deploys/"):
            return reply(200, self.deploys)
        if request.method == "GET":
            return reply(200, self.release) if self.release else reply(404, {"detail": "none"})
        return reply(201, {"id": "7", "version": "v1.0.0"})

    def run(self, *, check: bool = False, **params: Any) -> dict[str, Any]:
        with self.vendor.installed():
            return run_module(sentry_release, {**BASE, **params}, check=check)

    def written(self) -> list[tuple[str, str, Any]]:
        place = "/api/0/organizations/acme/releases/"
        return [
            (request.method, request.path.removeprefix(place), request.json())
            for request in self.vendor.requests
            if request.method != "GET"
        ]


def test_a_new_release_is_created_with_all_its_data() -> None:
    sentry = Organization(None)
    facts: dict[str, Any] = {
        "commits": [{"id": SHA, "subject": "A change"}, {"id": OLDER}],
        "released_at": "2026-01-05T09:00:00Z",
    }
    predicted = sentry.run(check=True, **facts, deploy={"environment": "production"})
    assert sentry.written() == []
    done = sentry.run(**facts, deploy={"environment": "production", "started_at": "2026-01-05T08:00:00Z"})
    body = {
        "version": "v1.0.0",
        "projects": ["shop"],
        "dateReleased": "2026-01-05T09:00:00Z",
        "commits": [{"id": SHA, "message": "A change"}, {"id": OLDER}],
    }
    deployed = {"environment": "production", "dateStarted": "2026-01-05T08:00:00Z"}
    assert sentry.written() == [("POST", "", body), ("POST", "v1.0.0/deploys/", deployed)]
    assert done["release"] == predicted["release"]
    assert (predicted["deploy"]["id"], done["deploy"]["id"]) == (None, "7")


def test_a_complete_release_is_not_changed() -> None:
    sentry = Organization(KNOWN, [{"id": "3", "environment": "production", "name": "record-1"}])
    result = sentry.run(
        commits=[{"id": SHA}],
        released_at="2026-02-02T00:00:00Z",
        deploy={"environment": "production", "name": "record-1"},
    )
    assert (result["changed"], result["deploy"]["id"], result["release"]["released_at"]) == (
        False,
        "3",
        "2026-01-05T09:00:00Z",
    )
    assert sentry.written() == []


@pytest.mark.parametrize(
    ("params", "written"),
    [
        ({"projects": ["shop", "api"]}, ("POST", "", {"version": "v1.0.0", "projects": ["api"]})),
        ({"ref": "v1.0.0", "commits": [{"id": SHA}]}, ("PUT", "v1.0.0/", {"ref": "v1.0.0"})),
        ({"commits": [{"id": OLDER}]}, ("PUT", "v1.0.0/", {"commits": [{"id": OLDER}]})),
        (
            {"refs": [{"repository": "acme/shop", "commit": OLDER, "previous_commit": SHA}]},
            ("PUT", "v1.0.0/", {"refs": [{"repository": "acme/shop", "commit": OLDER, "previousCommit": SHA}]}),
        ),
        (
            {"deploy": {"environment": "staging", "url": "https://s"}},
            ("POST", "v1.0.0/deploys/", {"environment": "staging", "url": "https://s"}),
        ),
    ],
)
def test_only_missing_data_is_added(params: dict[str, Any], written: tuple[str, str, Any]) -> None:
    sentry = Organization(KNOWN)
    result = sentry.run(**params)
    assert (result["changed"], sentry.written()) == (True, [written])
    assert result["diff"]["before"] != result["diff"]["after"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"version": "a/b"}, "Sentry does not accept the release"),
        ({"projects": []}, "projects is empty"),
        ({"released_at": "today"}, "released_at is 'today'"),
        ({"deploy": {"environment": "production", "finished_at": "later"}}, "deploy.finished_at is 'later'"),
        ({"deploy": {"environment": "a/b"}}, "contains a slash"),
        ({"deploy": {"environment": "production", "name": "x" * 65}}, "deploy.name is longer than the 64"),
        ({"commits": [{"id": SHA}], "refs": [{"repository": "r", "commit": SHA}]}, "mutually exclusive"),
    ],
)
def test_what_sentry_would_refuse_is_refused_before_anything_is_sent(params: dict[str, Any], said: str) -> None:
    sentry = Organization(None)
    assert said in sentry.run(check=True, **params)["msg"]
    assert sentry.vendor.requests == []
