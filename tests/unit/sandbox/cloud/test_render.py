# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render: commits, health-gated switches, rollback with its variables, instances that are suspended, scaled
and renewed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.process import wait_until
from tests.unit.sandbox.cloud.double import Double, until
from tests.unit.sandbox.cloud.render_shop import RenderShop, make_repository

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("repository")
    return folder, make_repository(folder)


@pytest.fixture
def shop(double: Double, repository: tuple[Path, dict[str, str]]) -> Iterator[RenderShop]:
    name = f"render-{next(_numbers)}"
    double.tell("POST", "/delays", {"render": 0.01})
    yield RenderShop(double, name, *repository)
    double.tell("DELETE", "/faults")
    double.tell("DELETE", "/delays")
    double.tell("DELETE", f"/storefronts/{name}")


def test_a_service_without_a_deploy_has_no_server(shop: RenderShop) -> None:
    assert (shop.api().status_code, shop.api().headers["x-render-routing"]) == (404, "no-server")


def test_a_commit_serves_once_it_is_healthy_and_is_reported_with_its_message(shop: RenderShop) -> None:
    answer = shop.create("v1.0.0")
    assert (answer.status_code, answer.json()["status"], answer.json()["trigger"]) == (201, "created", "api")
    shop.until(answer.json()["id"])
    assert shop.api().json() == {"release": "v1.0.0"}
    commit = shop.deploys()[0]["commit"]
    assert (commit["id"], commit["message"]) == (shop.commits["v1.0.0"], "Release v1.0.0")


def test_the_next_deploy_takes_over_and_the_one_before_is_deactivated(shop: RenderShop) -> None:
    first, second = shop.deploy("v1.0.0"), shop.deploy("v1.1.0")
    shop.until(first, "deactivated")
    assert (shop.word(second), shop.api().json()) == ("live", {"release": "v1.1.0"})
    assert wait_until(lambda: shop.processes() == [f"{shop.name}-{shop.name}-api"], 30), "the old process ends"


def test_an_unhealthy_commit_fails_its_update_and_the_old_one_keeps_serving(shop: RenderShop) -> None:
    shop.double.fault("render", "create", "unhealthy")
    first = shop.deploy("v1.0.0", wait="update_failed")
    second = shop.deploy("v1.1.0")
    broken = shop.deploy("v1.3.0", wait="update_failed")
    assert [shop.word(key) for key in (first, second, broken)] == ["update_failed", "live", "update_failed"]
    assert shop.api().json() == {"release": "v1.1.0"}


@pytest.mark.parametrize(
    ("kind", "word"),
    [("build_fails", "build_failed"), ("pre_deploy_fails", "pre_deploy_failed"), ("crashes", "update_failed")],
)
def test_each_phase_fails_under_its_own_word(shop: RenderShop, kind: str, word: str) -> None:
    shop.double.fault("render", "create", kind)
    key = shop.create("v1.0.0").json()["id"]
    shop.until(key, word)
    assert shop.api().status_code == 404


def test_a_pre_deploy_command_runs_before_the_switch(shop: RenderShop) -> None:
    shop.update(serviceDetails={"preDeployCommand": "echo migrated"})
    shop.deploy("v1.0.0")
    shop.update(serviceDetails={"preDeployCommand": "echo broken && false"})
    shop.deploy("v1.1.0", wait="pre_deploy_failed")
    assert shop.api().json() == {"release": "v1.0.0"}
    owner = shop.ask("GET").json()["ownerId"]
    lines = shop.double.render.get(
        "/v1/logs", params={"ownerId": owner, "resource": shop.services["api"], "limit": 100}
    ).json()["logs"]
    assert {"migrated", "broken"} <= {line["message"] for line in lines}


def test_a_newer_deploy_overrides_the_one_in_progress(shop: RenderShop) -> None:
    shop.double.fault("render", "create", "stuck")
    older = shop.create("v1.0.0").json()["id"]
    shop.deploy("v1.1.0")
    assert shop.word(older) == "canceled"


