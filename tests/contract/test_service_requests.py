# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules ask GitHub, Slack and Sentry for, against their own descriptions of their APIs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.github import STATES
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.slack import ADVICE
from ansible_collections.storefront.runbook.plugins.modules import (
    github_checks,
    github_deployment,
    preflight_checks,
    sentry_release,
    slack_message,
    storefront_diagnosis,
)
from ansible_collections.storefront.runbook.plugins.modules.sentry_release import COMMIT, DEPLOY

from sandbox.cloud.contracts import PREFIXES
from sandbox.cloud.exchanges import OUTSIDE
from tests.contract.contracts import Contract
from tests.unit.support import FakeVendor, Request, reply, run_module

CHANNEL, TS, SHA = "C0123456789", "1767225600.000100", "a" * 40


def everything(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a value for each text option of a specification."""
    values = {
        "timestamp": "2026-01-05T09:00:00Z",
        "started_at": "2026-01-05T08:00:00Z",
        "finished_at": "2026-01-05T09:00:00Z",
        "url": "https://shop.example",
    }
    return {name: values.get(name, name) for name, option in spec.items() if option["type"] == "str"}


def github_answer(request: Request) -> Any:
    if request.path.endswith("/check-runs"):
        run = {"id": 1, "name": "unit", "head_sha": SHA, "status": "completed", "conclusion": "success"}
        return reply(200, {"total_count": 1, "check_runs": [run]})
    if request.path.endswith("/status"):
        return reply(200, {"total_count": 0, "statuses": [], "sha": SHA})
    if request.path.endswith("/pulls"):
        main = {"ref": "main", "repo": {"default_branch": "main"}}
        pull = {
            "number": 7,
            "merged_at": "2026-01-05T09:00:00Z",
            "merge_commit_sha": SHA,
            "user": {"login": "alice"},
            "head": {"sha": SHA},
            "base": main,
        }
        return reply(200, [pull])
    if request.path.endswith("/reviews"):
        return reply(
            200, [{"state": "APPROVED", "commit_id": SHA, "user": {"login": "bob"}, "author_association": "MEMBER"}]
        )
    if request.method == "GET":
        return reply(
            200,
            (
                []
                if request.path.endswith("/statuses") or request.query.get("ref") != "v2"
                else [{"id": 7, "sha": SHA, "payload": {}}]
            ),
        )
    return reply(201, {"id": 7, "sha": SHA})


def slack_answer(request: Request) -> Any:
    if request.path.startswith("/services/"):
        return reply(200, text="ok")
    return reply(200, {"ok": True, "channel": CHANNEL, "ts": TS, "messages": [{"ts": TS, "text": "old"}]})


def sentry_answers(known: bool) -> Any:
    def answer(request: Request) -> Any:
        if request.method == "GET" and request.path.endswith("/deploys/"):
            return reply(200, [])
        if request.method == "GET" and not known:
            return reply(404, {"detail": "none"})
        return reply(200, {"id": "7", "version": "v1", "projects": [{"slug": "shop"}]})

    return answer


def error_counts(request: Request) -> Any:
    return reply(200, {"groups": [{"by": {"outcome": "accepted"}, "totals": {"sum(quantity)": 3}, "series": {}}]})


def issues_and_sessions(request: Request) -> Any:
    return reply(200, [] if request.path.endswith("/issues/") else {"groups": []})


def ask(module: Any, answer: Any, **params: Any) -> list[Request]:
    vendor = FakeVendor(answer)
    with vendor.installed():
        result = run_module(module, params)
    assert not result["failed"], result
    return vendor.requests


def asked_of_github() -> list[Request]:
    asked = []
    for ref in ("v1", "v2"):  # one that is new, and one that GitHub knows
        asked += ask(github_deployment, github_answer, api_token="gh-token", repository="acme/shop", ref=ref)
    texts = {name: "text" for name in ("description", "status_description", "log_url", "environment_url")}
    more: dict[str, Any] = {
        "production_environment": True,
        "required_contexts": ["ci"],
        "payload": {"record": {"id": 1}},
        **texts,
    }
    for state in STATES:
        asked += ask(
            github_deployment,
            github_answer,
            api_token="gh-token",
            repository="acme/shop",
            ref="v1",
            state=state,
            **more,
        )
    return asked + ask(
        github_checks, github_answer, api_token="gh-token", repository="acme/shop", commit=SHA, tests=["unit"]
    )


def asked_of_slack() -> list[Request]:
    app = {"api_token": "xoxb-token", "channel": CHANNEL, "text": "text"}
    asked = ask(slack_message, slack_answer, **app)
    asked += ask(slack_message, slack_answer, **app, thread_ts=TS, reply_broadcast=True)
    asked += ask(slack_message, slack_answer, **app, ts=TS)
    return asked + ask(
        slack_message,
        slack_answer,
        webhook_url="https://hooks.slack.com/services/T1/B1/secret",
        text="text",
        thread_ts=TS,
    )


def asked_of_sentry() -> list[Request]:
    place: dict[str, Any] = {
        "api_token": "sentry-token",
        "organization": "acme",
        "projects": ["shop", "api"],
        "version": "shop@1.2.3+4",
    }
    facts: dict[str, Any] = {
        "url": "https://shop.example",
        "ref": SHA,
        "released_at": "2026-01-05T09:00:00Z",
        "deploy": everything(DEPLOY),
    }
    refs = [
        {"repository": "acme/shop", "commit": SHA, "previous_commit": SHA},
        {"repository": "acme/api", "commit": SHA},
    ]
    asked = []
    for known in (False, True):
        for commits in ({"commits": [everything(COMMIT), {"id": SHA}]}, {"refs": refs}):
            asked += ask(sentry_release, sentry_answers(known), **place, **facts, **commits)
    baseline = {"sentry_token": "sentry-token", "sentry_organization": "acme", "sentry_project": 7}
    diagnosed = {"api_token": "sentry-token", "organization": "acme", "projects": ["shop"], "environment": "production"}
    asked += ask(storefront_diagnosis, issues_and_sessions, storefront="shop", sentry=diagnosed)
    return asked + ask(preflight_checks, error_counts, systems={"dashboards": baseline}, only=["C8"])


ASKED = {"github": asked_of_github, "slack": asked_of_slack, "sentry": asked_of_sentry}
OPERATIONS = {
    "github": (
        {
            "repos/list-deployments",
            "repos/create-deployment",
            "repos/list-deployment-statuses",
            "repos/create-deployment-status",
        }
        | {
            "checks/list-for-ref",
            "repos/get-combined-status-for-ref",
            "repos/list-pull-requests-associated-with-commit",
            "pulls/list-reviews",
        }
    ),
    "slack": {"chat_postMessage", "chat_update", "incomingWebhook"},
    "sentry": {
        *("getOrganizationRelease", "createOrganizationRelease", "updateOrganizationRelease"),
        *("listOrganizationReleaseDeploys", "createOrganizationReleaseDeploy"),
        *("listOrganizationStatsV2", "listOrganizationIssues", "getOrganizationSessions"),
    },
}


def contract_of(vendor: str) -> Contract:
    """The description at its word: it names the properties of a body, and forbids no others."""
    contract = Contract(f"{vendor}.json", PREFIXES.get(vendor, ""))
    for operations in contract.document["paths"].values():
        for operation in operations.values():
            content = operation.get("requestBody", {}).get("content", {}) if isinstance(operation, dict) else {}
            _close(content.get("application/json", {}).get("schema", {}))
    return contract


def _close(schema: dict[str, Any]) -> None:
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    for part in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        _close(part)


@pytest.mark.parametrize("vendor", ASKED)
def test_every_request_is_one_that_the_vendor_describes(vendor: str) -> None:
    contract, asked = contract_of(vendor), ASKED[vendor]()
    sent = [httpx.Request(one.method, one.url, headers=dict(one.headers), content=one.body) for one in asked]
    described = [one for one in sent if not one.url.path.endswith("/conversations.replies")]  # described in OUTSIDE
    assert [problems for one in described if (problems := contract.wrong_in_request(one))] == []
    operations = {
        (contract.operation(one.method, one.url.raw_path.decode().partition("?")[0]) or {}).get("operationId")
        for one in described
    }
    assert operations == OPERATIONS[vendor]


def test_every_state_of_a_deployment_is_known() -> None:
    operation = contract_of("github").document["paths"]["/repos/{owner}/{repo}/deployments/{deployment_id}/statuses"][
        "post"
    ]
    assert set(operation["requestBody"]["content"]["application/json"]["schema"]["properties"]["state"]["enum"]) == set(
        STATES
    )


def test_most_words_by_which_slack_refuses_have_a_remedy() -> None:
    paths = contract_of("slack").document["paths"]
    words = {
        word
        for path in ("/chat.postMessage", "/chat.update")
        for word in paths[path]["post"]["responses"]["default"]["content"]["application/json"]["schema"]["properties"][
            "error"
        ]["enum"]
    }
    # a fault of this collection
    ours = {word for word in words if word.startswith(("invalid_", "json_", "missing_post")) and word != "invalid_auth"}
    vendors = {
        "fatal_error",
        "request_timeout",
        "upgrade_required",
        "rate_limited",
        "ratelimited",
        "is_inactive",
        "no_permission",
        "too_many_attachments",
    }
    assert words - ours - vendors <= set(ADVICE)


@pytest.mark.parametrize(
    ("vendor", "path", "body"),
    [
        ("github", "/repos/acme/shop/deployments", {"ref": "v1", "merge": False}),
        ("github", "/repos/acme/shop/deployments", {"environment": "production"}),
        ("github", "/repos/acme/shop/deployments/7/statuses", {"state": "done"}),
        ("slack", "/api/chat.postMessage", {"text": "text"}),
        ("slack", "/services/T/B/X", {"message": "text"}),
        ("sentry", "/api/0/organizations/acme/releases/", {"version": "v1"}),
        ("sentry", "/api/0/organizations/acme/releases/v1/deploys/", {"environment": "x" * 65}),
    ],
)
def test_a_wrong_request_would_be_noticed(vendor: str, path: str, body: dict[str, Any]) -> None:
    assert contract_of(vendor).wrong_in_request(httpx.Request("POST", f"https://api.test{path}", json=body))


def test_what_is_served_outside_of_the_contracts_says_why() -> None:
    assert all(len(reason) > 20 for reason in OUTSIDE.values())
