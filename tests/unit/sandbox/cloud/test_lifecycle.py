# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the double saves and restores, and the ports it hands out. tests/integration/test_double_restart.py kills it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sandbox.cloud.server import free_port
from sandbox.state import CHECKOUT
from tests.unit.sandbox.cloud.double import Double, Shop, backend, frontend


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