def test_a_rollback_is_a_new_deploy_with_the_variables_of_then_and_changes_none(shop: RenderShop) -> None:
    first = shop.deploy("v1.0.0")
    shop.set_variable("COLOUR", "red")
    shop.deploy("v1.1.0")
    assert shop.api("/variable?name=COLOUR").json() == {"value": "red"}
    answer = shop.roll_back(first)
    assert (answer.status_code, answer.json()["trigger"]) == (201, "rollback")
    shop.until(answer.json()["id"])
    assert shop.api().json() == {"release": "v1.0.0"}
    assert shop.api("/variable?name=COLOUR").json() == {"value": "blue"}
    assert shop.ask("GET", "/env-vars/COLOUR").json()["value"] == "red"  # for the next deploy


def test_a_rollback_to_what_never_served_is_refused(shop: RenderShop) -> None:
    shop.double.fault("render", "create", "build_fails")
    broken = shop.deploy("v1.0.0", wait="build_failed")
    assert shop.roll_back(broken).status_code == 400
    assert shop.roll_back("dep-unknown").status_code == 404


def test_a_variable_reaches_the_process_with_the_next_deploy_only(shop: RenderShop) -> None:
    shop.deploy("v1.0.0")
    shop.set_variable("COLOUR", "red")
    assert shop.api("/variable?name=COLOUR").json() == {"value": "blue"}
    shop.deploy("v1.0.0")
    assert shop.api("/variable?name=COLOUR").json() == {"value": "red"}


def test_the_list_of_variables_is_replaced_as_a_whole(shop: RenderShop) -> None:
    answer = shop.ask("PUT", "/env-vars", json=[{"key": "ONE", "value": "1"}])
    assert [item["envVar"] for item in answer.json()] == [{"key": "ONE", "value": "1"}]
    assert shop.ask("GET", "/env-vars/COLOUR").status_code == 404


