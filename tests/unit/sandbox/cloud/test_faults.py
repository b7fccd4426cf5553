# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: what is switched on happens to the operation it names, as often as it says, and to nothing else."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pytest

from sandbox.cloud.faults import Fault, Faults
from sandbox.cloud.limits import Window
from tests.unit.sandbox.cloud.double import Shop, backend, frontend, until


def test_a_limited_request_says_when_to_come_back(shop: Shop) -> None:
    shop.double.fault("vercel", "project", "rate_limited", retry_after=7)
    answer = shop.vercel("GET", f"/v9/projects/{shop.project}")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["error"]["code"] == "rate_limited"
    assert answer.json()["error"]["limit"]["remaining"] == 0
    assert shop.vercel("GET", f"/v9/projects/{shop.project}").status_code == 200


@pytest.mark.parametrize("status", [500, 503])
def test_an_unavailable_vendor_answers_with_the_status_asked_for(shop: Shop, status: int) -> None:
    shop.double.fault("cloudflare", "purge", "unavailable", status=status, times=2)
    answers = [shop.purge(purge_everything=True).status_code for _unused in range(3)]
    assert answers == [status, status, 200]


def test_a_reset_breaks_the_connection_and_nothing_is_done(shop: Shop) -> None:
    key = shop.stage("v1.0.0")
    shop.double.fault("vercel", "promote", "reset")
    with pytest.raises(httpx.TransportError):
        shop.point("promote", key)
    assert shop.vercel_project()["lastAliasRequest"] is None


def test_a_lost_answer_breaks_the_connection_after_the_write(shop: Shop) -> None:
    shop.double.fault("railway", "up", "lost_answer")
    with pytest.raises(httpx.TransportError):
        shop.up(backend("v1.0.0"), message="v1.0.0 lost")
    assert [item["meta"]["cliMessage"] for item in shop.deployments()] == ["v1.0.0 lost"]


def test_a_timeout_holds_the_request_and_then_breaks_it(shop: Shop) -> None:
    shop.double.fault("vercel", "user", "timeout", seconds=0.4)
    began = time.monotonic()
    with pytest.raises(httpx.TransportError):
        shop.vercel("GET", "/v2/user")
    assert 0.4 <= time.monotonic() - began < 5


def test_a_malformed_answer_is_no_json(shop: Shop) -> None:
    shop.double.fault("railway", "deployments", "malformed")
    with pytest.raises(ValueError, match="Unterminated"):
        shop.deployments()


def test_a_stuck_build_never_ends(shop: Shop) -> None:
    shop.double.fault("vercel", "create", "stuck")
    key = shop.create(frontend("v1.0.0")).json()["id"]
    until(lambda: shop.site_deployment(key)["readyState"] == "BUILDING")
    assert shop.site_deployment(shop.stage("v1.1.0"))["readyState"] == "READY"
    assert shop.site_deployment(key)["readyState"] == "BUILDING"


def test_a_build_can_be_made_to_fail_at_either_platform(shop: Shop) -> None:
    shop.double.fault("vercel", "create", "build_fails")
    shop.double.fault("railway", "up", "build_fails")
    assert shop.site_deployment(shop.stage("v1.0.0"))["readyState"] == "ERROR"
    assert shop.deploy("v1.0.0", wait="FAILED")


def test_a_healthy_release_can_be_made_unhealthy(shop: Shop) -> None:
    shop.double.fault("railway", "up", "unhealthy")
    shop.deploy("v1.0.0", wait="FAILED")
    shop.deploy("v1.0.0", wait="SUCCESS")


def test_a_promotion_can_fail(shop: Shop) -> None:
    first, second = shop.stage("v1.0.0"), shop.stage("v1.1.0")
    shop.promote(first)
    shop.double.fault("vercel", "promote", "alias_fails")
    shop.point("promote", second)
    until(lambda: shop.job() == "failed")
    assert shop.site_deployment(second)["aliasError"]["code"]
    assert shop.vercel_project()["targets"]["production"]["id"] == first
    assert shop.page().json() == {"release": "v1.0.0"}


