# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of Vercel, against a project kept in memory."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core.errors import (
    ApiError,
    ConfigError,
    DeploymentFailed,
    WaitTimeout,
)
from ansible_collections.storefront.runbook.plugins.module_utils.core.http import ApiClient
from ansible_collections.storefront.runbook.plugins.module_utils.core.wait import Waiter
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.client import Vercel
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.vercel.states import parse_error, polling

from tests.unit.plugins.fake_vercel import PROJECT, FakeVercel, vercel_error
from tests.unit.support import Clock, FakeVendor, answer_lost, reply


@pytest.fixture
def account() -> FakeVercel:
    return FakeVercel()


@pytest.fixture
def client(account: FakeVercel, clock: Clock) -> Vercel:
    return connected(account, clock)


def connected(account: FakeVercel, clock: Clock, team: str | None = "team_1") -> Vercel:
    headers = {"Authorization": "Bearer sesame-token"}
    api = ApiClient(
        "Vercel",
        "https://api.test",
        headers=headers,
        parse_error=parse_error,
        session=account.vendor.session(),
        sleep=clock.sleep,
        clock=clock,
    )
    return Vercel(api, team, Waiter(timeout=600, interval=polling, sleep=clock.sleep, clock=clock))


@pytest.mark.parametrize(("team", "query"), [("team_1", {"teamId": "team_1"}), ("acme", {"slug": "acme"}), (None, {})])
def test_the_team_goes_into_the_query_by_id_or_by_slug(account, clock, team, query):
    connected(account, clock, team).project(PROJECT)
    assert account.vendor.requests[0].query == query


def test_an_unknown_project_is_named_with_the_options_to_correct(account, client):
    account.faults["GET /v9/projects"] = [lambda answer: vercel_error(404, "not_found")]
    with pytest.raises(ConfigError, match=r"no project 'shop' in the team team_1 at Vercel\. Correct project or team"):
        client.project("shop")


def test_a_token_without_the_right_keeps_vercels_words_and_not_the_token(account, client):
    account.faults["GET /v9/projects"] = [
        lambda answer: vercel_error(403, "forbidden", "Not authorized for sesame-token")
    ]
    with pytest.raises(ApiError, match=r"403 forbidden: Not authorized") as caught:
        client.project("shop")
    assert "sesame" not in str(caught.value)


def test_a_project_option_cannot_reach_another_path(client):
    vendor = FakeVendor(lambda request: vercel_error(404, "not_found"))
    client.api._session = vendor.session()
    with pytest.raises(ConfigError):
        client.project("../v13/deployments/dpl_1?x=1")
    assert vendor.requests[0].url == "https://api.test/v9/projects/..%2Fv13%2Fdeployments%2Fdpl_1%3Fx%3D1?teamId=team_1"


def test_a_deployment_of_another_project_is_refused(account, client):
    account.has("v1.0.0", projectId="prj_other")
    with pytest.raises(ConfigError, match=r"The project shop has no deployment dpl_1"):
        client.deployment(account.project, "dpl_1")


def test_a_build_is_found_by_release_and_source_and_a_failed_one_is_not(account, client):
    meta = {"release": "v1.1.0", "source_digest": "d1"}
    account.has("v1.1.0", state="BUILDING", meta=meta)
    account.has("v1.1.0", state="ERROR", meta=meta)
    account.has("v1.1.0", meta={**meta, "source_digest": "d2"})
    account.has("v1.1.0", target=None, meta=meta)
    assert client.find(account.project, meta)["uid"] == "dpl_1"
    assert client.find(account.project, {**meta, "release": "v1.1.1"}) is None


def test_a_build_is_waited_for_at_vercels_own_pace(account, client, clock):
    account.steps = ["QUEUED"] * 1 + ["INITIALIZING", "BUILDING", "READY"]
    staged = account.has("v1.1.0", state="QUEUED")
    assert client.wait_ready(account.project, staged)["readyState"] == "READY"
    assert clock.sleeps == pytest.approx([polling(0), polling(polling(0))])


