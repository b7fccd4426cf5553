# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitHub, Slack, Sentry and Cloudflare's counts, at the sandbox: check, change, idempotence, faults, errors."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import requests
from ansible_collections.storefront.runbook.plugins.modules import (
    cf_info,
    github_deployment,
    sentry_release,
    slack_message,
)

from sandbox.services import call
from sandbox.storefront import Sandbox
from tests.unit.support import run_module

NAME = "test-services"


class Desk:
    """One storefront's GitHub, Slack and Sentry."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.state = sandbox, sandbox.create_storefront(NAME)
        self.tag, self.tokens, self.cloud = "v1.0.0", sandbox.state["tokens"], sandbox.state["cloud"]

    def run(
        self, module: ModuleType, vendor: str, check: bool, common: dict[str, Any], params: dict[str, Any]
    ) -> dict[str, Any]:
        return run_module(
            module,
            {"api_token": self.tokens[vendor], "api_url": self.cloud[f"{vendor}_url"], **common, **params},
            check=check,
        )

    def github(self, *, check: bool = False, **params: Any) -> dict[str, Any]:
        return self.run(
            github_deployment,
            "github",
            check,
            {"repository": self.state["github"]["repository"], "ref": self.tag},
            params,
        )

    def slack(self, *, check: bool = False, **params: Any) -> dict[str, Any]:
        return self.run(
            slack_message,
            "slack",
            check,
            {"channel": self.state["slack"]["channel"], "text": "Deploying v1.0.0"},
            params,
        )

    def webhook(self, **params: Any) -> dict[str, Any]:
        return run_module(
            slack_message, {"webhook_url": self.state["slack"]["webhook"], "text": "Deploying v1.0.0", **params}
        )

    def sentry(self, *, check: bool = False, **params: Any) -> dict[str, Any]:
        place = {
            "organization": self.state["sentry"]["organization"],
            "projects": [self.state["sentry"]["project"]],
            "version": "v1.0.0",
        }
        return self.run(sentry_release, "sentry", check, place, params)

    def edge(self, **params: Any) -> dict[str, Any]:
        return self.run(cf_info, "cloudflare", False, {"zone": f"{NAME}.example"}, params)

    def ask(self, vendor: str, path: str) -> Any:
        """Ask a vendor what it keeps."""
        return call("GET", self.cloud[f"{vendor}_url"] + path, self.tokens[vendor])

    def deployments(self) -> list[dict[str, Any]]:
        return self.ask("github", f"/repos/{self.state['github']['repository']}/deployments")

    def fault(self, vendor: str, operation: str, kind: str, **more: Any) -> None:
        self.sandbox.cloud(
            "POST", "/faults", {"vendor": vendor, "operation": operation, "kind": kind, "storefront": NAME, **more}
        )


@pytest.fixture
def desk(sandbox: Sandbox) -> Iterator[Desk]:
    desk = Desk(sandbox)
    sandbox.cloud("POST", f"/storefronts/{NAME}/save", {"label": "fresh"})
    yield desk
    sandbox.cloud("DELETE", "/faults")
    sandbox.cloud("DELETE", "/delays")
    sandbox.cloud("POST", f"/storefronts/{NAME}/restore", {"label": "fresh"})


@pytest.fixture(scope="module", autouse=True)
def _dropped(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.drop_storefront(NAME)


# GitHub


def test_a_deploy_shows_on_its_commit(desk: Desk) -> None:
    begun: dict[str, Any] = {
        "payload": {"release": "v1.0.0", "record": "1"},
        "state": "in_progress",
        "log_url": "https://awx.example/jobs/1",
    }
    predicted = desk.github(check=True, **begun)
    assert predicted["changed"]
    assert (predicted["deployment"]["id"], predicted["diff"]["before"]) == (None, {})
    assert desk.deployments() == []

    made = desk.github(**begun)
    assert not made["failed"], made
    assert made["deployment"]["status"] == "in_progress"
    assert len(made["deployment"]["commit"]) == 40
    (kept,) = desk.deployments()
    assert (kept["id"], kept["ref"], kept["payload"]) == (made["deployment"]["id"], "v1.0.0", begun["payload"])

    again = desk.github(**begun)
    assert (again["changed"], again["deployment"]) == (False, made["deployment"])

    done = desk.github(payload=begun["payload"], state="success", environment_url="https://shop.example")
    assert (done["changed"], done["deployment"]["id"], done["diff"]["before"]["state"]) == (
        True,
        kept["id"],
        "in_progress",
    )
    assert not desk.github(payload=begun["payload"], state="success", environment_url="https://shop.example")["changed"]


def test_another_run_of_the_same_release_is_another_deployment_and_takes_the_place_of_the_first(desk: Desk) -> None:
    first = desk.github(payload={"record": "1"}, state="success")["deployment"]["id"]
    second = desk.github(payload={"record": "2"}, state="success")["deployment"]["id"]
    assert first != second
    assert not desk.github(payload={"record": "2"}, state="success")["changed"]
    assert desk.github(payload={"record": "1"}, check=True)["deployment"]["status"] == "inactive"


def test_a_lost_answer_makes_no_second_deployment(desk: Desk) -> None:
    desk.fault("github", "create_deployment", "lost_answer")
    desk.fault("github", "create_deployment_status", "lost_answer")
    assert not desk.github(state="in_progress")["failed"]
    assert len(desk.deployments()) == 1
    (kept,) = desk.deployments()
    assert (
        len(desk.ask("github", f"/repos/{desk.state['github']['repository']}/deployments/{kept['id']}/statuses")) == 1
    )


def test_a_page_of_other_deployments_does_not_hide_the_one_that_is_meant(desk: Desk) -> None:
    first = desk.github(payload={"record": "first"})["deployment"]["id"]
    path = f"/repos/{desk.state['github']['repository']}/deployments"
    for number in range(101):
        call(
            "POST",
            desk.cloud["github_url"] + path,
            desk.tokens["github"],
            {"ref": "v1.0.0", "payload": {"record": number}, "required_contexts": []},
        )
    assert desk.github(payload={"record": "first"})["deployment"]["id"] == first


@pytest.mark.parametrize(
    ("params", "fault", "said"),
    [
        ({"ref": "v9.9.9"}, None, "No ref found for: v9.9.9. Push the ref (v9.9.9) to sandbox/test-services"),
        ({"required_contexts": ["ci/unit"]}, None, "Commit status checks failed for v1.0.0"),
        ({"api_token": "other"}, None, "with 401: Bad credentials. Check the token"),
        ({"repository": "sandbox/other"}, None, "with 404: Not Found. Check the ids"),
        (
            {},
            {"operation": "create_deployment", "kind": "merged"},
            "GitHub merged instead of creating a deployment of v1.0.0",
        ),
        (
            {},
            {"operation": "list_deployments", "kind": "rate_limited", "status": 403, "retry_after": 3600},
            "(in 1 h): run it again then",
        ),
    ],
)
def test_what_github_refuses_is_reported_with_its_remedy(
    desk: Desk, params: dict[str, Any], fault: dict[str, Any] | None, said: str
) -> None:
    if fault:
        desk.fault("github", **fault)
    result = desk.github(**params)
    assert result["failed"]
    assert said in result["msg"]
    assert desk.tokens["github"] not in repr(result)
    assert desk.deployments() == []


# Slack


def test_a_deploy_is_reported_in_one_thread(desk: Desk) -> None:
    assert desk.slack(check=True)["message"] == {
        "channel": desk.state["slack"]["channel"],
        "ts": None,
        "thread_ts": None,
    }
    first = desk.slack(channel="#deploys-test-services")["message"]
    assert first["channel"] == desk.state["slack"]["channel"]
    desk.slack(text="The database is backed up", thread_ts=first["ts"])
    thread = desk.ask("slack", f"/conversations.replies?channel={first['channel']}&ts={first['ts']}")["messages"]
    assert [message["text"] for message in thread] == ["Deploying v1.0.0", "The database is backed up"]


def test_an_update_that_says_the_same_is_none(desk: Desk) -> None:
    ts, text = desk.slack()["message"]["ts"], "Live: <v1.0.0> & https://shop.example/?a=1&b=2 *now*"
    predicted = desk.slack(ts=ts, text=text, check=True)
    assert (predicted["changed"], predicted["diff"]["before"]) == (True, {"text": "Deploying v1.0.0"})
    assert desk.slack(ts=ts, text=text)["changed"]
    assert not desk.slack(ts=ts, text=text)["changed"]
    assert desk.slack(ts=ts, text="Live")["changed"]


def test_without_the_scope_to_read_an_update_is_always_a_change(desk: Desk) -> None:
    ts = desk.slack()["message"]["ts"]
    desk.fault("slack", "replies", "missing_scope", times=-1)
    result = desk.slack(ts=ts)
    assert (result["failed"], result["changed"]) == (False, True)


def test_a_message_in_a_thread_can_be_changed_too(desk: Desk) -> None:
    first = desk.slack()["message"]["ts"]
    answer = desk.slack(text="step 1", thread_ts=first)["message"]["ts"]
    assert not desk.slack(text="step 1", ts=answer)["changed"]
    assert desk.slack(text="step 1 done", ts=answer)["changed"]


def test_a_message_that_can_not_be_read_at_once_is_changed_anyway(desk: Desk) -> None:
    desk.fault("slack", "replies", "stale_read")
    assert desk.slack(ts=desk.slack()["message"]["ts"], text="Live")["changed"]


def test_a_channel_takes_one_message_a_second_and_the_next_one_waits(desk: Desk) -> None:
    desk.sandbox.cloud("POST", "/delays", {"message": 0.2})
    assert [desk.slack()["failed"] for _unused in range(2)] == [False, False]
    assert [desk.webhook()["failed"] for _unused in range(2)] == [False, False]


def test_a_webhook_posts_and_its_address_is_never_shown(desk: Desk) -> None:
    assert desk.webhook(text="by webhook")["changed"]
    desk.fault("slack", "webhook", "reset", times=-1)
    lost = desk.webhook()
    desk.sandbox.cloud("DELETE", "/faults")
    gone = desk.webhook(webhook_url=desk.state["slack"]["webhook"] + "0")
    assert "No answer from Slack" in lost["msg"]
    assert "The webhook does not exist any more: create a new one" in gone["msg"]
    for result in (lost, gone):
        assert desk.state["slack"]["webhook"].rpartition("/")[2] not in repr(result)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"channel": "C0000000000"}, "channel_not_found. Set channel to its id"),
        ({"api_token": "other"}, "invalid_auth. Check the token"),
        ({"ts": "1767225600.000100"}, "message_not_found. Leave ts out"),
        ({"text": " "}, "It must have 1 to 40000"),
        ({"ts": "1767225600.000100", "channel": "#deploys"}, "must be the channel's id"),
        ({"thread_ts": "1767225600.1"}, "which identifies no message"),
    ],
)
def test_what_slack_refuses_is_reported_with_its_remedy(desk: Desk, params: dict[str, Any], said: str) -> None:
    result = desk.slack(**params)
    assert result["failed"]
    assert said in result["msg"]
    assert desk.tokens["slack"] not in repr(result)


# Sentry

SHA, OLDER = "a" * 40, "b" * 40


def test_a_release_and_its_deploy_are_registered_at_sentry_once(desk: Desk) -> None:
    facts: dict[str, Any] = {
        "commits": [{"id": SHA, "author_email": "ada@shop.example"}, {"id": OLDER}],
        "released_at": "2026-01-05T09:00:00Z",
        "url": "https://shop.example/notes",
    }
    deploy = {"environment": "production", "name": "record-1", "url": "https://shop.example"}
    predicted = desk.sentry(check=True, **facts, deploy=deploy)
    assert (predicted["changed"], predicted["deploy"]["id"]) == (True, None)
    path = f"/api/0/organizations/{NAME}/releases/"
    assert desk.ask("sentry", path) == []

    made = desk.sentry(**facts, deploy=deploy)
    assert not made["failed"], made
    assert made["release"] == predicted["release"]
    kept = desk.ask("sentry", f"{path}v1.0.0/")
    assert (kept["lastCommit"]["id"], kept["commitCount"], kept["deployCount"], kept["dateReleased"]) == (
        SHA,
        2,
        1,
        "2026-01-05T09:00:00Z",
    )
    again = desk.sentry(**facts, deploy=deploy)
    assert (again["changed"], again["deploy"]) == (False, made["deploy"])


def test_what_sentry_lacks_of_a_release_is_added(desk: Desk) -> None:
    desk.sentry()
    more: dict[str, Any] = {
        "projects": [NAME, f"{NAME}-api"],
        "refs": [{"repository": f"sandbox/{NAME}", "commit": SHA}],
        "released_at": "2026-01-05T09:00:00Z",
    }
    assert desk.sentry(**more, deploy={"environment": "staging"})["changed"]
    kept = desk.ask("sentry", f"/api/0/organizations/{NAME}/releases/v1.0.0/")
    assert [project["slug"] for project in kept["projects"]] == [NAME, f"{NAME}-api"]
    assert (kept["lastCommit"]["id"], kept["lastDeploy"]["environment"]) == (SHA, "staging")
    assert not desk.sentry(**more, deploy={"environment": "staging"})["changed"]


def test_a_lost_answer_registers_no_second_deploy_at_sentry(desk: Desk) -> None:
    desk.fault("sentry", "create_release", "lost_answer")  # the next try is answered with 208
    desk.fault("sentry", "create_deploy", "lost_answer")
    assert not desk.sentry(deploy={"environment": "production", "name": "record-1"})["failed"]
    assert desk.ask("sentry", f"/api/0/organizations/{NAME}/releases/v1.0.0/")["deployCount"] == 1


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"projects": ["other"]}, "projects: Invalid project ids or slugs: other. Correct the named fields"),
        (
            {"refs": [{"repository": "other", "commit": SHA}]},
            "Invalid repository names: other. Correct the named fields",
        ),
        ({"organization": "other"}, "Check organization (other)"),
        ({"api_token": "other"}, "with 401: Invalid token. Check the token"),
        ({"version": "a/b"}, "Sentry does not accept the release 'a/b'"),
        ({"released_at": "yesterday"}, "which is not a valid time"),
    ],
)
def test_what_sentry_refuses_is_reported_with_its_remedy(desk: Desk, params: dict[str, Any], said: str) -> None:
    result = desk.sentry(**params)
    assert result["failed"]
    assert said in result["msg"]


# Cloudflare


def test_the_edge_reports_how_much_its_cache_answers(desk: Desk) -> None:
    for _unused in range(3):
        requests.get(desk.state["backend_url"], timeout=10)  # nothing runs there: never cached
    result = desk.edge(hosts=[desk.state["backend_url"].removeprefix("http://")])
    assert not result["failed"], result
    assert result["zone"] == {
        "id": desk.state["cloudflare"]["zone"],
        "name": f"{NAME}.example",
        "status": "active",
        "paused": False,
        "plan": "Free Website",
    }
    assert result["development_mode"] == {"enabled": False, "seconds_left": 0}
    assert (result["cache"]["statuses"], result["cache"]["hit_rate"], result["cache"]["cacheable_hit_rate"]) == (
        {"dynamic": 3},
        0.0,
        None,
    )
    assert desk.edge(hosts=["other.example"])["cache"]["requests"] == 0


def test_what_the_token_may_not_read_is_null_with_a_warning(desk: Desk) -> None:
    desk.fault("cloudflare", "analytics", "no_analytics")
    result = desk.edge()
    assert (result["failed"], result["cache"]) == (False, None)
    assert "Give the token the permission Zone: Analytics: Read" in result["warnings"][0]
