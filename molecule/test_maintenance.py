# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""maintenance.yml: closed at the edge while customers ask, opened again, and nothing is lost between."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from molecule import desk
from sandbox.customer import Buyers
from sandbox.process import wait_until
from tests.event_receiver import Receiver

KEY = "a-key-of-operators-with-32-letters"
EDGE = {"edge_maintenance_key": KEY}
LET_THROUGH = ["/api/products", "/webhooks/*"]


def routes(shop: Any) -> list[dict[str, Any]]:
    cloud, tokens = shop.sandbox.state["cloud"], shop.sandbox.state["tokens"]
    url = f"{cloud['cloudflare_url']}/zones/{shop.at['cloudflare']['zone']}/workers/routes"
    headers = {"Authorization": f"Bearer {tokens['cloudflare']}"}
    return requests.get(url, headers=headers, timeout=10).json()["result"]


def statuses(shop: Any, path: str = "/api/products") -> tuple[int, int]:
    page = requests.get(shop.at["frontend_url"] + "/products", timeout=10)
    return page.status_code, requests.get(shop.at["backend_url"] + path, timeout=10).status_code


def workers(shop: Any) -> list[str]:
    return [name for name in shop.running_units() if "worker" in name]


@pytest.mark.parametrize("killed", [False, True])
def test_customers_are_held_and_no_purchase_is_lost(shop: Any, killed: bool, tmp_path: Path) -> None:
    """The second time the run is killed once the edge is closed, and off undoes what it did."""
    before, orders = routes(shop), shop.rows()["Order"]
    pass_path = tmp_path / "pass"
    at = [{"task": "Record whether the edge holds the shop", "signal": signal.SIGKILL}] if killed else []
    with Buyers(shop.at).buying() as buyers:
        closed = shop.play(
            "maintenance.yml", at=at, **EDGE, maintenance_state=True, maintenance_minutes=20,
            edge_maintenance_let_through=LET_THROUGH, maintenance_pass_path=str(pass_path),
        )  # fmt: skip
        if not killed:
            assert closed.rc == 0, closed.stdout
            assert statuses(shop) == (503, 200), "what must pass passes"
            assert statuses(shop, "/api/cart")[1] == 503
            delivered = requests.post(shop.at["backend_url"] + "/webhooks/stripe", json={"type": "x"}, timeout=10)
            assert "x-storefront-maintenance" not in delivered.headers
            assert delivered.status_code == 404, "the shop itself answers a webhook, and it has no such path"
            assert workers(shop) == []
            assert closed.report["outcome"] == "closed"
            assert "IN MAINTENANCE by a Worker at Cloudflare's edge" in closed.report["message"]
            header = {"X-Storefront-Operator": pass_path.read_text().strip()}
            assert requests.get(shop.at["frontend_url"] + "/", headers=header, timeout=10).status_code == 200
            assert pass_path.stat().st_mode & 0o777 == 0o600
            assert KEY not in closed.stdout + json.dumps(closed.tasks)

            again = shop.play(
                "maintenance.yml", **EDGE, maintenance_state="on", maintenance_minutes=20,
                edge_maintenance_let_through=LET_THROUGH,
            )  # fmt: skip
            assert again.rc == 0, again.stdout
            assert "already" in again.report["message"]
            status = shop.play("maintenance.yml", **EDGE, maintenance_state="status")
            assert status.rc == 0, status.stdout
            assert "IN MAINTENANCE since" in status.text
            assert ": maintenance" in status.text
            page = desk.status(shop)
            assert (page["level"], page["drift"]) == ("attention", []), "what is closed on purpose is not down"
            assert page["maintenance"]["way"] == "edge"
            assert page["next"][1].endswith("maintenance.yml -i production -e maintenance_state=off")
            found = desk.diagnosis(shop)
            assert found[0]["id"] == "in_maintenance", found
        else:
            assert closed.rc != 0
            assert routes(shop) != before
            shop.age_the_lease()
        # The record says that the edge holds the shop, so off needs no key.
        opened = shop.play("maintenance.yml", **(EDGE if killed else {}), maintenance_state="off")
        assert opened.rc == 0, opened.stdout
        assert statuses(shop) == (200, 200)
        bought = len(buyers.orders)
        assert wait_until(lambda: len(buyers.orders) > bought, 30), "customers buy again"
    assert buyers.broken == []
    assert buyers.refused > 0
    assert shop.rows()["Order"] == orders + len(buyers.orders)
    assert routes(shop) == before
    assert workers(shop)
    assert "maintenance.json" not in shop.objects()
    assert opened.report["outcome"] == "open"
    assert "Started again: worker" in opened.report["message"] or killed