def test_a_failed_build_ends_with_vercels_message_and_the_end_of_its_log_in_order(account, client):
    account.steps = ["QUEUED", "BUILDING", "ERROR"]
    staged = account.has("v1.1.0", state="QUEUED", errorMessage="Command npm run build exited with 1")
    with pytest.raises(DeploymentFailed) as caught:
        client.wait_ready(account.project, staged)
    assert (
        str(caught.value)
        == "The build dpl_1 of v1.1.0 failed. The end of its log: Command npm run build exited with 1\nnpm run"
        " build\nModule not found: cart\nCorrect the error in the log and deploy again."
    )


def test_an_unavailable_build_log_does_not_hide_the_failure(account, client):
    account.faults["GET /v3/deployments/events"] = [lambda answer: vercel_error(500, "internal")]
    staged = account.has("v1.1.0", state="ERROR")
    with pytest.raises(DeploymentFailed, match=r"dpl_1 of v1.1.0 failed\. Correct the error"):
        client.wait_ready(account.project, staged)


def test_a_build_that_never_ends_is_given_up_with_its_last_word_and_where_to_look(account, client):
    account.steps = ["BUILDING"]
    staged = account.has("v1.1.0", state="BUILDING", inspectorUrl="https://vercel.test/acme/shop/1")
    with pytest.raises(WaitTimeout, match=r"still building after 600 s .* Check https://vercel.test/acme/shop/1\."):
        client.wait_ready(account.project, staged)


def test_a_promotion_is_waited_for_until_production_serves_it(account, client):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    stale = client.point(account.project, "dpl_2", "promote")
    assert client.wait_served(account.project, "dpl_2", stale)["targets"]["production"]["id"] == "dpl_2"
    assert len(account.asked("GET /v9/projects")) == 2


def test_a_promotion_that_is_queued_is_waited_for_like_any_other(account, client):
    account.has("v1.1.0")
    account.faults["POST /v10/projects/promote"] = [lambda answer: (answer(), reply(202))[1]]
    client.wait_served(account.project, "dpl_1", client.point(account.project, "dpl_1", "promote"))
    assert account.project["targets"]["production"]["id"] == "dpl_1"


def test_a_promotion_whose_answer_was_lost_is_asked_for_again_and_a_conflict_with_itself_is_no_error(account, client):
    account.has("v1.1.0")
    account.faults["POST /v10/projects/promote"] = [
        lambda answer: (answer(), answer_lost())[1],
        lambda answer: vercel_error(409, "in_progress"),
    ]
    assert client.point(account.project, "dpl_1", "promote") is None
    assert len(account.asked("POST /v10/projects/promote")) == 2


def test_a_conflict_with_another_promotion_is_an_error(account, client):
    account.has("v1.0.0")
    account.has("v1.1.0")
    client.point(account.project, "dpl_1", "promote")
    account.faults["POST /v10/projects/promote"] = [
        lambda answer: vercel_error(409, "in_progress", "Another promotion is in progress.")
    ]
    with pytest.raises(ApiError, match=r"409 in_progress: Another promotion is in progress\."):
        client.point(account.project, "dpl_2", "promote")


def test_a_failed_promotion_names_the_aliases_and_what_to_do(account, client):
    account.has("v1.1.0")
    account.jobs = ["pending", "failed"]
    account.aliases = [
        {"alias": "shop.example", "status": "completed"},
        {"alias": "www.shop.example", "status": "failed"},
    ]
    client.point(account.project, "dpl_1", "promote")
    with pytest.raises(DeploymentFailed, match=r"Serving dpl_1 failed for www\.shop\.example\. Check these domains"):
        client.wait_served(account.project, "dpl_1")


def test_production_that_another_promotion_left_long_ago_is_served(account, client):
    account.serves(account.has("v1.0.0"))
    account.project["lastAliasRequest"] = {
        "toDeploymentId": "dpl_9",
        "jobStatus": "succeeded",
        "requestedAt": 1,
        "type": "promote",
    }
    assert client.status(account.project, "dpl_1")[1] == "served"
    assert len(account.vendor.requests) == 0


