# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitHub, Slack and Sentry record what they receive, page their lists, and refuse who they do not know."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.sandbox.cloud.double import Double, Shop

SHA = "0123456789abcdef0123456789abcdef01234567"
WRONG = {"authorization": "Bearer other"}


def deployments(shop: Shop) -> str:
    return f"/repos/{shop.made['github']['repository']}/deployments"


def deploy(shop: Shop, **body: Any) -> httpx.Response:
    return shop.double.github.post(deployments(shop), json={"ref": SHA, "required_contexts": [], **body})


def say(shop: Shop, text: str = "text", **body: Any) -> httpx.Response:
    return shop.double.slack.post(
        "/api/chat.postMessage", json={"channel": shop.made["slack"]["channel"], "text": text, **body}
    )


def releases(shop: Shop) -> str:
    return f"/api/0/organizations/{shop.made['sentry']['organization']}/releases/"


def release(shop: Shop, version: str = "v1.0.0", **body: Any) -> httpx.Response:
    return shop.double.sentry.post(releases(shop), json={"version": version, "projects": [shop.name], **body})


@pytest.mark.parametrize(
    ("vendor", "path", "status", "said"),
    [
        ("github", "/rate_limit", 401, "Bad credentials"),
        ("sentry", "/api/0/organizations/shop/releases/", 401, "Invalid token"),
        ("slack", "/api/auth.test", 200, "invalid_auth"),
    ],
)
def test_an_unknown_token_is_refused_as_the_vendor_does(
    double: Double, vendor: str, path: str, status: int, said: str
) -> None:
    answer = getattr(double, vendor).get(path, headers=WRONG)
    assert (answer.status_code, said in answer.text) == (status, True)


def test_a_deployment_is_listed_by_what_it_is_of_and_paged(shop: Shop) -> None:
    keys = [deploy(shop, environment=place).json()["id"] for place in ("staging", "production", "production")]
    github = shop.double.github
    assert [one["id"] for one in github.get(deployments(shop)).json()] == keys[::-1]
    assert [
        one["id"] for one in github.get(deployments(shop), params={"environment": "staging", "ref": SHA}).json()
    ] == keys[:1]
    first = github.get(deployments(shop), params={"per_page": 2})
    assert [one["id"] for one in github.get(first.links["next"]["url"]).json()] == keys[:1]
    assert "next" not in github.get(first.links["next"]["url"]).links


def test_a_success_makes_the_one_before_inactive(shop: Shop) -> None:
    keys = [deploy(shop).json()["id"] for _unused in range(2)]
    for key in keys:
        shop.double.github.post(f"{deployments(shop)}/{key}/statuses", json={"state": "success"})
    states = [
        [status["state"] for status in shop.double.github.get(f"{deployments(shop)}/{key}/statuses").json()]
        for key in keys
    ]
    assert states == [["inactive", "success"], ["success"]]


def test_without_required_contexts_all_that_the_commit_has_must_be_successful(shop: Shop) -> None:
    repo = f"/repos/{shop.made['github']['repository']}"
    shop.double.github.post(f"{repo}/statuses/{SHA}", json={"state": "pending", "context": "ci"})
    assert shop.double.github.get(f"{repo}/commits/{SHA}/status").json()["state"] == "pending"
    assert shop.double.github.post(deployments(shop), json={"ref": SHA}).status_code == 409
    assert deploy(shop).status_code == 201
    shop.double.github.post(f"{repo}/statuses/{SHA}", json={"state": "success", "context": "ci"})
    assert shop.double.github.post(deployments(shop), json={"ref": SHA}).status_code == 201


def test_check_runs_are_those_that_were_set(shop: Shop) -> None:
    path = f"/repos/{shop.made['github']['repository']}/commits/{SHA}/check-runs"
    assert shop.double.github.get(path).json()["total_count"] == 0
    shop.double.tell(
        "PUT", f"/storefronts/{shop.name}/check-runs", {"sha": SHA, "runs": {"unit": "failure", "e2e": "queued"}}
    )
    runs = {
        run["name"]: (run["status"], run["conclusion"]) for run in shop.double.github.get(path).json()["check_runs"]
    }
    assert runs == {"unit": ("completed", "failure"), "e2e": ("queued", None)}
    assert shop.double.github.get(path, params={"check_name": "unit"}).json()["total_count"] == 1


