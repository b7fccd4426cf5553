# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Railway client: what it sends, and what it makes of the answers."""

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
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway.client import (
    API_URL,
    Railway,
    connect,
)
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway.graphql import parse_error
from ansible_collections.storefront.runbook.plugins.module_utils.platforms.railway.states import label, live
from ansible_collections.storefront.runbook.plugins.module_utils.source.files import list_files

from tests.unit.plugins.fake_railway import (
    ENVIRONMENT,
    PROJECT,
    SERVICE,
    SHA,
    FakeRailway,
    lost,
    never_arrived,
    refusal,
)
from tests.unit.support import Clock, reply

MESSAGE = label("v1.1.0", SHA, "b" * 12)


@pytest.fixture
def railway() -> FakeRailway:
    return FakeRailway()


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def client(railway, clock: Clock, warnings) -> Railway:
    headers = {"Authorization": "Bearer s3cret-token"}
    api = ApiClient(
        "Railway",
        API_URL,
        headers=headers,
        parse_error=parse_error,
        session=railway.vendor.session(headers),
        sleep=clock.sleep,
        clock=clock,
    )
    waiter = Waiter(timeout=60, interval=2, warn=warnings.append, sleep=clock.sleep, clock=clock)
    return Railway(api, PROJECT, "production", "api", waiter)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "package.json").write_text("{}")
    return list_files(tmp_path)


def options(**changed):
    given = {
        "api_token": "s3cret-token",
        "api_url": API_URL,
        "timeout": 5,
        "project": PROJECT,
        "environment": "production",
        "service": "api",
    }
    return {**given, "token_type": "account", **changed}


@pytest.mark.parametrize(
    ("token_type", "header", "value"),
    [("account", "Authorization", "Bearer s3cret-token"), ("project", "Project-Access-Token", "s3cret-token")],
)
def test_each_kind_of_token_goes_in_its_own_header(railway, token_type, header, value):
    with railway.vendor.installed():
        connect(options(token_type=token_type)).deployments()
    sent = railway.vendor.requests[0].headers
    assert sent[header] == value
    assert len({"Authorization", "Project-Access-Token"} & set(sent)) == 1


def test_names_are_looked_up_and_ids_are_checked(client):
    assert client.scope == {"projectId": PROJECT, "environmentId": ENVIRONMENT, "serviceId": SERVICE}


@pytest.mark.parametrize(("option", "has"), [("environment", "production"), ("service", "worker")])
def test_an_unknown_name_is_refused_with_the_names_there_are(client, option, has):
    setattr(client, option, "nowhere")
    with pytest.raises(ConfigError, match=f"no {option} 'nowhere'. Set {option} to one of: .*{has}"):
        client.deployments()


def test_graphql_goes_to_an_address_with_a_query_string(railway, client):
    client.deployments()
    assert {request.path for request in railway.vendor.requests} == {"/graphql/v2"}
    assert all(request.query == {"source": "storefront.runbook"} for request in railway.vendor.requests)


def test_errors_with_status_200_are_errors(railway, client):
    railway.faults["deployments"] = [lambda _: refusal("Problem processing request", "INTERNAL_SERVER_ERROR")]
    with pytest.raises(ApiError, match="Railway refused deployments: Problem processing request") as failure:
        client.deployments()
    assert (failure.value.code, failure.value.status, failure.value.details["request_id"]) == (
        "INTERNAL_SERVER_ERROR",
        200,
        "trace-1",
    )


def test_not_authorized_names_the_options_to_check(railway, client):
    railway.faults["project"] = [lambda _: refusal("Not Authorized")]
    with pytest.raises(ApiError, match="api_token, and token_type") as failure:
        client.deployments()
    assert "s3cret-token" not in str(failure.value)


def test_a_query_is_tried_again_after_a_lost_answer(railway, client):
    railway.faults["deployments"] = [lost, lambda _: reply(503)]
    client.deployments()
    assert railway.operations().count("deployments") == 3


def test_a_mutation_that_answers_false_is_no_success(railway, client):
    target = railway.has("v1.0.0", canRollback=True)
    railway.faults["deploymentRollback"] = [lambda _: reply(200, {"data": {"deploymentRollback": False}})]
    with pytest.raises(ApiError, match="deploymentRollback with False"):
        client.roll_back(client.deployment(target["id"]))


def test_a_deployment_of_another_service_is_refused(railway, client):
    foreign = railway.has("v1.0.0", serviceId="44444444-4444-4444-8444-444444444444")
    with pytest.raises(ConfigError, match="belongs to another service"):
        client.deployment(foreign["id"])


def test_an_upload_becomes_a_deployment_that_is_known_by_its_message(railway, client, files):
    made = client.up(files, MESSAGE)
    assert (made.release, made.commit, made.message) == ("v1.1.0", SHA, MESSAGE)
    sent = next(request for request in railway.vendor.requests if request.path.endswith("/up"))
    assert sent.path == f"/project/{PROJECT}/environment/{ENVIRONMENT}/up"
    assert sent.query == {"serviceId": SERVICE, "message": MESSAGE}
    assert sent.headers["Content-Type"] == "application/gzip"
    assert list(railway.archive()) == ["./package.json"]


def test_an_upload_whose_answer_was_lost_is_found_and_not_sent_again(railway, client, files):
    railway.has("v1.1.0", digest="b" * 12, status="FAILED")  # an older try of the same release is not it
    railway.faults["up"] = [lost]
    assert client.up(files, MESSAGE).id == "deployment-2"
    assert railway.writes() == ["up"]