def test_production_that_is_on_its_way_to_another_deployment_is_not_taken_for_served(account, client):
    account.serves(account.has("v1.0.0"))
    account.has("v1.1.0")
    client.point(account.project, "dpl_2", "promote")
    assert client.status(account.project, "dpl_1")[1] == "being moved to dpl_2"


@pytest.mark.parametrize(("held", "word"), [(["shop.example"], "served"), ([], "not served yet on shop.example")])
def test_after_another_promotion_failed_the_domains_themselves_are_checked(account, client, held, word):
    account.serves(account.has("v1.0.0"))
    account.project["lastAliasRequest"] = {
        "toDeploymentId": "dpl_9",
        "jobStatus": "failed",
        "requestedAt": 1,
        "type": "promote",
    }
    account.held = held
    assert client.status(account.project, "dpl_1")[1] == word


def test_what_production_served_last_can_be_rolled_back_to_after_a_failed_promotion(account, client):
    live = account.serves(account.has("v1.0.0"))
    client.refuse_unservable(account.project, live, "rollback")
    assert account.vendor.requests == []


def test_a_preview_or_a_failed_build_cannot_be_served(account, client):
    for deployment in (account.has("v1.0.0", target=None), account.has("v1.1.0", state="ERROR")):
        with pytest.raises(ConfigError, match=r"production cannot serve it\. Set deployment to one that was staged"):
            client.refuse_unservable(account.project, deployment, "promote")


def test_what_never_served_production_cannot_be_rolled_back_to_and_the_candidates_are_named(account, client):
    account.has("v1.0.0", served_once=True)
    staged = account.has("v1.1.0")
    client.refuse_unservable(account.project, staged, "promote")
    with pytest.raises(
        ConfigError, match=r"cannot roll shop back to dpl_2: it never served .* Set deployment to one of: dpl_1\."
    ):
        client.refuse_unservable(account.project, staged, "rollback")


def test_a_build_that_a_read_does_not_know_yet_is_waited_for(account, client, clock):
    staged = account.has("v1.1.0")
    account.faults["GET /v13/deployments"] = [lambda answer: vercel_error(404, "not_found")] * 2
    assert client.wait_ready(account.project, staged)["readyState"] == "READY"
    assert len(clock.sleeps) == 2


def test_a_build_that_no_read_ever_knows_is_an_error(account, client):
    staged = account.has("v1.1.0")
    account.faults["GET /v13/deployments"] = [lambda answer: vercel_error(404, "not_found")] * 100
    with pytest.raises(ConfigError, match="has no deployment dpl_1"):
        client.wait_ready(account.project, staged)


def no_json(answer):
    answer()
    return reply(200, text="{")


def test_auto_assignment_is_turned_off_again_although_the_result_of_the_promotion_is_unknown(account, client):
    account.project["autoAssignCustomDomains"] = False
    account.has("v1.1.0")
    account.faults["POST /v10/projects/promote"] = [no_json]
    with pytest.raises(ApiError, match="not JSON") as caught:
        client.point(account.project, "dpl_1", "promote", keep_off=True)
    assert "auto_assign_domains" not in str(caught.value)
    assert account.project["autoAssignCustomDomains"] is False


@pytest.mark.parametrize("taken", [True, False])
def test_auto_assignment_that_is_left_on_is_reported_with_the_remedy(account, client, taken):
    account.has("v1.1.0")
    account.faults["POST /v10/projects/promote"] = [lambda answer: answer() if taken else vercel_error(500, "internal")]
    account.faults["PATCH /v9/projects"] = [lambda answer: vercel_error(500, "internal")]
    with pytest.raises(ApiError, match="run it again with auto_assign_domains=false") as caught:
        client.point(account.project, "dpl_1", "promote", keep_off=True)
    assert caught.value.details["message"] == str(caught.value)


def test_a_cancel_whose_answer_was_lost_is_done(account, client):
    account.has("v1.1.0", state="BUILDING")
    account.faults["PATCH /v12/deployments/cancel"] = [
        lambda answer: (answer(), answer_lost())[1],
        lambda answer: vercel_error(400, "bad_request"),
    ]
    assert client.cancel("dpl_1")["readyState"] == "CANCELED"
