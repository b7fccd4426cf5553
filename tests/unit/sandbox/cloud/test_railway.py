# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Railway: tarballs, health-gated switches, rollback with its variables, processes that stop and die."""

from __future__ import annotations

import os
import signal
import threading

import httpx
import pytest

from tests.unit.sandbox.cloud.double import Shop, backend, tarball, until


def test_a_service_without_a_deployment_is_not_found(shop: Shop) -> None:
    assert (shop.api().status_code, shop.api().json()["message"]) == (404, "Application not found")


def test_a_deployment_serves_once_it_is_healthy_and_keeps_its_message(shop: Shop) -> None:
    key = shop.up(backend("v1.0.0"), message="v1.0.0 abc").json()["deploymentId"]
    until(lambda: shop.deployment(key)["status"] == "SUCCESS")
    assert shop.api().json() == {"release": "v1.0.0"}
    assert shop.deployment(key)["meta"]["cliMessage"] == "v1.0.0 abc"


def test_the_next_deployment_takes_over_and_the_one_before_is_removed_with_its_image_kept(shop: Shop) -> None:
    first, second = shop.deploy("v1.0.0"), shop.deploy("v1.1.0")
    until(lambda: shop.deployment(first)["status"] == "REMOVED")
    assert shop.api().json() == {"release": "v1.1.0"}
    assert (shop.deployment(first)["canRollback"], shop.deployment(second)["canRollback"]) == (True, False)
    assert len([item for item in shop.double.tell("GET", "/processes") if item["name"] == f"{shop.name}-api"]) == 1


def test_an_unhealthy_deployment_fails_and_the_old_one_keeps_serving(shop: Shop) -> None:
    first = shop.deploy("v1.0.0")
    update = (
        "mutation($id: String!, $input: ServiceInstanceUpdateInput!) { serviceInstanceUpdate(serviceId: $id, input:"
        " $input) }"
    )
    assert shop.graphql(update, id=shop.services["api"], input={"healthcheckTimeout": 1}) == {
        "data": {"serviceInstanceUpdate": True}
    }
    broken = shop.deploy("v1.2.0", wait="FAILED", healthy=False)
    assert shop.api().json() == {"release": "v1.0.0"}
    assert shop.deployment(first)["status"] == "SUCCESS"
    assert shop.deployment(broken)["canRollback"] is False
    logs = shop.graphql("query($id: String!) { buildLogs(deploymentId: $id) { message } }", id=broken)["data"][
        "buildLogs"
    ]
    assert "never became healthy" in logs[-1]["message"]


def test_a_process_that_ends_at_once_is_a_crash(shop: Shop) -> None:
    broken = shop.deploy("v1.0.0", wait="CRASHED", start="node missing.mjs")
    logs = shop.graphql("query($id: String!) { deploymentLogs(deploymentId: $id) { message } }", id=broken)["data"][
        "deploymentLogs"
    ]
    assert any("missing.mjs" in line["message"] for line in logs)


def test_requests_under_way_end_well_over_a_switch(shop: Shop) -> None:
    shop.deploy("v1.0.0")
    answers: list[httpx.Response] = []
    slow = threading.Thread(target=lambda: answers.append(shop.api("/slow?ms=1500", timeout=10)))
    slow.start()
    shop.deploy("v1.1.0")
    assert shop.api().json() == {"release": "v1.1.0"}
    assert not answers  # the slow one has outlived the switch
    slow.join()
    assert (answers[0].status_code, answers[0].json()) == (200, {"release": "v1.0.0"})


def test_no_request_fails_while_releases_change(shop: Shop) -> None:
    shop.deploy("v1.0.0")
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def probe() -> None:
        while not stop.is_set():
            answer = shop.api()
            seen.append((answer.status_code, answer.json().get("release", "")))

    probes = [threading.Thread(target=probe) for _unused in range(3)]
    for thread in probes:
        thread.start()
    for release in ("v1.1.0", "v1.2.0"):
        shop.deploy(release)
    stop.set()
    for thread in probes:
        thread.join()
    assert {status for status, _unused in seen} == {200}
    assert {"v1.0.0", "v1.1.0"} <= {release for _unused, release in seen} <= {"v1.0.0", "v1.1.0", "v1.2.0"}


