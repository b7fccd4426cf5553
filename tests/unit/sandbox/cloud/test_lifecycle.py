# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double itself: what it remembers over a kill, what it saves and restores, what it leaves running."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.cloud.server import free_port
from sandbox.process import is_alive
from sandbox.state import CHECKOUT, read
from tests.unit.sandbox.cloud.double import Double, Shop, backend, frontend, until


@pytest.fixture
def own(tmp_path: Path, cache: Path) -> Iterator[Double]:
    """A double that a test may kill."""
    running = Double(tmp_path, cache)
    yield running
    running.close()


def test_a_killed_double_leaves_no_process_and_comes_back_as_it_was(own: Double) -> None:
    shop = own.storefront("shop", JWT_SECRET="secret")
    site = shop.stage("v1.0.0")
    shop.promote(site)
    unit, worker = shop.deploy("v1.0.0"), shop.deploy("v1.0.0", unit="worker")
    children = read(own.folder / "state" / "processes.json")
    assert [is_alive(child) for child in children] == [True, True]
    own.stop(signal.SIGKILL)
    until(lambda: not any(is_alive(child) for child in children))
    own.start()
    assert shop.api().json() == {"release": "v1.0.0"}
    assert shop.api("/variable?name=JWT_SECRET").json() == {"value": "secret"}
    assert shop.page().json() == {"release": "v1.0.0"}
    assert (shop.deployment(unit)["status"], shop.deployment(worker)["status"]) == ("SUCCESS", "SUCCESS")
    assert shop.site_deployment(site)["readySubstate"] == "PROMOTED"
    assert len(own.tell("GET", "/processes")) == 2


def test_payments_outlive_a_kill(own: Double) -> None:
    intents, due = "/v1/payment_intents", {"amount": "6400", "currency": "usd"}
    again = {"idempotency-key": "order-7"}
    paid = {**due, "confirm": "true", "payment_method": "pm_card_visa"}
    before = own.stripe.post(intents, data=paid, headers=again).json()
    waiting = own.stripe.post(intents, data=due).json()["id"]
    assert own.stripe.post(f"{intents}/{waiting}/cancel").status_code == 200
    own.stop(signal.SIGKILL)
    own.start()
    assert own.stripe.get(f"{intents}/{before['id']}").json() == before
    assert own.stripe.post(intents, data=paid, headers=again).json() == before  # nobody pays twice
    assert own.stripe.get(f"{intents}/{waiting}").json()["status"] == "canceled"


def test_a_double_that_has_to_stop_stops_its_children_first(own: Double) -> None:
    own.storefront("shop").deploy("v1.0.0")
    children = read(own.folder / "state" / "processes.json")
    assert own.stop() == 0
    assert not any(is_alive(child) for child in children)
    assert read(own.folder / "state" / "processes.json") == []


def test_a_build_that_was_cut_off_continues_after_the_restart(own: Double) -> None:
    shop = own.storefront("shop")
    own.tell("POST", "/delays", {"vercel": 30})
    key = shop.create(frontend("v1.0.0")).json()["id"]
    own.stop(signal.SIGKILL)
    own.start()
    until(lambda: shop.site_deployment(key)["readyState"] == "READY")


def test_a_shops_pages_are_built_for_its_own_api(own: Double) -> None:
    shop = own.storefront("shop")
    assert shop.backend_url in shop.own_page(shop.stage("v1.0.0"), "/").text


def test_its_state_is_its_owners_alone(own: Double) -> None:
    own.storefront("shop", JWT_SECRET="secret")
    assert (own.folder / "state" / "state.json").stat().st_mode & 0o077 == 0


def test_a_restored_storefront_is_as_it_was_saved(shop: Shop) -> None:
    first, unit = shop.stage("v1.0.0"), shop.deploy("v1.0.0")
    shop.promote(first)
    shop.double.tell("POST", f"/storefronts/{shop.name}/save", {"label": "base"})
    shop.promote(shop.stage("v1.1.0"))
    shop.deploy("v1.1.0")
    shop.set_variables({"COLOUR": "red"}, skipDeploys=True)
    shop.purge(purge_everything=True)
    assert shop.page().json() == {"release": "v1.1.0"}
    for _unused in range(2):
        shop.double.tell("POST", f"/storefronts/{shop.name}/restore", {"label": "base"})
        assert (shop.page().json(), shop.api().json()) == ({"release": "v1.0.0"}, {"release": "v1.0.0"})
        assert [item["id"] for item in shop.deployments()] == [unit]
        assert shop.vercel_project()["targets"]["production"]["id"] == first
        assert len([item for item in shop.double.tell("GET", "/processes") if item["name"] == f"{shop.name}-api"]) == 1


