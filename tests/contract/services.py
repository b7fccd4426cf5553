# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a release at GitHub, Slack and Sentry, and payments at Stripe, refusals among their answers."""

from __future__ import annotations

import httpx

from sandbox.cloud.vendors.stripe.double import DECLINES
from tests.unit.sandbox.cloud.double import Shop

SHA = "0123456789abcdef0123456789abcdef01234567"
WRONG = {"authorization": "Bearer other"}


def live_through_services(shop: Shop) -> None:
    """Ask all there is to ask, before, between and after."""
    _github(shop)
    _slack(shop)
    _sentry(shop)
    _stripe(shop)


def _github(shop: Shop) -> None:
    github, repo = shop.double.github, f"/repos/{shop.made['github']['repository']}"

    def ask() -> None:
        for path in (
            "",
            f"/commits/{SHA}",
            *(f"/commits/{SHA}/{what}" for what in ("status", "statuses", "check-runs", "pulls")),
            "/deployments",
        ):
            github.get(repo + path)

    ask()
    github.get("/rate_limit")
    wanted = {
        "ref": SHA,
        "environment": "production",
        "payload": {"release": "v1.0.0"},
        "auto_merge": False,
        "required_contexts": [],
    }
    first, second = (github.post(f"{repo}/deployments", json=wanted).json()["id"] for _unused in range(2))
    for state in ("in_progress", "success"):
        for key in (first, second):
            github.post(
                f"{repo}/deployments/{key}/statuses",
                json={"state": state, "description": state, "environment_url": "https://shop.example"},
            )
    github.get(f"{repo}/deployments", params={"per_page": 1})
    for path in ("", "/statuses"):
        github.get(f"{repo}/deployments/{first}{path}")
        github.get(f"{repo}/deployments/7{path}")
    for state in ("failure", "success", "almost"):
        github.post(f"{repo}/statuses/{SHA}", json={"state": state, "context": f"test/{state}"})
    shop.double.tell(
        "PUT", f"/storefronts/{shop.name}/check-runs", {"sha": SHA, "runs": {"unit": "success", "e2e": "in_progress"}}
    )
    reviews = [
        {"by": "bob", "state": "APPROVED", "commit": SHA},
        {"by": "robot", "state": "COMMENTED", "commit": SHA, "type": "Bot", "association": "NONE"},
    ]
    pulls = [
        {"number": 7, "head": SHA, "merge_commit": SHA, "reviews": reviews},
        {"number": 8, "head": SHA, "merge_commit": None, "merged": False},
    ]
    shop.double.tell("PUT", f"/storefronts/{shop.name}/pulls", {"pulls": pulls})
    for number in (7, 8, 9):
        github.get(f"{repo}/pulls/{number}/reviews", params={"per_page": 1})
    approvals = [{"by": "bob"}, {"by": "carol", "state": "rejected", "environment": "staging", "comment": "no"}]
    runs = {"runs": [{"id": 7, "sha": SHA, "approvals": approvals}]}
    shop.double.tell("PUT", f"/storefronts/{shop.name}/workflow-runs", runs)
    for number in (7, 8):
        for path in ("", "/approvals"):
            github.get(f"{repo}/actions/runs/{number}{path}")
    ask()
    github.post(f"{repo}/deployments", json={"ref": SHA})  # its contexts are not all successful
    github.post(f"{repo}/deployments", json={"ref": "no-such-tag"})
    github.post(f"{repo}/deployments", json={})
    github.post(f"{repo}/deployments/{first}/statuses", json={"state": "almost"})
    shop.double.fault("github", "create_deployment", "merged")
    github.post(f"{repo}/deployments", json=wanted)
    github.get("/repos/sandbox/other")
    github.get(f"{repo}/deployments/{first}", headers=WRONG)
    for kind in ("rate_limited", "unavailable"):
        shop.double.fault("github", "list_deployments", kind)
        github.get(f"{repo}/deployments")


def _slack(shop: Shop) -> None:
    slack, channel = shop.double.slack, shop.made["slack"]["channel"]
    slack.get("/api/auth.test")
    slack.get("/api/api.test")
    slack.get("/api/api.test", params={"error": "something"})
    first = slack.post(
        "/api/chat.postMessage", json={"channel": channel, "text": "a < b: https://shop.example"}
    ).json()["ts"]
    slack.post("/api/chat.postMessage", json={"channel": channel, "text": "in the thread", "thread_ts": first})
    slack.post("/api/chat.update", json={"channel": channel, "ts": first, "text": "another text"})
    slack.get("/api/conversations.replies", params={"channel": channel, "ts": first})
    for wrong in (
        {"channel": "C00000000"},
        {"channel": channel, "text": ""},
        {"channel": channel, "text": "x" * 40_001},
    ):
        slack.post("/api/chat.postMessage", json=wrong)
    slack.post("/api/chat.update", json={"channel": channel, "ts": "1.2", "text": "text"})
    slack.post("/api/chat.postMessage", json={"channel": channel, "text": "text"}, headers=WRONG)
    httpx.post(f"{slack.base_url}/api/chat.postMessage", json={}, trust_env=False)
    webhook = httpx.URL(shop.made["slack"]["webhook"]).path
    for path, body in ((webhook, {"text": "by webhook"}), (webhook, {"text": ""}), (webhook + "x", {"text": "text"})):
        slack.post(path, json=body)
    for operation, path in (("post_message", "/api/chat.postMessage"), ("webhook", webhook)):
        shop.double.fault("slack", operation, "rate_limited")
        slack.post(path, json={"channel": channel, "text": "text"})