def test_a_rollback_brings_back_the_image_and_the_variables(shop: Shop) -> None:
    shop.set_variables({"COLOUR": "blue"})
    first = shop.deploy("v1.0.0")
    shop.set_variables({"COLOUR": "red"}, skipDeploys=True)
    shop.deploy("v1.1.0")
    assert shop.api("/variable?name=COLOUR").json() == {"value": "red"}
    assert shop.mutate("deploymentRollback", id=first) == {"data": {"deploymentRollback": True}}
    until(lambda: shop.deployments()[0]["status"] == "SUCCESS" and shop.api().json() == {"release": "v1.0.0"})
    newest = shop.deployments()[0]
    assert newest["id"] != first
    assert (newest["meta"]["reason"], newest["meta"]["imageDigest"]) == (
        "rollback",
        shop.deployment(first)["meta"]["imageDigest"],
    )
    assert shop.api("/variable?name=COLOUR").json() == {"value": "blue"}


def test_a_rollback_to_what_never_served_is_refused(shop: Shop) -> None:
    shop.deploy("v1.0.0")
    broken = shop.deploy("v1.1.0", wait="CRASHED", start="node missing.mjs")
    answer = shop.mutate("deploymentRollback", id=broken)
    assert answer["data"] is None
    assert "cannot be rolled back" in answer["errors"][0]["message"]


def test_a_changed_variable_redeploys_unless_that_is_skipped(shop: Shop) -> None:
    first = shop.deploy("v1.0.0")
    shop.set_variables({"COLOUR": "blue"}, skipDeploys=True)
    assert [item["id"] for item in shop.deployments()] == [first]
    shop.set_variables({"COLOUR": "green"})
    until(lambda: shop.api("/variable?name=COLOUR").json() == {"value": "green"})
    assert len(shop.deployments()) == 2


def test_replacing_the_variables_drops_the_others(shop: Shop) -> None:
    shop.set_variables({"ONE": "1", "TWO": "2"})
    shop.set_variables({"TWO": "2"}, replace=True)
    railway = shop.made["railway"]
    query = (
        "query($p: String!, $e: String!, $s: String!) { variables(projectId: $p, environmentId: $e, serviceId: $s) }"
    )
    found = shop.graphql(query, p=railway["project"], e=railway["environment"], s=shop.services["api"])["data"][
        "variables"
    ]
    assert {key: value for key, value in found.items() if not key.startswith("RAILWAY_")} == {"TWO": "2"}


def test_a_stopped_deployment_does_not_answer_until_it_is_restarted(shop: Shop) -> None:
    key = shop.deploy("v1.0.0")
    shop.mutate("deploymentStop", id=key)
    assert shop.deployment(key)["deploymentStopped"] is True
    assert shop.api().status_code == 502
    shop.mutate("deploymentRestart", id=key)
    until(lambda: shop.deployment(key)["status"] == "SUCCESS")
    assert shop.api().json() == {"release": "v1.0.0"}


def test_a_removed_deployment_leaves_no_process(shop: Shop) -> None:
    key = shop.deploy("v1.0.0")
    shop.mutate("deploymentRemove", id=key)
    assert shop.api().status_code == 404
    assert not [item for item in shop.double.tell("GET", "/processes") if item["name"] == f"{shop.name}-api"]


def test_a_process_that_dies_is_a_crashed_deployment(shop: Shop) -> None:
    key = shop.deploy("v1.0.0")
    pid = next(item["pid"] for item in shop.double.tell("GET", "/processes") if item["name"] == f"{shop.name}-api")
    os.kill(pid, signal.SIGKILL)
    until(lambda: shop.deployment(key)["status"] == "CRASHED")
    assert shop.api().json()["message"] == "Application failed to respond"


def test_a_deployment_in_progress_can_be_canceled(shop: Shop) -> None:
    first = shop.deploy("v1.0.0")
    key = shop.up(backend("v1.1.0", healthy=False)).json()["deploymentId"]
    until(lambda: shop.deployment(key)["status"] == "DEPLOYING")
    shop.mutate("deploymentCancel", id=key)
    assert (shop.deployment(key)["status"], shop.deployment(first)["status"]) == ("REMOVED", "SUCCESS")