def test_a_promotion_can_reach_a_part_of_the_domains_only(shop: Shop) -> None:
    first, second = shop.stage("v1.0.0"), shop.stage("v1.1.0")
    shop.promote(first)
    shop.double.fault("vercel", "promote", "alias_partial")
    shop.point("promote", second)
    until(lambda: shop.job() == "failed")
    aliases = shop.vercel("GET", f"/v1/projects/{shop.project}/promote/aliases").json()["aliases"]
    assert sorted(item["status"] for item in aliases) == ["completed", "failed"]
    assert shop.double.public.get(f"{shop.made['frontend_origin_url']}/release.json").json() == {"release": "v1.1.0"}
    assert shop.page().json() == {"release": "v1.0.0"}
    assert shop.point("promote", first).status_code == 201  # to make all of it the old one again is no conflict


def test_a_promotion_can_say_that_it_succeeded_while_the_public_domain_stays(shop: Shop) -> None:
    first, second = shop.stage("v1.0.0"), shop.stage("v1.1.0")
    shop.promote(first)
    shop.double.fault("vercel", "promote", "alias_stays")
    shop.promote(second)
    aliases = shop.vercel("GET", f"/v1/projects/{shop.project}/promote/aliases").json()["aliases"]
    assert {item["status"] for item in aliases} == {"completed"}
    shop.purge(purge_everything=True)
    assert shop.page().json() == {"release": "v1.0.0"}


def test_a_promotion_that_never_ends_can_be_canceled(shop: Shop) -> None:
    first, second = shop.stage("v1.0.0"), shop.stage("v1.1.0")
    shop.promote(first)
    shop.double.fault("vercel", "promote", "stuck")
    shop.point("promote", second)
    until(lambda: shop.job() == "in-progress")
    # no conflict, although it is live: the other was on its way
    assert shop.point("rollback", first).status_code == 201
    until(lambda: shop.job() == "succeeded")
    assert shop.vercel_project()["targets"]["production"]["id"] == first


def test_a_fault_may_be_one_storefronts_own(shop: Shop) -> None:
    shop.double.fault("cloudflare", "purge", "unavailable", storefront="another", times=-1)
    assert shop.purge(purge_everything=True).status_code == 200
    shop.double.fault("cloudflare", "purge", "unavailable", storefront=shop.name)
    assert shop.purge(purge_everything=True).status_code == 503


def test_only_the_public_face_of_one_release_can_be_broken(shop: Shop) -> None:
    first, second = shop.stage("v1.0.0"), shop.stage("v1.1.0")
    shop.promote(first)
    shop.double.fault(
        "edge", "request", "status", host="frontend", status=500, times=-1, release="v1.1.0", path="/release.json"
    )
    assert shop.page().status_code == 200
    shop.promote(second)
    assert (shop.page().status_code, shop.page("/products").status_code) == (500, 200)
    assert shop.own_page(second).status_code == 200
    shop.promote(first)
    assert shop.page().status_code == 200


def test_the_public_face_of_one_release_of_the_api_can_be_broken(shop: Shop) -> None:
    first = shop.deploy("v1.0.0")
    shop.double.fault("edge", "request", "status", host="backend", status=500, times=-1, release=first)
    assert shop.api().status_code == 500
    shop.deploy("v1.1.0")
    assert shop.api().status_code == 200


def test_an_unknown_fault_is_refused_with_what_is_known(shop: Shop) -> None:
    answer = shop.double.control.post("/faults", json={"vendor": "vercel", "operation": "promot", "kind": "reset"})
    assert answer.status_code == 400
    assert "promote" in answer.json()["error"]


def test_a_fault_for_ever_is_never_used_up() -> None:
    faults = Faults([Fault("vercel", "reset", "get", times=-1)])
    assert all(faults.take("vercel", "get", storefront=None) for _unused in range(5))
    assert faults.take("vercel", "list", storefront=None) is None


def test_requests_are_counted_with_their_bytes(shop: Shop) -> None:
    shop.double.tell("DELETE", "/requests")
    shop.upload(b"12345")
    shop.vercel("GET", f"/v9/projects/{shop.project}")
    recorded = [
        (item["operation"], item["bytes"], item["status"], item["storefront"])
        for item in shop.double.tell("GET", "/requests")
    ]
    assert recorded == [("upload", 5, 200, None), ("project", 0, 200, shop.name)]


