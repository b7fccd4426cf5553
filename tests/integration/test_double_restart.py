# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double as a process: what it remembers over a kill, what it leaves running, and who may read its state."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.process import is_alive
from sandbox.state import read
from tests.unit.sandbox.cloud.double import Double, frontend, until


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


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