def _sentry(shop: Shop) -> None:
    sentry, organization = shop.double.sentry, f"/api/0/organizations/{shop.made['sentry']['organization']}"
    project = shop.made["sentry"]["project"]
    sentry.get(f"{organization}/projects/")
    commits = [
        {"id": SHA, "repository": f"sandbox/{shop.name}", "author_email": "a@shop.example", "message": "A change"}
    ]
    wanted = {
        "version": "v1.0.0",
        "projects": [project],
        "commits": commits,
        "url": "https://shop.example",
        "dateReleased": "2026-01-05T09:00:00Z",
    }
    for _unused in range(2):
        sentry.post(f"{organization}/releases/", json=wanted)
    sentry.put(
        f"{organization}/releases/v1.0.0/",
        json={"ref": SHA, "refs": [{"commit": SHA, "repository": f"sandbox/{shop.name}"}]},
    )
    deploys = f"{organization}/releases/v1.0.0/deploys/"
    for body in (
        {"environment": "production", "name": "first", "url": "https://shop.example"},
        {"environment": "staging"},
        {"environment": "a/b"},
    ):
        sentry.post(deploys, json=body)
    for path in (
        deploys,
        f"{organization}/releases/",
        f"{organization}/releases/v1.0.0/",
        f"{organization}/releases/v9/",
        f"{organization}/projects/",
    ):
        sentry.get(path)
    sentry.get(f"{organization}/releases/", params={"per_page": 1, "query": "v1"})
    for wrong in (
        {"version": "a/b", "projects": [project]},
        {"version": "v2"},
        {"version": "v2", "projects": ["other"]},
    ):
        sentry.post(f"{organization}/releases/", json=wrong)
    sentry.put(f"{organization}/releases/v1.0.0/", json={"refs": [{"commit": SHA, "repository": "other"}]})
    sentry.get(f"{organization}/releases/v1.0.0/", headers=WRONG)
    counts = {
        "field": "sum(quantity)",
        "groupBy": "outcome",
        "category": "error",
        "statsPeriod": "1h",
        "interval": "1h",
    }
    sentry.get(f"{organization}/stats_v2/", params=counts)
    shop.double.tell(
        "PUT",
        f"/storefronts/{shop.name}/sentry",
        {
            "issues": [
                {"title": "It failed", "count": 3, "first_seen": "2026-01-05T09:00:00Z", "environment": "production"}
            ],
            "sessions": {"v1.0.0": {"healthy": 9, "errored": 1}},
        },
    )
    sentry.get(f"{organization}/issues/", params={"query": "is:unresolved firstSeen:-24h", "sort": "new", "limit": 25})
    sessions = {"field": "sum(session)", "groupBy": ["release", "session.status"], "statsPeriod": "24h"}
    sentry.get(f"{organization}/sessions/", params=sessions)
    sentry.get("/api/0/organizations/other/releases/")
    for kind in ("rate_limited", "unavailable"):
        shop.double.fault("sentry", "create_release", kind)
        sentry.post(f"{organization}/releases/", json=wanted)


def _stripe(shop: Shop) -> None:
    """Pay with a good card and with each that is declined; wait, confirm and cancel; and what is refused."""
    stripe, intents = shop.double.stripe, "/v1/payment_intents"
    due = {"amount": "6400", "currency": "usd", "automatic_payment_methods[enabled]": "true", "metadata[order]": "7"}
    for method in ("pm_card_visa", *DECLINES, "pm_none"):
        stripe.post(intents, data={**due, "confirm": "true", "payment_method": method})
    waiting = [stripe.post(intents, data=due).json()["id"] for _unused in range(2)]
    stripe.post(f"{intents}/{waiting[0]}/confirm", data={"payment_method": "pm_card_visa"})
    stripe.post(f"{intents}/{waiting[1]}/cancel")
    for key in (*waiting, "pi_none"):
        stripe.get(f"{intents}/{key}")
        stripe.post(f"{intents}/{key}/confirm", data={"payment_method": "pm_card_visa"})
        stripe.post(f"{intents}/{key}/cancel")
    for wrong in ({"amount": "6400"}, {**due, "amount": "1"}):
        stripe.post(intents, data=wrong)
    for key in ("sk_live_0123456789", "other"):
        stripe.get(f"{intents}/{waiting[0]}", headers={"authorization": f"Bearer {key}"})
