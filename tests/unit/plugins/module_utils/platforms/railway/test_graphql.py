# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""platforms/railway/graphql.py: what is sent, what is sent twice, and what of an answer is an error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway import graphql as railway_graphql
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway.graphql import (
    STOP,
    VARIABLES,
    graphql,
    parse_error,
)

from tests.unit.support import Answer, Clock, FakeVendor, answer_lost, reply


def client(answers: Iterable[Answer], clock: Clock) -> tuple[ApiClient, FakeVendor]:
    vendor = FakeVendor(answers)
    return (
        ApiClient(
            "Railway",
            "https://api.test",
            headers={},
            parse_error=parse_error,
            session=vendor.session(),
            sleep=clock.sleep,
            clock=clock,
        ),
        vendor,
    )


def test_a_document_goes_with_its_variables_and_its_one_field_comes_back(clock: Clock) -> None:
    api, vendor = client([reply(200, {"data": {"variables": {"PORT": "3000"}}})], clock)
    assert graphql(api, VARIABLES, id="d1") == {"PORT": "3000"}
    (request,) = vendor.requests
    assert (request.method, request.path) == ("POST", "/graphql/v2")
    assert request.json() == {"query": VARIABLES, "variables": {"id": "d1"}}


def test_a_lost_answer_is_asked_for_again_by_a_query_and_not_by_a_mutation(clock: Clock) -> None:
    api, vendor = client([answer_lost(), reply(200, {"data": {"variables": {"PORT": "3000"}}}), answer_lost()], clock)
    graphql(api, VARIABLES, id="d1")
    with pytest.raises(Unreachable):
        graphql(api, STOP, id="d1")
    assert len(vendor.requests) == 3


@pytest.mark.parametrize(
    "answer",
    [{}, {"data": None}, {"data": {}}, {"data": {"deploymentStop": None}}, {"data": {"deploymentStop": False}}],
)
def test_an_answer_without_a_result_is_an_error(clock: Clock, answer: Any) -> None:
    api, _vendor = client([reply(200, answer)], clock)
    with pytest.raises(ApiError, match="Railway answered deploymentStop with"):
        graphql(api, STOP, id="d1")


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("Not Authorized", "Check api_token, and token_type"),
        ("Deployment not found", "Check project, environment, service"),
        ("Too busy", "Correct the named problem"),
    ],
)
def test_an_error_says_what_to_do_and_has_the_id_for_railways_support(clock: Clock, said: str, advice: str) -> None:
    error = {"message": said, "extensions": {"code": "INTERNAL_SERVER_ERROR"}, "traceId": "42"}
    api, _vendor = client([reply(200, {"errors": [error], "data": None})], clock)
    with pytest.raises(ApiError, match=f"Railway refused variables: {said}. {advice}") as refused:
        graphql(api, VARIABLES, id="d1")
    assert (refused.value.code, refused.value.status, refused.value.details["request_id"]) == (
        "INTERNAL_SERVER_ERROR",
        200,
        "42",
    )


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"errors": [{"message": "Bad", "extensions": {"code": "X"}}]}, ("X", "Bad")),
        ({"message": "Too large"}, (None, "Too large")),
        ([], (None, None)),
        (None, (None, None)),
    ],
)
def test_an_error_status_is_read_as_graphqls_or_an_uploads(answer: Any, found: tuple[str | None, str | None]) -> None:
    assert parse_error(reply(400, answer)) == found


def test_every_document_is_one_operation_whose_name_is_its_field_or_asks_for_many() -> None:
    documents = [
        text
        for name, text in vars(railway_graphql).items()
        if name.isupper() and isinstance(text, str) and "{" in text and not name.startswith("_")
    ]
    assert len(documents) >= 13
    assert railway_graphql.SETTINGS in documents
    for document in documents:
        if document == railway_graphql.SETTINGS:
            continue
        name = document.replace("(", " ").split()[1]
        assert document.partition("{")[2].replace("(", " ").split()[0] == name