def test_what_somebody_else_deploys_meanwhile_is_not_taken_for_the_lost_upload(railway, client, files):
    railway.faults["up"] = [lambda honest: (honest(), railway.has("v9.9.9", "QUEUED"), lost(reply))[2]]
    assert client.up(files, MESSAGE).release == "v1.1.0"


def test_an_upload_that_never_arrived_is_sent_again_whole(railway, client, files):
    railway.faults["up"] = [never_arrived, lambda _: reply(502)]
    client.up(files, MESSAGE)
    assert railway.writes() == ["up", "up", "up"]
    assert list(railway.archive()) == ["./package.json"]


def test_an_upload_that_is_refused_is_not_sent_again(railway, client, files):
    railway.faults["up"] = [lambda _: reply(400, {"message": "Your upload has no Dockerfile"})]
    with pytest.raises(ApiError, match="with 400: Your upload has no Dockerfile"):
        client.up(files, MESSAGE)
    assert railway.writes() == ["up"]


def test_a_new_deployment_need_not_be_readable_at_once(railway, client, files):
    railway.has("v1.0.0")
    client.deployments()
    railway.hidden = 2
    assert client.up(files, MESSAGE).release == "v1.1.0"


def test_a_rollback_that_makes_no_deployment_is_an_error(railway, client):
    target = railway.has("v1.0.0")
    railway.faults["deploymentRollback"] = [lambda _: reply(200, {"data": {"deploymentRollback": True}})]
    with pytest.raises(ApiError, match="lists no new deployment after 5 s"):
        client.roll_back(client.deployment(target["id"]))


def test_a_rollback_finds_its_own_deployment_and_warns_of_the_old_variables(railway, client, warnings):
    target = railway.has("v1.0.0")
    railway.has("v1.1.0")
    railway.faults["deploymentRollback"] = [
        lambda honest: (honest(), railway.has("v9.9.9", "QUEUED"), reply(200, {"data": {"deploymentRollback": True}}))[
            2
        ]
    ]
    made = client.roll_back(client.deployment(target["id"]))
    assert (made.id, made.release) == ("deployment-3", "v1.0.0")
    assert "variables" in warnings[0]


def test_a_lost_rollback_is_not_asked_for_twice(railway, client):
    target = railway.has("v1.0.0")
    railway.has("v1.1.0")
    railway.faults["deploymentRollback"] = [lost]
    assert client.roll_back(client.deployment(target["id"])).meta["reason"] == "rollback"
    assert railway.writes() == ["deploymentRollback"]


def test_waiting_ends_when_the_vendor_says_success(railway, client, files):
    made = client.wait_healthy(client.up(files, MESSAGE))
    assert made.word == "success"
    assert live(client.deployments()) == made


def test_a_failed_deployment_shows_both_logs_and_no_password(railway, client, files):
    railway.steps = ["QUEUED", "BUILDING", "FAILED"]
    railway.logs = {
        "buildLogs": ["old"] * 20 + ["npm run build"],
        "deploymentLogs": ["cannot reach postgresql://shop:hunter2@db/shop"],
    }
    with pytest.raises(
        DeploymentFailed, match=r"(?s)v1.1.0 to api failed.*npm run build\ncannot reach.*deploy again"
    ) as failure:
        client.wait_healthy(client.up(files, MESSAGE))
    assert "hunter2" not in str(failure.value)
    assert str(failure.value).count("old") == 14


def test_a_log_that_cannot_be_read_does_not_hide_the_failure(railway, client, files):
    railway.steps = ["QUEUED", "CRASHED"]
    railway.faults = {
        "buildLogs": [lambda _: refusal("Not Authorized")],
        "deploymentLogs": [lambda _: refusal("Not Authorized")],
    }
    with pytest.raises(DeploymentFailed, match='failed with the status "crashed"'):
        client.wait_healthy(client.up(files, MESSAGE))


def test_a_word_that_is_not_known_is_waited_on_and_never_success(railway, client, files, warnings):
    railway.steps = ["QUEUED", "HIBERNATING"]
    with pytest.raises(WaitTimeout, match="still hibernating"):
        client.wait_healthy(client.up(files, MESSAGE))
    assert "hibernating" in warnings[0]


def test_a_cancel_that_railway_refuses_is_a_warning(railway, client, warnings):
    coming = railway.has("v1.1.0", "DEPLOYING")
    railway.faults["deploymentCancel"] = [lambda _: refusal("Deployment is not in progress")]
    client.cancel([client.deployment(coming["id"])])
    assert "not cancelled" in warnings[0]


def test_a_stop_whose_answer_was_lost_is_not_repeated(railway, client):
    running = railway.has("v1.0.0")
    railway.faults["deploymentStop"] = [lost]
    client.stop([client.deployment(running["id"])])
    client.wait_stopped()
    assert railway.writes() == ["deploymentStop"]


def test_the_vendors_own_variables_are_left_out(client):
    assert list(client.variables()) == ["DATABASE_URL"]


def test_an_unknown_state_does_not_count_as_stopped(railway, client, warnings):
    railway.has("v1.0.0", "HIBERNATING")
    with pytest.raises(WaitTimeout, match="still hibernating"):
        client.wait_stopped()
    assert "a state that this version does not know" in warnings[0]