def test_a_restore_leaves_a_unit_alone_that_runs_as_it_did(shop: Shop) -> None:
    shop.deploy("v1.0.0")
    shop.double.tell("POST", f"/storefronts/{shop.name}/save", {"label": "base"})
    before = [item for item in shop.double.tell("GET", "/processes") if item["name"] == f"{shop.name}-api"]
    shop.double.tell("POST", f"/storefronts/{shop.name}/restore", {"label": "base"})
    assert [item for item in shop.double.tell("GET", "/processes") if item["name"] == f"{shop.name}-api"] == before
    assert shop.api().json() == {"release": "v1.0.0"}


def test_a_restore_ends_what_was_under_way(shop: Shop) -> None:
    shop.double.tell("POST", f"/storefronts/{shop.name}/save", {"label": "empty"})
    shop.double.tell("POST", "/delays", {"railway": 0.3, "vercel": 0.3})
    shop.create(frontend("v1.0.0"))
    shop.up(backend("v1.0.0"))
    shop.double.tell("POST", f"/storefronts/{shop.name}/restore", {"label": "empty"})
    assert shop.deployments() == []
    assert shop.vercel("GET", "/v7/deployments", params={"projectId": shop.project}).json()["deployments"] == []
    shop.deploy("v1.1.0")  # by now the one before would have started its process
    assert len([item for item in shop.double.tell("GET", "/processes") if item["name"] == f"{shop.name}-api"]) == 1


def test_what_was_not_saved_cannot_be_restored(shop: Shop) -> None:
    answer = shop.double.control.post(f"/storefronts/{shop.name}/restore", json={"label": "never"})
    assert answer.status_code == 404
    assert "never" in answer.json()["error"]


def test_asking_twice_for_a_storefront_gives_the_same_one(shop: Shop) -> None:
    again = shop.double.control.post("/storefronts", json=shop.order)
    assert (again.status_code, again.json()) == (200, shop.made)


def test_a_storefront_whose_port_is_taken_is_refused_and_leaves_nothing(shop: Shop) -> None:
    order = {
        **shop.order,
        "name": "second",
        "edge_ports": {"frontend": shop.double.ports["vercel"], "backend": shop.order["edge_ports"]["backend"]},
    }
    assert shop.double.control.post("/storefronts", json=order).status_code == 409
    assert shop.double.control.get("/storefronts/second").status_code == 404


def test_a_storefront_whose_edge_has_the_port_of_its_origin_is_refused(shop: Shop) -> None:
    first, second, third = (free_port() for _unused in range(3))
    order = {
        **shop.order,
        "name": "second",
        "edge_ports": {"frontend": first, "backend": second},
        "origin_ports": {"frontend": third, "backend": second},
    }
    answer = shop.double.control.post("/storefronts", json=order)
    assert (answer.status_code, str(second) in answer.text) == (409, True)
    assert shop.double.control.get("/storefronts/second").status_code == 404


@pytest.mark.usefixtures("no_ports_given")
def test_a_port_is_not_handed_out_again_before_its_user_can_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.cloud.server.PORTS", range(20000, 20040))
    monkeypatch.setattr("sandbox.state.is_free", lambda _port: True)
    given = [free_port() for _unused in range(10)]
    assert len(set(given)) == len(given)


@pytest.mark.usefixtures("no_ports_given")
def test_a_port_that_another_process_was_given_is_not_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    other = "from sandbox.cloud.server import free_port; print(free_port(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", other], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        given = int(process.stdout.readline())
        monkeypatch.setattr("sandbox.state.is_free", lambda _port: True)
        tries = iter([given, given + 1, given])
        monkeypatch.setattr("sandbox.cloud.server.random.choice", lambda _ports: next(tries))
        assert free_port() == given + 1
        process.communicate("")
    assert free_port() == given


def test_a_deleted_storefront_is_gone_with_its_processes_and_ports(double: Double) -> None:
    shop = double.storefront("short-lived")
    shop.deploy("v1.0.0")
    double.tell("DELETE", "/storefronts/short-lived")
    assert not [item for item in double.tell("GET", "/processes") if item["name"].startswith("short-lived")]
    again = double.tell("POST", "/storefronts", shop.order)
    assert again["vercel"]["project"] != shop.project
    double.tell("DELETE", "/storefronts/short-lived")


def test_the_control_api_wants_its_token(double: Double) -> None:
    assert double.control.get("/health", headers={"authorization": "Bearer other"}).status_code == 401
