# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules send to Railway, with its variables, against Railway's schema."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import wait
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway import graphql as railway_graphql
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway.client import connect
from ansible_collections.storefront.runbook.plugins.modules import railway_info, railway_service, railway_variables
from graphql import GraphQLSchema, OperationDefinitionNode, get_operation_ast, parse
from graphql.execution.values import get_variable_values

from tests.contract.contracts import railway
from tests.unit.plugins.fake_railway import ENVIRONMENT, PROJECT, SERVICE, SHA, FakeRailway
from tests.unit.support import Clock, Request, run_module

COMMON = {
    "api_token": "sesame-token",
    "api_url": "https://api.test",
    "project": PROJECT,
    "environment": "production",
    "service": "api",
}
DOCUMENTS = {
    value
    for name, value in vars(railway_graphql).items()
    if isinstance(value, str) and value.startswith(("query ", "mutation "))
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return railway()


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> list[Request]:
    """Every request that the modules know, sent at least once."""
    service, clock, folder = FakeRailway(), Clock(), tmp_path_factory.mktemp("source")
    (folder / "package.json").write_text("{}")
    with pytest.MonkeyPatch.context() as patched, service.vendor.installed():
        init: Any = wait.Waiter.__init__
        patched.setattr(
            wait.Waiter,
            "__init__",
            lambda self, **options: init(self, **{"sleep": clock.sleep, "clock": clock, **options}),
        )

        def run(module: Any, **params: Any) -> dict[str, Any]:
            result = run_module(module, {**COMMON, **params})
            assert not result["failed"], result
            return result

        first = run(railway_service, state="deployed", path=str(folder), release="v1.0.0")["deployment"]["id"]
        run(railway_service, state="deployed", source="commit", commit=SHA)
        for pinned in ([], ["DATABASE_URL"]):
            run(railway_service, state="rolled_back", deployment=first, pinned_variables=pinned)
            service.values["DATABASE_URL"] = "postgresql://new/shop"
        service.has("v1.2.0", "BUILDING")
        for state in ("restarted", "stopped", "started", "removed", "started"):
            run(railway_service, state=state)
        run(railway_service, state="scaled", regions={"us-west2": 2})
        run(
            railway_service,
            state="configured",
            auto_deploy=True,
            healthcheck_path="",
            healthcheck_timeout=60,
            draining_seconds=1,
            pre_deploy_command="true",
        )
        run(railway_variables, variables={"COLOUR": "blue"}, absent=["DATABASE_URL"], deploy=True)
        service.instance["source"] = None
        run(railway_service, state="deployed", source="image", image="ghcr.io/example/api:v1.1.0")
        run(railway_service, state="rolled_back", deployment=service.has("v0.9.0", "REMOVED", canRollback=True)["id"])
        run(railway_info, logs=["build", "runtime"], log_deployment=first, http_minutes=5)
        client = connect({**COMMON, "token_type": "project", "timeout": 5})  # what init.yml asks
        client.ask(railway_graphql.PROJECT_TOKEN)
        client.ask(railway_graphql.INSTANCE, environmentId=ENVIRONMENT, serviceId=SERVICE)
        client.close()
    return service.vendor.requests


def operation(request: Request) -> OperationDefinitionNode:
    found = get_operation_ast(parse(request.json()["query"]))
    assert found
    return found


def graphql(sent: list[Request]) -> list[Request]:
    return [request for request in sent if request.path == "/graphql/v2"]


def test_the_variables_of_each_request_are_of_the_schemas_types(schema: GraphQLSchema, sent: list[Request]):
    problems = []
    for request in graphql(sent):
        coerced = get_variable_values(
            schema, list(operation(request).variable_definitions or ()), request.json()["variables"]
        )
        problems += coerced if isinstance(coerced, list) else []
    assert problems == []


def test_no_request_has_a_variable_that_its_document_does_not_declare(sent: list[Request]):
    for request in graphql(sent):
        declared = {definition.variable.name.value for definition in operation(request).variable_definitions or ()}
        assert set(request.json()["variables"]) <= declared, FakeRailway.operation(request)


def test_every_document_was_among_them(sent: list[Request]):
    assert DOCUMENTS - {request.json()["query"] for request in graphql(sent)} == set()


def test_an_upload_is_a_gzipped_archive_for_a_service_of_the_project(sent: list[Request]):
    (upload,) = [request for request in sent if request.path.endswith("/up")]
    assert upload.path.startswith(f"/project/{PROJECT}/environment/")
    assert set(upload.query) == {"serviceId", "message"}
    assert upload.headers["Content-Type"] == "application/gzip"
    with tarfile.open(fileobj=io.BytesIO(upload.body), mode="r:gz") as archive:
        assert archive.getnames() == ["./package.json"]


def test_a_wrong_type_would_be_noticed(schema: GraphQLSchema):
    document = parse(railway_graphql.DEPLOY)
    found = get_operation_ast(document)
    assert found
    assert isinstance(
        get_variable_values(schema, list(found.variable_definitions or ()), {"environmentId": None, "serviceId": 1}),
        list,
    )