@pytest.mark.long
def test_a_deploy_goes_through_a_maintenance_that_stays(shop: Any) -> None:
    for wrong in ({"edge_maintenance_key": "short"}, {**EDGE, "edge_maintenance_let_through": ["*"]}):
        refused = shop.play("deploy.yml", **wrong, release="v1.1.0", maintenance="true")
        assert refused.rc == 2
        assert "edge: " in refused.message
    assert shop.writes() == []
    held = shop.play("maintenance.yml", **EDGE, maintenance_state="on")
    assert held.rc == 0, held.stdout
    deployed = shop.play("deploy.yml", **EDGE, release="v1.1.0")
    assert deployed.rc == 0, deployed.stdout
    assert statuses(shop) == (503, 503), "maintenance.yml alone opens it"
    assert "stays in it until maintenance.yml" in str(deployed.report["notes"])
    opened = shop.play("maintenance.yml", **EDGE, maintenance_state="off")
    assert opened.rc == 0, opened.stdout
    assert shop.live() == {"frontend": "v1.1.0", "backend": "v1.1.0"}


def test_an_unsafe_schema_is_held_at_the_edge_and_the_release_that_fits_opens_it(released_shop: Any) -> None:
    shop, release = released_shop, "v2.0.0"
    fails = {"vendor": "vercel", "operation": "create", "kind": "build_fails", "times": -1}
    at = [{"task": "Begin frontend.stage", "fault": fails}]
    played = shop.play("deploy.yml", at=at, **EDGE, release=release, maintenance="true")
    assert played.rc == 2
    assert played.message.startswith("ROLLBACK UNSAFE: schema."), played.message
    assert "The shop is in maintenance." in played.message
    steps = [step["name"] for step in played.report["steps"]]
    assert steps.index("edge.hold") < steps.index("backend.hold") < steps.index("database.migrate")
    assert steps.index("backend.unhold") < steps.index("edge.unhold") < steps.index("verify.backend")
    assert statuses(shop) == (503, 503)
    assert "variableCollectionUpsert" not in {request["operation"] for request in shop.writes()}, "the edge is enough"
    refused = shop.play("maintenance.yml", **EDGE, maintenance_state="off")
    assert refused.rc == 2
    assert "The unfinished deploy of v2.0.0 holds the shop" in refused.message

    shop.clear_faults()
    played = shop.play("deploy.yml", **EDGE, release=release)
    assert played.rc == 0, played.stdout
    assert shop.live() == {"frontend": release, "backend": release}
    assert routes(shop) == []


@pytest.mark.long
def test_without_the_edge_the_variable_holds_the_shop_and_goes_again(shop: Any, receiver: Receiver) -> None:
    surfaces = {"surfaces": ["database", "backend", "frontend"]}
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    until = shop.play("maintenance.yml", **surfaces, maintenance_state="on", maintenance_until=tomorrow)
    assert until.rc == 2
    assert "does not end automatically" in until.message
    wrong = shop.play("maintenance.yml", **surfaces, maintenance_state="maybe", maintenance_minutes=0)
    assert wrong.rc == 2
    assert "Set it to on, off or status" in wrong.text
    assert "maintenance_minutes is 0." in wrong.text
    assert (shop.writes(), shop.lease()["state"]) == ([], "released")

    closed = shop.play("maintenance.yml", maintenance_state="on", notify_events_url=receiver.url("/events"))
    assert closed.rc == 0, closed.stdout
    assert [event["type"].split(".", 2)[2] for event in receiver.events()] == [
        "pipelinerun.started.0.2.0",
        "pipelinerun.finished.0.2.0",
        "storefront-maintenance.finished.0.1.0",
    ]
    assert statuses(shop) == (200, 503)
    assert "by the variable MAINTENANCE_MODE" in closed.report["message"]
    assert desk.status(shop)["drift"] == [], "what maintenance.yml itself changed"
    opened = shop.play("maintenance.yml", maintenance_state="off")
    assert opened.rc == 0, opened.stdout
    assert statuses(shop) == (200, 200)
    assert workers(shop)
    page = desk.status(shop)
    assert (page["level"], page["drift"]) == ("ok", [])
    shop.set_variable(shop.at["railway"]["services"]["api"], "FEATURE_FLAG", "on")
    assert [one["what"] for one in desk.status(shop)["drift"]] == ["api: FEATURE_FLAG was added"]
    again = shop.play("maintenance.yml", maintenance_state="off")
    assert "nothing was changed" in again.report["message"]
