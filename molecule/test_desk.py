# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's pages: good, half of the systems down, bad input; and what somebody changed in a dashboard."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from conftest import ROOT
from molecule import desk
from molecule.conftest import Shop, back_to, development
from sandbox.customer import Customer
from sandbox.process import wait_until

MISSPELLED = {"id": "C19", "options": {"windows": [{"days": ["tuesdy"], "from": "10:00", "to": "14:00"}]}}
NOWHERE = "http://127.0.0.1:1"
HALF: dict[str, Any] = {
    "store_endpoint_url": NOWHERE,
    "database_url": "postgresql://shop:hidden-password@127.0.0.1:1/shop",
    "redis_url": "redis://:hidden-password@127.0.0.1:1/0",
    "edge_api_url": NOWHERE,
    "backend_token": "wrong-token",
}


@pytest.fixture(scope="module")
def live(released: None, sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """v1.1.0 is live over v1.0.0; one for all scenarios of this file that change nothing."""
    back_to(sandbox, "released")
    yield Shop(sandbox, "shop", tmp_path_factory.mktemp("desk"))
    back_to(sandbox, "released")


def text_of(played: Any) -> list[str]:
    return [line for line in played.stdout.splitlines() if line.strip()]


def rows(lines: list[str]) -> list[str]:
    """The systems of a page; a line that continues one is indented further."""
    return [found[1] for line in lines if (found := re.match(r"  (\S+)", line))]


def test_a_good_status_is_one_screen(live: Shop, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    played = live.play("status.yml", output_path=str(file))
    assert played.rc == 0, played.stdout
    lines = text_of(played)
    assert len(lines) <= 24
    assert all(len(line) <= 120 for line in lines)
    for name in ("frontend", "api", "worker", "database", "redis", "edge", "lease      free"):
        assert name in played.stdout
    document = json.loads(file.read_text())
    assert (document["page"], document["level"]) == ("status", "ok")
    shown = (ROOT / "docs/desk.md").read_text().partition("<!-- status -->")[2].partition("<!-- end of status -->")[0]
    assert rows(shown.splitlines()) == rows(lines)
    assert document["storefronts"]["shop"]["surfaces"]["api"]["release"] == "v1.1.0"
    assert file.stat().st_mode & 0o077 == 0


def test_half_of_the_systems_are_down_and_the_rest_still_comes(live: Shop) -> None:
    played = live.play("status.yml", output="json", **HALF)
    assert played.rc == 2
    document = json.loads(played.stdout)
    assert document["level"] == "down"
    shop = document["storefronts"]["shop"]
    assert shop["surfaces"]["frontend"]["level"] == "ok"
    assert shop["surfaces"]["frontend"]["release"] == "v1.1.0"
    assert shop["surfaces"]["database"]["level"] == "down"
    assert {"database", "redis", "ledger", "lease", "backups", "edge", "unit:api"} <= shop["unreachable"].keys()
    assert shop["next"][0].startswith("ansible-playbook ")
    assert "hidden-password" not in played.stdout
    people = live.play("status.yml", fail_on="never", notify_contacts=["on call: +1 555 0100"], **HALF)
    assert people.rc == 0, people.stdout
    assert "DOWN" in people.stdout
    assert "on call: +1 555 0100" in people.stdout
    assert "hidden-password" not in people.stdout


@pytest.mark.parametrize(("playbook", "words"), [("releases.yml", "v1.1.0"), ("logs.yml", " frontend ")])
def test_a_page_of_the_platforms_comes_when_the_half_is_down(live: Shop, playbook: str, words: str) -> None:
    requests.get(live.at["frontend_url"] + f"/products?{time.monotonic()}", timeout=10)
    played = live.play(playbook, fail_on="never", **HALF)
    assert played.rc == 0, played.stdout
    assert words in played.stdout
    assert "api" in played.text, "what could not be asked is named"
    assert "hidden-password" not in played.stdout


def test_many_storefronts_are_one_document_and_limit_chooses_among_them(live: Shop, tmp_path: Path) -> None:
    live.sandbox.create_storefront("second")  # nothing is deployed to it
    try:
        inventory = development(tmp_path / "inventory", "shop", "second")
        both = live.play("status.yml", inventory=inventory, output="json")
        assert both.rc == 2, both.stdout
        found = json.loads(both.stdout)["storefronts"]
        assert {name: one["level"] for name, one in found.items()} == {"shop": "ok", "second": "down"}
        assert all("--limit second" in command for command in found["second"]["next"]), found["second"]["next"]
        diagnosed = live.play("diagnose.yml", inventory=inventory, output="json", fail_on="never")
        assert diagnosed.rc == 0, diagnosed.stdout
        judged = json.loads(diagnosed.stdout)["storefronts"]
        assert judged["shop"]["level"] == "ok", judged["shop"]
        assert judged["second"]["level"] != "ok"
        assert all("--limit second" in command for command in judged["second"]["next"]), judged["second"]
        one = live.play("status.yml", "--limit shop", inventory=inventory, output="json")
        assert (one.rc, json.loads(one.stdout)["storefronts"].keys()) == (0, {"shop"}), one.stdout
    finally:
        live.sandbox.drop_storefront("second")


@pytest.mark.parametrize(
    ("playbook", "given", "words"),
    [
        ("status.yml", {"output": "xml"}, "output"),
        ("status.yml", {"fail_on": "sometimes"}, "fail_on"),
        ("status.yml", {"preflight_timezone": "Mars/Base"}, "Mars/Base"),
        ("logs.yml", {"grep": "GET (a+)+$"}, "at position 5"),
        ("status.yml", {"preflight_checks": [MISSPELLED]}, "tuesday?"),  # a line may break before it
        ("releases.yml", {"compare": "v1.0.0..v9.9.9"}, "v9.9.9"),
        ("redis.yml", {"flush": "*"}, "no literal"),
        ("diagnose.yml", {"remedy": "reboot"}, "remedy"),
        ("diagnose.yml", {"unit": "apii"}, "did you mean api?"),
        ("maintenance.yml", {"maintenance_state": "on", "maintenance_minutes": 0}, "maintenance_minutes is 0."),
    ],
)
def test_bad_input_is_refused(live: Shop, playbook: str, given: dict[str, Any], words: str) -> None:
    live.forget_requests()
    played = live.play(playbook, **given)
    assert played.rc == 2
    assert words in played.text
    assert live.writes() == []


def test_everything_that_is_wrong_is_refused_at_once(live: Shop) -> None:
    wrong: dict[str, Any] = {
        "unit": "apii",
        "level": "eror",
        "since": "1h",
        "until": "2h",
        "limit": 0,
        "preflight_timezone": "Mars/Base",
    }
    played = live.play("logs.yml", **wrong)
    assert played.rc == 2
    for words in ("did you mean api?", "did you mean error?", "limit is 0.", "'Mars/Base' is not known"):
        assert words in played.text, words
    swapped = live.play("logs.yml", since="1h", until="2h", follow=5)
    assert "since (1h) is not before until (2h)" in swapped.text
    assert "Leave one of them out." in swapped.text


def test_a_document_that_cannot_be_written_fails_the_run_and_is_named(live: Shop) -> None:
    played = live.play("status.yml", output_path="/dev/null/status.json")
    assert played.rc == 2
    assert "(/dev/null/status.json)" in played.text
    assert "lease free" in played.text, "the page itself is shown"


def test_bad_input_is_json_as_well(live: Shop) -> None:
    played = live.play("logs.yml", output="json", since="yesterday")
    assert played.rc == 2
    document = json.loads(played.stdout)
    assert document["level"] == "refused"
    assert "yesterday" in json.dumps(document)


def test_the_board_says_what_can_be_gone_back_to(live: Shop) -> None:
    played = live.play("releases.yml")
    assert played.rc == 0, played.stdout
    assert "-e to=v1.0.0" in played.stdout
    found = {one["release"]: one for one in desk.releases(live)["releases"]}
    assert found["v1.1.0"]["units"] == {"frontend": "live", "api": "live", "worker": "live"}
    assert found["v1.0.0"]["possible"]


def test_two_releases_are_compared(live: Shop) -> None:
    found = desk.releases(live, compare="v1.0.0..v2.0.0")["comparison"]
    assert found["commit_count"] == 3
    assert found["commits"][0]["subject"] == "Release v2.0.0"
    verdicts = {one["name"]: one["backward_compatible"] for one in found["migrations"]}
    assert verdicts == {"20260302090000_reviews": True, "20260504090000_price_with_currency": False}
    assert found["size"]["new"] > found["size"]["old"]
    assert {"path": "CHANGELOG.md", "status": "changed", "added": 12, "removed": 0} in found["files"]
    back = desk.releases(live, compare="v2.0.0..v1.0.0")["comparison"]
    assert (back["commit_count"], back["commits_missing_count"]) == (0, 3)
    same = desk.releases(live, compare="v1.0.0..v1.1.0")["comparison"]["variables"]
    assert same["api"] == {"added": [], "removed": [], "changed": []}


def test_logs_are_merged_masked_and_bounded(live: Shop) -> None:
    found = desk.logs(live, since="1d")
    assert {"api", "worker"} <= {line["unit"] for line in found["lines"]}
    assert [line["at"] for line in found["lines"]] == sorted(line["at"] for line in found["lines"])
    short = desk.logs(live, since="1d", limit=2, unit=["api"])
    assert len(short["lines"]) == 2
    assert short["left_out"] > 0
    assert all(
        "listening" in line["message"].lower() for line in desk.logs(live, since="1d", grep="(?i)listening")["lines"]
    )
    assert desk.logs(live, since="1d", level="error", grep="no such line")["lines"] == []
    secret = live.at["database_url"].partition("://shop:")[2].partition("@")[0]
    assert secret not in json.dumps(found)


def test_new_lines_show_while_they_are_followed(live: Shop) -> None:
    seen = (r" api +info .*request completed .*\[[0-9a-f]{16}\]", r" frontend +info +GET /products 200")
    paths = (live.at["backend_url"] + "/api/products", live.at["frontend_url"] + "/products")
    ended = desk.followed(live, seen, paths, unit=["api", "frontend"])
    lines = [line for line in text_of(ended) if " api " in line]
    assert len(lines) == len(set(lines)), "each line shows once"


def test_a_request_is_followed_from_the_edge_to_the_worker(live: Shop) -> None:
    customer, answers = Customer(live.at), list[requests.Response]()
    customer.session.hooks["response"].append(lambda answer, **_unused: answers.append(answer))
    with customer.session:
        customer.register()
        order = customer.buy()
    ray = answers[-1].headers["cf-ray"]  # as a customer has it who reports a problem
    assert ray.startswith(answers[-1].headers["x-request-id"])
    assert wait_until(lambda: {"api", "worker"} <= {line["unit"] for line in desk.logs(live, request=ray)["lines"]}, 60)
    played = live.play("logs.yml", request=ray)
    assert played.rc == 0, played.stdout
    assert re.search(r" api +info +request completed", played.text)
    assert re.search(r" worker +info +Confirmed an order", played.text)
    assert {line["request"] for line in desk.logs(live, request=ray)["lines"]} == {ray.partition("-")[0]}
    assert order


def test_a_document_has_the_lines_that_were_followed_and_nothing_else_is_printed(live: Shop) -> None:
    played = live.play("logs.yml", output="json", follow=1, since="1d", limit=3)
    assert played.rc == 0
    assert len(json.loads(played.stdout)["storefronts"]["shop"]["lines"]) == 3


def kinds(shop: Shop) -> set[tuple[str, str]]:
    report = desk.status(shop)
    assert report["level"] != "ok"
    assert all(one["since"] for one in report["drift"])
    return {(one["unit"], one["kind"]) for one in report["drift"]}


def test_each_change_in_a_dashboard_shows_as_drift(live: Shop) -> None:
    shop = live
    assert desk.status(shop)["drift"] == []
    place = {"environmentId": shop.at["railway"]["environment"], "serviceId": shop.at["railway"]["services"]["api"]}
    shop.set_variable(place["serviceId"], "FEATURE_FLAG", "on")
    assert kinds(shop) == {("api", "variables")}
    _variables_of_vercel(shop)
    update = "mutation($e: String!, $s: String!, $i: ServiceInstanceUpdateInput!)"
    update += " { serviceInstanceUpdate(environmentId: $e, serviceId: $s, input: $i) }"
    scaled = {"multiRegionConfig": {"us-west2": {"numReplicas": 2}}}
    desk.railway(shop, update, e=place["environmentId"], s=place["serviceId"], i=scaled)
    assert ("api", "scaled") in kinds(shop)
    _automatic_deploys_of_railway(shop, **place)
    desk.railway(shop, REDEPLOY, e=place["environmentId"], s=place["serviceId"])
    assert wait_until(lambda: ("api", "redeployed") in kinds(shop), 60)
    desk.vercel(shop, "PATCH", "/v9/projects/{project}", json={"autoAssignCustomDomains": True})
    assert ("frontend", "auto_assign") in kinds(shop)
    old = next(one for one in desk.releases(shop)["releases"] if one["release"] == "v1.0.0")
    assert old["possible"]
    listed = desk.vercel(shop, "GET", "/v7/deployments")["deployments"]
    first = next(one["uid"] for one in listed if one["meta"].get("release") == "v1.0.0")
    newest = next(one["uid"] for one in listed if one["meta"].get("release") == "v1.1.0")
    for kind, path in (
        ("promoted", "/v10/projects/{project}/promote/" + first),
        ("", "/v10/projects/{project}/promote/" + newest),
        ("rolled back", "/v1/projects/{project}/rollback/" + first),
    ):
        desk.vercel(shop, "POST", path)  # which moves the domains meanwhile
        drift = {kind} if kind else set()
        assert wait_until(partial(_shows, shop, drift), 60), kind
    assert shop.play("status.yml").rc == 0, "what needs attention is not down"
    strict = shop.play("status.yml", fail_on="attention")
    assert strict.rc == 2
    assert "frontend was rolled back from v1.1.0 to v1.0.0 on" in strict.text
    assert "api: FEATURE_FLAG was added" in strict.text
    assert "api was scaled from 1 to 2 replicas" in strict.text

    listed = desk.railway(shop, LISTED, i={**place, "projectId": shop.at["railway"]["project"]})["deployments"]["edges"]
    desk.railway(shop, "mutation($i: String!) { deploymentRollback(id: $i) }", i=listed[-1]["node"]["id"])
    assert wait_until(lambda: ("api", "rolled back") in kinds(shop), 60)
    desk.stop_worker(shop)
    assert ("worker", "stopped") in kinds(shop)


REDEPLOY = "mutation($e: String!, $s: String!) { serviceInstanceRedeploy(environmentId: $e, serviceId: $s) }"
CONNECT = "mutation($s: String!, $i: ServiceConnectInput!) { serviceConnect(id: $s, input: $i) { id } }"
AUTO_DEPLOY = "mutation($i: ServiceInstanceAutoDeployUpdateInput!)"
AUTO_DEPLOY += " { serviceInstanceAutoDeployUpdate(input: $i) { enabled } }"
LISTED = "query($i: DeploymentListInput!) { deployments(input: $i, first: 20) { edges { node { id } } } }"


def _automatic_deploys_of_railway(shop: Shop, **place: str) -> None:
    """Connect the API to a repository in Railway's dashboard, which then deploys each push, and turn that off."""
    desk.railway(shop, CONNECT, s=place["serviceId"], i={"repo": "acme/shop", "branch": "main"})
    assert ("api", "auto_deploy") in kinds(shop)
    setting = {**place, "projectId": shop.at["railway"]["project"], "enabled": False}
    desk.railway(shop, AUTO_DEPLOY, i=setting)
    assert ("api", "auto_deploy") not in kinds(shop)


def _variables_of_vercel(shop: Shop) -> None:
    """Add a variable in Vercel's dashboard, change it, and remove it: each shows, right after our deploy as well."""
    path = "/v10/projects/{project}/env"
    new = {"key": "BANNER", "value": "sale", "type": "plain", "target": ["production"]}
    made = desk.vercel(shop, "POST", path, json=new)
    assert ("frontend", "variables") in kinds(shop)
    one = f"/v9/projects/{{project}}/env/{made.get('created', made)['id']}"
    desk.vercel(shop, "PATCH", one, json={"value": "no sale"})
    assert "frontend: BANNER was added" in [drift["what"] for drift in desk.status(shop)["drift"]]
    desk.vercel(shop, "DELETE", one)
    assert ("frontend", "variables") not in kinds(shop)


def _shows(shop: Shop, drift: set[str]) -> bool:
    return _of_frontend(shop) == drift


def _of_frontend(shop: Shop) -> set[str]:
    return {kind for unit, kind in kinds(shop) if unit == "frontend"} - {"auto_assign"}
