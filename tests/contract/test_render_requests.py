# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules ask Render for, against Render's own description of its API."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Outcome, Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render import client as render
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render import (
    instances,
    logs,
    metrics,
    variables,
)
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render import settings as render_settings
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.render.states import PUT_BACK, STATES

from tests.contract.contracts import Contract
from tests.unit.plugins.fake_render import SERVICE, SHAS, FakeRender
from tests.unit.support import Clock, Request

CALLS = (render, instances, logs, metrics, variables)


@pytest.fixture(scope="module")
def contract() -> Contract:
    """The description with its bodies taken at their word: it names properties, and forbids no others."""
    contract = Contract("render.json", "/v1")
    for method, path in (("post", "deploys"), ("post", "rollback"), ("post", "scale")):
        contract.document["paths"][f"/services/{{serviceId}}/{path}"][method]["requestBody"]["content"][
            "application/json"
        ]["schema"]["additionalProperties"] = False
    settings = contract.document["paths"]["/services/{serviceId}"]["patch"]["requestBody"]["content"][
        "application/json"
    ]["schema"]
    settings["additionalProperties"] = False
    return contract


@pytest.fixture(scope="module")
def fake() -> FakeRender:
    """The service after every request that the client knows was sent at least once."""
    fake, clock = FakeRender(), Clock()
    api = ApiClient("Render", render.API_URL, headers={}, session=fake.vendor.session(), parse_error=render.parse_error)
    client = render.Render(api, "shop-api", Waiter(sleep=clock.sleep, clock=clock), {})
    client.refresh()
    client.refresh()
    first = client.wait_live(client.create({"commitId": SHAS["v1.0.0"], "clearCache": "clear"}))
    client.create({"imageUrl": "ghcr.io/shop/api:v1.0.0"})
    client.wait_live(client.roll_back(client.deploy(first.id)))
    client.cancel([client.create({"commitId": SHAS["v1.1.0"]})])
    instances.suspend(client)
    instances.resume(client)
    instances.restart(client)
    instances.scale(client, 2)
    instances.wait_instances(client, 2)
    fake.service["autoDeploy"] = "yes"
    client.refresh()
    client.update(render_settings.changes(client, auto_deploy=False, mode=True, uri="https://status.example"))
    variables.variables(client)
    variables.write(client, {"COLOUR": "green"})
    variables.remove(client, ["COLOUR"])
    logs.read(client, 3, since=datetime.now(UTC), types=["app", "build"], text="error")
    assert metrics.answers(client, 10)["requests"] == 7
    return fake


@pytest.fixture(scope="module")
def asked(fake: FakeRender) -> list[Request]:
    return fake.vendor.requests


def test_every_request_is_one_that_render_describes(contract: Contract, asked: list[Request]):
    wrong = [
        contract.wrong_in_request(httpx.Request(sent.method, sent.url, headers=dict(sent.headers), content=sent.body))
        for sent in asked
    ]
    assert [problems for problems in wrong if problems] == []


def test_every_required_parameter_is_sent(contract: Contract, asked: list[Request]):
    for sent in asked:
        operation = contract.operation(sent.method, sent.path)
        assert operation is not None
        required = {
            item["name"] for item in operation.get("parameters", []) if item["in"] == "query" and item.get("required")
        }
        assert required <= sent.query.keys(), sent.url


def test_every_call_of_the_client_was_among_them(fake: FakeRender):
    calls = [
        call
        for module in CALLS
        for call in re.findall(r'\.json\(\s*"([A-Z]+)", (f?"[^"]+"|self\.path|path)', Path(module.__file__).read_text())
    ]
    # the one that reads an error
    assert len(calls) == sum(Path(module.__file__).read_text().count(".json(") for module in CALLS) - 1
    # One call reads three lists: services, deploys and variables.
    assert len(set(fake.operations())) == len(set(calls)) + 2


def test_every_kind_of_body_was_among_them(fake: FakeRender):
    assert {key for body in fake.sent("create") for key in body} == {"commitId", "clearCache", "imageUrl"}
    assert fake.sent("rollback") == [{"deployId": "dep-1"}]
    assert fake.sent("update") == [
        {"autoDeploy": "no", "serviceDetails": {"maintenanceMode": {"enabled": True, "uri": "https://status.example"}}}
    ]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/deploys", {"commit": "abc"}),
        ("POST", "/deploys", {"commitId": 1}),
        ("POST", "/deploys", {"clearCache": "yes"}),
        ("POST", "/rollback", {}),
        ("POST", "/scale", {"numInstances": "3"}),
        ("PATCH", "", {"autoDeploy": False}),
        ("PATCH", "", {"maintenanceMode": {"enabled": True, "uri": ""}}),
        ("PUT", "/env-vars/COLOUR", {"value": 1}),
        ("GET", "/deploys?first=3", None),
    ],
    ids=str,
)
def test_a_wrong_request_would_be_noticed(contract: Contract, method: str, path: str, body: Any):
    assert contract.wrong_in_request(httpx.Request(method, f"{render.API_URL}/services/{SERVICE}{path}", json=body))


def test_every_word_that_render_describes_is_known(contract: Contract):
    deploy = contract.document["paths"]["/services/{serviceId}/deploys"]["get"]["responses"]["200"]["content"][
        "application/json"
    ]["schema"]
    properties = deploy["items"]["properties"]["deploy"]["properties"]
    assert set(properties["status"]["enum"]) == set(STATES)
    assert [word for word, outcome in STATES.items() if outcome is Outcome.READY] == ["live"]
    assert set(PUT_BACK) < set(properties["trigger"]["enum"])
