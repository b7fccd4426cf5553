# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double's answers, held against the vendors' contracts."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type, is_object_type, is_required_argument

from sandbox.cloud.faults import OPERATIONS
from sandbox.cloud.railway import SCHEMA
from tests.contract.contracts import Contract, railway
from tests.unit.sandbox.cloud.double import Double, Shop


@pytest.mark.parametrize(("vendor", "prefix"), [("vercel", ""), ("cloudflare", "/client/v4")])
def test_every_answer_has_a_status_and_a_shape_of_the_contract(double: Double, answers: list[httpx.Response], vendor: str, prefix: str) -> None:
    contract = Contract(f"{vendor}.json", prefix)
    own = [answer for answer in answers if answer.request.url.port == double.ports[vendor]]
    assert {problem for answer in own for problem in contract.wrong_in_answer(answer)} == set()


@pytest.mark.parametrize("vendor", ["vercel", "cloudflare"])
def test_every_operation_has_been_asked_for(double: Double, answers: list[httpx.Response], vendor: str) -> None:
    asked = {item["operation"] for item in double.tell("GET", "/requests") if item["vendor"] == vendor}
    assert OPERATIONS[vendor] - asked == set()


def test_every_vercel_error_has_code_and_message(double: Double, answers: list[httpx.Response]) -> None:
    refused = [answer for answer in answers if answer.status_code >= 400 and answer.request.url.port == double.ports["vercel"]]
    assert {answer.status_code for answer in refused} >= {400, 403, 404, 409, 429, 500}
    assert all(set(answer.json()["error"]) >= {"code", "message"} for answer in refused)


def test_a_contract_notices_a_wrong_answer(answers: list[httpx.Response]) -> None:
    contract = Contract("vercel.json")
    right = next(answer for answer in answers if answer.request.url.path.startswith("/v13/deployments/dpl_") and answer.status_code == 200)
    body = {**right.json(), "readyState": "ALMOST"}
    del body["id"]
    wrong = httpx.Response(200, content=json.dumps(body), request=right.request)
    assert (contract.wrong_in_answer(right), len(contract.wrong_in_answer(wrong))) == ([], 1)


def test_railways_schema_is_a_part_of_the_contract_with_nothing_changed() -> None:
    contract, changed = railway(), []
    for name, own in SCHEMA.type_map.items():
        whole = contract.type_map[name]
        assert type(own) is type(whole)
        for field, definition in getattr(own, "fields", {}).items():
            other = whole.fields[field]  # type: ignore[attr-defined]
            arguments = {key: (str(item.type), item.default_value) for key, item in getattr(definition, "args", {}).items()}
            others = {key: (str(item.type), item.default_value) for key, item in getattr(other, "args", {}).items()}
            if (str(definition.type), arguments) != (str(other.type), others):
                changed.append(f"{name}.{field}")
        if getattr(own, "values", None) and own.values.keys() != whole.values.keys():  # type: ignore[attr-defined]
            changed.append(name)
    assert changed == []


def selection(schema: GraphQLSchema, kind: GraphQLObjectType, depth: int) -> str:
    """Return all the fields of a type, nested as deep as asked."""
    parts = []
    for name, field in kind.fields.items():
        inner = get_named_type(field.type)
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        if is_leaf_type(inner):
            parts.append(name)
        elif depth and is_object_type(inner):
            parts.append(f"{name} {selection(schema, inner, depth - 1)}")
    return "{ __typename " + " ".join(parts) + " }"


@pytest.fixture(scope="module")
def railway_shop(double: Double) -> Shop:
    shop = double.storefront("railway-shop")
    shop.deploy("v1.0.0")
    shop.deploy("v1.1.0")
    shop.double.public.get(shop.made["backend_origin_url"])  # for the metrics
    return shop


@pytest.mark.parametrize("field", sorted(SCHEMA.query_type.fields if SCHEMA.query_type else ()))
def test_every_field_of_railways_answers_has_a_value_of_its_type(railway_shop: Shop, field: str) -> None:
    assert SCHEMA.query_type is not None
    railway, services = railway_shop.made["railway"], railway_shop.services
    newest = railway_shop.deployments()[0]["id"]
    values: dict[str, Any] = {
        "id": {"project": railway["project"], "environment": railway["environment"], "service": services["api"]}.get(field, newest),
        **{"deploymentId": newest, "projectId": railway["project"], "environmentId": railway["environment"], "serviceId": services["api"]},
        "input": {"projectId": railway["project"]},
        **{"startDate": "2020-01-01T00:00:00Z", "endDate": "2099-01-01T00:00:00Z"},
    }
    definition = SCHEMA.query_type.fields[field]
    given = {name: argument for name, argument in definition.args.items() if name in values}
    declared = ", ".join(f"${name}: {argument.type}" for name, argument in given.items())
    passed = ", ".join(f"{name}: ${name}" for name in given)
    kind = get_named_type(definition.type)
    fields = selection(SCHEMA, kind, 3) if is_object_type(kind) else ""
    query = f"query{f'({declared})' if declared else ''} {{ {field}{f'({passed})' if passed else ''} {fields} }}"
    token = {"authorization": "", "project-access-token": railway["project_token"]} if field == "projectToken" else None
    answer = railway_shop.graphql(query, token, **{name: values[name] for name in given})
    assert "errors" not in answer
    assert answer["data"][field]