def test_a_list_is_paged_by_cursors(shop: RenderShop) -> None:
    for number in range(3):
        shop.set_variable(f"NAME_{number}", "x")
    seen, cursor = [], None
    while page := shop.ask("GET", "/env-vars", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json():
        seen += [item["envVar"]["key"] for item in page]
        cursor = page[-1]["cursor"]
    assert len(seen) == len(set(seen)) > 5
    assert shop.ask("GET", "/env-vars", params={"limit": 101}).status_code == 400


def test_a_suspended_service_answers_so_and_takes_no_deploy(shop: RenderShop) -> None:
    first = shop.deploy("v1.0.0")
    assert shop.ask("POST", "/suspend").status_code == 202
    assert (shop.api().status_code, shop.api().headers["x-render-routing"], shop.processes()) == (
        503,
        "suspend-by-user",
        [],
    )
    assert shop.create("v1.1.0").status_code == 400
    assert shop.ask("POST", "/resume").status_code == 202
    newest = shop.deploys()[0]
    assert (newest["trigger"], newest["commit"]["id"]) == ("service_resumed", shop.commits["v1.0.0"])
    shop.until(newest["id"])
    assert (shop.word(first), shop.api().json()) == ("deactivated", {"release": "v1.0.0"})


def test_a_restart_replaces_the_process_and_no_request_fails(shop: RenderShop) -> None:
    key = shop.deploy("v1.0.0")
    before = shop.ask("GET", "/instances").json()[0]["id"]
    assert shop.ask("POST", "/restart").status_code == 200
    statuses = set()

    def renewed() -> bool:
        statuses.add(shop.api().status_code)
        return [item["id"] for item in shop.ask("GET", "/instances").json()] not in ([before], [])

    until(renewed)
    assert (statuses, shop.word(key), len(shop.deploys())) == ({200}, "live", 1)


def test_a_service_runs_as_many_instances_as_it_is_set_to(shop: RenderShop) -> None:
    shop.deploy("v1.0.0")
    assert shop.ask("POST", "/scale", json={"numInstances": 3}).status_code == 202
    until(lambda: len(shop.ask("GET", "/instances").json()) == 3)
    assert len(shop.processes()) == 3
    shop.deploy("v1.1.0")
    until(lambda: len(shop.processes()) == 3)
    assert {shop.api().json()["release"] for _unused in range(10)} == {"v1.1.0"}
    shop.ask("POST", "/scale", json={"numInstances": 1})
    until(lambda: len(shop.processes()) == 1)


def test_a_maintenance_page_stands_before_the_service(shop: RenderShop) -> None:
    shop.deploy("v1.0.0")
    assert shop.update(serviceDetails={"maintenanceMode": {"enabled": True, "uri": ""}}).status_code == 200
    assert (shop.api().status_code, shop.api().headers["x-render-routing"]) == (503, "maintenance-mode")
    shop.update(serviceDetails={"maintenanceMode": {"enabled": False, "uri": ""}})
    assert shop.api().json() == {"release": "v1.0.0"}
    worker = shop.ask(
        "PATCH", unit="worker", json={"serviceDetails": {"maintenanceMode": {"enabled": True, "uri": ""}}}
    )
    assert worker.status_code == 400


def test_a_push_is_deployed_where_that_is_on_and_a_rollback_leaves_it_on(shop: RenderShop) -> None:
    push, wanted = f"/storefronts/{shop.name}/push", {"ref": "v1.0.0", "repository": str(shop.repository)}
    assert shop.double.tell("POST", push, wanted)["made"]["render"] == []
    shop.update(autoDeploy="yes")
    (first,) = shop.double.tell("POST", push, wanted)["made"]["render"]
    shop.until(first)
    assert shop.deploys()[0]["trigger"] == "new_commit"
    shop.deploy("v1.1.0")
    shop.until(shop.roll_back(first).json()["id"])
    assert shop.ask("GET").json()["autoDeploy"] == "yes"


def test_a_queued_deploy_is_answered_without_a_body_and_comes_later(shop: RenderShop) -> None:
    shop.double.fault("render", "create", "queued")
    answer = shop.create("v1.0.0")
    assert (answer.status_code, answer.content) == (202, b"")
    until(lambda: [item["status"] for item in shop.deploys()] == ["live"])


def test_a_dropped_deploy_never_comes(shop: RenderShop) -> None:
    shop.double.fault("render", "create", "dropped")
    assert shop.create("v1.0.0").status_code == 202
    assert shop.deploys() == []


def test_a_limited_request_says_when_to_come_back(shop: RenderShop) -> None:
    shop.double.fault("render", "service", "rate_limited", retry_after=7, storefront=shop.name)
    answer = shop.ask("GET")
    assert (answer.status_code, answer.headers["retry-after"], answer.headers["ratelimit-reset"]) == (429, "7", "7")
    assert set(answer.json()) == {"id", "message", "code"}


def test_a_lost_answer_breaks_the_connection_after_the_write(shop: RenderShop) -> None:
    shop.double.fault("render", "create", "lost_answer")
    with pytest.raises(httpx.TransportError):
        shop.create("v1.0.0")
    assert len(shop.deploys()) == 1


def test_an_unknown_token_is_refused(shop: RenderShop) -> None:
    answer = shop.double.render.get("/v1/services", headers={"authorization": "Bearer other"})
    assert (answer.status_code, answer.json()["message"]) == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("body", "status"),
    [({"commitId": "0" * 40}, 400), ({"commit": "x"}, 400), ({"imageUrl": "ghcr.io/shop/api:v1"}, 400)],
    ids=["an unknown commit", "an unknown field", "an image for a service from Git"],
)
def test_a_deploy_that_cannot_be_is_refused(shop: RenderShop, body: dict[str, str], status: int) -> None:
    assert shop.ask("POST", "/deploys", json=body).status_code == status
    assert shop.deploys() == []


def test_the_worker_is_a_service_of_its_own(shop: RenderShop) -> None:
    shop.deploy("v1.0.0", unit="worker")
    assert shop.api().status_code == 404
    assert shop.ask("GET", unit="worker").json()["type"] == "background_worker"


def test_a_killed_double_continues_where_it_was(
    tmp_path: Path, cache: Path, repository: tuple[Path, dict[str, str]]
) -> None:
    import signal

    double = Double(tmp_path / "own", cache)
    try:
        shop = RenderShop(double, "shop", *repository)
        shop.deploy("v1.0.0")
        shop.ask("POST", "/scale", json={"numInstances": 2})
        until(lambda: len(shop.processes()) == 2)
        double.stop(signal.SIGKILL)
        double.start()
        until(lambda: shop.api().status_code == 200)
        until(lambda: len(shop.processes()) == 2)
        assert shop.api().json() == {"release": "v1.0.0"}
    finally:
        double.close()


def test_railway_does_not_know_a_storefront_of_render(shop: RenderShop) -> None:
    answer = shop.double.railway.post(
        "/graphql/v2", json={"query": f'{{ service(id: "{shop.services["api"]}") {{ id }} }}'}
    )
    assert answer.json()["errors"]