def test_a_held_request_is_listed_and_continues_when_the_faults_are_cleared(shop: Shop) -> None:
    shop.double.fault("cloudflare", "purge", "hold")
    with ThreadPoolExecutor(1) as background:
        held = background.submit(shop.purge, purge_everything=True)
        until(
            lambda: (
                shop.double.tell("GET", "/held")
                == [{"vendor": "cloudflare", "operation": "purge", "storefront": shop.name}]
            )
        )
        assert not held.done()
        shop.double.tell("DELETE", "/faults")
        assert held.result(20).status_code == 200
    assert shop.double.tell("GET", "/held") == []


def test_a_challenge_is_passed_by_its_header_alone(shop: Shop) -> None:
    shop.double.fault("edge", "request", "challenge", host="backend", header="x-probe: let me in", times=-1)
    answer = shop.double.public.get(f"{shop.backend_url}/health")
    assert (answer.status_code, answer.headers["cf-mitigated"]) == (403, "challenge")
    answer = shop.double.public.get(f"{shop.backend_url}/health", headers={"x-probe": "let me in"})
    assert "cf-mitigated" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "operation", "fault"),
    [
        ("PUT", "/storefront/shop/lease.json", "put_lease", "put_lease"),
        ("GET", "/storefront/shop/ledger/2026.json", "get_ledger", "get_ledger"),
        ("GET", "/storefront?list-type=2&prefix=shop/ledger/", "list_ledger", "list_ledger"),
        ("GET", "/storefront?list-type=2&prefix=shop/backups/", "list_backup", "list_backup"),
        ("GET", "/storefront?uploads&prefix=shop/backups/", "unfinished_backup", "upload_backup"),
        ("POST", "/storefront/shop/backups/a/dump.zst.age?uploads", "begin_dump", "upload_backup"),
        ("PUT", "/storefront/shop/backups/a/toc.dat.zst?partNumber=1&uploadId=x", "part_dump", "part_dump"),
        ("POST", "/storefront/shop/backups/a/globals.json.zst?uploadId=x", "complete_globals", "upload_backup"),
        ("DELETE", "/storefront/shop/backups/a/globals.json.zst?uploadId=x", "abort_globals", "upload_globals"),
        ("PUT", "/storefront/shop/backups/a.json", "put_manifest", "put_backup"),
        ("GET", "/storefront/shop/backups/a/proof.json", "get_proof", "get_backup"),
        ("HEAD", "/storefront/shop/backups/a/dump.zst", "head_dump", "head_backup"),
        ("DELETE", "/storefront/shop/probe-1", "delete_other", "delete_other"),
    ],
)
def test_a_request_to_the_store_is_recorded_by_what_it_does_and_can_be_refused(
    shop: Shop, method: str, path: str, operation: str, fault: str
) -> None:
    url = f"http://127.0.0.1:{shop.double.ports['objects']}{path}".replace("/shop/", f"/{shop.name}/").replace(
        "=shop/", f"={shop.name}/"
    )
    shop.double.tell("DELETE", "/requests")
    shop.double.fault("objects", fault, "unavailable")
    assert shop.double.public.request(method, url).status_code == 503
    # the server behind it knows no such path
    assert shop.double.public.request(method, url).status_code in (401, 404, 405)
    recorded = [
        (request["operation"], request["storefront"])
        for request in shop.double.tell("GET", "/requests")
        if request["vendor"] == "objects"
    ]
    assert recorded == [(operation, shop.name)] * 2


def test_a_read_can_miss_the_write_before_it(shop: Shop) -> None:
    first, second = shop.stage("v1.0.0"), shop.stage("v1.1.0")
    shop.promote(first)
    shop.double.fault("vercel", "project", "stale_read")
    assert shop.vercel_project()["targets"]["production"]["id"] == first  # no write was missed yet, so the fault waits
    shop.point("promote", second)
    late = shop.vercel_project()["lastAliasRequest"]
    # of the promotion before: who takes it for this one's is wrong
    assert (late["toDeploymentId"], late["jobStatus"]) == (first, "succeeded")
    until(lambda: shop.vercel_project()["targets"]["production"]["id"] == second)


def test_a_late_read_is_as_late_as_it_was_asked_to_be(shop: Shop) -> None:
    shop.double.fault("railway", "deployments", "stale_read", times=2)
    key = shop.up(backend("v1.0.0")).json()["deploymentId"]
    seen = [[one["id"] for one in shop.deployments()] for _unused in range(3)]
    assert seen == [[], [], [key]]


