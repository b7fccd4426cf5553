# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentry's client: releases that exist already, deploys over several pages, errors by field."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, ConfigError, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.sentry.client import Sentry, check_version

from tests.unit.support import Clock, FakeVendor, answer_lost, reply


@pytest.fixture
def speak(clock: Clock):
    def client(vendor: FakeVendor) -> Sentry:
        return Sentry("sentry-token", "acme", session=vendor.session(), sleep=clock.sleep, clock=clock)

    return client


def test_a_version_is_quoted_in_the_address(speak) -> None:
    vendor = FakeVendor([reply(200, {"version": "shop@1.2.3+4"})])
    assert speak(vendor).release("shop@1.2.3+4") == {"version": "shop@1.2.3+4"}
    assert vendor.requests[0].path == "/api/0/organizations/acme/releases/shop%401.2.3%2B4/"


def test_no_release_is_none_and_a_refusal_is_an_error(speak) -> None:
    assert speak(FakeVendor([reply(404, {"detail": "The requested resource does not exist"})])).release("v1") is None
    with pytest.raises(ApiError, match="You do not have permission"):
        speak(FakeVendor([reply(403, {"detail": "You do not have permission to perform this action."})])).release("v1")


@pytest.mark.parametrize("status", [201, 208])
def test_a_release_that_exists_is_as_good_as_a_new_one(speak, status: int) -> None:
    vendor = FakeVendor([answer_lost(), reply(status, {"version": "v1"})])
    assert speak(vendor).create("v1", ["shop"], {"ref": "abc"}) == {"version": "v1"}
    assert vendor.requests[1].json() == {"version": "v1", "projects": ["shop"], "ref": "abc"}


def deploy(environment: str, name: str | None = None) -> dict[str, Any]:
    return {"id": f"{environment}-{name}", "environment": environment, "name": name}


def link(cursor: str, results: bool) -> dict[str, str]:
    before = '<https://s/?cursor=0:0:1>; rel="previous"; results="false"; cursor="0:0:1"'
    return {"link": f'{before}, <https://s/>; rel="next"; results="{str(results).lower()}"; cursor="{cursor}"'}


def test_a_deploy_is_looked_for_on_every_page(speak) -> None:
    pages = [
        reply(200, [deploy("production", "b")], headers=link("0:100:0", True)),
        reply(200, [deploy("production", "a")], headers=link("0:200:0", False)),
    ]
    vendor = FakeVendor(pages)
    assert speak(vendor).find_deploy("v1", "production", "a")["id"] == "production-a"
    assert vendor.requests[1].query == {"cursor": "0:100:0"}
    assert (
        speak(FakeVendor([reply(200, [], headers=link("0:100:0", False))])).find_deploy("v1", "production", "a") is None
    )


def test_without_a_name_any_deploy_to_the_environment_is_the_one(speak) -> None:
    answer = reply(200, [deploy("staging"), deploy("production", "b")])
    assert speak(FakeVendor([answer])).find_deploy("v1", "production", None)["id"] == "production-b"


def test_a_deploy_whose_answer_was_lost_is_searched_for_and_not_registered_again(speak) -> None:
    vendor = FakeVendor([answer_lost(), reply(200, [deploy("production", "a")])])
    assert speak(vendor).create_deploy("v1", {"environment": "production", "name": "a"})["id"] == "production-a"
    assert [request.method for request in vendor.requests] == ["POST", "GET"]
    with pytest.raises(Unreachable):
        speak(FakeVendor([answer_lost(), reply(200, [])])).create_deploy("v1", {"environment": "production"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"projects": ["Invalid project ids or slugs: x"], "ref": "too long"},
            "projects: Invalid project ids or slugs: x; ref: too long. Correct the named fields",
        ),
        ({"detail": {"code": "bad", "message": "Bad one"}}, "with 400 bad: Bad one. Correct"),
        ({}, "Correct the named fields"),
    ],
)
def test_a_refusal_names_the_fields_and_what_to_do(speak, body: dict, said: str) -> None:
    for call in (lambda client: client.create("v1", ["x"], {}), lambda client: client.update("v1", {})):
        with pytest.raises(ApiError) as caught:
            call(speak(FakeVendor([reply(400, body)])))
        assert said in str(caught.value)


@pytest.mark.parametrize("version", ["", ".", "..", "latest", "a/b", "a b", "a\\b", "x" * 201, "a\n"])
def test_a_version_that_sentry_does_not_take_is_refused(version: str) -> None:
    with pytest.raises(ConfigError, match="Sentry does not accept the release"):
        check_version(version)


def test_a_usual_version_is_taken() -> None:
    for version in ("v1.2.3", "shop@1.2.3+4", "a" * 40):
        check_version(version)