def test_an_older_deployment_that_gets_healthy_late_does_not_replace_a_newer_one(shop: Shop) -> None:
    shop.double.tell("POST", "/delays", {"railway": 0.5})
    older = shop.up(backend("v1.0.0")).json()["deploymentId"]
    shop.double.tell("POST", "/delays", {"railway": 0.0})
    newer = shop.up(backend("v1.1.0")).json()["deploymentId"]
    until(lambda: shop.deployment(older)["status"] == "REMOVED")
    assert (shop.deployment(newer)["status"], shop.api().json()) == ("SUCCESS", {"release": "v1.1.0"})


def test_the_worker_is_a_service_of_its_own(shop: Shop) -> None:
    shop.deploy("v1.0.0", unit="worker")
    assert shop.api().status_code == 404
    assert [item["name"] for item in shop.double.tell("GET", "/processes") if item["name"].startswith(shop.name)] == [
        f"{shop.name}-worker"
    ]


def test_a_redeploy_by_the_service_takes_the_newest_source(shop: Shop) -> None:
    shop.deploy("v1.0.0")
    railway = shop.made["railway"]
    answer = shop.mutate(
        "serviceInstanceDeployV2", serviceId=shop.services["api"], environmentId=railway["environment"]
    )
    until(lambda: shop.deployment(answer["data"]["serviceInstanceDeployV2"])["status"] == "SUCCESS")
    assert shop.api().json() == {"release": "v1.0.0"}


def test_a_new_deployment_may_be_unreadable_for_a_moment(shop: Shop) -> None:
    shop.double.tell("POST", "/delays", {"readable": 60})
    key = shop.up(backend("v1.0.0")).json()["deploymentId"]
    query = "query($id: String!) { deployment(id: $id) { id } }"
    assert shop.graphql(query, id=key)["errors"][0]["message"] == "Deployment not found"
    shop.double.tell("DELETE", "/delays")
    assert shop.graphql(query, id=key)["data"]["deployment"]["id"] == key


@pytest.mark.parametrize("body", [b"", b"text", tarball({})], ids=["empty", "no archive", "no files"])
def test_what_is_no_archive_of_files_is_refused(shop: Shop, body: bytes) -> None:
    railway = shop.made["railway"]
    path = f"/project/{railway['project']}/environment/{railway['environment']}/up"
    answer = shop.double.railway.post(path, params={"serviceId": shop.services["api"]}, content=body)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_an_archive_that_reaches_outside_is_refused(shop: Shop) -> None:
    assert shop.up({"../outside": b"text"}).status_code == 400


def test_an_unknown_token_is_refused_with_status_200(shop: Shop) -> None:
    answer = shop.double.railway.post(
        "/graphql/v2", json={"query": "{ me { id } }"}, headers={"authorization": "Bearer other"}
    )
    assert (answer.status_code, answer.json()["data"]) == (200, None)
    assert answer.json()["errors"][0]["message"] == "Not Authorized"
    assert answer.json()["errors"][0]["extensions"]["code"]
    assert answer.json()["errors"][0]["traceId"]


def test_a_projects_token_sees_its_own_project_only_and_has_no_user(shop: Shop) -> None:
    token = {"authorization": "", "project-access-token": shop.made["railway"]["project_token"]}
    assert (
        shop.graphql("{ projectToken { projectId } }", token)["data"]["projectToken"]["projectId"]
        == shop.made["railway"]["project"]
    )
    assert shop.graphql("{ me { id } }", token)["errors"][0]["message"] == "Not Authorized"
    other = {"authorization": "", "project-access-token": "other"}
    assert shop.graphql("{ projectToken { projectId } }", other)["errors"][0]["message"] == "Not Authorized"


@pytest.mark.parametrize("query", ["{ me {", "{ me { shoeSize } }"], ids=["does not parse", "does not validate"])
def test_a_wrong_query_is_answered_with_400(shop: Shop, query: str) -> None:
    assert shop.double.railway.post("/graphql/v2", json={"query": query}).status_code == 400
