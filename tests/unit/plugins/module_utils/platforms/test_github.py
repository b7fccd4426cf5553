# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GitHub's client: which deployment is the same, and what is said when GitHub makes none."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import ApiError, ConfigError, Unreachable
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.github import GitHub

from tests.unit.support import Clock, FakeVendor, answer_lost, reply

WANTED: dict[str, Any] = {
    "ref": "v1.0.0",
    "task": "deploy",
    "environment": "production",
    "payload": {"record": "1"},
    "required_contexts": [],
}


@pytest.fixture
def speak(clock: Clock):
    def client(vendor: FakeVendor) -> GitHub:
        return GitHub("gh-token", "acme/shop", session=vendor.session(), sleep=clock.sleep, clock=clock)

    return client


def deployment(key: int, payload: Any) -> dict[str, Any]:
    return {"id": key, "sha": "a" * 40, "payload": payload}


def test_the_same_payload_is_the_same_deployment_however_github_gives_it(speak) -> None:
    vendor = FakeVendor(
        [reply(200, [deployment(3, "not json"), deployment(2, {"record": "2"}), deployment(1, '{"record": "1"}')])]
    )
    assert speak(vendor).find_deployment(WANTED)["id"] == 1
    (request,) = vendor.requests
    assert request.path == "/repos/acme/shop/deployments"
    assert request.query == {
        "ref": "v1.0.0",
        "task": "deploy",
        "environment": "production",
        "per_page": "100",
        "page": "1",
    }
    assert request.headers["X-GitHub-Api-Version"] == "2022-11-28"


def test_no_payload_is_an_empty_one(speak) -> None:
    assert speak(FakeVendor([reply(200, [deployment(1, "")])])).find_deployment({**WANTED, "payload": {}})["id"] == 1


def test_all_pages_are_looked_through(speak) -> None:
    vendor = FakeVendor(
        [reply(200, [deployment(key, {}) for key in range(100)]), reply(200, [deployment(200, {"record": "1"})])]
    )
    assert speak(vendor).find_deployment(WANTED)["id"] == 200
    assert [request.query["page"] for request in vendor.requests] == ["1", "2"]


def test_github_is_never_asked_to_merge(speak) -> None:
    vendor = FakeVendor([reply(201, deployment(1, {}))])
    speak(vendor).create_deployment({**WANTED, "description": None})
    body = vendor.requests[0].json()
    assert (body["auto_merge"], body["required_contexts"], "description" in body) == (False, [], False)


def test_a_merge_is_no_deployment(speak) -> None:
    with pytest.raises(ApiError, match=r"GitHub merged instead of creating a deployment of v1.0.0: Auto-merged main"):
        speak(FakeVendor([reply(202, {"message": "Auto-merged main into v1.0.0."})])).create_deployment(WANTED)


def test_a_deployment_whose_answer_was_lost_is_looked_for_and_not_made_again(speak) -> None:
    vendor = FakeVendor([answer_lost(), reply(200, [deployment(7, {"record": "1"})])])
    assert speak(vendor).create_deployment(WANTED)["id"] == 7
    assert [request.method for request in vendor.requests] == ["POST", "GET"]


def test_one_that_was_lost_on_the_way_is_reported(speak) -> None:
    with pytest.raises(Unreachable):
        speak(FakeVendor([answer_lost(), reply(200, [])])).create_deployment(WANTED)


def test_a_status_whose_answer_was_lost_is_looked_for(speak) -> None:
    status = {"state": "success", "description": None, "auto_inactive": True}
    vendor = FakeVendor([answer_lost(), reply(200, [{"state": "success", "description": ""}])])
    assert speak(vendor).create_status(7, status)["state"] == "success"
    with pytest.raises(Unreachable):
        speak(FakeVendor([answer_lost(), reply(200, [{"state": "in_progress"}])])).create_status(7, status)


NEW_YEAR = "Thu, 01 Jan 2026 00:00:00 GMT"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(409, {"message": "Conflict"}), "Conflict. required_contexts requires nothing: wait until"),
        (reply(422, {"message": "No ref found for: v1.0.0"}), "Push the ref (v1.0.0) to acme/shop"),
        (
            reply(
                422,
                {
                    "message": "Validation Failed",
                    "errors": [{"resource": "Deployment", "field": "ref", "code": "missing_field"}],
                },
            ),
            "Deployment ref missing",
        ),
        (reply(403, {"message": "Resource not accessible"}), "Check the token: it lacks the right"),
        (
            reply(
                403,
                {"message": "API rate limit"},
                headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1767229200", "Date": NEW_YEAR},
            ),
            "(in 1 h): run it again then",
        ),
        (
            reply(403, {"message": "You have exceeded a secondary rate limit"}, headers={"Retry-After": "600"}),
            "(in 10 min): run it again then",
        ),
        (reply(500, text="oops"), "with 500: oops"),
    ],
)
def test_a_refusal_says_what_to_do(speak, answer, said: str) -> None:
    with pytest.raises(ApiError) as caught:
        speak(FakeVendor([answer])).create_deployment(WANTED)
    assert said in str(caught.value)
    assert caught.value.details["kind"] == "api"
    assert "gh-token" not in repr(caught.value.details)


@pytest.mark.parametrize("repository", ["shop", "acme/shop/x", "https://github.com/acme/shop", "acme/"])
def test_what_is_no_repository_is_refused(repository: str) -> None:
    with pytest.raises(ConfigError, match="Give repository as owner/name"):
        GitHub("gh-token", repository)