def test_a_tag_is_looked_up_in_the_shops_repository(tmp_path: Path, cache: Path) -> None:
    for argv in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "first"],
        ["tag", "v1.0.0"],
    ):
        subprocess.run(["git", *argv], cwd=tmp_path, check=True)
    own = Double(tmp_path / "double", cache, repository=str(tmp_path))
    try:
        shop = own.storefront("shop")
        sha = subprocess.run(
            ["git", "rev-parse", "v1.0.0"], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()
        assert deploy(shop, ref="v1.0.0").json()["sha"] == sha
        assert [deploy(shop, ref=ref).status_code for ref in ("v9", "--all")] == [422, 422]
    finally:
        own.close()


def test_a_thread_is_paged_and_its_first_message_comes_with_each_page(shop: Shop) -> None:
    first = say(shop, "first").json()["ts"]
    answers = [say(shop, f"answer {number}", thread_ts=first).json()["ts"] for number in range(3)]
    query = {"channel": shop.made["slack"]["channel"], "ts": first, "limit": 2}
    page = shop.double.slack.get("/api/conversations.replies", params=query).json()
    assert [message["ts"] for message in page["messages"]] == [first, *answers[:2]]
    assert page["has_more"]
    rest = shop.double.slack.get(
        "/api/conversations.replies", params={**query, "cursor": page["response_metadata"]["next_cursor"]}
    ).json()
    assert ([message["ts"] for message in rest["messages"]], rest["has_more"]) == ([first, answers[2]], False)


def test_a_message_keeps_its_markup_and_can_be_changed(shop: Shop) -> None:
    ts = say(shop, "a < b & https://shop.example").json()["ts"]
    query = {"channel": shop.made["slack"]["channel"], "ts": ts}
    replies = shop.double.slack.get("/api/conversations.replies", params=query).json()
    assert replies["messages"][0]["text"] == "a &lt; b &amp; <https://shop.example>"
    assert shop.double.slack.post("/api/chat.update", json={**query, "text": "other"}).json()["text"] == "other"


def test_a_channel_can_be_made_to_take_one_message_in_a_while(shop: Shop) -> None:
    shop.double.tell("POST", "/delays", {"message": 60})
    assert say(shop).json()["ok"]
    refused = say(shop)
    assert (refused.status_code, refused.headers["retry-after"], refused.json()) == (
        429,
        "60",
        {"ok": False, "error": "ratelimited"},
    )
    by_webhook = shop.double.public.post(shop.made["slack"]["webhook"], json={"text": "text"})
    assert (by_webhook.status_code, by_webhook.headers["retry-after"], by_webhook.text) == (429, "60", "ratelimited")


def test_a_webhook_answers_in_plain_text(shop: Shop) -> None:
    webhook, public = shop.made["slack"]["webhook"], shop.double.public
    assert (public.post(webhook, json={"text": "text"}).text, public.post(webhook, json={}).text) == ("ok", "no_text")
    assert public.post(webhook, content=b"text").text == "invalid_payload"
    gone = public.post(webhook[:-1] + "x", json={"text": "text"})
    assert (gone.status_code, gone.text) == (404, "no_service")


def test_a_release_that_exists_gets_projects_and_keeps_the_rest(shop: Shop) -> None:
    assert release(shop, ref="first").status_code == 201
    again = release(shop, projects=[f"{shop.name}-api"], ref="second")
    assert again.status_code == 208
    assert [project["slug"] for project in again.json()["projects"]] == [shop.name, f"{shop.name}-api"]
    assert again.json()["ref"] == "first"
    assert shop.double.sentry.put(f"{releases(shop)}v1.0.0/", json={"ref": "second"}).json()["ref"] == "second"


def test_sentrys_lists_are_paged_by_a_cursor(shop: Shop) -> None:
    for version in ("v1", "v2", "v3"):
        release(shop, version)
    sentry = shop.double.sentry
    page = sentry.get(releases(shop), params={"per_page": 2})
    assert [one["version"] for one in page.json()] == ["v3", "v2"]
    assert page.links["next"]["results"] == "true"
    rest = sentry.get(page.links["next"]["url"])
    assert ([one["version"] for one in rest.json()], rest.links["next"]["results"]) == (["v1"], "false")


def test_what_was_set_is_saved_restored_and_kept_over_a_kill(tmp_path: Path, cache: Path) -> None:
    own = Double(tmp_path, cache)
    try:
        shop = own.storefront("shop")
        say(shop, "kept")
        own.tell("POST", "/storefronts/shop/save", {"label": "one"})
        deploy(shop)
        release(shop)
        own.stop()
        own.start()
        assert (len(own.github.get(deployments(shop)).json()), len(own.sentry.get(releases(shop)).json())) == (1, 1)
        own.tell("POST", "/storefronts/shop/restore", {"label": "one"})
        assert (own.github.get(deployments(shop)).json(), own.sentry.get(releases(shop)).json()) == ([], [])
        assert own.tell("GET", "/storefronts/shop")["slack"] == shop.made["slack"]
    finally:
        own.close()
