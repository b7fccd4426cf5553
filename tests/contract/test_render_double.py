# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answers of Render's double, held against Render's contract."""

from __future__ import annotations

import httpx
import pytest

from sandbox.cloud.faults import OPERATIONS
from tests.contract.contracts import Contract
from tests.unit.sandbox.cloud.double import Double, until
from tests.unit.sandbox.cloud.render_shop import RenderShop, make_repository


@pytest.fixture(scope="module")
def answers(double: Double, tmp_path_factory: pytest.TempPathFactory) -> list[httpx.Response]:
    """Every answer of the double in the life of a service, refusals among them."""
    repository = tmp_path_factory.mktemp("repository")
    commits = make_repository(repository)
    seen: list[httpx.Response] = []
    double.render.event_hooks["response"].append(seen.append)
    live_through(RenderShop(double, "render-contract", repository, commits))
    double.render.event_hooks["response"].clear()
    return seen


def live_through(shop: RenderShop) -> None:
    """Deploy, fail, roll back, suspend, scale and ask all there is to ask, before, between and after."""
    owner = shop.double.render.get("/v1/owners").json()[0]["owner"]["id"]
    shop.double.render.get("/v1/services", params={"name": f"{shop.name}-api"})
    for unit in shop.services:
        shop.ask("GET", unit=unit)
    shop.ask("GET", "/deploys")
    first = shop.deploy("v1.0.0")
    shop.deploy("v1.1.0")
    for kind, word in (
        ("build_fails", "build_failed"),
        ("pre_deploy_fails", "pre_deploy_failed"),
        ("crashes", "update_failed"),
    ):
        shop.double.fault("render", "create", kind)
        shop.deploy("v1.1.0", wait=word)
    shop.double.fault("render", "create", "stuck")
    stuck = shop.create("v1.1.0").json()["id"]
    shop.ask("POST", f"/deploys/{stuck}/cancel")
    shop.ask("POST", f"/deploys/{stuck}/cancel")
    shop.double.fault("render", "create", "dropped")
    shop.create("v1.1.0")
    shop.until(shop.roll_back(first).json()["id"])
    shop.roll_back("dep-unknown")
    shop.roll_back(stuck)
    shop.ask("POST", "/scale", json={"numInstances": 2})
    until(lambda: len(shop.ask("GET", "/instances").json()) == 2)
    shop.ask("POST", "/scale", json={"numInstances": 0})
    shop.ask("POST", "/restart")
    shop.update(
        autoDeploy="yes", serviceDetails={"maintenanceMode": {"enabled": True, "uri": "https://status.example"}}
    )
    shop.update(serviceDetails={"maintenanceMode": {"enabled": False, "uri": ""}})
    shop.update(autoDeploy="maybe")
    shop.set_variable("SHADE", "dark")
    shop.ask("GET", "/env-vars")
    shop.ask("GET", "/env-vars/SHADE")
    shop.ask("PUT", "/env-vars/SHADE", json={"value": 1})
    for _unused in range(2):
        shop.ask("DELETE", "/env-vars/SHADE")
    shop.ask("PUT", "/env-vars", json=[{"key": "ONE", "value": "1"}])
    shop.ask("GET", "/deploys", params={"status": ["live", "deactivated"], "limit": 2})
    shop.double.render.get("/v1/logs", params={"ownerId": owner, "resource": shop.services["api"], "limit": 3})
    shop.double.render.get("/v1/logs", params={"ownerId": owner})
    span = {"startTime": "2026-01-01T00:00:00Z", "endTime": "2100-01-01T00:00:00Z", "aggregateBy": "statusCode"}
    for unit in (shop.services["api"], "srv-unknown"):
        shop.double.render.get("/v1/metrics/http-requests", params={**span, "resource": unit})
    shop.ask("POST", "/suspend")
    shop.ask("GET")
    shop.create("v1.0.0")
    shop.ask("POST", "/resume")
    shop.ask("POST", "/deploys", json={"commitId": "0" * 40})
    shop.ask("GET", "/deploys/dep-unknown")
    shop.double.render.get("/v1/services/srv-unknown")
    shop.ask("GET", headers={"authorization": "Bearer other"})
    for kind in ("rate_limited", "unavailable"):
        shop.double.fault("render", "service", kind, status=503)
        shop.ask("GET")


def test_every_answer_has_a_status_and_a_shape_of_the_contract(answers: list[httpx.Response]) -> None:
    contract = Contract("render.json", "/v1")
    assert {problem for answer in answers for problem in contract.wrong_in_answer(answer)} == set()
    assert len(answers) > 60


def test_every_operation_has_been_asked_for(double: Double, answers: list[httpx.Response]) -> None:
    assert (
        OPERATIONS["render"]
        - {item["operation"] for item in double.tell("GET", "/requests") if item["vendor"] == "render"}
        == set()
    )


def test_every_error_has_an_id_and_a_message(answers: list[httpx.Response]) -> None:
    refused = [answer for answer in answers if answer.status_code >= 400]
    assert {answer.status_code for answer in refused} == {400, 401, 404, 429, 503}
    assert all(isinstance(answer.json()[key], str) for answer in refused for key in ("id", "message"))


def test_a_limit_reports_when_to_come_back(answers: list[httpx.Response]) -> None:
    described = Contract("render.json", "/v1").operation("GET", "/v1/services/srv-1")
    assert described is not None
    (limited,) = [answer for answer in answers if answer.status_code == 429]
    assert {name.lower() for name in described["responses"]["429"]["headers"]} <= set(limited.headers)


def test_every_status_of_the_contract_was_among_them(answers: list[httpx.Response]) -> None:
    lists = [
        answer.json()
        for answer in answers
        if answer.request.method == "GET" and answer.request.url.path.endswith("/deploys")
    ]
    words = {item["deploy"]["status"] for page in lists for item in page} | {
        answer.json()["status"]
        for answer in answers
        if "/deploys/dep-" in str(answer.request.url) and answer.status_code == 200
    }
    assert {"live", "deactivated", "build_failed", "pre_deploy_failed", "update_failed", "canceled"} <= words
