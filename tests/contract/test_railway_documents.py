# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules ask Railway for, against Railway's schema."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Outcome
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway import graphql
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway.states import STATES
from graphql import GraphQLEnumType, GraphQLSchema, parse, validate

from tests.contract.contracts import railway

DOCUMENTS = {
    name: value
    for name, value in vars(graphql).items()
    if isinstance(value, str) and value.startswith(("query ", "mutation "))
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return railway()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_document_is_valid(schema: GraphQLSchema, name: str):
    assert validate(schema, parse(DOCUMENTS[name])) == []


def test_there_are_documents_to_check():
    assert len(DOCUMENTS) >= 10


def test_every_status_of_the_schema_has_an_outcome(schema: GraphQLSchema):
    statuses = schema.type_map["DeploymentStatus"]
    assert isinstance(statuses, GraphQLEnumType)
    assert set(statuses.values) <= set(STATES)
    assert STATES["SUCCESS"] is Outcome.READY
