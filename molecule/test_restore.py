# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restore.yml replaces the database by a backup while nobody writes, and undoes that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests
from ansible_collections.storefront.runbook.plugins.modules import pg_backup

from sandbox import customer
from sandbox.beside import beside
from sandbox.process import wait_until
from tests.unit.support import run_module

SURFACES = ["database", "backend"]
EDGE = {"edge_maintenance_key": "a-key-of-operators-with-32-letters"}
ELSEWHERE = "shop-elsewhere"


@pytest.fixture
def shop(shop):
    """The shop with a backup, and an order that came after it."""
    state = shop.sandbox.state
    store = {"store": shop.at["store"], **{f"store_{key}": value for key, value in state["s3"].items()}}
    made = run_module(
        pg_backup,
        {
            "database_url": shop.at["database_url"],
            "postgres_bin": state["postgres"]["bin"],
            "encryption": "off",
            **store,
        },
    )
    assert not made["failed"], made["msg"]
    customer.buy(shop.at)
    yield shop
    for (name,) in admin(
        shop, "SELECT datname FROM pg_database WHERE datname ~ %s", f"^{shop.name}@(incoming|before|undone|restored)-"
    ):
        admin(shop, f'DROP DATABASE "{name}" WITH (FORCE)')


def admin(shop, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement as the superuser."""
    with closing(psycopg2.connect(shop.sandbox.state["postgres"]["url"])) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


@dataclass
class Visitors:
    """Visitors who ask the public API without a pause; ``seen`` is what each was answered."""

    url: str
    seen: list[str] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[Visitors]:
        with beside(self._ask):
            yield self

    def _ask(self, stop: threading.Event) -> None:
        while not stop.wait(0.05):
            try:
                answer = requests.get(self.url, timeout=10)
                whose = " of the maintenance" if "x-storefront-maintenance" in answer.headers else ""
                self.seen.append(f"{answer.status_code}{whose}")
            except requests.RequestException as error:
                self.seen.append(type(error).__name__)


def manifests(shop) -> set[str]:
    """The keys of the manifests of what restores have replaced."""
    return {key for key in shop.objects("safety/") if key.endswith(".json") and key.count("/") == 1}


def test_nothing_is_replaced_until_somebody_approved_and_undo_brings_the_orders_back(shop, receiver):
    shop.narrow = True
    rows, safe = shop.rows(), manifests(shop)
    reported = {"notify_events_url": receiver.url("/events")}
    waiting = shop.play("restore.yml", surfaces=SURFACES, backup="latest", **reported)
    assert waiting.rc == 2
    assert '"public.\\"Order\\"": {"inserted": 1' in waiting.message
    assert "-e approve_restore=shop" in waiting.message
    assert (shop.rows(), shop.writes(), shop.lease()["state"]) == (rows, [], "released")

    assert [event["type"].split(".")[3] for event in receiver.events()] == ["started", "finished"]
    receiver.got.clear()

    with Visitors(shop.at["backend_url"] + "/api/products").watching() as visitors:
        restored = shop.play(
            "restore.yml", surfaces=SURFACES, backup="latest", approve_restore="shop", **EDGE, **reported
        )
    assert restored.rc == 0, restored.stdout
    steps = [step["name"] for step in restored.report["steps"]]
    assert steps.index("edge.hold") < steps.index("backend.stop") < steps.index("database.swap")
    assert set(visitors.seen) == {"200", "503 of the maintenance"}, "the edge closes first and opens last"
    began, ended, replaced = receiver.events()
    assert [event["type"].split(".", 2)[2] for event in (began, ended, replaced)] == [
        "pipelinerun.started.0.2.0",
        "pipelinerun.finished.0.2.0",
        "storefront-restore.finished.0.1.0",
    ]
    assert began["subject"] == ended["subject"]
    assert began["data"]["subject"]["content"]["pipelineName"] == "restore"
    assert shop.rows()["Order"] == rows["Order"] - 1
    assert restored.report["outcome"] == "restored"
    record = shop.ledger()[-1]
    assert (record["kind"], record["outcome"], record["release"], record["restore"]["swap"]) == (
        "restore",
        "restored",
        "v1.0.0",
        "rename",
    )
    assert (record["id"], record["restore"]["kept"].partition("-")[0]) == (restored.report["record"], "shop@before")
    assert shop.live()["backend"] == "v1.0.0"
    assert len(manifests(shop) - safe) == 2

    undone = shop.play("restore.yml", surfaces=SURFACES, undo=True, approve_restore="shop")
    assert undone.rc == 0, undone.stdout
    assert (shop.rows(), shop.live()["backend"], undone.report["outcome"]) == (rows, "v1.0.0", "undone")


@pytest.mark.long
def test_a_unit_that_does_not_start_again_is_reported_and_the_next_run_starts_it(shop):
    shop.fault(vendor="railway", operation="deploymentRestart", kind="unavailable", status=500, times=-1)
    broken = shop.play("restore.yml", surfaces=SURFACES, backup="latest", approve_restore="shop", verify_wait_timeout=3)
    assert broken.rc == 2
    assert "RESTORE INCOMPLETE: the backend" in broken.message
    shop.sandbox.cloud("DELETE", "/faults")

    again = shop.play("restore.yml", surfaces=SURFACES, backup="latest", approve_restore="shop")
    assert again.rc == 0, again.stdout
    assert "The live database was already" in again.report["message"]
    assert shop.live()["backend"] == "v1.0.0"


def orders(shop, name: str) -> int:
    with (
        closing(psycopg2.connect(f"{shop.sandbox.state['postgres']['url'].rpartition('/')[0]}/{name}")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute('SELECT count(*) FROM "Order"')
        ((count,),) = cursor.fetchall()
        return count


@pytest.mark.long
def test_the_units_get_another_address_where_none_can_be_renamed_and_are_connected_to_it(shop):
    there = orders(shop, "shop")
    moved = shop.play(
        "restore.yml", surfaces=SURFACES, backup="latest", approve_restore="shop", database_restore_swap="url"
    )
    assert moved.rc == 0, moved.stdout
    record = shop.ledger()[-1]["restore"]
    assert (moved.report["outcome"], record["swap"], record["kept"]) == ("restored", "url", "shop")
    assert any(f"{record['serves']} serves" in note for note in moved.report["notes"])
    customer.buy(shop.at)
    # one was lost, another one bought
    assert (orders(shop, "shop"), orders(shop, record["serves"]), shop.live()["backend"]) == (there, there, "v1.0.0")

    undone = shop.play("restore.yml", surfaces=SURFACES, undo=True, approve_restore="shop")
    assert undone.rc == 0, undone.stdout
    customer.buy(shop.at)
    assert (orders(shop, "shop"), orders(shop, record["serves"])) == (there + 1, there)


@pytest.mark.long
def test_a_unit_that_does_not_get_along_with_the_other_database_brings_all_back(shop):
    there = orders(shop, "shop")
    shop.fault(vendor="railway", operation="deploymentRedeploy", kind="unavailable", times=4)
    broken = shop.play(
        "restore.yml", surfaces=SURFACES, backup="latest", approve_restore="shop", database_restore_swap="url"
    )
    assert broken.rc == 2
    assert "Every unit uses the database from before again" in broken.message
    customer.buy(shop.at)
    assert (orders(shop, "shop"), shop.live()["backend"], shop.ledger()[-1]["kind"]) == (there + 1, "v1.0.0", "deploy")


@pytest.fixture
def elsewhere(shop) -> Iterator[Callable[..., str]]:
    """A function that makes another database for the shop's user, empty or a copy of another one, and
    returns its URL.
    """

    def make(template: str = "template1") -> str:
        admin(shop, f'CREATE DATABASE "{ELSEWHERE}" TEMPLATE "{template}" OWNER "{shop.name}"')
        return shop.at["database_url"].replace(f"/{shop.name}?", f"/{ELSEWHERE}?")

    yield make
    admin(shop, f'ALTER ROLE "{shop.name}" CREATEDB')
    admin(shop, f'DROP DATABASE IF EXISTS "{ELSEWHERE}" WITH (FORCE)')


def connected(shop) -> dict[str, set[str]]:
    """The databases that each unit has sessions in: the server reports the port that a session comes from,
    the kernel whose that is.
    """
    sessions = admin(
        shop, "SELECT client_port, datname FROM pg_stat_activity WHERE usename = %s AND client_port > 0", shop.name
    )
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ports = {f"socket:[{line[9]}]": int(line[1].rpartition(":")[2], 16) for line in lines}
    found = {}
    for unit in shop.sandbox.cloud("GET", "/processes"):
        mine = set()
        for file in Path(f"/proc/{unit['pid']}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                mine.add(ports.get(str(file.readlink())))
        found[unit["name"]] = {name for port, name in sessions if port in mine}
    return {
        name.removeprefix(f"{shop.name}-"): names for name, names in found.items() if name.startswith(f"{shop.name}-")
    }


def used(shop) -> dict[str, set[str]]:
    """Buy something, which the API writes and the worker reads, and return the databases that they are
    connected to then.
    """
    customer.buy(shop.at)
    assert wait_until(lambda: all(connected(shop).values()), 10)
    return connected(shop)


def test_the_units_move_to_the_address_that_was_named_where_their_user_may_make_no_database(shop, elsewhere):
    there = orders(shop, "shop")
    options = {"surfaces": SURFACES, "backup": "latest", "approve_restore": "shop", "database_restore_url": elsewhere()}
    admin(shop, f'ALTER ROLE "{shop.name}" NOCREATEDB')
    moved = shop.play("restore.yml", **options)
    assert moved.rc == 0, moved.stdout
    assert used(shop) == {"api": {ELSEWHERE}, "worker": {ELSEWHERE}}
    # the old one is kept; of the new one's, one was lost and another one bought
    assert (orders(shop, "shop"), orders(shop, ELSEWHERE)) == (there, there)
    record = shop.ledger()[-1]
    assert (record["kind"], record["outcome"], record["release"]) == ("restore", "restored", "v1.0.0")
    assert (record["restore"]["swap"], record["restore"]["serves"], record["restore"]["kept"]) == (
        "url",
        ELSEWHERE,
        "shop",
    )
    assert any(
        "database: swap is url, since target_url names another database" in note for note in moved.report["notes"]
    )

    shop.forget_requests()
    again = shop.play("restore.yml", **options)
    assert again.rc == 0, again.stdout
    assert "The live database was already" in again.report["message"]
    assert (shop.writes(), shop.ledger()[-1]["id"], orders(shop, ELSEWHERE)) == ([], record["id"], there)


def test_a_database_that_the_vendor_restored_to_a_point_in_time_takes_the_live_ones_place(shop, elsewhere):
    there = orders(shop, "shop")
    options = {
        "surfaces": SURFACES,
        "database_restore_url": elsewhere(f"{shop.name}@base"),
        "database_restore_adopt": True,
        "approve_restore": "shop",
    }
    adopted = shop.play("restore.yml", **options)
    assert adopted.rc == 0, adopted.stdout
    assert used(shop) == {"api": {ELSEWHERE}, "worker": {ELSEWHERE}}
    assert (orders(shop, "shop"), orders(shop, ELSEWHERE)) == (there, there)
    assert f"The live database is now the adopted {ELSEWHERE}. It differs in" in adopted.report["message"]
    record = shop.ledger()[-1]
    assert (record["kind"], record["outcome"], record["backup"]) == ("restore", "restored", None)
    assert (record["restore"]["swap"], record["restore"]["serves"], record["restore"]["kept"]) == (
        "url",
        ELSEWHERE,
        "shop",
    )

    shop.forget_requests()
    again = shop.play("restore.yml", **options)
    assert again.rc == 0, again.stdout
    assert "The live database was already" in again.report["message"]
    assert (shop.writes(), shop.ledger()[-1]["id"]) == ([], record["id"])
