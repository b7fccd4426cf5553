# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double's answers, held against the vendors' contracts."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type, is_object_type, is_required_argument
from starlette.routing import Mount

from sandbox.cloud.contracts import PREFIXES
from sandbox.cloud.exchanges import OUTSIDE
from sandbox.cloud.faults import OPERATIONS, Faults
from sandbox.cloud.vendors.cloudflare.double import Cloudflare
from sandbox.cloud.vendors.github.double import GitHub
from sandbox.cloud.vendors.railway.double import SCHEMA
from sandbox.cloud.vendors.sentry.double import Sentry
from sandbox.cloud.vendors.slack.double import Slack
from sandbox.cloud.vendors.stripe.double import Stripe
from sandbox.cloud.vendors.vercel.double import Vercel
from tests.contract.contracts import Contract, railway
from tests.unit.sandbox.cloud.double import Double, Shop

METHODS = {"get", "post", "put", "patch", "delete"}
REST = ["vercel", "cloudflare", "github", "slack", "sentry", "stripe"]


@pytest.mark.parametrize("vendor", REST)
def test_every_answer_has_a_status_and_a_shape_of_the_contract(
    double: Double, answers: list[httpx.Response], vendor: str
) -> None:
    contract = Contract(f"{vendor}.json", PREFIXES.get(vendor, ""))
    own = [answer for answer in answers if answer.request.url.port == double.ports[vendor]]
    assert {problem for answer in own for problem in contract.wrong_in_answer(answer)} == set()


@pytest.mark.parametrize("vendor", REST)
def test_every_operation_has_been_asked_for(double: Double, answers: list[httpx.Response], vendor: str) -> None:
    asked = {item["operation"] for item in double.tell("GET", "/requests") if item["vendor"] == vendor}
    assert OPERATIONS[vendor] - asked == set()


def test_every_vercel_error_has_code_and_message(double: Double, answers: list[httpx.Response]) -> None:
    refused = [
        answer for answer in answers if answer.status_code >= 400 and answer.request.url.port == double.ports["vercel"]
    ]
    assert {answer.status_code for answer in refused} >= {400, 403, 404, 409, 429, 500}
    assert all(set(answer.json()["error"]) >= {"code", "message"} for answer in refused)


def test_a_contract_notices_a_wrong_answer(answers: list[httpx.Response]) -> None:
    contract = Contract("vercel.json")
    right = next(
        answer
        for answer in answers
        if answer.request.url.path.startswith("/v13/deployments/dpl_") and answer.status_code == 200
    )
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
            arguments = {
                key: (str(item.type), item.default_value) for key, item in getattr(definition, "args", {}).items()
            }
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
        "id": (
            {"project": railway["project"], "environment": railway["environment"], "service": services["api"]}.get(
                field, newest
            )
        ),
        **{
            "deploymentId": newest,
            "projectId": railway["project"],
            "environmentId": railway["environment"],
            "serviceId": services["api"],
        },
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


VENDORS: dict[str, Any] = {
    "vercel": Vercel,
    "cloudflare": Cloudflare,
    "github": GitHub,
    "slack": Slack,
    "sentry": Sentry,
    "stripe": Stripe,
}
# What the contract has and the double does not serve, since nothing here asks for it.
UNASKED = {
    "github": "workflows, branches and rules: the checks read what a commit has, and not what would be required of it",
    "cloudflare": "rulesets, the other settings and the old analytics",
    "vercel": "the rest of a long contract: a shop's deploy asks for some twenty operations",
    "sentry": "events, statistics and single issues",
    "stripe": "refunds, checkout sessions, balance and events: the example shop only pays",
    "slack": "channels, users, reactions and files: a message needs none of them",
}


def served(vendor: str) -> set[tuple[str, str]]:
    """Return method and path of every operation that the double serves, with a word for each parameter."""
    cloud: Any = SimpleNamespace(folder=None, faults=Faults(), delays=None, payments={})
    further: list[Any] = [{}] if vendor == "cloudflare" else []  # the caches that it purges
    routes: list[Any] = list(VENDORS[vendor](cloud, *further).app().routes)
    found = set()
    for route in routes:
        inner: list[Any] = route.routes if isinstance(route, Mount) else [route]
        prefix = route.path if isinstance(route, Mount) else ""
        found |= {
            (method, re.sub(r"\{[^}]+\}", "7", prefix + one.path)) for one in inner for method in one.methods - {"HEAD"}
        }
    return found


@pytest.mark.parametrize("vendor", REST)
def test_the_double_serves_nothing_that_the_vendor_does_not(vendor: str) -> None:
    contract = Contract(f"{vendor}.json", PREFIXES.get(vendor, ""))
    outside = {(method, path) for method, path in served(vendor) if contract.operation(method, path) is None}
    assert {
        item
        for item in outside
        if not any(name == vendor and re.fullmatch(pattern, item[1]) for name, pattern in OUTSIDE)
    } == set()


@pytest.mark.parametrize("vendor", REST)
def test_what_the_double_leaves_out_is_known(vendor: str) -> None:
    contract = Contract(f"{vendor}.json", PREFIXES.get(vendor, ""))
    asked = [contract.operation(method, path) for method, path in served(vendor)]
    described = [
        operation
        for operations in contract.document["paths"].values()
        for name, operation in operations.items()
        if name in METHODS
    ]
    left_out = [operation["operationId"] for operation in described if all(operation is not one for one in asked)]
    assert bool(left_out) == (vendor in UNASKED), left_out


def test_no_exchange_breaks_a_contract_and_a_wrong_one_is_reported(
    double: Double, answers: list[httpx.Response], railway_shop: Shop
) -> None:
    railway()  # skips where there are no contracts
    judged = double.tell("GET", "/violations")
    assert judged["violations"] == []
    assert judged["checked"] > 100
    double.slack.post(
        "/api/chat.postMessage",
        json={"channel": railway_shop.made["slack"]["channel"], "text": "text", "blocks": "no list"},
    )
    assert double.tell("GET", "/violations")["violations"] == [
        "slack post_message, asked: blocks: 'no list' is not of type 'array'"
    ]


def test_the_operations_that_were_asked_for_are_listed_by_their_answers(
    double: Double, answers: list[httpx.Response]
) -> None:
    listed = {
        (item["vendor"], item["operation"], item["status"]): item["times"] for item in double.tell("GET", "/operations")
    }
    assert listed["sentry", "create_release", 208] == 1
    assert listed["github", "create_deployment", 202] == 1
    assert {
        status for vendor, operation, status in listed if (vendor, operation) == ("github", "create_deployment")
    } == {201, 202, 409, 422}