@pytest.mark.parametrize("vendor", ["github", "sentry"])
def test_the_services_can_be_late_too(shop: Shop, vendor: str) -> None:
    client, operation = getattr(shop.double, vendor), {"github": "list_deployments", "sentry": "list_releases"}[vendor]
    path = {
        "github": f"/repos/{shop.made['github']['repository']}/deployments",
        "sentry": f"/api/0/organizations/{shop.name}/releases/",
    }[vendor]
    body = {"ref": "a" * 40, "required_contexts": [], "version": "v1", "projects": [shop.name]}
    shop.double.fault(vendor, operation, "stale_read")
    assert client.post(path, json=body).status_code == 201
    assert [len(client.get(path).json()) for _unused in range(2)] == [0, 1]


def test_a_message_can_be_missing_for_a_moment(shop: Shop) -> None:
    slack, channel = shop.double.slack, shop.made["slack"]["channel"]
    shop.double.fault("slack", "replies", "stale_read")
    ts = slack.post("/api/chat.postMessage", json={"channel": channel, "text": "text"}).json()["ts"]
    asked = [
        slack.get("/api/conversations.replies", params={"channel": channel, "ts": ts}).json()["ok"]
        for _unused in range(2)
    ]
    assert asked == [False, True]


def test_a_write_cannot_be_late(shop: Shop) -> None:
    answer = shop.double.control.post("/faults", json={"vendor": "vercel", "operation": "create", "kind": "stale_read"})
    assert (answer.status_code, "operation 'create' is not known" in answer.json()["error"]) == (400, True)


def test_a_state_can_be_unknown(shop: Shop) -> None:
    key, unit = shop.stage("v1.0.0"), shop.deploy("v1.0.0")
    shop.double.fault("vercel", "get", "unknown_state", word="DEFROSTING")
    assert [shop.site_deployment(key)["readyState"] for _unused in range(2)] == ["DEFROSTING", "READY"]
    shop.double.fault("railway", "deployment", "unknown_state")
    assert [shop.deployment(unit)["status"] for _unused in range(2)] == ["REALIGNING", "SUCCESS"]
    assert (
        shop.double.control.post(
            "/faults", json={"vendor": "slack", "operation": "webhook", "kind": "unknown_state"}
        ).status_code
        == 400
    )


@pytest.mark.parametrize("vendor", ["vercel", "railway", "github", "sentry"])
def test_every_answer_reports_how_many_requests_are_left(shop: Shop, vendor: str) -> None:
    answer = (
        getattr(shop.double, vendor).post("/graphql/v2", json={"query": "{ me { id } }"})
        if vendor == "railway"
        else None
    )
    path = {"vercel": "/v2/user", "github": "/rate_limit", "sentry": "/api/0/organizations/none/releases/"}.get(
        vendor, ""
    )
    headers = (answer or getattr(shop.double, vendor).get(path)).headers
    assert int(headers[f"x-{'sentry-rate-limit' if vendor == 'sentry' else 'ratelimit'}-remaining"]) >= 1


def test_a_window_counts_down_and_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.0, 100.0, 130.0, 130.0, 161.0, 161.0, 161.0])
    monkeypatch.setattr("sandbox.cloud.limits.time", SimpleNamespace(time=lambda: next(clock)))
    window = Window(3, 60)
    assert [window.take() for _unused in range(3)] == [(2, 60), (1, 30), (2, 60)]


def test_cloudflare_reports_it_in_one_header(shop: Shop) -> None:
    assert shop.double.cloudflare.get("/client/v4/zones").headers["ratelimit"].startswith('"default";r=')


def test_githubs_primary_limit_may_be_a_403_that_says_nothing_is_left(shop: Shop) -> None:
    shop.double.fault("github", "rate_limit", "rate_limited", status=403)
    answer = shop.double.github.get("/rate_limit")
    assert (answer.status_code, answer.headers["x-ratelimit-remaining"]) == (403, "0")


def test_an_answer_that_is_cut_off_comes_after_the_write(shop: Shop) -> None:
    shop.double.fault("railway", "up", "garbled")
    with pytest.raises(ValueError, match="Unterminated"):
        shop.up(backend("v1.0.0"), message="v1.0.0 garbled").json()
    assert [item["meta"]["cliMessage"] for item in shop.deployments()] == ["v1.0.0 garbled"]
